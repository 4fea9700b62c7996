"""What shows from outside how a consumer does."""

from prometheus_client import REGISTRY

from malipo.messaging.consumers import Consumers
from testkit.poison import poison
from testkit.waiting import until


async def test_what_comes_behind_a_partition_that_rests_is_lag_too(bench):
    await poison(bench.access, bench.topic.name, 3)
    async with bench.consuming() as consumers:
        await until(lambda: consumers.resting, what="the partition rests")
        await bench.send(3, "one", "two")

        async def waiting() -> bool:
            return (await consumers.lag()).get(bench.topic.name) == 3

        await until(waiting, what="the bad record and the two behind it wait")


async def test_what_is_alerted_on_at_its_first_rise_is_there_from_the_start(bench):
    async with bench.consuming() as consumers:
        assert isinstance(consumers, Consumers)
    of_the_group = {"group": f"{bench.group}.payments", "topic": bench.topic.name}
    for name, labels in (
        ("malipo_messages_total", {"topic": bench.topic.name, "result": "dead_lettered"}),
        ("malipo_polls_failed_total", of_the_group),
        ("malipo_deleted_unread_messages_total", of_the_group),
    ):
        assert REGISTRY.get_sample_value(name, labels) == 0, name
