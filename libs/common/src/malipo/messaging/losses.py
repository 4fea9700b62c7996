"""Notices what Kafka has deleted before a group had read it: the nets bring it back, and somebody should know."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from malipo.platform import metrics
from malipo.platform.logs import log

_LOOK_SECONDS = 5.0


class _Gap(NamedTuple):
    """Offsets of a partition from which no record came, up to the one that came first behind them."""

    partition: TopicPartition
    first: int
    behind: int


class Losses:
    """What one group has lost: where it had come to, against the offset with which Kafka says that a partition begins.

    aiokafka goes on at the beginning, in silence, when the records where it stands are gone. Then the first record that
    comes is not the next one; and when nothing comes, the partition begins behind where the group stands. A gap alone
    proves nothing: compaction makes some. What nobody had read of a group that begins anew is no loss of this group's.
    """

    def __init__(self, group: str) -> None:
        self._group = group
        self._begins: dict[TopicPartition, int] = {}
        self._gaps: list[_Gap] = []

    async def watch(self, consumer: Any) -> None:
        """Ask every few seconds where the partitions begin, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.look(consumer)

    async def look(self, consumer: Any) -> None:
        """Ask where the partitions begin that are held, or of which a gap is known. A failure changes nothing: the next look comes."""
        asked = consumer.assignment() | {gap.partition for gap in self._gaps}
        try:
            self._begins = await consumer.beginning_offsets(list(asked)) if asked else {}
        except (KafkaError, OSError) as error:
            log.debug("beginnings unknown", group=self._group, error=repr(error))

    def arrived(self, partition: TopicPartition, *, expected: int, offset: int) -> None:
        """The first record of a batch: whether it is the next one of its partition."""
        if offset > expected:
            self._gaps.append(_Gap(partition, expected, offset))

    def report(self, standing: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Report what was deleted unread, as of the last look; returns where the partitions begin that stand before that.

        `standing` is the next offset of each partition, while no batch is under way. A group
        that goes on where this returns has nothing reported twice.
        """
        begins, self._begins = self._begins, {}
        for gap in self._gaps:
            if gap.partition in begins:
                self._report_gap(gap.partition, gap.first, min(gap.behind, begins[gap.partition]))
        self._gaps = [gap for gap in self._gaps if gap.partition not in begins]
        behind = {partition: begin for partition, begin in begins.items() if begin > standing.get(partition, begin)}
        for partition, begin in behind.items():
            self._report_gap(partition, standing[partition], begin)
        return behind

    def _report_gap(self, partition: TopicPartition, first: int, begin: int) -> None:
        if begin <= first:
            return
        metrics.DELETED_UNREAD.labels(self._group, partition.topic).inc(begin - first)
        log.warning(
            "messages deleted unread",
            group=self._group,
            topic=partition.topic,
            partition=partition.partition,
            offset=first,
            messages=begin - first,
        )
