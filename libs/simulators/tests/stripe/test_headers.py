"""What headers tell a client: whether to try again, and which request a replay repeats."""

import pytest

pytestmark = pytest.mark.asyncio


async def test_a_replay_names_the_first_request_and_is_not_to_be_repeated(stripe):
    first, again = await stripe.pay(idempotency_key="k"), await stripe.pay(idempotency_key="k")
    assert first.headers["original-request"] == first.headers["request-id"]
    assert again.headers["original-request"] == first.headers["request-id"] != again.headers["request-id"]
    assert again.headers["stripe-should-retry"] == "false"


async def test_without_a_key_there_is_no_original_request(stripe):
    assert "original-request" not in (await stripe.pay()).headers


@pytest.mark.parametrize(
    ("method", "fault", "status", "advice"),
    [
        ("pm_card_visa", None, 200, None),
        ("pm_card_chargeDeclined", None, 402, "false"),
        ("pm_card_nobodys", None, 400, "false"),
        ("pm_card_visa", "lock_timeout", 429, "true"),
        ("pm_card_visa", "rate_limited", 429, None),
        ("pm_card_visa", "error_before_effect", 500, None),
    ],
)
async def test_a_client_is_told_whether_to_try_again(stripe, method, fault, status, advice):
    response = await stripe.pay(method, **({"x_sim_fault": fault} if fault else {}))
    assert (response.status_code, response.headers.get("stripe-should-retry")) == (status, advice)


async def test_a_stored_500_is_not_to_be_repeated_once_more(stripe):
    await stripe.pay(idempotency_key="k", x_sim_fault="error_after_effect")
    again = await stripe.pay(idempotency_key="k")
    assert (again.status_code, again.headers["stripe-should-retry"]) == (500, "false")
