"""Creates the topics of the table, as a step of its own before services start: `python -m malipo.messaging.provision`."""

import asyncio
import os
import sys
from datetime import timedelta
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from malipo.contracts.topics import TOPICS, Topic

DEAD_LETTER_RETENTION = timedelta(days=90)
_TRIES = 60


def new_topics(replication: int) -> list[NewTopic]:
    """Every topic and its dead-letter topic as Kafka wants them described."""
    return [new for topic in TOPICS for new in (_topic(topic, replication), _dead_letter(topic, replication))]


async def provision(bootstrap: str, replication: int) -> int:
    """Create what is missing; answers how many were created. Raises `KafkaError`."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        response: Any = await admin.create_topics(new_topics(replication))
    finally:
        await admin.close()
    codes = [for_code(error[1]) for error in response.topic_errors]
    for code in codes:
        if code.errno not in (0, TopicAlreadyExistsError.errno):
            raise code
    return sum(code.errno == 0 for code in codes)


def _topic(topic: Topic, replication: int) -> NewTopic:
    if topic.retention is None:
        configs = {"cleanup.policy": "compact"} | _kept_by(replication)
    else:
        configs = {"retention.ms": _milliseconds(topic.retention)} | _kept_by(replication)
    return NewTopic(topic.name, topic.partitions, replication, topic_configs=configs)


def _dead_letter(topic: Topic, replication: int) -> NewTopic:
    configs = {"retention.ms": _milliseconds(DEAD_LETTER_RETENTION)} | _kept_by(replication)
    return NewTopic(topic.dead_letter, 1, replication, topic_configs=configs)


def _milliseconds(duration: timedelta) -> str:
    return str(duration // timedelta(milliseconds=1))


def _kept_by(replication: int) -> dict[str, str]:
    """What Kafka has acknowledged has left the outbox: all brokers but one must have it, not the leader alone."""
    return {"min.insync.replicas": str(max(1, replication - 1))}


async def main() -> None:
    """Provision from KAFKA_BOOTSTRAP and KAFKA_REPLICATION (default 1), waiting up to a minute for the broker."""
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP") or sys.exit("setting KAFKA_BOOTSTRAP: required")
    for tries_left in reversed(range(_TRIES)):
        try:
            created = await provision(bootstrap, int(os.environ.get("KAFKA_REPLICATION", "1")))
        except (KafkaError, OSError) as error:
            if not tries_left:
                sys.exit(f"topics not provisioned: {error!r}")
            await asyncio.sleep(1)
        else:
            print(f"topics: {created} created, {len(TOPICS) * 2 - created} there already")  # noqa: T201 - a command's answer
            return


if __name__ == "__main__":
    asyncio.run(main())
