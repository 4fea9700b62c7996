"""Every message survives the wire, older code survives newer messages, and money is never a float."""

import json
from datetime import UTC
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from malipo.contracts.message import Message, Moment, encode
from malipo.contracts.providers import PROVIDERS
from malipo.contracts.topics import BY_NAME, PAYMENT_COMMANDS, PROVIDER_COMMANDS, TOPICS, Topic
from malipo.money import EXPONENTS, MAX_AMOUNT_MINOR, Money
from testkit import operations
from testkit.compatibility import golden

EVERY_TYPE = pytest.mark.parametrize(
    ("topic", "message_type"),
    [
        pytest.param(topic, message_type, id=f"{topic.name}-{message_type.__name__}")
        for topic in TOPICS
        for message_type in topic.message_types
    ],
)

PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"])),
    int: st.integers(0, MAX_AMOUNT_MINOR),
    bool: st.booleans(),
    NoneType: st.none(),
    Any: st.text(st.characters(exclude_categories=["Cs"])),
    Moment: st.datetimes(timezones=st.just(UTC)),
    Money: st.builds(Money, st.integers(0, MAX_AMOUNT_MINOR), st.sampled_from(list(EXPONENTS))),
}


def values(of: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that appears in messages."""
    if of in PLAIN:
        return PLAIN[of]
    origin, inner = get_origin(of), get_args(of)
    if origin in (UnionType, Union):
        return st.one_of([values(member) for member in inner])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is tuple:
        return st.lists(values(inner[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=3)
    return st.builds(of, **{field.name: values(field.type) for field in msgspec.structs.fields(of)})


def with_unknown_fields(node: Any) -> Any:
    """The JSON with a field that this code does not know in every object but those whose names are not ours."""
    if isinstance(node, list):
        return [with_unknown_fields(item) for item in node]
    if not isinstance(node, dict):
        return node
    others = ("metadata", "details", "about", "recipient")
    known = {name: value if name in others else with_unknown_fields(value) for name, value in node.items()}
    return known | {"from_the_future": {"1": [None]}}


@EVERY_TYPE
@settings(max_examples=25)
@given(data=st.data())
def test_a_message_survives_the_wire(topic: Topic, message_type: type[Message], data: st.DataObject) -> None:
    message = data.draw(values(message_type))
    assert topic.decode(encode(message)) == message


@EVERY_TYPE
@settings(max_examples=25)
@given(data=st.data())
def test_unknown_fields_are_ignored(topic: Topic, message_type: type[Message], data: st.DataObject) -> None:
    message = data.draw(values(message_type))
    newer = json.dumps(with_unknown_fields(json.loads(encode(message)))).encode()
    assert topic.decode(newer) == message


@EVERY_TYPE
@settings(max_examples=25)
@given(data=st.data())
def test_a_message_without_one_of_its_required_fields_is_refused(
    topic: Topic, message_type: type[Message], data: st.DataObject
) -> None:
    wire = json.loads(encode(data.draw(values(message_type))))
    required = [field.name for field in msgspec.structs.fields(message_type) if field.required]
    del wire[data.draw(st.sampled_from(required))]
    with pytest.raises(msgspec.ValidationError):
        topic.decode(json.dumps(wire).encode())


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@pytest.mark.parametrize("value", [b"", b"null", b"{}", b"[]", b'{"type":"SomethingElse"}', b"\xff", b'{"type":'])
def test_what_is_no_message_of_the_topic_is_refused(topic: Topic, value: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        topic.decode(value)


def test_a_topic_of_commands_knows_the_methods_of_those_who_read_it() -> None:
    for name, provider in PROVIDERS.items():
        known = {rules.type for rules in provider.methods}
        assert PROVIDER_COMMANDS[name].methods == known <= set(PAYMENT_COMMANDS.methods)
    charge = operations.charge(method=operations.card())
    assert PROVIDER_COMMANDS["stripe"].unknown_method(charge) is None
    assert PROVIDER_COMMANDS["mpesa"].unknown_type(msgspec.json.encode(charge)) == "card"


def test_topics_and_message_types_have_names_of_their_own() -> None:
    assert len(BY_NAME) == len(TOPICS)
    types = {message_type for topic in TOPICS for message_type in topic.message_types}
    assert len({message_type.__name__ for message_type in types}) == len(types)


@given(PLAIN[Money])
def test_money_is_written_as_an_integer(money: Money) -> None:
    wire = json.loads(msgspec.json.encode(money))
    assert wire == {"amount_minor": money.amount_minor, "currency": money.currency}
    assert type(wire["amount_minor"]) is int


@pytest.mark.parametrize("amount", ["1.0", "1e2", "1.5", '"1"', "true", "null", "-1", "99999999999999999999", "[1]"])
def test_an_amount_that_is_no_whole_number_in_range_is_refused(amount: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"amount_minor":{amount},"currency":"USD"}}', type=Money)


@pytest.mark.parametrize("amount", [1.0, "1", True, None, -1, MAX_AMOUNT_MINOR + 1])
def test_no_code_can_make_money_of_anything_else(amount: Any) -> None:
    with pytest.raises(ValueError, match="amount_minor"):
        Money(amount, "USD")


@pytest.mark.parametrize("currency", ["usd", "XXX", "", "USDC"])
def test_a_currency_that_is_not_listed_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="unknown currency"):
        Money(1, currency)


@pytest.mark.parametrize("amount", ["1.0", '"1"', "true"])
def test_an_amount_without_its_currency_is_an_integer_too(amount: str) -> None:
    wire = f'{{"type":"RefundPayment","payment_id":"pay_1","refund_id":"ref_1","amount_minor":{amount}}}'
    with pytest.raises(msgspec.ValidationError):
        PAYMENT_COMMANDS.decode(wire.encode())


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_no_message_holds_a_float(topic: Topic) -> None:
    assert '"number"' not in json.dumps(golden(topic))
