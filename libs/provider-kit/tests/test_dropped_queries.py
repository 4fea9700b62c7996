"""A query that is not carried out, as the operation or a query of it is open, is answered by the end of what is open."""

import asyncio

import pytest

from malipo import ids
from malipo.contracts.outcomes import Canceled, Unknown
from malipo.contracts.provider_commands import Withdraw
from malipo.messaging.subscription import Received
from provider_kit.errors import NotSent
from provider_kit.handlers import handle_batch

AWAY = [NotSent("no connection")] * 3  # one run tries quickly three times
WITHDRAW = Withdraw(
    payment_id="pay_1", operation_id="pay_1.1", merchant_id="mer_1", mode="test", config_version=1, step=4
)


async def answers(kit) -> list[tuple[str, int, int]]:
    """Of each report of an outcome that way it came, the step of what it is the outcome of, and the one it also answers."""
    return [(one.source, one.step, one.also_answers) for one in await kit.reports() if hasattr(one, "also_answers")]


async def withdraw(kit) -> None:
    async with kit.database.begin() as unit:
        batch = [Received(WITHDRAW, ids.new("msg"), "topic", "pay_1")]
        await handle_batch("fake", kit.attempts, kit.runner.work, unit, batch)


@pytest.fixture
async def postponed(kit, make):
    """A charge that waits for its provider."""
    kit.provider.script = [*AWAY]
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()


@pytest.mark.usefixtures("postponed")
async def test_the_end_of_an_operation_that_had_to_wait_answers_the_last_query_about_it(kit, make):
    await kit.handle(make.query(step=5))
    await kit.handle(make.query(step=7))
    await kit.handle(make.query(step=6))  # as when an old message is handled anew
    kit.provider.script = [*AWAY]
    await kit.make_due()
    await kit.run()
    assert await answers(kit) == []
    await kit.make_due()
    await kit.run()
    assert await answers(kit) == [("attempt", 1, 7)]


async def test_the_end_of_a_query_answers_a_later_one_that_came_meanwhile(kit, make):
    kit.provider.script = [Unknown(reason="timeout")]
    await kit.handle(make.charge())
    await kit.run()
    await kit.handle(make.query(step=7))
    await kit.handle(make.query(step=8))
    await kit.run()
    assert await answers(kit) == [("attempt", 1, 0), ("query", 7, 8)]


@pytest.mark.usefixtures("postponed")
async def test_a_charge_that_is_withdrawn_answers_the_query_about_it(kit, make):
    await kit.handle(make.query(step=3))
    await withdraw(kit)
    assert await answers(kit) == [("attempt", 4, 3)]


async def test_a_charge_that_is_withdrawn_while_it_cannot_be_sent_answers_the_query_about_it(kit, make, monkeypatch):
    async def execute(attempt):
        await kit.handle(make.query(step=3))
        await withdraw(kit)
        raise NotSent("no connection", retry_after_seconds=1)

    monkeypatch.setattr(kit.provider, "execute", execute)
    await kit.handle(make.charge())
    await kit.run()
    (report,) = await kit.reports()
    assert (report.outcome, report.step, report.also_answers) == (Canceled(), 4, 3)


@pytest.mark.usefixtures("postponed")
async def test_an_operation_that_ends_while_a_query_is_dropped_waits_and_answers_it(kit, make):
    await kit.make_due()
    (claimed,) = await kit.claim()
    async with kit.database.begin() as unit:
        batch = [Received(make.query(step=5), ids.new("msg"), "topic", "pay_1")]
        await handle_batch("fake", kit.attempts, kit.runner.work, unit, batch)
        ending = asyncio.create_task(kit.another_replica().runner.run(claimed))
        await asyncio.sleep(0.2)  # it ends before the commit, if it does not wait
        assert not ending.done()
    await ending
    assert await answers(kit) == [("attempt", 1, 5)]


@pytest.mark.usefixtures("postponed")
async def test_a_query_that_comes_while_the_operation_ends_is_carried_out(kit, make):
    async with kit.database.begin() as unit:
        await unit.transaction.execute("UPDATE attempts SET done_at = now(), lease_token = NULL WHERE id = 'pay_1.1'")
        await kit.handle(make.query(step=5))
    await kit.run()
    assert await answers(kit) == [("query", 5, 0)]


@pytest.mark.parametrize("together", [True, False])
async def test_a_query_that_overtook_its_operation_answers_none_that_came_after_the_operation(kit, make, together):
    await kit.handle(make.query(step=5))
    (overtaking,) = await kit.claim()
    for batch in [(make.charge(), make.query(step=7))] if together else [(make.charge(),), (make.query(step=7),)]:
        await kit.handle(*batch)
    await kit.runner.run(overtaking)
    assert await answers(kit) == [("query", 5, 0)], "the charge may still be sent"
    while await kit.run():
        pass
    assert max(max(step, also) for _, step, also in await answers(kit)) == 7
