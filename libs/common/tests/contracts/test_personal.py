"""What is about a person, parted from what everybody may see."""

from datetime import date
from typing import Annotated, Literal

import pytest
from pydantic import create_model

from malipo.contracts.descriptor import Details, Method, Personal, Secret
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


HIDDEN = Personal(last_three)
type Hidden = Annotated[int, HIDDEN]


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[int, HIDDEN],
        Annotated[date | None, HIDDEN],
        Annotated[date, HIDDEN] | None,
        list[Annotated[int, HIDDEN]],
        Annotated[list[int], Secret()],
        Annotated[dict[str, str], HIDDEN],
        dict[str, Annotated[str, HIDDEN]],
        tuple[Annotated[str, HIDDEN], ...],
        list[dict[str, list[Annotated[str, HIDDEN]]]],
        dict[str, Account],
        tuple[Account, ...],
        Annotated[Account, HIDDEN],
        Hidden,
    ],
)
def test_a_mark_that_would_hide_nothing_is_refused_where_it_is_written(annotation):
    with pytest.raises(TypeError, match="a mark is read on texts"):
        create_model("Wrong", __base__=Details, field=annotation)


def test_lists_of_texts_and_of_objects_are_masked_too():
    listed = create_model("Listed", __base__=Details, names=list[Annotated[str, HIDDEN]], accounts=list[Account] | None)
    account = {"number": "123456789", "routing": "021000021"}
    visible, personal = parted(listed.model_validate({"names": ["Asha O."], "accounts": [account]}))
    assert visible == {"names": ["... O."], "accounts": [account | {"number": "...789"}]}
    assert personal == {"/names/0": "Asha O.", "/accounts/0/number": "123456789"}


def test_without_the_key_there_is_only_the_mask():
    visible, _ = parted(Transfer.model_validate(SENT))
    assert whole(visible, {}) == visible
