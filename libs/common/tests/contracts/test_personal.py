"""What is about a person, parted from what everybody may see."""

from typing import Annotated, Literal

from malipo.contracts.descriptor import Details, Method, Personal
from malipo.contracts.personal import parted, whole


def last_three(text: str) -> str:
    return f"...{text[-3:]}"


class Account(Details):
    number: Annotated[str, Personal(last_three)]
    routing: str


class Recipient(Details):
    name: Annotated[str, Personal(lambda _: "...")]
    account: Account | None = None
    nickname: Annotated[str | None, Personal(last_three)] = None


class Transfer(Method):
    type: Literal["transfer"]
    rail: str
    recipient: Recipient


SENT = {
    "type": "transfer",
    "rail": "ACH",
    "recipient": {"name": "Asha O.", "account": {"number": "123456789", "routing": "021000021"}},
}


def test_personal_texts_are_masked_where_everybody_looks_and_come_back_whole_with_the_key():
    visible, personal = parted(Transfer.model_validate(SENT))
    assert visible == {
        "type": "transfer",
        "rail": "ACH",
        "recipient": {"name": "...", "account": {"number": "...789", "routing": "021000021"}},
    }
    assert personal == {"/recipient/name": "Asha O.", "/recipient/account/number": "123456789"}
    assert whole(visible, personal) == SENT
    assert Transfer.model_validate(whole(visible, personal)) == Transfer.model_validate(SENT)


def test_without_the_key_there_is_only_the_mask():
    visible, _ = parted(Transfer.model_validate(SENT))
    assert whole(visible, {}) == visible
