"""PayPal's answers to our requests: an outcome, or what the order has to tell. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from malipo.contracts.outcomes import Canceled, Declined, Outcome, Unknown
from malipo.contracts.provider_commands import Cancel, Capture, Charge, Confirm, Refund, ReturnRequest
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import Attempt, ProviderOperation
from provider_paypal import standing
from provider_paypal.codes import ACCOUNT_INVALID, APPROVE_AGAIN, DECLINED, IN_PROGRESS, MOVED, NO_SUCH_RESOURCE, SPENT
from provider_paypal.objects import ORDERS, PROBLEMS, TRANSACTIONS, Issue, PaypalResponse, Problem

SETTLED, LONG_SETTLED = timedelta(minutes=10), timedelta(days=1)
"""No request of ours, and nothing that PayPal does with one, takes longer: what it has done shows in the order by then. Where
the refusal of a repeat may come of the first try itself, we look for a day.
"""

_OK, _CREATED, _NO_CONTENT = 200, 201, 204
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _CONFLICT, _UNPROCESSABLE, _TOO_MANY = (
    400,
    401,
    403,
    404,
    409,
    422,
    429,
)
_SERVER_ERROR = 500
_MAX_MESSAGE = 500
_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Unclear:
    """The answer alone does not tell: the order does. `otherwise` is the outcome if it shows no effect of the operation."""

    otherwise: Outcome


@dataclass(frozen=True, slots=True)
class ApproveAgain:
    """Nothing has moved, and the payer has to approve once more, at the page that the order names; `otherwise` without one."""

    otherwise: Declined


type Answer = Outcome | Unclear | ApproveAgain


def answered(attempt: Attempt, response: PaypalResponse) -> Answer:
    """What PayPal's answer to the operation means. Raises `NotSent` or `Misconfigured` where it has done nothing."""
    refuse_unsent(response)
    if response.status in (_OK, _CREATED, _NO_CONTENT):
        try:
            return _done(attempt, response)
        except ValueError:  # no JSON, another shape, or an amount that cannot be
            return Unknown(reason="unreadable answer")
    if response.status in (_BAD_REQUEST, _CONFLICT, _UNPROCESSABLE):
        problem = problem_in(response)
        return _unread(response.status) if problem is None else _refused(attempt, response.status, problem)
    return _unread(response.status)


def refuse_unsent(response: PaypalResponse) -> None:
    """Raise for an answer by which, as PayPal documents, it has not carried out the request."""
    if response.status == _TOO_MANY:
        raise NotSent("rate limited", retry_after_seconds=response.retry_after_seconds or _RETRY_SECONDS)
    issues = issues_in(response)
    if response.status == _UNAUTHORIZED and ACCOUNT_INVALID in issues:
        raise Misconfigured("PayPal says that the account of this client_id cannot be used: INVALID_ACCOUNT_STATUS.")
    if response.status == _FORBIDDEN and problem_in(response) is not None:
        msg = f"PayPal does not permit this to the app of the client_id: {next(iter(issues), 'NOT_AUTHORIZED')}."
        raise Misconfigured(msg)
    if response.status == _CONFLICT and IN_PROGRESS in issues:
        raise NotSent(
            "another request is in progress", retry_after_seconds=response.retry_after_seconds or _RETRY_SECONDS
        )


def is_missing(response: PaypalResponse) -> bool:
    """Whether there is no such object, or none of this app's."""
    if response.status == _FORBIDDEN:
        return problem_in(response) is not None
    return response.status == _NOT_FOUND and NO_SUCH_RESOURCE in issues_in(response)


def is_refused_token(response: PaypalResponse) -> bool:
    """Whether the access token was refused: nothing was processed."""
    return response.status == _UNAUTHORIZED and ACCOUNT_INVALID not in issues_in(response)


def is_read(response: PaypalResponse) -> bool:
    """Whether an object was answered."""
    return response.status in (_OK, _CREATED)


def problem_in(response: PaypalResponse) -> Problem | None:
    """The error in an answer; None for what is none of PayPal's, as of a proxy before it."""
    try:
        return PROBLEMS.decode(response.body)
    except ValueError:
        return None


def issues_in(response: PaypalResponse) -> list[str]:
    """The issues of an error, as PayPal names them."""
    problem = problem_in(response) if response.status >= _BAD_REQUEST else None
    return [one.issue for one in problem.details if standing.is_word(one.issue)] if problem else []


def unread(response: PaypalResponse) -> Unknown:
    """The doubt about an answer that is not documented."""
    return _unread(response.status)


def _done(attempt: Attempt, response: PaypalResponse) -> Answer:
    match attempt.operation:
        case Charge() as charge:
            order = ORDERS.decode(response.body)
            standing.note(attempt.references, order)
            return standing.of_charge(order, charge)
        case Confirm() as confirm:
            order = ORDERS.decode(response.body)
            standing.note(attempt.references, order)
            made = order.payments.captures or order.payments.authorizations
            return standing.of_charge(order, confirm) if made else _minimal(order.status)
        case Capture() as capture:
            found = TRANSACTIONS.decode(response.body)
            standing.note_capture(attempt.references, found)
            return standing.captured(capture, found) or _minimal(found.status)
        case Refund():
            found = TRANSACTIONS.decode(response.body)
            standing.note_refund(attempt.references, found)
            return standing.refunded(found) or _minimal(found.status)
        case Cancel() as cancel:
            return _voided(attempt, cancel, response)
        case ReturnRequest():
            raise TypeError("PayPal has no return requests")


def _minimal(status: str) -> Unclear:
    """Of a response without amounts, which `Prefer: return=minimal` is."""
    return Unclear(Unknown(reason=f"status {standing.word(status)}, without an amount"))


def _voided(attempt: Attempt, cancel: Cancel, response: PaypalResponse) -> Answer:
    """A void is answered with nothing, or with the authorization; what was captured before is not given back by it."""
    status = "VOIDED" if response.status == _NO_CONTENT else TRANSACTIONS.decode(response.body).status
    if status != "VOIDED":
        return Unknown(reason=f"status {standing.word(status)}")
    gone = Canceled(reference=cancel.reference)
    return Unclear(Unknown(reason="voided after a capture")) if attempt.references.get("capture") else gone


def _refused(attempt: Attempt, status: int, problem: Problem) -> Answer:
    """What an error means that names its issues: the first counts, as PayPal lists one of a kind."""
    issue = next((one for one in problem.details if standing.is_word(one.issue)), Issue())
    repeated = attempt.first_sent_at is not None
    code = issue.issue or (problem.name if standing.is_word(problem.name) else "")
    if not code:
        return _unread(status)
    declined = Declined(code=code, message=_words(issue, code), reference=_known(attempt.operation))
    if issue.issue in MOVED:
        return Unclear(Unknown(reason=f"issue {code}"))
    if issue.issue in APPROVE_AGAIN and isinstance(attempt.operation, Confirm):
        return standing.approval(attempt.operation.reference, problem.links) or ApproveAgain(declined)
    if not _certain(attempt.operation, status, issue.issue):
        return Unclear(Unknown(reason=f"issue {code}"))
    if repeated and not _settled(attempt, issue.issue):
        return Unclear(Unknown(reason="refused when it was repeated"))
    return Unclear(declined) if repeated else declined


def _certain(operation: ProviderOperation, status: int, issue: str) -> bool:
    """Whether nothing has moved: an order that is created moves nothing, nor does a request that breaks PayPal's schema."""
    return isinstance(operation, Charge) or status == _BAD_REQUEST or issue in DECLINED


def _settled(attempt: Attempt, issue: str) -> bool:
    """Whether an earlier try, if it was carried out, shows in the order by now."""
    return attempt.ages.key_age_now() >= (LONG_SETTLED if issue in SPENT else SETTLED)


def _known(operation: ProviderOperation) -> str | None:
    """The order, where a decline of the operation is the charge's end as well."""
    return operation.reference if isinstance(operation, Confirm) else None


def _words(issue: Issue, code: str) -> str:
    """PayPal's own text, unless it might quote a person."""
    text = issue.description.strip()[:_MAX_MESSAGE]
    return text if text and "@" not in text else f"PayPal refused it: {code}."


def _unread(status: int) -> Unknown:
    return Unknown(reason=f"http {status}", silent=status >= _SERVER_ERROR)
