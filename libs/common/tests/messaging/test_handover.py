"""What passes by the table of the outbox keeps its order."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from malipo import ids
from malipo.contracts.commands import CancelPayment
from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.messaging import floor
from malipo.messaging import relay as relay_module
from malipo.messaging.database import Database
from malipo.messaging.handover import Handover, OutboxRow
from malipo.messaging.relay import Relay
from malipo.messaging.security import KafkaAccess
from malipo.messaging.unit_of_work import SHARDS, shard_of
from testkit.waiting import until

ROWS = [("msg_1", 0, "topic", "pay_1", {}, b"1"), ("msg_2", 1, "topic", "pay_2", {}, b"2")]


def returned(*unknown: int) -> dict:
    return {"placed": {"msg_1": 1, "msg_2": 2}, "unknown": list(unknown)}


def row(number: int) -> OutboxRow:
    return OutboxRow(number, "topic", f"pay_{number}", {}, str(number).encode())


def ids_of(rows) -> list[int]:
    return [row.id for row in rows]


@pytest.fixture
def handover() -> Handover:
    handover = Handover()
    handover.hold(range(SHARDS))
    handover.look = False
    return handover


def test_without_a_relay_that_holds_a_shard_nothing_is_handed_over():
    handover = Handover()
    handover.queue(handover.terms(), ROWS, returned())
    assert (handover.next(), handover.look) == ([], True)


def test_what_was_not_committed_of_a_statement_is_not_handed_over(handover):
    handover.queue(handover.terms(), ROWS, {"placed": {"msg_2": 2}, "unknown": []})
    assert ids_of(handover.next()) == [2]
    handover.queue(handover.terms(), ROWS, {"placed": None, "unknown": []})
    assert (handover.next(), handover.look) == ([], False)


def test_what_is_committed_is_handed_over_once_and_known_until_it_is_deleted(handover):
    handover.queue(handover.terms(), ROWS, returned())
    assert ids_of(handover.next()) == [1, 2]
    assert handover.found([row(1)]) == []
    assert not handover.look
    handover.deleted([1, 2])
    assert not handover.known


def test_what_a_look_has_found_before_it_was_handed_over_is_sent_once(handover):
    terms = handover.terms()
    assert ids_of(handover.found([row(1)])) == [1]
    handover.queue(terms, ROWS, returned())
    assert ids_of(handover.next()) == [2]


def test_what_was_handed_over_during_a_look_has_the_place_that_the_look_gives_it(handover):
    handover.queue(handover.terms(), ROWS, returned())
    assert ids_of(handover.found([row(0), row(2), row(3)])) == [0, 2, 3, 1]
    assert handover.known == {0, 1, 2, 3}


def test_where_a_row_was_seen_that_is_not_known_nothing_is_handed_over_and_the_relay_looks(handover):
    handover.queue(handover.terms(), ROWS, returned(0))
    assert (handover.next(), handover.look) == ([], True)


def test_a_row_that_was_seen_and_is_known_by_now_is_no_hindrance(handover):
    terms = handover.terms()
    handover.found([row(0)])
    handover.queue(terms, ROWS, returned(0))
    assert ids_of(handover.next()) == [1, 2]


def test_where_more_rows_were_unknown_than_are_named_nothing_is_handed_over(handover):
    handover.queue(handover.terms(), ROWS, {"placed": {"msg_1": 1, "msg_2": 2}, "unknown": None})
    assert (handover.next(), handover.look) == ([], True)


@pytest.mark.parametrize("happens", [lambda one: one.hold(range(SHARDS)), lambda one: one.refused([7])])
def test_nothing_is_handed_over_on_terms_from_before_the_relay_knew_less(handover, happens):
    terms = handover.terms()
    happens(handover)
    handover.look = False
    handover.queue(terms, ROWS, returned())
    assert (handover.next(), handover.look) == ([], True)


def test_what_waits_behind_a_row_that_was_refused_is_looked_for_with_it(handover):
    first = {"placed": {"msg_1": 1}, "unknown": []}
    handover.queue(handover.terms(), ROWS[:1], first)
    assert ids_of(handover.next()) == [1]
    handover.queue(handover.terms(), ROWS[1:], {"placed": {"msg_2": 2}, "unknown": []})
    handover.refused([1])
    assert (handover.next(), handover.known, handover.look) == ([], set(), True)


def test_while_nothing_is_sent_a_bounded_number_waits_in_memory(handover):
    for number in range(1000):
        rows = [(f"msg_{number}", 0, "topic", "pay_1", {}, b"1")]
        handover.queue(handover.terms(), rows, {"placed": {f"msg_{number}": number}, "unknown": []})
    assert len(handover.known) == 200
    assert handover.look


def test_of_a_shard_that_another_relay_holds_nothing_is_handed_over_and_that_one_is_told(handover):
    handover.hold([0])
    handover.queue(handover.terms(), ROWS, returned())
    assert ids_of(handover.next()) == [1]
    assert handover.written


async def send(database: Database, payment_id: str, cancel_id: str) -> None:
    async with database.begin() as unit:
        unit.send(PAYMENT_COMMANDS, payment_id, CancelPayment(payment_id=payment_id, cancel_id=cancel_id))


OF_OTHERS = """
INSERT INTO outbox (message_id, shard, topic, key, headers, payload)
SELECT 'msg', shard, 'topic', 'pay', '{}', '' FROM generate_series(1, $2), unnest($1::smallint[]) AS shard
"""


@pytest.fixture
async def pool(new_database, pool_of):
    return await pool_of(new_database("orchestrator"))


@pytest.fixture
def database(pool, handover) -> Database:
    """One whose relay holds a single shard, that of `pay_1`."""
    handover.hold([shard_of("pay_1")])
    handover.look = False
    database = Database(handover)
    database.use(pool)
    return database


async def leave_sent(database: Database, rows_each: int) -> None:
    """Rows of the other three shards, as their relays leave them for a while once they are sent."""
    await database.write(OF_OTHERS, [shard for shard in range(SHARDS) if shard != shard_of("pay_1")], rows_each)


async def test_what_three_busy_relays_have_sent_and_not_deleted_yet_is_no_hindrance(database, handover):
    await leave_sent(database, 150)
    await send(database, "pay_1", "can_1")
    assert [row.key for row in handover.next()] == ["pay_1"]
    assert not handover.look


async def test_behind_what_other_relays_have_sent_a_row_that_is_not_known_is_seen(database, handover, pool):
    await leave_sent(database, 150)
    elsewhere = Database()
    elsewhere.use(pool)
    await send(elsewhere, "pay_1", "can_1")
    await send(database, "pay_1", "can_2")
    assert (handover.next(), handover.look) == ([], True)


async def test_what_a_commit_that_hung_for_minutes_brings_is_seen(database, handover, pool):
    async with pool.acquire() as hanging, hanging.transaction():
        await hanging.execute(OF_OTHERS, [shard_of("pay_1")], 1)
        await leave_sent(database, 1)
        for at in (0, floor.SECONDS):
            handover.floor.looked(at, await database.reads.fetchval(floor.LOWEST, 0))
    await send(database, "pay_1", "can_1")
    assert (handover.next(), handover.look) == ([], True)


async def test_behind_a_backlog_of_other_relays_nothing_is_handed_over(database, handover):
    await leave_sent(database, 350)
    await send(database, "pay_1", "can_1")
    assert (handover.next(), handover.look) == ([], True)


@asynccontextmanager
async def relaying(relay: Relay):
    task = asyncio.create_task(relay.run())
    try:
        await until(lambda: relay.handover.terms().arguments[0], what="the relay holds its shards")
        await until(lambda: not relay.handover.look, what="it has looked")
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def sent_to(kafka: str, payment_id: str, count: int) -> list[str]:
    """The cancels of a payment in the order in which Kafka has them, as soon as there are so many."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(PAYMENT_COMMANDS.name, n) for n in range(PAYMENT_COMMANDS.partitions)])
        found: list[str] = []

        async def more() -> bool:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                of_payment = [record for record in records if record.key == payment_id.encode()]
                found.extend(PAYMENT_COMMANDS.decode(record.value).cancel_id for record in of_payment)
            return len(found) >= count

        await until(more, what=f"{count} messages of {payment_id}")
        return found
    finally:
        await consumer.stop()


@pytest.fixture
async def two(stores, new_database, pool_of, monkeypatch):
    """A database with a relay that looks only when it is called, and another replica's, which calls nobody."""
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 3600)
    monkeypatch.setattr(relay_module, "_DELETE_SECONDS", 3600)
    url = new_database("orchestrator")
    relay = Relay(url, KafkaAccess(stores.kafka), "test")
    here, elsewhere = Database(relay.handover), Database()
    for database in (here, elsewhere):
        database.use(await pool_of(url))
    async with relaying(relay):
        yield here, elsewhere, relay


async def test_what_this_process_commits_is_sent_in_its_order_without_a_look(two, stores, monkeypatch):
    here, _, _ = two
    payment_id = ids.new("pay")

    async def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Relay, "_look", never)
    for number in range(30):
        await send(here, payment_id, str(number))
    assert await sent_to(stores.kafka, payment_id, 30) == [str(number) for number in range(30)]


async def test_what_another_replica_has_committed_before_is_sent_before_although_nobody_told_of_it(two, stores):
    here, elsewhere, _ = two
    payment_id = ids.new("pay")
    for number in range(0, 20, 2):
        await send(elsewhere, payment_id, str(number))
        await send(here, payment_id, str(number + 1))
    assert await sent_to(stores.kafka, payment_id, 20) == [str(number) for number in range(20)]


@pytest.mark.parametrize("rows", [350, 1100], ids=["that is named", "of which there is too much"])
async def test_nothing_passes_a_backlog_of_which_a_look_finds_a_part_meanwhile(two, stores, monkeypatch, rows):
    here, elsewhere, relay = two
    payment_id = ids.new("pay")
    async with elsewhere.begin() as unit:
        for number in range(rows):
            unit.send(PAYMENT_COMMANDS, payment_id, CancelPayment(payment_id=payment_id, cancel_id=str(number)))
    found, may_send = asyncio.Event(), asyncio.Event()
    send_by_topic, write = Relay._send_by_topic, here.write

    async def when_it_may(self: Relay, *args) -> None:
        found.set()
        await may_send.wait()
        await send_by_topic(self, *args)

    async def answered_late(query: str, *args):
        answer = await write(query, *args)
        relay.handover.look_again()
        await found.wait()
        return answer

    monkeypatch.setattr(Relay, "_send_by_topic", when_it_may)
    monkeypatch.setattr(here, "write", answered_late)
    await send(here, payment_id, str(rows))
    may_send.set()
    assert await sent_to(stores.kafka, payment_id, rows + 1) == [str(number) for number in range(rows + 1)]


async def test_what_a_statement_of_another_kind_has_committed_before_is_sent_before(two, stores):
    here, elsewhere, _ = two
    payment_id = ids.new("pay")
    await send(elsewhere, payment_id, "first")
    here.nudge()
    await send(here, payment_id, "second")
    assert await sent_to(stores.kafka, payment_id, 2) == ["first", "second"]


async def test_what_was_handed_over_and_not_deleted_is_sent_again_by_the_next_relay(two, stores):
    here, _, relay = two
    payment_id = ids.new("pay")
    await send(here, payment_id, "once")
    assert await sent_to(stores.kafka, payment_id, 1) == ["once"]
    assert relay.handover.known
    [left] = await here.reads.fetch("SELECT id FROM outbox")
    assert left["id"] in relay.handover.known
