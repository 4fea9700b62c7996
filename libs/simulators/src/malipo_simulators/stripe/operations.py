"""The list of everything the simulated API can do."""

from collections.abc import Callable
from dataclasses import dataclass

from malipo_simulators.stripe import payment_intents, reads, refunds, search, webhook_endpoints
from malipo_simulators.stripe.call import Call
from malipo_simulators.stripe.errors import StripeError, error_body
from malipo_simulators.stripe.shapes import Json


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    run: Callable[[Call], Json]


def unrecognized(call: Call) -> Json:
    """Whatever else is asked for under /v1: Stripe's 404."""
    cause = call.work.cause
    message = f"Unrecognized request URL ({cause.method}: {cause.path})."
    raise StripeError(404, error_body("invalid_request_error", message))


OPERATIONS = (
    Operation("POST", "/v1/payment_intents", payment_intents.create),
    Operation("GET", "/v1/payment_intents", payment_intents.listing),
    Operation("GET", "/v1/payment_intents/search", search.search),
    Operation("GET", "/v1/payment_intents/{id}", payment_intents.retrieve),
    Operation("POST", "/v1/payment_intents/{id}/confirm", payment_intents.confirm),
    Operation("POST", "/v1/payment_intents/{id}/capture", payment_intents.capture),
    Operation("POST", "/v1/payment_intents/{id}/cancel", payment_intents.cancel),
    Operation("POST", "/v1/refunds", refunds.create),
    Operation("GET", "/v1/refunds", refunds.listing),
    Operation("GET", "/v1/refunds/{id}", refunds.retrieve),
    Operation("GET", "/v1/charges/{id}", reads.charge),
    Operation("GET", "/v1/payment_methods/{id}", reads.payment_method),
    Operation("GET", "/v1/events", reads.events),
    Operation("GET", "/v1/events/{id}", reads.event),
    Operation("POST", "/v1/webhook_endpoints", webhook_endpoints.create),
    Operation("GET", "/v1/webhook_endpoints", webhook_endpoints.listing),
    Operation("GET", "/v1/webhook_endpoints/{id}", webhook_endpoints.retrieve),
    Operation("DELETE", "/v1/webhook_endpoints/{id}", webhook_endpoints.delete),
    Operation("GET", "/v1/balance", reads.balance),
    Operation("GET", "/v1/account", reads.account),
)
