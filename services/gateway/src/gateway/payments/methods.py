"""The `method` of a payment: one of all providers' models, told apart by its `type`, and what OpenAPI says of it."""

from math import gcd
from typing import Any, cast

from pydantic import GetCoreSchemaHandler, JsonValue, ValidationError
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from malipo.contracts.descriptor import AmountRule, Method, Personal
from malipo.contracts.marks import places
from malipo.contracts.providers import MethodTable

_ANY = AmountRule()


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


def amounts_schema(methods: MethodTable) -> list[JsonValue]:
    """What OpenAPI says of amounts: for each method its currencies, and the amounts of those that not all are taken of."""
    every = {currency for rules in _merged(methods).values() for currency in rules}
    conditions: list[JsonValue] = []
    for type_, rules in _merged(methods).items():
        if set(rules) != every:
            conditions.append(_if(type_, {}, {"currency": {"enum": [*sorted(rules)]}}))
        for rule in dict.fromkeys(rules.values()):
            if rule != _ANY:
                currencies = sorted(currency for currency, one in rules.items() if one == rule)
                conditions.append(_if(type_, {"currency": {"enum": [*currencies]}}, {"amount": _bounds(rule)}))
    return conditions


def _if(type_: str, further: dict[str, JsonValue], then: dict[str, JsonValue]) -> JsonValue:
    method: JsonValue = {"type": "object", "required": ["type"], "properties": {"type": {"const": type_}}}
    return {"if": {"properties": {"method": method, **further}}, "then": {"properties": then}}


def _bounds(rule: AmountRule) -> JsonValue:
    return {"multipleOf": rule.step, "minimum": rule.least, "maximum": rule.most}


def _merged(methods: MethodTable) -> dict[str, dict[str, AmountRule]]:
    """Of each method each currency, and what at least one of its providers takes."""
    merged: dict[str, dict[str, AmountRule]] = {}
    for type_, by_provider in methods.items():
        for rules in by_provider.values():
            for currency, rule in rules.currencies.items():
                known = merged.setdefault(type_, {}).get(currency, rule)
                merged[type_][currency] = AmountRule(
                    gcd(known.step, rule.step), min(known.least, rule.least), max(known.most, rule.most)
                )
    return merged


def currencies_of(methods: MethodTable) -> list[str]:
    """Every currency that anything can be paid in, in alphabetical order."""
    return sorted({currency for rules in _merged(methods).values() for currency in rules})
