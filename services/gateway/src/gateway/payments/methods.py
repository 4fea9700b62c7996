"""The `method` of a payment: one of all providers' models, told apart by its `type`, and what OpenAPI says of it."""

from collections.abc import Mapping
from math import gcd
from typing import Any, cast, get_args

from pydantic import GetCoreSchemaHandler, JsonValue, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from malipo.contracts.commands import CaptureMode
from malipo.contracts.descriptor import AmountRule, Method, MethodRules, Personal
from malipo.contracts.marks import places
from malipo.contracts.providers import MethodTable

_ANY = AmountRule()
_SAVED_FOR_SOMEBODY: JsonValue = {
    "if": {"required": ["save_method"], "properties": {"save_method": {"const": True}}},
    "then": {"required": ["customer_ref"], "properties": {"customer_ref": {"not": {"type": "null"}}}},
}
_GIVEN: JsonValue = {"not": {"type": "null"}}


class OneOf:
    """Marks a `Method`: what is sent is read by the model of its `type`, of those in `methods`."""

    def __init__(self, methods: MethodTable) -> None:
        self._models = models_of(methods)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # The union is what is described. It is read by us: pydantic would put the type into the places of its errors.
        choices = {type_: handler.generate_schema(model) for type_, model in self._models.items()}
        union = core_schema.tagged_union_schema(choices, discriminator="type")
        return core_schema.no_info_wrap_validator_function(self._read, union)

    def _read(self, value: object, _by_pydantic: object) -> Method:
        if not isinstance(value, dict):
            raise PydanticCustomError("type_wrong", "must be a JSON object")
        type_ = cast("dict[str, object]", value).get("type")
        if not isinstance(type_, str) or type_ not in self._models:
            raise ValidationError.from_exception_data("method", [self._unknown(cast("dict[str, object]", value))])
        return self._models[type_].model_validate(value)

    def _unknown(self, value: dict[str, object]) -> InitErrorDetails:
        known = ", ".join(self._models)
        error = PydanticCustomError("method_unknown", "must be one of: {known}", {"known": known})
        return InitErrorDetails(type=error if "type" in value else "missing", loc=("type",), input=None)


def models_of(methods: MethodTable) -> dict[str, type[Method]]:
    """The model of each method's type: all providers that have it share one."""
    return {type_: next(iter(by_provider.values())).model for type_, by_provider in methods.items()}


def numbers_of(methods: MethodTable) -> frozenset[tuple[str, ...]]:
    """Where in a payment a number is meant that may look like a card's: what is about a person is sealed and masked."""
    found = (place for model in models_of(methods).values() for place in places(model, Personal))
    return frozenset(("method", *place) for place in found)


def problems_of(methods: MethodTable) -> tuple[str, ...]:
    """The codes of what may be wrong with the fields of any method."""
    return tuple(dict.fromkeys(code for model in models_of(methods).values() for code in model.problems))


def fitting_schema(methods: MethodTable) -> list[JsonValue]:
    """What OpenAPI says of what fits a method: the other fields' values that at least one of its providers takes, where these
    are not all; the fields that all of them need; the amounts of each currency.
    """
    conditions: list[JsonValue] = [_SAVED_FOR_SOMEBODY]
    for type_, by_provider in methods.items():
        if taken := _choices(by_provider, methods) | _needs(by_provider) | _texts(by_provider):
            conditions.append(_if(type_, {}, taken))
        amounts = _merged(by_provider)
        for rule in dict.fromkeys(amounts.values()):
            if rule != _ANY:
                currencies = sorted(currency for currency, one in amounts.items() if one == rule)
                conditions.append(_if(type_, {"currency": {"enum": [*currencies]}}, {"amount": _bounds(rule)}))
    return conditions


def _if(type_: str, further: dict[str, JsonValue], then: dict[str, JsonValue]) -> JsonValue:
    method: JsonValue = {"type": "object", "required": ["type"], "properties": {"type": {"const": type_}}}
    met: dict[str, JsonValue] = {"properties": then}
    if needed := [name for name, one in then.items() if one == _GIVEN]:
        met["required"] = [*needed]
    return {"if": {"properties": {"method": method, **further}}, "then": met}


def _choices(by_provider: Mapping[str, MethodRules], methods: MethodTable) -> dict[str, JsonValue]:
    """Of each field the values that the method takes, unless it takes all."""
    captures = {capture for rules in by_provider.values() for capture in rules.captures}
    choices = (
        ("currency", _merged(by_provider), currencies_of(methods)),
        ("capture", captures, get_args(CaptureMode)),
        ("provider", [*by_provider, None], [*(name for one in methods.values() for name in one), None]),
    )
    return {field: {"enum": [*dict.fromkeys(taken)]} for field, taken, known in choices if set(known) - set(taken)}


def _needs(by_provider: Mapping[str, MethodRules]) -> dict[str, JsonValue]:
    first, *others = by_provider.values()
    return {name: _GIVEN for name in first.needs if all(name in rules.needs for rules in others)}


def _texts(by_provider: Mapping[str, MethodRules]) -> dict[str, JsonValue]:
    """Fields that none of the method's providers takes, and of what statements show those that at least one does."""
    shown = {one.statement: None for one in by_provider.values() if one.statement}
    taken: list[JsonValue] = [{"type": "string", "pattern": one.regex, "maxLength": one.longest} for one in shown]
    statement: JsonValue = {"anyOf": [*taken, {"type": "null"}]} if taken else {"type": "null"}
    without: dict[str, JsonValue] = (
        {} if any(rules.remittance for rules in by_provider.values()) else {"remittance": {"type": "null"}}
    )
    if not any(rules.saves for rules in by_provider.values()):
        without["save_method"] = {"const": False}
    return {**without, "statement_descriptor": statement}


def _bounds(rule: AmountRule) -> JsonValue:
    return {"multipleOf": rule.step, "minimum": rule.least, "maximum": rule.most}


def _merged(by_provider: Mapping[str, MethodRules]) -> dict[str, AmountRule]:
    """Of each currency of a method what at least one of its providers takes."""
    merged: dict[str, AmountRule] = {}
    for rules in by_provider.values():
        for currency, rule in rules.currencies.items():
            known = merged.get(currency, rule)
            merged[currency] = AmountRule(
                gcd(known.step, rule.step), min(known.least, rule.least), max(known.most, rule.most)
            )
    return merged


def currencies_of(methods: MethodTable) -> list[str]:
    """Every currency that anything can be paid in, in alphabetical order."""
    every = (rules for by_provider in methods.values() for rules in by_provider.values())
    return sorted({currency for rules in every for currency in rules.currencies})
