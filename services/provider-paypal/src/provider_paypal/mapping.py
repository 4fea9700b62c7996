"""PayPal's answers to our requests: an outcome, or what the order has to tell. Pure."""

from dataclasses import dataclass
from http import HTTPStatus

from malipo.contracts.outcomes import Approved, Canceled, Declined, Outcome, Unknown
from malipo.contracts.provider_commands import Cancel, Capture, Charge, Confirm, Detach, Refund, ReturnRequest, Setup
from provider_kit.disputes import Dispute
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import Attempt, ProviderOperation
from provider_paypal import standing
from provider_paypal.codes import (
    ACCOUNT_INVALID,
    DECLINED,
    IN_PROGRESS,
    LOOK_AT_ORDER,
    NO_SUCH_RESOURCE,
    PAYER_MUST_APPROVE,
    SPENT,
)
from provider_paypal.lateness import LONG_SETTLED, SETTLED
from provider_paypal.objects import (
    CAPTURE,
    ORDERS,
    PROBLEMS,
    REFUND,
    TRANSACTIONS,
    Issue,
    Order,
    PaypalResponse,
    Problem,
    Transaction,
)

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


def outcome_of_response(attempt: Attempt, response: PaypalResponse) -> Answer:
    """What PayPal's answer to the operation means. Raises `NotSent` or `Misconfigured` where it has done nothing."""
    refuse_unsent(response)
    if response.status in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT):
        try:
            return _done(attempt, response)
        except ValueError:  # no JSON, another shape, or an amount that cannot be
            return Unknown(reason="unreadable answer")
    if response.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY):
        problem = problem_in(response)
        return unread(response) if problem is None else _refused(attempt, response, problem)
    return unread(response)


def refuse_unsent(response: PaypalResponse) -> None:
    """Raise for an answer by which, as PayPal documents, it has not carried out the request: 401 and 403 with issues of Orders
    v2 (2.13) and Payments v2 (2.5), 409 with one of Payments v2, and 429 ("Rate limiting").
    """
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise NotSent("rate limited", retry_after_seconds=response.retry_after_seconds or _RETRY_SECONDS)
    issues = issues_in(response)
    if response.status == HTTPStatus.UNAUTHORIZED and ACCOUNT_INVALID in issues:
        raise Misconfigured("PayPal says that the account of this client_id cannot be used: INVALID_ACCOUNT_STATUS.")
    if response.status == HTTPStatus.FORBIDDEN and problem_in(response) is not None:
        msg = f"PayPal does not permit this to the app of the client_id: {next(iter(issues), 'NOT_AUTHORIZED')}."
        raise Misconfigured(msg)
    if response.status == HTTPStatus.CONFLICT and IN_PROGRESS in issues:
        raise NotSent(
            "another request is in progress", retry_after_seconds=response.retry_after_seconds or _RETRY_SECONDS
        )


def is_missing(response: PaypalResponse) -> bool:
    """Whether there is no such object, or none of this app's: with 404 of its own issue, or 403 with
    PERMISSION_DENIED (Orders v2 2.13, Payments v2 2.5).
    """
    if response.status == HTTPStatus.FORBIDDEN:
        return problem_in(response) is not None
    return response.status == HTTPStatus.NOT_FOUND and NO_SUCH_RESOURCE in issues_in(response)


def is_refused_token(response: PaypalResponse) -> bool:
    """Whether the access token was refused: nothing was processed."""
    return response.status == HTTPStatus.UNAUTHORIZED and ACCOUNT_INVALID not in issues_in(response)


def is_read(response: PaypalResponse) -> bool:
    """Whether an object was answered."""
    return response.status in (HTTPStatus.OK, HTTPStatus.CREATED)


def problem_in(response: PaypalResponse) -> Problem | None:
    """The error in an answer; None for what is none of PayPal's, as of a proxy before it."""
    try:
        return PROBLEMS.decode(response.body)
    except ValueError:
        return None


def issues_in(response: PaypalResponse) -> list[str]:
    """The issues of an error, as PayPal names them."""
    problem = problem_in(response) if response.status >= HTTPStatus.BAD_REQUEST else None
    return [one.issue for one in problem.details if standing.is_word(one.issue)] if problem else []


def unread(response: PaypalResponse) -> Unknown:
    """The doubt about an answer that is not documented."""
    return Unknown(reason=f"http {response.status}", silent=response.status >= HTTPStatus.INTERNAL_SERVER_ERROR)


def outcome_in_order(attempt: Attempt, order: Order) -> Outcome | None:
    """The operation's outcome as the order shows it; None when it shows no effect of it. Raises `ValueError`."""
    if standing.is_of_another(order, attempt.operation):
        return standing.OF_ANOTHER
    match attempt.operation:
        case Charge() as charge:
            standing.note(attempt.references, order)
            return standing.outcome_of_charge(order, charge)
        case Confirm() as confirm:
            standing.note(attempt.references, order)
            over = attempt.ages.expired and order.status in standing.UNPAID
            return standing.outcome_of_charge(order, confirm) if over or standing.paid(order, confirm) else None
        case Capture() as capture:
            found = standing.own_capture(order, capture)
            return found and outcome_of_made(attempt, capture, found)
        case Cancel():
            return standing.outcome_once_nothing_is_held(order)
        case Refund() as refund:
            found = standing.own_refund(order, refund)
            return found and outcome_of_made(attempt, refund, found)
        case Setup() | ReturnRequest() | Detach() | Dispute():
            raise TypeError("PayPal has no return requests, keeps no methods, and its disputes are not asked about")


def outcome_of_made(attempt: Attempt, operation: Capture | Refund, found: Transaction) -> Outcome | None:
    """The outcome by what the operation has made, whose id is noted; None without its amount. Raises `ValueError`."""
    match operation:
        case Capture() as capture:
            attempt.references.note(CAPTURE, found.id)
            return standing.outcome_of_capture(capture, found)
        case Refund():
            attempt.references.note(REFUND, found.id)
            return standing.outcome_of_refund(found)


def without_amount(status: str) -> Unknown:
    """The doubt about an answer that has a status alone, as `Prefer: return=minimal` asks for."""
    return Unknown(reason=f"status {standing.word(status)}, without an amount")


def _done(attempt: Attempt, response: PaypalResponse) -> Answer:
    match attempt.operation:
        case Charge() | Confirm() as operation:
            order = ORDERS.decode(response.body)
            if standing.is_of_another(order, operation):
                return standing.OF_ANOTHER
            standing.note(attempt.references, order)
            return (
                standing.outcome_of_charge(order, operation)
                if isinstance(operation, Charge)
                else _confirmed(order, operation)
            )
        case Capture() | Refund() as operation:
            found = TRANSACTIONS.decode(response.body)
            return outcome_of_made(attempt, operation, found) or Unclear(without_amount(found.status))
        case Cancel() as cancel:
            return _voided(attempt, cancel, response)
        case Setup() | ReturnRequest() | Detach() | Dispute():
            raise TypeError("PayPal has no return requests, keeps no methods, and its disputes are not asked about")


def _confirmed(order: Order, confirm: Confirm) -> Answer:
    """The order that answers a confirm has what was made of it. Where a capture was declined and the order is still approved,
    the approval is used up all the same: told as one, it would be followed by another confirm, and so on.
    """
    if not (order.payments.captures or order.payments.authorizations):
        return Unclear(without_amount(order.status))
    match standing.outcome_of_charge(order, confirm), order.payments.captures:
        case Approved(), [*_, refused]:
            return ApproveAgain(standing.declined(refused, order.id))
        case outcome, _:
            return outcome


def _voided(attempt: Attempt, cancel: Cancel, response: PaypalResponse) -> Answer:
    """A void is answered with nothing, or with the authorization; what was captured before is not given back by it."""
    status = "VOIDED" if response.status == HTTPStatus.NO_CONTENT else TRANSACTIONS.decode(response.body).status
    if status != "VOIDED":
        return Unknown(reason=f"status {standing.word(status)}")
    gone = Canceled(reference=cancel.reference)
    return Unclear(Unknown(reason="voided after a capture")) if attempt.references.get(CAPTURE) else gone


def _refused(attempt: Attempt, response: PaypalResponse, problem: Problem) -> Answer:
    """What an error means that names its issues: the first counts, as PayPal lists one of a kind."""
    issue = next((one for one in problem.details if standing.is_word(one.issue)), Issue())
    repeated = attempt.first_sent_at is not None
    code = issue.issue or (problem.name if standing.is_word(problem.name) else "")
    if not code:
        return unread(response)
    declined = Declined(code=code, message=_words(issue, code), reference=_known(attempt.operation))
    if issue.issue in LOOK_AT_ORDER:
        return Unclear(Unknown(reason=f"issue {code}"))
    if issue.issue in PAYER_MUST_APPROVE and isinstance(attempt.operation, Confirm):
        return standing.approval(attempt.operation.reference, problem.links) or ApproveAgain(declined)
    if not _certain(attempt.operation, response.status, issue.issue):
        return Unclear(Unknown(reason=f"issue {code}"))
    if repeated and not _settled(attempt, issue.issue):
        return Unclear(Unknown(reason="refused when it was repeated"))
    return Unclear(declined) if repeated else declined


def _certain(operation: ProviderOperation, status: int, issue: str) -> bool:
    """Whether nothing has moved: an order that is created moves nothing, nor does a request that breaks PayPal's schema."""
    return isinstance(operation, Charge) or status == HTTPStatus.BAD_REQUEST or issue in DECLINED


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
