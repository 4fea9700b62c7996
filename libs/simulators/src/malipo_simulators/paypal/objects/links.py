"""HATEOAS links: what can be done next with an object, and where."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.objects.models import (
    Authorization,
    AuthorizationStatus,
    Capture,
    CaptureStatus,
    Intent,
    Order,
    OrderStatus,
    Refund,
)

OPEN = (AuthorizationStatus.CREATED, AuthorizationStatus.PARTIALLY_CAPTURED)
REFUNDABLE = (CaptureStatus.COMPLETED, CaptureStatus.PARTIALLY_REFUNDED)


def link(href: str, rel: str, method: str = "GET") -> Json:
    return {"href": href, "rel": rel, "method": method}


def order_url(order: Order) -> str:
    return f"{order.api_base}/v2/checkout/orders/{order.id}"


def payment_url(order: Order, noun: str, item_id: str) -> str:
    return f"{order.api_base}/v2/payments/{noun}/{item_id}"


def order_links(order: Order) -> list[Json]:
    """An order with a payment source has a `payer-action`, one without an `approve`, and both lead to the same page."""
    url = order_url(order)
    links = [link(url, "self")]
    if order.status is OrderStatus.COMPLETED or order.status is OrderStatus.VOIDED:
        return links
    if order.waits_for_payer and order.has_source:
        return [*links, to_payer(order)]
    if order.waits_for_payer:
        links.append(to_payer(order))
    verb = "capture" if order.intent is Intent.CAPTURE else "authorize"
    return [*links, link(url, "update", "PATCH"), link(f"{url}/{verb}", verb, "POST")]


def to_payer(order: Order) -> Json:
    return link(order.page_url, "payer-action" if order.has_source else "approve")


def redirect(order: Order) -> Json:
    """Of an error that the payer has to mend."""
    return link(order.page_url, "redirect")


def authorization_links(one: Authorization) -> list[Json]:
    url = payment_url(one.order, "authorizations", one.id)
    verbs = ("capture", "void", "reauthorize") if one.status in OPEN else ()
    return [
        link(url, "self"),
        *(link(f"{url}/{verb}", verb, "POST") for verb in verbs),
        link(order_url(one.order), "up"),
    ]


def capture_links(one: Capture) -> list[Json]:
    url, parent = payment_url(one.order, "captures", one.id), one.authorization
    up = payment_url(one.order, "authorizations", parent.id) if parent else order_url(one.order)
    refund = [link(f"{url}/refund", "refund", "POST")] if one.status in REFUNDABLE else []
    return [link(url, "self"), *refund, link(up, "up")]


def refund_links(one: Refund) -> list[Json]:
    order = one.capture.order
    return [
        link(payment_url(order, "refunds", one.id), "self"),
        link(payment_url(order, "captures", one.capture.id), "up"),
    ]
