"""Every documented answer of M-Pesa's as an outcome: what is certain, what is a doubt, and what a person has to mend."""

import json
from datetime import timedelta

import mpesa_samples as samples
import pytest

from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    PAYER_MISMATCH,
    ActionRequired,
    Declined,
    Pending,
    Succeeded,
    Unknown,
)
from provider_kit.errors import Misconfigured
from provider_kit.provider import Ages, References
from provider_mpesa.account import read_account
from provider_mpesa.answers import pause_of, token_refused
from provider_mpesa.codes import PROMPT_DOUBTS, PROMPT_ENDS, REVERSAL_ENDS
from provider_mpesa.mapping import (
    MISFIT,
    checkout_of,
    is_traceless,
    outcome_of_push,
    outcome_of_query,
    outcome_of_reversal,
    outcome_of_reversal_result,
    outcome_of_status_query,
    outcome_of_status_result,
)
from provider_mpesa.objects import RESULT_REPORT, MpesaResponse

CHARGE, REFUND = samples.charge(), samples.refund()
ANSWERED = References([("checkout", samples.NAME)])
OLD = Ages(samples.SETTLE)


def response(body: object, status: int = 200) -> MpesaResponse:
    return MpesaResponse(status, body if isinstance(body, bytes) else json.dumps(body).encode())


def error(code: str, text: str) -> MpesaResponse:
    return response(samples.failure(code, text), int(code[:3]))


def push(answer: MpesaResponse):
    return outcome_of_push(samples.attempt(CHARGE), CHARGE, answer)


def ask(answer: MpesaResponse, credentials=samples.CREDENTIALS, **changes):
    attempt = samples.attempt(CHARGE, **{"references": References(ANSWERED.known)} | changes)
    account = read_account(credentials, "test")
    return outcome_of_query(attempt, CHARGE, account, answer, name=samples.NAME, settle=samples.SETTLE)


def result_of(event: dict):
    return RESULT_REPORT.decode(json.dumps(event).encode()).result


@pytest.mark.parametrize("code", ["0", 0])
def test_accepted_is_not_paid_the_customer_is_being_asked_and_both_ids_are_kept(code):
    attempt = samples.attempt(CHARGE)
    outcome = outcome_of_push(attempt, attempt.operation, response(samples.pushed(ResponseCode=code)))
    assert isinstance(outcome, ActionRequired)
    assert outcome.action.phone == samples.MASK
    assert outcome.reference is None  # what is refunded one day is a receipt
    assert attempt.references.noted == [("checkout", samples.NAME), ("merchant_request", "3333-44444444-1")]


@pytest.mark.parametrize("field", ["PhoneNumber", "Amount", "AccountReference"])
def test_a_prompt_that_is_refused_as_invalid_was_not_sent(field):
    text = f"Bad Request - Invalid {field}"
    assert push(error("400.002.02", text)) == Declined(code="invalid_request", message=text)


@pytest.mark.parametrize(
    ("code", "text", "mend"),
    [
        ("500.001.1001", "Merchant does not exist", "short code"),
        ("500.001.1001", "[MerchantValidate] - Wrong  credentials", "passkey"),
        ("400.002.02", "Bad Request - Invalid BusinessShortCode", "businessshortcode"),
        ("400.002.02", "Bad Request - Invalid Initiator", "initiator"),
        ("400.002.02", "Bad Request - Invalid CallBackURL", "CALLBACK_BASE_URL"),
        ("404.001.01", "Resource not found", "MPESA_API_BASE"),
        ("405.001", "GET Method Not Allowed", "MPESA_API_BASE"),
    ],
)
def test_what_the_merchant_or_the_operator_can_mend_is_a_misconfiguration(code, text, mend):
    with pytest.raises(Misconfigured, match=mend):
        push(error(code, text))


def test_one_code_has_several_meanings_which_its_text_tells_apart():
    locked = "Unable to lock subscriber, a transaction is already in process for the current subscriber"
    assert push(error("500.001.1001", locked)).code == "customer_busy"
    assert isinstance(ask(error("500.001.1001", "The transaction is being processed")), ActionRequired)
    assert push(error("500.001.1001", "The transaction is being processed")) == Unknown(
        reason="error 500.001.1001", silent=True
    )
    assert pause_of(error("500.003.02", "Error Occurred: Spike Arrest Violation")) == "spike_arrest"
    assert pause_of(error("500.003.03", "Quota Violation")) == "quota"
    assert pause_of(error("500.003.02", "System is busy. Please try again in few minutes.")) is None
    fault = {"fault": {"faultstring": "Spike arrest violation. Allowed rate : 10ps"}}
    assert pause_of(response(fault, 429)) == "spike_arrest"
    assert pause_of(response(fault)) is None


@pytest.mark.parametrize(
    "answer",
    [
        error("500.003.02", "System is busy. Please try again in few minutes."),
        error("500.003.1001", "Internal Server Error"),
        error("500.001.1001", "A text that nobody has documented"),
        response(b"<html>Request Rejected</html>"),
        response(samples.pushed(ResponseCode="1")),
        response(samples.pushed(CheckoutRequestID=None)),
        response(samples.pushed(CheckoutRequestID="with a space")),
        response(b"", 302),
    ],
)
def test_any_other_answer_to_a_prompt_is_a_doubt(answer):
    assert isinstance(push(answer), Unknown)


def test_a_prompt_that_is_answered_with_an_error_and_a_name_is_a_doubt_and_asked_about_by_that_name():
    attempt = samples.attempt(CHARGE)
    outcome = outcome_of_push(attempt, attempt.operation, response(samples.pushed(ResponseCode="1")))
    assert outcome == Unknown(reason="code 1")
    assert ("checkout", samples.NAME) in attempt.references.noted


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (error("404.001.03", "Invalid Access Token"), True),
        (error("400.003.01", "Invalid Access Token"), True),
        (error("401.002.01", "Error Occurred - Invalid Access Token"), True),
        (response({"ResponseCode": "401.001", "ResponseMessage": "Invalid Access Token"}, 401), True),
        (error("404.001.04", "Invalid Authentication Header"), True),
        (error("404.001.01", "Resource not found"), False),
        (error("400.002.02", "Bad Request - Invalid Amount"), False),
        (response({"text": "Invalid Access Token"}), False),
    ],
)
def test_a_refused_access_token_is_known_in_every_way_that_it_is_told(answer, refused):
    assert token_refused(answer) is refused


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("code", PROMPT_ENDS)
def test_every_documented_result_ends_the_prompt_whether_it_is_text_or_number(code, as_text):
    told = code if as_text or not code.isdecimal() else int(code)
    assert ask(response(samples.asked(told, "Any text"))) == PROMPT_ENDS[code]


@pytest.mark.parametrize("code", PROMPT_DOUBTS)
def test_what_may_be_paid_all_the_same_is_a_doubt_until_it_is_settled(code):
    answer = response(samples.asked(code, "DS timeout user cannot be reached"))
    for left in (samples.SETTLE, timedelta(seconds=50)):
        doubt = ask(answer, ages=Ages(samples.SETTLE - left))
        assert doubt.reason == f"result {code}"
        assert 0 < doubt.check_after <= left.total_seconds()
    assert ask(answer, ages=OLD) == PROMPT_DOUBTS[code]
    assert ask(answer, ages=OLD, same_account=False) == Unknown(reason=f"result {code}")


@pytest.mark.parametrize("code", ["5417", "1.5", "", "x" * 40, None, True])
def test_a_result_that_is_not_documented_is_a_doubt_for_ever(code):
    assert isinstance(ask(response(samples.asked(code, "Something new")), ages=OLD), Unknown)


def test_a_prompt_that_is_still_under_way_may_have_a_code_of_its_own():
    assert isinstance(ask(response(samples.asked("4999", "The transaction is still under processing"))), ActionRequired)
    over = Ages(expires_in=timedelta())
    assert ask(response(samples.UNDER_WAY, 500), ages=over) == Pending()


@pytest.mark.parametrize(
    "answer",
    [
        response(samples.asked(CheckoutRequestID="ws_CO_another")),
        response(samples.asked(ResponseCode="1")),
        response(samples.asked(), 500),
        error("400.002.02", "Bad Request - Invalid CheckoutRequestID"),
        response(b"<html>"),
    ],
)
def test_a_query_that_tells_nothing_of_this_prompt_is_a_doubt(answer):
    assert isinstance(ask(answer), Unknown)


def test_the_answer_names_a_prompt_else_the_only_one_that_callbacks_have_claimed():
    claimed = [("checkout", "ws_CO_claimed")]
    assert checkout_of(References(ANSWERED.known, claims=claimed)) == samples.NAME
    assert checkout_of(References(claims=claimed)) == "ws_CO_claimed"
    assert checkout_of(References(claims=[*claimed, ("checkout", "ws_CO_other")])) is None
    assert checkout_of(References()) is None


@pytest.mark.parametrize("misfit", [AMOUNT_MISMATCH, PAYER_MISMATCH])
def test_a_success_that_a_callback_has_told_otherwise_is_a_doubt(misfit):
    references = References(ANSWERED.known, claims=[("receipt", samples.RECEIPT), (MISFIT, misfit)])
    assert ask(response(samples.asked()), references=references) == Unknown(reason=misfit)


@pytest.mark.parametrize("code", [*PROMPT_ENDS, *PROMPT_DOUBTS])
@pytest.mark.parametrize("claim", [("receipt", samples.RECEIPT), (MISFIT, AMOUNT_MISMATCH)])
def test_an_end_without_money_is_a_doubt_where_a_callback_has_told_of_a_payment(code, claim):
    references = References(ANSWERED.known, claims=[claim])
    outcome = ask(response(samples.asked(code, "Any text")), references=references, ages=OLD)
    assert outcome == Unknown(reason=f"result {code}, and a callback told of a payment")


@pytest.mark.parametrize("claim", [("receipt", samples.RECEIPT), (MISFIT, AMOUNT_MISMATCH)])
def test_the_statement_decides_between_a_callback_and_the_query(claim):
    failed = response(samples.asked("1032", "Any text"))
    known = Ages(samples.SETTLE, statement_for=samples.SETTLE)
    told = References(ANSWERED.known, claims=[claim])
    assert ask(failed, references=told, ages=known) == PROMPT_ENDS["1032"]
    for other in ({"ages": OLD}, {"ages": known, "credentials": samples.TILL}, {"ages": known, "same_account": False}):
        assert isinstance(ask(failed, references=told, **other), Unknown)
    shown = References([*ANSWERED.known, ("receipt", samples.RECEIPT)], claims=[claim])
    assert isinstance(ask(failed, references=shown, ages=known), Unknown)


def test_a_misfit_is_refuted_once_a_statement_has_shown_the_payment():
    references = References([*ANSWERED.known, ("receipt", samples.RECEIPT)], claims=[(MISFIT, AMOUNT_MISMATCH)])
    told = ask(response(samples.asked()), references=references)
    assert told == Succeeded(amount=samples.KES_10, reference=samples.RECEIPT)


def test_a_receipt_that_a_statement_has_shown_stays_the_payments_reference():
    references = References([*ANSWERED.known, ("receipt", samples.RECEIPT)], claims=[("receipt", "SKL4OTHER9")])
    told = ask(response(samples.asked()), references=references)
    assert told == Succeeded(amount=samples.KES_10, reference=samples.RECEIPT)


def test_a_reversal_that_is_accepted_is_pending_and_its_ids_are_kept():
    attempt = samples.attempt(REFUND)
    assert outcome_of_reversal(attempt, response(samples.accepted())) == Pending()
    assert dict(attempt.references.noted) == {"conversation": samples.CONVERSATION, "originator": samples.ORIGINATOR}
    for doubt in (response(samples.accepted(ResponseCode="17")), error("500.001.1001", "Internal Server Error")):
        assert isinstance(outcome_of_reversal(samples.attempt(REFUND), doubt), Unknown)
        assert isinstance(outcome_of_status_query(doubt), Unknown)
    assert outcome_of_status_query(response(samples.accepted())) == Pending()


@pytest.mark.parametrize("code", REVERSAL_ENDS)
def test_every_documented_result_of_a_reversal_ends_it(code):
    told = int(code) if code.isdecimal() else code
    assert outcome_of_reversal_result(REFUND, result_of(samples.result(told))) == REVERSAL_ENDS[code]


def test_a_reversal_that_was_carried_out_tells_its_receipt_and_its_amount():
    done = Succeeded(amount=samples.KES_10, reference=samples.REVERSAL)
    assert outcome_of_reversal_result(REFUND, result_of(samples.result())) == done
    assert outcome_of_reversal_result(REFUND, result_of(samples.result(ResultParameters=None))) == done
    only = {"ResultParameter": {"Key": "OriginalTransactionID", "Value": samples.RECEIPT}}
    assert outcome_of_reversal_result(REFUND, result_of(samples.result(ResultParameters=only))) == done


@pytest.mark.parametrize(
    "event",
    [
        samples.result("R000001"),  # the money went back, and not by this one
        samples.result(5417),
        samples.result(ResultParameters=samples.parameters({"OriginalTransactionID": "SKL4OTHER9"})),
        samples.result(ResultParameters=samples.parameters({"Amount": "ten"})),
    ],
)
def test_any_other_result_of_a_reversal_is_a_doubt(event):
    assert isinstance(outcome_of_reversal_result(REFUND, result_of(event)), Unknown)


def test_a_reversal_that_was_declined_may_be_of_what_somebody_else_had_reversed_and_is_a_doubt():
    assert outcome_of_status_result(REFUND, result_of(samples.stands("Declined"))) == Unknown(reason="status Declined")


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Expired"])
def test_a_reversal_that_m_pesa_says_has_ended_without_effect_has_failed(status):
    told = outcome_of_status_result(REFUND, result_of(samples.stands(status)))
    assert isinstance(told, Declined)
    assert told.code == "refund_failed"


def test_a_reversal_stands_as_its_status_says_and_a_word_that_is_no_end_says_nothing():
    assert outcome_of_status_result(REFUND, result_of(samples.stands())) == Succeeded(
        amount=samples.KES_10, reference=samples.REVERSAL
    )
    for status in ("Pending", ""):
        assert outcome_of_status_result(REFUND, result_of(samples.stands(status))) is None
    assert outcome_of_status_result(REFUND, result_of(samples.result("SFC_IC0003"))) is None


@pytest.mark.parametrize(
    ("answer", "traceless"),
    [
        (response(samples.asked("1037", "DS timeout user cannot be reached.")), False),
        (response(samples.asked("5417", "What no document names")), False),
        (response(b"<html>Request Rejected</html>"), True),
        (error("500.003.1001", "Internal Server Error"), False),
        (error("400.003.99", "What no document names"), True),
    ],
    ids=["a doubtful result", "an unheard-of result", "a page", "silence", "an unheard-of error"],
)
def test_a_result_shows_that_mpesa_knows_the_prompt_whatever_it_means(answer, traceless):
    assert is_traceless(ask(answer)) is traceless
