"""What is about a person: parted from the rest of a method, and the messages by which the keys to it travel and end.

The values are sealed under a key of their payment, which travels apart from them: to destroy the key is to erase them
wherever they are.
"""

from collections.abc import Mapping
from typing import Any, cast

from malipo.contracts.descriptor import Details, Personal
from malipo.contracts.marks import marked, replaced
from malipo.contracts.message import Message


class PersonalKeyIssued(Message, frozen=True, kw_only=True):
    """The key to a payment's personal data, `wrapped` by the key ring for its `key_owner`.

    The services of `providers` keep it, which are all that the payment may be routed to.
    """

    payment_id: str
    wrapped: str
    providers: tuple[str, ...] = ()


class PersonalKeyErased(Message, frozen=True, kw_only=True):
    """The key is to be destroyed by the services of `providers`, and never kept again.

    Sent until each of them has reported `PersonalKeyDestroyed`.
    """

    payment_id: str
    providers: tuple[str, ...] = ()


def key_owner(payment_id: str) -> str:
    """The associated data of a wrapped key."""
    return f"{payment_id}/personal"


def parted(details: Details) -> tuple[dict[str, Any], dict[str, str]]:
    """What everybody may see, personal texts masked; and these texts, by their JSON pointers into it.

    These are of names of fields and numbers alone, which RFC 6901 escapes nothing in.
    """
    personal = {"".join(f"/{part}" for part in path): text for path, _, text in marked(details, Personal)}
    return replaced(details, Personal, lambda mark, text: mark.mask(text)), personal


def whole(details: Mapping[str, Any], personal: Mapping[str, str]) -> dict[str, Any]:
    """The details with the personal texts in their places again."""
    return {name: _whole(value, f"/{name}", personal) for name, value in details.items()}


def _whole(value: object, place: str, personal: Mapping[str, str]) -> object:
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        return {name: _whole(inner, f"{place}/{name}", personal) for name, inner in fields.items()}
    if isinstance(value, list):
        entries = enumerate(cast("list[object]", value))
        return [_whole(inner, f"{place}/{number}", personal) for number, inner in entries]
    return personal.get(place, value)
