"""Fault rules: what they match, how often they strike, and that the seed decides."""

import httpx
import pytest

from malipo_simulators.stripe.app import create_stripe_app
from malipo_simulators.stripe.settings import StripeSettings

pytestmark = pytest.mark.asyncio


async def statuses(stripe, count, extra=None):
    return [(await stripe.pay(extra=extra)).status_code for _ in range(count)]


async def test_a_rule_strikes_as_often_as_its_times_after_letting_some_pass(stripe):
    rule = await stripe.fault("error_before_effect", times=2, after=1)
    assert await statuses(stripe, 5) == [200, 500, 500, 200, 200]
    [shown] = (await stripe.http.get("/_sim/faults")).json()
    assert (shown["id"], shown["matched"], shown["applied"]) == (rule["id"], 3, 2)


@pytest.mark.parametrize(
    ("match", "struck"),
    [
        ({"method": "post"}, True),
        ({"method": "GET"}, False),
        ({"path": "/v1/payment_*"}, True),
        ({"path": "/v1/refunds"}, False),
        ({"amount": 1000}, True),
        ({"amount": 999}, False),
        ({"metadata": {"run": "a"}}, True),
        ({"metadata": {"run": "b"}}, False),
        ({"account": "acct_somebodyElse"}, False),
        ({}, True),
    ],
)
async def test_a_rule_strikes_only_what_it_matches(stripe, match, struck):
    await stripe.fault("error_before_effect", match=match)
    response = await stripe.pay(extra={"metadata[run]": "a"})
    assert (response.status_code == 500) is struck


async def test_later_requests_about_a_payment_match_by_its_metadata(stripe):
    held = await stripe.paid(extra={"capture_method": "manual", "metadata[run]": "a"})
    await stripe.fault("rate_limited", match={"metadata": {"run": "a"}, "path": "*/capture"}, delay_seconds=7)
    response = await stripe.post(f"/v1/payment_intents/{held['id']}/capture")
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    await stripe.fault("lock_timeout", match={"metadata": {"run": "a"}, "path": "/v1/refunds"})
    refused = await stripe.post("/v1/refunds", {"payment_intent": held["id"]})
    assert refused.json()["error"]["code"] == "lock_timeout"


async def test_rules_can_be_removed_one_by_one_or_all(stripe):
    first = await stripe.fault("error_before_effect")
    await stripe.fault("rate_limited")
    await stripe.http.delete(f"/_sim/faults/{first['id']}")
    assert await statuses(stripe, 1) == [429]
    await stripe.http.delete("/_sim/faults")
    assert await statuses(stripe, 1) == [200]
    assert (await stripe.http.delete("/_sim/faults/fault_99")).status_code == 404


async def test_a_rule_that_makes_no_sense_is_refused(stripe):
    for rule in (
        {"fault": "meteor"},
        {"fault": "slow", "probability": 2},
        {"fault": "slow", "match": {"colour": "red"}},
        {"fault": "slow", "match": {"event_type": "charge.*"}},
    ):
        assert (await stripe.http.post("/_sim/faults", json=rule)).status_code == 422
    for header in ("meteor", "slow:nan", "slow:-1", "slow:soon", ""):
        assert (await stripe.pay(x_sim_fault=header)).status_code == 400


async def run_with_seed(seed):
    app = create_stripe_app(StripeSettings(seed=seed))
    transport = httpx.ASGITransport(app)
    headers = {"authorization": "Bearer sk_test_seeded"}
    async with httpx.AsyncClient(transport=transport, base_url="http://sim.test", headers=headers) as http:
        await http.post("/_sim/faults", json={"fault": "error_before_effect", "probability": 0.5})
        answers = [
            await http.post("/v1/payment_intents", data={"amount": "1000", "currency": "usd"}) for _ in range(40)
        ]
    await app.state.world.close()
    return [(answer.status_code, answer.json().get("id")) for answer in answers]


async def test_the_seed_decides_every_id_and_every_chance():
    first, again, other = await run_with_seed("a"), await run_with_seed("a"), await run_with_seed("b")
    assert first == again
    assert [status for status, _ in first] != [status for status, _ in other]
    assert 8 <= sum(status == 500 for status, _ in first) <= 32


async def test_responses_can_be_wrong_while_the_book_and_the_key_stay_right(stripe):
    wrong = await stripe.paid(idempotency_key="k1", x_sim_fault="amount_mismatch")
    right = await stripe.paid(idempotency_key="k1")
    assert (wrong["amount"], right["amount"]) == (1001, 1000)
    strange = await stripe.paid(idempotency_key="k2", x_sim_fault="unknown_status")
    assert strange["status"] == "under_divination"
    assert (await stripe.get(f"/v1/payment_intents/{strange['id']}")).json()["status"] == "succeeded"
    cut = await stripe.pay(idempotency_key="k3", x_sim_fault="malformed_json")
    with pytest.raises(ValueError, match=r"."):
        cut.json()
    assert (await stripe.pay(idempotency_key="k3")).json()["status"] == "succeeded"
    assert await stripe.effects() == [("charge", 1000)] * 3


async def test_a_gateway_page_is_not_json_and_nothing_happened(stripe):
    response = await stripe.pay(x_sim_fault="html_error")
    assert (response.status_code, response.headers["content-type"].split(";")[0]) == (502, "text/html")
    assert await stripe.effects() == []
