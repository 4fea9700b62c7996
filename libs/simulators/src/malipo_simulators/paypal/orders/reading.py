"""Reads a new order: its purchase units, and how its payer is to be led."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.urls import read_url
from malipo_simulators.paypal.http.descriptors import check_descriptor
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.objects.models import Context, Intent, Order, OrderStatus, Unit
from malipo_simulators.paypal.objects.values import as_object, inner, text
from malipo_simulators.paypal.orders.amounts import normalized, read_amount

DEFAULT_REFERENCE = "default"
WALLET = "paypal"
UNUSABLE = "PAYMENT_SOURCE_CANNOT_BE_USED"
# Of the wallet: what would pay without the payer, and is not modelled.
NOT_MODELLED = ("vault_id", "billing_agreement_id")


def read_order(request: PaypalRequest) -> Order:
    """The order that is asked for. Raise the issue of whatever is wrong with it; nothing has happened by then."""
    wallet = read_wallet(request)
    context = read_context(request, wallet)
    units = read_units(request)
    now = request.change.now
    order_id = request.world.new_id("order")
    return Order(
        id=order_id,
        intent=Intent(request.body["intent"]),
        units=units,
        created=now,
        updated=now,
        context=context,
        has_source=wallet is not None,
        status=OrderStatus.CREATED if wallet is None else OrderStatus.PAYER_ACTION_REQUIRED,
        api_base=request.api_base,
        page_base=request.page_base,
        metadata=found_by(order_id, units[0]),
        open_until=now + request.settings.redirect_seconds,
        email=text(wallet or {}, "email_address") or text(inner(request.body, "payer"), "email_address"),
    )


def read_wallet(request: PaypalRequest) -> Json | None:
    """`payment_source.paypal`, or None if there is no payment source at all."""
    source = as_object(request.body.get("payment_source"))
    if source is None:
        return None
    if request.idempotency_key is None and request.documents("PAYPAL_REQUEST_ID_REQUIRED"):
        raise request.issue("PAYPAL_REQUEST_ID_REQUIRED")
    wallet = as_object(source.get(WALLET))
    if wallet is None:
        raise request.issue(UNUSABLE, "/payment_source")
    for name in NOT_MODELLED:
        if name in wallet:
            raise request.issue(UNUSABLE, f"/payment_source/{WALLET}/{name}")
    return wallet


def read_context(request: PaypalRequest, wallet: Json | None) -> Context:
    """The wallet's `experience_context`; the deprecated place of the same is `application_context`."""
    wanted = inner(wallet or {}, "experience_context") or inner(request.body, "application_context")
    preferred = text(wanted, "payment_method_preference") or text(inner(wanted, "payment_method"), "payee_preferred")
    return Context(
        return_url=read_link(request, wanted, "return_url"),
        cancel_url=read_link(request, wanted, "cancel_url"),
        immediate=preferred == "IMMEDIATE_PAYMENT_REQUIRED",
        ships=text(wanted, "shipping_preference") != "NO_SHIPPING",
    )


def read_link(request: PaypalRequest, wanted: Json, name: str) -> str | None:
    """An absolute URL of any scheme: apps are returned to by their own."""
    url = text(wanted, name)
    if url is not None and read_url(url) is None:
        raise request.issue("INVALID_PARAMETER_SYNTAX", f"/payment_source/paypal/experience_context/{name}", url)
    return url


def read_units(request: PaypalRequest) -> list[Unit]:
    given: list[Json] = request.body["purchase_units"]
    several = len(given) > 1
    if several and request.body["intent"] == Intent.AUTHORIZE:
        raise request.issue("UNSUPPORTED_INTENT", "/intent", Intent.AUTHORIZE)
    units = [read_unit(request, one, f"/purchase_units/{index}") for index, one in enumerate(given)]
    check_together(request, units, given)
    return units


def read_unit(request: PaypalRequest, given: Json, at: str) -> Unit:
    amount = read_amount(request, given, at)
    check_descriptor(request, given.get("soft_descriptor"), f"{at}/soft_descriptor")
    shown = normalized(given, amount) | {"payee": payee(request, given)}
    reference = given.get("reference_id")
    return Unit(shown, str(reference) if reference else DEFAULT_REFERENCE, amount)


def check_together(request: PaypalRequest, units: list[Unit], given: list[Json]) -> None:
    if len({unit.amount.currency for unit in units}) > 1:
        raise request.issue("MULTI_CURRENCY_ORDER", "/purchase_units")
    if len(units) > 1 and any("reference_id" not in one for one in given):
        raise request.issue("REFERENCE_ID_REQUIRED", "/purchase_units")
    if len({unit.reference_id for unit in units}) < len(units):
        raise request.issue("DUPLICATE_REFERENCE_ID", "/purchase_units")


def payee(request: PaypalRequest, given: Json) -> Json:
    """The merchant, unless the client names somebody: others are not modelled, and are shown back."""
    return {"email_address": request.account.email, "merchant_id": request.account.id} | inner(given, "payee")


def found_by(order_id: str, unit: Unit) -> dict[str, str]:
    """What the book and the rules know it by."""
    named = {"order": order_id, "custom_id": unit.custom_id, "invoice_id": unit.invoice_id}
    return {name: value for name, value in named.items() if value}
