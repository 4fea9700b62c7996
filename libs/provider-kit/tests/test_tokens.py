"""Access tokens: fetched by one process at a time, shared by all, renewed before they end, never in the clear."""

import asyncio

import pytest

from malipo.messaging.database import Database
from malipo.platform.secrets import KeyRing
from provider_kit import tokens as module
from provider_kit.errors import Misconfigured, NotReady, NotSent
from provider_kit.tokens import FetchedToken, TokenRefused, Tokens
from testkit.waiting import until

KEY_RING = KeyRing({"k1": b"k" * 32})


class Bank:
    """Each token that it gives ends the one before, as Safaricom's do."""

    def __init__(self) -> None:
        self.fetched = 0
        self.life_seconds = 3600.0
        self.hold = asyncio.Event()
        self.hold.set()

    async def fetch(self) -> FetchedToken:
        self.fetched += 1
        await self.hold.wait()
        return FetchedToken(f"token-{self.fetched}", self.life_seconds)

    async def call(self, token: str) -> str:
        if token != f"token-{self.fetched}":
            raise TokenRefused
        return token


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
async def replicas(new_database, pool_of) -> list[Tokens]:
    pool = await pool_of(new_database("provider_stripe"))
    databases = [Database() for _ in range(2)]
    for database in databases:
        database.use(pool)
    return [Tokens("fake", database, KEY_RING) for database in databases]


async def test_all_calls_of_all_replicas_share_one_token(bank, replicas):
    used = await asyncio.gather(*[one.using("acc", bank.fetch, bank.call) for one in replicas for _ in range(20)])
    assert set(used) == {"token-1"}


async def test_a_token_is_fetched_by_one_process_at_a_time(bank, replicas):
    bank.hold.clear()
    first, second = [asyncio.create_task(one.using("acc", bank.fetch, bank.call)) for one in replicas]
    await until(lambda: bank.fetched, what="a fetch")
    bank.hold.set()
    assert await first == await second == "token-1"


@pytest.mark.parametrize("life_seconds", [2.0**63, 1e300, float("inf")])
async def test_a_token_that_is_said_to_be_good_for_ever_is_used(bank, replicas, life_seconds):
    bank.life_seconds = life_seconds
    used = [await one.using("acc", bank.fetch, bank.call) for one in replicas]
    assert (used, bank.fetched) == (["token-1", "token-1"], 1)


async def test_each_account_has_its_own_token(bank, replicas):
    other = Bank()
    await replicas[0].using("acc", bank.fetch, bank.call)
    await replicas[0].using("other", other.fetch, other.call)
    assert (bank.fetched, other.fetched) == (1, 1)


async def test_a_refused_token_is_fetched_anew_once_by_whoever_comes_first(bank, replicas):
    await asyncio.gather(*[one.using("acc", bank.fetch, bank.call) for one in replicas])
    await bank.fetch()  # another system of the same account
    used = await asyncio.gather(*[one.using("acc", bank.fetch, bank.call) for one in replicas for _ in range(5)])
    assert (set(used), bank.fetched) == ({"token-3"}, 3)


async def test_a_token_that_others_end_again_and_again_is_renewed_each_time(bank, replicas):
    for _ in range(3):
        await bank.fetch()
        used = await asyncio.gather(*[one.using("acc", bank.fetch, bank.call) for one in replicas])
        assert set(used) == {f"token-{bank.fetched}"}


async def test_what_refuses_new_tokens_too_has_them_renewed_less_and_less_often(bank, replicas):
    async def refuse(_token: str) -> None:
        raise TokenRefused

    async def left() -> float:
        with pytest.raises(NotSent) as raised:
            await replicas[0].using("acc", bank.fetch, refuse)
        return raised.value.retry_after_seconds

    database = replicas[0]._database
    for fetched in range(2, 9):
        await left()
        rest = await left()
        assert bank.fetched == fetched
        assert await replicas[1].using("acc", bank.fetch, bank.call) == f"token-{fetched}", "other calls go on with it"
        await database.write("UPDATE access_tokens SET rests_until = now()")
    assert 40 < rest <= 60
    await database.write("UPDATE access_tokens SET rests_until = now() - interval '3 minutes'")
    await left()
    assert await left() <= 5


async def test_a_token_is_renewed_before_its_end(bank, replicas):
    bank.life_seconds = 0.0
    await replicas[0].using("acc", bank.fetch, bank.call)
    await replicas[1].using("acc", bank.fetch, bank.call)
    assert bank.fetched == 2


async def test_a_fetch_that_fails_gives_way_at_once_to_the_next(bank, replicas):
    async def fail() -> FetchedToken:
        raise Misconfigured("the secret is wrong")

    with pytest.raises(Misconfigured):
        await replicas[0].using("acc", fail, bank.call)
    assert await replicas[1].using("acc", bank.fetch, bank.call) == "token-1"


async def test_a_process_that_died_in_its_fetch_holds_the_others_up_for_seconds_only(bank, replicas, monkeypatch):
    monkeypatch.setattr(module, "FETCH_SECONDS", 0.2)
    await replicas[0]._database.write(module._BEGIN, module.named("acc"), "the dead", 0.2, 0, 60.0)
    assert await replicas[1].using("acc", bank.fetch, bank.call) == "token-1"


async def test_a_token_rests_sealed(bank, replicas):
    await replicas[0].using("acc", bank.fetch, bank.call)
    row = await replicas[0]._database.reads.fetchrow("SELECT * FROM access_tokens")
    assert "token-1" not in str(dict(row))
    assert "token-1" not in repr(replicas[0].__dict__)


async def test_an_account_that_is_named_by_a_secret_rests_under_a_hash_of_it(bank, replicas):
    await replicas[0].using("consumer-secret", bank.fetch, bank.call)
    row = await replicas[0]._database.reads.fetchrow("SELECT * FROM access_tokens")
    assert "consumer-secret" not in str(dict(row))
    assert "consumer-secret" not in str(replicas[0]._recent.__dict__)


async def test_while_the_database_is_away_nothing_was_sent_and_the_provider_is_not_to_blame(bank, replicas):
    replicas[0]._database.use(None)
    with pytest.raises(NotReady):
        await replicas[0].using("acc", bank.fetch, bank.call)
    assert bank.fetched == 0


async def test_when_the_database_goes_away_during_a_fetch_its_own_failure_is_told(bank, replicas):
    async def fail() -> FetchedToken:
        replicas[0]._database.use(None)
        raise Misconfigured("the secret is wrong")

    async def succeed() -> FetchedToken:
        replicas[1]._database.use(None)
        return await bank.fetch()

    with pytest.raises(Misconfigured):
        await replicas[0].using("acc", fail, bank.call)
    with pytest.raises(NotReady):
        await replicas[1].using("another", succeed, bank.call)
