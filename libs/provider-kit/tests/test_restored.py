"""After a database was restored to an earlier moment: what it does not know, and was made before, may have been sent."""

from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec.structs import replace as changed

from malipo import clock, ids
from malipo.contracts.descriptor import Never
from malipo.contracts.outcomes import Declined, Succeeded, Unknown
from malipo.contracts.provider_commands import Withdraw
from malipo.messaging.subscription import Received
from malipo.money import Money
from provider_kit.handlers import handle_batch
from provider_kit.restored import Restored

DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def restored(kit):
    """A replica that is told of the restore."""
    kit.attempts.restored = Restored(clock.now())
    return kit


@pytest.fixture
def forgotten(make):
    """A charge of a minute before the restore."""
    return of_payment(make.charge(), clock.now() - MINUTE)


def of_payment(charge, made_at):
    payment_id = ids.new("pay", made_at)
    return changed(charge, payment_id=payment_id, operation_id=f"{payment_id}.1")


async def test_a_charge_from_before_the_restore_is_sent_under_its_key_as_if_a_process_had_died_over_it(
    restored, forgotten
):
    await restored.handle(forgotten)
    row = await restored.row(forgotten.operation_id)
    assert row["first_sent_at"] == ids.made_at(forgotten.operation_id.partition(".")[0])
    await restored.run()
    [attempt] = restored.provider.executed
    assert attempt.key_for("charge") == f"malipo-{forgotten.operation_id}-charge"
    assert attempt.ages.key_age > MINUTE / 2
    assert await restored.outcomes() == [DONE]


async def test_a_charge_from_before_the_restore_is_never_sent_where_the_provider_knows_no_keys(restored, forgotten):
    restored.provider.descriptor = replace(restored.provider.descriptor, repeat=Never(), callbacks="hint")
    restored.runner._repeats = False
    await restored.handle(forgotten)
    await restored.run()
    assert restored.provider.executed == []
    assert await restored.outcomes() == [Unknown(reason="may_have_been_sent")]
    row = await restored.row(forgotten.operation_id)
    assert row["account_fingerprint"], "its account's statement may end it"


async def test_what_has_expired_since_the_restore_is_read_about_and_not_declined(restored, forgotten):
    await restored.handle(changed(forgotten, expires_at=clock.now() - MINUTE / 2))
    await restored.run()
    assert (restored.provider.executed, len(restored.provider.queried)) == ([], 1)
    assert await restored.outcomes() == [DONE]


async def test_a_charge_that_was_open_in_the_restored_database_may_have_been_sent_since(kit, make):
    await kit.handle(make.charge())
    kit.attempts.restored = Restored(clock.now() + MINUTE)
    async with kit.database.begin() as unit:
        await kit.attempts.restored.mark(unit.transaction)
    row = await kit.row("pay_1.1")
    assert row["first_sent_at"] == row["created_at"]


async def test_a_charge_from_before_the_restore_is_not_withdrawn(restored, forgotten):
    withdraw = Withdraw(
        payment_id=forgotten.payment_id, operation_id=forgotten.operation_id, merchant_id="mer_1", mode="test",
        config_version=1, step=4,
    )  # fmt: skip
    async with restored.database.begin() as unit:
        batch = [Received(one, ids.new("msg"), "topic", one.payment_id) for one in (forgotten, withdraw)]
        await handle_batch("fake", restored.attempts, restored.runner.work, unit, batch)
    assert await restored.reports() == []
    await restored.run()
    assert await restored.outcomes() == [DONE]


async def test_of_an_operation_that_was_forgotten_nobody_says_that_it_was_never_sent(restored, forgotten, make):
    query = make.query(operation_id=forgotten.operation_id, payment_id=forgotten.payment_id)
    await restored.handle(query)
    await restored.run()
    assert await restored.outcomes() == [Unknown(reason="not_found")]
    await restored.handle(forgotten)
    await restored.run()
    assert await restored.outcomes() == [DONE]


async def test_what_is_made_after_the_restore_is_sent_as_ever(restored, make):
    restored.attempts.restored = Restored(clock.now() - MINUTE)
    charge = of_payment(make.charge(expires_at=clock.now() - MINUTE / 2), clock.now())
    await restored.handle(charge)
    assert (await restored.row(charge.operation_id))["first_sent_at"] is None
    await restored.run()
    [outcome] = await restored.outcomes()
    assert isinstance(outcome, Declined)
    assert outcome.code == "expired"
