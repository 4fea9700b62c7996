"""Creates the topics of the table, as a step of its own before services start: `python -m malipo.messaging.provision`."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_fixed

from malipo.contracts.topics import TOPICS, Topic

_TRIES = 60
_COMPRESSION = {"compression.type": "producer"}
_OF_THE_TOPIC = 1  # the config source DYNAMIC_TOPIC_CONFIG of KIP-226


def new_topics(replication: int) -> list[NewTopic]:
    """Every topic and its dead-letter topic as Kafka wants them described."""
    return [new for topic in TOPICS for new in (_topic(topic, replication), _dead_letter(topic, replication))]


async def provision(bootstrap: str, replication: int) -> int:
    """Create what is missing, waiting up to a minute for the broker; returns how many were created.

    Raises `KafkaError` or `OSError`.

    A topic whose `compression.type` is not `producer` gets it: a broker that compresses anew hands consumers codecs that
    no producer of ours has chosen. The broker's own default counts for no topic of ours.
    """
    away = retry_if_exception_type((KafkaError, OSError))
    retrying = AsyncRetrying(retry=away, stop=stop_after_attempt(_TRIES), wait=wait_fixed(1), reraise=True)
    return await retrying(_provision, bootstrap, replication)


async def _provision(bootstrap: str, replication: int) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        response: Any = await admin.create_topics(new_topics(replication))
        await _leave_compression_to_producers(admin, [new.name for new in new_topics(replication)])
    finally:
        await admin.close()
    codes = [for_code(error[1]) for error in response.topic_errors]
    for code in codes:
        if code.errno not in (0, TopicAlreadyExistsError.errno):
            raise code
    return sum(code.errno == 0 for code in codes)


async def _leave_compression_to_producers(admin: Any, topics: Sequence[str]) -> None:
    described = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in topics])
    for resource in (resource for response in described for resource in response.resources):
        _, _, _, name, entries = resource
        values = {entry[0]: entry[1] for entry in entries}
        if values.get("compression.type", "producer") == "producer":
            continue
        # Kafka takes all of a topic's own settings at once; what is not named goes back to the broker's default.
        own = {entry[0]: entry[1] for entry in entries if entry[3] == _OF_THE_TOPIC} | _COMPRESSION
        await _alter(admin, name, own)


async def _alter(admin: Any, topic: str, configs: Mapping[str, str]) -> None:
    for response in await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, dict(configs))]):
        for code, *_ in response.resources:
            if code != 0:
                raise for_code(code)(topic)
    print(f"topic {topic}: compression.type was corrected to producer")  # noqa: T201 - a command's answer


def _topic(topic: Topic, replication: int) -> NewTopic:
    if topic.retention is None:
        configs = {"cleanup.policy": "compact"} | _settings(replication)
    else:
        configs = _kept(topic.retention) | _settings(replication)
    return NewTopic(topic.name, topic.partitions, replication, topic_configs=configs)


def _dead_letter(topic: Topic, replication: int) -> NewTopic:
    configs = _kept(topic.dead_letters_kept) | _settings(replication)
    return NewTopic(topic.dead_letter, 1, replication, topic_configs=configs)


def _kept(retention: timedelta) -> dict[str, str]:
    """Kafka deletes whole segments, and only after the last of them has been closed: each is closed after a quarter."""
    return {"retention.ms": _milliseconds(retention), "segment.ms": _milliseconds(retention / 4)}


def _milliseconds(duration: timedelta) -> str:
    return str(duration // timedelta(milliseconds=1))


def _settings(replication: int) -> dict[str, str]:
    """What Kafka has acknowledged has left the outbox: all brokers but one must have it, not the leader alone."""
    return _COMPRESSION | {"min.insync.replicas": str(max(1, replication - 1))}


async def main() -> None:
    """Provision from KAFKA_BOOTSTRAP and KAFKA_REPLICATION (default 1)."""
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP") or sys.exit("setting KAFKA_BOOTSTRAP: required")
    replication = int(os.environ.get("KAFKA_REPLICATION", "1"))
    try:
        created = await provision(bootstrap, replication)
    except (KafkaError, OSError) as error:
        sys.exit(f"topics not provisioned: {error!r}")
    print(f"topics: {created} created, {len(TOPICS) * 2 - created} there already")  # noqa: T201 - a command's answer


if __name__ == "__main__":
    asyncio.run(main())
