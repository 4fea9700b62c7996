"""Fixtures for every test: real PostgreSQL, Redis and Kafka, started once, databases made per test."""

import asyncio
import itertools
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml

from malipo.messaging.pool import Pool, create_pool
from malipo.messaging.provision import provision
from malipo.messaging.security import KafkaAccess
from malipo.platform import migrations
from malipo_local import Stack, scratch
from malipo_local.connection import connected
from malipo_local.ports import free_port
from malipo_local.roles import Roles, establish

ROOT = Path(__file__).parent
_ORDER = (
    "tests/chaos/test_matrix.py",
    "tests/chaos/test_broken_builds.py",
    "tests/openapi/test_openapi.py",
    "tests/scaffold/test_written_provider.py",
    "tests/compose/test_compose.py",
    "tests/operations/test_restore.py",
    "tests/operations/test_upgrade.py",
    "",  # all others
    "tests/e2e/test_unreadable.py",
    "tests/e2e/test_lost_records.py",
    "tests/e2e/test_payments.py",
    "tests/e2e/test_mpesa.py",
    "tests/e2e/test_paypal.py",
    "tests/e2e/test_bank.py",
    "tests/e2e/test_expiry.py",
    "tests/e2e/test_replicas.py",
    "tests/e2e/test_kills.py",
    "tests/e2e/test_paypal_webhooks.py",
    "tests/e2e",
)
"""Processes share the tests by files: what takes minutes begins first, or one runs it alone in the end. Of stories, whose stack
stays up, none begins before the last; short ones end together."""
_COMPLAINT = re.compile("PANIC|FATAL|terminated|terminating|signal|crash|recovery")


pytest.register_assert_rewrite("testkit")  # a law that is broken shows what was there instead

# No example is held to a time: machines do much else beside.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


@dataclass
class Databases:
    """Makes databases on one server by copying one that was migrated once per package, by the role that owns it.

    All roles have one password (`testkit.owning` counts on that).
    """

    server: str
    """The URL of the server for its administrator, without a database."""
    _password: str = field(default_factory=secrets.token_hex, repr=False)
    _templates: dict[str, str] = field(default_factory=dict[str, str])
    _numbers: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    def make(self, package: str) -> str:
        """A fresh database with the package's schema; answers its URL, for the role that the service has."""
        with ThreadPoolExecutor(1) as outside_the_event_loop:
            return outside_the_event_loop.submit(self._make, package).result()

    def drop(self, urls: Iterable[str]) -> None:
        """Remove these, whoever is still connected to them."""
        with ThreadPoolExecutor(1) as outside_the_event_loop:
            outside_the_event_loop.submit(asyncio.run, self._drop(urls)).result()

    def _make(self, package: str) -> str:
        if package not in self._templates:
            self._templates[package] = self._make_template(package)
        roles = Roles.of(package, f"{package}_{self._numbers()}")
        asyncio.run(self._copy(self._templates[package], roles))
        return self._url(roles.database, roles.serves)

    def _make_template(self, package: str) -> str:
        roles = Roles.of(package, f"template_{package}")
        passwords = dict.fromkeys((roles.owns, roles.serves), self._password)
        asyncio.run(establish(lambda database: f"{self.server}/{database}", [roles], passwords))
        migrations.migrate(package, self._url(roles.database, roles.owns))
        return roles.database

    def _url(self, database: str, role: str) -> str:
        return f"postgresql://{role}:{self._password}@{self.server.rpartition('@')[2]}/{database}"

    async def _copy(self, template: str, roles: Roles) -> None:
        async with connected(f"{self.server}/postgres") as server:
            await server.execute(
                f"CREATE DATABASE {roles.database} TEMPLATE {template} OWNER {roles.owns} STRATEGY FILE_COPY"
            )

    async def _drop(self, urls: Iterable[str]) -> None:
        async with connected(f"{self.server}/postgres") as server:
            for url in urls:
                await server.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")


@dataclass(frozen=True)
class Stores:
    """The running stores."""

    kafka: str
    redis_url: str
    databases: Databases


def pytest_configure(config: pytest.Config) -> None:
    """What a test throws away goes where that costs least, and into a folder of this run's own.

    In one that runs share, each as it begins closes all to other users: the PostgreSQL of those that run already, which may be
    another user's, ends at its next checkpoint, as its files are out of reach.
    """
    os.environ["TMPDIR"] = tempfile.tempdir = str(scratch.folder())
    if not hasattr(config, "workerinput"):  # the processes of one run share its folder
        os.environ["PYTEST_DEBUG_TEMPROOT"] = root = tempfile.mkdtemp(prefix="malipo-tests-")
        config.add_cleanup(partial(shutil.rmtree, root, ignore_errors=True))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest first, and the shortest last; without `--whole`, what is marked so is skipped."""
    items.sort(key=lambda item: _place(item.path.relative_to(ROOT).as_posix()))
    if not config.getoption("--whole"):
        for item in items:
            if item.get_closest_marker("whole"):
                item.add_marker(pytest.mark.skip(reason="takes minutes: `--whole` runs it (CONTRIBUTING.md)"))


def _place(path: str) -> int:
    named = max((start for start in _ORDER if path.startswith(start)), key=len)
    return _ORDER.index(named)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stores",
        choices=["local", "containers"],
        default="local",
        help="where PostgreSQL, Redis and Kafka come from: packages on this machine, or production's images by Docker",
    )
    parser.addoption("--whole", action="store_true", help="run all of what `make test` has a sample of")


@pytest.fixture(scope="session")
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether all is run, and not only the sample that `make test` has."""
    return request.config.getoption("--whole")


@pytest.fixture(scope="session")
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Stores]:
    if request.config.getoption("--stores") == "containers":
        addresses = in_containers()
    else:
        addresses = on_this_machine(tmp_path_factory.mktemp("stores"), request.session)
    with addresses as (postgres, kafka, redis_url):
        asyncio.run(provision(KafkaAccess(kafka), 1))
        yield Stores(kafka, redis_url, Databases(postgres))


@pytest.fixture(scope="session")
def secure_stores(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """PostgreSQL and Redis that take TLS alone, and nobody without a password."""
    with Stack(home=tmp_path_factory.mktemp("secure"), only={"postgres", "redis"}, secure=True) as stack:
        yield stack


@pytest.fixture
def new_database(stores: Stores) -> Generator[Callable[[str], str]]:
    """Makes databases with a package's schema, answers their URLs, and drops them with the test."""
    urls: list[str] = []

    def make(package: str) -> str:
        urls.append(stores.databases.make(package))
        return urls[-1]

    yield make
    stores.databases.drop(urls)


@contextmanager
def on_this_machine(home: Path, session: pytest.Session) -> Generator[tuple[str, str, str]]:
    """Where PostgreSQL, Kafka and Redis are, started by deploy/local. After a failure, what PostgreSQL complained of is shown."""
    with Stack(home=home, only={"postgres", "redis", "kafka"}) as stack:
        yield stack.env()["DATABASE_SERVER_URL"].rsplit("/", 1)[0], stack.kafka, stack.redis_url
        if session.testsfailed:
            lines = stack.log_path("postgres").read_text("utf-8", "replace").splitlines()
            with session.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
                complaints = [line for line in lines if _COMPLAINT.search(line)]
                print("\npostgres:", *complaints[-20:], sep="\n")  # noqa: T201


@contextmanager
def in_containers() -> Generator[tuple[str, str, str]]:
    """The same from the images that production runs, docker-compose.yml's; needs a Docker engine."""
    from testcontainers.community.postgres import PostgresContainer
    from testcontainers.community.redis import RedisContainer

    services = yaml.safe_load(as_set((ROOT / "docker-compose.yml").read_text("utf-8")))["services"]
    postgres = PostgresContainer(services["postgres"]["image"], driver=None)
    postgres.with_command("postgres -c fsync=off -c max_connections=400")  # hundreds of databases, and none survives
    redis = RedisContainer(services["redis"]["image"])
    with postgres, redis, kafka_in_a_container(services["kafka"]) as kafka:
        server = postgres.get_connection_url().rsplit("/", 1)[0]
        address = f"redis://{redis.get_container_host_ip()}:{redis.get_exposed_port(6379)}/0"
        yield server, kafka, address


def as_set(compose: str) -> str:
    """The file's text with each `${NAME:-value}` as the environment has it, or else the value."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: os.environ.get(found[1]) or found[2], compose)


@contextmanager
def kafka_in_a_container(service: dict[str, Any]) -> Generator[str]:
    """Where a Kafka with compose's settings is; a client goes on to where Kafka calls itself, so the port is chosen before."""
    from testcontainers.core.container import DockerContainer

    port = free_port()
    address = f"localhost:{port}"
    container = DockerContainer(service["image"]).with_bind_ports(9092, port)
    container.with_envs(**service["environment"] | {"KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{address}"})
    with container:  # who makes the topics waits until it answers
        yield address


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
