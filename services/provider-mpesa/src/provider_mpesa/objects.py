"""The shapes of M-Pesa's answers and callbacks, as far as we read them; the rest is ignored."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from malipo.contracts.providers.mpesa import SHILLING
from malipo.money import Money
from provider_kit.reading import Reader

_ID = re.compile("[!-~]{1,100}")
_TOKEN = re.compile("[!-~]{1,4096}")

Loose = msgspec.Raw
"""A value that comes as a number here and as a text there: see `text_of`. All are read so, lest one that nobody needs, as a text that
is null, hides the others of its answer.
"""
_NOTHING = msgspec.Raw(b"null")
_SAYS_NOTHING = (b"null", b'""')
_MOST_FACTS = 100  # far more than are ever told, and far fewer than a callback has room for
_NUMBER = re.compile(rb"-?[0-9]{1,30}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")
_OWN_REFERENCE = re.compile("[A-Z2-7]{12}")
_TYPED_PHONE = re.compile(r"(?:[+]?254|0)[17][0-9]{8}|(?:7[0-9]|1[01])[0-9]{7}")
_SHILLINGS = re.compile(r"([0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3}){1,2})(?:\.([0-9]{1,2})0*)?")


@dataclass(frozen=True, slots=True)
class MpesaResponse:
    """A response that came whole, whatever it means."""

    status: int
    body: bytes


class Token(msgspec.Struct):
    """An access token. Its life is in seconds: a number in the documentation, a text on the wire."""

    access_token: Loose = _NOTHING
    expires_in: Loose = _NOTHING

    @property
    def bearer(self) -> str | None:
        """The token, if a header can hold it: any other would keep each request from being sent, for as long as it is kept."""
        token = text_of(self.access_token)
        return token if _TOKEN.fullmatch(token) else None


class Failure(msgspec.Struct):
    """The body of every error."""

    code: Loose = msgspec.field(name="errorCode")
    message: Loose = msgspec.field(name="errorMessage", default=_NOTHING)


class Accepted(msgspec.Struct):
    """The answer to a request that is carried out later: with `code` 0 M-Pesa has it, which says nothing about its end."""

    code: Loose = msgspec.field(name="ResponseCode", default=_NOTHING)
    checkout: Loose = msgspec.field(name="CheckoutRequestID", default=_NOTHING)
    merchant_request: Loose = msgspec.field(name="MerchantRequestID", default=_NOTHING)
    conversation: Loose = msgspec.field(name="ConversationID", default=_NOTHING)
    originator: Loose = msgspec.field(name="OriginatorConversationID", default=_NOTHING)


class Asked(msgspec.Struct):
    """The answer to an STK query: how the prompt ended."""

    answered: Loose = msgspec.field(name="ResponseCode")
    result: Loose = msgspec.field(name="ResultCode")
    checkout: Loose = msgspec.field(name="CheckoutRequestID", default=_NOTHING)
    text: Loose = msgspec.field(name="ResultDesc", default=_NOTHING)


class StkCallback(msgspec.Struct):
    """How a prompt ended."""

    checkout: Loose = msgspec.field(name="CheckoutRequestID")
    result: Loose = msgspec.field(name="ResultCode", default=_NOTHING)
    metadata: Loose = msgspec.field(name="CallbackMetadata", default=_NOTHING)

    def facts(self, name: str) -> Sequence[str]:
        """What it says of the payment by this name: a prompt that failed says nothing. `Balance` has been seen without a value."""
        return _facts(self.metadata, within="item", called=name, key="name")

    @property
    def receipt(self) -> str | None:
        """The receipt of the payment, if it names one alone."""
        receipts = {*self.facts("MpesaReceiptNumber")}
        return next(filter(is_id, receipts), None) if len(receipts) == 1 else None


class StkBody(msgspec.Struct):
    """What is around it."""

    callback: StkCallback = msgspec.field(name="stkCallback")


class StkReport(msgspec.Struct):
    """The body of an STK callback."""

    body: StkBody = msgspec.field(name="Body")


class Result(msgspec.Struct):
    """How a request was carried out that was accepted before. `transaction` is the receipt of what it made."""

    result: Loose = msgspec.field(name="ResultCode")
    kind: Loose = msgspec.field(name="ResultType", default=_NOTHING)
    conversation: Loose = msgspec.field(name="ConversationID", default=_NOTHING)
    originator: Loose = msgspec.field(name="OriginatorConversationID", default=_NOTHING)
    transaction: Loose = msgspec.field(name="TransactionID", default=_NOTHING)
    parameters: Loose = msgspec.field(name="ResultParameters", default=_NOTHING)

    def facts(self, name: str) -> Sequence[str]:
        """What it says by this name of what was carried out."""
        return _facts(self.parameters, within="resultparameter", called=name, key="key")

    def fact(self, name: str) -> str:
        """The same, where all that it says agrees; else an empty text."""
        said = {*self.facts(name)}
        return said.pop() if len(said) == 1 else ""


class ResultReport(msgspec.Struct):
    """The body of a result."""

    result: Result = msgspec.field(name="Result")


class PaymentByHand(msgspec.Struct):
    """A payment to the short code, which a validation asks about and a confirmation reports. Names are not read."""

    receipt: Loose = msgspec.field(name="TransID", default=_NOTHING)
    amount: Loose = msgspec.field(name="TransAmount", default=_NOTHING)
    shortcode: Loose = msgspec.field(name="BusinessShortCode", default=_NOTHING)
    reference: Loose = msgspec.field(name="BillRefNumber", default=_NOTHING)


type Fields = Mapping[str, Loose]
"""An object's fields by their names, in lower case and without spaces: Pull Transactions has them in more ways than one."""


def fields_of(raw: bytes | Loose) -> Fields:
    """The fields of an object. Raises `ValueError` for anything else."""
    return {name.replace(" ", "").lower(): value for name, value in _FIELDS.decode(raw).items()}


def field_of(fields: Fields, name: str) -> str:
    """One of the fields as text; an empty text without it."""
    return text_of(fields.get(name, _NOTHING))


def _facts(raw: Loose, *, within: str, called: str, key: str) -> Sequence[str]:
    """All values that are there by the name `called`, which stands under `key`: of a list of them, or of the only one by itself."""
    return [
        text_of(one["value"])
        for around in _objects(raw)
        for one in _objects(around.get(within, _NOTHING))
        if field_of(one, key) == called and bytes(one.get("value", _NOTHING)) not in _SAYS_NOTHING
    ]


def _objects(raw: Loose) -> Iterator[Fields]:
    """The first objects of a list, or the only one by itself; nothing else."""
    try:
        several = LIST.decode(raw) if bytes(raw).startswith(b"[") else [raw]
    except ValueError:
        return
    for one in several[:_MOST_FACTS]:
        with suppress(ValueError):
            yield fields_of(one)


_FIELDS = Reader[dict[str, Loose]](dict[str, Loose])
LIST = Reader[list[Loose]](list[Loose])
TOKEN = Reader[Token](Token)
FAILURE = Reader[Failure](Failure)
ACCEPTED = Reader[Accepted](Accepted)
ASKED = Reader[Asked](Asked)
STK_REPORT = Reader[StkReport](StkReport)
RESULT_REPORT = Reader[ResultReport](ResultReport)
BY_HAND = Reader[PaymentByHand](PaymentByHand)


def text_of(value: Loose) -> str:
    """The text, or the number as it was written, but for an exponent; an empty text for anything else."""
    raw = bytes(value)
    if number := _NUMBER.fullmatch(raw):
        return f"{Decimal(raw.decode()):f}" if number[2] else raw.decode()
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""


def as_line(text: str) -> str:
    """The text as its meaning is looked up: in lower case, with single spaces."""
    return " ".join(text.lower().split())


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
    """Whether it could be an id of M-Pesa's. Of printable ASCII it fits a row, a request and a line of a log."""
    return _ID.fullmatch(text) is not None


def money_of(text: str) -> Money | None:
    """Shillings as M-Pesa writes them (`1`, `1.00`, `168.0`, `250,000.00`); None for what is no amount."""
    found = _SHILLINGS.fullmatch(text.strip())
    if found is None:
        return None
    return Money(int(found[1].replace(",", "")) * SHILLING + int((found[2] or "").ljust(2, "0")), "KES")
