"""A group whose service's database was restored reads again what it does not know any more, and nothing else."""

from datetime import timedelta

import pytest
from aiokafka.errors import KafkaError

from malipo import clock
from malipo.contracts.topics import BY_NAME
from malipo.messaging import rewind
from malipo.messaging.kafka_command import NotDone
from testkit.waiting import until

ONE_AGAIN = 2


async def read_all(bench, *cancel_ids: str) -> None:
    async with bench.consuming():
        await until(lambda: all(bench.applied[one] for one in cancel_ids), what="they are read")


async def test_what_came_since_a_moment_is_applied_again_if_the_database_has_forgotten_it(bench):
    await bench.send(0, "before")
    await read_all(bench, "before")
    moment = clock.now()
    await bench.send(0, "forgotten", "kept")
    await read_all(bench, "forgotten", "kept")
    await bench.database.write(
        "DELETE FROM inbox WHERE ctid = (SELECT min(ctid) FROM inbox WHERE received_at >= $1)", moment
    )
    done = await rewind.rewind(bench.access, f"{bench.group}.payments", bench.topic, moment)
    assert done == (1, 2)
    async with bench.consuming():
        await bench.send(1, "last")
        await until(lambda: bench.applied["forgotten"] == ONE_AGAIN, what="what was forgotten is applied again")
        await until(lambda: bench.applied["last"], what="the last one")
    assert bench.applied["before"] == bench.applied["kept"] == 1


async def test_nothing_is_passed_over(bench):
    await bench.send(0, "one", "two")
    await read_all(bench, "one", "two")
    await bench.send(0, "unread")
    later = clock.now() + timedelta(minutes=1)
    assert await rewind.rewind(bench.access, f"{bench.group}.payments", bench.topic, later) == (0, 0)
    await read_all(bench, "unread")


async def test_a_group_that_somebody_is_in_stays_where_it_is(bench):
    await bench.send(0, "one")
    group = f"{bench.group}.payments"
    async with bench.consuming():
        await until(lambda: bench.applied["one"], what="it is read")
        await until(lambda: _has_committed(bench), what="its offset is committed")
        with pytest.raises(NotDone, match=f"{group} has members: stop every replica"):
            await rewind._rewind(bench.access, group, bench.topic, clock.now() - timedelta(minutes=1))


async def test_a_kafka_that_does_not_answer_is_told_as_such(bench):
    with pytest.raises(NotDone, match="no broker answers"):
        await rewind._rewind(
            type(bench.access)("127.0.0.1:9"), "gateway.payments", BY_NAME["payments.events.v1"], clock.now()
        )


async def _has_committed(bench) -> bool:
    try:
        return any((await bench.committed()).values())
    except KafkaError:
        return False
