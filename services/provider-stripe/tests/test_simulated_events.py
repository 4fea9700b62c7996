"""What the simulated Stripe reports by webhook, read by the provider."""

import json

from stripe_account import pay, usd

from malipo import ids
from malipo.contracts.outcomes import (
    ActionRequired,
    Authorized,
    Canceled,
    Declined,
    OtherAction,
    Pending,
    Succeeded,
)
from provider_stripe.events import EVENT_TYPES, parse_event
from provider_stripe.objects import EVENT
from testkit.operations import cancel, capture, refund
from testkit.waiting import until


async def test_webhooks_report_the_outcomes_that_queries_do(stripe):
    await stripe.listen()
    good, bad = pay(), pay("pm_card_visa_chargeDeclined")
    paid, declined = await stripe.execute(good), await stripe.execute(bad)
    back = refund(payment_id=good.payment_id, reference=paid.reference)
    refunded = await stripe.execute(back)
    outcomes = await until(lambda: len(stripe.outcomes()) >= 3 and stripe.outcomes(), what="the webhooks")
    assert {one.operation_id: (one.payment_id, one.kind, one.outcome) for one in outcomes} == {
        good.operation_id: (good.payment_id, "charge", paid),
        bad.operation_id: (bad.payment_id, "charge", declined),
        back.operation_id: (good.payment_id, "refund", refunded),
    }


async def test_a_refund_that_the_bank_returns_later_is_reported_by_a_webhook(stripe):
    await stripe.listen()
    paid = await stripe.execute(pay("pm_card_refundFail"))
    done = await stripe.execute(refund(reference=paid.reference))
    assert isinstance(done, Succeeded)
    await stripe.http.post(f"/_sim/refunds/{done.reference}/fail", json={})
    await until(lambda: any(isinstance(one.outcome, Declined) for one in stripe.outcomes()), what="the failed refund")


async def test_the_events_that_are_read_report_every_outcome_that_any_event_does(stripe):
    await stripe.listen()
    paid, held = await stripe.execute(pay()), await stripe.execute(pay(capture="manual"))
    await stripe.execute(pay("pm_card_visa_chargeDeclined"))
    await stripe.execute(capture(reference=held.reference, amount=usd(600)))
    await stripe.execute(cancel(reference=(await stripe.execute(pay(capture="manual"))).reference))
    await stripe.execute(refund(reference=paid.reference))
    for decision in ("approve", "refuse"):
        waiting = await stripe.execute(pay("pm_card_authenticationRequired", return_url="https://shop.example/back"))
        await stripe.decide(waiting.reference, decision)
    for ending in ("succeed", "fail"):
        other = await stripe.execute(pay("pm_card_pendingRefund"))
        pending = await stripe.execute(refund(operation_id=ids.new("ref"), reference=other.reference))
        await stripe.http.post(f"/_sim/refunds/{pending.reference}/{ending}", json={})
    disputed = await stripe.execute(pay())
    await stripe.end_dispute(await stripe.outside(disputed.reference, "disputes"), "won")

    async def all_has_come() -> bool:
        endpoints = (await stripe.http.get("/_sim/webhook_endpoints")).json()
        return all(endpoint["pending"] == 0 for endpoint in endpoints)

    await until(all_has_come, what="all webhooks")
    received = {EVENT.decode(callback.body).type for callback in stripe.receiver.callbacks}
    assert received > set(EVENT_TYPES) - {"payment_intent.processing"}
    of_any_type = {
        reported
        for callback in stripe.receiver.callbacks
        for reported in parse_event(as_if_of_a_type_that_is_read(callback.body)).outcomes
    }
    assert set(stripe.outcomes()) == of_any_type
    kinds = {type(reported.outcome) for reported in of_any_type}
    assert kinds == {Succeeded, Authorized, Declined, Canceled, ActionRequired, Pending}


def as_if_of_a_type_that_is_read(body: bytes) -> bytes:
    return json.dumps(json.loads(body) | {"type": EVENT_TYPES[0]}).encode()


async def test_a_refund_made_in_the_dashboard_and_a_dispute_are_reported_with_the_payment_that_they_are_about(stripe):
    await stripe.listen()
    paid, other = await stripe.execute(pay()), await stripe.execute(pay())
    back = await stripe.outside(paid.reference, "refunds", amount=400)
    dispute = await stripe.outside(other.reference, "disputes")
    await stripe.end_dispute(dispute, "lost")
    unmatched = await until(lambda: len(stripe.unmatched()) >= 4 and stripe.unmatched(), what="the webhooks")
    assert {(one.event_type, one.references["payment_intent"], one.amount) for one in unmatched} == {
        ("refund.created", paid.reference, usd(400)),
        ("charge.dispute.created", other.reference, usd(1000)),
        ("charge.dispute.funds_withdrawn", other.reference, usd(1000)),
        ("charge.dispute.closed", other.reference, usd(1000)),
    }
    ids_of_objects = {one.references.get("refund") or one.references["dispute"] for one in unmatched}
    assert ids_of_objects == {back["id"], dispute["id"]}


async def test_an_action_without_a_page_is_reported_under_stripes_name_for_it_although_there_is_a_return_url(stripe):
    operation = pay("pm_card_threeDSecure2Required", return_url="https://shop.example/back")
    await stripe.fault("action_without_page")
    waiting = await stripe.execute(operation)
    assert (type(waiting), waiting.action) == (ActionRequired, OtherAction("use_stripe_sdk"))
    assert await stripe.query(operation, waiting.reference) == waiting
    given_up = await stripe.execute(cancel(reference=waiting.reference))
    assert given_up == Canceled(reference=waiting.reference) == await stripe.query(operation, waiting.reference)
