"""What the chart tells each container is what its program takes, with every set of values: services, steps and retention, in their own words."""

import base64
import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from helm import pods
from helm.pods import Container
from helm.processes import Process, free_ports, package_of
from helm.rendering import CHART, Rendered, accepted, render
from helm.tools import ROOT, tool
from malipo.ids import random_bytes
from malipo.messaging import provision
from malipo.platform.database_settings import DatabaseSettings
from malipo.platform.environment import variables
from malipo.platform.retention_settings import RetentionSettings
from malipo_local.authority import Authority
from malipo_local.go_tools import NoGo

ACCEPTED = accepted()
_SAFARICOMS = ROOT / "libs/simulators/src/malipo_simulators/mpesa/initiators/certificate.cer"
_OF_TELEMETRY = "OTEL_BSP_"

pytestmark = pytest.mark.timeout(900)  # the first time a program is built


class Anything(Mapping[tuple[str, str], Mapping[str, str]]):
    """A cluster in which every Secret and ConfigMap is there that somebody names, with whatever may be in one."""

    def __init__(self, own: pods.Data, folder: Path) -> None:
        authority = Authority(folder)
        identity = authority.server("kafka")
        self._own = own
        self._texts = {
            "ca.crt": authority.certificate.read_text(),
            "production.cer": _SAFARICOMS.read_text(),
            "database-url": "postgresql://user:word@db.example/name?sslmode=require",
            "redis-url": "rediss://user:word@redis.example/0",
            "key-ring": f"k1:{base64.b64encode(random_bytes(32)).decode()}",
            "kafka-password": "word",
            "kafka-oauth-client-secret": "word",
            "user.crt": identity.certificate.read_text(),
            "user.key": identity.key.read_text(),
        }

    def __getitem__(self, key: tuple[str, str]) -> Mapping[str, str]:
        return self._own.get(key, self._texts)

    def __contains__(self, key: object) -> bool:
        return True

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    """What came of every set."""
    try:
        tool("render")
    except NoGo as why:
        pytest.skip(str(why))
    return dict(zip(ACCEPTED, render(list(ACCEPTED.values()), tmp_path_factory.mktemp("values")), strict=True))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authority")


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_container_takes_what_it_is_told(
    results: dict[str, Rendered], authority: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = results[name].objects
    data = Anything(pods.data_of(found), authority)
    for one in found:
        if one["kind"] in ("Deployment", "Job", "CronJob"):
            takes(pods.container(one, data), tmp_path, monkeypatch)


def takes(container: Container, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The container's variables are all known, and the program's own judgement of them is that it may start."""
    process = Process(container, folder, free_ports(container, []))
    process.write_files()
    settings = settings_of(container)
    told = process.told()
    unknown = {name for name in told if not name.startswith(_OF_TELEMETRY)} - {*variables(settings)}
    assert unknown == set(), f"{container.name} is told what it does not know"
    with monkeypatch.context() as environment:
        for name in variables(settings):
            environment.delenv(name, raising=False)
        for name, value in told.items():
            environment.setenv(name, value)
        settings()


def settings_of(container: Container) -> type[BaseSettings]:
    """What the program of a container reads, or those that are run in a shell."""
    if container.component.removeprefix("shell-") == "topics":
        return provision.Settings
    if container.component.startswith("migrate-"):
        return DatabaseSettings
    module: Any = importlib.import_module(f"{package_of(container.image)}.settings")
    months = container.component.startswith("retention-")
    return getattr(module, "Retention", RetentionSettings) if months else module.Settings


def test_the_guide_has_every_value_that_the_schema_knows() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    guide = (CHART / "README.md").read_text("utf-8")
    known = {path for path in paths(schema) if not path.startswith(("services", "global"))}
    assert [
        path for path in sorted(known) if not any(f"`{one}`" in guide for one in (path, path.rpartition(".")[0]))
    ] == []


def paths(schema: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Each value that is no map of values, by its path."""
    for name, one in schema.get("properties", {}).items():
        path = f"{above}{name}"
        if one.get("properties") and name not in ("settings", "secrets", "ownerSecrets", "digests"):
            yield from paths(one, f"{path}.")
        else:
            yield path
