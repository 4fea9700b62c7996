"""An order that is sent once more in front of a question is carried out once, wherever the first one went."""

from malipo.contracts.outcomes import Succeeded
from malipo.providers import echoes


async def run_all(kit) -> None:
    while await kit.run():
        pass


async def test_an_order_that_was_lost_is_carried_out_by_its_repeat_and_the_question_finds_it(kit, make):
    await kit.take(make.charge(step=2), make.query(step=2))
    await run_all(kit)
    assert len(kit.provider.executed) == 1
    assert [type(outcome) for outcome in await kit.outcomes()] == [Succeeded, Succeeded]


async def test_the_lost_order_that_comes_behind_its_repeat_after_all_changes_nothing(kit, make):
    await kit.take(make.refund(step=2), make.query("ref_1", "refund", step=2))
    await run_all(kit)
    await kit.take(make.refund(step=1))
    await run_all(kit)
    assert len(kit.provider.executed) == 1


async def test_the_repeat_of_an_order_that_was_carried_out_changes_nothing(kit, make):
    await kit.take(make.charge(step=1))
    await run_all(kit)
    await kit.take(make.charge(step=2), make.query(step=2))
    await run_all(kit)
    assert len(kit.provider.executed) == 1


async def test_the_repeat_of_an_order_that_never_came_and_was_given_up_has_no_effect(kit, make):
    await kit.take(make.query())
    await run_all(kit)
    await kit.take(make.charge(step=2))
    await run_all(kit)
    assert kit.provider.executed == []


async def test_what_a_callback_said_is_told_once_more_under_its_id(kit, make):
    from malipo.contracts.topics import OUTCOMES
    from malipo.messaging.unit import outbox_row
    from malipo.providers import reports

    await kit.take(make.charge())
    [claimed] = await kit.claim()
    report = reports.outcome_of(claimed, "fake", Succeeded(amount=make.charge().amount, reference="obj_1"), ())
    async with kit.units.begin() as unit:
        echoes.tell_twice(unit, outbox_row("msg_1", OUTCOMES, "pay_1", report, {}))
    assert await kit.reports() == [report]
    assert await echoes.tell(kit.units) == 0
    await kit.sql("UPDATE echoes SET due_at = due_at - interval '1 minute'")
    assert await echoes.tell(kit.units) == 1
    [row] = await kit.units.reads.fetch("SELECT message_id FROM outbox")
    assert row["message_id"] == "msg_1"
    assert await kit.reports() == [report]
    assert await echoes.tell(kit.units) == 0
