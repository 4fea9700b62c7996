"""Stripe: cards as PaymentIntents. Facts: docs.stripe.com/api, docs.stripe.com/currencies."""

from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field

from malipo.contracts.descriptor import (
    AmountRule,
    Details,
    MethodRules,
    OperationRules,
    Pattern,
    ProblemText,
    ProviderDescriptor,
    SameKey,
    Secret,
    ShowsMode,
    StatementDescriptor,
)
from malipo.contracts.methods import CardMethod, SavedMethod
from malipo.money import EXPONENTS, MAX_AMOUNT_MINOR

_NOT_TAKEN = frozenset({"GHS", "ISK", "MGA", "UGX"})
"""Stripe writes ISK and UGX with two decimals that must be zero; its minor unit of MGA is not ISO's; it has no GHS."""

_MOST = 99_999_999
_MOST_IN = {"IDR": MAX_AMOUNT_MINOR}
"""Stripe's amounts have up to eight digits, in IDR up to twelve, which is more than ours (docs.stripe.com/currencies, "Minimum
and maximum charge amounts").

It has minimums there, too, as 50 in USD. They hold for the currency that the account settles in, after conversion, which is
not known here: 49 cents are enough where 30 pence are. So there is no `least` here, and Stripe declines what is too little.
"""

_KEY = "^(?:sk|rk)_(?:test|live)_[A-Za-z0-9_]{4,240}$"
_WEBHOOK_SECRET = "^whsec_[A-Za-z0-9_+/=-]{4,240}$"  # noqa: S105 - how one looks

_SecretKey = Annotated[
    str,
    Pattern(
        _KEY,
        "secret_key_invalid",
        "a secret or restricted key: sk_test_... or rk_test_... with your test key, sk_live_... or rk_live_... with your live key, and 4 to 240 letters, digits or _ behind",
    ),
    Secret("[a-z]+_[a-z]+_"),
    ShowsMode("[a-z]+_(test|live)_"),
]
_SigningSecret = Annotated[
    str,
    Pattern(_WEBHOOK_SECRET, "webhook_secret_invalid", "a signing secret: whsec_... with 4 to 240 characters behind"),
]


class StripeCredentials(Details):
    """A merchant's account at Stripe."""

    problems = ("too_many_entries", "secret_key_invalid", "webhook_secret_invalid")
    model_config = ConfigDict(
        json_schema_extra={
            "example": {"secret_key": "sk_test_51MalipoExample", "webhook_secrets": ["whsec_MalipoExample"]}
        }
    )

    secret_key: _SecretKey = Field(repr=False, description="Secret or restricted key.")
    webhook_secrets: Annotated[list[_SigningSecret], Secret("whsec_")] = Field(
        default=[],
        max_length=5,
        repr=False,
        description="Signing secrets of the endpoint at Stripe; two while one rotates.",
    )


_SHOWN = "[ !#-&()+-;=?-\\[\\]-~]*"
_STATEMENT = StatementDescriptor(
    f"^{_SHOWN}[A-Za-z]{_SHOWN}$", "ASCII without control characters and < > \\ ' \" *, with at least one letter"
)
"""What may stand behind the account's prefix on a card's statement (docs.stripe.com, "Statement descriptors"). Characters beyond
ASCII are stripped there. Prefix, `* ` and this have 22 characters together: as the prefix, of 2 to 10, is the account's, nobody
here knows how many are left, and Stripe shortens what is too long.
"""

REPEAT = SameKey(timedelta(hours=24))
"""Stripe remembers an idempotency key at least this long (docs.stripe.com/api/idempotent_requests)."""

EVENT_TYPES = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.amount_capturable_updated",
    "setup_intent.succeeded",
    "setup_intent.setup_failed",
    "setup_intent.canceled",
    "setup_intent.requires_action",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "radar.early_fraud_warning.created",
    "payment_method.updated",
    "payment_method.automatically_updated",
    "payment_method.detached",
)
"""The events that are read, and that a merchant's webhook endpoint at Stripe has to send. Others report nothing of our
operations, or the same as one of these: other `charge.*` beside each `payment_intent.*`, `charge.refund.updated` beside
`refund.*`, which are of cards' refunds since the API version 2024-10-28.acacia (docs.stripe.com/changelog/acacia).
"""

_CURRENCIES = {
    # In currencies that have thousandths, cards settle in hundredths ("three-decimal currencies").
    currency: AmountRule(step=10 if exponent == 3 else 1, most=_MOST_IN.get(currency, _MOST))
    for currency, exponent in EXPONENTS.items()
    if currency not in _NOT_TAKEN
}

DESCRIPTOR = ProviderDescriptor(
    name="stripe",
    title="Stripe",
    credentials=StripeCredentials,
    methods=(
        MethodRules(
            model=CardMethod,
            currencies=_CURRENCIES,
            captures=("automatic", "manual"),
            actions=("redirect", "other"),
            statement=_STATEMENT,
            saves=True,
        ),
        # What a merchant charges alone may need the customer after all, who comes back when he reads of it.
        MethodRules(
            model=SavedMethod,
            currencies=_CURRENCIES,
            captures=("automatic", "manual"),
            actions=("redirect", "other"),
            life=timedelta(days=1),
            longest_life=timedelta(days=7),
            statement=_STATEMENT,
        ),
    ),
    operations={
        "charge": OperationRules(asynchronous=True),
        "setup": OperationRules(asynchronous=True),
        "capture": OperationRules(partial=True),
        "cancel": OperationRules(),
        "refund": OperationRules(partial=True, several=True, asynchronous=True),
        "detach": OperationRules(),
    },
    repeat=REPEAT,
    callbacks="signed",
    pending=timedelta(minutes=1),
    receives=False,
    disputes=True,
    setup=f"Stripe is to send there {', '.join(f'`{event}`' for event in EVENT_TYPES)}: refunds and disputes that were made at "
    "Stripe itself, and what becomes of saved cards there, are reported by these alone.",
    problems={
        "secret_key_invalid": ProblemText(
            "Not a secret key of this provider",
            "Copy the secret key from the provider's dashboard: sk_test_... or sk_live_...",
        ),
        "webhook_secret_invalid": ProblemText(
            "Not a webhook secret of this provider", "Copy the signing secret of the provider's endpoint: whsec_..."
        ),
    },
)
