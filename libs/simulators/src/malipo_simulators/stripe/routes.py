"""The list of everything the simulated API can do."""

from collections.abc import Callable

from malipo_simulators.kit.api.dialect import Operation, answering
from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.accounts import operations as accounts
from malipo_simulators.stripe.charges import operations as charges
from malipo_simulators.stripe.customers import operations as customers
from malipo_simulators.stripe.disputes import operations as disputes
from malipo_simulators.stripe.errors import StripeError, error_body
from malipo_simulators.stripe.events import operations as events
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.payment_intents import operations as payment_intents
from malipo_simulators.stripe.payment_intents import search
from malipo_simulators.stripe.payment_methods import operations as payment_methods
from malipo_simulators.stripe.payouts import operations as payouts
from malipo_simulators.stripe.refunds import operations as refunds
from malipo_simulators.stripe.setup_intents import operations as setup_intents
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


def delete(path: str, run: Callable[[StripeRequest], Json]) -> Operation[StripeRequest]:
    return answering(run, "DELETE", path=path)


OPERATIONS = (
    post("/v1/payment_intents", payment_intents.create),
    get("/v1/payment_intents", payment_intents.listing),
    get("/v1/payment_intents/search", search.search),
    get("/v1/payment_intents/{id}", payment_intents.retrieve),
    post("/v1/payment_intents/{id}", payment_intents.update),
    post("/v1/payment_intents/{id}/confirm", payment_intents.confirm),
    post("/v1/payment_intents/{id}/capture", payment_intents.capture),
    post("/v1/payment_intents/{id}/cancel", payment_intents.cancel),
    get("/v1/charges", charges.listing),
    get("/v1/charges/{id}", charges.retrieve),
    post("/v1/charges/{id}", charges.update),
    post("/v1/refunds", refunds.create),
    get("/v1/refunds", refunds.listing),
    get("/v1/refunds/{id}", refunds.retrieve),
    post("/v1/refunds/{id}", refunds.update),
    post("/v1/refunds/{id}/cancel", refunds.cancel),
    get("/v1/disputes", disputes.listing),
    get("/v1/disputes/{id}", disputes.retrieve),
    post("/v1/disputes/{id}", disputes.update),
    post("/v1/disputes/{id}/close", disputes.close),
    get("/v1/radar/early_fraud_warnings", disputes.list_warnings),
    get("/v1/radar/early_fraud_warnings/{id}", disputes.retrieve_warning),
    post("/v1/customers", customers.create),
    get("/v1/customers", customers.listing),
    get("/v1/customers/{id}", customers.retrieve),
    post("/v1/customers/{id}", customers.update),
    delete("/v1/customers/{id}", customers.delete),
    get("/v1/customers/{id}/payment_methods", payment_methods.list_of_customer),
    get("/v1/customers/{id}/payment_methods/{second_id}", payment_methods.retrieve_of_customer),
    post("/v1/payment_methods", payment_methods.create),
    get("/v1/payment_methods", payment_methods.listing),
    get("/v1/payment_methods/{id}", payment_methods.retrieve),
    post("/v1/payment_methods/{id}", payment_methods.update),
    post("/v1/payment_methods/{id}/attach", payment_methods.attach),
    post("/v1/payment_methods/{id}/detach", payment_methods.detach),
    post("/v1/setup_intents", setup_intents.create),
    get("/v1/setup_intents", setup_intents.listing),
    get("/v1/setup_intents/{id}", setup_intents.retrieve),
    post("/v1/setup_intents/{id}", setup_intents.update),
    post("/v1/setup_intents/{id}/confirm", setup_intents.confirm),
    post("/v1/setup_intents/{id}/cancel", setup_intents.cancel),
    get("/v1/setup_attempts", setup_intents.list_attempts),
    get("/v1/events", events.listing),
    get("/v1/events/{id}", events.retrieve),
    post("/v1/webhook_endpoints", webhook_endpoints.create),
    get("/v1/webhook_endpoints", webhook_endpoints.listing),
    get("/v1/webhook_endpoints/{id}", webhook_endpoints.retrieve),
    post("/v1/webhook_endpoints/{id}", webhook_endpoints.update),
    delete("/v1/webhook_endpoints/{id}", webhook_endpoints.delete),
    get("/v1/balance", accounts.balance),
    get("/v1/balance_transactions", accounts.list_transactions),
    get("/v1/balance_transactions/{id}", accounts.retrieve_transaction),
    post("/v1/payouts", payouts.create),
    get("/v1/payouts", payouts.listing),
    get("/v1/payouts/{id}", payouts.retrieve),
    post("/v1/payouts/{id}", payouts.update),
    post("/v1/payouts/{id}/cancel", payouts.cancel),
    get("/v1/account", accounts.account),
    answering(unrecognized, "GET", "POST", "DELETE", path="/v1/{rest:path}"),
)
