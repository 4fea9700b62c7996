"""An operation that is sent once more in front of a query is carried out once, whatever became of the first message."""

from malipo.contracts.outcomes import Succeeded


async def run_all(kit) -> None:
    while await kit.run():
        pass


async def test_an_operation_that_was_lost_is_carried_out_by_its_repeat_and_the_query_finds_it(kit, make):
    await kit.handle(make.charge(step=2), make.query(step=2))
    await run_all(kit)
    assert len(kit.provider.executed) == 1
    assert [type(outcome) for outcome in await kit.outcomes()] == [Succeeded, Succeeded]


async def test_the_lost_operation_that_comes_behind_its_repeat_after_all_changes_nothing(kit, make):
    await kit.handle(make.refund(step=2), make.query("ref_1", "refund", step=2))
    await run_all(kit)
    await kit.handle(make.refund(step=1))
    await run_all(kit)
    assert len(kit.provider.executed) == 1


async def test_the_repeat_of_an_operation_that_was_carried_out_changes_nothing(kit, make):
    await kit.handle(make.charge(step=1))
    await run_all(kit)
    await kit.handle(make.charge(step=2), make.query(step=2))
    await run_all(kit)
    assert len(kit.provider.executed) == 1


async def test_the_repeat_of_an_operation_that_has_a_tombstone_has_no_effect(kit, make):
    await kit.handle(make.query())
    await run_all(kit)
    await kit.handle(make.charge(step=2))
    await run_all(kit)
    assert kit.provider.executed == []
