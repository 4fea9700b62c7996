"""docs/capabilities.md: what each provider can do, as its descriptor says."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import get_args

from malipo.clock import spoken
from malipo.contracts import provider_commands
from malipo.contracts.descriptor import AmountRule, MethodRules, OperationRules, ProviderDescriptor, SameKey
from malipo.contracts.provider_commands import ProviderOperationKind
from malipo.contracts.providers import PROVIDERS
from pages.markdown import document, first_sentences, table

_INTRO = """\
What a provider cannot do is refused by the gateway before anything is accepted, with what would be possible; `GET /v1/providers`
shows the same to merchants. Every provider can be queried for what became of an operation. Amounts are in minor units."""

_METHODS = """\
A payment goes to the first provider by name that takes its method, amount and capture and that the merchant has credentials for,
unless the merchant names one."""

_OPENED: ProviderOperationKind = "dispute"
_DISPUTES = """\
* *dispute*: A customer wants money back by way of the bank: others open it, nobody commands it. Where it is not told, a person is
  alerted by the callback about it."""


def page() -> str:
    """The page's text."""
    commanded = [kind for kind in get_args(ProviderOperationKind) if kind != _OPENED]
    return document(
        "What each provider can do",
        "libs/common/src/malipo/contracts/providers",
        _INTRO,
        table(("provider", *commanded, _OPENED), [_operations(one, commanded) for one in PROVIDERS.values()]),
        "\n".join(
            f"* *{kind}*: {first_sentences(getattr(provider_commands, kind.title().replace('_', '')))}"
            for kind in commanded
        ),
        _DISPUTES,
        "## Methods",
        _METHODS,
        table(
            (
                "method",
                "provider",
                "captured",
                "the customer may be asked for",
                "needs",
                "its statement shows",
                "good for",
            ),
            [_method(provider, rules) for provider in PROVIDERS.values() for rules in provider.methods],
        ),
        "## Amounts",
        table(
            ("method", "provider", "currencies", "in steps of", "from", "to"),
            [row for one in PROVIDERS.values() for rules in one.methods for row in _amounts(one, rules)],
        ),
        "## When it is not known whether something was sent",
        table(("provider", "then it", "callbacks", "pending is asked about after"), map(_traits, PROVIDERS.values())),
    )


def _operations(provider: ProviderDescriptor, kinds: Iterable[ProviderOperationKind]) -> tuple[str, ...]:
    disputes = "told, and asked about" if provider.disputes else ""
    return provider.name, *(_operation(provider.operations, kind) for kind in kinds), disputes


def _operation(operations: Mapping[ProviderOperationKind, OperationRules], kind: ProviderOperationKind) -> str:
    rules = operations.get(kind)
    if rules is None:
        return ""
    words = {"of a part": rules.partial, "several": rules.several, "may end later": rules.asynchronous}
    return ", ".join(["yes", *(word for word, holds in words.items() if holds)])


def _method(provider: ProviderDescriptor, rules: MethodRules) -> tuple[str, ...]:
    good_for = f"{spoken(rules.life)}; from {spoken(rules.shortest_life)} to {spoken(rules.longest_life)}"
    listed = [", ".join(f"`{one}`" for one in part) for part in (rules.captures, rules.actions, rules.needs)]
    return f"`{rules.type}`", provider.name, *listed, statement(rules), good_for


def statement(rules: MethodRules) -> str:
    """What a customer's statement can show of a merchant's, in words; empty for nothing."""
    known = rules.statement
    return f"up to {known.longest} characters: {known.must}" if known else ""


def _amounts(provider: ProviderDescriptor, rules: MethodRules) -> Iterable[tuple[str, ...]]:
    def rule_of(currency: str) -> tuple[int, int, int]:
        rule: AmountRule = rules.currencies[currency]
        return rule.step, rule.least, rule.most

    for (step, least, most), currencies in groupby(sorted(rules.currencies, key=rule_of), rule_of):
        yield f"`{rules.type}`", provider.name, ", ".join(sorted(currencies)), str(step), str(least), str(most)


def _traits(provider: ProviderDescriptor) -> tuple[str, ...]:
    if isinstance(provider.repeat, SameKey):
        repeat = f"is sent again under its key, for {spoken(provider.repeat.life)}"
    else:
        repeat = "is never sent again, only asked about"
    believed = "are signed, and believed" if provider.callbacks == "signed" else "are hints: only a query is believed"
    return provider.name, repeat, believed, spoken(provider.pending)
