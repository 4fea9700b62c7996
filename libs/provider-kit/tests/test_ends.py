"""The provider's outcome is written when the database is back, and the provider is not called again for it."""

import asyncio

import asyncpg
import pytest

from malipo.contracts.outcomes import ActionRequired, Authorized, Declined, Redirect, Succeeded, Unknown
from malipo.money import Money
from provider_kit.errors import NotSent
from testkit.waiting import until

USD_10 = Money(1000, "USD")
DONE = Succeeded(amount=USD_10, reference="obj_1")


class Outage:
    """Takes PostgreSQL away from this process the moment the provider has answered."""

    def __init__(self, kit) -> None:
        self.kit = kit
        self.pool = kit.database._pool

    def begins_with(self, outcome):
        async def answered(attempt):
            self.kit.provider.executed.append(attempt)
            self.kit.database.use(None)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        return answered

    def ends(self) -> None:
        self.kit.database.use(self.pool)


@pytest.fixture
def outage(kit):
    return Outage(kit)


async def running(kit, outage, monkeypatch, outcome) -> asyncio.Task:
    """A run in the middle of the outage."""
    monkeypatch.setattr(kit.provider, "execute", outage.begins_with(outcome))
    (claimed,) = await kit.claim()
    run = asyncio.create_task(kit.runner.run(claimed))
    await until(lambda: kit.database._pool is None, what="the outage")
    await asyncio.wait([run], timeout=0.3)
    assert not run.done()
    return run


@pytest.mark.parametrize(
    "outcome",
    [
        DONE,
        Authorized(amount=USD_10, reference="obj_1"),
        Declined(code="insufficient_funds", message="No."),
        ActionRequired(action=Redirect("https://bank.example"), reference="obj_1"),
        Unknown(reason="timeout", silent=True),
    ],
)
async def test_an_outcome_that_came_while_the_database_was_away_is_written_when_it_is_back(
    kit, make, outage, monkeypatch, outcome
):
    await kit.handle(make.charge())
    run = await running(kit, outage, monkeypatch, outcome)
    outage.ends()
    await run
    assert await kit.outcomes() == [outcome]
    assert len(kit.provider.executed) == 1
    assert await kit.run() == 0


async def test_an_outcome_is_still_written_when_the_lease_is_over_but_no_process_has_claimed_the_attempt(
    kit, make, outage, monkeypatch
):
    await kit.handle(make.charge())
    run = await running(kit, outage, monkeypatch, DONE)
    outage.ends()
    await kit.end_leases()
    await run
    assert await kit.outcomes() == [DONE]
    assert len(kit.provider.executed) == 1


async def test_the_objects_id_is_kept_for_another_process_that_has_claimed_the_attempt(kit, make, outage, monkeypatch):
    await kit.handle(make.charge())
    run = await running(kit, outage, monkeypatch, DONE)
    outage.ends()
    await kit.sql("UPDATE attempts SET lease_token = 'another process'")
    await run
    row = await kit.row("pay_1.1")
    assert (row["reference"], row["done_at"]) == ("obj_1", None)
    assert await kit.outcomes() == []


async def test_what_was_certainly_not_sent_is_known_not_to_have_been_when_the_database_is_back(
    kit, make, outage, monkeypatch
):
    await kit.handle(make.charge())
    run = await running(kit, outage, monkeypatch, NotSent("rate limited", retry_after_seconds=1))
    outage.ends()
    await run
    row = await kit.row("pay_1.1")
    assert (row["first_sent_at"], row["lease_token"]) == (None, None)


async def test_a_mark_that_could_not_be_written_sends_nothing(kit, make, outage):
    await kit.handle(make.charge())
    (claimed,) = await kit.claim()
    kit.database.use(None)
    run = asyncio.create_task(kit.runner.run(claimed))
    with pytest.raises(ConnectionError):
        await run
    outage.ends()
    assert kit.provider.executed == []


TROUBLES = [
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
]


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_an_outcome_outlives_a_database_that_is_there_and_fails_every_write(kit, make, monkeypatch, trouble):
    await kit.handle(make.charge())
    (claimed,) = await kit.claim()
    fails_thrice(monkeypatch, kit.attempts, "finish", trouble)
    await kit.runner.run(claimed)
    assert await kit.outcomes() == [DONE]
    assert len(kit.provider.executed) == 1


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_postponed_try_outlives_a_database_that_is_there_and_fails_every_write(kit, make, monkeypatch, trouble):
    async def unreachable(_attempt):
        raise NotSent("no connection", retry_after_seconds=1)

    await kit.handle(make.charge())
    (claimed,) = await kit.claim()
    monkeypatch.setattr(kit.provider, "execute", unreachable)
    fails_thrice(monkeypatch, kit.attempts, "postpone", trouble)
    await kit.runner.run(claimed)
    assert await kit.database.reads.fetchval("SELECT first_sent_at IS NULL FROM attempts")


def fails_thrice(monkeypatch, store, write, trouble) -> None:
    """Have `write` fail the next three times."""
    real, left = getattr(store, write), [trouble("no")] * 3

    async def failing(*arguments, **options):
        if left:
            raise left.pop()
        return await real(*arguments, **options)

    monkeypatch.setattr(store, write, failing)
