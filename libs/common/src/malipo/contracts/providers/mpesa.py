"""M-Pesa (Safaricom's Daraja 3.0): prompts on phones, no keys, callbacks that nobody signs. Facts: developer.safaricom.co.ke."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

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
from malipo.contracts.methods import PRINTABLE

SHILLING = 100
"""Minor units. M-Pesa takes whole shillings (M-PESA Express, "Request Parameter Definition")."""
_LEAST, _MOST = SHILLING, 250_000 * SHILLING
REFERENCE_CHARS = 12
"""So long may an `AccountReference` be."""
CONFIRMATION, VALIDATION, PULL = "confirmation", "validation", "pull"
"""The words of an account's own addresses: payments by hand, confirmed and asked about; news of Pull Transactions."""

_PHONE = "^(?:[+]?254|0)[ -]?[17](?:[ -]?[0-9]){8}$"


def international(phone: str) -> str:
    """A Kenyan mobile number, however it is written, as twelve digits."""
    digits = "".join(filter(str.isdecimal, phone))
    return "254" + digits[-9:]


def masked_phone(phone: str) -> str:
    """What everybody may see of a number of twelve digits."""
    return f"{phone[:4]}*****{phone[-3:]}"


def own_reference(operation_id: str) -> str:
    """What a charge is called at M-Pesa: its customer sees it, and statements show it."""
    return short_name(operation_id, REFERENCE_CHARS)


_Phone = Annotated[
    str,
    Pattern(_PHONE, "phone_invalid", "a Kenyan mobile number: 0712 345678, 0110 345678, +254712345678"),
    AfterValidator(international),
]
_ShortCode = Annotated[str, Pattern("^[0-9]{5,7}$", "shortcode_invalid", "5 to 7 digits")]
_Text = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
_SecretText = Annotated[_Text, Secret()]


class MpesaMethod(Method):
    """A customer's phone, on which M-Pesa asks for the PIN."""

    problems = ("phone_invalid",)

    type: Literal["mpesa"]
    phone: Annotated[_Phone, Personal(masked_phone)]


class MpesaByHand(Details):
    """Which payments by hand to take, where M-Pesa asks before it takes one: for that Safaricom must have switched
    validation on. Amounts are in minor units, whole shillings.
    """

    problems = ("choice_unknown", "bounds_invalid")

    references: Literal["any", "known"] = Field(
        default="any",
        description="With `known`, only those whose account number is a reference of one of your payments.",
    )
    least: int = Field(default=_LEAST, description="The smallest amount to take.")
    most: int = Field(default=_MOST, description="The largest amount to take.")

    @model_validator(mode="after")
    def _are_bounds(self) -> Self:
        if not _LEAST <= self.least <= self.most <= _MOST or self.least % SHILLING or self.most % SHILLING:
            facts = {"step": SHILLING, "least": _LEAST, "most": _MOST}
            raise PydanticCustomError("bounds_invalid", "must be multiples of {step}, from {least} to {most}", facts)
        return self


class MpesaCredentials(Details):
    """A merchant's PayBill or till at Safaricom."""

    problems = (
        *("shortcode_invalid", "till_number_unclear", "initiator_unclear", "phone_invalid"),
        *("text_empty", "text_too_long", "text_control_characters", "choice_unknown", "bounds_invalid"),
    )
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

    kind: Literal["paybill", "till"] = Field(description="`paybill` or `till`: what customers pay to.")
    shortcode: _ShortCode = Field(description="The PayBill number; of a till the store or head office number.")
    till_number: _ShortCode | None = Field(
        default=None, description="Of a till alone: the number that customers pay to."
    )
    consumer_key: _Text = Field(description="Of the app at Daraja.")
    consumer_secret: _SecretText = Field(repr=False, description="Of the app at Daraja.")
    passkey: _SecretText = Field(repr=False, description="For M-Pesa Express: Safaricom sends it after go-live.")
    initiator: _Text | None = Field(
        default=None,
        description="User name of the API operator that reverses payments. Without it nothing can be refunded.",
    )
    initiator_password: _SecretText | None = Field(default=None, repr=False)
    pull_number: Annotated[_Phone, Secret()] | None = Field(
        default=None,
        repr=False,
        description="The phone number nominated for Pull Transactions. With it the account's transactions are read, which "
        "finds payments whose callbacks were lost.",
    )
    by_hand: MpesaByHand = Field(default=MpesaByHand())

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.kind == "till") != (self.till_number is not None):
            raise PydanticCustomError(
                "till_number_unclear", "a till has a till_number beside its shortcode, a paybill none"
            )
        if (self.initiator is None) != (self.initiator_password is None):
            raise PydanticCustomError("initiator_unclear", "give both initiator and initiator_password, or neither")
        return self


DESCRIPTOR = ProviderDescriptor(
    name="mpesa",
    title="M-Pesa",
    credentials=MpesaCredentials,
    methods=(
        MethodRules(
            model=MpesaMethod,
            currencies={"KES": AmountRule(step=SHILLING, least=_LEAST, most=_MOST, steps="whole shillings")},
            actions=("phone_prompt",),
            life=timedelta(minutes=5),
        ),
    ),
    # A reversal is of "the transaction amount", and a transaction is reversed once (Reversals, R000001): so a refund is of
    # all, alone.
    operations={"charge": OperationRules(asynchronous=True), "refund": OperationRules(asynchronous=True)},
    repeat=Never(),
    callbacks="hint",
    callback_word="phone",
    account_words=(CONFIRMATION, VALIDATION, PULL),
    own_references=lambda operation_id: (own_reference(operation_id),),
    own_addresses=True,
    pending=timedelta(seconds=20),
    setup="Nothing of it is entered at Safaricom by hand: prompts and refunds carry their own addresses, and those for "
    "payments by hand, behind this one, are registered by Malipo's operator; `registered` shows which are.",
    problems={
        "phone_invalid": ProblemText("Not a phone number that the provider reaches", "Give a Kenyan mobile number."),
        "shortcode_invalid": ProblemText("Not a short code", "Give the PayBill, store or till number: 5 to 7 digits."),
        "till_number_unclear": ProblemText(
            "Not clear which number is paid", "Give `till_number` for a till, and only then."
        ),
        "initiator_unclear": ProblemText(
            "Half an initiator", "Give both `initiator` and `initiator_password`, or neither."
        ),
        "bounds_invalid": ProblemText(
            "Not bounds of an amount", "Give whole shillings in minor units, the least first."
        ),
    },
)
