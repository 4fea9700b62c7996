"""The rules about Kafka for the principals of one cluster; `python -m malipo.messaging.acls` prints them for `kafka-acls.sh`."""

import shlex
from collections.abc import Mapping
from typing import Self

from pydantic import Field, field_validator, model_validator

from malipo.contracts.permissions import OPERATOR, Rule, rules, rules_of_consumer, services
from malipo.contracts.topics import BY_NAME
from malipo.platform import cli, settings
from malipo.platform.environment import EnvironmentSettings


class AclSettings(EnvironmentSettings):
    """Whom the rules are about, beyond what the table of topics says."""

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
        if known := [name for name in consumers if name in (*services(), OPERATOR)]:
            msg = f"{known[0]!r} is no consumer of your own: what it may do follows from the topics"
            raise ValueError(msg)
        return consumers

    @model_validator(mode="after")
    def _name_whom_the_rules_are_about(self) -> Self:
        known = (*services(), OPERATOR, *self.kafka_consumers)
        if unknown := [name for name in self.kafka_principals if name not in known]:
            msg = f"KAFKA_PRINCIPALS: no rule is about {unknown[0]!r}; known are {', '.join(known)}"
            raise ValueError(msg)
        return self

    def rules(self) -> list[Rule]:
        """Those of the table and of these consumers."""
        own = [
            rules_of_consumer(name, [BY_NAME[topic] for topic in topics])
            for name, topics in self.kafka_consumers.items()
        ]
        return [*rules(), *(rule for each in own for rule in each)]

    def principal(self, who: str) -> str:
        """What Kafka calls somebody."""
        return self.kafka_principals.get(who, f"User:{who}")


def commands(wanted: AclSettings) -> Mapping[Rule, str]:
    """Each rule as Kafka's own tool takes it."""
    return {rule: _command(rule, wanted.principal(rule.who)) for rule in wanted.rules()}


def _command(rule: Rule, principal: str) -> str:
    return (
        'kafka-acls.sh --bootstrap-server "$KAFKA_BOOTSTRAP" --command-config admin.properties --add'
        f" --allow-principal {shlex.quote(principal)} --operation {rule.operation.name.capitalize()}"
        f" --{rule.resource.name.lower()} {shlex.quote(rule.name)}"
        f" --resource-pattern-type {rule.pattern.name.lower()}"
    )


def main() -> None:
    """Print the ACLs that services need, and consumers of your own (KAFKA_PRINCIPALS, KAFKA_CONSUMERS), as commands for Kafka's
    kafka-acls.sh.

    admin.properties, which they name, is what that is told to be let in: docs/operations/kafka.md has an example.
    """
    print(*commands(settings.load(AclSettings)).values(), sep="\n")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    cli.run_one(main)
