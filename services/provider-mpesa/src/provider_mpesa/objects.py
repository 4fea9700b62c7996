"""The shapes of M-Pesa's answers and callbacks, as far as we read them; the rest is ignored."""

import re
from dataclasses import dataclass
from typing import Annotated

import msgspec

from malipo.contracts.providers.mpesa import SHILLING
from malipo.money import Money
from provider_kit.reading import Reader

_ID = r"\A[!-~]{1,100}\Z"
Id = Annotated[str, msgspec.Meta(pattern=_ID)]
"""An id of M-Pesa's, here of printable ASCII: it fits a row, a request and a line of a log."""

Loose = msgspec.Raw
"""A value that comes as a number here and as a text there: see `text_of`."""
_NOTHING = msgspec.Raw(b"null")
_NUMBER = re.compile(rb"-?[0-9]{1,30}(\.[0-9]{1,10})?")
_OWN_REFERENCE = re.compile("[A-Z2-7]{12}")
_TYPED_PHONE = re.compile(r"(?:[+]?254|0)[17][0-9]{8}|(?:7[0-9]|1[01])[0-9]{7}")
_SHILLINGS = re.compile(r"([0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3}){1,2})(?:\.([0-9]{1,2}))?")


@dataclass(frozen=True, slots=True)
class MpesaResponse:
    """A response that came whole, whatever it means."""

    status: int
    body: bytes


class Token(msgspec.Struct):
    """An access token. Its life is in seconds: a number in the documentation, a text on the wire."""

    access_token: str
    expires_in: Loose = _NOTHING


class Failure(msgspec.Struct):
    """The body of every error."""

    code: Loose = msgspec.field(name="errorCode")
    message: str = msgspec.field(name="errorMessage", default="")


class Accepted(msgspec.Struct):
    """The answer to a request that is carried out later: with `code` 0 M-Pesa has it, which says nothing about its end."""

    code: Loose = msgspec.field(name="ResponseCode")
    checkout: Id | None = msgspec.field(name="CheckoutRequestID", default=None)
    merchant_request: Id | None = msgspec.field(name="MerchantRequestID", default=None)
    conversation: Id | None = msgspec.field(name="ConversationID", default=None)
    originator: Id | None = msgspec.field(name="OriginatorConversationID", default=None)


class Asked(msgspec.Struct):
    """The answer to an STK query: how the prompt ended."""

    answered: Loose = msgspec.field(name="ResponseCode")
    result: Loose = msgspec.field(name="ResultCode")
    checkout: Id | None = msgspec.field(name="CheckoutRequestID", default=None)
    text: str = msgspec.field(name="ResultDesc", default="")


class Item(msgspec.Struct):
    """One fact about a payment. `Balance` has been seen without a value."""

    name: str = msgspec.field(name="Name")
    value: Loose = msgspec.field(name="Value", default=_NOTHING)


class Metadata(msgspec.Struct):
    """The facts about a payment: a prompt that failed has none."""

    items: list[Item] = msgspec.field(name="Item")


class StkCallback(msgspec.Struct):
    """How a prompt ended."""

    checkout: Id = msgspec.field(name="CheckoutRequestID")
    result: Loose = msgspec.field(name="ResultCode")
    text: str = msgspec.field(name="ResultDesc", default="")
    metadata: Metadata | None = msgspec.field(name="CallbackMetadata", default=None)

    def fact(self, name: str) -> str:
        """One of the facts, by its name; an empty text without it."""
        items = self.metadata.items if self.metadata else []
        return next((text_of(item.value) for item in items if item.name == name), "")

    @property
    def receipt(self) -> str | None:
        """The receipt of the payment, if it names one."""
        receipt = self.fact("MpesaReceiptNumber")
        return receipt if is_id(receipt) else None


class StkBody(msgspec.Struct):
    """What is around it."""

    callback: StkCallback = msgspec.field(name="stkCallback")


class StkReport(msgspec.Struct):
    """The body of an STK callback."""

    body: StkBody = msgspec.field(name="Body")


class Parameter(msgspec.Struct):
    """One fact about what was carried out."""

    key: str = msgspec.field(name="Key")
    value: Loose = msgspec.field(name="Value", default=_NOTHING)


class Parameters(msgspec.Struct):
    """The facts: a list, or the only one by itself."""

    parameter: list[Parameter] | Parameter = msgspec.field(name="ResultParameter", default_factory=list[Parameter])


class Result(msgspec.Struct):
    """How a request was carried out that was accepted before. `transaction` is the receipt of what it made."""

    result: Loose = msgspec.field(name="ResultCode")
    kind: Loose = msgspec.field(name="ResultType", default=_NOTHING)
    text: str = msgspec.field(name="ResultDesc", default="")
    conversation: Loose = msgspec.field(name="ConversationID", default=_NOTHING)
    originator: Loose = msgspec.field(name="OriginatorConversationID", default=_NOTHING)
    transaction: Loose = msgspec.field(name="TransactionID", default=_NOTHING)
    parameters: Parameters | None = msgspec.field(name="ResultParameters", default=None)

    def fact(self, key: str) -> str:
        """One of the facts, by its key; an empty text without it."""
        found = self.parameters.parameter if self.parameters else []
        several = [found] if isinstance(found, Parameter) else found
        return next((text_of(one.value) for one in several if one.key == key), "")


class ResultReport(msgspec.Struct):
    """The body of a result."""

    result: Result = msgspec.field(name="Result")


class PaymentByHand(msgspec.Struct):
    """A payment to the short code, which a validation asks about and a confirmation reports. Names are not read."""

    receipt: Id = msgspec.field(name="TransID")
    amount: Loose = msgspec.field(name="TransAmount")
    shortcode: Loose = msgspec.field(name="BusinessShortCode")
    reference: Loose = msgspec.field(name="BillRefNumber", default=_NOTHING)


type Fields = dict[str, Loose]
"""An object's fields by their names, in lower case and without spaces: Pull Transactions has them in more ways than one."""


def fields_of(raw: bytes) -> Fields:
    """The fields of an object. Raises `ValueError` for anything else."""
    try:
        found = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except RecursionError:
        raise ValueError("nested too deep") from None
    return {name.replace(" ", "").lower(): value for name, value in found.items()}


def field_of(fields: Fields, name: str) -> str:
    """One of the fields as text; an empty text without it."""
    return text_of(fields.get(name, _NOTHING))


TOKEN = Reader[Token](Token)
FAILURE = Reader[Failure](Failure)
ACCEPTED = Reader[Accepted](Accepted)
ASKED = Reader[Asked](Asked)
STK_REPORT = Reader[StkReport](StkReport)
RESULT_REPORT = Reader[ResultReport](ResultReport)
BY_HAND = Reader[PaymentByHand](PaymentByHand)


def text_of(value: Loose) -> str:
    """The text, or the number as it was written; an empty text for anything else."""
    raw = bytes(value)
    if _NUMBER.fullmatch(raw):
        return raw.decode()
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def id_of(value: Loose) -> str | None:
    """The id, if it could be one."""
    text = text_of(value)
    return text if is_id(text) else None


def as_purpose(typed: str) -> str:
    """What a customer has typed as the account number; what has the shape of our own reference, in the case that we give it."""
    text = typed.strip()
    return text.upper() if is_own_reference(text.upper()) else text


def is_own_reference(text: str) -> bool:
    """Whether it has the shape of what we call a charge."""
    return _OWN_REFERENCE.fullmatch(text) is not None


def looks_like_a_phone(text: str) -> bool:
    """Whether a customer has typed a phone number, as people do who are asked for an account number."""
    return _TYPED_PHONE.fullmatch(re.sub("[ ()./-]", "", text)) is not None


def is_id(text: str) -> bool:
    """Whether `text` could be an `Id`."""
    return re.match(_ID, text) is not None


def money_of(text: str) -> Money | None:
    """Shillings as M-Pesa writes them (`1`, `1.00`, `168.0`, `250,000.00`); None for what is no amount."""
    found = _SHILLINGS.fullmatch(text)
    if found is None:
        return None
    return Money(int(found[1].replace(",", "")) * SHILLING + int((found[2] or "").ljust(2, "0")), "KES")
