"""The list of everything the simulated API can do, each call at its path; any other path or method is refused."""

from collections.abc import Callable
from dataclasses import replace

from fastapi import FastAPI

from malipo_simulators.kit.api.answers import Answer
from malipo_simulators.kit.api.dialect import Operation
from malipo_simulators.kit.api.endpoint import add_operation
from malipo_simulators.paypal.authorizations import operations as authorizations
from malipo_simulators.paypal.captures import operations as captures
from malipo_simulators.paypal.errors import PaypalError, method_not_supported, not_found
from malipo_simulators.paypal.http.call import Call
from malipo_simulators.paypal.http.dialect import PaypalDialect, RefusingDialect
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.notifications import events, mocking, verifying
from malipo_simulators.paypal.notifications import operations as webhooks
from malipo_simulators.paypal.oauth.operations import PATH as TOKEN_PATH
from malipo_simulators.paypal.oauth.operations import TokenDialect
from malipo_simulators.paypal.objects.models import Intent
from malipo_simulators.paypal.orders import operations as orders
from malipo_simulators.paypal.orders import patching
from malipo_simulators.paypal.refunds import operations as refunds
from malipo_simulators.paypal.reporting import operations as reporting
from malipo_simulators.paypal.state.world import PaypalWorld
from malipo_simulators.paypal.webhooks.models import EVENTS, WEBHOOKS

ORDERS, ORDER = "/v2/checkout/orders", "/v2/checkout/orders/{id}"
AUTHORIZATION, CAPTURE = "/v2/payments/authorizations/{id}", "/v2/payments/captures/{id}"
WEBHOOK, EVENT, NOTIFICATIONS = f"{WEBHOOKS}/{{id}}", f"{EVENTS}/{{id}}", "/v1/notifications"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CALLS = (
    Call("orders.create", "POST", ORDERS, orders.create, "order_request", "orders"),
    Call("orders.get", "GET", ORDER, orders.retrieve),
    Call("orders.patch", "PATCH", ORDER, patching.patch, "patch_request"),
    Call("orders.confirm", "POST", f"{ORDER}/confirm-payment-source", orders.confirm, "confirm_order_request"),
    Call("orders.capture", "POST", f"{ORDER}/capture", orders.pay(Intent.CAPTURE), "order_capture_request", "orders"),
    Call(
        "orders.authorize",
        "POST",
        f"{ORDER}/authorize",
        orders.pay(Intent.AUTHORIZE),
        "order_authorize_request",
        "orders",
    ),
    Call("authorizations.get", "GET", AUTHORIZATION, authorizations.retrieve),
    Call(
        "authorizations.capture",
        "POST",
        f"{AUTHORIZATION}/capture",
        authorizations.capture,
        "capture_request",
        "payments",
    ),
    Call(
        "authorizations.reauthorize",
        "POST",
        f"{AUTHORIZATION}/reauthorize",
        authorizations.reauthorize,
        "reauthorize_request",
        "payments",
    ),
    Call("authorizations.void", "POST", f"{AUTHORIZATION}/void", authorizations.void),
    Call("captures.get", "GET", CAPTURE, captures.retrieve),
    Call("captures.refund", "POST", f"{CAPTURE}/refund", refunds.create, "refund_request", "payments"),
    Call("refunds.get", "GET", "/v2/payments/refunds/{id}", refunds.retrieve),
    Call("webhooks.post", "POST", WEBHOOKS, webhooks.create, "webhooks.webhook"),
    Call("webhooks.list", "GET", WEBHOOKS, webhooks.listing),
    Call("webhooks.get", "GET", WEBHOOK, webhooks.retrieve),
    Call("webhooks.update", "PATCH", WEBHOOK, webhooks.update, "webhooks.patch_request"),
    Call("webhooks.delete", "DELETE", WEBHOOK, webhooks.delete),
    Call("event-types.list", "GET", f"{WEBHOOK}/event-types", webhooks.subscribed),
    Call("webhooks-event-types.list", "GET", f"{NOTIFICATIONS}/webhooks-event-types", webhooks.available),
    Call("webhooks-events.list", "GET", EVENTS, events.listing),
    Call("webhooks-events.get", "GET", EVENT, events.retrieve),
    Call("webhooks-events.resend", "POST", f"{EVENT}/resend", events.resend, "webhooks.event_resend"),
    Call(
        "verify-webhook-signature.post",
        "POST",
        f"{NOTIFICATIONS}/verify-webhook-signature",
        verifying.verify,
        "webhooks.verify_webhook_signature",
    ),
    Call(
        "simulate-event.post",
        "POST",
        f"{NOTIFICATIONS}/simulate-event",
        mocking.simulate,
        "webhooks.simulate_event",
    ),
    Call("search.get", "GET", "/v1/reporting/transactions", reporting.search),
    Call("balances.get", "GET", "/v1/reporting/balances", reporting.balances),
)


def add_api(app: FastAPI, world: PaypalWorld) -> None:
    """Of the routes, the first that takes a method at a path wins: so what is refused comes last."""
    tokens = TokenDialect(world)
    add_operation(app, world, tokens, tokens.operation)
    # PayPal's own SDKs for webhooks end some paths with a slash.
    for call in (*CALLS, *(replace(call, path=f"{call.path}/") for call in CALLS)):
        dialect = PaypalDialect(world, call)
        add_operation(app, world, dialect, dialect.operation)
    for path in (TOKEN_PATH, *(call.path for call in CALLS)):
        refuse(app, world, path, method_not_supported)
    for version in ("v1", "v2"):
        refuse(app, world, f"/{version}/{{rest:path}}", not_found)


def refuse(app: FastAPI, world: PaypalWorld, path: str, error: Callable[[], PaypalError]) -> None:
    """Whatever comes there by whichever method."""
    call = Call("", "", path, nothing)
    add_operation(app, world, RefusingDialect(world, call, error), Operation(METHODS, path, nothing))


def nothing(_: PaypalRequest) -> Answer:
    """Never run: the dialect refuses before."""
    return Answer(404, b"")
