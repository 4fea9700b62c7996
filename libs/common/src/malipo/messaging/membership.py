"""What a member of a consumer group has to be reminded of."""

from typing import Any


def watch_partitions(consumer: Any) -> None:
    """Have a member of a group notice partitions that are added to its topics, whatever it was told when it joined.

    aiokafka watches for them where it was told to lead. A static member that is back within its session gets its old
    assignment without being told so, though it leads, and a group of one would never read what is added (KAFKA-13435).
    """
    coordinator = consumer._coordinator  # noqa: SLF001 - it has no other way
    if coordinator._group_subscription is None and consumer.assignment():  # noqa: SLF001
        coordinator._group_subscription = set(consumer.subscription())  # noqa: SLF001
        coordinator._metadata_snapshot = coordinator._get_metadata_snapshot()  # noqa: SLF001
