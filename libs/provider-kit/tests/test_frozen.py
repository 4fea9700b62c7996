"""What a process that was frozen in the middle of an attempt does when it thaws."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from malipo import clock
from malipo.contracts.outcomes import Succeeded, Unknown
from malipo.money import Money

DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")


class Freezer:
    """Freezes this process in the middle of `Attempts`' methods: for a day, in which another one does its work."""

    def __init__(self, kit, monkeypatch) -> None:
        self.kit = kit
        self.patch = monkeypatch

    def freeze_after(self, method: str) -> None:
        before = getattr(self.kit.attempts, method)

        async def and_freeze(*args):
            result = await before(*args)
            await self.kit.end_leases()
            await self.sleep(hours=25)
            return result

        self.patch.setattr(self.kit.attempts, method, and_freeze)

    async def sleep(self, hours: float) -> None:
        boot = clock.since_boot()
        self.patch.setattr(clock, "since_boot", lambda: boot + hours * 3600)
        await self.kit.another_replica().run()


@pytest.fixture
def freezer(kit, monkeypatch):
    return Freezer(kit, monkeypatch)


async def test_a_process_that_freezes_between_the_mark_and_the_call_sends_nothing_when_it_thaws(kit, make, freezer):
    await kit.handle(make.charge())
    freezer.freeze_after("mark")
    with capture_logs() as events:
        await kit.run()
    (attempt,) = kit.provider.executed
    assert attempt.first_sent_at is not None  # so it is the other process's
    assert await kit.outcomes() == [DONE]
    assert "lease lost before the call" in [event["event"] for event in events]


async def test_a_process_that_freezes_before_its_query_sends_none_when_it_thaws(kit, make, freezer):
    kit.provider.script = [Unknown(reason="timeout")]
    await kit.handle(make.charge(), make.query())
    await kit.run()
    freezer.freeze_after("original")
    await kit.run()
    assert len(kit.provider.queried) == 1
    assert await kit.outcomes() == [Unknown(reason="timeout"), DONE]


async def test_a_renewal_of_what_another_process_has_claimed_does_not_make_a_frozen_one_send(kit, make, freezer):
    await kit.handle(make.charge())
    freezer.freeze_after("mark")
    mark = kit.attempts.mark

    async def and_renew(claimed, *args):
        await mark(claimed, *args)
        await kit.attempts.renew(kit.lease, [claimed.id])

    freezer.patch.setattr(kit.attempts, "mark", and_renew)
    await kit.run()
    assert len(kit.provider.executed) == 1


async def test_a_process_that_could_renew_its_lease_after_all_sends_and_knows_how_old_the_key_is(
    kit, make, monkeypatch
):
    await kit.handle(make.charge())
    (claimed,) = await kit.claim()
    boot = clock.since_boot()
    monkeypatch.setattr(clock, "since_boot", lambda: boot + 3600)
    await kit.attempts.renew(kit.lease, [claimed.id])
    await kit.runner.run(claimed)
    (attempt,) = kit.provider.executed
    assert timedelta(hours=1) <= attempt.ages.key_age_now() < timedelta(hours=1, seconds=30)
    assert await kit.outcomes() == [DONE]
