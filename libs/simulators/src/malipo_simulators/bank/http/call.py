"""One call of the API, as the conventions need to know it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from malipo_simulators.kit.api.answers import Answer


class Fields(BaseModel):
    """A body or a query: nothing unknown in it, and nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Nothing(Fields):
    """No fields."""


@dataclass(frozen=True, slots=True)
class Call:
    """`body` and `query` are what it takes; without a `body` it may have none, or `{}`. `key`: whether it takes an
    Idempotency-Key.
    """

    method: Literal["GET", "POST"]
    path: str
    run: Callable[[Any], Answer]
    body: type[Fields] | None = None
    query: type[Fields] = Nothing
    key: Literal["needed", "taken", "ignored"] = "ignored"
