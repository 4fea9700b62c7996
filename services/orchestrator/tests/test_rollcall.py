"""The roll call names every step once, behind it and when it is old enough, whichever replica calls."""

import asyncio
from functools import partial

from malipo.contracts.commands import ResendEvents
from malipo.contracts.events import PaymentTransitioned, RollCalled
from malipo.contracts.topics import PAYMENT_EVENTS
from malipo.messaging.subscription import Received
from orchestrator import handlers, rollcall
from orchestrator.partitions import partition_of
from testkit.owning import as_owner

DELAY = 60.0


async def call(orchestrator, delay: float = DELAY) -> int:
    return await orchestrator.database.transact(partial(rollcall.call, delay_seconds=delay))


async def begin(orchestrator) -> None:
    """Put both roll calls before all that is published."""
    await orchestrator.database.write(rollcall._BEGIN, [DELAY, 3600.0])
    await orchestrator.database.write("UPDATE roll_calls SET called_until = now() - interval '3 hours'")


async def grow_old(orchestrator, seconds: float) -> None:
    await orchestrator.database.write(
        "UPDATE history SET recorded_at = recorded_at - make_interval(secs => $1)", seconds
    )


def named(messages) -> list:
    return [step for message in messages if isinstance(message, RollCalled) for step in message.transitions]


async def drain(orchestrator, delay: float = DELAY) -> list:
    """Call until the roll call has come as far as it can: an hour a call at most."""
    for _ in range(5):
        await call(orchestrator, delay)
    return named(await orchestrator.sent())


async def test_every_step_is_named_once_when_it_is_a_minute_old_and_once_more_after_an_hour(orchestrator, make):
    await begin(orchestrator)
    creates = [make.create() for _ in range(20)]
    sent = await orchestrator.handle(*creates, *[make.paid(create.payment_id) for create in creates])
    await grow_old(orchestrator, DELAY / 2)
    assert await drain(orchestrator) == []
    await begin(orchestrator)
    await grow_old(orchestrator, DELAY / 2)
    called = await drain(orchestrator)
    steps = [message for message in sent if isinstance(message, PaymentTransitioned)]
    expected = {(step.payment_id, step.step, step.public_event is not None) for step in steps}
    assert {(step.payment_id, step.step, step.public) for step in called} == expected
    assert len(called) == len(expected) == 40
    assert await drain(orchestrator) == []
    await grow_old(orchestrator, 3600 - DELAY)
    assert len(await drain(orchestrator, 3600.0)) == 40
    assert await drain(orchestrator, 3600.0) == []


async def test_a_request_for_a_step_that_the_roll_call_named_gets_the_message_with_that_id(orchestrator, make):
    await begin(orchestrator)
    create = make.create()
    await orchestrator.handle(create)
    await grow_old(orchestrator, DELAY)
    [step] = await drain(orchestrator)
    async with orchestrator.database.begin() as unit:
        request = ResendEvents(payment_id=create.payment_id, steps=(step.step,))
        await handlers.handle_batch(unit, [Received(request, "msg_1", "topic", create.payment_id)])
    assert await orchestrator.database.reads.fetchval("SELECT message_id FROM outbox") == step.message_id


async def test_one_message_names_payments_of_one_partition_and_goes_there(orchestrator, make):
    await begin(orchestrator)
    await orchestrator.handle(*[make.create() for _ in range(50)])
    await grow_old(orchestrator, DELAY)
    for _ in range(5):
        await call(orchestrator)
    rows = await orchestrator.database.reads.fetch("SELECT key, payload FROM outbox")
    assert 1 < len(rows) <= PAYMENT_EVENTS.partitions
    for row in rows:
        transitions = PAYMENT_EVENTS.decode(row["payload"]).transitions
        assert {partition_of(PAYMENT_EVENTS, one.payment_id) for one in transitions} == {
            partition_of(PAYMENT_EVENTS, row["key"])
        }


async def test_a_step_that_has_not_left_the_outbox_is_not_named_yet(orchestrator, make):
    await begin(orchestrator)
    create = make.create()
    await orchestrator.handle(create)
    async with orchestrator.database.begin() as unit:
        unit.send(PAYMENT_EVENTS, create.payment_id, RollCalled(transitions=()))
    await orchestrator.database.write("UPDATE outbox SET created_at = (SELECT min(recorded_at) FROM history)")
    await grow_old(orchestrator, DELAY)
    await orchestrator.database.write("UPDATE outbox SET created_at = (SELECT min(recorded_at) FROM history)")
    assert await drain(orchestrator) == []
    assert len(await drain(orchestrator)) == 1


async def test_neither_a_look_at_what_is_due_nor_a_call_reads_the_whole_history(orchestrator, make):
    await begin(orchestrator)
    create = make.create()
    await orchestrator.handle(create)
    await orchestrator.database.write(
        """INSERT INTO history (payment_id, step, from_state, to_state, trigger, source, cause_message_id, contradiction,
            occurred_at, message, message_id, recorded_at)
        SELECT $1, 100 + g, '', '', '', '', '', false, now(), decode(repeat('00', 900), 'hex'), g::text,
            now() - interval '1 day' + g * interval '1 day' / 30000 FROM generate_series(1, 30000) AS g""",
        create.payment_id,
    )
    await as_owner(orchestrator.database_url, "ANALYZE history")
    span = await orchestrator.database.reads.fetchrow(rollcall._SPAN, DELAY, PAYMENT_EVENTS.name)
    for query, *arguments in (
        (rollcall._DUE, DELAY, PAYMENT_EVENTS.name),
        (rollcall._STEPS, span["called_until"], span["until"], 2000),
    ):
        plan = "\n".join(row[0] for row in await orchestrator.database.reads.fetch(f"EXPLAIN {query}", *arguments))
        assert "recorded_at_idx on history_" in plan  # that of each month
        assert "Seq Scan on history" not in plan
        assert "Bitmap" not in plan


async def test_of_several_replicas_one_calls(orchestrator, make):
    await begin(orchestrator)
    await orchestrator.handle(make.create())
    await grow_old(orchestrator, DELAY)
    for _ in range(5):
        await asyncio.gather(*[call(orchestrator) for _ in range(4)])
    assert len(named(await orchestrator.sent())) == 1


async def test_an_operator_has_everything_since_a_time_called_again(orchestrator, make):
    await begin(orchestrator)
    await orchestrator.handle(make.create())
    await grow_old(orchestrator, DELAY)
    assert len(await drain(orchestrator)) == 1
    assert await drain(orchestrator) == []
    since = await orchestrator.database.reads.fetchval("SELECT now() - interval '1 day'")
    assert await rollcall.rewind(orchestrator.database, since) == 2
    for _ in range(30):
        await call(orchestrator)
    assert len(named(await orchestrator.sent())) == 1
