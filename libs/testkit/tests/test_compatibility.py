"""A topic's golden file is what others rely on: no change of its messages may break them."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from malipo.contracts.message import Message
from malipo.contracts.topics import BY_NAME, TOPICS, Topic
from testkit.compatibility import breaking_changes, golden

SCHEMAS = Path(__file__).parents[2] / "common" / "schemas"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_is_compatible_with_its_golden_file(topic: Topic) -> None:
    old = json.loads((SCHEMAS / f"{topic.name}.json").read_text())
    assert breaking_changes(old, golden(topic)) == [], "give the changed messages a new topic version"


def test_no_topic_was_taken_away() -> None:
    kept = {path.stem for path in SCHEMAS.glob("*.json")}
    assert kept <= BY_NAME.keys(), "a topic may still hold messages: keep its row until its retention has passed"


# The same message in many versions: each struct below is called `Paid` on the wire.
def struct(name: str = "Paid", **fields: Any) -> Any:
    """A message type: a field is its type, or a pair of type and default."""
    pairs = [(field, *given) if isinstance(given, tuple) else (field, given) for field, given in fields.items()]
    return msgspec.defstruct(name, pairs, bases=(Message,), frozen=True, kw_only=True)


def topic(messages: Any, *, key: str = "payment id", partitions: int = 12) -> Topic:
    return Topic("t.v1", key, partitions, None, messages, "a", ("b",))


def changes(old: Any, new: Any) -> list[str]:
    return breaking_changes(golden(topic(old)), golden(topic(new)))


class Card(msgspec.Struct, frozen=True, tag="card", tag_field="type"):
    token: str


class Phone(msgspec.Struct, frozen=True, tag="phone", tag_field="type"):
    number: str


class Amount(msgspec.Struct, frozen=True):
    minor: int


class AmountInCents(msgspec.Struct, frozen=True):
    cents: int


OTHER = struct("Refunded", id=str)

ALLOWED = [
    pytest.param(struct(a=str), struct(a=str, b=(str | None, None)), id="a new optional field"),
    pytest.param(struct(a=str), struct(a=str) | OTHER, id="a new message"),
    pytest.param(struct(a=Card), struct(a=Card | Phone), id="a new member of a tagged union"),
    pytest.param(
        struct(a=(Card | None, None)), struct(a=(Card | Phone | None, None)), id="a member of one that may be missing"
    ),
    pytest.param(struct(a=Literal["x"]), struct(a=Literal["x", "y"]), id="a new value of an enum"),
    pytest.param(struct(a=str, b=int), struct(b=int, a=str), id="another order of fields"),
]

REFUSED = [
    pytest.param(struct(a=str) | OTHER, struct(a=str), "t.v1: Refunded was removed", id="a removed message"),
    pytest.param(struct(a=str), struct("Bought", a=str), "t.v1: Paid became Bought", id="a renamed message"),
    pytest.param(struct(a=str, b=(str, "")), struct(a=str), "t.v1/Paid.b: the field was removed", id="a removed field"),
    pytest.param(struct(), struct(b=str), "t.v1/Paid.b: the field is required", id="a new required field"),
    pytest.param(struct(a=(str, "")), struct(a=str), "t.v1/Paid.a: the field is required", id="now required"),
    pytest.param(
        struct(a=str), struct(a=(str, "")), "t.v1/Paid.a: the field is no longer req", id="no longer required"
    ),
    pytest.param(struct(a=(int, 1)), struct(a=(int, 2)), "t.v1/Paid.a: the default changed", id="another default"),
    pytest.param(struct(a=int), struct(a=str), "t.v1/Paid.a: integer became string", id="another type"),
    pytest.param(struct(a=int), struct(a=float), "t.v1/Paid.a: integer became number", id="a widened number"),
    pytest.param(struct(a=str), struct(a=str | None), "t.v1/Paid.a: null was added", id="now nullable"),
    pytest.param(struct(a=str | None), struct(a=str), "t.v1/Paid.a: null was removed", id="no longer nullable"),
    pytest.param(
        struct(a=str), struct(a=Literal["x"]), "t.v1/Paid.a: string became enum", id="text narrowed to an enum"
    ),
    pytest.param(
        struct(a=Literal["x", "y"]), struct(a=Literal["x"]), "t.v1/Paid.a: value 'y' was", id="a removed value"
    ),
    pytest.param(struct(a=Card | Phone), struct(a=Card), "t.v1/Paid.a: phone was removed", id="a removed union member"),
    pytest.param(
        struct(a=int),
        struct(a=Annotated[int, msgspec.Meta(ge=0)]),
        "t.v1/Paid.a: minimum changed from None to 0",
        id="a narrowed range",
    ),
    pytest.param(
        struct(a=Amount), struct(a=AmountInCents), "t.v1/Paid.a.minor: the field was removed", id="a field deeper down"
    ),
    pytest.param(
        struct(a=list[int]), struct(a=list[str]), "t.v1/Paid.a/items: integer became string", id="items of a list"
    ),
    pytest.param(
        struct(a=dict[str, str]),
        struct(a=dict[str, int]),
        "t.v1/Paid.a/additionalProperties: string became integer",
        id="values of a mapping",
    ),
    pytest.param(
        struct(a=list[Amount]),
        struct(a=list[AmountInCents]),
        "t.v1/Paid.a/items.minor: the field was removed",
        id="a field of an item",
    ),
]


@pytest.mark.parametrize(("old", "new"), ALLOWED)
def test_a_change_that_older_code_survives_is_allowed(old: Any, new: Any) -> None:
    assert changes(old, new) == []


@pytest.mark.parametrize(("old", "new", "reason"), REFUSED)
def test_a_breaking_change_is_refused_with_its_place(old: Any, new: Any, reason: str) -> None:
    assert any(found.startswith(reason) for found in changes(old, new)), changes(old, new)


@pytest.mark.parametrize(("new", "what"), [({"key": "merchant id"}, "key"), ({"partitions": 24}, "partitions")])
def test_a_change_that_loses_the_order_of_a_key_is_refused(new: dict[str, Any], what: str) -> None:
    message = struct(a=str)
    found = breaking_changes(golden(topic(message)), golden(topic(message, **new)))
    assert found == [f"t.v1: {what} changed: messages of one key would lose their order"]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_nothing_is_compatible_with_itself_by_accident(topic: Topic) -> None:
    same, empty = golden(topic), golden(topic) | {"messages": {"anyOf": []}}
    assert breaking_changes(same, same) == []
    assert len(breaking_changes(same, empty)) == 1
