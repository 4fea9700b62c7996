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


async def migrate(url: str, service: str = "gateway") -> subprocess.CompletedProcess[str]:
    """As a platform engineer does it."""
    environment = os.environ | {"DATABASE_URL": url, "ENVIRONMENT": "production"}
    command = [sys.executable, "-m", service, "migrate"]
    return await _in_a_thread(partial(subprocess.run, capture_output=True, text=True), command, env=environment)


async def test_whoever_migrates_is_told_what_was_done(secure_stores):
    owner, _ = await established(secure_stores, "webhook-dispatcher")
    first, second = [await migrate(owner, "webhook_dispatcher") for _ in range(2)]
    assert (first.returncode, first.stdout, first.stderr) == (0, "at 0001\n", "")
    assert (second.returncode, second.stdout, second.stderr) == (0, "nothing to do: at 0001\n", "")


async def test_who_serves_cannot_migrate(secure_stores):
    _, serves = await established(secure_stores, "gateway")
    assert (await not_migrated(serves)).startswith(
        "DATABASE_URL's role malipo_gateway may not change tables; to migrate takes malipo_gateway_owner"
    )


async def test_a_database_of_a_newer_release_is_not_migrated(secure_stores):
    owner, _ = await established(secure_stores, "provider-bank")
    assert (await migrate(owner, "provider_bank")).returncode == 0
    async with connected(owner) as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "'9999'" in await not_migrated(owner, "provider_bank")


async def test_a_database_that_cannot_be_reached_for_a_migration_is_told_in_one_line(urls, tmp_path):
    owner, _ = urls
    place = owner.partition("@")[2].partition("/")[0]
    trusted = owner.rpartition("=")[2]
    another = str(Authority(tmp_path / "another").certificate)
    assert (await not_migrated(owner.replace(trusted, another))).startswith(
        f"{place} shows a certificate that is not accepted: "
    )
    assert await not_migrated(owner.replace("_owner:", "_owner:un")) == (
        f"{place} refuses DATABASE_URL's role or password: "
        'password authentication failed for user "malipo_orchestrator_owner"'
    )
    assert (await not_migrated(owner.replace(place, "db.invalid"))).startswith("db.invalid:5432 is not reached: ")
    assert await not_migrated(owner.replace(place, "127.0.0.1:1")) == "127.0.0.1:1 is not reached: Connection refused"
    assert await not_migrated(owner.replace("/malipo_orchestrator?", "/nothing?")) == (
        f'{place} refuses DATABASE_URL: database "nothing" does not exist'
    )


async def not_migrated(url: str, service: str = "gateway") -> str:
    """Why, which is all that is printed; the password is not in it."""
    done = await migrate(url, service)
    assert (done.returncode, done.stdout) == (1, "")
    assert url.partition("@")[0].rpartition(":")[2] not in done.stderr
    assert done.stderr.startswith("not migrated: ")
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("not migrated: ").rstrip("\n")


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
