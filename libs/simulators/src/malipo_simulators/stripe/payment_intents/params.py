"""Reads what a PaymentIntent may be created or confirmed with, and refuses what does not go together."""

import re
from dataclasses import dataclass

from malipo_simulators.stripe.errors import invalid, missing
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.customers import Customer
from malipo_simulators.stripe.objects.descriptors import MAX_DESCRIPTOR
from malipo_simulators.stripe.objects.expand import Expand, read_expand
from malipo_simulators.stripe.objects.models import CaptureMethod, IntentOptions, PaymentIntent
from malipo_simulators.stripe.objects.money import check_amount, checked_currency
from malipo_simulators.stripe.payment_methods.confirming import (
    Confirmation,
    check_return_url,
    read_automatic,
    read_confirmation_at_once,
)
from malipo_simulators.stripe.payment_methods.params import find_customer, read_type_filters, read_types

MAX_DESCRIPTION = 1_000
WHOLE, SUFFIX = "statement_descriptor", "statement_descriptor_suffix"
NOT_ON_STATEMENTS = re.compile(r"[<>\\'\"*]")
LETTER = re.compile(r"[A-Za-z]")


@dataclass(frozen=True, slots=True)
class NewIntent:
    """A PaymentIntent as requested. `confirm` is how to confirm it, if at all."""

    amount: int
    currency: str
    options: IntentOptions
    capture_method: CaptureMethod
    metadata: dict[str, str]
    method_id: str | None
    customer: Customer | None
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
        capture_method=read_capture_method(params) or CaptureMethod.AUTOMATIC_ASYNC,
        metadata=params.new_metadata(),
        method_id=params.text("payment_method"),
        customer=find_customer(request, params.text("customer")),
        confirm=read_confirmation_at_once(request, params),
        expand=read_expand(params.strings("expand")),
    )
    params.finish()
    if requested.confirm is not None:
        check_return_url(requested.options, requested.confirm)
        if requested.method_id is None:
            raise missing("payment_method")
    return requested


@dataclass(frozen=True, slots=True)
class Changes:
    """What an update asks for; `options` are the values by the names of IntentOptions."""

    amount: int
    currency: str
    is_about_money: bool
    customer: Customer | None
    method_id: str | None
    capture_method: CaptureMethod | None
    metadata: dict[str, str]
    options: dict[str, str]
    expand: Expand


def read_changes(request: StripeRequest, params: Params, intent: PaymentIntent) -> Changes:
    """Everything that POST /v1/payment_intents/{id} accepts; amounts follow the rules of creation."""
    amount, currency = params.positive("amount"), params.text("currency")
    customer, method_id = find_customer(request, params.text("customer")), params.text("payment_method")
    capture_method, usage = read_capture_method(params), read_future_usage(params)
    options = {
        "description": params.text("description", max_length=MAX_DESCRIPTION),
        "receipt_email": params.text("receipt_email"),
        "setup_future_usage": usage,
        "statement_descriptor_suffix": read_suffix(params),
    }
    new_amount, new_currency = amount or intent.amount, checked_currency(currency or intent.currency)
    check_amount(new_amount, new_currency)
    return Changes(
        amount=new_amount,
        currency=new_currency,
        is_about_money=any(one is not None for one in (amount, currency, customer, method_id, capture_method, usage)),
        customer=customer,
        method_id=method_id,
        capture_method=capture_method,
        metadata=params.metadata(),
        options={name: value for name, value in options.items() if value is not None},
        expand=read_expand(params.strings("expand")),
    )


def read_money(params: Params) -> tuple[int, str]:
    amount = params.positive("amount")
    if amount is None:
        raise missing("amount")
    currency = checked_currency(params.required_text("currency"))
    check_amount(amount, currency)
    return amount, currency


def read_options(params: Params) -> IntentOptions:
    automatic, redirects = read_automatic(params)
    allowed, excluded = read_type_filters(params)
    return IntentOptions(
        automatic_payment_methods=automatic,
        allow_redirects=redirects,
        description=params.text("description", max_length=MAX_DESCRIPTION),
        receipt_email=params.text("receipt_email"),
        statement_descriptor_suffix=read_suffix(params),
        confirmation_method=params.choice("confirmation_method", ("automatic", "manual")) or "automatic",
        allowed_payment_method_types=allowed,
        excluded_payment_method_types=excluded,
        setup_future_usage=read_future_usage(params),
    )


def read_future_usage(params: Params) -> str | None:
    return params.choice("setup_future_usage", ("off_session", "on_session"))


def read_suffix(params: Params) -> str | None:
    """`statement_descriptor_suffix`, or the 400 for one that no statement shows. The whole text is not a card's to set."""
    params.refuse(WHOLE, invalid(f"{WHOLE} is not supported for cards: use {SUFFIX} instead.", param=WHOLE))
    suffix = params.text(SUFFIX, max_length=MAX_DESCRIPTOR)
    if suffix is None:
        return None
    if LETTER.search(suffix) is None:
        raise invalid("The statement descriptor suffix must contain at least one letter.", param=SUFFIX)
    if NOT_ON_STATEMENTS.search(suffix) is not None:
        raise invalid("The statement descriptor suffix cannot contain any of < > \\ ' \" *", param=SUFFIX)
    return suffix


def read_capture_method(params: Params) -> CaptureMethod | None:
    name = params.choice("capture_method", tuple(CaptureMethod))
    return None if name is None else CaptureMethod(name)
