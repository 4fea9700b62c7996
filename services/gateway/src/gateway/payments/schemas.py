"""What merchants send about payments: the body that starts one, and the filters of their list."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from gateway.edge.fields import (
    AMOUNT_PROBLEMS,
    PRINTABLE,
    TEXT_PROBLEMS,
    Amount,
    Description,
    Page,
    Printable,
    WebUrl,
    Words,
    digits,
    text_schema,
)
from malipo.contracts.commands import CaptureMode
from malipo.contracts.descriptor import Details
from malipo.contracts.events import PaymentStatus
from malipo.contracts.topics import PROVIDER_COMMANDS
from malipo.money import EXPONENTS, MAX_AMOUNT_MINOR

CARD_CURRENCIES = frozenset(EXPONENTS) - {"GHS"}
"""Currencies that card providers present amounts in."""

_IN_THOUSANDTHS = frozenset(code for code in CARD_CURRENCIES if EXPONENTS[code] == 3)
_CARD_ROUNDING = 10  # minor units that cards settle in where a currency has three decimals
SHORTEST_LIFE, LONGEST_LIFE = timedelta(minutes=1), timedelta(hours=24)
"""How soon and how late after its acceptance a payment may expire."""

_DATE = "20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
_MOMENT = f"^{_DATE}[Tt]{_TIME}(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$"


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


def _parameter_moment(text: object) -> object:
    if not isinstance(text, str) or re.fullmatch(_MOMENT, text) or re.fullmatch(_MOMENT, f"{text}Z"):
        return text  # the type refuses one without an offset
    if re.fullmatch(_MOMENT, text.replace(" ", "+")):
        raise PydanticCustomError("parameter_invalid", "in a URL a + is a blank: write the offset's as %2B")
    raise PydanticCustomError(
        "parameter_invalid", "must be an RFC 3339 time of this century, e.g. 2026-11-21T09:30:00Z"
    )


def is_settled_by_cards(amount_minor: int, currency: str) -> bool:
    """Whether cards can move this amount: where a currency has three decimals they do so in tens alone.

    Source: Stripe's page on currencies, "three-decimal currencies".
    """
    return currency not in _IN_THOUSANDTHS or amount_minor % _CARD_ROUNDING == 0


Currency = Annotated[str, AfterValidator(_known_currency), text_schema(enum=sorted(EXPONENTS))]
Provider = Annotated[str, AfterValidator(_known_provider), text_schema(enum=[*PROVIDER_COMMANDS])]
ClientRef = Annotated[str, Field(min_length=1, max_length=100), Printable, Words]
MetadataKey = Annotated[str, Field(min_length=1, max_length=40), Printable, Words]
MetadataValue = Annotated[str, Field(max_length=500), Printable, Words]
Metadata = Annotated[
    dict[MetadataKey, MetadataValue],
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 20,
            "propertyNames": {"minLength": 1, "maxLength": 40, "pattern": PRINTABLE},
            "additionalProperties": {"type": "string", "maxLength": 500, "pattern": PRINTABLE},
        }
    ),
]
_ShownMoment = Annotated[datetime, text_schema(format="date-time", pattern=_MOMENT)]


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


class CardMethod(Details):
    """A card that the provider's browser library has tokenised."""

    type: Literal["card"]
    token: Annotated[str, Field(min_length=1, max_length=255), Printable]


class NewPayment(Details):
    """Start one payment."""

    problems = (
        *TEXT_PROBLEMS,
        *AMOUNT_PROBLEMS,
        "too_many_entries",
        "choice_unknown",
        "amount_not_representable",
        "currency_unknown",
        "currency_unsupported",
        "method_unknown",
        "url_invalid",
        "provider_unknown",
        "expires_at_out_of_range",
    )
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


_Moment = Annotated[AwareDatetime, BeforeValidator(_parameter_moment), text_schema(format="date-time", pattern=_MOMENT)]
_MinorUnits = Annotated[int, Field(ge=0, le=MAX_AMOUNT_MINOR), BeforeValidator(digits)]


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
