"""The /v2/checkout/orders operations: what each accepts, refuses and answers."""

import re
from collections.abc import Callable
from functools import partial

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.captures.invoices import is_duplicate
from malipo_simulators.paypal.errors import PaypalError, no_such_resource
from malipo_simulators.paypal.faults import PaypalFault
from malipo_simulators.paypal.http.finding import owned
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.http.shapes import SYNTAX, Violation
from malipo_simulators.paypal.objects.links import redirect
from malipo_simulators.paypal.objects.models import Intent, Order, OrderStatus
from malipo_simulators.paypal.objects.render import minimal, render_order
from malipo_simulators.paypal.objects.values import text
from malipo_simulators.paypal.orders import lifecycle
from malipo_simulators.paypal.orders.reading import read_context, read_order, read_wallet
from malipo_simulators.paypal.payers import lifecycle as payers

DONE = {Intent.CAPTURE: "ORDER_ALREADY_CAPTURED", Intent.AUTHORIZE: "ORDER_ALREADY_AUTHORIZED"}
ENDED = (OrderStatus.COMPLETED, OrderStatus.VOIDED)
WRONG_INTENT = {
    intent: f"Order was created with an intent to '{intent}'. Please use v2/checkout/orders/order_id/{intent.lower()} to "
    f"complete the transaction or alternately Create an order with an intent of '{other}'."
    for intent, other in ((Intent.CAPTURE, Intent.AUTHORIZE), (Intent.AUTHORIZE, Intent.CAPTURE))
}
FIELDS = re.compile(r"[a-z_]*")
# What PayPal's answers to these calls have even at their least: who has to read a payment's status finds it there.
PAYMENTS = ("payment_source", "purchase_units", "payer")


def find(request: PaypalRequest) -> Order:
    return owned(request, lambda account: account.orders)


def find_open(request: PaypalRequest) -> Order:
    """One that has run out of time unpaid is not there any more."""
    order = find(request)
    if order.is_gone(request.change.now):
        raise no_such_resource()
    return order


def create(request: PaypalRequest) -> Answer:
    """POST /v2/checkout/orders: an order for a payer to approve."""
    order = read_order(request)
    lifecycle.open_order(request.change, order)
    return request.made(lambda full: shown(order, full=full))


def retrieve(request: PaypalRequest) -> Answer:
    """GET /v2/checkout/orders/{id}: all of it, whatever `fields` asks for."""
    fields = request.query.get("fields", "")
    if FIELDS.fullmatch(fields) is None:
        raise request.against_schema([Violation(SYNTAX, "fields", fields)])
    return Answer(200, encode(render_order(find_open(request))))


def confirm(request: PaypalRequest) -> Answer:
    """POST /v2/checkout/orders/{id}/confirm-payment-source: how it will be paid; then the payer has to approve."""
    order = find_open(request)
    wallet = read_wallet(request) or {}
    if order.status in ENDED:
        raise request.issue(DONE[order.intent])
    if order.status is OrderStatus.APPROVED:
        raise request.issue("PAYMENT_ALREADY_APPROVED")
    order.context = read_context(request, wallet)
    order.has_source, order.status = True, OrderStatus.PAYER_ACTION_REQUIRED
    order.email = text(wallet, "email_address") or order.email
    order.completes_itself = request.body.get("processing_instruction") == "ORDER_COMPLETE_ON_PAYMENT_APPROVAL"
    order.updated = request.change.now
    return Answer(200, encode(shown(order, full=request.full)))


def pay(intent: Intent) -> Callable[[PaypalRequest], Answer]:
    """The call that completes orders of this intent."""
    return partial(complete, intent=intent)


def complete(request: PaypalRequest, intent: Intent) -> Answer:
    """POST /v2/checkout/orders/{id}/capture or /authorize: once, after the payer's approval."""
    order = find(request)
    check(request, order, intent)
    check_invoices(request, order)
    if request.change.fault is PaypalFault.APPROVAL_UNSEEN:
        raise request.issue("ORDER_NOT_APPROVED")
    if request.change.fault is PaypalFault.ORDER_COMPLETION_IN_PROGRESS:
        lifecycle.complete_later(request.change, order, request.change.fault_seconds)
        raise request.issue("ORDER_COMPLETION_IN_PROGRESS")
    if lifecycle.is_declined(request.change, order):
        payers.send_back(request.change, order)
        raise request.issue("INSTRUMENT_DECLINED", links=[redirect(order)])
    lifecycle.complete(request.change, order)
    return request.made(lambda full: shown(order, *PAYMENTS, full=full))


def check(request: PaypalRequest, order: Order, intent: Intent) -> None:
    """Raise the issue of an order that cannot be completed, or not by this call."""
    if order.intent is not intent:
        raise request.issue("ACTION_DOES_NOT_MATCH_INTENT", words=WRONG_INTENT[order.intent])
    if order.status is OrderStatus.COMPLETED:
        raise request.issue(DONE[intent])
    if order.status is OrderStatus.VOIDED:
        raise request.issue("ORDER_COMPLETED_OR_VOIDED")
    if order.is_gone(request.change.now):
        raise request.issue("ORDER_EXPIRED") if request.documents("ORDER_EXPIRED") else no_such_resource()
    if order.completing:
        raise request.issue("ORDER_COMPLETION_IN_PROGRESS")
    if order.waits_for_payer:
        raise awaited(request, order)
    if order.attempts >= request.settings.max_payment_attempts:
        raise request.issue("MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED")


def check_invoices(request: PaypalRequest, order: Order) -> None:
    for index, unit in enumerate(order.units):
        if is_duplicate(request.change, order, unit.invoice_id):
            raise request.issue("DUPLICATE_INVOICE_ID", f"/purchase_units/{index}/invoice_id", unit.invoice_id)


def awaited(request: PaypalRequest, order: Order) -> PaypalError:
    """The payer has to approve it, or has to choose another instrument."""
    issue = "PAYER_ACTION_REQUIRED" if order.declined else "ORDER_NOT_APPROVED"
    return request.issue(issue, links=[redirect(order)])


def shown(order: Order, *more: str, full: bool) -> Json:
    body = render_order(order)
    return body if full else minimal(body, *(more or ("payment_source",)))
