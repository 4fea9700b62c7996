"""PayPal as a descriptor: the customer approves, and only then is the charge confirmed. A draft, to try the form on."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from malipo.contracts.descriptor import (
    AmountRule,
    Details,
    Method,
    MethodRules,
    OperationRules,
    Pattern,
    ProblemText,
    ProviderDescriptor,
    SameKey,
    Secret,
)
from malipo.contracts.methods import PRINTABLE

_TAKEN = (
    *("AUD", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN"),
    *("NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD"),
)
_WITHOUT_DECIMALS = frozenset({"HUF", "TWD"})  # which have two in ISO 4217


class PaypalMethod(Method):
    """A PayPal account: its owner approves on PayPal's page, or goes back to `cancel_url`."""

    type: Literal["paypal"]


class PaypalCredentials(Details):
    """A merchant's application at PayPal."""

    problems = ("client_id_invalid", "text_empty", "text_too_long", "text_control_characters")
    model_config = ConfigDict(
        json_schema_extra={
            "example": {"client_id": "AexampleClientId0123456789", "client_secret": "example", "webhook_id": "1AB"}
        }
    )

    client_id: Annotated[str, Pattern("^[A-Za-z0-9_-]{20,128}$", "client_id_invalid", "the application's client id")]
    client_secret: Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE, repr=False), Secret()]
    webhook_id: Annotated[str, Field(min_length=1, max_length=50, pattern=PRINTABLE)]


DESCRIPTOR = ProviderDescriptor(
    name="paypal",
    title="PayPal",
    credentials=PaypalCredentials,
    methods=(
        MethodRules(
            model=PaypalMethod,
            currencies={currency: AmountRule(step=100 if currency in _WITHOUT_DECIMALS else 1) for currency in _TAKEN},
            captures=("automatic", "manual"),
            actions=("approval",),
            needs=("return_url", "cancel_url"),
            life=timedelta(hours=3),
            longest_life=timedelta(hours=6),
        ),
    ),
    operations={
        "charge": OperationRules(),
        "confirm": OperationRules(asynchronous=True),
        "capture": OperationRules(partial=True, several=True, asynchronous=True),
        "cancel": OperationRules(),
        "refund": OperationRules(partial=True, several=True, asynchronous=True),
    },
    repeat=SameKey(timedelta(hours=6)),
    callbacks="signed",
    problems={
        "client_id_invalid": ProblemText("Not a client id of this provider", "Copy it from the application's page."),
    },
)
