"""What a member of a consumer group does beyond what aiokafka has it do: it sees partitions that are added, and leaves."""

import asyncio
from contextlib import suppress
from typing import Any

from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import LeaveGroupRequest

_LEAVE_SECONDS = 2.0


def watch_partitions(consumer: Any) -> None:
    """Have a member of a group notice partitions that are added to its topics, whatever it was told when it joined.

    aiokafka watches for them where it was told to lead. A static member that is back within its session gets its old
    assignment without being told so, though it leads, and a group of one would never read what is added (KAFKA-13435).
    """
    coordinator = consumer._coordinator  # noqa: SLF001 - it has no other way
    if coordinator._group_subscription is None and consumer.assignment():  # noqa: SLF001
        coordinator._group_subscription = set(consumer.subscription())  # noqa: SLF001
        coordinator._metadata_snapshot = coordinator._get_metadata_snapshot()  # noqa: SLF001


async def _leave(self: Any) -> None:
    """Leave the group as its consumer stops, so that others have its partitions at once. Kafka may be away, and is not waited for.

    aiokafka never sends this for a static member (KIP-345), which would be back under its name: but what takes its place in
    a deploy has a name of its own, and would wait for the end of the session. Kafka lets a static member go by its member
    id as any other. One that is killed has not left, and gets its partitions back under its name.
    """
    if self.generation > 0:
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._send_req(LeaveGroupRequest(self.group_id, self.member_id))
    self.reset_generation()


_coordinator: Any = GroupCoordinator
_coordinator._maybe_leave_group = _leave  # noqa: SLF001
