"""Scripted faults: decides which request or webhook goes wrong, by header, rules and a seed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from malipo_simulators.kit.faults.rules import (
    DEFAULT_DELAY_SECONDS,
    MAX_DELAY_SECONDS,
    Match,
    NewRule,
    RuleView,
    is_of_webhooks,
    names_of_faults,
)
from malipo_simulators.kit.ids import MILLION, Ids

FAULT_HEADER = "x-sim-fault"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule is compared with: a request, or an event with the request that caused it.

    `metadata` is whatever a test may know a payment by before it has an id: pairs that the client attached to it, its
    reference, a phone number. `amount` is in the provider's own unit.
    """

    method: str
    path: str
    account: str
    metadata: Mapping[str, str]
    amount: int | None
    event_type: str | None = None


@dataclass(frozen=True, slots=True)
class AppliedFault:
    """A fault that struck: the name of a `Fault`, or of one of the simulator's own."""

    fault: str
    delay_seconds: float = DEFAULT_DELAY_SECONDS


@dataclass(slots=True)
class Rule:
    id: str
    spec: NewRule
    matched: int = 0
    applied: int = 0

    @property
    def for_webhooks(self) -> bool:
        return is_of_webhooks(self.spec.fault)

    @property
    def spent(self) -> bool:
        return self.spec.times is not None and self.applied >= self.spec.times

    def strikes(self, subject: Subject, ids: Ids) -> bool:
        if not matches(self.spec.match, subject):
            return False
        self.matched += 1
        if self.matched <= self.spec.after:
            return False
        if ids.chance(self.id, self.matched) >= int(self.spec.probability * MILLION):
            return False
        self.applied += 1
        return True

    def view(self) -> RuleView:
        fields = self.spec.model_dump()
        return RuleView(**fields, id=self.id, matched=self.matched, applied=self.applied)


class Faults:
    """The rules in order of arrival: the first that strikes decides. Spent rules stay listed but cost nothing."""

    def __init__(self, ids: Ids, max_rules: int, own: Iterable[StrEnum] = ()) -> None:
        self.names = names_of_faults(own)
        self._ids = ids
        self._max_rules = max_rules
        self._rules: dict[str, Rule] = {}
        self._requests: list[Rule] = []
        self._webhooks: list[Rule] = []
        self._count = 0

    def add(self, spec: NewRule) -> RuleView:
        """Raise OverflowError at the limit: a forgotten loop should not slow every request down."""
        if len(self._rules) >= self._max_rules:
            raise OverflowError(self._max_rules)
        self._count += 1
        rule = Rule(f"fault_{self._count}", spec)
        self._rules[rule.id] = rule
        (self._webhooks if rule.for_webhooks else self._requests).append(rule)
        return rule.view()

    def views(self) -> list[RuleView]:
        return [rule.view() for rule in self._rules.values()]

    def remove(self, rule_id: str) -> bool:
        rule = self._rules.pop(rule_id, None)
        if rule is None:
            return False
        self._requests = [one for one in self._requests if one is not rule]
        self._webhooks = [one for one in self._webhooks if one is not rule]
        return True

    def clear(self) -> None:
        self._rules.clear()
        self._requests, self._webhooks = [], []

    def for_request(self, header: str | None, subject: Callable[[], Subject]) -> AppliedFault | None:
        """The fault that the header names, else that of the first rule that strikes.

        Raise ValueError for a header (`X-Sim-Fault: slow`, or `slow:2.5` with seconds) that names no fault or no
        sane delay.
        """
        if header is not None:
            return self._read_header(header)
        return self._first(self._requests, subject)

    def for_webhook(self, caused_by: AppliedFault | None, subject: Callable[[], Subject]) -> AppliedFault | None:
        """The fault of the causing request when it is one of webhooks, else that of the first rule that strikes."""
        if caused_by is not None and is_of_webhooks(caused_by.fault):
            return caused_by
        return self._first(self._webhooks, subject)

    def _read_header(self, value: str) -> AppliedFault:
        name, _, seconds = value.partition(":")
        delay_seconds = float(seconds) if seconds else DEFAULT_DELAY_SECONDS
        if not 0 <= delay_seconds <= MAX_DELAY_SECONDS:
            raise ValueError(f"{seconds} is not 0 to {MAX_DELAY_SECONDS} seconds")
        return AppliedFault(self.names(name.strip()).value, delay_seconds)

    def _first(self, rules: list[Rule], subject: Callable[[], Subject]) -> AppliedFault | None:
        if not rules:
            return None
        compared = subject()
        for rule in rules:
            if rule.strikes(compared, self._ids):
                if rule.spent:
                    rules.remove(rule)
                delay = rule.spec.delay_seconds
                return AppliedFault(rule.spec.fault, DEFAULT_DELAY_SECONDS if delay is None else delay)
        return None


def matches(match: Match, subject: Subject) -> bool:
    return (
        (match.method is None or match.method.upper() == subject.method)
        and (match.path is None or fnmatchcase(subject.path, match.path))
        and (match.account is None or match.account == subject.account)
        and (match.amount is None or match.amount == subject.amount)
        and (match.event_type is None or fnmatchcase(subject.event_type or "", match.event_type))
        and all(subject.metadata.get(key) == value for key, value in match.metadata.items())
    )
