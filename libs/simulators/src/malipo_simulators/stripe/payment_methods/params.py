"""What several nouns read of a request: the customer, and which types of payment methods there may be."""

from malipo_simulators.stripe.errors import invalid, no_such
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.http.versions import takes_payment_method_types, types_no_longer_supported
from malipo_simulators.stripe.objects.customers import Address, Customer

ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
NOUNS = {"payment_intents": "PaymentIntent", "setup_intents": "SetupIntent"}


def find_customer(request: StripeRequest, customer_id: str | None) -> Customer | None:
    """The customer that a parameter names; 400 for one that is not there, or not any more."""
    if customer_id is None:
        return None
    customer = request.account.customers.find(customer_id)
    if customer is None or customer.deleted:
        raise no_such("customer", customer_id, param="customer", status=400)
    return customer


def read_types(request: StripeRequest, params: Params) -> None:
    """`payment_method_types` was removed in 2026-09-30.endive; older versions may still send it."""
    if not takes_payment_method_types(request.version):
        noun = NOUNS[request.change.cause.path.split("/")[2]]
        params.refuse("payment_method_types", types_no_longer_supported(noun))
    params.strings("payment_method_types")


def read_type_filters(params: Params) -> tuple[list[str] | None, list[str] | None]:
    """The types that are allowed, or those that are excluded; 400 when no card is left, the only type there is here."""
    allowed, excluded = params.strings("allowed_payment_method_types"), params.strings("excluded_payment_method_types")
    if allowed and excluded:
        message = (
            "You may only specify one of these parameters: allowed_payment_method_types, excluded_payment_method_types."
        )
        raise invalid(message, param="excluded_payment_method_types")
    if "card" in excluded or (allowed and "card" not in allowed):
        raise invalid("No valid payment method types for this Payment Intent: this simulator has cards only.")
    return allowed or None, excluded or None


def read_address(params: Params, name: str) -> Address | None:
    """An address with every line that was sent; None without one."""
    group = params.group(name)
    sent = {line: value or None for line in ADDRESS if (value := group.settable(line)) is not None}
    group.finish()
    return {line: sent.get(line) for line in ADDRESS} if sent else None


def id_of(customer: Customer | None) -> str | None:
    return customer.id if customer else None
