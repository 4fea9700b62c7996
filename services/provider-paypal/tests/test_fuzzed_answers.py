"""Whatever comes from PayPal is read as an outcome, a doubt, or nothing: never a crash, or an id that no row can hold."""

import paypal_samples as samples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paypal_samples import AUTHORIZATION, authorized, captured, order, refunded

from malipo.contracts.outcomes import Unknown
from malipo.contracts.providers.paypal import DESCRIPTOR
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.integrity import checked
from provider_kit.provider import References
from provider_kit.references import holdable
from provider_paypal import choosing, mapping, standing
from provider_paypal.events import parse_event
from provider_paypal.mapping import ApproveAgain, Unclear, outcome_of_response
from provider_paypal.objects import ORDERS, PaypalResponse, is_id
from testkit.fuzzing import bodies, is_storable
from testkit.operations import attempt

OPERATIONS = (
    samples.charge(),
    samples.confirm(),
    samples.confirm(capture="manual"),
    samples.capture(),
    samples.cancel(),
    samples.refund(),
)
ORDERED = (
    order(),
    samples.minimal(),
    order("APPROVED"),
    order("COMPLETED", captures=[captured("PENDING", status_details={"reason": "ECHECK"})]),
    order("COMPLETED", captures=[captured("PARTIALLY_REFUNDED")], refunds=[refunded(), refunded("FAILED")]),
    order("COMPLETED", authorizations=[authorized(), authorized("VOIDED")], captures=[captured(of=AUTHORIZATION)]),
)
EVENTS = (
    samples.event("CHECKOUT.ORDER.APPROVED", order("APPROVED")),
    samples.event("PAYMENT.CAPTURE.COMPLETED", captured()),
    samples.event("PAYMENT.CAPTURE.COMPLETED", captured(of=AUTHORIZATION)),
    samples.event("PAYMENT.AUTHORIZATION.CREATED", authorized()),
    samples.event("PAYMENT.CAPTURE.REFUNDED", refunded()),
    samples.event("PAYMENT.CAPTURE.REFUNDED", refunded(custom_id="of another")),
    samples.event("PAYMENT.CAPTURE.REVERSED", captured("REFUNDED")),
    samples.event("CUSTOMER.DISPUTE.CREATED", {"dispute_id": "PP-D-1", "disputed_transactions": [{}]}),
)
ANSWERS = (
    *ORDERED,
    captured(of=AUTHORIZATION),
    authorized("VOIDED"),
    refunded("PENDING"),
    samples.problem("INSTRUMENT_DECLINED", links=[{"href": samples.PAGE, "rel": "redirect"}]),
    samples.problem("TRANSACTION_REFUSED", words="The request was refused."),
    samples.not_found(),
)


def read_to_the_end(call):
    """What a pure function makes of it; None where the answer is unread for what it says."""
    try:
        return call()
    except (NotSent, Misconfigured, ValueError):
        return None


@settings(max_examples=200)
@given(
    body=bodies(ANSWERS),
    operation=st.sampled_from(OPERATIONS),
    status=st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 409, 415, 422, 429, 500, 503]),
)
def test_any_answer_is_read_to_an_outcome_that_can_be_stored(body, operation, status):
    sent = attempt(operation, DESCRIPTOR, samples.CREDENTIALS, references=References())
    try:
        found = outcome_of_response(sent, PaypalResponse(status, body))
    except (NotSent, Misconfigured):
        assert status in (401, 403, 409, 429)
        return
    outcome = found.otherwise if isinstance(found, Unclear | ApproveAgain) else found
    is_storable(checked(operation, outcome), is_id)
    assert all(is_id(reference) for _, reference in sent.references.noted)


@settings(max_examples=200)
@given(body=bodies(ORDERED), operation=st.sampled_from(OPERATIONS))
def test_any_order_is_read_to_an_outcome_that_can_be_stored_or_is_unreadable(body, operation):
    sent = attempt(operation, DESCRIPTOR, samples.CREDENTIALS, references=References())
    try:
        found = ORDERS.decode(body)
        outcome = mapping.outcome_in_order(sent, found)
    except ValueError:
        return
    if outcome is not None:
        is_storable(checked(operation, outcome), is_id)
    read_to_the_end(lambda: choosing.choose(sent, found))
    read_to_the_end(lambda: choosing.unchosen(sent, found))
    read_to_the_end(lambda: standing.left_to_refund(found))
    assert all(is_id(reference) for _, reference in sent.references.noted)


@settings(max_examples=200)
@given(body=bodies(EVENTS))
def test_any_body_that_paypal_has_signed_is_read_or_is_no_event(body):
    try:
        parsed = parse_event(body)
    except ValueError:
        return
    assert holdable(parsed.callback_id) == parsed.callback_id
    for reported in parsed.outcomes:
        is_storable(reported.outcome, is_id)
    for other in parsed.unmatched:
        assert all(map(is_id, other.references.values()))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"name":' + b"[" * 3_000 + b"]" * 3_000 + b"}"])
def test_an_answer_that_is_nested_too_deep_is_a_doubt(body):
    for operation in OPERATIONS:
        sent = attempt(operation, DESCRIPTOR, samples.CREDENTIALS)
        for status in (200, 400, 422):
            assert isinstance(outcome_of_response(sent, PaypalResponse(status, body)), Unknown)
