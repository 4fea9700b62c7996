"""What merchants send about payments: the body that starts one, and the filters of their list."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, LiteralString, Self, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from gateway.edge.fields import (
    AMOUNT_PROBLEMS,
    TEXT_PROBLEMS,
    AccountLabel,
    Amount,
    Currency,
    Description,
    Page,
    Printable,
    WebUrl,
    Words,
    digits,
    text_schema,
)
from gateway.payments.fitting import Asked, Candidate, candidates
from gateway.payments.methods import OneOf, currencies_of, fitting_schema, numbers_of, problems_of
from malipo.clock import spoken
from malipo.contracts.commands import DEFAULT_ACCOUNT, CaptureMode
from malipo.contracts.descriptor import STATEMENT_CHARS, Details, Method, Misfit
from malipo.contracts.events import PaymentStatus
from malipo.contracts.methods import PRINTABLE, REFERENCE_CHARS, REMITTANCE_CHARS
from malipo.contracts.providers import METHODS, PROVIDERS
from malipo.money import MAX_AMOUNT_MINOR, Money

_RULES = [rules for providers in METHODS.values() for rules in providers.values()]
_SHORTEST, _LONGEST = spoken(min(one.shortest_life for one in _RULES)), spoken(max(one.longest_life for one in _RULES))
NOTHING_PERSONAL = (
    "Nothing personal, such as a phone number or a name: it is kept and shown as it is, and never erased."
)
_DATE = "20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
_MOMENT = f"^{_DATE}[Tt]{_TIME}(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])$"


def _known_provider(name: str) -> str:
    if name not in PROVIDERS:
        raise PydanticCustomError("provider_unknown", "must be one of: {known}", {"known": ", ".join(PROVIDERS)})
    return name


def _parameter_moment(text: object) -> object:
    if not isinstance(text, str) or re.fullmatch(_MOMENT, text) or re.fullmatch(_MOMENT, f"{text}Z"):
        return text  # the type refuses one without an offset
    if re.fullmatch(_MOMENT, text.replace(" ", "+")):
        raise PydanticCustomError("parameter_invalid", "in a URL a + is a blank: write the offset's as %2B")
    raise PydanticCustomError(
        "parameter_invalid", "must be an RFC 3339 time of this century, e.g. 2026-11-21T09:30:00Z"
    )


Provider = Annotated[str, AfterValidator(_known_provider), text_schema(enum=[*PROVIDERS])]
ClientRef = Annotated[str, Field(min_length=1, max_length=REFERENCE_CHARS), Printable, Words]
Remittance = Annotated[str, Field(min_length=1, max_length=REMITTANCE_CHARS), Printable, Words]
Statement = Annotated[str, Field(min_length=1, max_length=STATEMENT_CHARS), Printable, Words]
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
    if not isinstance(value, str) or not re.fullmatch(_MOMENT, value):
        return None
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)  # Python knows no small z
    except (ValueError, OverflowError):
        return None


def _known_moment(value: object) -> object:
    if value is None:
        return None
    if (moment := _moment(value)) is None:
        raise PydanticCustomError("value_invalid", "must be RFC 3339 with an offset, e.g. 2026-11-21T09:45:00Z")
    return moment


ExpiresAt = Annotated[_ShownMoment | None, BeforeValidator(_known_moment)]


def some_fitting(found: list[Candidate] | Misfit) -> list[Candidate]:
    """The providers that fit. Raises `PydanticCustomError` with the misfit's field, code and words where none does."""
    if isinstance(found, Misfit):
        context = {"field": found.field, "detail": found.detail}
        raise PydanticCustomError(cast("LiteralString", found.code), "{detail}", context)
    return found


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
        "method_unsupported",
        "operation_unsupported",
        "remittance_unsupported",
        "statement_descriptor_unsupported",
        "statement_descriptor_invalid",
        "save_method_unsupported",
        "payment_method_mismatch",
        "series_mismatch",
        "url_invalid",
        "provider_unknown",
        "expires_at_out_of_range",
        *problems_of(METHODS),
    )
    numbers = numbers_of(METHODS)
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "amount": 1250,
                "currency": "USD",
                "method": {"type": "card", "token": "pm_card_visa"},
                "client_ref": "order-1001",
            },
            "allOf": fitting_schema(METHODS),
        }
    )

    amount: Annotated[Amount, Field(description="Minor units of the currency: 1250 is 12.50 USD, or 1250 JPY.")]
    currency: Annotated[
        Currency, Field(description="ISO 4217, in capitals.", json_schema_extra={"enum": [*currencies_of(METHODS)]})
    ]
    method: Annotated[
        Method, OneOf(METHODS), Field(description="How the customer pays, or who gets the money and how.")
    ]
    client_ref: ClientRef | None = Field(
        default=None, description=f"Your own reference, e.g. the order's number. {NOTHING_PERSONAL}"
    )
    customer_ref: ClientRef | None = Field(
        default=None, description=f"An id of your own for the customer, or for the recipient. {NOTHING_PERSONAL}"
    )
    description: Description | None = Field(
        default=None, description=f"Shown to the customer where the provider does so. {NOTHING_PERSONAL}"
    )
    metadata: Metadata = Field(default={}, max_length=20, description=f"Yours. {NOTHING_PERSONAL}")
    capture: CaptureMode = Field(default="automatic", description="`manual` reserves the amount; capture it later.")
    return_url: WebUrl | None = Field(default=None, description="Where the customer returns to after a redirect.")
    cancel_url: WebUrl | None = Field(
        default=None, description="Where the customer returns to who does not agree, where the provider asks for that."
    )
    provider: Provider | None = Field(default=None, description="Leave it out to let routing decide.")
    account: AccountLabel = Field(
        default=DEFAULT_ACCOUNT, description="Which of your accounts at the provider, by its label."
    )
    expires_at: ExpiresAt = Field(
        default=None,
        description=f"RFC 3339 with an offset, from {_SHORTEST} to {_LONGEST} ahead: after it nothing that takes the customer's "
        "money, or sends yours, is sent. Left out, as long as the method's providers say, of a card a quarter of an hour.",
    )

    remittance: Remittance | None = Field(
        default=None,
        description="What the recipient reads with the money, e.g. an invoice's number; of methods that have a recipient. "
        f"{NOTHING_PERSONAL}",
    )

    statement_descriptor: Statement | None = Field(
        default=None,
        description="What the customer's statement shows, behind what the provider puts before it; of methods that have one: "
        f"GET /v1/providers says which, and the characters. {NOTHING_PERSONAL}",
    )

    save_method: bool = Field(
        default=False,
        description="Keep the method for later payments of this customer, whom `customer_ref` names: `payment_method.saved` tells "
        "its id, and so does the payment's `payment_method`.",
    )

    _fitting: list[Candidate] = PrivateAttr()

    @model_validator(mode="after")
    def _fits_a_provider(self) -> Self:
        self._fitting = some_fitting(candidates(self.asked_of(self.provider)))
        return self

    def asked_of(self, provider: str | None) -> Asked:
        """What decides which providers fit, of this one or of all."""
        given = frozenset(name for name in self.model_fields_set if getattr(self, name) not in (None, False))
        return Asked(self.method, self.money, self.capture, provider, given, self.statement_descriptor)

    @property
    def money(self) -> Money:
        """The amount and its currency."""
        return Money(self.amount, self.currency)

    @property
    def fitting(self) -> Sequence[Candidate]:
        """The providers that can carry it out; never none."""
        return self._fitting


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
    customer_ref: ClientRef | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.amount_min is not None and self.amount_max is not None and self.amount_min > self.amount_max:
            raise PydanticCustomError("parameter_invalid", "must not exceed amount_max", {"field": "amount_min"})
        if self.created_after and self.created_before and self.created_after > self.created_before:
            later = "must not be later than created_before"
            raise PydanticCustomError("parameter_invalid", later, {"field": "created_after"})
        return self
