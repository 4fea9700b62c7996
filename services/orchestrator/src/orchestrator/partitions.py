"""Which partition Kafka puts a key into: for messages about several keys that have to stay in order with each of them."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from aiokafka.partitioner import murmur2  # pyright: ignore[reportUnknownVariableType]

from malipo.contracts.topics import Topic


def partition_of(topic: Topic, key: str) -> int:
    """The number of the partition of `topic` that a record with this key falls into.

    As Kafka's own clients choose it: murmur2 of the key's bytes, without its sign, modulo the number of partitions.
    """
    return (murmur2(key.encode()) & 0x7FFFFFFF) % topic.partitions


def by_partition[T](topic: Topic, items: Iterable[T], key: Callable[[T], str]) -> list[list[T]]:
    """The items in groups of one partition each, in their order."""
    groups = defaultdict[int, list[T]](list)
    for item in items:
        groups[partition_of(topic, key(item))].append(item)
    return list(groups.values())
