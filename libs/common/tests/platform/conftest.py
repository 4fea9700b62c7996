"""Files as settings name them, and a database whose tables are kept by month."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest

from malipo import ids
from malipo.platform import partitions
from malipo.platform.months import Month
from malipo.platform.retention import Keeper
from malipo_local.authority import Authority
from testkit.owning import owners

PAYMENT = """
INSERT INTO payments (id, merchant_id, mode, amount_minor, currency, method, capture, config_version, account, late_payments,
    metadata, expires_at, created_at, state, captured_minor, had_money, known_references, step, event_sequence, attempt,
    confirms, confirming, queries, unanswered, asked_step, updated_at, unclear, begun, save_method, subject)
VALUES ($1, 'mer', 'test', 100, 'USD', '{}', 'automatic', 1, 'default', 'keep', '{}', $2, $2, 'completed', 100, true, '[]',
    1, 1, 1, 0, false, 0, false, 0, $2, false, true, false, 'payment')
"""
STEP = """
INSERT INTO history (payment_id, step, from_state, to_state, trigger, source, cause_message_id, contradiction, occurred_at,
    message, message_id, recorded_at)
VALUES ($1, $2, 'processing', 'completed', 'succeeded', 'attempt', 'msg', false, $3, 'said "once", and, twice', 'msg', $3)
"""


class World:
    """An orchestrator's database, as the role that owns its tables sees it."""

    def __init__(self, url: str, connection, now: datetime) -> None:
        self.url = url
        self.connection = connection
        self.now = Month.of(now)

    def ago(self, months: int) -> Month:
        return self.now.plus(-months)

    async def made(self, table, *months: int) -> None:
        for ago in months:
            await partitions.make(self.connection, table, self.ago(ago))

    async def months(self, table) -> list[Month]:
        return [month for month in await partitions.held(self.connection, table) if month <= self.now]

    async def receive(self, months_ago: int, received: int | None = None) -> str:
        """One message, made so many months ago and `received` then, or as many months ago as this says."""
        made = self.ago(months_ago).begins
        message_id = ids.new("msg", made)
        at = self.ago(months_ago if received is None else received).begins
        await self.connection.execute("INSERT INTO inbox VALUES ('some.consumer', $1, $2)", message_id, at)
        return message_id

    async def pay(self, months_ago: int, *, recorded: int | None = None, prefix: str = "pay") -> str:
        """A payment that has ended, with one step."""
        payment_id = ids.new(prefix, self.ago(months_ago).begins)
        await self.connection.execute(PAYMENT, payment_id, self.ago(months_ago).begins)
        await self.step(payment_id, months_ago if recorded is None else recorded)
        return payment_id

    async def step(self, payment_id: str, months_ago: int, number: int = 1) -> None:
        await self.connection.execute(STEP, payment_id, number, self.ago(months_ago).begins)

    async def count(self, table: str) -> int:
        return await self.connection.fetchval(f"SELECT count(*) FROM {table}")

    async def lose_months(self, table) -> None:
        for month in await partitions.held(self.connection, table):
            await self.connection.execute(f"DROP TABLE {table.part(month)}")

    def keeper(self, *of_tables, days: int | None = 200, archive: Path | None = None) -> Keeper:
        return Keeper(self.connection, "orchestrator", of_tables, {one.name: days for one in of_tables}, archive)

    async def retire(self, *of_tables, **options) -> tuple[bool, str]:
        told: list[str] = []
        gone = await self.keeper(*of_tables, **options).retire(told.append)
        return gone, "\n".join(told)


@pytest.fixture
def files(tmp_path) -> dict[str, str]:
    """An authority, a client's certificate with its key, another client's key, what is no certificate, and what is not there."""
    authority = Authority(tmp_path / "tls")
    own, other = authority.client("gateway"), authority.client("orchestrator")
    (tmp_path / "note.pem").write_text("no certificate\n")
    paths = {"ca": authority.certificate, "note": tmp_path / "note.pem", "nowhere": tmp_path / "nowhere.pem"}
    paths |= {"own": own.certificate, "key": own.key, "other_key": other.key}
    return {name: str(path) for name, path in paths.items()}


@asynccontextmanager
async def installed(url: str) -> AsyncGenerator[World]:
    connection = await asyncpg.connect(owners(url))
    try:
        yield World(url, connection, await connection.fetchval("SELECT now()"))
    finally:
        await connection.close()


@pytest.fixture
async def world(new_database) -> AsyncGenerator[World]:
    async with installed(new_database("orchestrator")) as world:
        yield world


@pytest.fixture
async def another(new_database) -> AsyncGenerator[World]:
    """Another installation's."""
    async with installed(new_database("orchestrator")) as world:
        yield world
