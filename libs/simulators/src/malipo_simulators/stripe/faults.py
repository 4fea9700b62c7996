"""Scripted faults: decides which request or webhook goes wrong, by rules and a seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from malipo_simulators.stripe.fault_rules import (
    DEFAULT_DELAY_SECONDS,
    MAX_DELAY_SECONDS,
    WEBHOOK_FAULTS,
    Fault,
    Match,
    NewRule,
    RuleView,
)
from malipo_simulators.stripe.ids import MILLION, Ids


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule is compared with: a request, or an event with the request that caused it."""

    method: str
    path: str
    account: str
    metadata: Mapping[str, str]
    amount: int | None
    event_type: str | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """A fault that struck."""

    fault: Fault
    delay_seconds: float = DEFAULT_DELAY_SECONDS


@dataclass(slots=True)
class Rule:
    id: str
    spec: NewRule
    matched: int = 0
    applied: int = 0

    @property
    def for_webhooks(self) -> bool:
        return self.spec.fault in WEBHOOK_FAULTS

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

    def __init__(self, ids: Ids, max_rules: int) -> None:
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

    @property
    def watches_requests(self) -> bool:
        return bool(self._requests)

    @property
    def watches_webhooks(self) -> bool:
        return bool(self._webhooks)

    def for_request(self, subject: Subject) -> Applied | None:
        return self._first(self._requests, subject)

    def for_webhook(self, subject: Subject) -> Applied | None:
        return self._first(self._webhooks, subject)

    def _first(self, rules: list[Rule], subject: Subject) -> Applied | None:
        for rule in rules:
            if rule.strikes(subject, self._ids):
                if rule.spent:
                    rules.remove(rule)
                delay = rule.spec.delay_seconds
                return Applied(rule.spec.fault, DEFAULT_DELAY_SECONDS if delay is None else delay)
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


def read_header(value: str | None) -> Applied | None:
    """`X-Sim-Fault: slow` or `slow:2.5` (seconds). Raise ValueError for what is no fault or no sane delay."""
    if value is None:
        return None
    name, _, seconds = value.partition(":")
    delay_seconds = float(seconds) if seconds else DEFAULT_DELAY_SECONDS
    if not 0 <= delay_seconds <= MAX_DELAY_SECONDS:
        raise ValueError(f"{seconds} is not 0 to {MAX_DELAY_SECONDS} seconds")
    return Applied(Fault(name.strip()), delay_seconds)
