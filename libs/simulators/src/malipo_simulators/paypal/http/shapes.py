"""Reads bodies by PayPal's own schemas: what is against them is told field by field, what they do not know is ignored."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.errors import PaypalError, detail
from malipo_simulators.paypal.objects.values import as_list, as_object
from malipo_simulators.paypal.spec import documented, request_shapes

BAD_REQUEST = 400
MOST_TOLD = 20
MISSING, LENGTH, SYNTAX, VALUE = (
    "MISSING_REQUIRED_PARAMETER",
    "INVALID_STRING_LENGTH",
    "INVALID_PARAMETER_SYNTAX",
    "INVALID_PARAMETER_VALUE",
)
TOO_FEW, TOO_MANY = "INVALID_ARRAY_MIN_ITEMS", "INVALID_ARRAY_MAX_ITEMS"


@dataclass(frozen=True, slots=True)
class Violation:
    """`field` is a JSON pointer."""

    issue: str
    field: str
    value: object = None


@dataclass(slots=True)
class Reader:
    """Collects every violation, up to a limit, beside what could be read."""

    violations: list[Violation] = field(default_factory=list[Violation])

    def read(self, schema: Json, value: object, at: str) -> Any:
        """The value, without what the schema does not know; null is the same as absent."""
        schema = resolved(schema)
        match schema.get("type"):
            case "object":
                return self._object(schema, value, at)
            case "array":
                return self._array(schema, value, at)
            case "string":
                self._check(text_violations(schema, value, at))
            case "boolean" if not isinstance(value, bool):
                self._add(SYNTAX, at, value)
            case _:
                pass
        return value

    def _object(self, schema: Any, value: object, at: str) -> Json:
        found = as_object(value)
        if found is None:
            self._add(SYNTAX, at or "/", value)
            return {}
        properties: dict[str, Json] = schema.get("properties", {})
        given: Json = {name: one for name, one in found.items() if one is not None and name in properties}
        for name in schema.get("required", ()):
            if name not in given:
                self._add(MISSING, f"{at}/{name}")
        return {name: self.read(properties[name], one, f"{at}/{name}") for name, one in given.items()}

    def _array(self, schema: Any, value: object, at: str) -> list[Any]:
        items = as_list(value)
        if items is None:
            self._add(SYNTAX, at or "/", value)
            return []
        if len(items) < schema.get("minItems", 0):
            self._add(TOO_FEW, at)
        if len(items) > schema.get("maxItems", len(items)):
            self._add(TOO_MANY, at)
            return []
        return [self.read(schema["items"], one, f"{at}/{index}") for index, one in enumerate(items)]

    def _check(self, violations: Iterator[Violation]) -> None:
        for one in violations:
            self._add(one.issue, one.field, one.value)

    def _add(self, issue: str, at: str, value: object = None) -> None:
        if len(self.violations) < MOST_TOLD:
            self.violations.append(Violation(issue, at, value))


def text_violations(schema: Any, value: object, at: str) -> Iterator[Violation]:
    """The first thing that is wrong with a text."""
    if not isinstance(value, str):
        yield Violation(SYNTAX, at, value)
    elif not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield Violation(LENGTH, at, value)
    elif "enum" in schema and value not in schema["enum"]:
        yield Violation(VALUE, at, value)
    elif "pattern" in schema and compiled(schema["pattern"]).search(value) is None:
        yield Violation(SYNTAX, at, value)


def against_schema(operation: str, violations: Iterable[Violation]) -> PaypalError:
    """One 400 that tells of every field."""
    told = [
        detail(one.issue, documented(operation, one.issue, BAD_REQUEST)[1], field=one.field, value=one.value)
        for one in violations
    ]
    return PaypalError(BAD_REQUEST, told)


def shape(name: str) -> Json:
    return request_shapes()[name]


def resolved(schema: Json) -> Json:
    while "$ref" in schema:
        schema = shape(str(schema["$ref"]))
    return schema


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """As JSON schemas mean it: a `$` is the very end, also before a line's."""
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))
