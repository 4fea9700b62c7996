"""PayPal's webhooks: what each tells of our operations, what makes us ask, and what is another system's of the same app."""

import json

import paypal_samples as samples
import pytest
from paypal_samples import AUTHORIZATION, CAPTURE, ORDER, REFUND, USD_10, authorized, captured, order, refunded

from malipo.contracts.outcomes import Approved, Authorized, Declined, Pending, Succeeded
from malipo.contracts.providers.paypal import EVENT_TYPES, own_reference
from malipo.money import Money
from provider_paypal.events import parse_event


def parse(event_type: str, resource: dict):
    return parse_event(json.dumps(samples.event(event_type, resource)).encode())


def told(event_type: str, resource: dict):
    parsed = parse(event_type, resource)
    (reported,) = parsed.outcomes
    assert not parsed.ask
    return reported.kind, reported.operation_id, reported.references, reported.outcome


def asked(event_type: str, resource: dict):
    parsed = parse(event_type, resource)
    (named,) = parsed.ask
    assert not parsed.outcomes
    return named.kind, named.operation_id, named.references


def test_an_approval_is_the_charges_by_our_name_in_its_purchase_unit():
    reported = told("CHECKOUT.ORDER.APPROVED", order("APPROVED"))
    assert reported == ("charge", samples.CHARGE, {"order": ORDER}, Approved(reference=ORDER, payer="j***@e***.com"))


def test_an_approval_that_comes_when_the_order_is_completed_makes_us_ask():
    assert asked("CHECKOUT.ORDER.APPROVED", order("COMPLETED")) == ("charge", samples.CHARGE, {})


def test_a_capture_of_the_order_is_the_charges():
    ids = {"order": ORDER, "capture": CAPTURE}
    paid = told("PAYMENT.CAPTURE.COMPLETED", captured())
    assert paid == ("charge", samples.CHARGE, ids, Succeeded(amount=USD_10, reference=ORDER))
    *_, waiting = told("PAYMENT.CAPTURE.PENDING", captured("PENDING", status_details={"reason": "PENDING_REVIEW"}))
    assert waiting == Pending(reference=ORDER, check_after=6 * 3600, reason="PENDING_REVIEW")


def test_a_capture_of_an_authorization_is_the_operations_whose_invoice_id_it_has():
    reported = told("PAYMENT.CAPTURE.COMPLETED", captured(of=AUTHORIZATION))
    ids = {"capture": CAPTURE, "invoice": own_reference("cap_1")}
    assert reported == ("capture", None, ids, Succeeded(amount=USD_10, reference=ORDER))


@pytest.mark.parametrize("event_type", ["PAYMENT.CAPTURE.DECLINED", "PAYMENT.CAPTURE.DENIED"])
def test_after_a_capture_that_was_declined_the_order_is_asked_as_the_payer_may_try_again(event_type):
    assert asked(event_type, captured("DECLINED")) == ("charge", samples.CHARGE, {})
    kind, _, references = asked(event_type, captured("DECLINED", of=AUTHORIZATION))
    assert (kind, references["invoice"]) == ("capture", own_reference("cap_1"))


def test_an_authorization_is_told_and_that_it_was_voided_is_read_in_the_order():
    ids = {"order": ORDER, "authorization": AUTHORIZATION}
    held = told("PAYMENT.AUTHORIZATION.CREATED", authorized())
    assert held == ("charge", samples.CHARGE, ids, Authorized(amount=USD_10, reference=ORDER))
    assert asked("PAYMENT.AUTHORIZATION.VOIDED", authorized("VOIDED")) == ("charge", samples.CHARGE, {})


def test_an_event_without_the_orders_id_makes_us_ask():
    for event_type, resource in (
        ("PAYMENT.AUTHORIZATION.CREATED", authorized(supplementary_data={})),
        ("PAYMENT.CAPTURE.COMPLETED", captured(supplementary_data={}, links=[])),
    ):
        assert asked(event_type, resource) == ("charge", samples.CHARGE, {})


def test_an_approval_that_paypal_took_back_makes_us_ask_about_its_order():
    assert asked("CHECKOUT.PAYMENT-APPROVAL.REVERSED", {"order_id": ORDER}) == ("charge", None, {"order": ORDER})


def test_a_refund_of_ours_is_told_under_its_own_name_with_the_capture_that_it_is_of():
    reported = told("PAYMENT.CAPTURE.REFUNDED", refunded())
    ids = {"refund": REFUND, "capture": CAPTURE}
    assert reported == ("refund", "ref_1", ids, Succeeded(amount=USD_10, reference=REFUND))
    *_, failed = told("PAYMENT.REFUND.FAILED", refunded("FAILED"))
    assert isinstance(failed, Declined)


def test_a_refund_that_was_made_at_paypal_itself_is_opened_by_it():
    parsed = parse("PAYMENT.CAPTURE.REFUNDED", refunded(custom_id=samples.CHARGE, invoice_id="by hand"))
    (opened,) = parsed.opened
    assert (opened.reference, opened.about, opened.amount) == (REFUND, {"capture": CAPTURE}, USD_10)
    assert opened.own == ["by hand"]


def test_a_refund_that_has_of_our_names_the_invoice_id_alone_is_told_with_that():
    (opened,) = parse("PAYMENT.CAPTURE.REFUNDED", refunded(custom_id=None)).opened
    assert opened.own == [own_reference("ref_1")]


def test_a_reversal_and_a_dispute_are_for_a_person_by_the_ids_of_what_they_are_about():
    reversed_ = parse("PAYMENT.CAPTURE.REVERSED", captured("REFUNDED"))
    (unmatched,) = reversed_.unmatched
    assert (unmatched.references, unmatched.amount) == ({"capture": CAPTURE, "order": ORDER}, USD_10)
    assert reversed_.ask[0].references == {"order": ORDER}
    dispute = {
        "dispute_id": "PP-D-12345",
        "disputed_transactions": [{"seller_transaction_id": CAPTURE}],
        "dispute_amount": samples.money(500),
    }
    (unmatched,) = parse("CUSTOMER.DISPUTE.CREATED", dispute).unmatched
    assert unmatched.amount == Money(500, "USD")
    assert CAPTURE in unmatched.references.values()


@pytest.mark.parametrize("name", [None, "an order of a shop", "pay_1", "'; DROP TABLE", ""])
def test_what_another_system_of_the_same_app_does_is_passed_over(name):
    for event_type, resource in (
        ("PAYMENT.CAPTURE.COMPLETED", captured(custom_id=name)),
        ("PAYMENT.AUTHORIZATION.CREATED", authorized(custom_id=name)),
        ("CHECKOUT.ORDER.APPROVED", order("APPROVED") | {"purchase_units": [{"custom_id": name}]}),
    ):
        parsed = parse(event_type, resource)
        assert not any((parsed.outcomes, parsed.ask, parsed.opened, parsed.received, parsed.unmatched))


def test_an_event_that_is_not_read_is_empty_and_one_of_another_shape_is_kept():
    assert parse("BILLING.PLAN.CREATED", {}).unmatched == ()
    for event_type in EVENT_TYPES:
        (unmatched,) = parse(event_type, {"id": 5}).unmatched
        assert unmatched.event_type == event_type


def test_an_event_whose_id_no_row_could_hold_is_known_by_its_body():
    event = samples.event("CHECKOUT.ORDER.APPROVED", order("APPROVED")) | {"id": "x" * 5000}
    first, again = (parse_event(json.dumps(event).encode()) for _ in range(2))
    assert first.callback_id == again.callback_id != event["id"]
    assert first.outcomes


def test_nothing_about_the_payer_is_in_what_an_event_tells():
    shown = repr([parse(name, order("APPROVED")) for name in ("CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED")])
    assert not any(text in shown for text in ("john.doe", "John", "Doe", "QYR5Z8XDVJNXQ"))
