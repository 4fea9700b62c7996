"""PayPal: orders that a payer approves, and that are captured or authorized then. Facts: developer.paypal.com/api/rest."""

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
    StatementDescriptor,
)
from malipo.contracts.identity import short_name
from malipo.contracts.methods import PRINTABLE
from malipo.money import EXPONENTS

_WITH_DECIMALS = (
    *("AUD", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "MXN"),
    *("NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD"),
)
"""Without BRL, CNY, INR and MYR, which PayPal takes "for in-country accounts only" (Currency codes): in which country an
account is, is not known here.
"""
_WITHOUT_DECIMALS = ("HUF", "JPY", "TWD")
"""PayPal refuses decimals of them (Currency codes); HUF and TWD have two in ISO 4217."""

DECIMALS = dict.fromkeys(_WITH_DECIMALS, 2) | dict.fromkeys(_WITHOUT_DECIMALS, 0)
"""How many decimals PayPal writes in each currency that is taken."""

INVOICE_CHARACTERS = 20
"""Of an invoice id of ours: 100 bits, so that none comes twice. PayPal takes 127 characters."""


def own_reference(operation_id: str) -> str:
    """The invoice id of a charge, capture or refund: its payer and its merchant see it, and PayPal takes each once."""
    return short_name(operation_id, INVOICE_CHARACTERS)


def masked(email: str) -> str:
    """A payer's address as everybody may see it: of the name and of the domain the first letter, and the last label whole."""
    name, at, domain = email.rpartition("@")
    label, dot, last = domain.rpartition(".")
    if not (at and name and dot and label and last.isalnum()):
        return "***"
    return f"{name[0]}***@{label[0]}***.{last}"


_ClientId = Annotated[
    str, Pattern("^[A-Za-z0-9_-]{20,128}$", "client_id_invalid", "a client id: 20 to 128 letters, digits, - or _")
]
_WebhookId = Annotated[
    str, Pattern("^[A-Za-z0-9-]{1,50}$", "webhook_id_invalid", "a webhook's id: up to 50 letters, digits or -")
]


class PaypalMethod(Method):
    """A PayPal account, or whatever else PayPal's page offers: the payer approves there, or goes back to `cancel_url`."""

    type: Literal["paypal"]


class PaypalCredentials(Details):
    """A merchant's app at PayPal."""

    problems = (
        *("client_id_invalid", "webhook_id_invalid", "too_many_entries"),
        *("text_empty", "text_too_long", "text_control_characters"),
    )
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "client_id": "AexampleClientId0123456789",
                "client_secret": "example-client-secret",
                "webhook_ids": ["1JE4291016473214C"],
            }
        }
    )

    client_id: _ClientId = Field(
        description="Of the app: the sandbox's with your test key, the live one with your live key."
    )
    client_secret: Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE), Secret()] = Field(
        repr=False, description="Of the app."
    )
    webhook_ids: list[_WebhookId] = Field(
        default=[],
        max_length=5,
        description="Ids of the app's webhooks that send here; two while one is exchanged. Without any, callbacks are refused.",
    )


REPEAT = SameKey(timedelta(hours=6))
"""PayPal remembers an order's `PayPal-Request-Id` so long (Orders, "Create order"), and that of a capture of an authorization
or of a refund 45 days (Payments).
"""

EVENT_TYPES = (
    "CHECKOUT.ORDER.APPROVED",
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
    "PAYMENT.AUTHORIZATION.CREATED",
    "PAYMENT.AUTHORIZATION.VOIDED",
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.PENDING",
    "PAYMENT.CAPTURE.DECLINED",
    "PAYMENT.CAPTURE.DENIED",
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",
    "PAYMENT.REFUND.PENDING",
    "PAYMENT.REFUND.FAILED",
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.UPDATED",
    "CUSTOMER.DISPUTE.RESOLVED",
)
"""The events that are read, and that a merchant's webhook has to send."""

_SHOWN = "[A-Za-z0-9.* -]*"
_STATEMENT = StatementDescriptor(
    f"^{_SHOWN}[A-Za-z0-9.*-]{_SHOWN}$", "letters from A to Z, digits, dashes, asterisks, periods and blanks"
)
"""Of a soft descriptor (Orders, "purchase_unit_request"; DoCapture names the characters). On the statement it stands behind
`PAYPAL *` and the account's own name, and the line ends after 22 characters.
"""

_WAITS = {
    "BUYER_COMPLAINT": "The payer has a dispute open about it at PayPal.",
    "CHARGEBACK": "The payer disputes it with the bank, and it was taken back for that.",
    "ECHECK": "The payer pays from a bank account by eCheck, which takes days to clear.",
    "INTERNATIONAL_WITHDRAWAL": "Accept or deny it in your account at PayPal.",
    "OTHER": "PayPal gives no further reason.",
    "PENDING_REVIEW": "PayPal reviews it.",
    "RECEIVING_PREFERENCE_MANDATES_MANUAL_ACTION": "Your account at PayPal lacks the setting to receive it: set it, or accept or deny it there.",
    "REFUNDED": "It has been refunded.",
    "TRANSACTION_APPROVED_AWAITING_FUNDING": "The payer has yet to send the money that was approved.",
    "UNILATERAL": "It was sent to an address that no account at PayPal has.",
    "VERIFICATION_REQUIRED": "Your account at PayPal is to be verified first, which you do there.",
}
"""What PayPal's reasons of a pending payment mean (Payments, `capture_status_details`)."""


def _amounts(currency: str) -> AmountRule:
    step = 10 ** (EXPONENTS[currency] - DECIMALS[currency])
    return AmountRule(step=step, steps="no decimals at PayPal" if step > 1 else "")


DESCRIPTOR = ProviderDescriptor(
    name="paypal",
    title="PayPal",
    credentials=PaypalCredentials,
    methods=(
        MethodRules(
            model=PaypalMethod,
            currencies={one: _amounts(one) for one in sorted(DECIMALS)},
            captures=("automatic", "manual"),
            actions=("approval",),
            needs=("return_url", "cancel_url"),
            statement=_STATEMENT,
            # A payer has three hours to approve (Orders, "links"): an order is no good for longer.
            life=timedelta(hours=1),
            longest_life=timedelta(hours=3),
        ),
    ),
    operations={
        "charge": OperationRules(asynchronous=True),
        "confirm": OperationRules(asynchronous=True),
        "capture": OperationRules(partial=True, several=True, asynchronous=True),
        "cancel": OperationRules(),
        "refund": OperationRules(partial=True, several=True, asynchronous=True),
    },
    repeat=REPEAT,
    callbacks="signed",
    pending=timedelta(minutes=5),
    own_references=lambda operation_id: (own_reference(operation_id),),
    receives=False,
    setup=f"PayPal is to send there {', '.join(f'`{event}`' for event in EVENT_TYPES)}: give the id that the webhook gets in "
    "`webhook_ids`.",
    waits=_WAITS,
    problems={
        "client_id_invalid": ProblemText(
            "Not a client id of this provider", "Copy it from the page of the app at PayPal."
        ),
        "webhook_id_invalid": ProblemText(
            "Not a webhook's id", "Copy it from the page of the app at PayPal, not the URL."
        ),
    },
)
