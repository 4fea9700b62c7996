"""What a pooler such as PgBouncer before PostgreSQL changes, and what not."""

import asyncio
import os
import subprocess
import sys

import asyncpg
import pytest
from pooler import pooler

from malipo.contracts.commands import CancelPayment
from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.messaging import relay as relay_module
from malipo.messaging.relay import Relay, session
from malipo.messaging.runtime import Runtime
from malipo.messaging.security import KafkaAccess
from malipo.platform.settings import ServiceSettings
from testkit.owning import owners
from testkit.waiting import until

REFUSED = "DATABASE_URL leads to a pooler in transaction mode: Malipo needs PostgreSQL itself, or session mode"

_SHOWN = "SELECT name, setting FROM pg_settings WHERE source IN ('client', 'session') AND name <> 'client_encoding'"


@pytest.fixture
def url(new_database):
    return new_database("orchestrator")


async def test_a_session_through_a_pooler_that_passes_on_no_parameters_is_kept_as_one_with_postgresql_itself(url):
    async with pooler(url, shares=False) as before, session(url) as direct, session(before.url) as pooled:
        kept = await pooled.fetch(_SHOWN)
        assert kept == await direct.fetch(_SHOWN)
        assert dict(kept)["idle_session_timeout"] == "15000"


async def test_a_service_is_not_ready_while_its_sessions_are_others_too_and_sets_nothing_in_them(url):
    async with pooler(url, shares=True) as before:
        settings = ServiceSettings(database_url=before.url, kafka_bootstrap="127.0.0.1:1", environment="test")
        runtime = Runtime("test", settings)
        async with runtime.running():
            await until(lambda: REFUSED in runtime.health.problems().get("database", ""), what="the reason")
            others = await asyncpg.connect(before.url)
            assert not set(dict(await others.fetch(_SHOWN))) & {"enable_seqscan", "idle_session_timeout"}
            others.terminate()
            before.shares = False
            await until(lambda: "database" not in runtime.health.problems(), what="ready")


async def test_a_service_that_runs_is_not_ready_once_what_it_sends_was_read_in_a_session_of_others(
    stores, url, monkeypatch
):
    lock = relay_module._LOCK.replace("pg_backend_pid()", "0")
    assert lock != relay_module._LOCK
    monkeypatch.setattr(relay_module, "_LOCK", lock)
    settings = ServiceSettings(database_url=url, kafka_bootstrap=stores.kafka, environment="test")
    runtime = Runtime("test", settings)
    async with runtime.running():
        await until(lambda: not runtime.health.problems(), what="ready")
        async with runtime.database.begin() as unit:
            unit.send(PAYMENT_COMMANDS, "pay", CancelPayment(payment_id="pay", cancel_id="can"))
        await until(lambda: runtime.health.problems().get("database", "").startswith(REFUSED), what="not ready")
        assert await runtime.database.reads.fetchval("SELECT count(*) FROM outbox") == 1


async def test_a_relay_that_has_lost_its_session_takes_none_that_others_have_too(stores, url):
    async with pooler(url, shares=True) as before:
        relay = Relay(before.url, KafkaAccess(stores.kafka), "test")
        task = asyncio.create_task(relay.run())
        try:
            await until(lambda: relay.problem is not None, what="the problem")
            assert relay.problem.startswith(REFUSED)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def run(url: str, command: str) -> subprocess.CompletedProcess:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "orchestrator", command],
        env=os.environ | {"DATABASE_URL": url, "ENVIRONMENT": "test"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("command", "not_done"), [("retention", "not done"), ("migrate", "not migrated")])
async def test_a_command_of_the_owners_is_refused_where_its_session_is_others_too_and_locks_nobody_out(
    url, command, not_done
):
    async with pooler(owners(url), shares=True) as before:
        refused = await run(before.url, command)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"{not_done}: {REFUSED}")
        assert (await run(owners(url), "retention")).stderr == ""


async def test_a_command_of_the_owners_works_through_a_pooler_that_gives_each_a_session(url):
    async with pooler(owners(url), shares=False) as before:
        for command in ("migrate", "retention"):
            done = await run(before.url, command)
            assert (done.returncode, done.stderr) == (0, "")
