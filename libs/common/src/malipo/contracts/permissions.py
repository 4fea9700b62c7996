"""Who may do what in Kafka, derived from the table of topics: whoever may write an outcome decides whether money has moved."""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

from malipo.contracts.providers import PROVIDERS
from malipo.contracts.topics import PAYMENT_COMMANDS, PAYMENT_EVENTS, TOPICS, Topic

OPERATOR = "operator"
"""Who redrives dead letters: a person with credentials of their own, and no service."""
REDRIVE_GROUP = "redrive"
_EVERY_PROVIDER = "provider-*"


class Resource(IntEnum):
    """What a rule is about, by Kafka's numbers."""

    TOPIC = 2
    GROUP = 3


class Pattern(IntEnum):
    """How a rule names it, by Kafka's numbers."""

    LITERAL = 3
    PREFIXED = 4


class Operation(IntEnum):
    """What it allows, by Kafka's numbers. Either one allows to describe the resource, too."""

    READ = 3
    WRITE = 4


class Rule(NamedTuple):
    """One thing that somebody may do: a service, a consumer of one's own, or the operator."""

    who: str
    operation: Operation
    resource: Resource
    name: str
    pattern: Pattern = Pattern.LITERAL


def services() -> list[str]:
    """Everybody who produces or consumes, each provider's service by its own name."""
    named = [name for topic in TOPICS for name in (*topic.producers, *topic.consumers)]
    return list(dict.fromkeys(one for name in named for one in _each(name)))


def rules() -> list[Rule]:
    """All that Malipo needs, and nothing else: by service, then what an operator needs to redrive dead letters."""
    return [rule for service in services() for rule in _of_service(service)] + _of_operator()


def _of_service(service: str) -> list[Rule]:
    produced = [topic for topic in TOPICS if service in _all(topic.producers)]
    consumed = [topic for topic in TOPICS if service in _all(topic.consumers)]
    return [*_written(service, produced), *_consumed(service, consumed), *_recalled(service)]


def _recalled(service: str) -> list[Rule]:
    """Who may read what it has written itself, after its database was restored: requests by their keys."""
    return [Rule(service, Operation.READ, Resource.TOPIC, PAYMENT_COMMANDS.name)] if service == "gateway" else []


def rules_of_consumer(name: str, topics: Sequence[Topic]) -> list[Rule]:
    """What a consumer of one's own needs that is made of `malipo.messaging`.

    It sends what it cannot apply to the dead letters, and asks the orchestrator for events that it has missed.
    """
    asks = [PAYMENT_COMMANDS] if PAYMENT_EVENTS in topics else []
    return [*_written(name, asks), *_consumed(name, topics)]


def _of_operator() -> list[Rule]:
    return [
        *_written(OPERATOR, TOPICS),
        *(Rule(OPERATOR, Operation.READ, Resource.TOPIC, topic.dead_letter) for topic in TOPICS),
        Rule(OPERATOR, Operation.READ, Resource.GROUP, REDRIVE_GROUP),
    ]


def _written(who: str, topics: Iterable[Topic]) -> list[Rule]:
    return [Rule(who, Operation.WRITE, Resource.TOPIC, topic.name) for topic in topics]


def _consumed(who: str, topics: Sequence[Topic]) -> list[Rule]:
    return [
        *(Rule(who, Operation.READ, Resource.TOPIC, topic.name) for topic in topics),
        *(Rule(who, Operation.WRITE, Resource.TOPIC, topic.dead_letter) for topic in topics),
        Rule(who, Operation.READ, Resource.GROUP, f"{who}.", Pattern.PREFIXED),
    ]


def _all(names: Iterable[str]) -> set[str]:
    return {one for name in names for one in _each(name)}


def _each(name: str) -> list[str]:
    """A service by its name, or every provider's."""
    return [f"provider-{provider}" for provider in PROVIDERS] if name == _EVERY_PROVIDER else [name]
