"""Fields that several rooms accept from merchants, and what every list has in common."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.edge.cards import EXPOSED, leads_to_card_number, mentions_card_number
from malipo.contracts.commands import DEFAULT_ACCOUNT, Mode
from malipo.contracts.events import EVENT_TYPES
from malipo.contracts.methods import PRINTABLE
from malipo.money import EXPONENTS, MAX_AMOUNT_MINOR

IDEMPOTENCY_KEY = "^[!-~](?:[ -~]{0,253}[!-~])?$"
"""Patterns are written as OpenAPI shows them, so that what is described is what is checked."""

LABEL = "^[a-z0-9][a-z0-9-]{0,31}$"
_HOST = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?"
_PORT = "(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
_GROUP = "[0-9A-Fa-f]{1,4}"
_SHORTENED = "|".join(f"(?:{_GROUP}:){{1,{left}}}(?::{_GROUP}){{1,{7 - left}}}" for left in range(1, 7))
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_DOTTED = f"(?:(?:{_GROUP}:){{0,3}}{_GROUP})?::(?:{_GROUP}:)?{_BYTE}(?:[.]{_BYTE}){{3}}"
_IPV6 = f"{_DOTTED}|(?:{_GROUP}:){{7}}{_GROUP}|(?:{_GROUP}:){{1,7}}:|{_SHORTENED}|:(?:(?::{_GROUP}){{1,7}}|:)"
_URL = rf"^[Hh][Tt][Tt][Pp][Ss]?://(?:{_HOST}|\[(?:{_IPV6})\]){_PORT}(?:[/?][^\x00- #\x7f-\xa0]*)?$"
DAY = "^20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$"
_NO_URL = "must be an absolute http or https URL without user name, fragment or blanks, and its host of ASCII (xn--...)"
_DIGITS = re.compile("0|[1-9][0-9]{0,19}")  # as JSON writes a whole number


def _whole_amount(value: object) -> object:
    if type(value) is not int:  # a bool is an int to isinstance
        raise PydanticCustomError("amount_not_integer", "must be an integer of minor units, e.g. 1250 for 12.50 USD")
    if value < 1:
        raise PydanticCustomError("amount_too_small", "must be at least 1")
    if value > MAX_AMOUNT_MINOR:
        raise PydanticCustomError("amount_too_large", "must be at most {limit}", {"limit": MAX_AMOUNT_MINOR})
    return value


def _web_url(url: str) -> str:
    if not re.fullmatch(_URL, url):
        raise PydanticCustomError("url_invalid", _NO_URL)
    if leads_to_card_number(url):
        raise PydanticCustomError("raw_card_number", EXPOSED)
    return url


def _event_type(name: str) -> str:
    if name not in EVENT_TYPES:
        raise PydanticCustomError("event_type_invalid", f"must be one of: {', '.join(EVENT_TYPES)}")
    return name


def _label(text: str) -> str:
    if not re.fullmatch(LABEL, text):
        raise PydanticCustomError("value_invalid", "must be of a-z, 0-9 and -, begin with no -, and have at most 32")
    return text


def _known_currency(code: str) -> str:
    if code not in EXPONENTS:
        raise PydanticCustomError(
            "currency_unknown", "must be an ISO 4217 code in capitals, e.g. USD; GET /v1/providers lists them"
        )
    return code


def digits(text: object) -> object:
    """Refuses a parameter that is no whole number in digits; the type reads the rest."""
    if isinstance(text, str) and not _DIGITS.fullmatch(text):
        raise PydanticCustomError("parameter_invalid", "must be a whole number in digits")
    return text


def day_of(value: object) -> date | None:
    """The day of this century that is written so; None for anything else."""
    try:
        return date.fromisoformat(value) if isinstance(value, str) and re.fullmatch(DAY, value) else None
    except ValueError:  # as of 30 February
        return None


def _no_card_number(text: str) -> str:
    if mentions_card_number(text):
        raise PydanticCustomError("raw_card_number", EXPOSED)
    return text


Printable = Field(pattern=PRINTABLE)
Words = AfterValidator(_no_card_number)
"""For a merchant's free text: refuses card numbers."""
TEXT_PROBLEMS = ("text_empty", "text_too_long", "text_control_characters")


def text_schema(**schema: Any) -> WithJsonSchema:
    """The schema of a text in OpenAPI, in place of what its validators would make."""
    return WithJsonSchema({"type": "string", **schema})


_AMOUNT_RANGE = {"minimum": 1, "maximum": MAX_AMOUNT_MINOR}
Amount = Annotated[int, BeforeValidator(_whole_amount), WithJsonSchema({"type": "integer", **_AMOUNT_RANGE})]
Currency = Annotated[str, AfterValidator(_known_currency), text_schema(enum=sorted(EXPONENTS))]
AMOUNT_PROBLEMS = ("amount_not_integer", "amount_too_small", "amount_too_large")
Description = Annotated[str, Field(min_length=1, max_length=500), Printable, Words]
WebUrl = Annotated[
    str, Field(max_length=2000), Printable, AfterValidator(_web_url), text_schema(maxLength=2000, pattern=_URL)
]
AccountLabel = Annotated[str, AfterValidator(_label), text_schema(pattern=LABEL)]
"""Which of a merchant's accounts at a provider."""
EventName = Annotated[str, AfterValidator(_event_type), text_schema(enum=[*EVENT_TYPES])]


def credentials_path(provider: str, account: str) -> str:
    """The route of one account's credentials; that of `default` has a shorter one."""
    path = f"/v1/provider-credentials/{provider}"
    return path if account == DEFAULT_ACCOUNT else f"{path}/accounts/{account}"


def no_credentials(provider: str, account: str, mode: Mode) -> str:
    """That a merchant has none for this account in this mode, and the request that sets them."""
    whose = provider if account == DEFAULT_ACCOUNT else f"{provider}'s account {account}"
    advice = f"PUT {credentials_path(provider, account)} with a {mode} key first."
    return f"There are no {mode} credentials for {whose}: {advice}"


def may_be_left_out(model: type[BaseModel]) -> bool:
    """Whether a request without a body means the same as one with an empty object: no field is required."""
    return not any(field.is_required() for field in model.model_fields.values())


class Page(BaseModel):
    """Parameters that every list accepts."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    limit: Annotated[int, BeforeValidator(digits)] = Field(default=20, ge=1, le=100, description="Entries a page.")
    cursor: str | None = Field(default=None, max_length=100, description="`next_cursor` of the page before.")
