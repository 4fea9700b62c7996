"""Money that came without a payment is a payment like any other to its merchant, though nobody requested it here."""

from malipo import clock, ids
from malipo.contracts.commands import RefundPayment


def came(**changes) -> dict:
    """What the orchestrator publishes of a payment that begins with its money."""
    made = {"id": ids.derived("pay", clock.now(), "stripe/QK1"), "amount": 1250, "currency": "USD"}
    return made | {"capture": "automatic", "client_ref": "order 7"} | changes


async def test_it_is_shown_listed_and_found_by_its_purpose_and_its_event_is_told(gateway, merchant):
    payment = came()
    told = gateway.step(merchant, payment, event="payment.completed", account="default", provider_reference="QK1")
    await gateway.receive(told)
    await gateway.receive(told)  # the same step once more
    shown = (await merchant.get(f"/v1/payments/{payment['id']}")).json()
    assert (shown["status"], shown["amount_captured"], shown["client_ref"]) == ("completed", 1250, "order 7")
    for query in ("", "?client_ref=order+7", "?status=completed"):
        listed = (await merchant.get(f"/v1/payments{query}")).json()["data"]
        assert [one["id"] for one in listed] == [payment["id"]], query
    [event] = (await merchant.get(f"/v1/events?payment_id={payment['id']}")).json()["data"]
    assert event["type"] == "payment.completed"
    explained = (await merchant.get(f"/v1/payments/{payment['id']}/explain")).json()
    assert "refund" in [one["code"] for one in explained["you_may"]]


async def test_it_can_be_refunded(gateway, merchant):
    payment = came()
    await gateway.receive(gateway.step(merchant, payment, account="default", provider_reference="QK1"))
    refund = await merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 250})
    assert refund.status_code == 202
    [command] = [one for one in await gateway.sent() if isinstance(one, RefundPayment)]
    assert (command.payment_id, command.amount_minor) == (payment["id"], 250)


async def test_it_is_no_other_merchants_and_of_one_mode(gateway, merchant):
    payment = came()
    await gateway.receive(gateway.step(merchant, payment))
    other = await gateway.merchant()
    live = await gateway.key_of(merchant.id, mode="live")
    for stranger in (other, live):
        assert (await stranger.get(f"/v1/payments/{payment['id']}")).status_code == 404
        assert (await stranger.get("/v1/payments")).json()["data"] == []
