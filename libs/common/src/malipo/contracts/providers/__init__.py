"""Every provider by its name: each file of this package describes one, as `DESCRIPTOR`."""

import pkgutil
from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module

from malipo.contracts.descriptor import MethodRules, ProviderDescriptor

PROVIDERS: Mapping[str, ProviderDescriptor] = {
    name: import_module(f"{__name__}.{name}").DESCRIPTOR for _, name, _ in pkgutil.iter_modules(__path__)
}
"""In alphabetical order."""

type MethodTable = Mapping[str, Mapping[str, MethodRules]]
"""Of each method's type, its rules by the name of each provider that has it."""


def by_method(providers: Mapping[str, ProviderDescriptor]) -> MethodTable:
    """What these providers can be paid with, types in alphabetical order."""
    found = {(rules.type, name): rules for name, provider in providers.items() for rules in provider.methods}
    types = sorted({type_ for type_, _ in found})
    return {type_: {name: rules for (one, name), rules in found.items() if one == type_} for type_ in types}


METHODS: MethodTable = by_method(PROVIDERS)


def life_of(method_type: str) -> timedelta:
    """How long an intent with this method is good for unless its merchant says otherwise: the shortest of its providers'.

    Raises `LookupError` for a method that no provider has.
    """
    return min(rules.life for rules in METHODS[method_type].values())


def initiates(method_type: str) -> bool:
    """Whether a payment with this method is `initiated` until its provider works on it; of a method that no provider has, no."""
    return any(rules.initiates for rules in METHODS.get(method_type, {}).values())
