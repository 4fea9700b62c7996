"""The bank's payments and refusals as Malipo's outcomes. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    Canceled,
    Declined,
    Outcome,
    Pending,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import Cancel, Charge, ReturnRequest
from malipo.contracts.providers.bank import own_reference
from provider_bank import amounts
from provider_bank.codes import REASONS, REFUSALS
from provider_bank.objects import (
    ASKED,
    BEFORE,
    CLEARING,
    PAYMENT,
    PROBLEMS,
    Asked,
    BankResponse,
    Payment,
    Problem,
    Reason,
    is_word,
)
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import ProviderOperation, References
from provider_kit.reading import moment

OK, CREATED, ACCEPTED = 200, 201, 202
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _UNPROCESSABLE = 400, 401, 403, 404, 409, 422
_TOO_EARLY, _TOO_MANY, _SERVER_ERROR = 425, 429, 500
_RETRY_SECONDS = 1.0
_MOST_FIELDS = 5
_SOON = timedelta(minutes=1)  # an execution that is later than this waits for the rail to open

IN_FLIGHT = Unknown(reason="the bank is at work on it", check_after=1)
"""A request under the same key is being carried out: what this one would have done, that one does."""

_TOO_LATE = Declined(
    code="not_cancelable",
    message="The bank works on it already. Once it is completed, ask for its return if the rail knows that.",
)
_NOT_YET = Declined(
    code="return_request_impossible",
    message="Only what is completed can be asked back: cancel it while its bank allows, or ask again then.",
)
_IMPOSSIBLE = Declined(
    code="return_request_impossible",
    message="The bank cannot ask for it: that takes a rail that knows return requests, and that it is completed. Ask the "
    "recipient to send it back.",
)
_REFUSED_AGAIN = Unknown(reason="refused when it was repeated")
_FAILED_BEFORE, _RETURNED_BEFORE = Declined(code="payment_failed"), Declined(code="payment_returned")


@dataclass(frozen=True, slots=True)
class Unclear:
    """The answer alone does not tell: the bank's book does. `otherwise` is the outcome if that shows no effect."""

    otherwise: Outcome


def outcome_of_payment(payment: Payment) -> Outcome:
    """How a payment stands at the bank. Raises `ValueError` for an amount that cannot be."""
    reference = payment.id
    match payment.status:
        case "initiated" | "held" | "processing" | "unknown":
            return _pending(payment)
        case "completed":
            return Succeeded(amount=amounts.read(payment.amount, payment.currency), reference=reference)
        case "returned":
            return _returned(payment)
        case "rejected":
            return _rejected(payment.status_reason, reference)
        case "canceled":
            return Canceled(reference=reference)
        case unheard_of:
            return Unknown(reason=f"status {_word(unheard_of)}", reference=reference)


def is_about(
    operation: ProviderOperation, debtor_account_id: str, payment: Payment, given: Collection[str] = ()
) -> bool:
    """Whether the payment that the bank shows is the one that the operation makes, or that it is to change.

    `given` is what the bank has called a charge's payment so far: one that is called otherwise is another one.
    """
    if payment.debtor_account_id != debtor_account_id:
        return False
    if isinstance(operation, Charge):
        own = payment.end_to_end_id == own_reference(operation.operation_id)
        return own and (not given or payment.id in given)
    return isinstance(operation, Cancel | ReturnRequest) and payment.id == operation.reference


def of_charge(charge: Charge, payment: Payment) -> Outcome:
    """How a charge stands by its payment. Raises as `outcome_of_payment`."""
    if amounts.read(payment.amount, payment.currency) != charge.amount:
        return Unknown(reason=AMOUNT_MISMATCH, reference=payment.id)
    return outcome_of_payment(payment)


def of_cancel(payment: Payment) -> Outcome | None:
    """What a cancel of the payment has come to; None while the bank may yet be told of it. Raises as `outcome_of_payment`."""
    match payment.status:
        case "initiated" | "held":
            return None
        case "processing" | "unknown":
            return _TOO_LATE
        case "rejected":
            return _FAILED_BEFORE
        case "returned":
            return _RETURNED_BEFORE
        case _:
            return outcome_of_payment(payment)


def of_return_request(asked: ReturnRequest, payment: Payment) -> Outcome | None:
    """What a return request has come to; None while the other bank may yet be asked. Raises as `outcome_of_payment`."""
    if amounts.read(payment.amount, payment.currency) != asked.amount:
        return Unknown(reason=AMOUNT_MISMATCH)
    if payment.status == "returned":
        back = outcome_of_payment(payment)
        return Succeeded(amount=asked.amount) if isinstance(back, Reversed) else back
    if payment.return_request is not None:
        return _answered(payment.return_request)
    if payment.status == "completed":
        return None
    return _NOT_YET if payment.status in BEFORE else outcome_of_payment(payment)


def note(references: References, payment: Payment) -> None:
    """Keep the ids that the bank and the rail gave the payment."""
    references.note(PAYMENT, payment.id)
    if payment.clearing_ref and is_word(payment.clearing_ref):
        references.note(CLEARING, payment.clearing_ref)


def note_asked(references: References, payment: Payment) -> None:
    """Keep the id of the return request, if there is one."""
    if payment.return_request is not None:
        references.note(ASKED, payment.return_request.id)


def answered(
    operation: ProviderOperation, response: BankResponse, *, repeated: bool, settled: bool
) -> Unclear | Outcome:
    """What an answer to a POST means that shows no payment. Raises `NotSent` or `Misconfigured` where nothing was done.

    What is refused when it is `repeated` says nothing of the tries before, unless all that the bank does with one is `settled`.
    """
    is_last_word = settled or not repeated
    refuse_unsent(response)
    problem = problem_in(response)
    if response.status not in (_BAD_REQUEST, _CONFLICT, _UNPROCESSABLE) or problem is None:
        return unread(response)
    match problem.code:
        case "idempotency_in_flight":
            return IN_FLIGHT
        case "idempotency_key_reused" | "duplicate_end_to_end_id" | "not_cancelable":
            return Unclear(Unknown(reason=problem.code))
        case "return_request_impossible" if isinstance(operation, ReturnRequest):
            return Unclear(_IMPOSSIBLE if is_last_word else _REFUSED_AGAIN)
        case code if response.status == _CONFLICT:
            return Unclear(Unknown(reason=f"http 409 {code}"))
        case code:
            refused = Declined(code=code, message=_refusal(problem))
            if not repeated:
                return refused
            return Unclear(refused if is_last_word else _REFUSED_AGAIN)


def refuse_unsent(response: BankResponse) -> None:
    """Raise for an answer by which, as the contract has it, the bank has not carried out the request."""
    if response.status in (_TOO_EARLY, _TOO_MANY):
        raise NotSent("rate limited", retry_after_seconds=response.retry_after_seconds or _RETRY_SECONDS)
    if response.status not in (_UNAUTHORIZED, _FORBIDDEN):
        return
    problem = problem_in(response)
    if problem is not None and problem.code == "timestamp_out_of_range":
        raise NotSent("the bank finds the request's time wrong: look at this machine's clock", retry_after_seconds=5)
    if problem is not None or response.status == _UNAUTHORIZED:
        msg = f"The bank refuses the credentials: {problem.code if problem else 'it gives no reason'}."
        raise Misconfigured(msg)


def is_refused_token(response: BankResponse) -> bool:
    """Whether an access token was refused: nothing was processed."""
    return response.status == _UNAUTHORIZED


def is_missing(response: BankResponse) -> bool:
    """Whether the bank says that there is no such payment, or none of this account's."""
    return response.status == _NOT_FOUND and problem_in(response) is not None


def problem_in(response: BankResponse) -> Problem | None:
    """The refusal in an answer; None for what is none of the bank's, as of a proxy before it.

    One that names another status was written for another answer, as a 503 that somebody before the bank made a 422 of.
    """
    try:
        found = PROBLEMS.decode(response.body)
    except ValueError:
        return None
    return found if found.status == response.status else None


def unread(response: BankResponse) -> Unknown:
    """The doubt about an answer that the contract does not have."""
    return Unknown(reason=f"http {response.status}", silent=response.status >= _SERVER_ERROR)


def _pending(payment: Payment) -> Pending:
    reasons = {"held": "HELD", "unknown": "RESEARCH"}
    if payment.status != "initiated":
        return Pending(reference=payment.id, reason=reasons.get(payment.status))
    waits = "AFTER_CUT_OFF" if _waits(payment) else None
    return Pending(reference=payment.id, reason=waits, begun=False, execution_at=moment(payment.execution_at))


def _returned(payment: Payment) -> Outcome:
    """The money came back; of less than was sent a person has to judge."""
    returned, reference = payment.returned, payment.id
    if returned is None:
        return Unknown(reason="returned, without a reason", reference=reference)
    if returned.amount not in (None, payment.amount):
        return Unknown(reason=AMOUNT_MISMATCH, reference=reference)
    code = _code(returned.code)
    return Reversed(code=code, message=_words(code, "returned"), reference=reference)


def _rejected(reason: Reason | None, reference: str) -> Declined:
    code = _code(reason.code if reason else "")
    return Declined(code=code, message=_words(code, "rejected"), reference=reference)


def _answered(request: Asked) -> Outcome:
    """What the other bank says; what it has agreed to is there once the payment is returned."""
    match request.status:
        case "pending" | "accepted":
            return Pending(reference=request.id)
        case "refused":
            return _kept(request.answer, request.id)
        case unheard_of:
            return Unknown(reason=f"answer {_word(unheard_of)}", reference=request.id)


def _kept(reason: Reason | None, reference: str | None) -> Declined:
    code = _code(reason.code if reason else "")
    otherwise = "The other bank gives it not back, and gave no reason."
    if code != "declined":
        otherwise = f"The other bank gives it not back, with the code {code}."
    return Declined(code=code, message=REFUSALS.get(code, otherwise), reference=reference)


def _waits(payment: Payment) -> bool:
    """Whether it was accepted before the rail that it goes by is open."""
    accepted, goes = moment(payment.created_at), moment(payment.execution_at)
    return accepted is not None and goes is not None and goes - accepted > _SOON


def _code(code: str) -> str:
    return code if is_word(code) else "declined"


def _words(code: str, what: str) -> str:
    if code == "declined":
        return f"The bank has {what} it, and gave no reason."
    return REASONS.get(code, f"The bank has {what} it with the code {code}.")


def _refusal(problem: Problem) -> str:
    fields = ", ".join(map(str, problem.errors[:_MOST_FIELDS]))
    return f"The bank refuses it: {problem.code}{f' ({fields})' if fields else ''}."


def _word(text: str) -> str:
    return text if is_word(text) else "unreadable"
