"""Reads what a PaymentIntent may be created or confirmed with, and refuses what does not go together."""

from dataclasses import dataclass

from malipo_simulators.kit.urls import read_url
from malipo_simulators.stripe.errors import invalid, missing, no_such
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.http.versions import takes_payment_method_types, types_no_longer_supported
from malipo_simulators.stripe.objects.cards import TEST_CARDS
from malipo_simulators.stripe.objects.expand import Expand, read_expand
from malipo_simulators.stripe.objects.models import CaptureMethod, IntentOptions, PaymentMethod
from malipo_simulators.stripe.objects.money import check_amount, checked_currency
from malipo_simulators.stripe.payment_intents.lifecycle import Confirmation

ONLY_WITH_CONFIRM = ("return_url", "off_session", "error_on_requires_action")
MAX_SUFFIX = 22
MAX_DESCRIPTION = 1_000


@dataclass(frozen=True, slots=True)
class NewIntent:
    """A PaymentIntent as requested. `confirm` is how to confirm it, if at all."""

    amount: int
    currency: str
    options: IntentOptions
    capture_method: CaptureMethod
    metadata: dict[str, str]
    method_id: str | None
    confirm: Confirmation | None
    expand: Expand


def read_new_intent(request: StripeRequest, params: Params) -> NewIntent:
    """Everything that POST /v1/payment_intents accepts, or the 400 for the first parameter that is wrong."""
    read_types(request, params)
    amount, currency = read_money(params)
    requested = NewIntent(
        amount=amount,
        currency=currency,
        options=read_options(params),
        capture_method=read_capture_method(params) or CaptureMethod.AUTOMATIC,
        metadata=set_pairs(params.metadata()),
        method_id=params.text("payment_method"),
        confirm=read_confirmation_at_once(request, params),
        expand=read_expand(params.strings("expand")),
    )
    params.finish()
    if requested.confirm is not None:
        check_return_url(requested.options, requested.confirm)
        if requested.method_id is None:
            raise missing("payment_method")
    return requested


def read_confirmation_at_once(request: StripeRequest, params: Params) -> Confirmation | None:
    confirming = params.flag("confirm") or False
    if not confirming:
        refuse_confirmation_params(params)
    how = read_confirmation(request, params)
    return how if confirming else None


def set_pairs(metadata: dict[str, str]) -> dict[str, str]:
    """On creation an empty value has nothing to unset and is dropped."""
    return {key: value for key, value in metadata.items() if value}


def read_types(request: StripeRequest, params: Params) -> None:
    """`payment_method_types` was removed in 2026-09-30.endive; older versions may still send it."""
    if not takes_payment_method_types(request.version):
        params.refuse("payment_method_types", types_no_longer_supported())
    params.strings("payment_method_types")


def read_money(params: Params) -> tuple[int, str]:
    amount = params.positive("amount")
    if amount is None:
        raise missing("amount")
    currency = checked_currency(params.required_text("currency"))
    check_amount(amount, currency)
    return amount, currency


def refuse_confirmation_params(params: Params) -> None:
    for name in ONLY_WITH_CONFIRM:
        params.refuse(name, invalid(f"{name} can only be given together with confirm=true.", param=name))


def read_confirmation(request: StripeRequest, params: Params) -> Confirmation:
    off_session = params.choice("off_session", ("true", "false", "one_off", "recurring"))
    return Confirmation(
        base_url=request.base_url,
        return_url=read_return_url(params),
        off_session=off_session not in (None, "false"),
        error_on_requires_action=params.flag("error_on_requires_action") or False,
        use_stripe_sdk=params.flag("use_stripe_sdk") or False,
    )


def read_return_url(params: Params) -> str | None:
    url = params.text("return_url")
    if url is not None and read_url(url) is None:
        raise invalid("Not a valid URL", code="url_invalid", param="return_url")
    return url


def read_options(params: Params) -> IntentOptions:
    """Automatic payment methods are on unless `enabled=false` is sent, as since 2023-08-16."""
    automatic = params.group("automatic_payment_methods")
    enabled, redirects = automatic.flag("enabled"), automatic.choice("allow_redirects", ("always", "never"))
    automatic.finish()
    descriptor, suffix = read_descriptors(params)
    return IntentOptions(
        automatic_payment_methods=enabled is not False,
        allow_redirects=redirects != "never",
        description=params.text("description", max_length=MAX_DESCRIPTION),
        receipt_email=params.text("receipt_email"),
        statement_descriptor=descriptor,
        statement_descriptor_suffix=suffix,
        confirmation_method=params.choice("confirmation_method", ("automatic", "manual")) or "automatic",
        allowed_payment_method_types=params.strings("allowed_payment_method_types") or None,
    )


def read_descriptors(params: Params) -> tuple[str | None, str | None]:
    return (
        params.text("statement_descriptor", max_length=MAX_SUFFIX),
        params.text("statement_descriptor_suffix", max_length=MAX_SUFFIX),
    )


def read_capture_method(params: Params) -> CaptureMethod | None:
    name = params.choice("capture_method", tuple(CaptureMethod))
    return None if name is None else CaptureMethod(name)


def check_return_url(options: IntentOptions, how: Confirmation) -> None:
    """Payment methods that redirect may be offered, so a server-side confirmation must name the page to come back to."""
    may_redirect = options.automatic_payment_methods and options.allow_redirects
    if may_redirect and how.return_url is None and not how.off_session:
        message = "A return_url is needed: set it, or send automatic_payment_methods[allow_redirects]=never."
        raise invalid(message, param="return_url")


def find_method(request: StripeRequest, method_id: str) -> PaymentMethod:
    """A shared test id becomes a new payment method of this account; others must exist already."""
    known = request.account.methods.get(method_id)
    if known is not None:
        return known
    card = TEST_CARDS.get(method_id)
    if card is None:
        raise no_such("PaymentMethod", method_id, param="payment_method", status=400)
    method = PaymentMethod(request.change.mint("pm"), card, request.change.now)
    request.account.methods[method.id] = method
    return method
