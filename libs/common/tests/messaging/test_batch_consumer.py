"""The batch consumer against a real database."""

import asyncio
import json
from collections.abc import Sequence

import asyncpg
import pytest
from aiokafka import ConsumerRecord

from malipo import clock
from malipo.contracts.commands import CancelPayment, CreatePayment, PaymentMethod, RefundPayment
from malipo.contracts.message import Message, encode
from malipo.contracts.topics import PAYMENT_COMMANDS, PAYMENT_EVENTS
from malipo.messaging.batch_consumer import BatchConsumer, DatabaseAway
from malipo.messaging.database import Database
from malipo.messaging.subscription import Received, Subscription
from malipo.messaging.unit_of_work import INSERT_INBOX, UnitOfWork
from malipo.money import Money

PACKAGE = "orchestrator"  # any service's database has inbox and outbox


def record(message: Message | bytes, *, offset: int, message_id: str | None = None, key: str = "pay", headers=()):
    value = message if isinstance(message, bytes) else encode(message)
    named = [("message-id", message_id.encode())] if message_id else []
    return ConsumerRecord(
        topic=PAYMENT_COMMANDS.name,
        partition=0,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=key.encode(),
        value=value,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=[*named, *headers],
    )


def cancel(number: int) -> CancelPayment:
    return CancelPayment(payment_id="pay", cancel_id=f"can_{number}")


class Handler:
    """Notes what it applied in the same transaction, and chokes on refunds."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    async def __call__(self, unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        self.calls.append(len(batch))
        for received in batch:
            if isinstance(received.message, RefundPayment):
                raise LookupError("no such payment")
            unit.send(PAYMENT_EVENTS, received.key, received.message, headers=received.headers)


@pytest.fixture
async def database(new_database, pool_of):
    database = Database()
    database.use(await pool_of(new_database(PACKAGE)))
    return database


@pytest.fixture
def handler():
    return Handler()


@pytest.fixture
def consumer(database, handler):
    return BatchConsumer(Subscription("payments", (PAYMENT_COMMANDS,), handler), database, "service")


async def outbox(database: Database, topic: str = PAYMENT_EVENTS.name):
    return await database.reads.fetch("SELECT * FROM outbox WHERE topic = $1 ORDER BY id", topic)


async def test_two_messages_of_one_payment_in_one_batch_are_both_applied(consumer, database, handler):
    await consumer.consume([record(cancel(1), offset=1, message_id="a"), record(cancel(2), offset=2, message_id="b")])
    assert handler.calls == [2]
    sent = [PAYMENT_COMMANDS.decode(row["payload"]) for row in await outbox(database)]
    assert sent == [cancel(1), cancel(2)]


async def test_a_redelivered_batch_changes_nothing(consumer, database):
    batch = [record(cancel(1), offset=1, message_id="a"), record(cancel(2), offset=2, message_id="b")]
    await consumer.consume(batch)
    await consumer.consume(batch)
    await consumer.consume([record(cancel(1), offset=9, message_id="a")])  # sent again by a relay that crashed
    assert len(await outbox(database)) == 2
    assert await database.reads.fetchval("SELECT count(*) FROM inbox") == 2


async def test_of_a_batch_that_was_applied_in_part_the_rest_is_applied_in_its_order(consumer, database):
    await consumer.consume([record(cancel(2), offset=2, message_id="b")])
    await consumer.consume([record(cancel(n), offset=n, message_id=name) for n, name in ((1, "a"), (2, "b"), (3, "c"))])
    sent = [PAYMENT_COMMANDS.decode(row["payload"]) for row in await outbox(database)]
    assert sent == [cancel(2), cancel(1), cancel(3)]


async def test_a_batch_with_a_message_that_was_applied_before_is_worked_through_once(consumer, handler):
    await consumer.consume([record(cancel(2), offset=2, message_id="b")])
    await consumer.consume([record(cancel(n), offset=n, message_id=name) for n, name in ((1, "a"), (2, "b"), (3, "c"))])
    await consumer.consume([record(cancel(1), offset=1, message_id="a")])
    assert handler.calls == [1, 2]


async def test_two_who_have_the_same_partition_and_take_overlapping_batches_at_once_apply_each_message_once(
    database, handler
):
    both, seen = asyncio.Barrier(2), []

    async def together(unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        await handler(unit, batch)
        if len(seen) < 2:
            seen.append(batch)
            await both.wait()  # both have asked the inbox, and neither has written

    consumers = [
        BatchConsumer(Subscription("payments", (PAYMENT_COMMANDS,), together), database, "service") for _ in range(2)
    ]
    batches = [[record(cancel(n), offset=n, message_id=str(n)) for n in numbers] for numbers in ((1, 2, 3), (2, 3, 4))]
    await asyncio.gather(*[consumer.consume(batch) for consumer, batch in zip(consumers, batches, strict=True)])
    sent = [PAYMENT_COMMANDS.decode(row["payload"]).cancel_id for row in await outbox(database)]
    assert sorted(sent) == ["can_1", "can_2", "can_3", "can_4"]
    assert sorted(handler.calls) == [1, 3, 3]


async def test_what_cannot_be_applied_because_another_has_just_applied_it_is_dropped_and_not_dead_lettered(database):
    async def late(unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        await database.write("INSERT INTO inbox (consumer, message_id) VALUES ('service.payments', 'a')")
        raise LookupError("it is gone")

    consumer = BatchConsumer(Subscription("payments", (PAYMENT_COMMANDS,), late), database, "service")
    await consumer.consume([record(cancel(1), offset=1, message_id="a")])
    assert await outbox(database, PAYMENT_COMMANDS.dead_letter) == []


async def test_of_two_who_apply_the_same_message_at_once_one_does(database, handler):
    both = asyncio.Barrier(2)

    async def together(unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        await handler(unit, batch)
        await both.wait()

    consumers = [
        BatchConsumer(Subscription("payments", (PAYMENT_COMMANDS,), together), database, "service") for _ in range(2)
    ]
    await asyncio.gather(*[consumer.consume([record(cancel(1), offset=1, message_id="a")]) for consumer in consumers])
    assert handler.calls == [1, 1]
    assert len(await outbox(database)) == 1


async def test_a_unit_whose_rows_are_always_there_already_gives_up(database):
    tries = []

    async def late(unit: UnitOfWork) -> None:
        tries.append(unit)
        await database.write("INSERT INTO inbox (consumer, message_id) VALUES ('c', $1)", str(len(tries)))
        unit.put(INSERT_INBOX, [("c", str(len(tries)))])

    with pytest.raises(asyncpg.UniqueViolationError):
        await database.transact(late)
    assert len(tries) > 1


async def test_what_is_not_wanted_is_dropped_and_leaves_no_trace(database, handler):
    wanted = Subscription("payments", (PAYMENT_COMMANDS,), handler, wants=lambda message: message.cancel_id == "can_2")
    consumer = BatchConsumer(wanted, database, "service")
    await consumer.consume([record(cancel(1), offset=1, message_id="a")])
    assert handler.calls == []
    await consumer.consume([record(cancel(1), offset=1, message_id="a"), record(cancel(2), offset=2, message_id="b")])
    assert handler.calls == [1]
    assert await database.reads.fetchval("SELECT array_agg(message_id) FROM inbox") == ["b"]


async def test_a_message_that_is_twice_in_one_batch_is_applied_once(consumer, database):
    await consumer.consume([record(cancel(1), offset=1, message_id="a"), record(cancel(1), offset=2, message_id="a")])
    assert len(await outbox(database)) == 1


async def test_a_message_that_cannot_be_applied_is_dead_lettered_and_its_neighbours_go_on(consumer, database):
    refund = RefundPayment(payment_id="pay", refund_id="ref")
    await consumer.consume(
        [
            record(cancel(1), offset=1, message_id="a"),
            record(refund, offset=2, message_id="b", headers=[("client-ref", b"order 7")]),
            record(cancel(2), offset=3, message_id="c"),
        ]
    )
    assert len(await outbox(database)) == 2
    [dead] = await outbox(database, PAYMENT_COMMANDS.dead_letter)
    assert dead["payload"] == encode(refund)
    assert dead["headers"]["x-reason"] == "LookupError: no such payment"
    assert dead["headers"]["x-position"] == f"{PAYMENT_COMMANDS.name}:0:2"
    assert dead["headers"]["x-original-message-id"] == "b"
    assert dead["headers"]["client-ref"] == "order 7"


async def test_a_dead_letter_has_the_longest_idempotency_key_whole(consumer, database):
    key = json.dumps(["mer_" + 26 * "0", "live", 255 * '"', "POST /v1/payments/{payment_id}/refunds", "re_" + 26 * "0"])
    refund = RefundPayment(payment_id="pay", refund_id="ref")
    await consumer.consume([record(refund, offset=2, message_id="b", headers=[("idempotency", key.encode())])])
    [dead] = await outbox(database, PAYMENT_COMMANDS.dead_letter)
    assert dead["headers"]["idempotency"] == key


def create(method: str) -> CreatePayment:
    return CreatePayment(
        payment_id="pay", merchant_id="mer_1", mode="test", amount=Money(1000, "USD"), method=PaymentMethod(type=method),
        capture="automatic", config_version=1, configured=("stripe",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "named"), [(b'{"type":"Nonsense"}', "'Nonsense'"), (encode(create("seashells")), "'seashells'")]
)
async def test_a_partition_stops_at_a_message_that_only_a_newer_release_knows_and_nothing_is_buried(
    consumer, database, value, named
):
    stops = await consumer.consume(
        [
            record(cancel(1), offset=4, message_id="a"),
            record(value, offset=5),
            record(cancel(2), offset=6, message_id="b"),
        ]
    )
    [(partition, stop)] = stops.items()
    assert (partition.topic, partition.partition, stop.offset) == (PAYMENT_COMMANDS.name, 0, 5)
    assert named in stop.reason
    assert len(await outbox(database, PAYMENT_EVENTS.name)) == 1
    assert await outbox(database, PAYMENT_COMMANDS.dead_letter) == []


@pytest.mark.parametrize(
    "value", [b"", b"{", b"null", b'{"type":7}', b'{"type":"CancelPayment"}', b"\xff\xfe", b"[" * 5000]
)
async def test_a_message_that_cannot_be_read_is_dead_lettered_once_as_it_came(consumer, database, value):
    for _ in range(2):
        await consumer.consume([record(value, offset=5), record(cancel(1), offset=6, message_id="a")])
    [dead] = await outbox(database, PAYMENT_COMMANDS.dead_letter)
    assert dead["payload"] == value
    assert len(await outbox(database)) == 1


@pytest.mark.parametrize(
    "bad",
    [
        record(b"junk", offset=1, key="a\0b"),
        record(b"junk", offset=1, headers=[("x", b"a\0b"), ("y\0", b"z")]),
        record(b"x" * 950_000, offset=1),
        record(cancel(1), offset=1, message_id="a\0b"),
        record(b"junk", offset=1, headers=[(f"h{n}", b"v" * 20_000) for n in range(45)]),
    ],
    ids=["NUL in the key", "NUL in a header", "too large", "NUL in the message id", "huge headers"],
)
async def test_a_message_that_cannot_be_kept_as_it_is_stops_nothing(consumer, database, bad):
    await consumer.consume([bad, record(cancel(2), offset=2, message_id="good")])
    assert len(await outbox(database)) == 1
    [dead] = await outbox(database, PAYMENT_COMMANDS.dead_letter)
    assert sum(len(name) + len(value) for name, value in dead["headers"].items()) < 64_000


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DiskFullError,
        asyncpg.OutOfMemoryError,
        asyncpg.UndefinedColumnError,
        asyncpg.InsufficientPrivilegeError,
        asyncpg.LockNotAvailableError,
        asyncpg.DeadlockDetectedError,
    ],
)
async def test_a_fault_of_the_database_gives_the_batch_back_and_buries_nothing(database, error):
    async def handle(unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        raise error("boom")

    consumer = BatchConsumer(Subscription("payments", (PAYMENT_COMMANDS,), handle), database, "service")
    with pytest.raises(DatabaseAway):
        await consumer.consume([record(cancel(n), offset=n, message_id=str(n)) for n in range(3)])
    assert await outbox(database, PAYMENT_COMMANDS.dead_letter) == []


async def test_a_violated_constraint_is_the_messages_fault_and_its_row_is_not_repeated_in_the_reason(database):
    async def handle(unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        await unit.transaction.execute("INSERT INTO timers VALUES ('secret', 'nobody', now())")

    consumer = BatchConsumer(Subscription("payments", (PAYMENT_COMMANDS,), handle), database, "service")
    await consumer.consume([record(cancel(1), offset=1, message_id="a")])
    [dead] = await outbox(database, PAYMENT_COMMANDS.dead_letter)
    assert dead["headers"]["x-reason"].startswith("ForeignKeyViolationError")
    assert "secret" not in dead["headers"]["x-reason"]


async def test_what_waits_for_the_commit_happens_after_it_or_never(database):
    happened = []
    with pytest.raises(ZeroDivisionError):
        async with database.begin() as unit:
            unit.after_commit(lambda: happened.append("rolled back"))
            1 / 0  # noqa: B018
    async with database.begin() as unit:
        unit.after_commit(lambda: happened.append("committed"))
        assert happened == []
    assert happened == ["committed"]


async def test_headers_that_are_no_text_do_not_stop_a_message(consumer, database):
    await consumer.consume([record(cancel(1), offset=1, message_id="a", headers=[("x", b"\xff\xfe")])])
    assert len(await outbox(database)) == 1


async def test_the_trace_and_client_reference_go_on_with_what_a_message_causes(consumer, database):
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await consumer.consume(
        [record(cancel(1), offset=1, headers=[("traceparent", trace), ("client-ref", b"order 7"), ("other", b"x")])]
    )
    [row] = await outbox(database)
    assert row["headers"]["traceparent"] == trace.decode()
    assert row["headers"]["client-ref"] == "order 7"
    assert "other" not in row["headers"]


async def test_with_the_database_away_the_batch_is_given_back_and_nothing_is_dead_lettered(handler):
    consumer = BatchConsumer(Subscription("payments", (PAYMENT_COMMANDS,), handler), Database(), "service")
    with pytest.raises(DatabaseAway):
        await consumer.consume([record(cancel(1), offset=1)])


async def test_a_statement_of_ours_that_is_wrong_blames_neither_a_message_nor_an_absent_database(database):
    async def wrong(unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        await unit.transaction.execute("SELECT $1::int", 1, 2)

    consumer = BatchConsumer(Subscription("payments", (PAYMENT_COMMANDS,), wrong), database, "service")
    with pytest.raises(asyncpg.InterfaceError):  # it would hit the next message just the same
        await consumer.consume([record(cancel(1), offset=1)])
    assert await outbox(database, PAYMENT_COMMANDS.dead_letter) == []


async def test_a_payload_that_kafka_would_refuse_is_dead_lettered_not_stuck_in_the_outbox(database):
    async def huge(unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        unit.send_raw("t", "k", b"x" * 1_000_000, {"message-id": "m"})

    consumer = BatchConsumer(Subscription("payments", (PAYMENT_COMMANDS,), huge), database, "service")
    await consumer.consume([record(cancel(1), offset=1)])
    [dead] = await outbox(database, PAYMENT_COMMANDS.dead_letter)
    assert dead["headers"]["x-reason"].startswith("MessageTooLarge")


async def test_a_unit_that_raises_leaves_neither_state_nor_messages(database):
    with pytest.raises(ZeroDivisionError):
        async with database.begin() as unit:
            unit.put(INSERT_INBOX, [("c", "a")])
            unit.send(PAYMENT_EVENTS, "pay", cancel(1))
            1 / 0  # noqa: B018
    assert await outbox(database) == []
    assert await database.reads.fetchval("SELECT count(*) FROM inbox") == 0


def test_the_clock_is_in_utc():
    assert clock.now().utcoffset().total_seconds() == 0
