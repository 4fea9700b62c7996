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
from provider_kit.provider import ACCOUNT_CHANGED
from provider_kit.restored import Restored

DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
NOT_SHOWN = Unknown(reason=ACCOUNT_CHANGED)
"""What a provider answers that may only read, and finds nothing."""
MINUTE = timedelta(minutes=1)


@pytest.fixture
def restored(kit):
    """A replica that is told of the restore: of its millisecond, as ids tell no more, and what is made in it comes after it."""
    kit.attempts.restored = Restored(ids.made_at(ids.new("msg")))
    return kit


@pytest.fixture
def forgotten(make):
    """A charge of a minute before the restore."""
    return of_payment(make.charge(), clock.now() - MINUTE)


def query_about(make, operation, **changes):
    return make.query(operation_id=operation.operation_id, payment_id=operation.payment_id, **changes)


def withdraw(charge):
    return Withdraw(
        payment_id=charge.payment_id, operation_id=charge.operation_id, merchant_id="mer_1", mode="test",
        config_version=1, step=4,
    )  # fmt: skip


async def came_before(restored, command) -> None:
    received = Received(command, ids.new("msg", clock.now() - MINUTE), "topic", command.payment_id)
    async with restored.database.begin() as unit:
        await handle_batch("fake", restored.attempts, restored.runner.work, unit, [received])


def of_payment(charge, made_at):
    payment_id = ids.new("pay", made_at)
    return changed(charge, payment_id=payment_id, operation_id=f"{payment_id}.1")


async def test_a_charge_from_before_the_restore_is_read_about_and_what_the_providers_book_shows_is_its_end(
    restored, forgotten
):
    await restored.handle(forgotten)
    row = await restored.row(forgotten.operation_id)
    assert row["first_sent_at"] == ids.made_at(forgotten.operation_id.partition(".")[0])
    await restored.run()
    [attempt] = restored.provider.queried
    assert (restored.provider.executed, attempt.same_account) == ([], False), "something may be sent"
    assert attempt.ages.key_age > MINUTE / 2
    assert await restored.outcomes() == [DONE]


@pytest.mark.parametrize("withdrawn", [True, False], ids=["withdrawn", "declined unsent"])
async def test_a_charge_that_had_ended_unsent_before_the_loss_is_never_sent_after_the_restore(
    restored, forgotten, make, withdrawn
):
    restored.provider.script = [NOT_SHOWN, Unknown(reason="the key is old")]
    await restored.handle(forgotten, *([withdraw(forgotten)] if withdrawn else []))
    await restored.run()
    assert await restored.outcomes() == [Unknown(reason="may_have_been_sent")]
    await restored.handle(query_about(make, forgotten))
    await restored.run()
    first, second = restored.provider.queried
    assert (first.same_account, first.ages.expired) == (False, False), "the book alone is read at first"
    assert (second.forgotten, second.ages.expired) == (True, True), "and then whatever may come of it is ended"
    assert restored.provider.executed == []


async def test_a_charge_that_was_marked_at_the_moment_may_have_ended_unsent_since(kit, make):
    await kit.handle(make.charge())
    await kit.die_after_sending()
    kit.attempts.restored = Restored(clock.now() + MINUTE)
    async with kit.database.begin() as unit:
        await kit.attempts.restored.mark(unit.transaction)
    await kit.run()
    assert (kit.provider.executed, len(kit.provider.queried)) == ([], 1)


async def test_it_is_not_sent_once_the_service_is_no_longer_told_of_the_restore(restored, forgotten, make):
    restored.provider.script = [NOT_SHOWN]
    await restored.handle(forgotten)
    await restored.run()
    restored.attempts.restored = Restored()
    await restored.handle(query_about(make, forgotten))
    await restored.run()
    assert restored.provider.executed == []
    assert restored.provider.queried[-1].forgotten


async def test_a_refund_from_before_the_restore_of_which_the_book_shows_nothing_stays_a_doubt(restored, make):
    refund = make.refund(
        payment_id=ids.new("pay", clock.now() - 2 * MINUTE), operation_id=ids.new("ref", clock.now() - MINUTE)
    )
    restored.provider.script = [NOT_SHOWN, NOT_SHOWN, DONE]
    await restored.handle(refund)
    await restored.run()
    for _ in range(2):
        await restored.handle(query_about(make, refund, kind="refund"))
        await restored.run()
    assert await restored.outcomes() == [Unknown(reason="may_have_been_sent"), Unknown(reason="not_found"), DONE]
    assert restored.provider.executed == []
    assert not any(attempt.same_account for attempt in restored.provider.queried)


async def test_what_confirms_a_charge_of_before_is_sent_if_it_was_asked_for_after_the_restore(
    restored, forgotten, make
):
    made = {"payment_id": forgotten.payment_id, "operation_id": f"{forgotten.operation_id}.c1"}
    await restored.handle(make.confirm(**made))
    assert (await restored.row(made["operation_id"]))["first_sent_at"] is None


async def test_what_confirmed_a_charge_before_the_restore_is_only_read_about(restored, forgotten, make):
    confirm = make.confirm(payment_id=forgotten.payment_id, operation_id=f"{forgotten.operation_id}.c1")
    await came_before(restored, confirm)
    await restored.handle(confirm)  # and it is decided anew
    await restored.run()
    assert (restored.provider.executed, len(restored.provider.queried)) == ([], 1)


async def test_what_malipo_itself_began_goes_by_the_message_as_its_id_is_as_old_as_the_payment(
    restored, forgotten, make
):
    own = make.refund(
        payment_id=forgotten.payment_id,
        operation_id=ids.derived("ref", ids.made_at(forgotten.payment_id), forgotten.payment_id),
    )
    await restored.handle(own)
    await restored.run()
    assert len(restored.provider.executed) == 1


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
    await restored.handle(forgotten, withdraw(forgotten))
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
