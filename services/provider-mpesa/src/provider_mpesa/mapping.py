"""M-Pesa's answers as Malipo's outcomes: whatever is not documented is a doubt. Pure, but that an attempt is told the ids in them."""

import math
import re
from datetime import timedelta

from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    MISFITS,
    ActionRequired,
    Outcome,
    Pending,
    PhonePrompt,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import Charge, Refund
from provider_kit.provider import Attempt, References
from provider_mpesa.account import MpesaAccount
from provider_mpesa.answers import accepted, answered, customer_busy, doubt, refusal_of, refused, shown
from provider_mpesa.codes import (
    ANOTHER_PROMPT,
    DONE,
    NOT_IN_STATEMENT,
    PROMPT_DOUBTS,
    PROMPT_ENDS,
    REVERSAL_ENDS,
    STATUS_ENDS,
)
from provider_mpesa.objects import ASKED, MpesaResponse, Result, as_line, id_of, is_id, money_of, text_of
from provider_mpesa.prompt_names import is_of_another, kept

CHECKOUT, MERCHANT_REQUEST, RECEIPT = "checkout", "merchant_request", "receipt"
CONVERSATION, ORIGINATOR = "conversation", "originator"
"""What M-Pesa's ids are called among an attempt's references."""
MISFIT = "misfit"
"""As a claim: what of a callback does not fit what was ordered (`AMOUNT_MISMATCH`, `PAYER_MISMATCH`)."""

_OK, _SERVER_ERROR = 200, 500
_RESULT = "result "
_DECLINED = "Declined"
_AT_IT = re.compile("(being|under) process")


def outcome_of_push(attempt: Attempt, charge: Charge, response: MpesaResponse) -> Outcome:
    """What the answer to a prompt's request means: with code 0 the customer is being asked. Raises `Misconfigured`.

    Another code says that an error occurred, not what had been done before: it is a doubt, and asked about by the prompt's name
    if the answer has one. So is an answer that names the prompt of another customer's number: nothing of it is kept.
    """
    found = answered(response)
    if found is None:
        return ANOTHER_PROMPT if customer_busy(response) else refused(response)
    checkout, mask = id_of(found.checkout), mask_of(charge)
    if checkout and is_of_another(checkout, mask):
        return Unknown(reason="the answer to another prompt")
    if checkout:
        _note(attempt, {CHECKOUT: kept(checkout, mask), MERCHANT_REQUEST: id_of(found.merchant_request)})
    if text_of(found.code) != DONE:
        return Unknown(reason=f"code {shown(text_of(found.code))}")
    return prompt(charge) if checkout else Unknown(reason="no CheckoutRequestID")


def prompt(charge: Charge) -> ActionRequired:
    """The customer has to enter the PIN. The operation shows a mask of the number."""
    return ActionRequired(action=PhonePrompt(mask_of(charge)))


def mask_of(charge: Charge) -> str:
    """What the operation shows of the customer's number."""
    return str(charge.method.details.get("phone", ""))


def checkout_of(references: References) -> str | None:
    """The prompt's name as it is kept: that of the answer, else the only one that callbacks have claimed."""
    claimed = references.claimed(CHECKOUT)
    return references.get(CHECKOUT) or (claimed[0] if len(claimed) == 1 else None)


def outcome_without_name(attempt: Attempt, account: MpesaAccount, *, settle: timedelta) -> Outcome:
    """How a prompt stands of which no answer and no callback came: what was paid of it shows in the account's statement alone.

    It was not paid once that is known for `settle` from when it was sent on, and shows nothing of it.
    """
    if _is_unshown(attempt, account, settle):
        return NOT_IN_STATEMENT
    return Unknown(reason="M-Pesa's name of the prompt is not known")


def is_traceless(outcome: Outcome) -> bool:
    """Whether M-Pesa has answered, and shown nothing of the operation. A result is something, whatever it means."""
    if not isinstance(outcome, Unknown) or outcome.silent or outcome.reference is not None:
        return False
    return outcome.reason not in MISFITS and not outcome.reason.startswith(_RESULT)


def outcome_of_query(
    attempt: Attempt, charge: Charge, account: MpesaAccount, response: MpesaResponse, *, name: str, settle: timedelta
) -> Outcome:
    """What the answer to a query of a prompt means that is kept by this `name` (`prompt_names.kept`).

    A result after which it may be paid all the same is a doubt until the prompt is `settle` old; one that a callback
    contradicts, which told of a payment, until the statement is known for as long, and shows none.

    Raises `Misconfigured`.
    """
    try:
        asked = ASKED.decode(response.body)
    except ValueError:
        return _unended(attempt, charge, response)
    checkout = id_of(asked.checkout)
    told = checkout and kept(checkout, mask_of(charge))
    if response.status != _OK or text_of(asked.answered) != DONE or told not in (None, name):
        return Unknown(reason="unreadable answer", silent=response.status >= _SERVER_ERROR)
    result = text_of(asked.result)
    if result == DONE:
        return _paid(attempt, charge, name)
    if _was_told_paid(attempt.references) and not _is_unshown(attempt, account, settle):
        return Unknown(reason=f"{_RESULT}{shown(result)}, and a callback told of a payment")
    if result not in PROMPT_DOUBTS and _AT_IT.search(as_line(text_of(asked.text))):
        return _under_way(attempt, charge)
    if result in PROMPT_ENDS:
        return PROMPT_ENDS[result]
    if result in PROMPT_DOUBTS and attempt.same_account:
        return _once_settled(attempt, result, settle)
    return Unknown(reason=f"{_RESULT}{shown(result)}")


def outcome_of_reversal(attempt: Attempt, response: MpesaResponse) -> Outcome:
    """What the answer to a reversal's request means: with code 0 M-Pesa works on it. With another it is a doubt, and asked about
    by the conversation, if the answer names one. Raises `Misconfigured`.
    """
    found = answered(response)
    if found is None:
        return refused(response)
    _note(attempt, {CONVERSATION: id_of(found.conversation), ORIGINATOR: id_of(found.originator)})
    return Pending() if text_of(found.code) == DONE else Unknown(reason=f"code {shown(text_of(found.code))}")


def outcome_of_status_query(response: MpesaResponse) -> Outcome:
    """What the answer to a question about a reversal means that M-Pesa has accepted: it will tell. Raises `Misconfigured`."""
    return Pending() if accepted(response) else doubt(response)


def outcome_of_reversal_result(refund: Refund, result: Result) -> Outcome:
    """How a reversal has ended, as its result says."""
    code = text_of(result.result)
    if code != DONE:
        return REVERSAL_ENDS.get(code, Unknown(reason=f"{_RESULT}{shown(code)}"))
    if any(about != refund.reference for about in result.facts("OriginalTransactionID")):
        return Unknown(reason="another transaction")
    return _given_back(refund, result, id_of(result.transaction))


def outcome_of_status_result(refund: Refund, result: Result) -> Outcome | None:
    """How a reversal stands, as the answer to our question says; None if it says nothing."""
    status = result.fact("TransactionStatus")
    if text_of(result.result) != DONE or status not in ("Completed", _DECLINED, *STATUS_ENDS):
        return None
    if status != "Completed":
        return STATUS_ENDS.get(status, Unknown(reason=f"status {status}"))
    receipt = result.fact("ReceiptNo")
    return _given_back(refund, result, receipt if is_id(receipt) else None)


def _given_back(refund: Refund, result: Result, receipt: str | None) -> Outcome:
    if any(money_of(told) != refund.amount for told in result.facts("Amount")):
        return Unknown(reason=AMOUNT_MISMATCH, reference=receipt)
    return Succeeded(amount=refund.amount, reference=receipt)


def _is_unshown(attempt: Attempt, account: MpesaAccount, settle: timedelta) -> bool:
    """Whether the statement is known from when the prompt was sent on, for `settle`, and shows no payment of it. Of a till
    nobody has said that its rows carry our reference.
    """
    known_for = attempt.ages.statement_for
    carries = account.keys.kind != "till" and attempt.same_account
    return carries and attempt.references.get(RECEIPT) is None and known_for is not None and known_for >= settle


def _was_told_paid(references: References) -> bool:
    """Whether something has told that the prompt was paid. Where the query tells otherwise, Malipo does not choose."""
    return bool(references.all(RECEIPT) or references.claimed(RECEIPT) or references.claimed(MISFIT))


def _paid(attempt: Attempt, charge: Charge, name: str) -> Outcome:
    """The query tells neither amount nor receipt: what callbacks have claimed must fit what was ordered, until a statement has
    shown the payment.
    """
    shown_receipt, misfits = attempt.references.get(RECEIPT), attempt.references.claimed(MISFIT)
    if misfits and shown_receipt is None:
        return Unknown(reason=AMOUNT_MISMATCH if AMOUNT_MISMATCH in misfits else misfits[0])
    receipt = shown_receipt or _claimed_receipt(attempt.references, name)
    _note(attempt, {CHECKOUT: name, RECEIPT: receipt})
    return Succeeded(amount=charge.amount, reference=receipt)


def _claimed_receipt(references: References, name: str) -> str | None:
    """The receipt that the callback of this very prompt has named, if all that came there agrees."""
    receipts = references.claimed(RECEIPT)
    return receipts[0] if len(receipts) == 1 and {*references.claimed(CHECKOUT)} <= {name} else None


def _unended(attempt: Attempt, charge: Charge, response: MpesaResponse) -> Outcome:
    """A query's answer that tells no end: M-Pesa is at it, which it says with an error, or nothing that we know."""
    refusal = refusal_of(response)
    return _under_way(attempt, charge) if refusal and _AT_IT.search(refusal.text) else doubt(response)


def _once_settled(attempt: Attempt, result: str, settle: timedelta) -> Outcome:
    """How a prompt has ended after which it may be paid all the same, once it is `settle` old; a doubt until then."""
    left = settle - attempt.ages.key_age_now()
    if left <= timedelta():
        return PROMPT_DOUBTS[result]
    return Unknown(reason=f"{_RESULT}{shown(result)}", check_after=math.ceil(left.total_seconds()))


def _under_way(attempt: Attempt, charge: Charge) -> Outcome:
    """As long as the intent is good its customer may still be asked for the PIN."""
    return Pending() if attempt.ages.expired else prompt(charge)


def _note(attempt: Attempt, found: dict[str, str | None]) -> None:
    for role, reference in found.items():
        if reference:
            attempt.references.note(role, reference)
