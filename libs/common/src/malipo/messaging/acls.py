"""Who may do what in Kafka, derived from the table of topics; `python -m malipo.messaging.acls` prints it for `kafka-acls.sh`."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from malipo.contracts.providers import PROVIDERS
from malipo.contracts.topics import BY_NAME, PAYMENT_COMMANDS, PAYMENT_EVENTS, TOPICS, Topic

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


class AclSettings(BaseSettings):
    """Whom the rules are about, beyond what the table of topics says."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    kafka_principals: dict[str, str] = Field(
        default={},
        description="What Kafka calls a service where that is not `User:` and its name, as with mutual TLS: "
        '`{"gateway": "User:CN=gateway,O=Shop"}`.',
    )
    kafka_consumers: dict[str, list[str]] = Field(
        default={},
        description='Consumers of your own that are made of `malipo.messaging`, and what they read: `{"erp-sink": '
        '["payments.events.v1"]}`.',
    )

    @field_validator("kafka_principals")
    @classmethod
    def _have_types(cls, principals: dict[str, str]) -> dict[str, str]:
        if untyped := [name for name in principals.values() if ":" not in name]:
            msg = f"{untyped[0]!r} has no type: write `User:{untyped[0]}`"
            raise ValueError(msg)
        return principals

    @field_validator("kafka_consumers")
    @classmethod
    def _read_topics(cls, consumers: dict[str, list[str]]) -> dict[str, list[str]]:
        if unknown := [name for names in consumers.values() for name in names if name not in BY_NAME]:
            msg = f"no topic {unknown[0]!r}"
            raise ValueError(msg)
        return consumers

    def rules(self) -> list[Rule]:
        """Those of the table and of these consumers."""
        own = [
            _of_consumer(name, [BY_NAME[topic] for topic in topics]) for name, topics in self.kafka_consumers.items()
        ]
        return [*rules(), *(rule for each in own for rule in each)]

    def principal(self, who: str) -> str:
        """What Kafka calls somebody."""
        return self.kafka_principals.get(who, f"User:{who}")


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
    return [*_written(service, produced), *_consumed(service, consumed)]


def _of_consumer(name: str, topics: Sequence[Topic]) -> list[Rule]:
    """It sends what it cannot apply to the dead letters, and asks the orchestrator for events that it has missed."""
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


def commands(settings: AclSettings) -> Mapping[Rule, str]:
    """Each rule as Kafka's own tool takes it."""
    return {rule: _command(rule, settings.principal(rule.who)) for rule in settings.rules()}


def _command(rule: Rule, principal: str) -> str:
    return (
        'kafka-acls.sh --bootstrap-server "$KAFKA_BOOTSTRAP" --command-config admin.properties --add'
        f" --allow-principal {shlex.quote(principal)} --operation {rule.operation.name.capitalize()}"
        f" --{rule.resource.name.lower()} {shlex.quote(rule.name)}"
        f" --resource-pattern-type {rule.pattern.name.lower()}"
    )


if __name__ == "__main__":
    print(*commands(AclSettings()).values(), sep="\n")  # noqa: T201 - a command's answer
