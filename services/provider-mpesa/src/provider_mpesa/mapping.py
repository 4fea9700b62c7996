"""M-Pesa's answers as Malipo's outcomes: whatever is not documented is a doubt. Pure."""

import re
from datetime import timedelta
from typing import Literal, NamedTuple

from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    ActionRequired,
    Declined,
    Outcome,
    Pending,
    PhonePrompt,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import Charge, Refund
from provider_kit.errors import Misconfigured
from provider_kit.provider import Attempt, References
from provider_mpesa.account import MpesaAccount
from provider_mpesa.codes import ANOTHER_PROMPT, DONE, NOT_IN_STATEMENT, PROMPT_DOUBTS, PROMPT_ENDS, REVERSAL_ENDS
from provider_mpesa.objects import ACCEPTED, ASKED, FAILURE, Accepted, MpesaResponse, Result, money_of, text_of

CHECKOUT, MERCHANT_REQUEST, RECEIPT = "checkout", "merchant_request", "receipt"
CONVERSATION, ORIGINATOR = "conversation", "originator"
"""What M-Pesa's ids are called among an attempt's references."""
MISFIT = "misfit"
"""As a claim: what of a callback does not fit what was ordered (`AMOUNT_MISMATCH`, `PHONE_MISMATCH`)."""
PHONE_MISMATCH = "phone_mismatch"

Pause = Literal["spike_arrest", "quota"]

_OK, _BAD_REQUEST, _UNAUTHORIZED, _SERVER_ERROR = 200, 400, 401, 500
_AT_IT = re.compile("(being|under) process")
_CODE = re.compile(r"[A-Za-z0-9._-]{1,30}")
_INVALID = re.compile(r"invalid\s+(\w+)", re.IGNORECASE)
_TOKEN_REFUSED = re.compile(rb"invalid access token|404\.001\.03|400\.003\.01|401\.001", re.IGNORECASE)
_PAUSES: tuple[tuple[re.Pattern[bytes], Pause], ...] = (
    (re.compile(rb"spike\s*arrest\s*violation", re.IGNORECASE), "spike_arrest"),
    (re.compile(rb"quota\s*violation", re.IGNORECASE), "quota"),
)
_INVALID_REQUEST = ("400.002.02", "400.002.05", "400.003.02")
_NO_SUCH_API = ("404.001.01", "404.003.01", "405.001")
_ACCOUNTS_OWN = (
    *("businessshortcode", "password", "partyb", "transactiontype"),
    *("initiator", "securitycredential", "receiverparty"),
)
_ADDRESSES = ("callbackurl", "resulturl", "queuetimeouturl")


class _Refusal(NamedTuple):
    """An error as M-Pesa tells it, and its text in lower case: one code has several meanings, which the text tells apart."""

    code: str
    text: str
    shown: str


def token_refused(response: MpesaResponse) -> bool:
    """Whether the access token was refused: nothing was processed."""
    if response.status == _UNAUTHORIZED:
        return True
    return _BAD_REQUEST <= response.status < _SERVER_ERROR and _TOKEN_REFUSED.search(response.body) is not None


def pause_of(response: MpesaResponse) -> Pause | None:
    """Why the gateway in front of M-Pesa has turned a request away, which M-Pesa has not seen then.

    By the text: the code 500.003.02 is also that of a system that is busy, which may have seen it.
    """
    if response.status < _BAD_REQUEST:
        return None
    return next((pause for pattern, pause in _PAUSES if pattern.search(response.body)), None)


def pushed(attempt: Attempt, charge: Charge, response: MpesaResponse) -> Outcome:
    """What the answer to a prompt's request means: with code 0 the customer is being asked. Raises `Misconfigured`."""
    accepted = _accepted(response)
    if accepted is None:
        return _refused(response)
    if accepted.checkout is None:
        return Unknown(reason="no CheckoutRequestID")
    _note(attempt, {CHECKOUT: accepted.checkout, MERCHANT_REQUEST: accepted.merchant_request})
    return prompt(charge)


def prompt(charge: Charge) -> ActionRequired:
    """The customer has to enter the PIN. The operation shows a mask of the number."""
    return ActionRequired(action=PhonePrompt(str(charge.method.details.get("phone", ""))))


def checkout_of(references: References) -> str | None:
    """What a query asks by: the `CheckoutRequestID` of the answer, else the only one that callbacks have claimed."""
    claimed = references.claimed(CHECKOUT)
    return references.get(CHECKOUT) or (claimed[0] if len(claimed) == 1 else None)


def nameless(attempt: Attempt, account: MpesaAccount, *, settle: timedelta) -> Outcome:
    """How a prompt stands of which no answer and no callback came: what was paid of it shows in the account's statement alone.

    Of a till nobody has said that its rows carry our reference.
    """
    known_for = attempt.ages.statement_for
    if account.keys.kind == "till" or not attempt.same_account or known_for is None or known_for < settle:
        return Unknown(reason="M-Pesa's name of the prompt is not known")
    return NOT_IN_STATEMENT


def queried(attempt: Attempt, charge: Charge, checkout: str, response: MpesaResponse, *, settle: timedelta) -> Outcome:
    """What the answer to a query of a prompt means. What may be paid all the same is a doubt until the prompt is `settle` old.

    Raises `Misconfigured`.
    """
    try:
        asked = ASKED.decode(response.body)
    except ValueError:
        return _unended(attempt, charge, response)
    if response.status != _OK or text_of(asked.answered) != DONE or asked.checkout not in (None, checkout):
        return Unknown(reason="unreadable answer", silent=response.status >= _SERVER_ERROR)
    result = text_of(asked.result)
    if result == DONE:
        return _paid(attempt, charge, checkout)
    if result in PROMPT_ENDS:
        return PROMPT_ENDS[result]
    if result not in PROMPT_DOUBTS and _AT_IT.search(asked.text.lower()):
        return _under_way(attempt, charge)
    settled = result in PROMPT_DOUBTS and attempt.same_account and attempt.ages.key_age_now() >= settle
    return PROMPT_DOUBTS[result] if settled else Unknown(reason=f"result {_shown(result)}")


def reversing(attempt: Attempt, response: MpesaResponse) -> Outcome:
    """What the answer to a reversal's request means: with code 0 M-Pesa works on it. Raises `Misconfigured`."""
    accepted = _accepted(response)
    if accepted is None:
        return _refused(response)
    _note(attempt, {CONVERSATION: accepted.conversation, ORIGINATOR: accepted.originator})
    return Pending()


def status_asked(response: MpesaResponse) -> Outcome:
    """What the answer to a question about a reversal means that M-Pesa has accepted: it will tell. Raises `Misconfigured`."""
    return Pending() if _accepted(response) else _doubt(response)


def reversal_result(refund: Refund, result: Result) -> Outcome:
    """How a reversal has ended, as its result says."""
    code = text_of(result.result)
    if code != DONE:
        return REVERSAL_ENDS.get(code, Unknown(reason=f"result {_shown(code)}"))
    about = result.fact("OriginalTransactionID")
    if about and about != refund.reference:
        return Unknown(reason="another transaction")
    return _given_back(refund, result, text_of(result.transaction))


def status_result(refund: Refund, result: Result) -> Outcome | None:
    """How a reversal stands, as the answer to our question says; None if it says nothing."""
    if text_of(result.result) != DONE or result.fact("TransactionStatus") != "Completed":
        return None
    return _given_back(refund, result, result.fact("ReceiptNo"))


def _given_back(refund: Refund, result: Result, receipt: str) -> Outcome:
    told = result.fact("Amount")
    amount = money_of(told) if told else refund.amount
    if amount is None:
        return Unknown(reason=AMOUNT_MISMATCH, reference=receipt or None)
    return Succeeded(amount=amount, reference=receipt or None)


def _paid(attempt: Attempt, charge: Charge, checkout: str) -> Outcome:
    """The query tells neither amount nor receipt: what callbacks have claimed must fit what was ordered."""
    misfits = attempt.references.claimed(MISFIT)
    if misfits:
        return Unknown(reason=AMOUNT_MISMATCH if AMOUNT_MISMATCH in misfits else misfits[0])
    receipt = attempt.references.get(RECEIPT) or _claimed_receipt(attempt.references, checkout)
    _note(attempt, {CHECKOUT: checkout, RECEIPT: receipt})
    return Succeeded(amount=charge.amount, reference=receipt)


def _claimed_receipt(references: References, checkout: str) -> str | None:
    """The receipt that the callback of this very prompt has named, if all that came there agrees."""
    receipts = references.claimed(RECEIPT)
    return receipts[0] if len(receipts) == 1 and {*references.claimed(CHECKOUT)} <= {checkout} else None


def _unended(attempt: Attempt, charge: Charge, response: MpesaResponse) -> Outcome:
    """A query's answer that tells no end: M-Pesa is at it, which it says with an error, or nothing that we know."""
    refusal = _refusal(response)
    return _under_way(attempt, charge) if refusal and _AT_IT.search(refusal.text) else _doubt(response)


def _under_way(attempt: Attempt, charge: Charge) -> Outcome:
    """As long as the intent is good its customer may still be asked for the PIN."""
    return Pending() if attempt.ages.expired else prompt(charge)


def _refused(response: MpesaResponse) -> Outcome:
    """What an answer means that accepts nothing, where it is documented; else a doubt. Raises `Misconfigured`."""
    refusal = _refusal(response)
    if refusal and refusal.code in _INVALID_REQUEST and response.status < _SERVER_ERROR:
        return _invalid(refusal)
    if refusal and "unable to lock subscriber" in refusal.text:
        return ANOTHER_PROMPT
    return _doubt(response)


def _invalid(refusal: _Refusal) -> Declined:
    found = _INVALID.search(refusal.text)
    field = found[1] if found else ""
    if field in _ADDRESSES:
        raise Misconfigured("M-Pesa refuses the addresses of our callbacks: see CALLBACK_BASE_URL.")
    if field in _ACCOUNTS_OWN:
        msg = f"M-Pesa refuses {field}, which is made of the credentials."
        raise Misconfigured(msg)
    return Declined(code="invalid_request", message=refusal.shown.strip() or "M-Pesa refuses the request as invalid.")


def _doubt(response: MpesaResponse) -> Unknown:
    """Raises `Misconfigured` where M-Pesa says that it is the credentials, or the address of its API."""
    refusal = _refusal(response)
    silent = response.status >= _SERVER_ERROR
    if refusal is None:
        return Unknown(
            reason="unreadable answer" if response.status == _OK else f"http {response.status}", silent=silent
        )
    if "merchant does not exist" in refusal.text or "wrong credentials" in refusal.text:
        raise Misconfigured("M-Pesa refuses the short code or the passkey.")
    if refusal.code in _NO_SUCH_API:
        raise Misconfigured("M-Pesa has no such API: see MPESA_API_BASE.")
    return Unknown(reason=f"error {_shown(refusal.code)}", silent=silent)


def _refusal(response: MpesaResponse) -> _Refusal | None:
    if response.status < _BAD_REQUEST:
        return None
    try:
        failure = FAILURE.decode(response.body)
    except ValueError:
        return None
    return _Refusal(text_of(failure.code), " ".join(failure.message.lower().split()), failure.message)


def _accepted(response: MpesaResponse) -> Accepted | None:
    try:
        accepted = ACCEPTED.decode(response.body)
    except ValueError:
        return None
    return accepted if response.status == _OK and text_of(accepted.code) == DONE else None


def _note(attempt: Attempt, found: dict[str, str | None]) -> None:
    for role, reference in found.items():
        if reference:
            attempt.references.note(role, reference)


def _shown(code: str) -> str:
    return code if _CODE.fullmatch(code) else "unreadable"
