"""What the calls about payments take: bodies and queries."""

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from malipo_simulators.bank.http.call import Fields
from malipo_simulators.bank.http.fields import AccountId, Day, EndToEndId, Moment, Text
from malipo_simulators.bank.objects.aliases import EMAIL, PHONE
from malipo_simulators.bank.objects.models import Alias, BankAccount, Creditor
from malipo_simulators.bank.objects.money import parse
from malipo_simulators.bank.rails import RailName

WEIGHTS = (3, 7, 1, 3, 7, 1, 3, 7)


def check_digit(digits: str) -> str:
    """The ninth digit of a routing number, by the eight before it: so the American Bankers Association has it."""
    return str(-sum(weight * int(digit) for weight, digit in zip(WEIGHTS, digits, strict=True)) % 10)


def checked(routing: str) -> str:
    if not routing.endswith(check_digit(routing[:8])):
        raise PydanticCustomError("routing_number_invalid", "its check digit is wrong")
    return routing


def in_cents(amount: str) -> str:
    if not parse(amount):
        raise PydanticCustomError("amount_not_positive", "more than nothing")
    return amount


class AccountFields(Fields):
    number: Annotated[str, Field(pattern="^[0-9]{4,17}$")]
    routing: Annotated[str, Field(pattern="^[0-9]{9}$"), AfterValidator(checked)]


class EmailFields(Fields):
    type: Literal["email"]
    value: Annotated[str, Field(max_length=254, pattern=EMAIL)]


class PhoneFields(Fields):
    type: Literal["phone"]
    value: Annotated[str, Field(pattern=PHONE)]


class CreditorFields(Fields):
    name: Text
    account: AccountFields | None = None
    alias: Annotated[EmailFields | PhoneFields, Field(discriminator="type")] | None = None

    @model_validator(mode="after")
    def is_one_of_them(self) -> Self:
        if (self.account is None) == (self.alias is None):
            raise PydanticCustomError("recipient_unclear", "an account or an alias, not both")
        return self

    def read(self) -> Creditor:
        if self.account is not None:
            return Creditor(self.name, BankAccount(self.account.number, self.account.routing))
        if self.alias is None:
            raise AssertionError("the validator lets none through that has neither")
        return Creditor(self.name, Alias(self.alias.type, self.alias.value))


class NewPayment(Fields):
    end_to_end_id: EndToEndId
    rail: Literal["RTP", "ZELLE", "ACH", "BOOK"]
    amount: Annotated[str, Field(pattern="^(0|[1-9][0-9]{0,9})[.][0-9]{2}$"), AfterValidator(in_cents)]
    currency: Literal["USD"]
    debtor_account_id: AccountId
    creditor: CreditorFields
    requested_execution_date: Day | None = None
    remittance: Text | None = None

    @property
    def rail_name(self) -> RailName:
        return RailName(self.rail)

    @property
    def on(self) -> date | None:
        return date.fromisoformat(self.requested_execution_date) if self.requested_execution_date else None


class AskBack(Fields):
    """Why a payment should come back."""

    reason: Text | None = None


class Listing(Fields):
    """By `end_to_end_id` alone, or by time in pages. Each may be of one account."""

    end_to_end_id: EndToEndId | None = None
    updated_after: Moment | None = None
    cursor: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    limit: Annotated[str, Field(pattern="^([1-9]|[1-9][0-9]|[1-4][0-9]{2}|500)$")] = "100"
    debtor_account_id: AccountId | None = None

    @model_validator(mode="after")
    def is_one_way(self) -> Self:
        by_time = self.model_fields_set & {"updated_after", "cursor", "limit"}
        if self.end_to_end_id is not None and by_time:
            raise PydanticCustomError("filters_conflict", "by end_to_end_id alone, or by time")
        return self

    @property
    def after(self) -> datetime | None:
        return datetime.fromisoformat(self.updated_after) if self.updated_after else None
