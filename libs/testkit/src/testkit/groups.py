"""Who is in which consumer group, as Kafka tells."""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from malipo.messaging.security import KafkaAccess

_MEMBERS = 5
"""Of a described group: error, name, state, protocol type, protocol, members."""


async def members(kafka: KafkaAccess, service: str) -> set[str]:
    """The names, as `service.instance`, of those that Kafka takes for members of a service's groups."""
    admin: Any = AIOKafkaAdminClient(**kafka.options)
    await admin.start()
    try:
        groups: list[str] = [name for name, *_ in await admin.list_consumer_groups() if name.startswith(f"{service}.")]
        answers: list[Any] = []
        for group in groups:  # it cannot read an answer about several
            answers += await admin.describe_consumer_groups([group])
        return {client_id for answer in answers for _, client_id, *_ in answer.groups[0][_MEMBERS]}
    finally:
        await admin.close()
