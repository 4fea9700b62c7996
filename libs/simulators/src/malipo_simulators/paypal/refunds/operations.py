"""Refunding a capture, and reading a refund: what is accepted, refused and answered."""

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.paypal.captures.operations import find as find_capture
from malipo_simulators.paypal.http.finding import owned
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.objects.models import Capture, CaptureStatus, Refund
from malipo_simulators.paypal.objects.money import Money
from malipo_simulators.paypal.objects.render import minimal, render_refund
from malipo_simulators.paypal.refunds import lifecycle
from malipo_simulators.paypal.refunds.lifecycle import Wanted


def create(request: PaypalRequest) -> Answer:
    """POST /v2/payments/captures/{id}/refund: all that is left of it, or a part."""
    capture = refundable(request, find_capture(request))
    amount = read_amount(request, capture)
    invoice_id = request.body.get("invoice_id")
    if request.settings.unique_invoices and invoice_id in request.account.refund_invoices:
        raise request.issue("DUPLICATE_INVOICE_ID", "/invoice_id", invoice_id)
    wanted = Wanted(capture, amount, invoice_id, request.body.get("custom_id"), request.body.get("note_to_payer"))
    refund = lifecycle.make(request.change, wanted)
    return request.made(lambda full: shown(refund, full=full))


def refundable(request: PaypalRequest, capture: Capture) -> Capture:
    """Raise the issue of a capture that cannot be refunded, or no longer."""
    if capture.status is CaptureStatus.PENDING:
        raise request.issue("PENDING_CAPTURE")
    if capture.reversed:
        raise request.issue("REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK")
    if capture.status in (CaptureStatus.DECLINED, CaptureStatus.FAILED):
        raise request.issue("REFUND_NOT_ALLOWED")
    if not capture.refundable.minor:
        raise request.issue("CAPTURE_FULLY_REFUNDED")
    if request.change.now >= capture.created + request.settings.refund_seconds:
        raise request.issue("REFUND_TIME_LIMIT_EXCEEDED")
    return capture


def read_amount(request: PaypalRequest, capture: Capture) -> Money:
    given = request.body.get("amount")
    amount = request.money(given, "/amount") if given else capture.refundable
    if amount.currency != capture.amount.currency:
        raise request.issue("REFUND_CAPTURE_CURRENCY_MISMATCH", "/amount/currency_code", amount.currency)
    if amount > capture.refundable:
        raise request.issue("REFUND_AMOUNT_EXCEEDED", "/amount/value", amount.value)
    emptied = request.account.withdrawn.get(amount.currency)
    if emptied and request.account.balance(amount.currency) < amount.minor:
        raise request.issue("REFUND_FAILED_INSUFFICIENT_FUNDS")
    return amount


def retrieve(request: PaypalRequest) -> Answer:
    """Answers GET /v2/payments/refunds/{id}."""
    return Answer(200, encode(render_refund(owned(request, lambda account: account.refunds))))


def shown(refund: Refund, *, full: bool) -> dict[str, object]:
    body = render_refund(refund)
    return body if full else minimal(body)
