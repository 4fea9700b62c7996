"""A partner bank: credit transfers to a recipient over its rails. The contract is ours: docs/providers/bank.md."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from malipo.contracts.bank_rails import RAILS, RailName, goes_at, rail_for
from malipo.contracts.commands import Transfer
from malipo.contracts.descriptor import (
    AmountRule,
    Completed,
    Details,
    Method,
    MethodRules,
    Misfit,
    OperationRules,
    Pattern,
    Personal,
    ProblemText,
    ProviderDescriptor,
    SameKey,
    Secret,
)
from malipo.contracts.identity import short_name
from malipo.contracts.methods import PRINTABLE
from malipo.contracts.personal import parted
from malipo.money import Money

END_TO_END_CHARACTERS = 35
"""Of an `end_to_end_id`, as in ISO 20022."""
_WEIGHTS = (3, 7, 1) * 3
_Text = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
_Pem = Annotated[
    str,
    Field(max_length=20_000),
    Pattern("^[\n\r -~]*-----BEGIN [\n\r -~]+$", "pem_invalid", "PEM: the text of a file that has -----BEGIN in it"),
]


def own_reference(operation_id: str) -> str:
    """The `end_to_end_id` of a transfer: ours, and the bank takes each once per account."""
    return short_name(operation_id, END_TO_END_CHARACTERS)


def _ending(text: str) -> str:
    return f"****{text[-4:]}" if len(text) >= 9 else "****"


def _initials(name: str) -> str:
    return " ".join(f"{part[0]}." for part in name.split())


def masked_alias(alias: str) -> str:
    """What everybody may see of an e-mail address or a phone number."""
    name, at, domain = alias.rpartition("@")
    return f"{name[0]}***@{domain[0]}***" if at and name and domain else f"****{alias[-2:]}"


def _checked(routing: str) -> str:
    if sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, routing, strict=True)) % 10:
        raise PydanticCustomError("routing_number_invalid", "its check digit is wrong")
    return routing


class BankAccount(Details):
    """An account in the United States. The check digit of a routing number is the American Bankers Association's."""

    problems = ("account_number_invalid", "routing_number_invalid")

    number: Annotated[str, Pattern("^[0-9]{4,17}$", "account_number_invalid", "4 to 17 digits"), Personal(_ending)]
    routing: Annotated[str, Pattern("^[0-9]{9}$", "routing_number_invalid", "nine digits"), AfterValidator(_checked)]


class EmailAlias(Details):
    """An e-mail address that the recipient is enrolled with."""

    type: Literal["email"]
    value: Annotated[
        str,
        Field(max_length=254),
        Pattern(
            "^[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?[.])+[A-Za-z]{2,}$",
            "alias_invalid",
            "an e-mail address",
        ),
        Personal(masked_alias),
    ]


class PhoneAlias(Details):
    """A phone number of the United States that the recipient is enrolled with."""

    type: Literal["phone"]
    value: Annotated[
        str,
        Pattern("^[+]1[2-9][0-9]{9}$", "alias_invalid", "a number of the United States: +12125550123"),
        Personal(masked_alias),
    ]


class Recipient(Details):
    """Who gets the money: an account or an alias."""

    problems = ("recipient_unclear", "alias_invalid")
    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [given], "properties": {given: {"type": "object"}, other: {"type": "null"}}}
                for given, other in (("account", "alias"), ("alias", "account"))
            ]
        }
    )

    name: Annotated[str, Field(min_length=1, max_length=140, pattern=PRINTABLE), Personal(_initials)]
    account: BankAccount | None = None
    alias: Annotated[EmailAlias | PhoneAlias, Field(discriminator="type")] | None = None

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if (self.account is None) == (self.alias is None):
            raise PydanticCustomError("recipient_unclear", "give an account or an alias, not both")
        return self


class BankTransferMethod(Method):
    """Money that goes from your account to a recipient, over one of the bank's rails; without `rail` one is chosen, and shown."""

    problems = (
        *("account_number_invalid", "routing_number_invalid", "recipient_unclear", "alias_invalid"),
        *("text_empty", "text_too_long", "text_control_characters", "rail_unfit", "rail_limit_exceeded"),
    )
    numbers = frozenset({("recipient", "account", "number"), ("recipient", "account", "routing")})

    type: Literal["bank_transfer"]
    recipient: Recipient
    rail: RailName | None = None


class OAuth(Details):
    """A client's credentials for access tokens (OAuth 2.0, client credentials)."""

    client_id: _Text
    client_secret: Annotated[_Text, Secret()] = Field(repr=False)


class Certificate(Details):
    """A client certificate and its key, as PEM; the same key signs the requests (JWS), by which the bank knows `key_id`."""

    certificate: _Pem
    private_key: Annotated[_Pem, Secret(ending=False)] = Field(repr=False)
    key_id: _Text


class WebhookKey(Details):
    """A key that the bank signs webhooks with, by its id in `X-Bank-Key-Id`."""

    id: Annotated[str, Pattern("^[A-Za-z0-9._-]{1,64}$", "key_id_invalid", "up to 64 letters, digits, ., - or _")]
    secret: Annotated[_Text, Secret()] = Field(repr=False)


class BankCredentials(Details):
    """A merchant's account at a partner bank, and one of three ways to authenticate there."""

    problems = (
        *("text_empty", "text_too_long", "text_control_characters", "too_many_entries", "choice_unknown"),
        *("pem_invalid", "authentication_unclear", "partner_invalid", "key_id_invalid"),
    )
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "partner": "default",
                "debtor_account_id": "acc-1",
                "oauth": {"client_id": "shop", "client_secret": "example"},
                "webhook_keys": [{"id": "key-1", "secret": "example"}],
            }
        }
    )

    partner: Annotated[str, Pattern("^[a-z0-9-]{1,40}$", "partner_invalid", "up to 40 small letters, digits or -")] = (
        Field(default="default", description="Which partner bank: a name that Malipo's operator has given it.")
    )
    debtor_account_id: _Text = Field(description="The account that is debited, as the bank calls it.")
    oauth: OAuth | None = None
    certificate: Certificate | None = None
    api_key: Annotated[_Text, Secret()] | None = Field(default=None, repr=False)
    webhook_keys: list[WebhookKey] = Field(
        default=[],
        max_length=2,
        description="What the bank signs webhooks with; two while one is exchanged. A bank that signs by JWS needs none here.",
    )

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        if [self.oauth, self.certificate, self.api_key].count(None) != 2:
            raise PydanticCustomError("authentication_unclear", "give one of oauth, certificate and api_key")
        return self


def _unfit(method: BankTransferMethod, amount: Money) -> Misfit | None:
    reaching: list[RailName] = [
        name for name, rail in RAILS.items() if getattr(method.recipient, rail.reaches) is not None
    ]
    if method.rail is not None and method.rail not in reaching:
        detail = (
            f"{method.rail} reaches an {RAILS[method.rail].reaches}; this recipient is reached by {', '.join(reaching)}"
        )
        return Misfit("/method/rail", "rail_unfit", detail)
    possible: list[RailName] = [method.rail] if method.rail else reaching
    if amount.amount_minor > max(RAILS[name].most for name in possible):
        limits = ", ".join(f"{name} takes at most {RAILS[name].most}" for name in reaching)
        return Misfit("/amount", "rail_limit_exceeded", f"of the rails that reach this recipient {limits}")
    return None


def _completed(method: BankTransferMethod, amount: Money, now: datetime) -> Completed:
    """With a rail, chosen by amount and hours if none was named, and when it goes by that rail's hours."""
    reaches = "alias" if method.recipient.account is None else "account"
    rail = method.rail or rail_for(reaches, amount.amount_minor, now)
    transfer = Transfer(
        rail=rail,
        rail_chosen=method.rail is None,
        execution_at=goes_at(RAILS[rail], now).astimezone(UTC),
        recipient=parted(method)[0]["recipient"],
    )
    return Completed(method.model_copy(update={"rail": rail}), transfer)


REPEAT = SameKey(timedelta(days=7))
"""How long the bank remembers an `Idempotency-Key`, at least."""

WAITS = {
    "HELD": "The bank holds it for a check; nothing has been sent.",
    "RESEARCH": "The bank has had no answer from the other bank, and looks into it.",
    "AFTER_CUT_OFF": "It came after the rail's cut-off, and goes when the rail opens.",
}
"""What the bank's reasons of a payment that is under way mean."""

DESCRIPTOR = ProviderDescriptor(
    name="bank",
    title="Partner bank",
    credentials=BankCredentials,
    methods=(
        MethodRules(
            model=BankTransferMethod,
            currencies={"USD": AmountRule(most=max(rail.most for rail in RAILS.values()))},
            refuses=_unfit,
            completed=_completed,
            remittance=True,
            attended=False,
            initiates=True,
            return_requests=tuple(name for name, rail in RAILS.items() if rail.return_request),
            life=timedelta(days=1),
            longest_life=timedelta(days=7),
        ),
    ),
    operations={
        "charge": OperationRules(asynchronous=True),
        "cancel": OperationRules(),
        "return_request": OperationRules(asynchronous=True),
    },
    repeat=REPEAT,
    callbacks="signed",
    shared_callbacks_at="/webhook/payments",
    own_references=lambda operation_id: (own_reference(operation_id),),
    pending=timedelta(minutes=1),
    setup="The bank is to send its webhooks there, or to `/webhook/payments` on the same host; give the keys that it signs "
    "them with in `webhook_keys`.",
    waits=WAITS,
    problems={
        "account_number_invalid": ProblemText("Not an account number", "Give its 4 to 17 digits."),
        "routing_number_invalid": ProblemText(
            "Not a routing number", "Give its nine digits; the last one checks the others."
        ),
        "recipient_unclear": ProblemText("No recipient, or two", "Give either `account` or `alias`."),
        "alias_invalid": ProblemText("Not an alias", "Give an e-mail address, or a phone number as +12125550123."),
        "rail_unfit": ProblemText("The rail does not reach this recipient", "Leave `rail` out, or name one that does."),
        "rail_limit_exceeded": ProblemText(
            "More than the rail takes", "Leave `rail` out, or name one that takes more."
        ),
        "pem_invalid": ProblemText("Not PEM", "Give the file's text."),
        "authentication_unclear": ProblemText("No way to authenticate, or several", "Give exactly one of them."),
        "partner_invalid": ProblemText("Not the name of a partner bank", "Ask Malipo's operator for it."),
        "key_id_invalid": ProblemText("Not a key's id", "Copy it from the bank, as in `X-Bank-Key-Id`."),
    },
)
