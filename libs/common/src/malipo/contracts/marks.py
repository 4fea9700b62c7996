"""Reads the marks in what a merchant sent: what may be shown of it, and which mode it is for."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, cast, get_args

from malipo.contracts.descriptor import Details, Secret, ShowsMode

_LAST_SHOWN = 4
_SHORTEST_SHOWN = 16  # of a shorter secret four characters would give too much away

type Path = tuple[str | int, ...]


def without_secrets(given: Details) -> dict[str, Any]:
    """The fields that have a value as JSON, and of each `Secret` only what may be shown."""
    return replaced(given, Secret, mask)


def modes_shown(given: Details) -> list[tuple[Path, str]]:
    """Where a text shows which mode it is for, and which that is."""
    found = [(path, re.match(mark.regex, text)) for path, mark, text in marked(given, ShowsMode)]
    return [(path, match[1]) for path, match in found if match is not None]


def places(model: type[Details], kind: type[object]) -> set[tuple[str, ...]]:
    """Where in this model, objects within it too, there are fields with a mark of this kind."""
    found: set[tuple[str, ...]] = {(name,) for name, mark in _marks(model, kind).items() if mark is not None}
    for name, field in model.model_fields.items():
        for inner in _models_in(field.annotation):
            found |= {(name, *place) for place in places(inner, kind)}
    return found


def mask(secret: Secret, text: str) -> str:
    """What may be shown of a secret: its public prefix, and the last characters of a long one."""
    found = re.match(secret.prefix, text)
    prefix = found[0] if found else ""
    long = len(text) - len(prefix) >= _SHORTEST_SHOWN
    return f"{prefix}...{text[-_LAST_SHOWN:]}" if long and secret.ending else f"{prefix}..."


def replaced[M](given: Details, kind: type[M], by: Callable[[M, str], str]) -> dict[str, Any]:
    """The fields that have a value as JSON, each text with a mark of this kind as `by` has it."""
    dumped = given.model_dump(mode="json", exclude_none=True)
    for path, mark, text in marked(given, kind):
        *way, last = path
        place: Any = dumped
        for part in way:
            place = place[part]
        place[last] = by(mark, text)
    return dumped


def marked[M](given: Details, kind: type[M], path: Path = ()) -> Iterator[tuple[Path, M, str]]:
    """Each text with a mark of this kind, in objects within objects too."""
    for name, mark in _marks(type(given), kind).items():
        yield from _texts(getattr(given, name), cast("M | None", mark), kind, (*path, name))


@cache
def _marks(model: type[Details], kind: type[object]) -> Mapping[str, object]:
    """The mark of each field of the model, or None."""
    return {
        name: next((mark for mark in field.metadata if isinstance(mark, kind)), _mark_in(field.annotation, kind))
        for name, field in model.model_fields.items()
    }


def _texts[M](value: object, mark: M | None, kind: type[M], path: Path) -> Iterator[tuple[Path, M, str]]:
    match value:
        case Details():
            yield from marked(value, kind, path)
        case list():
            for place, inner in enumerate(cast("list[object]", value)):
                yield from _texts(inner, mark, kind, (*path, place))
        case str() if mark is not None:
            yield path, mark, value
        case _ if mark is not None and value is not None:
            msg = f"no text: {type(value).__name__}"
            raise TypeError(msg)
        case _:
            pass


def _models_in(annotation: object) -> list[type[Details]]:
    if isinstance(annotation, type) and issubclass(annotation, Details):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def _mark_in[M](annotation: object, kind: type[M]) -> M | None:
    """The mark of a list's entries, or of a text that may be left out."""
    for inner in get_args(annotation):
        if isinstance(inner, kind):
            return inner
        if (found := _mark_in(inner, kind)) is not None:
            return found
    return None
