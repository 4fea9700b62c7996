"""PayPal's answers as outcomes: what certainly did nothing, what is a doubt, and how amounts are read and written."""

from datetime import timedelta

import msgspec
import paypal_samples as samples
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paypal_samples import AUTHORIZATION, ORDER, USD_10, authorized, captured, order, refunded

from malipo import clock
from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    Authorized,
    Canceled,
    Declined,
    Pending,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.providers.paypal import DECIMALS, DESCRIPTOR
from malipo.money import EXPONENTS, MAX_AMOUNT_MINOR, Money
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import Ages, References, refusal
from provider_paypal import amounts, standing
from provider_paypal.codes import DECLINED, LOOK_AT_ORDER, PAYER_MUST_APPROVE, SPENT
from provider_paypal.mapping import ApproveAgain, Unclear, is_missing, outcome_in_order, outcome_of_response
from provider_paypal.objects import ORDERS, Amount, PaypalResponse
from provider_paypal.requests import path
from testkit.operations import attempt

CONFIRM, MANUAL = samples.confirm(), samples.confirm(capture="manual")


def sent(operation, **changes):
    return attempt(operation, DESCRIPTOR, samples.CREDENTIALS, **changes)


def repeated(operation, **age: float):
    return sent(operation, first_sent_at=clock.now(), ages=Ages(timedelta(**age)))


def answer(operation, body: object, status: int = 422, *, to=None):
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return outcome_of_response(to or sent(operation), PaypalResponse(status, content))


def read(body: dict):
    return ORDERS.decode(msgspec.json.encode(body))


@pytest.mark.parametrize("issue", sorted(DECLINED))
def test_an_issue_that_is_documented_to_have_moved_nothing_is_a_decline_under_its_own_name(issue):
    outcome = answer(CONFIRM, samples.problem(issue, words="The request was refused."))
    assert outcome == Declined(code=issue, message="The request was refused.", reference=ORDER)


@pytest.mark.parametrize("issue", sorted(LOOK_AT_ORDER))
def test_an_issue_that_says_that_something_was_done_before_sends_us_to_the_order(issue):
    for operation in (CONFIRM, samples.capture(), samples.cancel(), samples.refund()):
        assert answer(operation, samples.problem(issue)) == Unclear(Unknown(reason=f"issue {issue}"))


@pytest.mark.parametrize("issue", sorted(PAYER_MUST_APPROVE))
def test_an_issue_that_another_approval_may_mend_sends_the_payer_back(issue):
    assert isinstance(answer(CONFIRM, samples.problem(issue)), ApproveAgain)


@pytest.mark.parametrize("issue", ["AN_ISSUE_OF_TOMORROW", "INSTRUMENT_DECLINED", "ORDER_NOT_APPROVED"])
def test_an_issue_that_is_not_documented_of_the_operation_is_a_doubt(issue):
    for operation in (samples.capture(), samples.refund(), samples.cancel()):
        assert answer(operation, samples.problem(issue)) == Unclear(Unknown(reason=f"issue {issue}"))


def test_an_order_that_stays_approved_after_its_capture_was_declined_sends_the_payer_back():
    told = answer(CONFIRM, order("APPROVED", captures=[captured("DECLINED")]), 201)
    words = "The capture was declined by PayPal, which gave no reason."
    assert told == ApproveAgain(Declined(code="declined", message=words, reference=ORDER))


def test_whatever_is_wrong_with_an_order_that_is_created_moves_no_money():
    outcome = answer(samples.charge(), samples.problem("AN_ISSUE_OF_TOMORROW"))
    assert (type(outcome), outcome.code) == (Declined, "AN_ISSUE_OF_TOMORROW")


def test_a_request_that_breaks_the_schema_was_not_carried_out():
    outcome = answer(samples.refund(), samples.problem("INVALID_STRING_LENGTH", "INVALID_REQUEST"), 400)
    assert (type(outcome), outcome.code) == (Declined, "INVALID_STRING_LENGTH")


def test_the_refusal_of_a_repeat_says_nothing_about_the_first_try_until_that_shows():
    refused = samples.problem("TRANSACTION_REFUSED")
    doubt = answer(CONFIRM, refused, to=repeated(CONFIRM, minutes=1))
    assert doubt == Unclear(Unknown(reason="refused when it was repeated"))
    settled = answer(CONFIRM, refused, to=repeated(CONFIRM, minutes=11))
    assert isinstance(settled, Unclear)
    assert isinstance(settled.otherwise, Declined)
    for issue in SPENT:  # which the first try itself may be the reason of
        back = samples.refund()
        young = answer(back, samples.problem(issue), to=repeated(back, hours=1))
        assert isinstance(young.otherwise, Unknown)
        old = answer(back, samples.problem(issue), to=repeated(back, hours=25))
        assert isinstance(old.otherwise, Declined)


def test_what_paypal_documents_as_not_carried_out_is_not_sent_or_misconfigured():
    for status, body, error in (
        (429, b"<html>", NotSent),
        (409, samples.problem("PREVIOUS_REQUEST_IN_PROGRESS", "RESOURCE_CONFLICT"), NotSent),
        (403, samples.problem("PERMISSION_DENIED", "NOT_AUTHORIZED"), Misconfigured),
        (401, samples.problem("INVALID_ACCOUNT_STATUS", "AUTHENTICATION_FAILURE"), Misconfigured),
    ):
        with pytest.raises(error):
            answer(CONFIRM, body, status)


@pytest.mark.parametrize(
    ("status", "body"), [(403, b"<html>Access Denied</html>"), (409, b"{}"), (422, b"{}"), (400, {"name": "?"})]
)
def test_a_refusal_that_is_not_paypals_own_is_a_doubt(status, body):
    assert answer(CONFIRM, body, status) == Unknown(reason=f"http {status}")


def test_a_text_that_might_quote_a_person_is_not_told():
    outcome = answer(CONFIRM, samples.problem("PAYER_CANNOT_PAY", words="john.doe@example.com cannot pay"))
    assert outcome.message == "PayPal refused it: PAYER_CANNOT_PAY."


def test_a_completed_order_is_paid_only_by_its_captures():
    assert standing.outcome_of_charge(read(order("COMPLETED")), CONFIRM) == Unknown(
        reason="completed without a payment", reference=ORDER
    )
    declined = standing.outcome_of_charge(read(order("COMPLETED", captures=[captured("DECLINED")])), CONFIRM)
    assert isinstance(declined, Declined)
    back = standing.outcome_of_charge(read(order("COMPLETED", captures=[captured("REVERSED")])), CONFIRM)
    assert isinstance(back, Reversed)


@pytest.mark.parametrize("status", ["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"])
def test_money_that_came_and_was_refunded_had_come(status):
    paid = standing.outcome_of_charge(read(order("COMPLETED", captures=[captured(status)])), CONFIRM)
    assert paid == Succeeded(amount=USD_10, reference=ORDER)


def test_a_declined_capture_of_an_order_that_is_not_completed_leaves_it_to_the_payer():
    waiting = read(order("PAYER_ACTION_REQUIRED", captures=[captured("DECLINED")]))
    assert standing.paid(waiting, CONFIRM) is None
    assert standing.outcome_of_charge(waiting, CONFIRM).action.url == samples.PAGE


def test_a_capture_that_was_given_back_is_all_of_the_payment_if_the_others_were_declined():
    one_of_two = [captured("DECLINED"), captured("REVERSED", id="2")]
    assert isinstance(standing.outcome_of_charge(read(order("COMPLETED", captures=one_of_two)), CONFIRM), Reversed)
    one_of_three = read(order("COMPLETED", captures=[*one_of_two, captured(id="3")]))
    assert isinstance(standing.outcome_of_charge(one_of_three, CONFIRM), Unknown)


def test_a_hold_is_authorized_as_long_as_anything_more_can_be_captured():
    part = captured(of=AUTHORIZATION, amount=samples.money(300))
    for statuses, outcome in (
        (["CREATED"], Authorized(amount=USD_10, reference=ORDER)),
        (["PARTIALLY_CAPTURED"], Authorized(amount=USD_10, reference=ORDER)),
        (["VOIDED", "CREATED"], Authorized(amount=USD_10, reference=ORDER)),
        (["CAPTURED"], Succeeded(amount=Money(300, "USD"), reference=ORDER)),
        (["VOIDED"], Succeeded(amount=Money(300, "USD"), reference=ORDER)),
    ):
        held = read(order("COMPLETED", authorizations=[authorized(one) for one in statuses], captures=[part]))
        assert standing.outcome_of_charge(held, MANUAL) == outcome, statuses
    for status, kind in (("VOIDED", Canceled), ("DENIED", Declined), ("PENDING", Pending)):
        alone = read(order("COMPLETED", authorizations=[authorized(status)]))
        assert isinstance(standing.outcome_of_charge(alone, MANUAL), kind)


def test_while_a_capture_is_pending_the_charge_is():
    two = [captured(amount=samples.money(300)), captured("PENDING", id="2", amount=samples.money(700))]
    held = read(order("COMPLETED", authorizations=[authorized("CAPTURED")], captures=two))
    assert standing.outcome_of_charge(held, MANUAL) == Pending(reference=ORDER)


def test_another_amount_or_currency_is_a_mismatch_whatever_the_order_says():
    for amount in (samples.money(999), samples.money(1000, "EUR")):
        for status in ("PAYER_ACTION_REQUIRED", "APPROVED", "COMPLETED"):
            outcome = standing.outcome_of_charge(read(order(status, amount=amount)), samples.charge())
            assert outcome == Unknown(reason=AMOUNT_MISMATCH, reference=ORDER)


def test_what_a_capture_has_left_to_refund_counts_refunds_that_are_pending_and_none_that_failed():
    refunds = [refunded("PENDING", amount=samples.money(300)), refunded("FAILED", amount=samples.money(500))]
    paid = read(order("COMPLETED", captures=[captured("PARTIALLY_REFUNDED")], refunds=refunds))
    assert standing.left_to_refund(paid) == {samples.CAPTURE: 700}


@pytest.mark.parametrize("operation", [samples.charge(), CONFIRM, MANUAL], ids=["charge", "confirm", "manual"])
def test_of_the_order_of_another_operation_nothing_is_believed_and_not_its_id_either(operation):
    other = order("COMPLETED", captures=[captured()]) | {"id": "9XX12345XX678901X"}
    other["purchase_units"][0]["custom_id"] = "pay_2.1"
    to = sent(operation)
    assert answer(operation, other, 201, to=to) == Unknown(reason="another operation's object")
    assert outcome_in_order(to, read(other)) == Unknown(reason="another operation's object")
    assert not to.references.noted


def test_the_ids_of_all_that_was_made_are_noted():
    references = References()
    standing.note(references, read(order("COMPLETED", captures=[captured()], authorizations=[authorized()])))
    noted = {("order", ORDER), ("authorization", AUTHORIZATION), ("capture", samples.CAPTURE)}
    assert set(references.noted) == noted


@given(currency=st.sampled_from(sorted(DECIMALS)), minor=st.integers(0, MAX_AMOUNT_MINOR))
def test_every_amount_that_is_taken_is_read_back_as_it_was_written(currency, minor):
    step = 10 ** (EXPONENTS[currency] - DECIMALS[currency])
    money = Money(minor // step * step, currency)
    written = amounts.written(money)
    assert ("." in written["value"]) == (DECIMALS[currency] > 0)
    assert amounts.read(Amount(**written)) == money


@pytest.mark.parametrize(
    ("value", "minor"), [("10", 1000), ("10.0", 1000), ("10.000", 1000), ("0.05", 5), ("007.10", 710), (".5", 50)]
)
def test_an_amount_is_read_however_many_decimals_it_has(value, minor):
    assert amounts.read(Amount("USD", value)) == Money(minor, "USD")


@pytest.mark.parametrize(
    "value", ["", "-1.00", "1e3", "10.005", ".", "10.", "1,000.00", "\uff11\uff10", "9" * 19, "NaN"]
)
def test_what_is_no_amount_is_none(value):
    with pytest.raises(ValueError):
        amounts.read(Amount("USD", value))


def test_what_paypal_has_no_decimals_for_is_refused_before_anything_is_sent():
    for amount in (Money(12345, "HUF"), Money(150, "TWD"), Money(100, "KES"), Money(100, "BRL")):
        assert isinstance(refusal(DESCRIPTOR, samples.charge(amount=amount)), Declined)
        with pytest.raises(ValueError, match="cannot be told"):
            amounts.written(amount)


def test_what_another_app_has_made_is_not_there_whether_paypal_hides_it_or_forbids_it():
    for status, body in (
        (404, samples.not_found()),
        (403, samples.problem("PERMISSION_DENIED", "NOT_AUTHORIZED")),
    ):
        assert is_missing(PaypalResponse(status, msgspec.json.encode(body)))
    for status, body in ((404, b"<html>"), (403, b"<html>"), (404, b"{}"), (200, b"{}")):
        assert not is_missing(PaypalResponse(status, body))


def test_no_id_leaves_its_place_in_a_path():
    assert path("/v2/checkout/orders", "../../v1/oauth2/token?x=1#") == (
        "/v2/checkout/orders/..%2F..%2Fv1%2Foauth2%2Ftoken%3Fx%3D1%23"
    )
