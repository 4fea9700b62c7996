"""PayPal's webhooks as outcomes of our operations, as questions to ask, and as reports that match none. Pure.

An order shows how all of it stands: what an event alone does not tell, as after a decline, makes us read the order.
"""

from collections.abc import Callable, Mapping

import msgspec

from malipo.contracts.outcomes import Authorized, Outcome, Pending, Succeeded, Unknown
from malipo.contracts.provider_commands import ProviderOperationKind
from malipo.contracts.providers.paypal import EVENT_TYPES
from malipo.platform.logs import log
from provider_kit.bodies import name_of_body
from provider_kit.provider import CallbackOutcome, NamedOperation, Opened, ParsedCallback, Unmatched
from provider_kit.reading import moment
from provider_paypal import amounts, standing
from provider_paypal.objects import (
    APPROVALS_REVERSED,
    AUTHORIZATION,
    CAPTURE,
    DISPUTE,
    DISPUTES,
    EVENTS,
    INVOICE,
    ORDER,
    ORDERS,
    REFUND,
    TRANSACTIONS,
    Event,
    Transaction,
    is_id,
    parent,
)
from provider_paypal.requests import is_charge, is_refund


def parse_event(body: bytes) -> ParsedCallback:
    """A genuine event, parsed; empty when its type is none of `EVENT_TYPES`, or it is another system's of the same app.

    The body's SHA-256 replaces an id that no row can hold. Raises `ValueError` for what is no event.
    """
    event = EVENTS.decode(body)
    if not is_id(event.id):
        event = msgspec.structs.replace(event, id=name_of_body(body))
    reader = _READERS.get(event.event_type)
    if reader is None:
        return ParsedCallback(event.id)
    try:
        return reader(event)
    except ValueError:
        log.error("event not understood", event_id=event.id, event_type=event.event_type)
        return ParsedCallback(event.id, unmatched=(Unmatched(event.event_type, {}),))


def _order(event: Event) -> ParsedCallback:
    """An order that was approved. Its purchase unit has our name of the charge."""
    order = ORDERS.decode(event.resource)
    charge = order.purchase_units[0].custom_id if order.purchase_units else None
    if not is_charge(charge):
        return ParsedCallback(event.id)
    if order.status != "APPROVED":
        return ParsedCallback(event.id, ask=(NamedOperation(kind="charge", operation_id=charge),))
    return _told(event.id, "charge", charge, {ORDER: order.id}, standing.approved(order))


def _approval_reversed(event: Event) -> ParsedCallback:
    order = APPROVALS_REVERSED.decode(event.resource).order_id
    return ParsedCallback(event.id, ask=(NamedOperation(kind="charge", references={ORDER: order}),))


def _authorization(event: Event) -> ParsedCallback:
    """What was authorized. That it was voided is read in the order: something may have been captured of it before."""
    found = TRANSACTIONS.decode(event.resource)
    if not is_charge(found.custom_id):
        return ParsedCallback(event.id)
    order = found.related.order_id
    if found.status == "CREATED" and order is not None and found.amount is not None:
        outcome = Authorized(amount=amounts.read(found.amount), reference=order)
        return _told(event.id, "charge", found.custom_id, {ORDER: order, AUTHORIZATION: found.id}, outcome)
    return ParsedCallback(event.id, ask=(NamedOperation(kind="charge", operation_id=found.custom_id),))


def _capture(event: Event) -> ParsedCallback:
    """A capture: of an order it is the charge's, of an authorization one of our captures', by its invoice id.

    After one that was declined the payer may choose another way to pay: the order tells.
    """
    found = TRANSACTIONS.decode(event.resource)
    charge, order = found.custom_id, found.related.order_id or parent(found, "orders")
    if not is_charge(charge):
        return ParsedCallback(event.id)
    outcome = None if order is None else _of_capture(found, order)
    authorization = found.related.authorization_id or parent(found, "authorizations")
    if authorization is None:
        if order is None or outcome is None:
            return ParsedCallback(event.id, ask=(NamedOperation(kind="charge", operation_id=charge),))
        return _told(event.id, "charge", charge, {ORDER: order, CAPTURE: found.id}, outcome)
    named = {CAPTURE: found.id, **({INVOICE: found.invoice_id} if found.invoice_id else {})}
    if outcome is None:
        return ParsedCallback(event.id, ask=(NamedOperation(kind="capture", references=named),))
    return _told(event.id, "capture", None, named, outcome)


def _of_capture(found: Transaction, order: str) -> Outcome | None:
    """The outcome that the event alone tells: of money that has come, or is on its way."""
    if found.amount is None:
        return None
    outcome = standing.outcome_of_transaction(found, amounts.read(found.amount), order)
    return outcome if isinstance(outcome, Succeeded | Pending) else None


def _refund(event: Event) -> ParsedCallback:
    return refund_report(event.id, event.event_type, TRANSACTIONS.decode(event.resource))


def refund_report(callback_id: str, event_type: str, found: Transaction) -> ParsedCallback:
    """A refund with our name of it, or one that was made at PayPal itself, or by another system of the app.

    Raises `ValueError` for an impossible amount.
    """
    outcome = standing.outcome_of_refund(found)
    capture = found.related.capture_id or parent(found, "captures")
    about = {role: name for role, name in ((CAPTURE, capture), (ORDER, found.related.order_id)) if name}
    if is_refund(found.custom_id):
        if outcome is None or isinstance(outcome, Unknown):
            return ParsedCallback(callback_id, ask=(NamedOperation(kind="refund", operation_id=found.custom_id),))
        return _told(callback_id, "refund", found.custom_id, {REFUND: found.id, **about}, outcome)
    opened_at = moment(found.create_time)
    unmatched = Unmatched(event_type, {REFUND: found.id, **about}, amounts.read_any(found.amount))
    if outcome is None or isinstance(outcome, Unknown) or opened_at is None or found.amount is None or not about:
        return ParsedCallback(callback_id, unmatched=(unmatched,))
    opened = Opened(
        event_type=event_type,
        reference=found.id,
        about=about,
        amount=amounts.read(found.amount),
        outcome=outcome,
        opened_at=opened_at,
        own=[found.invoice_id] if found.invoice_id else [],
    )
    return ParsedCallback(callback_id, opened=(opened,))


def _reversal(event: Event) -> ParsedCallback:
    """Money that PayPal has taken back: what it is shows in the order, and a person is told."""
    found = TRANSACTIONS.decode(event.resource)
    capture = parent(found, "captures") or found.id
    order = found.related.order_id
    about = {CAPTURE: capture, **({ORDER: order} if order else {})}
    ask = (NamedOperation(kind="charge", references={ORDER: order}),) if order else ()
    return ParsedCallback(
        event.id, unmatched=(Unmatched(event.event_type, about, amounts.read_any(found.amount)),), ask=ask
    )


def _dispute(event: Event) -> ParsedCallback:
    dispute = DISPUTES.decode(event.resource)
    captures = [one.seller_transaction_id for one in dispute.disputed_transactions if one.seller_transaction_id]
    about = {DISPUTE: dispute.dispute_id} | {f"{CAPTURE} {at}": name for at, name in enumerate(captures, 1)}
    return ParsedCallback(
        event.id, unmatched=(Unmatched(event.event_type, about, amounts.read_any(dispute.dispute_amount)),)
    )


def _told(
    callback_id: str,
    kind: ProviderOperationKind,
    operation_id: str | None,
    references: Mapping[str, str],
    outcome: Outcome,
) -> ParsedCallback:
    named = CallbackOutcome(kind=kind, operation_id=operation_id, references=dict(references), outcome=outcome)
    return ParsedCallback(callback_id, outcomes=(named,))


_READERS: Mapping[str, Callable[[Event], ParsedCallback]] = {
    event_type: next(
        reader
        for prefix, reader in (
            ("CHECKOUT.ORDER.", _order),
            ("CHECKOUT.PAYMENT-APPROVAL.", _approval_reversed),
            ("PAYMENT.AUTHORIZATION.", _authorization),
            ("PAYMENT.CAPTURE.REFUNDED", _refund),
            ("PAYMENT.CAPTURE.REVERSED", _reversal),
            ("PAYMENT.CAPTURE.", _capture),
            ("PAYMENT.REFUND.", _refund),
            ("CUSTOMER.DISPUTE.", _dispute),
        )
        if event_type.startswith(prefix)
    )
    for event_type in EVENT_TYPES
}
