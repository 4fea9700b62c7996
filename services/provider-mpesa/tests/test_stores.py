"""Pauses and purposes, kept for all replicas on a real database."""

import pytest

from malipo.messaging.database import Database
from provider_kit.errors import NotReady
from provider_mpesa.pauses import PAUSES, Pauses
from provider_mpesa.purposes import Purposes
from testkit.waiting import until


@pytest.fixture
async def pool(new_database, pool_of):
    return await pool_of(new_database("provider_mpesa"))


@pytest.fixture
def databases(pool):
    found = [Database() for _ in range(2)]
    for database in found:
        database.use(pool)
    return found


@pytest.fixture
def replicas(databases):
    return [Pauses("mpesa", database) for database in databases]


async def pauses(one: Pauses, app: str = "app") -> float | None:
    """For how many seconds, if it does."""
    try:
        await one.require_none(app)
    except NotReady as paused:
        return paused.retry_after_seconds
    return None


def turned_away(reason: str) -> float:
    return PAUSES.labels("mpesa", reason)._value.get()


async def test_when_one_replica_is_turned_away_all_pause_that_app_and_no_other(replicas):
    first, second = replicas
    assert await pauses(second) is None
    before = turned_away("quota")
    assert await first.begin("app", "quota") == 60
    assert 50 < await pauses(first) <= 60
    assert 50 < await until(lambda: pauses(second), what="the other replica's pause") <= 60
    assert await pauses(first, "another") is None
    assert turned_away("quota") == before + 1


async def test_a_pause_ends_by_itself_and_a_shorter_one_does_not_shorten_it(replicas, pool):
    first, second = replicas
    await first.begin("app", "quota")
    await second.begin("app", "spike_arrest")
    assert await pauses(second) > 50
    await pool.execute("UPDATE pauses SET paused_until = now()")

    async def over() -> bool:
        return await pauses(first) is None

    await until(over, what="the end of the pause")


async def test_an_apps_queries_keep_their_distance_whichever_replica_sends_them(replicas):
    waits = [await one.turn("app", 100) for one in (*replicas, *replicas)]
    assert [round(seconds, -2) for seconds in waits] == [0, 100, 200, 300]
    assert await replicas[0].turn("another", 100) == 0
    assert await pauses(replicas[0]) is None


async def test_a_turn_that_is_over_or_was_given_by_a_clock_that_was_ahead_keeps_nobody_waiting(replicas, pool):
    await replicas[0].begin("app", "quota")
    assert await replicas[1].turn("app", 10) == 0
    await pool.execute("UPDATE pauses SET next_turn_at = now() - interval '1 hour'")
    assert await replicas[0].turn("app", 10) == 0
    await pool.execute("UPDATE pauses SET next_turn_at = now() + interval '3 hours'")
    assert await replicas[0].turn("app", 10) <= 600


async def test_no_name_or_secret_of_an_app_is_in_the_clear(replicas, pool):
    await replicas[0].begin("test/consumer-key:consumer-secret", "quota")
    (row,) = await pool.fetch("SELECT app FROM pauses")
    assert "consumer" not in row["app"]


async def test_without_the_database_nothing_is_sent(replicas, databases):
    for database in databases:
        database.use(None)
    with pytest.raises(NotReady):
        await replicas[0].require_none("app")
    with pytest.raises(NotReady):
        await replicas[0].turn("app", 10)
    await replicas[0].begin("app", "quota")  # what was turned away is told all the same
    purposes = Purposes(databases[0])
    for call in (purposes.keep("acc", ["order 7"]), purposes.knows("acc", "order 7")):
        with pytest.raises(NotReady):
            await call


async def test_a_purpose_is_known_to_all_replicas_of_its_account_whatever_its_case(databases, pool):
    first, second = map(Purposes, databases)
    for _ in range(2):
        await first.keep("acc", ["Order 7", "ORDER 7", "ABCDEFGH2345"])
    assert await second.knows("acc", "order 7")
    assert await second.knows("acc", "abcdefgh2345")
    assert not await second.knows("acc", "order 8")
    assert not await second.knows("another", "order 7")
    assert len(await pool.fetch("SELECT FROM purposes")) == 2


@pytest.mark.parametrize("typed", ["\x00", "order\x007", "x" * 300_000], ids=["nul", "a nul within", "far too long"])
async def test_an_account_number_that_no_row_can_hold_is_known_to_nobody(databases, typed):
    """Else it could not be decided whether to take the payment, and M-Pesa would take it."""
    purposes = Purposes(databases[0])
    await purposes.keep("acc", ["order 7"])
    assert not await purposes.knows("acc", typed)
