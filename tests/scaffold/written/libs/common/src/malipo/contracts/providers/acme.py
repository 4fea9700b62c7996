"""Acme Pay: prompts on phones that are paid at once. Keys, signed callbacks, and a phone number that is sealed."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from malipo.contracts.descriptor import (
    AmountRule,
    Details,
    Method,
    MethodRules,
    OperationRules,
    Pattern,
    Personal,
    ProblemText,
    ProviderDescriptor,
    SameKey,
    Secret,
)
from malipo.contracts.methods import PRINTABLE


def _international(phone: str) -> str:
    return "254" + "".join(filter(str.isdecimal, phone))[-9:]


def _masked(phone: str) -> str:
    return f"{phone[:4]}*****{phone[-3:]}"


class AcmeMethod(Method):
    """A customer's phone."""

    problems = ("phone_invalid",)

    type: Literal["acme"]
    phone: Annotated[
        str,
        Pattern("^(?:[+]?254|0) ?[17](?:[ -]?[0-9]){8}$", "phone_invalid", "a mobile number: 0712 345678"),
        AfterValidator(_international),
        Personal(_masked),
    ]


class AcmeCredentials(Details):
    """A merchant's account at Acme Pay."""

    problems = ("text_empty", "text_too_long", "text_control_characters")
    model_config = ConfigDict(json_schema_extra={"example": {"secret": "acme-secret-of-a-shop"}})

    secret: Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE, repr=False), Secret()]


DESCRIPTOR = ProviderDescriptor(
    name="acme",
    title="Acme Pay",
    credentials=AcmeCredentials,
    methods=(MethodRules(model=AcmeMethod, currencies={currency: AmountRule() for currency in ("JPY", "KES", "USD")}),),
    operations={"charge": OperationRules(), "refund": OperationRules(partial=True, several=True)},
    repeat=SameKey(timedelta(days=1)),
    callbacks="signed",
    problems={"phone_invalid": ProblemText("Not a phone number", "Give a mobile number: 0712 345678.")},
)
