"""A payment with a saved method, completed by what that is: whose, and at which account. Pure."""

from datetime import datetime

from gateway.edge.problems import PROBLEMS, FieldError, Problem, of_fields
from gateway.payments.fitting import candidates
from gateway.payments.schemas import NewPayment
from malipo.contracts.descriptor import Misfit
from malipo.contracts.events import PaymentMethodStatus, PaymentMethodView
from malipo.contracts.methods import SavedMethod, is_over

_INSTEAD = "Ask the customer for another card, or insist with despite_decline."

_ANOTHER = "Save it anew, or ask the customer for another one."
_UNTIL_THEN: dict[PaymentMethodStatus, str] = {
    "pending": "Wait for payment_method.saved.",
    "requires_action": "The customer has to act first: send him to the URL in its `action`.",
    "failed": _ANOTHER,
    "expired": _ANOTHER,
}


def names_saved(body: NewPayment) -> str | None:
    """The id of the saved method that it is to be paid with, if it is."""
    return body.method.id if isinstance(body.method, SavedMethod) else None


def named_series(body: NewPayment) -> str | None:
    """The series that it is to be a charge of, if it is."""
    return body.method.series if isinstance(body.method, SavedMethod) else None


def resolved(
    body: NewPayment, method: PaymentMethodView | None, now: datetime, *, forbidden_by: str | None
) -> NewPayment | Problem:
    """The payment at the provider, in the account and of the customer of its saved method; or why that cannot pay it.

    `forbidden_by` is the payment whose decline said never to charge the method again.
    """
    if method is None:
        return _refused("payment_method_not_found")
    if method.status != "active":
        return _not_active(method.status)
    if method.card is not None and is_over(method.card.exp_year, method.card.exp_month, now):
        return _refused("payment_method_expired")
    if forbidden_by is not None and not _insists(body):
        return _refused("payment_method_declined", f"{forbidden_by} was declined with do_not_try_again. {_INSTEAD}")
    own = {"customer_ref": method.customer_ref, "provider": method.provider, "account": method.account}
    given = {name: getattr(body, name) for name in own if name in body.model_fields_set}
    wrong = [name for name, value in given.items() if value is not None and value != own[name]]
    if wrong:
        must = "must be the saved method's, or left out"
        return of_fields([FieldError(f"/{name}", "payment_method_mismatch", must) for name in wrong])
    misfit = candidates(body.asked_of(method.provider))
    return of_fields([FieldError(*misfit)]) if isinstance(misfit, Misfit) else body.model_copy(update=own)


def _not_active(status: PaymentMethodStatus) -> Problem:
    if status not in _UNTIL_THEN:
        return _refused("payment_method_detached")
    return _refused("payment_method_not_active", f"It is {status}. {_UNTIL_THEN[status]}")


def _refused(code: str, detail: str | None = None) -> Problem:
    detail = detail or PROBLEMS[code].advice
    return Problem(code, detail, errors=[FieldError("/method/id", code, detail)])


def _insists(body: NewPayment) -> bool:
    return isinstance(body.method, SavedMethod) and body.method.despite_decline is True
