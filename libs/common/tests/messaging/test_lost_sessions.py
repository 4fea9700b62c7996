"""PostgreSQL ends sessions in the middle of whatever: that is never the fault of a message, a row or a request."""

import asyncio
from collections import Counter

import asyncpg
import pytest

from malipo.messaging.database import Database
from malipo.messaging.pool import AWAY, blames_message, create_pool, when_back
from malipo.messaging.runtime import Runtime
from malipo.platform.settings import ServiceSettings
from testkit.waiting import until

WRITERS = 8
ENDED_TIMES = 20


async def end_all_others(connection) -> None:
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


@pytest.fixture
async def database(new_database):
    url = new_database("orchestrator")
    pool = await create_pool(url, WRITERS)
    opened = Database()
    opened.use(pool)
    yield opened, url
    pool.terminate()


async def test_whenever_a_session_is_ended_its_unit_is_to_be_tried_again(database):
    opened, url = database
    over = asyncio.Event()
    committed, raised = Counter[str](), Counter[str]()

    async def keep_asking() -> None:
        while not over.is_set():
            try:
                async with opened.begin() as unit:
                    for _ in range(3):
                        await unit.transaction.fetch("SELECT pg_sleep(0.001)")
                committed["units"] += 1
            except AWAY:
                raised["away"] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is tested
                raised[repr(error)] += 1

    asking = [asyncio.create_task(keep_asking()) for _ in range(WRITERS)]
    operator = await asyncpg.connect(url)
    for _ in range(ENDED_TIMES):
        enough = committed["units"] + WRITERS
        await end_all_others(operator)
        await until(lambda enough=enough: committed["units"] > enough, what="units again")
    over.set()
    await asyncio.gather(*asking)
    await operator.close()
    assert set(raised) == {"away"}


@pytest.mark.parametrize(
    ("error", "blamed"),
    [
        (asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"), False),
        (asyncpg.InterfaceError("cannot perform operation: another operation is in progress"), False),
        (asyncpg.exceptions._base.DataError("invalid input for query argument $1"), True),
        (asyncpg.CheckViolationError("too long"), True),
        (asyncpg.DiskFullError("no space left"), False),
        (ValueError("a bug, or a message like no other"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_message_is_blamed_for_what_is_wrong_with_it_alone(error, blamed):
    assert blames_message(error) is blamed


async def test_what_must_not_be_lost_is_written_again_whatever_ended_its_session():
    errors = [asyncpg.InternalClientError("cannot switch to state 12"), asyncpg.AdminShutdownError("terminated")]

    async def write() -> str:
        if errors:
            raise errors.pop()
        return "written"

    assert await when_back(write, "an answer") == "written"


async def test_a_service_whose_database_takes_no_writes_is_not_ready_until_it_does(stores, new_database):
    url = new_database("orchestrator")
    settings = ServiceSettings(database_url=url, kafka_bootstrap=stores.kafka, environment="test")
    runtime = Runtime("test", settings)
    name = url.rpartition("/")[2]
    operator = await asyncpg.connect(f"{stores.databases.server}/{name}")
    async with runtime.running():
        await until(lambda: not runtime.health.problems(), what="ready")
        await operator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await end_all_others(operator)
        await until(lambda: "read-only" in runtime.health.problems().get("database", ""), what="not ready")
        await operator.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await end_all_others(operator)
        await until(lambda: not runtime.health.problems(), what="ready again")
    await operator.close()
