"""What JSON holds, with types: a value that came from elsewhere is an object, a list, or neither."""

from typing import cast

from malipo_simulators.kit.shapes import Json


def as_object(value: object) -> Json | None:
    return cast("Json", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    return cast("list[object]", value) if isinstance(value, list) else None


def inner(given: Json, name: str) -> Json:
    """The object of this name; an empty one where there is none."""
    return as_object(given.get(name)) or {}


def text(given: Json, name: str) -> str | None:
    """The text of this name, if it is there and not empty."""
    value = given.get(name)
    return value if isinstance(value, str) and value else None
