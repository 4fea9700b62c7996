"""What merchants send: the bodies, and the parameters of lists, with the code of each thing that may be wrong."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from gateway.cards import find_card_number, leads_to_card_number, mentions_card_number
from malipo.contracts.commands import CaptureMode
from malipo.contracts.events import EVENT_TYPES, PaymentStatus
from malipo.contracts.topics import PROVIDER_COMMANDS
from malipo.money import EXPONENTS, MAX_AMOUNT_MINOR

CARD_CURRENCIES = frozenset(EXPONENTS) - {"GHS"}
"""Currencies that card providers present amounts in."""

_IN_THOUSANDTHS = frozenset(code for code in CARD_CURRENCIES if EXPONENTS[code] == 3)
_CARD_ROUNDING = 10  # minor units that cards settle in where a currency has three decimals
SHORTEST_LIFE, LONGEST_LIFE = timedelta(minutes=1), timedelta(hours=24)
"""How soon and how late a payment may end, from its acceptance."""
IDEMPOTENCY_KEY = "^[!-~](?:[ -~]{0,253}[!-~])?$"
"""Of each pattern the text is as OpenAPI shows it, so that it says what is done."""

_HOST = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?"
_PORT = "(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
_GROUP = "[0-9A-Fa-f]{1,4}"
_SHORTENED = "|".join(f"(?:{_GROUP}:){{1,{left}}}(?::{_GROUP}){{1,{7 - left}}}" for left in range(1, 7))
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_DOTTED = f"(?:(?:{_GROUP}:){{0,3}}{_GROUP})?::(?:{_GROUP}:)?{_BYTE}(?:[.]{_BYTE}){{3}}"
_IPV6 = f"{_DOTTED}|(?:{_GROUP}:){{7}}{_GROUP}|(?:{_GROUP}:){{1,7}}:|{_SHORTENED}|:(?:(?::{_GROUP}){{1,7}}|:)"
_URL = rf"^[Hh][Tt][Tt][Pp][Ss]?://(?:{_HOST}|\[(?:{_IPV6})\]){_PORT}(?:[/?][^\x00- #\x7f-\xa0]*)?$"
_EXPOSED = "card numbers are refused: send a token from the provider's browser library; treat the number as exposed"
_STRIPE_KEY = "^(?:sk|rk)_(?:test|live)_[A-Za-z0-9_]{4,240}$"
_STRIPE_WEBHOOK_SECRET = "^whsec_[A-Za-z0-9_+/=-]{4,240}$"  # noqa: S105 - how one looks
_DATE = "20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
_MOMENT = f"^{_DATE}[Tt]{_TIME}(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$"
_DIGITS = re.compile("0|[1-9][0-9]{0,19}")  # as JSON writes a whole number


def _whole_amount(value: object) -> object:
    if type(value) is not int:  # a bool is an int to isinstance
        raise PydanticCustomError("amount_not_integer", "must be an integer of minor units, e.g. 1250 for 12.50 USD")
    if value < 1:
        raise PydanticCustomError("amount_too_small", "must be at least 1")
    if value > MAX_AMOUNT_MINOR:
        raise PydanticCustomError("amount_too_large", "must be at most {limit}", {"limit": MAX_AMOUNT_MINOR})
    return value


def _known_currency(code: str) -> str:
    if code not in EXPONENTS:
        raise PydanticCustomError("currency_unknown", "must be an ISO 4217 code in capitals that we list, e.g. USD")
    return code


def _known_provider(name: str) -> str:
    if name not in PROVIDER_COMMANDS:
        raise PydanticCustomError(
            "provider_unknown", "must be one of: {known}", {"known": ", ".join(PROVIDER_COMMANDS)}
        )
    return name


def _web_url(url: str) -> str:
    if not re.fullmatch(_URL, url):
        raise PydanticCustomError("url_invalid", "must be an absolute http or https URL without user name or fragment")
    if leads_to_card_number(url):
        raise PydanticCustomError("raw_card_number", _EXPOSED)
    return url


def _event_type(name: str) -> str:
    if name not in EVENT_TYPES:
        raise PydanticCustomError("event_type_invalid", f"must be one of: {', '.join(EVENT_TYPES)}")
    return name


def _parameter_moment(text: object) -> object:
    if not isinstance(text, str) or re.fullmatch(_MOMENT, text) or re.fullmatch(_MOMENT, f"{text}Z"):
        return text  # without an offset is told by the type
    if re.fullmatch(_MOMENT, text.replace(" ", "+")):
        raise PydanticCustomError("parameter_invalid", "in a URL a + is a blank: write the offset's as %2B")
    raise PydanticCustomError(
        "parameter_invalid", "must be an RFC 3339 time of this century, e.g. 2026-11-21T09:30:00Z"
    )


def _digits(text: object) -> object:
    if isinstance(text, str) and not _DIGITS.fullmatch(text):
        raise PydanticCustomError("parameter_invalid", "must be a whole number in digits")
    return text


def _stripe_key(key: str) -> str:
    if not re.fullmatch(_STRIPE_KEY, key):
        raise PydanticCustomError("secret_key_invalid", "must be a secret or restricted key: sk_test_..., rk_live_...")
    return key


def _stripe_webhook_secret(secret: str) -> str:
    if not re.fullmatch(_STRIPE_WEBHOOK_SECRET, secret):
        raise PydanticCustomError("webhook_secret_invalid", "must be a signing secret: whsec_...")
    return secret


def _no_card_number(text: str) -> str:
    if mentions_card_number(text):
        raise PydanticCustomError("raw_card_number", _EXPOSED)
    return text


def is_settled_by_cards(amount_minor: int, currency: str) -> bool:
    """Whether cards can move this amount: where a currency has three decimals they do so in tens alone.

    Source: Stripe's page on currencies, "three-decimal currencies".
    """
    return currency not in _IN_THOUSANDTHS or amount_minor % _CARD_ROUNDING == 0


_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
Printable = Field(pattern=_PRINTABLE)
Words = AfterValidator(_no_card_number)


def _shown(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **schema})


_AMOUNT_RANGE = {"minimum": 1, "maximum": MAX_AMOUNT_MINOR}
Amount = Annotated[int, BeforeValidator(_whole_amount), WithJsonSchema({"type": "integer", **_AMOUNT_RANGE})]
Currency = Annotated[str, AfterValidator(_known_currency), _shown(enum=sorted(EXPONENTS))]
Provider = Annotated[str, AfterValidator(_known_provider), _shown(enum=[*PROVIDER_COMMANDS])]
ClientRef = Annotated[str, Field(min_length=1, max_length=100), Printable, Words]
Description = Annotated[str, Field(min_length=1, max_length=500), Printable, Words]
WebUrl = Annotated[
    str, Field(max_length=2000), Printable, AfterValidator(_web_url), _shown(maxLength=2000, pattern=_URL)
]
EventName = Annotated[str, AfterValidator(_event_type), _shown(enum=[*EVENT_TYPES])]
MetadataKey = Annotated[str, Field(min_length=1, max_length=40), Printable, Words]
MetadataValue = Annotated[str, Field(max_length=500), Printable, Words]
Metadata = Annotated[
    dict[MetadataKey, MetadataValue],
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 20,
            "propertyNames": {"minLength": 1, "maxLength": 40, "pattern": _PRINTABLE},
            "additionalProperties": {"type": "string", "maxLength": 500, "pattern": _PRINTABLE},
        }
    ),
]


_ShownMoment = Annotated[datetime, _shown(format="date-time", pattern=_MOMENT)]


class Body(BaseModel):
    """A body: types as written in JSON, no unknown fields."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _no_card(cls, data: Any) -> Any:
        # In the method and in fields that do not exist no number can be meant otherwise; texts have `Words`.
        if isinstance(data, dict):
            fields = cast("dict[str, Any]", data)
            suspects = {name: fields[name] for name in fields if name == "method" or name not in cls.model_fields}
            if found := find_card_number(suspects):
                raise PydanticCustomError("raw_card_number", _EXPOSED, {"place": found})
        return cast("Any", data)


def _moment(value: object) -> object:
    """A moment as RFC 3339 writes it, in UTC: what two offsets mean is one moment, and one request."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) and re.fullmatch(_MOMENT, value) else None
        return moment and moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _known_moment(value: object) -> object:
    if value is None:
        return None
    if (moment := _moment(value)) is None:
        raise PydanticCustomError("value_invalid", "must be RFC 3339 with an offset, e.g. 2026-11-21T09:45:00Z")
    return moment


class CardMethod(Body):
    """A card that the provider's browser library has tokenised."""

    type: Literal["card"]
    token: Annotated[str, Field(min_length=1, max_length=255), Printable]


class NewPayment(Body):
    """Start one payment."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "amount": 1250,
                "currency": "USD",
                "method": {"type": "card", "token": "pm_card_visa"},
                "client_ref": "order-1001",
            },
            "if": {"properties": {"currency": {"enum": [*sorted(_IN_THOUSANDTHS)]}}},
            "then": {"properties": {"amount": {"multipleOf": _CARD_ROUNDING}}},
        }
    )

    amount: Annotated[Amount, Field(description="Minor units of the currency: 1250 is 12.50 USD, or 1250 JPY.")]
    currency: Annotated[
        Currency, Field(description="ISO 4217, in capitals.", json_schema_extra={"enum": [*sorted(CARD_CURRENCIES)]})
    ]
    method: CardMethod = Field(description="How the customer pays.")
    client_ref: ClientRef | None = Field(default=None, description="Your own reference, e.g. the order's number.")
    description: Description | None = Field(
        default=None, description="Shown to the customer where the provider does so."
    )
    metadata: Metadata = Field(default={}, max_length=20, description="Yours, kept and shown.")
    capture: CaptureMode = Field(default="automatic", description="`manual` reserves the amount; capture it later.")
    return_url: WebUrl | None = Field(default=None, description="Where the customer returns to after a redirect.")
    provider: Provider | None = Field(default=None, description="Leave it out to let routing decide.")
    expires_at: Annotated[_ShownMoment | None, BeforeValidator(_known_moment)] = Field(
        default=None,
        description="RFC 3339 with an offset, from a minute to 24 hours ahead: after it nothing that takes the customer's "
        "money is sent. Left out, a quarter of an hour from acceptance.",
    )

    @model_validator(mode="after")
    def _fits_cards(self) -> Self:
        if self.currency not in CARD_CURRENCIES:
            raise PydanticCustomError(
                "currency_unsupported", "cards cannot pay in this currency", {"field": "/currency"}
            )
        if not is_settled_by_cards(self.amount, self.currency):
            raise PydanticCustomError(
                "amount_not_representable", "must end in 0 in this currency", {"field": "/amount"}
            )
        return self


class NewCapture(Body):
    """Take what is reserved, or less of it."""

    model_config = ConfigDict(json_schema_extra={"example": {"amount": 1000}})

    amount: Amount | None = Field(default=None, description="Minor units; left out, all that is authorized.")


class NewCancel(Body):
    """Give the payment up; no fields."""


class NewRefund(Body):
    """Give money back."""

    model_config = ConfigDict(json_schema_extra={"example": {"amount": 250, "reason": "one item returned"}})

    amount: Amount | None = Field(default=None, description="Minor units; left out, all that is left.")
    reason: Annotated[str, Field(min_length=1, max_length=200), Printable, Words] | None = Field(
        default=None, description="Yours, kept and shown."
    )


_WebhookSecret = Annotated[str, AfterValidator(_stripe_webhook_secret), _shown(pattern=_STRIPE_WEBHOOK_SECRET)]


class StripeCredentials(Body):
    """A merchant's account at Stripe."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"secret_key": "sk_test_51MalipoExample", "webhook_secrets": ["whsec_MalipoExample"]}
        }
    )

    secret_key: Annotated[str, AfterValidator(_stripe_key), _shown(pattern=_STRIPE_KEY)] = Field(
        repr=False, description="Secret or restricted key."
    )
    webhook_secrets: list[_WebhookSecret] = Field(
        default=[],
        max_length=5,
        repr=False,
        description="Signing secrets of the endpoint at Stripe; two while one rotates.",
    )


class NewWebhookEndpoint(Body):
    """Where to send webhooks."""

    model_config = ConfigDict(json_schema_extra={"example": {"url": "https://shop.example/webhooks/malipo"}})

    url: WebUrl
    event_types: list[EventName] = Field(default=[], max_length=50, description="Only these types; empty means all.")
    description: Description | None = None


class Page(BaseModel):
    """Parameters that every list takes."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    limit: Annotated[int, BeforeValidator(_digits)] = Field(default=20, ge=1, le=100, description="Entries a page.")
    cursor: str | None = Field(default=None, max_length=100, description="`next_cursor` of the page before.")


_Moment = Annotated[AwareDatetime, BeforeValidator(_parameter_moment), _shown(format="date-time", pattern=_MOMENT)]
_MinorUnits = Annotated[int, Field(ge=0, le=MAX_AMOUNT_MINOR), BeforeValidator(_digits)]


class PaymentFilters(Page):
    """Which payments to list."""

    status: PaymentStatus | None = None
    provider: Provider | None = None
    currency: Currency | None = None
    amount_min: _MinorUnits | None = Field(default=None, description="Minor units.")
    amount_max: _MinorUnits | None = Field(default=None, description="Minor units.")
    created_after: _Moment | None = Field(default=None, description="RFC 3339 with an offset, exclusive.")
    created_before: _Moment | None = Field(default=None, description="RFC 3339 with an offset, exclusive.")
    client_ref: ClientRef | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.amount_min is not None and self.amount_max is not None and self.amount_min > self.amount_max:
            raise PydanticCustomError("parameter_invalid", "must not exceed amount_max", {"field": "amount_min"})
        return self


class EventFilters(Page):
    """Which events to list."""

    payment_id: Annotated[str, Field(max_length=100), Printable] | None = None
    type: EventName | None = None
    after: Annotated[str, Field(max_length=100), Printable] | None = Field(
        default=None,
        description="Oldest first, what came after this event id: what did I miss? `start` begins with the first event.",
    )
