"""The provider against the simulated PayPal, over real sockets: what it makes of the answers, and what the book holds."""

import re
from datetime import timedelta

import paypal_samples as samples
import pytest
from paypal_account import PAYMENTS, USD_10, new_charge

from malipo.contracts.outcomes import (
    ActionRequired,
    Approval,
    Approved,
    Authorized,
    Canceled,
    Declined,
    Pending,
    Succeeded,
    Unknown,
)
from malipo.contracts.providers.paypal import DESCRIPTOR
from malipo.money import Money
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import Ages, References

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SILENT = ("answer_lost", "reset_after_effect", "error_after_effect")
LOST = (*SILENT, "malformed_json")


async def test_an_order_is_created_approved_captured_and_paid_once(paypal):
    charge = new_charge(description="Two tickets")
    waiting = await paypal.execute(charge)
    assert isinstance(waiting, ActionRequired)
    assert isinstance(waiting.action, Approval)
    assert await paypal.query(charge, reference=waiting.reference) == waiting
    await paypal.control(f"orders/{waiting.reference}/approve")
    agreed = await paypal.query(charge, reference=waiting.reference)
    assert isinstance(agreed, Approved)
    assert re.fullmatch(r"\w\*\*\*@\w\*\*\*\.\w+", agreed.payer)
    one = await paypal.approved()
    outcome = await paypal.execute(one.confirm())
    assert outcome == Succeeded(amount=USD_10, reference=one.order)
    assert [await paypal.again(one.confirm()), await paypal.query(one.confirm())] == [outcome] * 2
    assert await paypal.book() == [("capture", 1000)]


async def test_what_the_payers_statement_is_to_show_goes_with_the_order_and_with_each_capture_of_a_hold(paypal):
    shown = "SHOP *7 800-123.4567"
    assert DESCRIPTOR.methods[0].statement.takes(shown)
    waiting = await paypal.execute(new_charge(statement_descriptor=shown))
    (order,) = (await paypal.http.get("/_sim/orders")).json()
    assert (order["id"], order["purchase_units"][0]["soft_descriptor"]) == (waiting.reference, shown)
    held = await paypal.held()
    captured = held.part("capture", 500, final=False, statement_descriptor="SECOND PARCEL")
    await paypal.execute(captured)
    book = (await paypal.http.get("/_sim/book")).json()["effects"]
    assert [one["soft_descriptor"] for one in book if one["kind"] == "capture"] == ["SECOND PARCEL"]


@pytest.mark.parametrize("fault", LOST)
async def test_an_order_whose_answer_was_lost_is_the_same_when_it_is_sent_again(paypal, fault):
    charge = new_charge()
    paypal.wait_at_most(1)
    await paypal.fault(fault)
    assert isinstance(await paypal.execute(charge), Unknown)
    paypal.wait_at_most(20)
    waiting = await paypal.query(charge)
    assert isinstance(waiting, ActionRequired)
    assert len((await paypal.http.get("/_sim/orders")).json()) == 1


@pytest.mark.parametrize("fault", SILENT)
@pytest.mark.parametrize("capture", ["automatic", "manual"])
async def test_the_order_shows_at_once_what_a_confirm_has_made_that_was_not_answered(paypal, fault, capture):
    one = await paypal.approved(capture=capture)
    paypal.wait_at_most(1)
    await paypal.fault(fault)
    kind = Succeeded if capture == "automatic" else Authorized
    assert await paypal.execute(one.confirm()) == kind(amount=USD_10, reference=one.order)
    assert len(await paypal.book()) == 1


@pytest.mark.parametrize("fault", SILENT)
async def test_a_capture_of_the_order_whose_answer_was_lost_is_read_in_the_order(paypal, fault):
    one = await paypal.approved()
    paypal.wait_at_most(1)
    await paypal.lose_capture(one, fault)
    assert isinstance(await paypal.execute(one.confirm()), Unknown)
    assert await paypal.query(one.confirm()) == Succeeded(amount=USD_10, reference=one.order)
    assert await paypal.book() == [("capture", 1000)]


async def test_a_capture_that_never_arrived_is_carried_out_by_the_query_under_the_same_key(paypal):
    one = await paypal.approved()
    await paypal.fault("error_before_effect")
    assert await paypal.execute(one.confirm()) == Unknown(reason="http 500", silent=True)
    assert await paypal.query(one.confirm()) == Succeeded(amount=USD_10, reference=one.order)
    assert await paypal.book() == [("capture", 1000)]


async def test_what_has_expired_is_read_and_never_captured(paypal):
    one = await paypal.approved()
    late = Ages(HOUR, timedelta())
    assert await paypal.query(one.confirm(), ages=late) == Unknown(reason="no effect yet")
    assert await paypal.query(one.confirm(), ages=Ages(7 * HOUR, timedelta())) == Declined(
        code="provider_error", message="Long after the request was sent, PayPal's order shows no effect of it."
    )
    assert await paypal.book() == []


async def test_a_charge_that_never_arrived_ends_when_it_has_expired_as_nobody_can_approve_it(paypal):
    charge = new_charge()
    await paypal.fault("error_before_effect")
    await paypal.execute(charge)
    outcome = await paypal.query(charge, ages=Ages(HOUR, timedelta()))
    assert (type(outcome), outcome.code) == (Declined, "expired")


async def test_two_confirms_of_one_order_capture_it_once_and_both_tell_it(paypal):
    one = await paypal.approved()
    outcomes = [await paypal.execute(one.confirm(number)) for number in (1, 2)]
    assert outcomes == [Succeeded(amount=USD_10, reference=one.order)] * 2
    assert await paypal.book() == [("capture", 1000)]


async def test_a_declined_instrument_sends_the_payer_back_to_the_page_and_another_approval_pays(paypal):
    one = await paypal.approved()
    await paypal.control(f"orders/{one.order}/approve", funding="declined_card")
    again = await paypal.execute(one.confirm())
    assert isinstance(again, ActionRequired)
    assert one.order in again.action.url
    assert await paypal.query(one.charge, reference=one.order) == again
    await paypal.control(f"orders/{one.order}/approve")
    assert await paypal.execute(one.confirm(2)) == Succeeded(amount=USD_10, reference=one.order)
    assert await paypal.book() == [("capture", 1000)]


async def test_an_approval_that_the_capture_does_not_know_of_yet_is_captured_once_it_does(paypal):
    one = await paypal.approved()
    await paypal.fault("approval_unseen")
    with pytest.raises(NotSent):
        await paypal.execute(one.confirm())
    assert await paypal.again(one.confirm()) == Succeeded(amount=USD_10, reference=one.order)
    assert await paypal.book() == [("capture", 1000)]


@pytest.mark.parametrize("fault", SILENT)
async def test_a_declined_instrument_of_which_no_answer_tells_sends_the_payer_back_all_the_same(paypal, fault):
    one = await paypal.approved()
    await paypal.control(f"orders/{one.order}/approve", funding="declined_card")
    paypal.wait_at_most(1)
    await paypal.fault(fault)
    assert isinstance(await paypal.execute(one.confirm()), ActionRequired)
    await paypal.control(f"orders/{one.order}/approve")
    assert await paypal.execute(one.confirm(2)) == Succeeded(amount=USD_10, reference=one.order)


@pytest.mark.parametrize(("funding", "ending"), [("echeck", "settle"), ("review", "settle"), ("echeck", "deny")])
async def test_what_is_pending_is_waited_for_and_ends_as_paypal_says(paypal, funding, ending):
    one = await paypal.approved()
    await paypal.control(f"orders/{one.order}/approve", funding=funding)
    reason = "ECHECK" if funding == "echeck" else "PENDING_REVIEW"
    waiting = Pending(reference=one.order, check_after=6 * 3600, reason=reason)
    assert [await paypal.execute(one.confirm()), await paypal.query(one.confirm())] == [waiting] * 2
    (capture,) = await paypal.capture_ids(one)
    await paypal.control(f"captures/{capture}/{ending}")
    outcome = await paypal.query(one.confirm())
    assert isinstance(outcome, Succeeded if ending == "settle" else Declined)
    assert await paypal.book() == ([("capture", 1000)] if ending == "settle" else [])


async def test_an_order_that_is_completed_with_a_declined_capture_is_not_paid(paypal):
    one = await paypal.approved()
    await paypal.control(f"orders/{one.order}/approve", funding="failing_card")
    outcome = await paypal.execute(one.confirm())
    assert (type(outcome), outcome.code, outcome.reference) == (Declined, "declined", one.order)
    assert await paypal.query(one.confirm()) == outcome


async def test_minimal_answers_are_completed_by_reading(paypal):
    await paypal.fault("minimal_answer", path="*", times=10)
    one = await paypal.paid()
    back = one.part("refund", 400)
    assert (await paypal.execute(back)).amount == Money(400, "USD")
    assert await paypal.query(one.confirm()) == Succeeded(amount=USD_10, reference=one.order)


@pytest.mark.parametrize("fault", LOST)
async def test_a_capture_of_an_authorization_whose_answer_was_lost_is_found_by_its_invoice_id(paypal, fault):
    one = await paypal.held()
    part = one.part("capture")
    paypal.wait_at_most(1)
    await paypal.fault(fault, path=PAYMENTS)
    assert isinstance(await paypal.execute(part), Unknown)
    assert await paypal.query(part) == Succeeded(amount=USD_10, reference=one.order)
    assert [kind for kind, _ in await paypal.book()] == ["authorize", "capture"]


async def test_a_hold_is_voided_and_voiding_it_again_says_the_same(paypal):
    one = await paypal.held()
    first = one.part("cancel")
    assert await paypal.execute(first) == Canceled(reference=one.order)
    assert await paypal.again(first) == await paypal.query(first) == Canceled(reference=one.order)
    assert await paypal.execute(one.part("cancel")) == Canceled(reference=one.order)
    assert await paypal.query(one.confirm()) == Canceled(reference=one.order)
    assert await paypal.execute(one.part("capture")) == Canceled(reference=one.order)
    assert await paypal.book() == [("authorize", 1000), ("release", 1000)]


async def test_an_order_that_nobody_confirms_is_canceled_here_alone_and_a_paid_one_is_not(paypal):
    one, paid = await paypal.approved(), await paypal.paid()
    assert await paypal.execute(one.part("cancel")) == Canceled(reference=one.order)
    assert await paypal.execute(paid.part("cancel")) == Succeeded(amount=USD_10, reference=paid.order)
    assert await paypal.book() == [("capture", 1000)]


async def test_refunds_in_parts_are_each_made_once_and_too_much_is_refused(paypal):
    one = await paypal.paid()
    parts = [one.part("refund", minor) for minor in (400, 600)]
    for part in parts:
        outcome = await paypal.execute(part)
        assert outcome.amount == part.amount
        assert await paypal.again(part) == await paypal.query(part) == outcome
    refused = await paypal.execute(one.part("refund", 1))
    assert (type(refused), refused.code) == (Declined, "exceeds_capture")
    assert await paypal.book() == [("capture", 1000), ("refund", 400), ("refund", 600)]
    assert await paypal.query(one.confirm()) == Succeeded(amount=USD_10, reference=one.order)


@pytest.mark.parametrize("fault", LOST)
async def test_a_refund_whose_answer_was_lost_is_found_in_the_order_and_never_made_twice(paypal, fault):
    one = await paypal.paid()
    back = one.part("refund", 400)
    paypal.wait_at_most(1)
    await paypal.fault(fault, path=PAYMENTS)
    assert isinstance(await paypal.execute(back), Unknown)
    assert (await paypal.query(back)).amount == Money(400, "USD")
    assert await paypal.book() == [("capture", 1000), ("refund", 400)]


async def test_a_refund_that_is_pending_is_waited_for_and_may_fail(paypal):
    one = await paypal.paid()
    await paypal.fault("refund_pending", path=PAYMENTS)
    back = one.part("refund", 400)
    waiting = await paypal.execute(back)
    assert isinstance(waiting, Pending)
    await paypal.control(f"refunds/{waiting.reference}/fail")
    outcome = await paypal.query(back, reference=waiting.reference)
    assert (type(outcome), outcome.reference) == (Declined, waiting.reference)


async def test_an_issue_that_nobody_knows_is_a_doubt_whether_or_not_it_had_an_effect(paypal):
    one, other = await paypal.approved(), await paypal.approved()
    await paypal.fault("unknown_issue")
    assert isinstance(await paypal.execute(one.confirm()), Unknown)
    await paypal.fault("unknown_issue_after_effect")
    assert await paypal.execute(other.confirm()) == Succeeded(amount=USD_10, reference=other.order)
    assert await paypal.query(one.confirm()) == Succeeded(amount=USD_10, reference=one.order)
    assert await paypal.book() == [("capture", 1000)] * 2


@pytest.mark.parametrize("fault", ["amount_mismatch", "unknown_status", "malformed_json"])
async def test_an_answer_that_does_not_fit_is_a_doubt_that_reading_ends(paypal, fault):
    one = await paypal.approved()
    await paypal.fault(fault)
    assert isinstance(await paypal.execute(one.confirm()), Unknown)
    assert await paypal.query(one.confirm()) == Succeeded(amount=USD_10, reference=one.order)


async def test_a_rate_limit_is_not_sent_and_a_refused_app_is_a_misconfiguration(paypal):
    await paypal.fault("rate_limited", delay_seconds=7)
    with pytest.raises(NotSent) as raised:
        await paypal.execute(new_charge())
    assert raised.value.retry_after_seconds == 7
    paypal.credentials |= {"client_id": "Arevoked-client-of-a-merchant"}
    paypal.wait_at_most(5)
    with pytest.raises(Misconfigured):
        await paypal.execute(new_charge())


async def test_a_token_that_dies_early_is_renewed_once_and_the_operation_is_carried_out_once(paypal):
    one = await paypal.approved()
    await paypal.control("tokens/kill")
    assert await paypal.execute(one.confirm()) == Succeeded(amount=USD_10, reference=one.order)
    assert await paypal.book() == [("capture", 1000)]


async def test_an_order_that_nobody_approved_is_gone_after_hours_and_ends_as_expired(paypal):
    charge = new_charge()
    order = (await paypal.execute(charge)).reference
    await paypal.control("clock", advance_seconds=7 * 3600)
    assert isinstance(await paypal.query(charge, reference=order, age=HOUR), Unknown)
    ended = await paypal.query(charge, reference=order, age=7 * HOUR)
    assert (type(ended), ended.code) == (Declined, "expired")
    cancel = samples.cancel(reference=order)
    assert isinstance(await paypal.query(cancel), Unknown)
    assert await paypal.query(cancel, age=HOUR) == Canceled(reference=order)


async def test_a_confirm_that_had_no_effect_ends_when_paypal_has_forgotten_its_order_and_its_key(paypal):
    one = await paypal.approved()
    await paypal.fault("error_before_effect")
    assert isinstance(await paypal.execute(one.confirm()), Unknown)
    await paypal.control("clock", advance_seconds=7 * 3600)
    assert isinstance(await paypal.query(one.confirm(), age=HOUR), Unknown)
    ended = await paypal.query(one.confirm(), age=6 * HOUR)
    assert (type(ended), ended.code) == (Declined, "provider_error")


async def test_an_order_of_which_something_was_made_is_no_end_when_paypal_has_forgotten_it(paypal):
    gone, old_charge = samples.confirm(), samples.charge()
    for operation in (gone, old_charge):
        assert isinstance(await paypal.query(operation, reference=samples.ORDER, age=DAY), Declined)
        paypal.known[operation.operation_id] = References([("capture", samples.CAPTURE)])
        assert isinstance(await paypal.query(operation, reference=samples.ORDER, age=DAY), Unknown)


async def test_another_apps_credentials_show_nothing_and_settle_nothing(paypal):
    one = await paypal.paid()
    mine, paypal.credentials = paypal.credentials, paypal.credentials | {"client_id": "Asecond-app-of-the-merchant"}
    paypal.wait_at_most(5)
    for operation in (one.charge, one.confirm(), one.part("refund")):
        seen = await paypal.query(operation, same_account=False, reference=one.order, age=60 * DAY)
        assert seen == Unknown(reason="account_changed")
    paypal.credentials = mine


async def test_a_two_decimal_currency_of_iso_is_written_without_decimals_where_paypal_has_none(paypal):
    one = await paypal.paid(amount=Money(150000, "HUF"))
    assert await paypal.query(one.confirm()) == Succeeded(amount=Money(150000, "HUF"), reference=one.order)
    assert await paypal.book() == [("capture", 1500)]
