"""Fixtures for every test: real PostgreSQL, Redis and Kafka, started once, databases made per test."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from malipo.messaging.database import Pool, create_pool
from malipo.messaging.provision import provision
from malipo.platform import migrations
from malipo_local import Stack


@dataclass
class Databases:
    """Makes databases by copying one that was migrated once per package."""

    stack: Stack
    _templates: dict[str, str] = field(default_factory=dict[str, str])
    _numbers: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    def make(self, package: str) -> str:
        """A fresh database with the package's schema; answers its URL."""
        with ThreadPoolExecutor(1) as outside_the_event_loop:
            return outside_the_event_loop.submit(self._make, package).result()

    def _make(self, package: str) -> str:
        if package not in self._templates:
            template = f"template_{package}"
            migrations.migrate(package, self.stack.create_database(template))
            self._templates[package] = template
        name = f"{package}_{self._numbers()}"
        asyncio.run(self._copy(self._templates[package], name))
        return f"{self._server}/{name}"

    @property
    def _server(self) -> str:
        return self.stack.create_database("spare").rsplit("/", 1)[0]

    async def _copy(self, template: str, name: str) -> None:
        connection = await asyncpg.connect(f"{self._server}/spare")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        await connection.close()


@dataclass(frozen=True)
class Stores:
    """The running stores; `database(package)` makes a fresh, migrated database and answers its URL."""

    kafka: str
    redis_url: str
    database: Callable[[str], str]


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stores]:
    home: Path = tmp_path_factory.mktemp("stores")
    with Stack(home=home, only={"postgres", "redis", "kafka"}) as stack:
        asyncio.run(provision(stack.kafka, 1))
        yield Stores(stack.kafka, stack.redis_url, Databases(stack).make)


@pytest.fixture
async def pool_of() -> AsyncGenerator[Callable[[str], Awaitable[Pool]]]:
    """Opens pools that are closed with the test."""
    pools: list[Pool] = []

    async def open_pool(url: str) -> Pool:
        pools.append(await create_pool(url, 5))
        return pools[-1]

    yield open_pool
    for pool in pools:
        pool.terminate()
