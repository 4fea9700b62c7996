"""M-Pesa as a descriptor: prompts on phones, no keys, callbacks that nobody signs. A draft, to try the form on."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from malipo.contracts.descriptor import (
    AmountRule,
    Details,
    Method,
    MethodRules,
    Never,
    OperationRules,
    Pattern,
    Personal,
    ProblemText,
    ProviderDescriptor,
    Secret,
)
from malipo.contracts.identity import short_name

_PHONE = "^(?:[+]?254|0) ?[17](?:[ -]?[0-9]){8}$"


def _international(phone: str) -> str:
    digits = "".join(filter(str.isdecimal, phone))
    return "254" + digits[-9:]


def _masked(phone: str) -> str:
    return f"{phone[:4]}*****{phone[-3:]}"


class MpesaMethod(Method):
    """A customer's phone, on which M-Pesa asks for the PIN."""

    problems = ("phone_invalid",)

    type: Literal["mpesa"]
    phone: Annotated[
        str,
        Pattern(_PHONE, "phone_invalid", "a Kenyan mobile number: 0712 345678, +254712345678"),
        AfterValidator(_international),
        Personal(_masked),
    ]


class MpesaCredentials(Details):
    """A merchant's PayBill or till at Safaricom."""

    problems = ("shortcode_invalid", "text_empty", "text_too_long", "choice_unknown")
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "kind": "paybill",
                "shortcode": "174379",
                "consumer_key": "example-consumer-key",
                "consumer_secret": "example-consumer-secret",
                "passkey": "example-passkey",
            }
        }
    )

    kind: Literal["paybill", "till"]
    shortcode: Annotated[str, Pattern("^[0-9]{5,7}$", "shortcode_invalid", "5 to 7 digits")]
    consumer_key: Annotated[str, Field(min_length=1, max_length=200)]
    consumer_secret: Annotated[str, Field(min_length=1, max_length=200, repr=False), Secret()]
    passkey: Annotated[str, Field(min_length=1, max_length=200, repr=False), Secret()]
    initiator: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    initiator_password: Annotated[str, Field(min_length=1, max_length=100), Secret()] | None = Field(
        default=None, repr=False
    )


DESCRIPTOR = ProviderDescriptor(
    name="mpesa",
    title="M-Pesa",
    credentials=MpesaCredentials,
    methods=(
        MethodRules(
            model=MpesaMethod,
            currencies={"KES": AmountRule(step=100, least=100, most=25_000_000)},
            actions=("phone_prompt",),
            life=timedelta(minutes=5),
        ),
    ),
    operations={"charge": OperationRules(), "refund": OperationRules(asynchronous=True)},
    repeat=Never(),
    callbacks="hint",
    own_references=lambda operation_id: (short_name(operation_id, 12),),
    own_addresses=True,
    callback_word="phone",
    pending=timedelta(seconds=20),
    problems={
        "phone_invalid": ProblemText("Not a phone number that the provider reaches", "Give a Kenyan mobile number."),
        "shortcode_invalid": ProblemText("Not a short code", "Give the PayBill or till number: 5 to 7 digits."),
    },
)
