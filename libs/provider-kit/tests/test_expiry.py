"""A charge ends with its intent: nothing that takes money is sent after `expires_at`, by the database's clock."""

from datetime import UTC, datetime, timedelta

import pytest

from malipo import clock
from malipo.contracts.outcomes import Declined, Succeeded, Unknown
from malipo.money import Money
from provider_kit.errors import NotSent
from provider_kit.runner import EXPIRED

DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
THREE_UNREACHABLE = [NotSent("no connection")] * 3  # one run tries quickly three times


@pytest.fixture
def moment(kit):
    """A moment of the database's clock so many seconds from now."""

    async def at(seconds: float) -> datetime:
        return await kit.database.reads.fetchval("SELECT now()") + timedelta(seconds=seconds)

    return at


async def expire(kit) -> None:
    """As time does."""
    await kit.sql("UPDATE attempts SET expires_at = now() - interval '1 second'")


async def test_a_charge_is_sent_until_it_expires(kit, make, moment):
    await kit.handle(make.charge(expires_at=await moment(60)))
    await kit.run()
    assert await kit.outcomes() == [DONE]


async def test_a_charge_that_comes_after_it_has_expired_is_never_sent_and_ends_with_an_explanation(kit, make, moment):
    await kit.handle(make.charge(expires_at=await moment(-1)))
    await kit.run()
    (outcome,) = await kit.outcomes()
    assert (type(outcome), outcome.code) == (Declined, "expired")
    assert "expired" in outcome.message
    assert kit.provider.executed == kit.provider.queried == []
    assert (await kit.row("pay_1.1"))["first_sent_at"] is None


async def test_a_charge_that_expires_between_the_claim_and_the_mark_is_never_sent(kit, make, moment):
    await kit.handle(make.charge(expires_at=await moment(60)))
    (claimed,) = await kit.claim()
    await expire(kit)
    await kit.runner.run(claimed)
    assert await kit.outcomes() == [EXPIRED]
    assert kit.provider.executed == []
    assert (await kit.row("pay_1.1"))["first_sent_at"] is None


async def test_a_charge_that_expires_between_the_mark_and_the_call_is_never_sent(kit, make, moment, monkeypatch):
    await kit.handle(make.charge(expires_at=await moment(4)))
    mark = kit.attempts.mark

    async def and_dawdle(*args):
        marked = await mark(*args)
        boot = clock.since_boot()
        monkeypatch.setattr(clock, "since_boot", lambda: boot + 4.5)
        return marked

    monkeypatch.setattr(kit.attempts, "mark", and_dawdle)
    await kit.run()
    assert await kit.outcomes() == [EXPIRED]
    assert kit.provider.executed == []


async def test_a_charge_that_expires_between_two_quick_tries_is_not_tried_again(kit, make, moment, monkeypatch):
    async def refuse(attempt):
        kit.provider.executed.append(attempt)
        boot = clock.since_boot()
        monkeypatch.setattr(clock, "since_boot", lambda: boot + 4.5)
        raise NotSent("no connection")

    monkeypatch.setattr(kit.provider, "execute", refuse)
    await kit.handle(make.charge(expires_at=await moment(4)))
    await kit.run()
    assert len(kit.provider.executed) == 1
    assert await kit.outcomes() == [EXPIRED]


async def test_a_charge_that_has_to_wait_ends_when_it_expires_and_not_at_its_next_turn(kit, make, moment):
    kit.provider.script = [NotSent("rate limited", retry_after_seconds=50)]
    await kit.handle(make.charge(expires_at=await moment(5)))
    await kit.run()
    row = await kit.row("pay_1.1")
    assert row["due_at"] == row["expires_at"]
    await expire(kit)
    await kit.make_due()
    await kit.run()
    assert await kit.outcomes() == [EXPIRED]
    assert len(kit.provider.executed) == 1


async def test_a_charge_that_waits_for_its_configuration_expires_without_it(bare_kit, make):
    await bare_kit.handle(make.charge(expires_at=datetime(2020, 1, 1, tzinfo=UTC)))
    await bare_kit.run()
    assert await bare_kit.outcomes() == [EXPIRED]


async def test_an_expired_charge_that_may_have_been_sent_is_only_queried(kit, make, moment):
    await kit.handle(make.charge(expires_at=await moment(60)))
    await kit.die_after_sending()
    await expire(kit)
    kit.provider.script = [Unknown(reason="nothing found")]
    await kit.another_replica().run()
    assert kit.provider.executed == []
    (queried,) = kit.provider.queried
    assert queried.ages.expired
    assert await kit.outcomes() == [Unknown(reason="nothing found")]


async def test_a_charge_that_was_certainly_not_sent_before_is_no_doubt_when_it_expires(kit, make, moment):
    kit.provider.script = [*THREE_UNREACHABLE]
    await kit.handle(make.charge(expires_at=await moment(60)))
    await kit.run()
    await expire(kit)
    await kit.make_due()
    await kit.run()
    assert await kit.outcomes() == [EXPIRED]
    assert kit.provider.queried == []


@pytest.mark.parametrize(("seconds", "expired"), [(60, False), (-1, True)])
async def test_a_query_knows_whether_its_operation_has_expired(kit, make, moment, seconds, expired):
    kit.provider.script = [Unknown(reason="timeout"), DONE]
    await kit.handle(make.charge(expires_at=await moment(60)))
    await kit.run()
    await kit.sql("UPDATE attempts SET expires_at = $1", await moment(seconds))
    await kit.handle(make.query())
    await kit.run()
    (queried,) = kit.provider.queried
    assert queried.ages.expired is expired


async def test_a_refund_never_expires(kit, make):
    await kit.handle(make.refund())
    await kit.grow_old(hours=20)
    await kit.run()
    (attempt,) = kit.provider.executed
    assert not attempt.ages.expired
    assert await kit.outcomes() == [DONE]


async def test_a_clock_that_is_an_hour_wrong_here_expires_nothing_and_sends_nothing_late(
    kit, make, moment, monkeypatch
):
    await kit.handle(make.charge(1, expires_at=await moment(60)), make.charge(2, expires_at=await moment(-1)))
    for hours in (1, -1):
        there = clock.now() + timedelta(hours=hours)
        monkeypatch.setattr(clock, "now", lambda there=there: there)
        await kit.run()
    assert [attempt.operation.operation_id for attempt in kit.provider.executed] == ["pay_1.1"]
    assert sorted(type(outcome).__name__ for outcome in await kit.outcomes()) == ["Declined", "Succeeded"]
