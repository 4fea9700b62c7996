"""The chart's containers run: hooks first, then services, then a payment goes through."""

import asyncio
import base64
import contextlib
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from aiokafka.admin import AIOKafkaAdminClient

from compose.project import Project, engine
from helm.contained import Contained
from helm.processes import Failed
from helm.release import Release
from helm.rendering import CHART, Object, render
from malipo.ids import random_bytes
from malipo_local import Stack
from malipo_local.authority import trusted
from malipo_local.connection import connected
from malipo_local.go_tools import NoGo
from malipo_local.kafka_security import ADMIN, password_of
from malipo_local.merchant import DemoMerchant
from malipo_local.roles import Roles, establish
from testkit.access import access

_TLS = "/etc/malipo/tls"
SERVICES = ("gateway", "orchestrator", "provider-stripe", "webhook-dispatcher")
_SECONDS = 60.0

pytestmark = pytest.mark.timeout(900)  # the first time programs are built
_MAKES_DUE = {
    "orchestrator": "INSERT INTO timers SELECT id, id, now() FROM payments LIMIT 1",
    "provider-stripe": (
        "UPDATE attempts SET done_at = NULL, due_at = now(), lease_token = NULL, lease_until = NULL "
        "WHERE id = (SELECT min(id) FROM attempts WHERE kind = 'charge')"
    ),
    "webhook-dispatcher": (
        "UPDATE deliveries SET state = 'pending', ended_at = NULL, due_at = now(), lease_token = NULL, lease_until = NULL "
        "WHERE delivery_id = (SELECT min(delivery_id) FROM deliveries)"
    ),
}
"""Gives a service one piece of work that is due, of what it has done."""
_BY_THE_ADMINISTRATOR = {
    "existingSecret": "topics",
    "kafkaUsername": ADMIN,
    "saslMechanism": "PLAIN",
    "acls": True,
    "replication": 1,
}


class Shop:
    """Stores as a production's, TLS alone and a password for everybody, and what a cluster has before the chart comes."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.ca = trusted(stack.home.tls)
        roles = [Roles.of(name) for name in SERVICES]
        passwords = {role: stack.home.password(role) for one in roles for role in (one.owns, one.serves)}
        asyncio.run(establish(self._administrators, roles, passwords))

    def values(self) -> dict[str, Any]:
        """The chart's values."""
        services: dict[str, dict[str, Any]] = {
            name: {"enabled": True, "existingSecret": name, "ownerSecret": f"{name}-owner"} for name in SERVICES
        }
        sealing = {"settings": {"ALLOW_LOOPBACK": True}}
        services["gateway"] |= sealing
        services["webhook-dispatcher"] |= sealing
        services["provider-stripe"] |= {"settings": {"STRIPE_API_BASE": self.stack.reserved_url("stripe-sim")}}
        authority = {"configMap": "authority"}
        return {
            "environment": "test",  # the stand-ins speak no TLS, and are on this machine
            "kafka": {"bootstrap": self.stack.kafka, "ca": authority},
            "database": {"ca": authority},
            "redis": {"ca": authority},
            "keyRing": {"existingSecret": "keys"},
            "topics": _BY_THE_ADMINISTRATOR,
            "drainSeconds": 0,
            "shells": ["orchestrator", "topics"],
            "services": services,
        }

    def given(self) -> dict[tuple[str, str], dict[str, str]]:
        """The Secrets and the ConfigMap that the values name."""
        own = {("Secret", name): self._secrets(name) for name in SERVICES}
        owners = {
            ("Secret", f"{name}-owner"): {"database-url": self._database(name, Roles.of(name).owns)}
            for name in SERVICES
        }
        return (
            own
            | owners
            | {
                ("Secret", "keys"): {"key-ring": f"k1:{base64.b64encode(random_bytes(32)).decode()}"},
                ("Secret", "topics"): {"kafka-password": password_of(self.stack.home, ADMIN)},
                ("ConfigMap", "authority"): {"ca.crt": self.ca.read_text()},
            }
        )

    def _secrets(self, name: str) -> dict[str, str]:
        redis = self.stack.redis_url.replace(str(self.ca), f"{_TLS}/redis-ca.pem")
        return {
            "database-url": self._database(name, Roles.of(name).serves),
            "kafka-password": password_of(self.stack.home, name),
            **({"redis-url": redis} if name == "gateway" else {}),
        }

    def _database(self, name: str, role: str) -> str:
        url = self.stack.database_url(name).replace(str(self.ca), f"{_TLS}/database-ca.pem")
        return url.replace(
            f"{Roles.of(name).serves}:{self.stack.home.password(Roles.of(name).serves)}@",
            f"{role}:{self.stack.home.password(role)}@",
        )

    def _administrators(self, database: str) -> str:
        known = self.stack.administrator_url("gateway")
        return known.replace(f"/{Roles.of('gateway').database}", f"/{database}")


class Reached:
    """What a merchant asks of a stack: where everything is, of which the services are the chart's."""

    def __init__(self, stack: Stack, release: Release) -> None:
        self._stack, self._release = stack, release

    def url(self, name: str) -> str:
        return self._release.url(name) if name in self._release.processes else self._stack.url(name)

    def run(self, _: Stack, service: str, *arguments: str) -> str:
        return self._release.processes[service].run("python", "-m", service.replace("-", "_"), *arguments)


@pytest.fixture(scope="module")
def shop() -> Generator[Shop]:
    with Stack(only={"postgres", "redis", "kafka", "stripe-sim", "merchant-sim"}, secure=True) as stack:
        yield Shop(stack)


@pytest.fixture
def manifests(shop: Shop, tmp_path: Path) -> list[Object]:
    return rendered(shop.values(), tmp_path)


def rendered(values: dict[str, Any], folder: Path) -> list[Object]:
    try:
        (one,) = render([values], folder)
    except NoGo as why:
        pytest.skip(str(why))
    return one.objects


def test_hooks_run_then_services_get_ready_then_a_payment_goes_through(
    shop: Shop, manifests: list[Object], tmp_path: Path
) -> None:
    pays(shop, Release(manifests, shop.given(), tmp_path))


@pytest.mark.timeout(1800)
def test_an_engine_runs_the_same_with_the_security_that_the_chart_asks_for(shop: Shop, tmp_path: Path) -> None:
    if why := engine():
        pytest.skip(why)
    with contextlib.closing(Images()) as images:
        values = shop.values() | {"image": {"tag": images.build(*SERVICES)}}
        pays(shop, Release(rendered(values, tmp_path), shop.given(), tmp_path, Contained))


def pays(shop: Shop, release: Release) -> None:
    """The whole way of a release, from its hooks to a payment, and to a month's housekeeping."""
    assert release.run_hooks() == ["shop-malipo-topics", *(f"shop-malipo-migrate-{name}" for name in SERVICES)]
    release.prepared()
    with release.serving(), contextlib.closing(merchant_of(shop.stack, release)) as merchant:
        payment = merchant.pay()["id"]
        merchant.wait(payment, "completed", seconds=_SECONDS)
        merchant.events(payment, "payment.completed", seconds=_SECONDS)
        assert asyncio.run(groups(shop.stack)) >= {
            group["name"] for facts in facts_of_services() for group in facts["groups"]
        }
    for name, facts in zip(SERVICES, facts_of_services(), strict=True):
        assert release.run_job(f"{name}-retention")
        if facts["due"]:
            assert asyncio.run(counts(shop.stack.database_url(name), facts["due"], _MAKES_DUE[name])) == (0, 1)
    runs_commands(release)


def runs_commands(release: Release) -> None:
    """What an operator does while no replica is there, and as who makes topics."""
    with release.shell("orchestrator") as shell:
        read = ("orchestrator.payments", "payments.commands.v1", "--to", "2026-01-01T00:00:00Z")
        said = shell.run("python", "-m", "malipo.messaging.rewind", *read)
        assert re.match(r"orchestrator\.payments reads [1-9]\d* records of payments\.commands\.v1 again", said)
    with release.shell("topics") as shell:
        assert shell.run("python", "-m", "malipo.messaging.provision")
        said = shell.run("python", "-m", "malipo.messaging.redrive", "payments.commands.v1")
        assert said == "0 messages sent again to payments.commands.v1\n"


class Images:
    """Images of the services, built as docker-compose.yml says, under a tag of their own; gone when closed."""

    def __init__(self) -> None:
        self._project = Project(seconds=1500)

    def build(self, *services: str) -> str:
        """Build these; returns their tag. Raises `EngineFailed`."""
        self._project.compose("build", "--quiet", *services)
        return self._project.name

    def close(self) -> None:
        """Remove them."""
        self._project.end()


def test_a_step_that_cannot_do_its_work_stops_the_release(shop: Shop, manifests: list[Object], tmp_path: Path) -> None:
    given = shop.given()
    given["Secret", "topics"] = {"kafka-password": "another"}
    with pytest.raises(Failed, match="shop-malipo-topics-0 ended with 1"):
        Release(manifests, given, tmp_path).run_hooks()


@pytest.mark.parametrize("name", ["KEY_RING_FILE", "KAFKA_BOOTSTRAP"])
def test_a_variable_that_is_missing_is_named(shop: Shop, manifests: list[Object], tmp_path: Path, name: str) -> None:
    (told,) = (
        one for one in manifests if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", "shop-malipo-gateway")
    )
    del told["data"][name]
    release = Release(manifests, shop.given(), tmp_path)
    gateway = release.prepared()["gateway"]
    with pytest.raises(Failed, match=f"ended with 78:\nsetting {name.removesuffix('_FILE')}: is required"):
        gateway.start().wait_ready()


def merchant_of(stack: Stack, release: Release) -> DemoMerchant:
    """Made by an operator's command in the gateway's container."""
    reached = Reached(stack, release)
    return DemoMerchant.open(cast("Stack", reached), running=reached.run)


def facts_of_services() -> list[dict[str, Any]]:
    """What the chart's templates know of these services."""
    facts = yaml.safe_load((CHART / "files/services.yaml").read_text("utf-8"))["services"]
    return [facts[name] for name in SERVICES]


async def groups(stack: Stack) -> set[str]:
    """The consumer groups that Kafka knows."""
    admin: Any = AIOKafkaAdminClient(**access(stack.kafka_settings()).options)
    await admin.start()
    try:
        return {name for name, *_ in await admin.list_consumer_groups()}
    finally:
        await admin.close()


async def counts(database: str, query: str, makes_due: str) -> tuple[int, int]:
    """What the query says to the role that serves, whom KEDA may ask as: as it is, and with work that is due for a moment."""
    async with connected(database) as connection:
        without = int(await connection.fetchval(query))
        moment = connection.transaction()
        await moment.start()
        try:
            await connection.execute(makes_due)
            return without, int(await connection.fetchval(query))
        finally:
            await moment.rollback()
