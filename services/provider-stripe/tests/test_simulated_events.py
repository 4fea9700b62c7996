"""What the simulated Stripe reports by webhook, read by the provider."""

import json
from functools import partial

from stripe_account import keep, pay, usd

from malipo import clock, ids
from malipo.contracts.outcomes import (
    ActionRequired,
    Authorized,
    Canceled,
    Declined,
    Disputed,
    OtherAction,
    Pending,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.providers.stripe import EVENT_TYPES
from provider_kit.disputes import Dispute
from provider_kit.provider import CallbackOutcome
from provider_stripe.events import parse_event
from provider_stripe.objects import EVENT
from testkit import operations
from testkit.operations import cancel, capture, detach, refund
from testkit.waiting import until


async def at_least(count: int, listed) -> list:
    found = await listed()
    return found if len(found) >= count else []


async def test_webhooks_report_the_outcomes_that_queries_do(stripe):
    await stripe.listen()
    good, bad = pay(), pay("pm_card_visa_chargeDeclined")
    paid, declined = await stripe.execute(good), await stripe.execute(bad)
    back = refund(payment_id=good.payment_id, reference=paid.reference)
    refunded = await stripe.execute(back)
    outcomes = await until(partial(at_least, 3, stripe.outcomes), what="the webhooks")
    assert {one.operation_id: (one.kind, one.outcome) for one in outcomes} == {
        good.operation_id: ("charge", paid),
        bad.operation_id: ("charge", declined),
        back.operation_id: ("refund", refunded),
    }


async def test_a_refund_that_the_bank_returns_later_is_reported_by_a_webhook(stripe):
    await stripe.listen()
    paid = await stripe.execute(pay("pm_card_refundFail"))
    done = await stripe.execute(refund(reference=paid.reference))
    assert isinstance(done, Succeeded)
    await stripe.http.post(f"/_sim/refunds/{done.reference}/fail", json={})

    async def came_back() -> bool:
        return any(isinstance(one.outcome, Reversed) for one in await stripe.outcomes())

    await until(came_back, what="the failed refund")


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
    await stripe.save(keep("pm_card_chargeDeclined"))
    _, kept = await stripe.save(keep())
    name = kept.saved.method.reference
    await stripe.http.post(f"/_sim/payment_methods/{name}/network", json={"last4": "1881"})
    await stripe.post(f"/v1/payment_methods/{name}", **{"metadata[a]": "b"})
    await stripe.execute(detach(operation_id=ids.new("det"), reference=name))
    _, asked = await stripe.save(keep("pm_card_authenticationRequired"))
    await stripe.execute(cancel(operation_id=ids.new("can"), reference=asked.reference, of="setup"))
    for ending in ("succeed", "fail"):
        other = await stripe.execute(pay("pm_card_pendingRefund"))
        pending = await stripe.execute(refund(operation_id=ids.new("ref"), reference=other.reference))
        await stripe.http.post(f"/_sim/refunds/{pending.reference}/{ending}", json={})
    disputed = await stripe.execute(pay())
    at_bank = await stripe.outside(disputed.reference, "disputes")
    await stripe.answer_dispute(at_bank, "It was sent.")
    await stripe.end_dispute(at_bank, "won")
    await stripe.outside(paid.reference, "early_fraud_warnings")

    async def all_has_come() -> bool:
        endpoints = (await stripe.http.get("/_sim/webhook_endpoints")).json()
        return all(endpoint["pending"] == 0 for endpoint in endpoints)

    await until(all_has_come, what="all webhooks")
    received = {EVENT.decode(callback.body).type for callback in stripe.receiver.callbacks}
    assert received > set(EVENT_TYPES) - {"payment_intent.processing"}
    of_any_type = [
        reported
        for callback in stripe.receiver.callbacks
        for reported in parse_event(as_if_of_a_type_that_is_read(callback.body)).outcomes
    ]
    assert {said(one) for one in await stripe.outcomes()} == set(map(said, of_any_type))
    kinds = {type(reported.outcome) for reported in of_any_type}
    assert kinds == {Succeeded, Authorized, Declined, Canceled, ActionRequired, Pending, Reversed}


def said(reported: CallbackOutcome) -> tuple:
    return reported.kind, reported.operation_id, reported.outcome


def as_if_of_a_type_that_is_read(body: bytes) -> bytes:
    return json.dumps(json.loads(body) | {"type": EVENT_TYPES[0]}).encode()


async def test_a_dispute_is_reported_with_the_payment_that_it_is_about_as_a_query_shows_it(stripe):
    await stripe.listen()
    paid = await stripe.execute(pay())
    dispute = await stripe.outside(paid.reference, "disputes")
    await stripe.end_dispute(dispute, "lost")
    opened = await until(partial(at_least, 3, stripe.opened), what="the webhooks")
    assert {(one.event_type, one.about["payment_intent"], one.amount, one.outcome.status) for one in opened} == {
        ("charge.dispute.created", paid.reference, usd(1000), "needs_response"),
        ("charge.dispute.funds_withdrawn", paid.reference, usd(1000), "needs_response"),
        ("charge.dispute.closed", paid.reference, usd(1000), "lost"),
    }
    assert {(one.kind, one.reference, one.opened_at) for one in opened} == {
        ("dispute", dispute["id"], clock.from_unix(dispute["created"]))
    }
    (last,) = [one.outcome for one in opened if one.event_type == "charge.dispute.closed"]
    assert await stripe.query(dispute_of(paid.reference), dispute["id"]) == last
    assert last.withdrawn


async def test_a_dispute_is_read_at_each_stage_and_money_that_came_back_is_not_withdrawn(stripe):
    paid = await stripe.execute(pay())
    inquiry = await stripe.outside(paid.reference, "disputes", inquiry=True)
    asked = partial(stripe.query, dispute_of(paid.reference), inquiry["id"])
    assert await asked() == Disputed(
        reference=inquiry["id"], amount=usd(1000), status="warning_needs_response", reason="fraudulent",
        respond_by=clock.from_unix(inquiry["evidence_details"]["due_by"]),
    )  # fmt: skip
    await stripe.answer_dispute(inquiry, "It was sent.")
    assert (await asked()).status == "warning_under_review"
    await stripe.end_dispute(inquiry, "won")
    assert ((await asked()).status, (await asked()).withdrawn) == ("warning_closed", False)
    other = await stripe.execute(pay())
    dispute = await stripe.outside(other.reference, "disputes", amount=1080, at_most=1080)
    standing = await stripe.query(dispute_of(other.reference), dispute["id"])
    assert (standing.status, standing.withdrawn, standing.amount) == ("needs_response", True, usd(1080))
    await stripe.end_dispute(dispute, "won")
    won = await stripe.query(dispute_of(other.reference), dispute["id"])
    assert (won.status, won.withdrawn, won.respond_by) == ("won", False, None)
    assert isinstance(await stripe.query(dispute_of(other.reference), "du_none"), Unknown)


def dispute_of(intent: str) -> Dispute:
    return operations.dispute(reference=intent)


async def test_a_refund_made_in_the_dashboard_is_one_opened_refund_however_often_it_is_reported(stripe):
    await stripe.listen()
    paid = await stripe.execute(pay("pm_card_pendingRefund"))
    back = await stripe.outside(paid.reference, "refunds", amount=400)
    await stripe.http.post(f"/_sim/refunds/{back['id']}/succeed", json={})
    first, last = await until(partial(at_least, 2, stripe.opened), what="the webhooks")
    assert {(one.reference, one.opened_at, one.amount) for one in (first, last)} == {
        (back["id"], clock.from_unix(back["created"]), usd(400))
    }
    assert {one.about["payment_intent"] for one in (first, last)} == {paid.reference}
    assert {type(one.outcome) for one in (first, last)} == {Pending, Succeeded}


async def test_an_action_without_a_page_is_reported_under_stripes_name_for_it_although_there_is_a_return_url(stripe):
    operation = pay("pm_card_threeDSecure2Required", return_url="https://shop.example/back")
    await stripe.fault("action_without_page")
    waiting = await stripe.execute(operation)
    assert (type(waiting), waiting.action) == (ActionRequired, OtherAction("use_stripe_sdk"))
    assert await stripe.query(operation, waiting.reference) == waiting
    given_up = await stripe.execute(cancel(reference=waiting.reference))
    assert given_up == Canceled(reference=waiting.reference) == await stripe.query(operation, waiting.reference)
