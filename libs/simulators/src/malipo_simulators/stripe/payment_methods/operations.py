"""The /v1/payment_methods operations: what each accepts, refuses and answers."""

from dataclasses import dataclass

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import StripeError, error_body, invalid, missing, no_such
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.http.reads import listed, shown
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.card_table import TEST_TOKENS
from malipo_simulators.stripe.objects.customers import Address, Customer, PaymentMethod
from malipo_simulators.stripe.objects.expand import read_expand
from malipo_simulators.stripe.objects.lists import ObjectList
from malipo_simulators.stripe.objects.metadata import merge_metadata
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.payment_methods import lifecycle
from malipo_simulators.stripe.payment_methods.params import find_customer, id_of, read_address

UNSAFE = (
    "Sending credit card numbers directly to the Stripe API is generally unsafe. We suggest you use test tokens that map to "
    "the test card you are using."
)
CONTACT = ("email", "name", "phone")
REDISPLAY = ("always", "limited", "unspecified")


def create(request: StripeRequest) -> Json:
    """POST /v1/payment_methods: of a test token; card numbers are refused, as Stripe does by default."""
    params = request.params()
    params.choice("type", ("card",))
    card = params.group("card")
    card.refuse("number", StripeError(402, error_body("invalid_request_error", UNSAFE)))
    token = card.required_text("token")
    card.finish()
    details, expand = read_details(params), read_expand(params.strings("expand"))
    params.finish()
    if token not in TEST_TOKENS:
        raise no_such("token", token, param="card[token]", status=400)
    method = lifecycle.make(request.change, TEST_TOKENS[token])
    details.put_into(method)
    return render(method, expand)


@dataclass(frozen=True, slots=True)
class Details:
    """What can be said of a PaymentMethod at any time: only what was sent; an empty value unsets."""

    contact: dict[str, str | None]
    address: Address | None
    redisplay: str | None
    metadata: dict[str, str]

    def put_into(self, method: PaymentMethod) -> None:
        method.contact |= self.contact
        method.address = self.address or method.address
        method.allow_redisplay = self.redisplay or method.allow_redisplay
        merge_metadata(method.metadata, self.metadata)


def read_details(params: Params) -> Details:
    group = params.group("billing_details")
    contact = {name: value or None for name in CONTACT if (value := group.settable(name)) is not None}
    address = read_address(group, "address")
    group.finish()
    return Details(contact, address, params.choice("allow_redisplay", REDISPLAY), params.metadata())


def retrieve(request: StripeRequest) -> Json:
    """Answers GET /v1/payment_methods/{id}."""
    return shown(request, request.account.methods.get(request.item_id, "payment_method"))


def update(request: StripeRequest) -> Json:
    """POST /v1/payment_methods/{id}: of one that is a customer's."""
    method = request.account.methods.get(request.item_id, "payment_method")
    params = request.params()
    details = read_details(params)
    card = params.group("card")
    month, year = card.positive("exp_month"), card.positive("exp_year")
    card.finish()
    expand = read_expand(params.strings("expand"))
    params.finish()
    if method.customer is None:
        raise invalid("You must save this PaymentMethod to a customer before you can update it.")
    before = render(method)
    details.put_into(method)
    method.exp_month, method.exp_year = month or method.exp_month, year or method.exp_year
    request.change.emit_if_changed("payment_method.updated", method, before)
    return render(method, expand)


def attach(request: StripeRequest) -> Json:
    """POST /v1/payment_methods/{id}/attach: a shared test id becomes a new one of the customer's."""
    params = request.params()
    customer = find_customer(request, params.required_text("customer"))
    expand = read_expand(params.strings("expand"))
    params.finish()
    if customer is None:
        raise missing("customer")
    method = lifecycle.find(request.change, request.item_id, status=404)
    lifecycle.attach_by_request(request.change, method, customer)
    return render(method, expand)


def detach(request: StripeRequest) -> Json:
    """POST /v1/payment_methods/{id}/detach: for good."""
    method = request.account.methods.get(request.item_id, "payment_method")
    params = request.params()
    expand = read_expand(params.strings("expand"))
    params.finish()
    lifecycle.detach(request.change, method)
    return render(method, expand)


def listing(request: StripeRequest) -> Json:
    """GET /v1/payment_methods: a customer's, newest first. Without one, all that the account ever saw."""
    params = request.params()
    customer_id = params.text("customer")
    return list_of(request, params, find_customer(request, customer_id))


def list_of(request: StripeRequest, params: Params, customer: Customer | None) -> Json:
    kind, redisplay = params.text("type"), params.choice("allow_redisplay", REDISPLAY)
    source = request.account.methods if customer is None else methods_of(customer)
    return listed(
        request, params, source, lambda one: kind in (None, "card") and redisplay in (None, one.allow_redisplay)
    )


def methods_of(customer: Customer) -> ObjectList[PaymentMethod]:
    chosen = ObjectList[PaymentMethod]("PaymentMethod")
    for method in sorted(customer.methods, key=lambda one: one.created):
        chosen.append(method)
    return chosen


def retrieve_of_customer(request: StripeRequest) -> Json:
    """Answers GET /v1/customers/{id}/payment_methods/{payment_method}."""
    method = request.account.methods.find(request.second_id)
    if method is None or id_of(method.customer) != request.item_id:
        raise no_such("PaymentMethod", request.second_id, param="payment_method")
    return shown(request, method)


def list_of_customer(request: StripeRequest) -> Json:
    """GET /v1/customers/{id}/payment_methods: newest first."""
    customer = request.account.customers.get(request.item_id)
    return list_of(request, request.params(), customer)
