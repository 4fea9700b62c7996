"""Malipo's operations as Stripe's forms, and the paths of all requests. Pure."""

from datetime import datetime, timedelta
from urllib.parse import quote

from malipo.contracts.descriptor import Method
from malipo.contracts.methods import CardMethod
from malipo.contracts.provider_commands import Cancel, Capture, Charge, Confirm, Detach, Refund, ReturnRequest, Setup
from provider_kit.disputes import Dispute
from provider_kit.provider import Attempt, ProviderOperation
from provider_kit.references import CUSTOMER
from provider_stripe import saving
from provider_stripe.objects import FENCE, OPERATION, PAYMENT

PAGE_SIZE = "100"
CLOCK_SKEW = timedelta(minutes=5)
"""How far Stripe's clock and ours may differ."""

_MADE: dict[type[ProviderOperation], str] = {
    Charge: "/v1/payment_intents",
    Setup: "/v1/setup_intents",
    Refund: "/v1/refunds",
    Dispute: "/v1/disputes",
}
"""Where what operations make is read, and what others have opened."""
_MAX_DESCRIPTION = 1000
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def request(attempt: Attempt) -> tuple[str, dict[str, str]]:
    """Path and form of the one POST that carries out the operation: the same bytes for the same operation, for ever."""
    operation = attempt.operation
    tags = {f"metadata[{PAYMENT}]": operation.payment_id, f"metadata[{OPERATION}]": operation.operation_id}
    match operation:
        case Charge():
            return "/v1/payment_intents", _charge_form(operation, attempt.method) | _kept(attempt, operation) | tags
        case Setup() | Detach():
            return _of_method(attempt, operation, tags)
        case Capture():
            return f"{intent_path(operation.reference)}/capture", {
                "amount_to_capture": str(operation.amount.amount_minor)
            }
        case Cancel():
            return f"{_changed_by(operation)}/cancel", {}
        case Confirm():
            raise TypeError("a PaymentIntent is confirmed when it is made")
        case Refund():
            form = {"payment_intent": operation.reference, "amount": str(operation.amount.amount_minor)}
            reason = {"reason": operation.reason} if operation.reason in _REASONS else {}
            return "/v1/refunds", form | reason | tags
        case ReturnRequest() | Dispute():
            raise TypeError("Stripe has no return requests, and a dispute is opened by others")


def _charge_form(charge: Charge, method: Method | None) -> dict[str, str]:
    form = {
        "amount": str(charge.amount.amount_minor),
        "currency": charge.amount.currency.lower(),
        "payment_method": _paid_with(charge, method),
        "confirm": "true",
        "capture_method": charge.capture,
        "automatic_payment_methods[enabled]": "true",
    }
    if charge.description:
        form["description"] = charge.description[:_MAX_DESCRIPTION]
    if charge.statement_descriptor:  # `statement_descriptor` is refused for cards
        form["statement_descriptor_suffix"] = charge.statement_descriptor
    if saving.is_off_session(charge):
        return form | {"off_session": "true"}
    return form | _back_to(charge)


def _paid_with(charge: Charge, method: Method | None) -> str:
    if charge.method.saved is not None:
        return charge.method.saved.reference
    assert isinstance(method, CardMethod)  # Stripe has no other
    return method.token


def _back_to(charge: Charge) -> dict[str, str]:
    if charge.return_url:
        return {"return_url": charge.return_url}
    # The customer could not be sent anywhere: let Stripe decline what needs that, rather than wait in vain.
    return {"automatic_payment_methods[allow_redirects]": "never", "error_on_requires_action": "true"}


def _of_method(attempt: Attempt, operation: Setup | Detach, tags: dict[str, str]) -> tuple[str, dict[str, str]]:
    if isinstance(operation, Detach):
        return f"{method_path(operation.reference)}/detach", {}
    return _MADE[Setup], _setup_form(attempt, operation) | tags


def _setup_form(attempt: Attempt, setup: Setup) -> dict[str, str]:
    """Its customer was chosen before the first try, and is the same in each."""
    customer = attempt.references.get(CUSTOMER)
    assert customer is not None, "a setup is prepared before it is sent"
    assert isinstance(attempt.method, CardMethod)
    back = (
        {"return_url": setup.return_url}
        if setup.return_url
        else {"automatic_payment_methods[allow_redirects]": "never"}
    )
    form = {"customer": customer, "payment_method": attempt.method.token, "usage": "off_session", "confirm": "true"}
    return form | {"automatic_payment_methods[enabled]": "true"} | back | {"expand[]": saving.EXPANDED}


def _kept(attempt: Attempt, charge: Charge) -> dict[str, str]:
    """Whose the method is, or will be: the customer was chosen before the first try, and is the same in each."""
    saved, customer = charge.method.saved, attempt.references.get(CUSTOMER)
    if saved is not None and saved.holder is not None:
        by_whom = {f"metadata[{saving.INITIATOR}]": "merchant"} if saving.is_off_session(charge) else {}
        return {"customer": saved.holder} | by_whom
    if charge.save_method and customer is not None:
        return {"customer": customer, "setup_future_usage": "off_session", "expand[]": saving.EXPANDED}
    return {}


def on_session(charge: Charge, reference: str) -> tuple[str, dict[str, str]]:
    """Path and form of the request that confirms, with the customer there, what was declined because he was not."""
    assert charge.method.saved is not None
    form = {"payment_method": charge.method.saved.reference, "off_session": "false"} | _back_to(charge)
    return f"{intent_path(reference)}/confirm", form


def fence(operation: Charge | Setup) -> tuple[str, dict[str, str]]:
    """Path and form of a request that can take no money, to be sent under the operation's own key: the same for ever, too.

    An intent that has no payment method, and is never confirmed, waits for one until it is canceled.
    """
    tag = {f"metadata[{FENCE}]": operation.operation_id}
    if isinstance(operation, Setup):
        return _MADE[Setup], {"description": "Never tried: it keeps an expired request from saving a card late."} | tag
    charge = operation
    form = {
        "amount": str(charge.amount.amount_minor),
        "currency": charge.amount.currency.lower(),
        "description": "Never charged: it keeps an expired payment from being charged late.",
    }
    return "/v1/payment_intents", form | tag


def intent_path(reference: str) -> str:
    """The path of a PaymentIntent."""
    return f"/v1/payment_intents/{quote(reference, safe='')}"


def method_path(reference: str) -> str:
    """The path of a PaymentMethod."""
    return f"/v1/payment_methods/{quote(reference, safe='')}"


def _setup_path(reference: str) -> str:
    return f"{_MADE[Setup]}/{quote(reference, safe='')}"


def _changed_by(cancel: Cancel) -> str:
    return (_setup_path if cancel.of == "setup" else intent_path)(cancel.reference)


def object_path(attempt: Attempt) -> str | None:
    """The path of the object that the operation makes or changes; None while Stripe's id of it is not known."""
    match attempt.operation:
        case Cancel() as cancel:
            return _changed_by(cancel)
        case Confirm() | Capture():
            return intent_path(attempt.operation.reference)
        case Detach():
            return method_path(attempt.operation.reference)
        case ReturnRequest():
            raise TypeError("Stripe has no return requests")
        case made:
            return attempt.reference and f"{_MADE[type(made)]}/{quote(attempt.reference, safe='')}"


def expansion(operation: ProviderOperation) -> dict[str, str]:
    """The query by which an object is read: with its PaymentMethod, where that is to be kept."""
    return {"expand[]": saving.EXPANDED} if saving.is_saving(operation) else {}


def search(attempt: Attempt, now: datetime) -> tuple[str, dict[str, str]]:
    """The list that holds what a charge, setup or refund made, if it made anything: path and query."""
    operation = attempt.operation
    if isinstance(operation, Refund):
        return "/v1/refunds", {"payment_intent": operation.reference, "limit": PAGE_SIZE}
    age = attempt.ages.key_age_now()
    first_sent_at = attempt.first_sent_at or now - age
    earliest, latest = first_sent_at - CLOCK_SKEW, first_sent_at + age + CLOCK_SKEW
    window = {"created[gte]": str(int(earliest.timestamp())), "created[lte]": str(int(latest.timestamp()))}
    expanded = {"expand[]": f"data.{saving.EXPANDED}"} if saving.is_saving(operation) else {}
    return _MADE[type(operation)], window | {"limit": PAGE_SIZE} | expanded
