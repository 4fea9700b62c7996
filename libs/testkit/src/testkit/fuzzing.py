"""Bodies that no provider should send, and what must hold of whatever is read from them; for tests with Hypothesis."""

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, cast

import msgspec
from hypothesis import strategies as st

from malipo.contracts.outcomes import Declined, Outcome

type Path = tuple[Any, ...]
"""The keys and indexes that lead to a part of a JSON value."""

_DEEP = "@deep@"
_NESTED_TOO_DEEP = b"[" * 3_000 + b"]" * 3_000
_ODDITIES: list[object] = [
    "", "\x00", "id_1\x00", "x" * 3_000, "\u202e", " ", _DEEP, 2**63, -1, 10**40, [], {}, [[]], [{}],
]  # fmt: skip
JUNK: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text()
    | st.sampled_from(_ODDITIES)
)  # fmt: skip


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner) | st.dictionaries(st.text(), inner)


def bodies(templates: Sequence[object]) -> st.SearchStrategy[bytes]:
    """Genuine bodies (JSON values) that are spoilt, JSON of any kind, and any bytes."""
    return spoilt(templates) | st.binary() | st.recursive(JUNK, _nested).map(lambda value: json.dumps(value).encode())


@st.composite
def spoilt(draw: st.DrawFn, templates: Sequence[object]) -> bytes:
    """One of the templates with up to three of its parts replaced."""
    value = json.loads(json.dumps(draw(st.sampled_from(templates))))
    for _ in range(draw(st.integers(0, 3))):
        path, junk = draw(st.sampled_from(paths(value))), deepcopy(draw(JUNK))  # the next one may land inside this one
        value = replaced(value, path, junk)
    return json.dumps(value).encode().replace(json.dumps(_DEEP).encode(), _NESTED_TOO_DEEP)


def paths(value: Any, path: Path = ()) -> list[Path]:
    """Of the value itself and of everything in it."""
    match value:
        case dict():
            parts = list(cast("dict[str, Any]", value).items())
        case list():
            parts = list(enumerate(cast("list[Any]", value)))
        case _:
            parts = []
    return [path, *(deeper for key, part in parts for deeper in paths(part, (*path, key)))]


def replaced(value: Any, path: Path, part: Any) -> Any:
    """The value with this part there: changed in place, unless it is replaced whole."""
    if not path:
        return part
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = part
    return value


def is_storable(outcome: Outcome, is_id: Callable[[str], bool]) -> None:
    """Assert that a row can hold it: no NUL, a reference that is an id of the provider's, a decline that says why."""
    assert b"\\u0000" not in msgspec.json.encode(outcome)
    reference = getattr(outcome, "reference", None)
    assert reference is None or is_id(reference)
    if isinstance(outcome, Declined):
        assert outcome.code
        assert outcome.message.strip()
