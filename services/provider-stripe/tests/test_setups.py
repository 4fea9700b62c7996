"""A card that is kept without a payment, against the simulated Stripe: one SetupIntent whatever is lost, and no money moves."""

from dataclasses import replace
from datetime import timedelta

import pytest
import stripe_samples as samples
from msgspec.structs import replace as changed
from stripe_account import BACK, keep, pay, usd
from stripe_script import Stripe, sent

from malipo import clock, ids
from malipo.contracts.commands import PaymentMethod
from malipo.contracts.outcomes import (
    ActionRequired,
    Canceled,
    Declined,
    Kept,
    OtherAction,
    Redirect,
    Succeeded,
    Unknown,
)
from provider_kit.errors import NotSent
from provider_kit.provider import Ages
from testkit.operations import cancel, setup
from testkit.transports import Reply

ASKS = "pm_card_authenticationRequired"


async def intents(stripe) -> list[dict]:
    return await stripe.listed("/v1/setup_intents")


@pytest.fixture(autouse=True)
async def no_money_moves(stripe):
    yield
    assert [kind for kind, _ in await stripe.book() if kind == "charge"] in ([], ["charge"])


async def test_a_card_is_kept_and_charged_with_nobody_there(stripe):
    attempt, outcome = await stripe.save(keep())
    assert isinstance(outcome, Kept)
    assert (outcome.saved.brand, outcome.saved.last_four) == ("visa", "4242")
    assert await stripe.book() == []
    assert await stripe.provider.execute(attempt) == outcome == await stripe.provider.query(attempt)
    assert await stripe.query(attempt.operation, outcome.reference) == outcome
    [intent] = await intents(stripe)
    assert (intent["usage"], intent["status"], intent["customer"]) == (
        "off_session",
        "succeeded",
        outcome.saved.method.holder,
    )
    method = PaymentMethod(type="saved", details={"id": "pm_1", "initiator": "merchant"}, saved=outcome.saved.method)
    charged = await stripe.execute(changed(pay(), method=method))
    assert (type(charged), charged.amount) == (Succeeded, usd(1000))


async def test_its_customer_is_the_one_for_whom_payments_keep_cards(stripe):
    _, kept = await stripe.save(keep())
    _, paid = await stripe.save(pay(save_method=True, customer_ref="customer-7"))
    assert kept.saved.method.holder == paid.saved.method.holder
    assert kept.saved.fingerprint == paid.saved.fingerprint
    assert len(await stripe.listed("/v1/customers")) == 1


@pytest.mark.parametrize(("decision", "end"), [("approve", Kept), ("refuse", Declined)])
async def test_a_card_whose_bank_wants_its_customer_sends_him_to_a_page_and_ends_as_he_decides(stripe, decision, end):
    attempt, waiting = await stripe.save(keep(ASKS))
    assert isinstance(waiting, ActionRequired)
    assert isinstance(waiting.action, Redirect)
    await stripe.decide(waiting.reference, decision)
    outcome = await stripe.query(attempt.operation, waiting.reference)
    assert isinstance(outcome, end)
    if end is Declined:
        assert outcome.code == "setup_intent_authentication_failure"


async def test_without_a_page_to_come_back_to_there_is_none_to_send_him_to(stripe):
    _, waiting = await stripe.save(keep(ASKS, return_url=None))
    assert isinstance(waiting.action, OtherAction)
    _, outcome = await stripe.save(keep(return_url=None))
    assert isinstance(outcome, Kept)


async def test_who_does_not_come_has_it_canceled_and_who_was_in_time_keeps_it(stripe):
    attempt, waiting = await stripe.save(keep(ASKS))
    stop = cancel(operation_id=ids.new("can"), reference=waiting.reference, of="setup")
    assert await stripe.execute(stop) == Canceled(reference=waiting.reference) == await stripe.query(stop)
    assert await stripe.query(attempt.operation, waiting.reference) == Canceled(reference=waiting.reference)
    attempt, waiting = await stripe.save(keep(ASKS))
    await stripe.decide(waiting.reference, "approve")
    late = await stripe.execute(cancel(operation_id=ids.new("can"), reference=waiting.reference, of="setup"))
    assert isinstance(late, Declined)
    assert isinstance(await stripe.query(attempt.operation, waiting.reference), Kept)


async def test_a_decline_has_the_codes_of_a_payments(stripe):
    attempt, outcome = await stripe.save(keep("pm_card_chargeDeclinedInsufficientFunds"))
    assert (type(outcome), outcome.code) == (Declined, "insufficient_funds")
    assert outcome.reference.startswith("seti_")
    assert await stripe.query(attempt.operation, outcome.reference) == outcome


async def test_whatever_answer_is_lost_there_is_one_setup_intent(stripe):
    for fault in ("answer_lost", "error_after_effect", "reset_after_effect"):
        before = len(await intents(stripe))
        await stripe.fault(fault, match={"path": "/v1/setup_intents"})
        attempt, lost = await stripe.save(keep())
        assert isinstance(lost, Unknown)
        assert isinstance(await stripe.provider.query(attempt), Kept | Unknown)
        assert len(await intents(stripe)) == before + 1


async def test_it_is_found_by_its_tags_once_its_key_is_dead(stripe):
    await stripe.fault("answer_lost", match={"path": "/v1/setup_intents"})
    attempt, _ = await stripe.save(keep())
    old = replace(attempt, ages=Ages(timedelta(hours=25)), first_sent_at=clock.now() - timedelta(hours=25))
    assert isinstance(await stripe.provider.query(old), Kept)
    assert len(await intents(stripe)) == 1


async def test_what_has_expired_unsent_can_keep_nothing_any_more(stripe):
    attempt = stripe.attempt(keep())
    await stripe.provider.prepare(attempt)
    outcome = await stripe.provider.query(replace(attempt, ages=attempt.ages.ended()))
    assert (type(outcome), outcome.code) == (Declined, "expired")
    assert isinstance(await stripe.provider.execute(attempt), Unknown), "the key is used up"
    assert [one["status"] for one in await intents(stripe)] == ["requires_payment_method"]


async def test_what_was_sent_before_it_expired_is_seen(stripe):
    await stripe.fault("answer_lost", match={"path": "/v1/setup_intents"})
    attempt, _ = await stripe.save(keep())
    assert isinstance(await stripe.provider.query(replace(attempt, ages=attempt.ages.ended())), Kept)


async def test_while_stripe_does_not_answer_about_the_customer_nothing_is_kept(stripe):
    await stripe.fault("answer_lost", match={"path": "/v1/customers"})
    with pytest.raises(NotSent):
        await stripe.provider.prepare(stripe.attempt(keep()))
    assert await intents(stripe) == []


async def test_events_tell_what_became_of_it_and_one_that_succeeded_has_it_read(stripe):
    await stripe.listen()
    kept, _ = await stripe.save(keep())
    waits, waiting = await stripe.save(keep(ASKS))
    await stripe.execute(cancel(operation_id=ids.new("can"), reference=waiting.reference, of="setup"))
    refused, _ = await stripe.save(keep("pm_card_chargeDeclined"))
    told = await stripe.parsed()
    assert [one.operation_id for parsed in told for one in parsed.ask] == [kept.operation.operation_id]
    reported = [(one.operation_id, one.kind, type(one.outcome)) for one in await stripe.outcomes()]
    assert reported == [
        (waits.operation.operation_id, "setup", ActionRequired),
        (waits.operation.operation_id, "setup", Canceled),
        (refused.operation.operation_id, "setup", Declined),
    ]


async def test_a_setup_of_another_system_of_the_account_is_none_of_ours(stripe):
    await stripe.listen()
    form = {"payment_method": "pm_card_visa", "confirm": "true", "return_url": BACK}
    made = await stripe.post("/v1/setup_intents", **form)
    named = [one.references for one in await stripe.unmatched()]
    assert {"setup_intent": made["id"]} in named
    assert await stripe.outcomes() == []


async def test_a_method_that_is_no_card_ends_it_for_nobody_here_could_charge_it():
    """A page of Stripe's own may offer more than cards, as Link."""
    link = {"id": "pm_there", "object": "payment_method", "type": "link", "customer": "cus_1", "link": {"email": None}}
    kept = Reply(samples.setup_intent(payment_method=link))
    for outcome in (
        await Stripe(kept).provider.query(sent(setup(), reference="seti_1")),
        await Stripe(Reply(samples.page(samples.setup_intent(payment_method=link)))).provider.query(
            sent(setup(), hours=25)
        ),
    ):
        assert (type(outcome), outcome.code, outcome.reference) == (Declined, "method_no_card", "seti_1")


async def test_a_card_that_is_not_shown_ends_nothing():
    named = Reply(samples.setup_intent(payment_method="pm_there"))
    assert isinstance(await Stripe(named).provider.query(sent(setup(), reference="seti_1")), Unknown)
