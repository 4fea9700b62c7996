"""The rules about Kafka for the principals of one cluster; `python -m malipo.messaging.acls` prints them for `kafka-acls.sh`."""

import shlex
from collections.abc import Mapping

from pydantic import Field, field_validator

from malipo.contracts.permissions import Rule, rules, rules_of_consumer
from malipo.contracts.topics import BY_NAME
from malipo.platform import settings
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
        return consumers

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


if __name__ == "__main__":
    print(*commands(settings.load(AclSettings)).values(), sep="\n")  # noqa: T201 - a command's answer
