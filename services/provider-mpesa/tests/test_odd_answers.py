"""What M-Pesa, or what stands in front of it, answers oddly: what it has told is read all the same, and no more believed than that."""

import json

import httpx
import mpesa_samples as samples
import pytest

from malipo.contracts.outcomes import ActionRequired, Declined, Pending, Succeeded, Unknown
from malipo.platform.client import http_client
from provider_kit.errors import NotSent
from provider_kit.provider import References
from provider_mpesa.account import read_account
from provider_mpesa.codes import PROMPT_ENDS
from provider_mpesa.mapping import (
    checkout_of,
    outcome_of_push,
    outcome_of_query,
    outcome_of_reversal,
    outcome_of_status_query,
)
from provider_mpesa.objects import MpesaResponse
from provider_mpesa.requests import TOKEN

CHARGE, REFUND = samples.charge(), samples.refund()
MARK = b"\xef\xbb\xbf"
NO_IDS = [None, "", "with a space", {}, [], True, "x" * 5000, "\x00"]
"""What stands where an id is to stand, and is none."""


def response(body: object, status: int = 200) -> MpesaResponse:
    return MpesaResponse(status, body if isinstance(body, bytes) else json.dumps(body).encode())


def pushed(body: object, status: int = 200):
    """The outcome, and what is kept of the answer."""
    attempt = samples.attempt(CHARGE)
    return outcome_of_push(attempt, CHARGE, response(body, status)), dict(attempt.references.noted)


def asked(body: object, status: int = 200):
    attempt = samples.attempt(CHARGE, references=References([("checkout", samples.NAME)]))
    account = read_account(samples.CREDENTIALS, "test")
    told = response(body, status)
    return outcome_of_query(attempt, CHARGE, account, told, name=samples.NAME, settle=samples.SETTLE)


def reversed_(body: object, status: int = 200):
    attempt = samples.attempt(REFUND)
    return outcome_of_reversal(attempt, response(body, status)), dict(attempt.references.noted)


@pytest.mark.parametrize("token", [None, "", " ", "a b", "a\r\nX-Other: b", "a\x00b", "t\u00f6ken", "x" * 5000, {}])
async def test_a_token_that_no_header_can_hold_is_none_and_nothing_is_sent_with_it(token):
    asked_for = []

    def daraja(request: httpx.Request) -> httpx.Response:
        asked_for.append(request.url.path)
        return httpx.Response(200, json=samples.TOKEN | {"access_token": token})

    async with http_client(timeout_seconds=1, transport=httpx.MockTransport(daraja)) as http:
        provider = samples.provider(http, host="http://daraja")
        for verb in (provider.prepare, provider.execute):
            with pytest.raises(NotSent, match="no access token"):
                await verb(samples.attempt(CHARGE))
    assert set(asked_for) == {TOKEN}


@pytest.mark.parametrize("other", [*NO_IDS, 12345])
def test_an_id_that_nobody_needs_hides_no_prompts_name(other):
    outcome, kept = pushed(samples.pushed(MerchantRequestID=other, ConversationID=other))
    assert isinstance(outcome, ActionRequired)
    assert kept["checkout"] == samples.NAME


@pytest.mark.parametrize("name", NO_IDS)
def test_an_accepted_prompt_without_a_name_is_a_doubt(name):
    outcome, kept = pushed(samples.pushed(CheckoutRequestID=name))
    assert isinstance(outcome, Unknown)
    assert "checkout" not in kept


@pytest.mark.parametrize("code", [None, "", 0.0, False, ["0"], "00", "x" * 50])
def test_a_prompt_is_asked_about_by_its_name_also_where_the_code_of_its_answer_cannot_be_read(code):
    outcome, kept = pushed(samples.pushed(ResponseCode=code))
    assert isinstance(outcome, Unknown)
    assert kept["checkout"] == samples.NAME


def test_an_answer_that_names_the_prompt_of_another_number_is_a_doubt_and_nothing_of_it_is_kept():
    """Else the other's payment would be taken for this one's, and this one's own callback would be refused."""
    outcome, kept = pushed(samples.pushed(CheckoutRequestID="ws_CO_21112026123000123711999222"))
    assert (outcome, kept) == (Unknown(reason="the answer to another prompt"), {})
    claimed = References(claims=[("checkout", samples.NAME)])
    assert checkout_of(claimed) == samples.NAME  # as its callback tells


@pytest.mark.parametrize("text", [None, 0, {}, [], "\u2028"])
@pytest.mark.parametrize(
    ("code", "outcome"),
    [("0", Succeeded(amount=samples.KES_10)), (1032, PROMPT_ENDS["1032"])],
    ids=["paid", "canceled"],
)
def test_a_prompts_end_is_read_whatever_its_text_is(code, outcome, text):
    assert asked(samples.asked(code, text)) == outcome
    assert asked(samples.asked(code, text, CheckoutRequestID="", MerchantRequestID=7)) == outcome


@pytest.mark.parametrize("code", ["1", "1032", "4999"])
@pytest.mark.parametrize("text", ["The transaction is being processed", "Still  UNDER\nProcessing"])
def test_a_prompt_that_m_pesa_says_it_is_at_has_not_failed_whatever_the_code(code, text):
    assert isinstance(asked(samples.asked(code, text)), ActionRequired)


@pytest.mark.parametrize("read", [pushed, reversed_])
def test_a_refusal_without_a_text_is_read_by_its_code(read):
    outcome, _ = read({"errorCode": "400.002.02", "errorMessage": None}, 400)
    assert outcome == Declined(code="invalid_request", message="M-Pesa refuses the request as invalid.")


def test_what_a_refusal_repeats_of_our_secrets_is_not_told():
    account = read_account(samples.CREDENTIALS, "test")
    secrets = [
        account.password("20261121123000"),
        samples.TOKEN["access_token"] + "-long",
        f"https://a.test/{'ab' * 32}",
    ]
    for secret in secrets:
        outcome, _ = pushed(samples.failure("400.002.02", f"Bad Request - Invalid Amount in {secret}"), 400)
        assert isinstance(outcome, Declined)
        assert outcome.message.startswith("Bad Request - Invalid Amount in ")
        assert secret not in outcome.message


@pytest.mark.parametrize("other", NO_IDS)
def test_a_reversal_that_was_accepted_is_pending_and_asked_about_by_what_is_known_of_it(other):
    accepted = samples.accepted(ConversationID=other, CheckoutRequestID=other)
    assert reversed_(accepted) == (Pending(), {"originator": samples.ORIGINATOR})
    assert outcome_of_status_query(response(accepted)) == Pending()


def test_a_reversal_that_is_answered_with_an_error_and_a_name_is_a_doubt_and_asked_about_by_that_name():
    outcome, kept = reversed_(samples.accepted(ResponseCode="1"))
    assert outcome == Unknown(reason="code 1")
    assert kept == {"conversation": samples.CONVERSATION, "originator": samples.ORIGINATOR}


def test_a_reversal_is_not_declined_as_a_prompt_for_which_the_customer_is_too_busy():
    busy = samples.failure("500.001.1001", "Unable to lock subscriber, a transaction is already in process")
    outcome, _ = reversed_(busy, 500)
    assert isinstance(outcome, Unknown)


def test_a_byte_order_mark_before_an_answer_is_no_part_of_it():
    marked = [MARK + json.dumps(one).encode() for one in (samples.pushed(), samples.asked(), samples.accepted())]
    assert isinstance(pushed(marked[0])[0], ActionRequired)
    assert asked(marked[1]) == Succeeded(amount=samples.KES_10)
    assert reversed_(marked[2])[0] == Pending()
