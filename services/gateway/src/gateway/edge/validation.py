"""Turns what a merchant sent into a model, or into a problem that names each field and its code."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from pydantic import ValidationError
from pydantic_core import from_json

from gateway.edge.cards import EXPOSED, find_card_number
from gateway.edge.problems import PROBLEMS, FieldError, Problem, of_fields
from malipo.contracts.descriptor import Details
from redaction.text import cleaned

_MAX_ERRORS = 20
_MAX_NAME_CHARS = 60
_NO_ESCAPE = re.compile(b"%(?![0-9A-Fa-f]{2})|[^ -~]")
_MAP_KEY = "[key]"  # pydantic's name for a key of a mapping, after the key itself

_CODES = {
    "missing": "field_missing",
    "extra_forbidden": "field_unknown",
    "string_too_long": "text_too_long",
    "string_too_short": "text_empty",
    "string_pattern_mismatch": "text_control_characters",
    "too_long": "too_many_entries",
    "literal_error": "choice_unknown",
    "union_tag_not_found": "field_missing",
    "union_tag_invalid": "choice_unknown",
    "string_type": "type_wrong",
    "dict_type": "type_wrong",
    "list_type": "type_wrong",
    "model_type": "type_wrong",
    "model_attributes_type": "type_wrong",
}
"""pydantic's error types by our codes; our own validators raise our codes themselves."""

_DETAILS = {
    "missing": "is required",
    "extra_forbidden": "no such field",
    "string_pattern_mismatch": "must not contain line breaks or other control characters",
    "too_long": "too many entries (most {max_length})",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "literal_error": "must be {expected}",
    "union_tag_not_found": "is required",
    "union_tag_invalid": "must be one of {expected_tags}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "timezone_aware": "give an offset, e.g. 2026-11-21T09:30:00Z",
}
"""Our texts for pydantic's errors where merchants would not understand its own."""

_NOT_TEXT = "must be UTF-8, percent-encoded, e.g. no%C3%ABl"
_FIELD_CODES = {"/method/type": "method_unknown"}


def parse[M: Details](model: type[M], raw: bytes) -> M:
    """The body in `raw`. Raises `Problem`: what is wrong with it as JSON, or the first bad field's code with all listed."""
    try:
        data = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise Problem("json_malformed", f"not JSON: {error}") from None
    json.loads(raw, object_pairs_hook=_members)  # after the other, whose limits keep it from deep nesting
    _refuse_card_numbers(model, data)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise of_fields([_field_error(one, data, model) for one in found[:_MAX_ERRORS]]) from None


def _refuse_card_numbers(model: type[Details], data: object) -> None:
    # In the method and in fields that do not exist no number can be meant otherwise; texts have `Words`.
    if not isinstance(data, dict):
        return
    fields = cast("dict[str, Any]", data)
    suspects = {name: fields[name] for name in fields if name == "method" or name not in model.model_fields}
    if found := find_card_number(suspects, but=model.numbers):
        raise of_fields([FieldError(pointer(found), "raw_card_number", EXPOSED)])


def pointer(location: Sequence[int | str]) -> str:
    """The JSON pointer (RFC 6901) to a place in a body, its names as they may be shown."""
    parts = location[:-1] if location and location[-1] == _MAP_KEY else location
    return "".join(f"/{shown(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def shown(name: int | str) -> str:
    """A name that a merchant sent, as it may be shown: printable, short, no card number."""
    printable = "".join(character if character.isprintable() else "?" for character in str(name)[: 4 * _MAX_NAME_CHARS])
    return cleaned(printable)[:_MAX_NAME_CHARS]


def require_text(query: bytes) -> None:
    """Raises the problem of the first parameter that is not UTF-8, percent-encoded (RFC 3986, 2.1 and 2.5).

    The framework reads such bytes as U+FFFD, and would search for another text.
    """
    for parameter in query.split(b"&"):
        name, _, value = parameter.partition(b"=")
        require_utf_8(name.decode("ascii", "replace"), value)


def require_utf_8(name: str, escaped: bytes) -> None:
    """Raises the problem of the parameter `name`, of which `escaped` is what was sent, if that is not UTF-8, percent-encoded."""
    if not _is_text(escaped):
        raise of_parameters([{"loc": (name,), "type": "", "msg": _NOT_TEXT}])


def of_parameters(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """The problem of invalid query parameters, from the framework's list of errors."""
    return of_fields([_parameter_error(one) for one in errors[:_MAX_ERRORS]])


def _is_text(escaped: bytes) -> bool:
    try:
        unquote_to_bytes(escaped).decode()
    except UnicodeDecodeError:
        return False
    return _NO_ESCAPE.search(escaped) is None


def _members(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):  # readers differ in which of them they use
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise Problem("json_duplicate_member", f"{shown(twice)!r} is there more than once.")
    return members


def _parameter_error(error: Mapping[str, Any]) -> FieldError:
    name = error.get("ctx", {}).get("field") or shown(error["loc"][-1])
    return FieldError(name, _parameter_code(error), _detail(error))


def _parameter_code(error: Mapping[str, Any]) -> str:
    if error["loc"][-1] == "limit":
        return "limit_invalid"
    return "cursor_invalid" if error["loc"][-1] == "cursor" else "parameter_invalid"


def _field_error(error: Mapping[str, Any], body: object, model: type[Details]) -> FieldError:
    context: Mapping[str, Any] = error.get("ctx", {})
    field = context.get("field") or pointer(_place(error, body))
    detail = _detail(error)
    if error["type"] == "extra_forbidden" and len(error["loc"]) == 1:
        detail += f"; there are: {', '.join(info.alias or name for name, info in model.model_fields.items())}"
    return FieldError(field, _code(field, error["type"]), detail)


def _place(error: Mapping[str, Any], body: object) -> Sequence[int | str]:
    """Where it is in the body: pydantic also names which model of a union it took, and not the field that decides that."""
    place, at = list[int | str](), body
    for part in error["loc"][:-1]:
        if isinstance(at, dict) and part not in at:
            continue
        place.append(part)
        at = cast("dict[Any, object]", at)[part] if isinstance(at, dict) else _entry(at, part)
    decides = error.get("ctx", {}).get("discriminator")
    return [*place, *error["loc"][-1:], *([decides.strip("'")] if decides else [])]


def _entry(of: object, at: int | str) -> object:
    return cast("list[object]", of)[at] if isinstance(of, list) and isinstance(at, int) else None


def _detail(error: Mapping[str, Any]) -> str:
    ours = _DETAILS.get(error["type"])
    return str(error["msg"]) if ours is None else ours.format_map(error.get("ctx", {}))


def _code(field: str, error_type: str) -> str:
    if error_type == "literal_error" and field in _FIELD_CODES:
        return _FIELD_CODES[field]
    return error_type if error_type in PROBLEMS else _CODES.get(error_type, "value_invalid")
