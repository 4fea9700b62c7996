"""What does not come by the API: refunds made in the dashboard, disputes."""

import pytest

pytestmark = pytest.mark.asyncio


async def dashboard(stripe, path: str, body: dict | None = None):
    return await stripe.http.post(f"/_sim/{path}", json=body or {})


async def test_a_refund_made_in_the_dashboard_is_booked_and_reported_and_carries_no_metadata(stripe):
    await stripe.listen("refund.created")
    intent = await stripe.paid(extra={"metadata[order]": "7"})
    made = await dashboard(stripe, f"payment_intents/{intent['id']}/refunds", {"amount": 400})
    assert (made.status_code, made.json()["metadata"]) == (201, {})
    await stripe.inbox.until("refund.created")
    [event] = stripe.inbox.events
    assert (event["data"]["object"]["id"], event["data"]["object"]["amount"]) == (made.json()["id"], 400)
    assert event["request"]["idempotency_key"] is None
    assert await stripe.effects() == [("charge", 1000), ("refund", 400)]
    rest = await stripe.post("/v1/refunds", {"payment_intent": intent["id"], "amount": "601"})
    assert rest.json()["error"]["code"] == "amount_too_large"


@pytest.mark.parametrize(("verdict", "more"), [("won", [("dispute_won", 1000)]), ("lost", [])])
async def test_a_dispute_takes_the_money_and_what_is_won_comes_back(stripe, verdict, more):
    await stripe.listen()
    intent = await stripe.paid()
    made = (await dashboard(stripe, f"payment_intents/{intent['id']}/disputes")).json()
    assert (made["object"], made["payment_intent"], made["amount"]) == ("dispute", intent["id"], 1000)
    refused = await stripe.post("/v1/refunds", {"payment_intent": intent["id"]})
    assert refused.json()["error"]["code"] == "charge_disputed"
    assert (await dashboard(stripe, f"disputes/{made['id']}/{verdict}")).json()["status"] == verdict
    assert (await dashboard(stripe, f"disputes/{made['id']}/{verdict}")).status_code == 409
    await stripe.inbox.until("charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed")
    assert ("charge.dispute.funds_reinstated" in stripe.inbox.types) == (verdict == "won")
    assert await stripe.effects() == [("charge", 1000), ("dispute", 1000), *more]
    balance = (await stripe.get("/v1/balance")).json()
    assert balance["pending"][0]["amount"] == 941
    assert balance["available"][0]["amount"] == (-1500 if more else -2500), "the fee of a dispute never comes back"


@pytest.mark.parametrize("what", ["refunds", "disputes"])
async def test_only_money_that_was_captured_can_be_refunded_or_disputed(stripe, what):
    held = await stripe.paid(extra={"capture_method": "manual"})
    paid = await stripe.paid()
    assert (await dashboard(stripe, f"payment_intents/{held['id']}/{what}")).status_code == 400
    assert (await dashboard(stripe, f"payment_intents/{paid['id']}/{what}", {"amount": 1001})).status_code == 400
    assert (await dashboard(stripe, f"payment_intents/pi_nobody/{what}")).status_code == 404
    assert (await dashboard(stripe, "disputes/du_nobody/won")).status_code == 404
