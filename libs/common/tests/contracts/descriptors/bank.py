"""A partner bank as a descriptor: push payments to a recipient, limits of each rail. A draft, to try the form on."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from malipo.contracts.descriptor import (
    AmountRule,
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
from malipo.money import Money

_MOST = {"RTP": 100_000_000, "ZELLE": 500_000, "ACH": 10_000_000_00, "BOOK": 10_000_000_00}
_WEIGHTS = (3, 7, 1) * 3
_Text = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
_Pem = Annotated[
    str, Field(max_length=20_000), Pattern("^[\n\r -~]+$", "pem_invalid", "PEM: printable characters and line breaks")
]


def _ending(text: str) -> str:
    return f"****{text[-4:]}" if len(text) >= 9 else "****"


def _initials(name: str) -> str:
    return " ".join(f"{part[0]}." for part in name.split())


def _checked(routing: str) -> str:
    if sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, routing, strict=True)) % 10:
        raise PydanticCustomError("routing_number_invalid", "its check digit is wrong")
    return routing


class BankAccount(Details):
    """An account in the United States."""

    number: Annotated[str, Pattern("^[0-9]{4,17}$", "account_number_invalid", "4 to 17 digits"), Personal(_ending)]
    routing: Annotated[str, Pattern("^[0-9]{9}$", "routing_number_invalid", "nine digits"), AfterValidator(_checked)]


class Alias(Details):
    """What the recipient is enrolled with."""

    type: Literal["email", "phone"]
    value: Annotated[
        str, Field(min_length=3, max_length=254, pattern=PRINTABLE), Personal(lambda text: f"{text[0]}***")
    ]


class Recipient(Details):
    """Who gets the money: an account or an alias."""

    name: Annotated[str, Field(min_length=1, max_length=140, pattern=PRINTABLE), Personal(_initials)]
    account: BankAccount | None = None
    alias: Alias | None = None

    @model_validator(mode="after")
    def _is_one_of_them(self) -> Self:
        if (self.account is None) == (self.alias is None):
            raise PydanticCustomError("recipient_unclear", "give an account or an alias, not both")
        return self


class BankTransferMethod(Method):
    """A push payment over one of the bank's rails."""

    problems = (
        *("account_number_invalid", "routing_number_invalid", "recipient_unclear"),
        *("text_empty", "text_too_long", "text_control_characters"),
    )

    type: Literal["bank_transfer"]
    recipient: Recipient
    rail: Literal["RTP", "ZELLE", "ACH", "BOOK"] | None = None


class OAuth(Details):
    """Client credentials."""

    client_id: _Text
    client_secret: Annotated[_Text, Secret()] = Field(repr=False)


class Certificate(Details):
    """A client certificate and its key, as PEM."""

    certificate: _Pem
    private_key: Annotated[_Pem, Secret(ending=False)] = Field(repr=False)


class BankCredentials(Details):
    """A merchant's access to its bank, in one of three ways."""

    problems = (
        *("text_empty", "text_too_long", "text_control_characters", "too_many_entries"),
        *("pem_invalid", "authentication_unclear"),
    )
    model_config = ConfigDict(
        json_schema_extra={
            "example": {"debtor_account_id": "acc-1", "oauth": {"client_id": "shop", "client_secret": "example"}}
        }
    )

    debtor_account_id: _Text
    oauth: OAuth | None = None
    certificate: Certificate | None = None
    api_key: Annotated[_Text, Secret()] | None = Field(default=None, repr=False)
    webhook_secrets: Annotated[list[_Text], Secret()] = Field(default=[], max_length=2, repr=False)

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        if [self.oauth, self.certificate, self.api_key].count(None) != 2:
            raise PydanticCustomError("authentication_unclear", "give one of oauth, certificate and api_key")
        return self


def _within_the_rails_limit(method: BankTransferMethod, amount: Money) -> Misfit | None:
    if method.rail is None or amount.amount_minor <= _MOST[method.rail]:
        return None
    return Misfit("/amount", "amount_too_large", f"{method.rail} takes at most {_MOST[method.rail]}")


DESCRIPTOR = ProviderDescriptor(
    name="bank",
    title="Partner bank",
    credentials=BankCredentials,
    methods=(
        MethodRules(
            model=BankTransferMethod,
            currencies={"USD": AmountRule(most=10_000_000_00)},
            refuses=_within_the_rails_limit,
            life=timedelta(days=1),
            longest_life=timedelta(days=7),
        ),
    ),
    operations={"charge": OperationRules(asynchronous=True), "cancel": OperationRules()},
    repeat=SameKey(timedelta(days=7)),
    callbacks="signed",
    own_references=lambda operation_id: (short_name(operation_id, 35),),
    pending=timedelta(minutes=5),
    problems={
        "account_number_invalid": ProblemText("Not an account number", "Give its 4 to 17 digits."),
        "routing_number_invalid": ProblemText("Not a routing number", "Give its nine digits."),
        "recipient_unclear": ProblemText("No recipient, or two", "Give an account or an alias."),
        "pem_invalid": ProblemText("Not PEM", "Give the file's text."),
        "authentication_unclear": ProblemText("No way to authenticate, or several", "Give exactly one of them."),
    },
)
