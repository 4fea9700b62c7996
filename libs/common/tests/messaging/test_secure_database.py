"""A database that takes TLS alone, and knows who migrates it from who serves with it."""

import asyncio
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from malipo.messaging.pool import connected, create_pool
from malipo.messaging.runtime import Runtime
from malipo.platform import migrations
from malipo.platform.settings import ServiceSettings
from malipo_local import Stack
from malipo_local.authority import Authority
from malipo_local.roles import Roles, establish
from testkit.waiting import until


async def established(stack: Stack, service: str) -> tuple[str, str]:
    """The URLs of a service's database for who owns it and for who serves, before any migration."""
    roles = Roles.of(service)
    passwords = {role: stack.home.password(role) for role in (roles.owns, roles.serves)}
    server = stack.env()["DATABASE_SERVER_URL"]
    await establish(lambda database: server.replace("/postgres?", f"/{database}?"), [roles], passwords)
    serves = stack.database_url(service)
    login = "{0}:{1}".format
    as_owner = login(roles.owns, passwords[roles.owns])
    return serves.replace(login(roles.serves, passwords[roles.serves]), as_owner), serves


@pytest.fixture
async def urls(secure_stores) -> tuple[str, str]:
    return await established(secure_stores, "orchestrator")


def runtime_of(url: str) -> Runtime:
    settings = ServiceSettings(database_url=url, kafka_bootstrap="127.0.0.1:1", environment="test")
    return Runtime("test", settings)


async def test_the_same_words_of_a_url_migrate_serve_and_relay(urls):
    owner, serves = urls
    await _in_a_thread(migrations.migrate, "orchestrator", owner)
    await _in_a_thread(migrations.migrate, "orchestrator", owner)
    await _in_a_thread(migrations.check, "orchestrator", owner)
    pool = await create_pool(serves, 2)
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert await connection.fetchval("SELECT count(*) FROM outbox") == 0
    pool.terminate()
    async with connected(serves) as connection:
        assert await connection.fetchval("SELECT current_user") == "malipo_orchestrator"


async def test_who_serves_cannot_migrate(secure_stores):
    _, serves = await established(secure_stores, "gateway")
    environment = os.environ | {"DATABASE_URL": serves, "ENVIRONMENT": "production"}
    command = [sys.executable, "-m", "gateway", "migrate"]
    done = await _in_a_thread(partial(subprocess.run, capture_output=True, text=True), command, env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("setting DATABASE_URL: its role may not change tables")


async def test_a_service_that_is_refused_says_why_and_is_ready_once_that_is_mended(urls, tmp_path):
    owner, serves = urls
    await _in_a_thread(migrations.migrate, "orchestrator", owner)
    trusted = serves.rpartition("=")[2]
    mine = tmp_path / "ca.pem"
    mine.write_bytes(Authority(tmp_path / "another").certificate.read_bytes())
    runtime = runtime_of(serves.replace(trusted, str(mine)))
    with capture_logs() as lines:
        async with runtime.running():
            await until(lambda: "certificate verify failed" in _problem(runtime), what="the reason")
            mine.write_bytes(Path(trusted).read_bytes())
            await until(lambda: _problem(runtime) == "", seconds=30, what="ready")
    assert [line["event"] for line in lines].count("database away") == 1


async def test_a_wrong_password_is_told_without_it(urls):
    _, serves = urls
    runtime = runtime_of(serves.replace("malipo_orchestrator:", "malipo_orchestrator:un"))
    with capture_logs() as lines:
        async with runtime.running():
            await until(lambda: "password authentication failed" in _problem(runtime), what="the reason")
    assert [line["event"] for line in lines].count("database away") == 1
    password = serves.partition("malipo_orchestrator:")[2].partition("@")[0]
    assert password not in str(lines) + _problem(runtime)


def _problem(runtime: Runtime) -> str:
    return runtime.health.problems().get("database", "")


async def _in_a_thread(work, *arguments, **options):
    """Migrations have an event loop of their own."""
    return await asyncio.to_thread(work, *arguments, **options)
