"""Whatever comes from M-Pesa is read as an outcome, a doubt, or nothing: never a crash, or an id that no row can hold."""

import asyncio

import mpesa_samples as samples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from malipo.contracts.outcomes import Succeeded
from malipo.platform.client import http_client
from provider_kit.errors import BadSignature, Misconfigured
from provider_kit.integrity import checked
from provider_kit.provider import References
from provider_mpesa.account import read_account
from provider_mpesa.answers import pause_of, token_refused
from provider_mpesa.events import parse
from provider_mpesa.mapping import outcome_of_push, outcome_of_query, outcome_of_reversal, outcome_of_status_query
from provider_mpesa.objects import MpesaResponse, is_id
from provider_mpesa.requests import TO_PUSH, TO_REVERSAL, TO_REVERSAL_QUEUE, TO_STATUS
from testkit.fuzzing import bodies, is_storable
from testkit.transports import Reply, answer

CHARGE, REFUND = samples.charge(), samples.refund()
ACCOUNT = read_account(samples.CREDENTIALS, "test")
BY_HAND = {
    "TransID": "SKL4HAND1A", "TransAmount": "10.00", "BusinessShortCode": "600111", "BillRefNumber": "ABCDEFGH2345",
}  # fmt: skip
TEMPLATES = (
    samples.pushed(),
    samples.asked(),
    samples.asked("1037"),
    samples.accepted(),
    samples.UNDER_WAY,
    samples.failure("400.002.02", "Bad Request - Invalid Amount"),
    samples.paid(),
    samples.unpaid(),
    samples.result(),
    samples.result("R000001"),
    samples.stands(),
    BY_HAND,
)
BODIES = bodies(TEMPLATES)
ADDRESSES = st.sampled_from(
    [
        None,
        samples.about(CHARGE, TO_PUSH),
        samples.about(CHARGE, TO_PUSH, ("checkout", samples.NAME)),
        *(samples.about(REFUND, request) for request in (TO_REVERSAL, TO_REVERSAL_QUEUE, TO_STATUS)),
    ]
)


@settings(max_examples=600)
@given(body=BODIES, status=st.sampled_from([200, 201, 302, 400, 401, 402, 403, 404, 405, 429, 500, 503]))
def test_any_response_is_read_to_an_outcome_that_can_be_stored_and_none_takes_it_for_paid(body, status):
    response = MpesaResponse(status, body)
    assert token_refused(response) in (True, False)
    assert pause_of(response) in (None, "spike_arrest", "quota")
    charge = samples.attempt(CHARGE, references=References([("checkout", samples.NAME)]))
    refund = samples.attempt(REFUND)
    for operation, read in (
        (CHARGE, lambda: outcome_of_push(charge, CHARGE, response)),
        (CHARGE, lambda: outcome_of_query(charge, CHARGE, ACCOUNT, response, name=samples.NAME, settle=samples.SETTLE)),
        (REFUND, lambda: outcome_of_reversal(refund, response)),
        (REFUND, lambda: outcome_of_status_query(response)),
    ):
        try:
            outcome = read()
        except Misconfigured:
            assert status != 200
            continue
        is_storable(checked(operation, outcome), is_id)
        assert not isinstance(outcome, Succeeded) or status == 200
    assert all(is_id(reference) for _, reference in (*charge.references.noted, *refund.references.noted))


@settings(max_examples=600)
@given(body=BODIES, about=ADDRESSES)
def test_any_body_that_is_posted_to_an_address_is_read(body, about):
    try:
        parsed = parse(samples.callback(body, about=about))
    except BadSignature:
        assert about is not None
        return
    for reported in (*parsed.outcomes, *parsed.confirmed):
        assert all(is_id(reference) for reference in reported.references.values())
        is_storable(checked(REFUND, reported.outcome), is_id)
    assert about is not None or not parsed.confirmed


@settings(max_examples=300)
@given(body=BODIES, word=st.sampled_from(["confirmation", "validation", "pull"]))
def test_any_body_that_is_posted_about_a_payment_by_hand_is_answered(body, word):
    async def read():
        async with http_client(timeout_seconds=1, transport=answer(Reply({}))) as http:
            return await samples.provider(http).parse_callback(samples.callback(body, word=word), samples.CREDENTIALS)

    parsed = asyncio.run(read())
    assert set(parsed.reply) == {"ResultCode", "ResultDesc"}
    assert not any((parsed.received, parsed.confirmed))
    for other in parsed.unmatched:
        assert all(map(is_id, other.references.values()))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"Body":' + b"[" * 3_000 + b"]" * 3_000 + b"}"])
def test_a_response_that_is_nested_too_deep_is_a_doubt(body):
    for status in (200, 400, 500):
        response = MpesaResponse(status, body)
        assert type(outcome_of_push(samples.attempt(CHARGE), CHARGE, response)).__name__ == "Unknown"
        assert parse(samples.callback(body)).outcomes == ()
