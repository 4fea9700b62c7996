"""The /v1/customers operations: what each accepts, refuses and answers."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import no_such
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.http.reads import listed, shown
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.customers import Customer
from malipo_simulators.stripe.objects.expand import read_expand
from malipo_simulators.stripe.objects.metadata import merge_metadata
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.payment_methods import lifecycle as methods
from malipo_simulators.stripe.payment_methods.params import read_address

TEXTS = ("description", "email", "name", "phone")
TAX = ("exempt", "none", "reverse")


def create(request: StripeRequest) -> Json:
    """POST /v1/customers: with a first card if there is one, which must not be another's."""
    params = request.params()
    details, default, metadata = read_details(params), read_default(params), params.new_metadata()
    prefix, method_id = params.text("invoice_prefix"), params.text("payment_method")
    expand = read_expand(params.strings("expand"))
    params.finish()
    change = request.change
    customer_id = change.mint("cus")
    customer = Customer(customer_id, change.now, details, metadata, prefix or customer_id[-8:].upper())
    if method_id is not None:
        method = methods.find(change, method_id)
        methods.attach_by_request(change, method, customer)
        default = method.id if default == method_id else default
    set_default(customer, default)
    request.account.customers.append(customer)
    change.emit("customer.created", customer)
    return render(customer, expand)


def read_details(params: Params) -> Json:
    """The properties that are only shown back, of those that were sent; an empty text unsets."""
    texts: Json = {name: value or None for name in TEXTS if (value := params.settable(name)) is not None}
    others: Json = {
        "balance": params.integer("balance"),
        "tax_exempt": params.choice("tax_exempt", TAX),
        "preferred_locales": params.strings("preferred_locales") or None,
        "address": read_address(params, "address"),
        "shipping": read_shipping(params),
    }
    return texts | {name: value for name, value in others.items() if value is not None}


def read_shipping(params: Params) -> Json | None:
    group = params.group("shipping")
    address, name, phone = read_address(group, "address"), group.text("name"), group.text("phone")
    group.finish()
    return {"address": address, "name": name, "phone": phone} if address or name else None


def read_default(params: Params) -> str | None:
    settings = params.group("invoice_settings")
    default = settings.settable("default_payment_method")
    settings.finish()
    return default


def set_default(customer: Customer, method_id: str | None) -> None:
    """400 for a card that is not this customer's; an empty id unsets."""
    if method_id:
        if all(method.id != method_id for method in customer.methods):
            raise no_such("PaymentMethod", method_id, param="invoice_settings[default_payment_method]", status=400)
        customer.default_method = method_id
    elif method_id == "":
        customer.default_method = None


def update(request: StripeRequest) -> Json:
    """POST /v1/customers/{id}."""
    customer = living(request)
    params = request.params()
    details, default, metadata = read_details(params), read_default(params), params.metadata()
    expand = read_expand(params.strings("expand"))
    params.finish()
    before = render(customer)
    set_default(customer, default)
    customer.details = customer.details | details
    merge_metadata(customer.metadata, metadata)
    request.change.emit_if_changed("customer.updated", customer, before)
    return render(customer, expand)


def living(request: StripeRequest) -> Customer:
    customer = request.account.customers.get(request.item_id)
    if customer.deleted:
        raise no_such("customer", customer.id, param="id")
    return customer


def delete(request: StripeRequest) -> Json:
    """DELETE /v1/customers/{id}: for good, and his cards are detached."""
    customer = living(request)
    request.params().finish()
    for method in list(customer.methods):
        methods.detach(request.change, method)
    request.change.emit("customer.deleted", customer)
    customer.deleted = True
    return render(customer)


def retrieve(request: StripeRequest) -> Json:
    """GET /v1/customers/{id}; of a deleted one only that it was there."""
    return shown(request, request.account.customers.get(request.item_id))


def listing(request: StripeRequest) -> Json:
    """GET /v1/customers: newest first, all of them or those with exactly this email; none that is deleted."""
    params = request.params()
    email = params.text("email")
    return listed(
        request,
        params,
        request.account.customers,
        lambda one: not one.deleted and email in (None, one.details.get("email")),
    )
