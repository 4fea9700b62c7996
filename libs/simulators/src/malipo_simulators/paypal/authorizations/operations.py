"""The /v2/payments/authorizations operations: what each accepts, refuses and answers."""

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.authorizations import lifecycle
from malipo_simulators.paypal.captures.invoices import is_captured
from malipo_simulators.paypal.captures.lifecycle import Wanted
from malipo_simulators.paypal.faults import PaypalFault
from malipo_simulators.paypal.http.descriptors import check_descriptor
from malipo_simulators.paypal.http.finding import owned
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.objects.models import Authorization, AuthorizationStatus, Capture
from malipo_simulators.paypal.objects.money import Money
from malipo_simulators.paypal.objects.render import minimal, render_authorization, render_capture

REFUSED: dict[AuthorizationStatus, str] = {
    AuthorizationStatus.VOIDED: "AUTHORIZATION_VOIDED",
    AuthorizationStatus.CAPTURED: "AUTHORIZATION_ALREADY_CAPTURED",
    AuthorizationStatus.DENIED: "AUTHORIZATION_DENIED",
    AuthorizationStatus.PENDING: "TRANSACTION_REFUSED",
}
# PayPal documents the issue, but not in its OpenAPI documents.
TOO_SOON = "A reauthorization is only allowed once from Day 4 to Day 29 since the date of the original authorization."


def find(request: PaypalRequest) -> Authorization:
    return owned(request, lambda account: account.authorizations)


def retrieve(request: PaypalRequest) -> Answer:
    """Answers GET /v2/payments/authorizations/{id}."""
    return Answer(200, encode(render_authorization(find(request))))


def capture(request: PaypalRequest) -> Answer:
    """POST /v2/payments/authorizations/{id}/capture: what is left, or a part; all of it together up to 115 %."""
    check_descriptor(request, request.body.get("soft_descriptor"), "/soft_descriptor")
    one = usable(request, find(request))
    wanted = Wanted(
        order=one.order,
        unit=one.unit,
        amount=read_amount(request, one, "AUTH_CAPTURE_CURRENCY_MISMATCH"),
        funding=one.funding,
        final=bool(request.body.get("final_capture", False)),
        authorization=one,
        invoice_id=read_invoice(request, one),
        note=request.body.get("note_to_payer"),
        descriptor=request.body.get("soft_descriptor") or None,
    )
    check_limits(request, one, wanted.amount)
    if request.change.fault is PaypalFault.INSTRUMENT_DECLINED:
        raise request.issue("PAYER_CANNOT_PAY")
    made = lifecycle.capture(request.change, one, wanted)
    return request.made(lambda full: shown_capture(made, full=full))


def usable(request: PaypalRequest, one: Authorization) -> Authorization:
    if request.change.now >= one.expires:
        raise request.issue("AUTHORIZATION_EXPIRED")
    if one.status in REFUSED:
        raise request.issue(REFUSED[one.status])
    return one


def read_amount(request: PaypalRequest, one: Authorization, mismatch: str) -> Money:
    given = request.body.get("amount")
    amount = request.money(given, "/amount") if given else lifecycle.left(one)
    if amount.currency != one.amount.currency:
        raise request.issue(mismatch, "/amount/currency_code", amount.currency)
    return amount


def read_invoice(request: PaypalRequest, one: Authorization) -> str | None:
    """One given with this capture must be new; the order's own serves for each part that has none."""
    invoice_id = request.body.get("invoice_id") or None
    if invoice_id is not None and is_captured(request.change, one.order, invoice_id):
        raise request.issue("DUPLICATE_INVOICE_ID", "/invoice_id", invoice_id)
    return invoice_id


def check_limits(request: PaypalRequest, one: Authorization, amount: Money) -> None:
    most = one.family.amount.minor * request.settings.over_capture_percent // 100
    if (one.captured + amount).minor > most:
        raise request.issue("MAX_CAPTURE_AMOUNT_EXCEEDED", "/amount/value", amount.value)
    if len(one.family.captures) >= request.settings.max_captures:
        raise request.issue("MAX_CAPTURE_COUNT_EXCEEDED")


def reauthorize(request: PaypalRequest) -> Answer:
    """POST /v2/payments/authorizations/{id}/reauthorize: once, after the honour period, while it is valid."""
    one = find(request)
    if one.root is not None or any(other.root is one for other in one.unit.authorizations):
        raise request.issue("REAUTHORIZATION_NOT_SUPPORTED")
    usable(request, one)
    if request.change.now < one.created + request.settings.honor_seconds:
        raise request.issue("REAUTHORIZATION_TOO_SOON", words=TOO_SOON)
    amount = read_amount(request, one, "AUTH_CURRENCY_MISMATCH")
    if amount.minor > one.amount.minor * request.settings.over_capture_percent // 100:
        raise request.issue("TRANSACTION_REFUSED", "/amount/value", amount.value)
    fresh = lifecycle.reauthorize(request.change, one, amount)
    return request.made(lambda full: shown(fresh, full=full))


def void(request: PaypalRequest) -> Answer:
    """POST /v2/payments/authorizations/{id}/void: answers 204, or 200 to who prefers a representation."""
    one = find(request)
    if one.root is not None:
        raise request.issue("CANNOT_BE_VOIDED")
    if one.status is AuthorizationStatus.CAPTURED:
        raise request.issue("PREVIOUSLY_CAPTURED")
    if one.status in (AuthorizationStatus.VOIDED, AuthorizationStatus.DENIED):
        raise request.issue("PREVIOUSLY_VOIDED")
    lifecycle.void(request.change, one)
    return Answer(200, encode(render_authorization(one))) if request.full else Answer(204, b"")


def shown(one: Authorization, *, full: bool) -> Json:
    body = render_authorization(one)
    return body if full else minimal(body)


def shown_capture(one: Capture, *, full: bool) -> Json:
    body = render_capture(one)
    return body if full else minimal(body)
