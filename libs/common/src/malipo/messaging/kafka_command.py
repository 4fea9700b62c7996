"""What a command that works at Kafka prints where Kafka does not let it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from malipo.messaging.records import summary
from malipo.messaging.security import KafkaAccess
from malipo.messaging.trouble import Kind, Trouble, trouble

REFUSALS = (ClusterAuthorizationFailedError, TopicAuthorizationFailedError, GroupAuthorizationFailedError)
"""What Kafka answers to whoever it knows, and who may not do what was asked."""


class NotDone(Exception):
    """Kafka did not do what a command has asked for; says why, and what to do, in words for people."""


@asynccontextmanager
async def explained(kafka: KafkaAccess, right: str, whose: str, seconds: float | None = None) -> AsyncGenerator[None]:
    """Have people told what goes wrong at Kafka in the block, or that it takes longer: raises `NotDone` for all of it.

    `right` is what Kafka has to allow for it, and `whose` credentials it takes.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except REFUSALS as error:
        raise without_right(kafka, right, whose) from error
    except (KafkaError, OSError) as error:
        late = f"Kafka did not answer within {seconds} s" if limit.expired() else ""
        raise NotDone(late or (await cause(kafka, error)).words) from error


def without_right(kafka: KafkaAccess, right: str, whose: str) -> NotDone:
    """That who we are may not do something, and whose credentials it takes."""
    return NotDone(f"{kafka.who} may not {right}: it takes the credentials of {whose} (docs/operations/kafka.md)")


async def cause(kafka: KafkaAccess, error: KafkaError | OSError) -> Trouble:
    """What is wrong when a client ends with `error`: aiokafka's own say mostly that they could not begin."""
    found = await trouble(kafka)
    if found.kind is Kind.SILENT and not isinstance(error, KafkaConnectionError | OSError):
        return Trouble(" ".join(map(str, error.args)) or summary(error))  # brokers let us in: it is something else
    return found
