"""The list of everything the simulated API can do."""

from collections.abc import Callable

from malipo_simulators.kit.api.dialect import Operation, answering
from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.accounts import operations as accounts
from malipo_simulators.stripe.errors import StripeError, error_body
from malipo_simulators.stripe.events import operations as events
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.payment_intents import charges, search
from malipo_simulators.stripe.payment_intents import operations as payment_intents
from malipo_simulators.stripe.refunds import operations as refunds
from malipo_simulators.stripe.webhook_endpoints import operations as webhook_endpoints


def get(path: str, run: Callable[[StripeRequest], Json]) -> Operation[StripeRequest]:
    return answering(run, "GET", path=path)


def post(path: str, run: Callable[[StripeRequest], Json]) -> Operation[StripeRequest]:
    return answering(run, "POST", path=path)


def unrecognized(request: StripeRequest) -> Json:
    """Any other request under /v1: Stripe's 404."""
    cause = request.change.cause
    message = f"Unrecognized request URL ({cause.method}: {cause.path})."
    raise StripeError(404, error_body("invalid_request_error", message))


OPERATIONS = (
    post("/v1/payment_intents", payment_intents.create),
    get("/v1/payment_intents", payment_intents.listing),
    get("/v1/payment_intents/search", search.search),
    get("/v1/payment_intents/{id}", payment_intents.retrieve),
    post("/v1/payment_intents/{id}/confirm", payment_intents.confirm),
    post("/v1/payment_intents/{id}/capture", payment_intents.capture),
    post("/v1/payment_intents/{id}/cancel", payment_intents.cancel),
    post("/v1/refunds", refunds.create),
    get("/v1/refunds", refunds.listing),
    get("/v1/refunds/{id}", refunds.retrieve),
    get("/v1/charges/{id}", charges.retrieve),
    get("/v1/payment_methods/{id}", charges.retrieve_method),
    get("/v1/events", events.listing),
    get("/v1/events/{id}", events.retrieve),
    post("/v1/webhook_endpoints", webhook_endpoints.create),
    get("/v1/webhook_endpoints", webhook_endpoints.listing),
    get("/v1/webhook_endpoints/{id}", webhook_endpoints.retrieve),
    answering(webhook_endpoints.delete, "DELETE", path="/v1/webhook_endpoints/{id}"),
    get("/v1/balance", accounts.balance),
    get("/v1/account", accounts.account),
    answering(unrecognized, "GET", "POST", "DELETE", path="/v1/{rest:path}"),
)
