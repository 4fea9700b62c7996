"""Several units that change the same payments at once, against a real database."""

import asyncio

import asyncpg

from malipo import ids
from malipo.contracts.commands import RefundPayment
from malipo.contracts.events import CommandRefused
from malipo.contracts.provider_commands import Refund
from malipo.messaging.subscription import Received
from malipo.messaging.unit_of_work import UnitOfWork
from orchestrator import handlers
from testkit.waiting import until

REF_1, REF_2 = (ids.new("ref") for _ in range(2))


def only(messages, kind):
    return [m for m in messages if isinstance(m, kind)]


async def test_fifty_concurrent_refunds_never_pass_what_was_captured(orchestrator, make):
    create = make.create(1000)
    await orchestrator.handle(create, make.paid(create.payment_id))
    at_once = asyncio.Semaphore(4)

    async def refund():
        command = RefundPayment(payment_id=create.payment_id, refund_id=ids.new("ref"), amount_minor=60)
        received = Received(command, ids.new("msg"), "topic", create.payment_id)
        async with at_once:
            await orchestrator.database.apply_once("refunds", {received.message_id: received}, handlers.handle_batch)

    await asyncio.gather(*[refund() for _ in range(50)])
    sent = await orchestrator.sent()
    assert len(only(sent, Refund)) == 16  # 16 x 60 = 960; the 17th would pass 1000
    refused = only(sent, CommandRefused)
    assert len(refused) == 34
    assert {r.code for r in refused} == {"refund_exceeds_captured"}


async def test_of_two_units_that_read_the_same_payment_the_second_decides_anew(orchestrator, make):
    create = make.create(1000)
    await orchestrator.handle(create, make.paid(create.payment_id))
    both, second_try = asyncio.Barrier(2), set[str]()

    async def refund(refund_id: str):
        command = RefundPayment(payment_id=create.payment_id, refund_id=refund_id, amount_minor=600)

        async def handle(unit: UnitOfWork, batch):
            await handlers.handle_batch(unit, batch)
            if refund_id not in second_try:
                second_try.add(refund_id)
                await both.wait()

        received = Received(command, ids.new("msg"), "topic", create.payment_id)
        await orchestrator.database.apply_once("refunds", {received.message_id: received}, handle)

    await asyncio.gather(refund(REF_1), refund(REF_2))
    sent = await orchestrator.sent()
    [sent_refund], [refused] = only(sent, Refund), only(sent, CommandRefused)
    assert {sent_refund.operation_id, refused.operation_id} == {REF_1, REF_2}


async def test_two_units_that_write_the_same_payments_conflict_and_do_not_deadlock(orchestrator, make):
    creates = sorted([make.create() for _ in range(3)], key=lambda create: create.payment_id)
    await orchestrator.handle(*creates)
    for create in reversed(creates):  # the table has the deadlines in another order than the payments
        await orchestrator.database.write("UPDATE timers SET due_at = now() WHERE subject_id = $1", create.payment_id)

    async def fire():
        async with orchestrator.database.begin() as unit:
            await handlers.fire_timers(unit, [create.payment_id for create in creates])

    async def wait(number: int) -> bool:
        waiting = await orchestrator.database.reads.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return waiting == number

    async with orchestrator.database.begin() as holds:
        await holds.transaction.execute("SELECT FROM timers WHERE subject_id = $1 FOR UPDATE", creates[1].payment_id)
        first = asyncio.create_task(fire())
        await until(lambda: wait(1), what="the deadlines wait for the one that is held")
        second = asyncio.create_task(orchestrator.handle(*[make.paid(create.payment_id) for create in creates]))
        await until(lambda: wait(2), what="the outcomes wait, too")
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), asyncpg.UniqueViolationError]


async def test_a_deadline_that_passes_while_the_outcome_is_written_is_decided_on_the_new_state(orchestrator, make):
    create = make.create(1000)
    await orchestrator.handle(create)
    await orchestrator.database.write("UPDATE timers SET due_at = now()")
    tries = 0

    async def fire(unit: UnitOfWork) -> None:
        nonlocal tries
        tries += 1
        await handlers.fire_timers(unit, [create.payment_id])
        if tries == 1:
            await orchestrator.handle(make.paid(create.payment_id))

    await orchestrator.database.transact(fire)
    assert tries == 2
    assert await orchestrator.database.reads.fetchval("SELECT count(*) FROM timers") == 0
    assert (await orchestrator.payment(create.payment_id))["state"] == "completed"
