"""Stores of a stack with --secure: PostgreSQL and Redis, the real ones, by TLS and with passwords."""

import signal
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError

from malipo_local import Stack
from malipo_local.authority import Authority
from malipo_local.connection import connected

pytestmark = pytest.mark.timeout(180)


def without_words(url: str) -> str:
    return url.partition("?")[0]


def trusting(url: str, certificate: Path) -> str:
    place, _, _ = url.rpartition("=")
    return f"{place}={certificate}"


async def ask_postgresql(url: str) -> str:
    async with connected(url) as connection:
        return await connection.fetchval("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")


async def ask_redis(url: str) -> bool:
    async with Redis.from_url(url) as redis:
        return await redis.ping()


async def test_postgresql_takes_tls_alone_and_nobody_without_the_password(secure_stores: Stack, tmp_path: Path) -> None:
    url = secure_stores.env()["DATABASE_SERVER_URL"]
    assert await ask_postgresql(url) == "TLSv1.3"
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match="no encryption"):
        await ask_postgresql(f"{without_words(url)}?sslmode=disable")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask_postgresql(url.replace("//malipo:", "//malipo:un"))
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        await ask_postgresql(trusting(url, Authority(tmp_path / "another").certificate))


async def test_redis_takes_tls_alone_and_nobody_without_the_password(secure_stores: Stack, tmp_path: Path) -> None:
    assert await ask_redis(secure_stores.redis_url)
    with pytest.raises(RedisError):
        await ask_redis(without_words(secure_stores.redis_url).replace("rediss://", "redis://"))
    with pytest.raises(AuthenticationError):
        await ask_redis(secure_stores.redis_url.replace("//:", "//:un"))
    with pytest.raises(RedisError, match="CERTIFICATE_VERIFY_FAILED"):
        await ask_redis(trusting(secure_stores.redis_url, Authority(tmp_path / "another").certificate))


async def test_a_secure_store_that_is_killed_comes_back_where_it_was(secure_stores: Stack) -> None:
    url = secure_stores.env()["DATABASE_SERVER_URL"]
    for name in ("postgres", "redis"):
        before = secure_stores.pid(name)
        secure_stores.kill(name, signal.SIGKILL)
        secure_stores.wait_ready(name, timeout=60)
        assert secure_stores.pid(name) != before
    assert await ask_postgresql(url) == "TLSv1.3"
    assert await ask_redis(secure_stores.redis_url)


def test_passwords_are_on_no_command_line(secure_stores: Stack) -> None:
    passwords = {secure_stores.home.password(whose) for whose in ("malipo", "redis")}
    supervisor = psutil.Process(secure_stores.pid("redis")).parent()
    assert supervisor is not None
    lines = [" ".join(process.cmdline()) for process in supervisor.children(recursive=True)]
    assert len(lines) > 2
    assert not [line for line in lines for password in passwords if password in line]
