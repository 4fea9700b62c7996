"""Whatever comes from Stripe is read as an outcome, a doubt, or nothing: never a crash, or an id that no row can hold."""

import asyncio

import pytest
import stripe_samples as samples
from hypothesis import given, settings
from hypothesis import strategies as st
from stripe_script import Stripe

from malipo import clock
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.integrity import checked
from provider_stripe.mapping import fenced, outcome_of_response, read_page, shown
from provider_stripe.objects import StripeResponse, is_id
from testkit.fuzzing import bodies, is_storable
from testkit.operations import cancel, capture, charge, refund

OPERATIONS = (charge(), charge(return_url="https://shop.example"), capture(), cancel(), refund())
TEMPLATES = (
    samples.intent(),
    samples.intent("requires_action", next_action=samples.redirect()),
    samples.intent("requires_payment_method", last_payment_error={"code": "card_declined", "message": "No."}),
    samples.intent("requires_capture"),
    samples.refund("failed", failure_reason="declined"),
    samples.dispute(),
    samples.card_error(),
    samples.error("idempotency_error"),
    samples.error("invalid_request_error", payment_intent=samples.intent("canceled")),
    samples.page(samples.intent(), samples.intent(metadata={}), has_more=True),
    samples.event(samples.intent()),
    samples.event(samples.refund(metadata={}, charge="ch_1"), "refund.created"),
    samples.event(samples.dispute(), "charge.dispute.created"),
    samples.thin("v2.core.event_destination.ping"),
)
BODIES = bodies(TEMPLATES)


@settings(max_examples=600)
@given(
    body=BODIES,
    operation=st.sampled_from(OPERATIONS),
    status=st.sampled_from([200, 201, 302, 400, 401, 402, 403, 404, 409, 424, 429, 500, 503]),
    replayed=st.booleans(),
    repeat=st.booleans(),
)
def test_any_response_is_read_to_an_outcome_that_can_be_stored(body, operation, status, replayed, repeat):
    response = StripeResponse(status, body, replayed=replayed)
    for read in (
        lambda: outcome_of_response(operation, response, repeat=repeat),
        lambda: shown(operation, response),
        lambda: read_page(operation, response)[0],
        lambda: fenced(charge(), response),
    ):
        try:
            outcome = read()
        except (NotSent, Misconfigured):
            assert status in (401, 403, 429)
            continue
        if outcome is not None:
            is_storable(checked(operation, outcome), is_id)


@settings(max_examples=600)
@given(body=BODIES)
def test_any_body_that_stripe_has_signed_is_read(body):
    callback = samples.signed(body, samples.CREDENTIALS, clock.unix_seconds())
    parsed = asyncio.run(Stripe().provider.parse_callback(callback, samples.CREDENTIALS))
    assert is_id(parsed.callback_id)
    for reported in parsed.outcomes:
        assert is_id(reported.operation_id or "")
        is_storable(checked(charge(), reported.outcome), is_id)
    for other in parsed.unmatched:
        assert all(map(is_id, (other.event_type, *other.references, *other.references.values())))


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"error":' + b"[" * 3_000 + b"]" * 3_000 + b"}"]
)
def test_a_response_that_is_nested_too_deep_is_a_doubt(body):
    for operation in OPERATIONS:
        for status in (200, 400, 402):
            assert type(outcome_of_response(operation, StripeResponse(status, body))).__name__ == "Unknown"
