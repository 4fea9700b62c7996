"""Which providers can carry out what a merchant asks for, and if none can, what would be possible. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from malipo.clock import spoken
from malipo.contracts.commands import CaptureMode
from malipo.contracts.descriptor import AmountRule, Method, MethodRules, Misfit, OperationRules, ProviderDescriptor
from malipo.contracts.provider_commands import ProviderOperationKind
from malipo.contracts.providers import PROVIDERS
from malipo.money import Money

_MOST_SHOWN = 12


class Asked(NamedTuple):
    """What decides which providers fit. `given` are the fields of the payment that have a value other than `false`, `statement`
    what its statement is to show.
    """

    method: Method
    amount: Money
    capture: CaptureMode
    provider: str | None
    given: frozenset[str]
    statement: str | None = None


class Candidate(NamedTuple):
    """A provider, and its rules for the method that is asked for."""

    provider: ProviderDescriptor
    rules: MethodRules


def candidates(asked: Asked, providers: Mapping[str, ProviderDescriptor] = PROVIDERS) -> list[Candidate] | Misfit:
    """The providers that fit, by name; or what does not fit, at the first field that leaves none over."""
    left = [Candidate(one, rules) for one in providers.values() if (rules := one.rules_of(asked.method.method_type))]
    for misfit in (_provider, _currency, _step, _bounds, _capture, _needs, _remittance, _statement, _saves, _own):
        fitting = [one for one in left if misfit(asked, one) is None]
        if not fitting:
            return _what_would_be(misfit, asked, left)
        left = fitting
    return left


def fits_life(one: Candidate, life: timedelta) -> bool:
    """Whether an intent can be good for this long at this provider."""
    return one.rules.shortest_life <= life <= one.rules.longest_life


def life_misfit(found: Sequence[Candidate], life: timedelta) -> Misfit | None:
    """Why an intent cannot be good for this long at any of these providers."""
    if any(fits_life(one, life) for one in found):
        return None
    shortest, longest = min(one.rules.shortest_life for one in found), max(one.rules.longest_life for one in found)
    return Misfit(
        "/expires_at", "expires_at_out_of_range", f"must be from {spoken(shortest)} to {spoken(longest)} ahead"
    )


def operation_misfit(
    provider: ProviderDescriptor, kind: ProviderOperationKind, amount_minor: int | None, *, whole: int, before: int
) -> Misfit | None:
    """Why this provider cannot capture or refund this amount of `whole`, after `before` of it in the same way."""
    rules = provider.operations.get(kind)
    if rules is None:
        possible = ", ".join(one for one in provider.operations if one != "confirm")
        return Misfit("", "operation_unsupported", f"{provider.title} has no {kind}; it has: {possible}")
    return _part_misfit(provider, kind, rules, amount_minor, whole=whole, before=before)


def step_misfit(rule: AmountRule, amount_minor: int | None) -> Misfit | None:
    """Why an amount is too fine, if it is."""
    if amount_minor is None or amount_minor % rule.step == 0:
        return None
    words = f": {rule.steps}" if rule.steps else ""
    return Misfit("/amount", "amount_not_representable", f"must be a multiple of {rule.step} in this currency{words}")


def _part_misfit(
    provider: ProviderDescriptor,
    kind: ProviderOperationKind,
    rules: OperationRules,
    amount_minor: int | None,
    *,
    whole: int,
    before: int,
) -> Misfit | None:
    if before and not rules.several:
        return Misfit("", "operation_unsupported", f"{provider.title} does one {kind} of a payment, and it is done")
    if amount_minor not in {None, whole} and not rules.partial:
        detail = f"{provider.title} does a {kind} of all, {whole}, alone: leave the amount out"
        return Misfit("/amount", "operation_unsupported", detail)
    return None


def final_misfit(provider: ProviderDescriptor, *, final: bool) -> Misfit | None:
    """Why this provider cannot hold what a capture leaves, if more is to be captured."""
    rules = provider.operations.get("capture")
    if final or (rules is not None and rules.several):
        return None
    detail = f"{provider.title} does one capture of a payment, and releases the rest: leave it out"
    return Misfit("/final", "operation_unsupported", detail)


type _Check = Callable[[Asked, Candidate], Misfit | None]


def _what_would_be(misfit: _Check, asked: Asked, left: Sequence[Candidate]) -> Misfit:
    found = [one for candidate in left if (one := misfit(asked, candidate))]
    details = dict.fromkeys(one.detail for one in found)
    return found[0]._replace(detail="; or ".join(details))


def _provider(asked: Asked, one: Candidate) -> Misfit | None:
    if asked.provider in {None, one.provider.name}:
        return None
    return Misfit("/provider", "method_unsupported", f"{asked.method.method_type} is paid through {one.provider.name}")


def _currency(asked: Asked, one: Candidate) -> Misfit | None:
    known = one.rules.currencies
    if asked.amount.currency in known:
        return None
    more = " and more: GET /v1/providers lists them" if len(known) > _MOST_SHOWN else ""
    shown = ", ".join(list(known)[:_MOST_SHOWN]) + more
    return Misfit(
        "/currency", "currency_unsupported", f"{asked.method.method_type} at {one.provider.title} is paid in {shown}"
    )


def _step(asked: Asked, one: Candidate) -> Misfit | None:
    return step_misfit(_rule(asked, one), asked.amount.amount_minor)


def _bounds(asked: Asked, one: Candidate) -> Misfit | None:
    rule, amount = _rule(asked, one), asked.amount.amount_minor
    if rule.takes(amount):
        return None
    code = "amount_too_small" if amount < rule.least else "amount_too_large"
    return Misfit("/amount", code, f"{one.provider.title} takes from {rule.least} to {rule.most} in this currency")


def _capture(asked: Asked, one: Candidate) -> Misfit | None:
    if asked.capture in one.rules.captures:
        return None
    possible = " or ".join(one.rules.captures)
    return Misfit("/capture", "operation_unsupported", f"must be {possible}: so {one.provider.title} takes the money")


def _needs(asked: Asked, one: Candidate) -> Misfit | None:
    missing = [name for name in one.rules.needs if name not in asked.given]
    return Misfit(f"/{missing[0]}", "field_missing", f"is required by {one.provider.title}") if missing else None


def _remittance(asked: Asked, one: Candidate) -> Misfit | None:
    if one.rules.remittance or "remittance" not in asked.given:
        return None
    detail = f"{asked.method.method_type} at {one.provider.title} has no recipient who reads it: leave it out, or use `description`"
    return Misfit("/remittance", "remittance_unsupported", detail)


def _statement(asked: Asked, one: Candidate) -> Misfit | None:
    if asked.statement is None:
        return None
    known = one.rules.statement
    if known is None:
        instead = "`remittance`, which the recipient reads" if one.rules.remittance else "`description`"
        detail = f"{asked.method.method_type} at {one.provider.title} shows none on a statement: leave it out, or use {instead}"
        return Misfit("/statement_descriptor", "statement_descriptor_unsupported", detail)
    if known.takes(asked.statement):
        return None
    detail = f"{one.provider.title} takes at most {known.longest} characters: {known.must}"
    return Misfit("/statement_descriptor", "statement_descriptor_invalid", detail)


def _saves(asked: Asked, one: Candidate) -> Misfit | None:
    if "save_method" not in asked.given:
        return None
    if not one.rules.saves:
        detail = f"{asked.method.method_type} at {one.provider.title} cannot be kept: leave it out"
        return Misfit("/save_method", "save_method_unsupported", detail)
    if "customer_ref" not in asked.given:
        return Misfit("/customer_ref", "field_missing", "is required with save_method: it says whose the method is")
    return None


def _own(asked: Asked, one: Candidate) -> Misfit | None:
    return one.rules.refuses(asked.method, asked.amount)


def _rule(asked: Asked, one: Candidate) -> AmountRule:
    return one.rules.currencies[asked.amount.currency]
