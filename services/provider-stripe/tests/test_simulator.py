"""The provider against the simulated Stripe, over real sockets: the outcomes, and what Stripe's book holds."""

from dataclasses import replace
from datetime import timedelta

import pytest
from stripe_account import pay, usd

from malipo import ids
from malipo.contracts.outcomes import (
    ActionRequired,
    Authorized,
    Canceled,
    Declined,
    Pending,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.providers.stripe import DESCRIPTOR
from malipo.money import Money
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import ACCOUNT_CHANGED, Ages
from testkit.operations import cancel, capture, charge, refund
from testkit.waiting import until


async def test_a_charge_succeeds_and_the_book_holds_it_once(stripe):
    operation = pay(description="Order 7")
    outcome = await stripe.execute(operation)
    assert isinstance(outcome, Succeeded)
    assert outcome.amount == usd(1000)
    assert outcome.reference.startswith("pi_")
    assert await stripe.execute(operation) == outcome == await stripe.query(operation)
    assert await stripe.query(operation, outcome.reference) == outcome
    assert await stripe.book() == [("charge", 1000)]


async def test_a_cards_statement_shows_what_came_with_the_payment(stripe):
    outcome = await stripe.execute(pay(statement_descriptor="Shop 7, May"))
    assert isinstance(outcome, Succeeded)
    intent = await stripe.read(f"payment_intents/{outcome.reference}?expand[]=latest_charge")
    assert intent["statement_descriptor_suffix"] == "Shop 7, May"
    assert intent["latest_charge"]["calculated_statement_descriptor"] == "MALIPO* Shop 7, May"


@pytest.mark.parametrize("shown", ["a!#&(),-./:;=?@", "a[]^_`{|}~$%+ 0", "x" * 22])
async def test_whatever_the_gateway_lets_pass_stripe_takes(stripe, shown):
    assert DESCRIPTOR.methods[0].statement.takes(shown)
    assert isinstance(await stripe.execute(pay(statement_descriptor=shown)), Succeeded)


async def test_a_decline_keeps_the_banks_reason_and_the_payment_intents_id(stripe):
    operation = pay("pm_card_visa_chargeDeclinedInsufficientFunds")
    outcome = await stripe.execute(operation)
    assert isinstance(outcome, Declined)
    assert outcome.code == "insufficient_funds"
    assert outcome.reference.startswith("pi_")
    again = await stripe.query(operation, outcome.reference)
    assert (again.code, again.reference) == (outcome.code, outcome.reference)
    assert await stripe.book() == []


async def test_3ds_sends_the_customer_to_a_page_and_ends_as_they_decide(stripe):
    for decision, code in (("approve", None), ("refuse", "payment_intent_authentication_failure")):
        operation = pay("pm_card_threeDSecure2Required", return_url="https://shop.example/back")
        waiting = await stripe.execute(operation)
        assert isinstance(waiting, ActionRequired)
        assert waiting.action.url.startswith("http://127.0.0.1")
        assert await stripe.query(operation, waiting.reference) == waiting
        await stripe.decide(waiting.reference, decision)
        outcome = await stripe.query(operation, waiting.reference)
        assert outcome.code == code if code else isinstance(outcome, Succeeded)
    assert await stripe.book() == [("charge", 1000)]


async def test_3ds_without_a_return_url_is_a_decline(stripe):
    outcome = await stripe.execute(pay("pm_card_threeDSecure2Required"))
    assert isinstance(outcome, Declined)
    assert outcome.code == "authentication_required"
    assert outcome.message.endswith("Without a return_url the customer cannot be asked.")
    assert await stripe.book() == []


async def test_a_part_of_what_was_authorized_is_captured_and_the_rest_released(stripe):
    held = await stripe.execute(pay(capture="manual"))
    assert isinstance(held, Authorized)
    operation = capture(reference=held.reference, amount=usd(600))
    assert (
        await stripe.query(operation)
        == await stripe.execute(operation)
        == Succeeded(amount=usd(600), reference=held.reference)
    )
    late = capture(operation_id="cap_2", reference=held.reference, amount=usd(400))
    assert (await stripe.execute(late)).code == (await stripe.query(late)).code == "payment_intent_unexpected_state"
    assert await stripe.book() == [("authorize", 1000), ("capture", 600), ("release", 400)]


async def test_more_than_was_authorized_is_declined(stripe):
    held = await stripe.execute(pay(capture="manual"))
    outcome = await stripe.execute(capture(reference=held.reference, amount=usd(1001)))
    assert isinstance(outcome, Declined)
    assert outcome.code == "amount_too_large"


async def test_a_cancel_shows_how_the_charge_stands_after_it(stripe):
    held = await stripe.execute(pay(capture="manual"))
    operation = cancel(reference=held.reference)
    assert await stripe.execute(operation) == Canceled(reference=held.reference) == await stripe.query(operation)
    again = cancel(operation_id="can_2", reference=held.reference)
    assert await stripe.execute(again) == Canceled(reference=held.reference)
    late = capture(reference=held.reference, amount=usd(1000))
    assert await stripe.execute(late) == Canceled(reference=held.reference)
    paid = await stripe.execute(pay())
    too_late = cancel(operation_id="can_3", reference=paid.reference)
    assert await stripe.execute(too_late) == Succeeded(amount=usd(1000), reference=paid.reference)


async def test_refunds_add_up_to_the_charge_and_no_further(stripe):
    paid = await stripe.execute(pay())
    for number, amount in enumerate((600, 400)):
        operation = refund(
            operation_id=f"ref_{number}", reference=paid.reference, amount=usd(amount), reason="duplicate"
        )
        outcome = await stripe.execute(operation)
        assert isinstance(outcome, Succeeded)
        assert await stripe.query(operation) == outcome == await stripe.query(operation, outcome.reference)
    too_much = await stripe.execute(refund(operation_id="ref_2", reference=paid.reference, amount=usd(1)))
    assert isinstance(too_much, Declined)
    assert too_much.code == "charge_already_refunded"
    assert await stripe.book() == [("charge", 1000), ("refund", 600), ("refund", 400)]


async def test_a_refund_of_a_charge_that_stripe_does_not_know_is_declined(stripe):
    outcome = await stripe.execute(refund(reference="pi_nobody"))
    assert isinstance(outcome, Declined)
    assert outcome.code == "resource_missing"


async def test_a_pending_refund_ends_as_the_bank_decides(stripe):
    for ending, end in (("succeed", Succeeded), ("fail", Reversed)):
        paid = await stripe.execute(pay("pm_card_pendingRefund"))
        operation = refund(operation_id=ids.new("ref"), reference=paid.reference)
        outcome = await stripe.execute(operation)
        assert isinstance(outcome, Pending)
        await stripe.http.post(f"/_sim/refunds/{outcome.reference}/{ending}", json={})
        assert isinstance(await stripe.query(operation, outcome.reference), end)


async def test_a_refund_made_in_the_dashboard_is_read_by_its_id_and_the_book_holds_one(stripe):
    for ending, end in (("succeed", Succeeded), ("fail", Reversed)):
        paid = await stripe.execute(pay("pm_card_pendingRefund"))
        in_dashboard = await stripe.execute(refund(operation_id=ids.new("ref"), reference=paid.reference))
        opened = replace(
            stripe.attempt(refund(operation_id=ids.new("ref"), reference="")),
            reference=in_dashboard.reference,
            same_account=False,
        )
        assert await stripe.provider.query(opened) == in_dashboard
        await stripe.http.post(f"/_sim/refunds/{in_dashboard.reference}/{ending}", json={})
        assert isinstance(await stripe.provider.query(opened), end)
        nobodys = await stripe.provider.query(replace(opened, reference="re_nobody"))
        assert nobodys == Unknown(reason=ACCOUNT_CHANGED)
    assert [kind for kind, _ in await stripe.book()].count("refund") == 2


LOST = ["answer_lost", "reset_after_effect", "malformed_json", "error_after_effect", "unknown_status"]


@pytest.mark.parametrize("fault", LOST)
async def test_a_charge_whose_response_was_lost_is_found_and_the_book_holds_one(stripe, fault):
    operation = pay()
    await stripe.fault(fault, match={"method": "POST"})
    assert isinstance(await stripe.execute(operation), Unknown)
    outcome = await stripe.query(operation)
    assert isinstance(outcome, Succeeded)
    assert await stripe.query(operation, outcome.reference) == outcome
    assert await stripe.book() == [("charge", 1000)]


@pytest.mark.parametrize("fault", LOST)
async def test_a_refund_whose_response_was_lost_is_found_and_the_book_holds_one(stripe, fault):
    paid = await stripe.execute(pay())
    operation = refund(reference=paid.reference, amount=usd(300))
    await stripe.fault(fault, match={"method": "POST"})
    assert isinstance(await stripe.execute(operation), Unknown)
    assert isinstance(await stripe.query(operation), Succeeded)
    assert await stripe.book() == [("charge", 1000), ("refund", 300)]


@pytest.mark.parametrize("fault", LOST)
async def test_a_capture_whose_response_was_lost_is_found_and_the_book_holds_one(stripe, fault):
    held = await stripe.execute(pay(capture="manual"))
    operation = capture(reference=held.reference)
    await stripe.fault(fault, match={"method": "POST"})
    assert isinstance(await stripe.execute(operation), Unknown)
    assert isinstance(await stripe.query(operation), Succeeded)
    assert [line for line in await stripe.book() if line[0] == "capture"] == [("capture", 1000)]


@pytest.mark.parametrize("fault", [*LOST, "connection_reset"])
@pytest.mark.parametrize("kind", ["charge", "refund"])
async def test_a_lost_response_and_another_accounts_credentials_make_one_effect_at_most_in_both_books(
    stripe, fault, kind
):
    operation = pay()
    if kind == "refund":
        operation = refund(operation_id=ids.new("ref"), reference=(await stripe.execute(operation)).reference)
    await stripe.fault(fault, match={"method": "POST"})
    assert isinstance(await stripe.execute(operation), Unknown)
    old, new = stripe.credentials, stripe.credentials | {"secret_key": f"sk_test_{ids.token(8)}"}
    attempt = replace(stripe.attempt(operation), credentials=new, same_account=False)
    for key_age in (timedelta(), timedelta(hours=25)):
        for verb in (stripe.provider.query, stripe.provider.execute):
            assert await verb(replace(attempt, ages=Ages(key_age))) == Unknown(reason="account_changed")
    effects = [line for line in (*await stripe.book(old), *await stripe.book(new)) if line[0] == kind]
    assert len(effects) == (0 if fault == "connection_reset" else 1)


async def test_a_stored_500_without_an_effect_is_a_doubt_for_a_day_and_then_a_decline(stripe):
    operation = pay()
    await stripe.fault("error_before_effect")
    assert isinstance(await stripe.execute(operation), Unknown)
    assert await stripe.query(operation) == await stripe.query(operation) == Unknown(reason="error_stored")
    old = replace(stripe.attempt(operation), ages=Ages(timedelta(hours=24.5)))
    outcome = await stripe.provider.query(old)
    assert (type(outcome), outcome.code) == (Declined, "provider_error")
    assert await stripe.book() == []


async def test_a_stored_500_that_stripe_reconciles_later_is_found_and_reported_and_the_book_holds_one_charge(stripe):
    await stripe.listen()
    operation = pay()
    await stripe.fault("error_reconciled", delay_seconds=0.3)
    assert isinstance(await stripe.execute(operation), Unknown)
    assert await stripe.query(operation) == Unknown(reason="error_stored")
    (reported,) = await until(stripe.outcomes, what="the webhook")
    assert reported.outcome == await stripe.query(operation)
    assert isinstance(reported.outcome, Succeeded)
    assert await stripe.book() == [("charge", 1000)]


async def test_a_proxys_502_is_unknown_and_the_charge_is_made_by_the_query(stripe):
    operation = pay()
    await stripe.fault("html_error")
    assert isinstance(await stripe.execute(operation), Unknown)
    assert isinstance(await stripe.query(operation), Succeeded)
    assert await stripe.book() == [("charge", 1000)]


async def test_a_slow_charge_times_out_is_in_flight_and_then_there_once(stripe):
    operation = pay()
    stripe.wait_at_most(0.5)
    await stripe.fault("slow", delay_seconds=1.5)
    assert await stripe.execute(operation) == Unknown(reason="timeout", silent=True)
    assert await stripe.query(operation) == Unknown(reason="http 409")
    await until(stripe.book, what="the slow charge")
    assert isinstance(await stripe.query(operation), Succeeded)
    assert await stripe.book() == [("charge", 1000)]


@pytest.mark.parametrize(("fault", "seconds"), [("rate_limited", 3), ("lock_timeout", 1)])
async def test_a_rate_limit_had_no_effect(stripe, fault, seconds):
    operation = pay()
    await stripe.fault(fault, delay_seconds=3)
    with pytest.raises(NotSent) as raised:
        await stripe.execute(operation)
    assert raised.value.retry_after_seconds == seconds
    assert await stripe.book() == []


async def test_another_amount_than_requested_is_unknown(stripe):
    operation = pay()
    await stripe.fault("amount_mismatch")
    outcome = await stripe.execute(operation)
    assert (type(outcome), outcome.reason) == (Unknown, "amount_mismatch")


async def test_a_key_used_for_another_request_is_a_doubt_that_the_book_settles(stripe):
    operation = pay()
    assert isinstance(await stripe.execute(operation), Succeeded)
    changed = replace_description(operation)
    assert await stripe.execute(changed) == Unknown(reason="the key was used for another request")
    assert isinstance(await stripe.query(changed), Succeeded)
    assert await stripe.book() == [("charge", 1000)]


def replace_description(operation):
    return charge(
        payment_id=operation.payment_id,
        operation_id=operation.operation_id,
        method=operation.method,
        description="Changed",
    )


async def test_a_key_that_stripe_refuses_is_a_misconfiguration(stripe):
    attempt = replace(stripe.attempt(pay()), credentials={"secret_key": "sk_test_revoked1234"})
    with pytest.raises(Misconfigured):
        await stripe.provider.execute(attempt)


async def test_a_connection_reset_before_the_effect_is_unknown_and_the_query_charges_once(stripe):
    operation = pay()
    await stripe.fault("connection_reset")
    assert isinstance(await stripe.execute(operation), Unknown)
    assert isinstance(await stripe.query(operation), Succeeded)
    assert await stripe.book() == [("charge", 1000)]


async def test_amounts_without_and_with_three_decimals_are_charged_as_requested(stripe):
    for money in (Money(500, "JPY"), Money(5120, "KWD"), Money(20000, "HUF")):
        outcome = await stripe.execute(pay(amount=money))
        assert isinstance(outcome, Succeeded)
        assert outcome.amount == money
