"""Faults that take the connection away, over real sockets."""

import httpx
import pytest

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("fault", "error", "effects"),
    [
        ("connection_reset", httpx.ReadError, []),
        ("reset_after_effect", httpx.ReadError, [("charge", 1000)]),
        ("answer_lost", httpx.RemoteProtocolError, [("charge", 1000)]),
    ],
)
async def test_a_dropped_connection_leaves_the_book_right_and_the_key_usable(live_stripe, fault, error, effects):
    with pytest.raises(error):
        await live_stripe.pay(idempotency_key="k", x_sim_fault=fault)
    assert await live_stripe.effects() == effects
    again = await live_stripe.pay(idempotency_key="k")
    assert again.json()["status"] == "succeeded"
    assert ("idempotent-replayed" in again.headers) is bool(effects)
    assert await live_stripe.effects() == [("charge", 1000)]
    [dropped] = (await live_stripe.http.get("/_sim/requests", params={"method": "POST"})).json()[:1]
    assert (dropped["status"], dropped["fault"], dropped["idempotency_key"]) == (None, fault, "k")


async def test_a_client_that_gives_up_on_a_slow_answer_has_still_paid(live_stripe, until):
    with pytest.raises(httpx.ReadTimeout):
        await live_stripe.http.post(
            "/v1/payment_intents",
            data={
                "amount": "1000",
                "currency": "usd",
                "confirm": "true",
                "payment_method": "pm_card_visa",
                "off_session": "true",
            },
            headers={"authorization": "Bearer sk_test_merchantOne", "x-sim-fault": "slow:1"},
            timeout=httpx.Timeout(10, read=0.05),
        )
    await until(live_stripe.effects, "the payment")
    assert await live_stripe.effects() == [("charge", 1000)]


async def test_without_a_real_connection_the_same_errors_are_raised(stripe):
    with pytest.raises(httpx.RemoteProtocolError):
        await stripe.pay(x_sim_fault="answer_lost")
    with pytest.raises(httpx.ReadError):
        await stripe.pay(x_sim_fault="connection_reset")
    assert await stripe.effects() == [("charge", 1000)]
