"""A service's parts as they start."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import pytest

from malipo import ids
from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.messaging.runtime import Runtime
from malipo.messaging.subscription import Subscription
from malipo.platform.settings import ServiceSettings
from testkit.owning import as_owner
from testkit.service import client_of
from testkit.waiting import until


def settings_of(stores, url: str) -> ServiceSettings:
    return ServiceSettings(database_url=url, kafka_bootstrap=stores.kafka, environment="test")


async def test_a_service_whose_database_is_created_later_becomes_ready_by_itself(stores, new_database):
    server = stores.databases.server
    name = f"later_{ids.token(4)}"
    runtime = Runtime("test", settings_of(stores, f"{server}/{name}"))
    async with runtime.running():
        await until(lambda: "database" in runtime.health.problems(), what="not ready")
        connection = await asyncpg.connect(f"{server}/postgres")
        template = new_database("orchestrator").rpartition("/")[2]
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        await connection.close()
        await until(lambda: not runtime.health.problems(), what="ready")


async def test_a_service_that_may_not_read_its_tables_any_more_is_not_ready_and_says_so(stores, new_database):
    url = new_database("orchestrator")
    runtime = Runtime("test", settings_of(stores, url))
    async with runtime.running():
        await until(lambda: "database" not in runtime.health.problems(), what="ready")
        await as_owner(url, "ALTER TABLE outbox RENAME TO outbox_of_another_release")
        await until(lambda: "PostgreSQL refuses" in runtime.health.problems().get("database", ""), what="not ready")


async def test_a_service_that_is_called_starts_to_store_though_no_broker_answers(new_database):
    settings = ServiceSettings(
        database_url=new_database("orchestrator"), kafka_bootstrap="127.0.0.1:1", environment="test"
    )
    runtime = Runtime("test", settings)
    runtime.subscribe(Subscription("trials", (PAYMENT_COMMANDS,), handle=None), called=True)
    async with runtime.running():
        await until(lambda: not runtime.health.problems(), what="ready")
        assert runtime.health.warnings() == {"kafka": "Kafka away: no broker answers at 127.0.0.1:1"}


async def test_a_page_with_a_slash_behind_it_is_none_and_leads_nowhere(stores):
    runtime = Runtime("test", settings_of(stores, "postgresql://nobody@127.0.0.1:1/x"))
    async with client_of(runtime.application().admin) as http:
        answer = await http.get("/health/live/", headers={"Host": "elsewhere.example"})
        assert (await http.get("/health/live")).status_code == 200
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


def test_a_loop_with_a_name_that_is_taken_is_refused(stores):
    runtime = Runtime("test", settings_of(stores, "postgresql://nobody@127.0.0.1:1/x"))
    with pytest.raises(ValueError, match="relay"):
        runtime.loop("relay", runtime.relay.run)


async def test_a_loop_that_fails_as_it_stops_is_not_begun_anew(stores, new_database):
    runtime, began = Runtime("test", settings_of(stores, new_database("orchestrator"))), []

    async def fail_at_the_end() -> None:
        began.append(None)
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError

    runtime.loop("at fault", fail_at_the_end)
    async with AsyncExitStack() as stopping:
        await stopping.enter_async_context(runtime.running())
        await until(lambda: began, what="the loop runs")
        async with asyncio.timeout(20):
            await stopping.aclose()
    assert len(began) == 1
