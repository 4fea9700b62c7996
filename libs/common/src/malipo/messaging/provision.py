"""Creates the topics of the table, and says who may use them, as a step of its own before services start:
`python -m malipo.messaging.provision`.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import typer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from pydantic import Field

from malipo import clock
from malipo.contracts.topics import TOPICS, Topic
from malipo.messaging import authorizer
from malipo.messaging.acls import AclSettings
from malipo.messaging.authorizer import Applied, NoAuthorizer
from malipo.messaging.kafka import started
from malipo.messaging.kafka_command import REFUSALS, NotDone, cause, without_right
from malipo.messaging.security import KafkaAccess
from malipo.messaging.trouble import Kind
from malipo.platform import cli, settings
from malipo.platform.kafka_settings import KafkaSettings

_PATIENCE_SECONDS = 60.0
_AGAIN_SECONDS = 1.0
_COMPRESSION = {"compression.type": "producer"}
_IN_SYNC = "min.insync.replicas"
_OF_THE_TOPIC = 1  # the config source DYNAMIC_TOPIC_CONFIG of KIP-226
_TO_MAKE = "create topics, and describe and alter their settings"
_TO_ALLOW = "describe and alter the cluster, which keeps the ACLs"


class Settings(KafkaSettings, AclSettings):
    """What the step is told."""

    kafka_replication: int = Field(
        ge=1,
        le=15,
        description="Copies of each new topic: 3, so that one broker may be lost; 1 where what it holds may be.",
    )
    kafka_acls: bool = Field(
        default=False, description="Also add the ACLs that services need, where the cluster has an authorizer."
    )


def new_topics(replication: int) -> list[NewTopic]:
    """Every topic and its dead-letter topic as Kafka wants them described."""
    return [new for topic in TOPICS for new in (_topic(topic, replication), _dead_letter(topic, replication))]


async def provision(kafka: KafkaAccess, replication: int) -> int:
    """Create what is missing, waiting up to a minute for the broker; returns how many were created. Raises `NotDone`.

    A topic whose `compression.type` is not `producer` gets it: a broker that compresses anew hands consumers codecs that
    no producer of ours has chosen. The broker's own default counts for no topic of ours. One that has fewer copies is told.
    """
    return await _done(kafka, partial(_provision, replication=replication), _TO_MAKE)


async def allow(kafka: KafkaAccess, wanted: AclSettings, *, remove: bool = False) -> Applied:
    """Bring the cluster's ACLs to what the rules say, as `authorizer.apply` does; waits for the broker, too. Raises `NotDone`."""
    return await _done(kafka, partial(authorizer.apply, settings=wanted, remove=remove), _TO_ALLOW)


async def _done[T](kafka: KafkaAccess, work: Callable[[Any], Awaitable[T]], right: str) -> T:
    """What `work` answers with an administrator's client, which it gets again for as long as the cluster is not there."""
    give_up_at = clock.monotonic() + _PATIENCE_SECONDS
    told = False
    while True:
        try:
            return await _with_admin(kafka, work)
        except REFUSALS as error:
            raise without_right(kafka, right, "an administrator") from error
        except (KafkaError, OSError) as error:
            found = await cause(kafka, error)
            if found.kind is Kind.REFUSES or clock.monotonic() >= give_up_at:
                raise NotDone(found.words) from error
        if not told:
            print(f"waiting for Kafka: {found.words}", file=sys.stderr)  # noqa: T201
        told = True
        await asyncio.sleep(_AGAIN_SECONDS)


async def _with_admin[T](kafka: KafkaAccess, work: Callable[[Any], Awaitable[T]]) -> T:
    admin = AIOKafkaAdminClient(**kafka.options)
    try:
        await started(admin.start)
        return await work(admin)
    finally:
        await admin.close()


async def _provision(admin: Any, replication: int) -> int:
    response: Any = await admin.create_topics(new_topics(replication))
    answers = {name: (for_code(code), message) for name, code, message in response.topic_errors}
    there = [name for name, (error, _) in answers.items() if error is TopicAlreadyExistsError]
    for name, (error, message) in answers.items():
        if name not in there and error.errno != 0:
            msg = f"topic {name}: {message}"
            raise error(msg)
    entries = await _described(admin, list(answers))
    await _leave_compression_to_producers(admin, entries)
    await _tell_of_few_copies(admin, {name: _values(entries[name]) for name in sorted(there)}, replication)
    return len(answers) - len(there)


async def _described(admin: Any, topics: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    """The settings of each topic, as Kafka's entries."""
    found: dict[str, Sequence[Any]] = {}
    for response in await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]):
        for code, _, _, name, entries in response.resources:
            if for_code(code) in REFUSALS:
                raise for_code(code)(name)
            found[name] = entries
    return found


def _values(entries: Sequence[Any]) -> Mapping[str, str]:
    return {entry[0]: entry[1] for entry in entries}


async def _leave_compression_to_producers(admin: Any, described: Mapping[str, Sequence[Any]]) -> None:
    for name, entries in described.items():
        if _values(entries).get("compression.type", "producer") == "producer":
            continue
        # Kafka takes all of a topic's own settings at once; what is not named goes back to the broker's default.
        own = _values([entry for entry in entries if entry[3] == _OF_THE_TOPIC])
        await _alter(admin, name, {**own, **_COMPRESSION})


async def _tell_of_few_copies(admin: Any, there: Mapping[str, Mapping[str, str]], wanted: int) -> None:
    """What is there keeps its number of copies: to move data is a person's decision."""
    topics: list[Any] = await admin.describe_topics(list(there)) if there else []
    for topic in sorted(topics, key=lambda topic: topic["topic"]):
        name = topic["topic"]
        if topic["error_code"] != 0:
            raise for_code(topic["error_code"])(name)
        copies = min(len(partition["replicas"]) for partition in topic["partitions"])
        if few := too_few(copies, int(there[name][_IN_SYNC]), wanted):
            print(f"topic {name} {few} (docs/operations/kafka.md#copies)")  # noqa: T201 - a command's answer


def too_few(copies: int, in_sync: int, wanted: int) -> str | None:
    """What is less than it should be with so many copies `wanted`, and how it becomes more, else None."""
    if copies < wanted:
        return (
            f"has {copies} {'copy' if copies == 1 else 'copies'}, not {wanted}: kafka-reassign-partitions.sh makes more"
        )
    if in_sync < int(needed := _settings(wanted)[_IN_SYNC]):
        return f"is written to {in_sync} of its copies before it is acknowledged: set {_IN_SYNC}={needed} by kafka-configs.sh"
    return None


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
    return _COMPRESSION | {_IN_SYNC: str(max(1, replication - 1))}


def main(
    *,
    remove_acls: Annotated[
        bool, typer.Option("--remove-acls", help="Also take away what is allowed beyond that.")
    ] = False,
) -> None:
    """Create the topics that are missing, and with KAFKA_ACLS=true allow services what they have to do with them.

    Where Kafka is, and who we are there, it is told by the settings of every service, and KAFKA_REPLICATION
    (docs/settings.md#the-topics-step). What is there is kept; it may run as often as wanted.

    --remove-acls takes from services, and from consumers that KAFKA_CONSUMERS names, all that Malipo's rules do not give them,
    as after an upgrade. What others may do with our topics is printed, and left to a person.
    """
    given = settings.load(Settings)
    if remove_acls and not given.kafka_acls:
        sys.exit("--remove-acls takes nothing away without KAFKA_ACLS=true")
    try:
        asyncio.run(_main(given, remove=remove_acls))
    except NoAuthorizer:
        sys.exit("ACLs not provisioned: the cluster has no authorizer, so everybody may do everything")
    except NotDone as error:
        sys.exit(f"not provisioned: {error}")


async def _main(given: Settings, *, remove: bool) -> None:
    kafka = KafkaAccess.of(given)
    created = await provision(kafka, given.kafka_replication)
    print(f"topics: {created} created, {len(TOPICS) * 2 - created} there already")  # noqa: T201 - a command's answer
    if given.kafka_acls:
        _tell(await allow(kafka, given, remove=remove))


def _tell(applied: Applied) -> None:
    print(f"ACLs: {applied.created} added, {len(applied.removed)} removed")  # noqa: T201 - a command's answer
    for entry in applied.beyond:
        print(f"beyond them: {entry}")  # noqa: T201


if __name__ == "__main__":
    cli.run_one(main)
