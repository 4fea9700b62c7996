"""Which providers can keep a method without a payment, and if none can, what would be possible. Pure."""

from collections.abc import Mapping

from gateway.payments.fitting import Candidate
from malipo.contracts.descriptor import Method, Misfit, ProviderDescriptor
from malipo.contracts.providers import PROVIDERS


def keepers(
    method: Method, provider: str | None, providers: Mapping[str, ProviderDescriptor] = PROVIDERS
) -> list[Candidate] | Misfit:
    """The providers that can, by name, of this one or of all; or what does not fit."""
    have = [Candidate(one, rules) for one in providers.values() if (rules := one.rules_of(method.method_type))]
    asked = [one for one in have if provider in {None, one.provider.name}]
    if not asked:
        named = " or ".join(one.provider.name for one in have)
        return Misfit("/provider", "method_unsupported", f"{method.method_type} is kept by {named}, if at all")
    able = [one for one in asked if keeps(one)]
    return able or Misfit("/method/type", "save_method_unsupported", "; or ".join(map(_instead, asked)))


def keeps(one: Candidate) -> bool:
    """Whether this provider keeps such a method without a payment."""
    return one.rules.saves and "setup" in one.provider.operations


def _instead(one: Candidate) -> str:
    what = f"{one.rules.type} at {one.provider.title}"
    if one.rules.saves:
        return f"{what} is kept while it pays alone: send save_method with a payment"
    return f"{what} cannot be kept"
