"""Creates the topics of the table, and says who may use them, as a step of its own before services start:
`python -m malipo.messaging.provision`.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)
from pydantic import Field
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_fixed

from malipo.contracts.topics import TOPICS, Topic
from malipo.messaging import authorizer
from malipo.messaging.acls import AclSettings
from malipo.messaging.authorizer import Applied, NoAuthorizer
from malipo.messaging.security import KafkaAccess
from malipo.messaging.trouble import trouble
from malipo.platform import settings
from malipo.platform.kafka_settings import KafkaSettings

_TRIES = 60
_COMPRESSION = {"compression.type": "producer"}
_OF_THE_TOPIC = 1  # the config source DYNAMIC_TOPIC_CONFIG of KIP-226
_REMOVE = "--remove-acls"
_REFUSED = (ClusterAuthorizationFailedError, TopicAuthorizationFailedError)


class Settings(KafkaSettings, AclSettings):
    """What the step is told."""

    kafka_replication: int = Field(default=1, ge=1, le=15, description="Copies of each topic.")
    kafka_acls: bool = Field(
        default=False, description="Also add the ACLs that services need, where the cluster has an authorizer."
    )


def new_topics(replication: int) -> list[NewTopic]:
    """Every topic and its dead-letter topic as Kafka wants them described."""
    return [new for topic in TOPICS for new in (_topic(topic, replication), _dead_letter(topic, replication))]


async def provision(kafka: KafkaAccess, replication: int) -> int:
    """Create what is missing, waiting up to a minute for the broker; returns how many were created.

    Raises `KafkaError` or `OSError`.

    A topic whose `compression.type` is not `producer` gets it: a broker that compresses anew hands consumers codecs that
    no producer of ours has chosen. The broker's own default counts for no topic of ours.
    """
    return await _done(kafka, partial(_provision, replication=replication))


async def allow(kafka: KafkaAccess, wanted: AclSettings, *, remove: bool = False) -> Applied:
    """Bring the cluster's ACLs to what the rules say, as `authorizer.apply` does; waits for the broker, too."""
    return await _done(kafka, partial(authorizer.apply, settings=wanted, remove=remove))


async def _done[T](kafka: KafkaAccess, work: Callable[[Any], Awaitable[T]]) -> T:
    """What `work` answers with an administrator's client, which it gets again for as long as the cluster is not there."""

    async def tell(state: RetryCallState) -> None:
        if state.attempt_number == 1:
            print(f"waiting for Kafka: {await trouble(kafka)}", file=sys.stderr)  # noqa: T201

    away = retry_if_exception(lambda error: isinstance(error, KafkaError | OSError) and not isinstance(error, _REFUSED))
    stop = stop_after_attempt(_TRIES)
    return await AsyncRetrying(retry=away, stop=stop, wait=wait_fixed(1), before_sleep=tell, reraise=True)(
        _with_admin, kafka, work
    )


async def _with_admin[T](kafka: KafkaAccess, work: Callable[[Any], Awaitable[T]]) -> T:
    admin = AIOKafkaAdminClient(**kafka.options)
    await admin.start()
    try:
        return await work(admin)
    finally:
        await admin.close()


async def _provision(admin: Any, replication: int) -> int:
    response: Any = await admin.create_topics(new_topics(replication))
    await _leave_compression_to_producers(admin, [new.name for new in new_topics(replication)])
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
    """Provision as the environment says; with `--remove-acls` also take away what a former release has allowed."""
    given = settings.load(Settings)
    kafka, remove = KafkaAccess.of(given), _is_to_remove(sys.argv[1:], acls=given.kafka_acls)
    try:
        created = await provision(kafka, given.kafka_replication)
        print(f"topics: {created} created, {len(TOPICS) * 2 - created} there already")  # noqa: T201 - a command's answer
        if given.kafka_acls:
            _tell(await allow(kafka, given, remove=remove))
    except NoAuthorizer:
        sys.exit("ACLs not provisioned: the cluster has no authorizer, so everybody may do everything")
    except (KafkaError, OSError) as error:
        sys.exit(f"not provisioned: {error!r}")


def _is_to_remove(arguments: Sequence[str], *, acls: bool) -> bool:
    """Whether that is asked for. Ends the process, with what to do, for what would have no effect."""
    if set(arguments) - {_REMOVE}:
        sys.exit(f"usage: python -m malipo.messaging.provision [{_REMOVE}]")
    if arguments and not acls:
        sys.exit(f"{_REMOVE} takes nothing away without KAFKA_ACLS=true")
    return bool(arguments)


def _tell(applied: Applied) -> None:
    print(f"ACLs: {applied.created} added, {len(applied.removed)} removed")  # noqa: T201 - a command's answer
    for entry in applied.beyond:
        print(f"beyond them: {entry}")  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
