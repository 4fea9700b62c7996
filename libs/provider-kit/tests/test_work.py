"""Who is woken by what: a look that finds nothing is a statement for nothing."""

import pytest

from malipo import ids
from malipo.contracts.personal import PersonalKeyIssued
from malipo.contracts.provider_commands import Withdraw
from malipo.messaging.subscription import Received
from provider_kit.errors import NotSent
from provider_kit.handlers import handle_batch, replicate

WITHDRAW = Withdraw(
    payment_id="pay_1", operation_id="pay_1.1", merchant_id="mer_1", mode="test", config_version=1, step=4
)


@pytest.fixture
def woken(kit, monkeypatch):
    """What was nudged since this was last asked."""
    work, nudged = kit.runner.work, set()
    for name in ("operations", "queries"):
        monkeypatch.setattr(getattr(work, name), "nudge", lambda name=name: nudged.add(name))

    def since() -> set[str]:
        found = set(nudged)
        nudged.clear()
        return found

    return since


async def hear(kit, message, key: str) -> None:
    async with kit.database.begin() as unit:
        batch = [Received(message, ids.new("msg"), "topic", key)]
        await replicate(kit.credentials, kit.keys, kit.runner.work, unit, batch)


async def withdraw(kit) -> None:
    async with kit.database.begin() as unit:
        batch = [Received(WITHDRAW, ids.new("msg"), "topic", "pay_1")]
        await handle_batch("fake", kit.attempts, kit.runner.work, unit, batch)


async def test_commands_wake_those_that_they_are_for(kit, make, woken):
    await kit.handle(make.charge())
    assert woken() == {"operations"}
    await kit.handle(make.query("pay_2.1", payment_id="pay_2"))
    assert woken() == {"queries"}
    await kit.handle(make.charge(3), make.query("pay_4.1", payment_id="pay_4"))
    assert woken() == {"operations", "queries"}


async def test_an_end_wakes_whoever_runs_what_waited_behind_it_and_else_nobody(kit, make, woken):
    await kit.handle(make.charge())
    woken()
    await kit.run()
    assert woken() == set()
    await kit.handle(make.refund(), make.query("pay_1.1"))
    woken()
    (refund,) = await kit.claim()
    await kit.runner.run(refund)
    assert woken() == {"queries"}


async def test_a_withdrawal_wakes_both_if_it_has_ended_something(kit, make, woken):
    kit.provider.script = [NotSent("no connection")] * 3
    await kit.handle(make.charge())
    await kit.run()
    woken()
    await withdraw(kit)
    assert woken() == {"operations", "queries"}
    await withdraw(kit)
    assert woken() == set()


async def test_a_configuration_or_a_key_wakes_only_what_waited_for_it(kit, make, woken):
    await hear(kit, make.configured(2), "mer_1")
    key = PersonalKeyIssued(payment_id="pay_1", wrapped="w", providers=("fake",))
    await hear(kit, key, "pay_1")
    assert woken() == set()
    await kit.handle(make.charge(config_version=3))
    await kit.run()
    woken()
    await hear(kit, make.configured(3), "mer_1")
    assert woken() == {"operations", "queries"}
    await kit.sql("UPDATE attempts SET problem = 'personal_data_behind: not yet', due_at = now() + interval '1 hour'")
    await hear(kit, key, "pay_1")
    assert woken() == {"operations"}
