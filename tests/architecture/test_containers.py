"""docker-compose.yml agrees with the local stack and with each service's settings."""

import importlib
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
import yaml
from architecture.composed import (
    COMPOSE,
    CONTAINERS,
    EVERYTHING,
    OBSERVERS,
    OUR_SERVICES,
    ROOT,
    SIMULATORS,
    STORES,
    WRITTEN,
)

from malipo.platform.settings import ServiceSettings
from malipo_local.roles import Roles
from malipo_local.services import SERVICES, Service, migration_of

EACH_SERVICE = pytest.mark.parametrize("row", OUR_SERVICES, ids=lambda row: row.name)
EACH_SIMULATOR = pytest.mark.parametrize("row", SIMULATORS, ids=lambda row: row.name)


def settings_of(row: Service) -> type[ServiceSettings]:
    return importlib.import_module(f"{row.module}.settings").Settings


def unknown(given: Mapping[str, str], settings: type[ServiceSettings]) -> set[str]:
    return {name for name in given if name.lower() not in settings.model_fields}


def mounted_files(container: Mapping[str, Any]) -> dict[str, str]:
    """Where each file comes from that a container finds among its own."""
    return {
        one["target"]: str(ROOT / COMPOSE["configs"][one["source"]]["file"]) for one in container.get("configs", ())
    }


def test_compose_runs_what_the_local_stack_runs_and_nothing_else() -> None:
    migrations = {f"migrate-{row.name}" for row in OUR_SERVICES}
    assert set(CONTAINERS) == {row.name for row in SERVICES} | migrations | {"proxy"}
    assert {"collector", "prometheus", "grafana", "jaeger"} == OBSERVERS
    assert all(EVERYTHING[name]["profiles"] == ["observability"] for name in OBSERVERS)


def test_every_service_of_the_repository_is_run() -> None:
    folders = {path.parent.name for path in ROOT.glob("services/*/pyproject.toml")}
    assert folders == {row.name for row in OUR_SERVICES}


@EACH_SERVICE
def test_compose_gives_a_service_settings_that_it_accepts(row: Service) -> None:
    given, mounted = CONTAINERS[row.name]["environment"], mounted_files(CONTAINERS[row.name])
    assert unknown(given, settings_of(row)) == set()
    settings_of(row).model_validate(
        {name.lower(): mounted.get(value, value) for name, value in given.items() if value is not None}
    )


@EACH_SERVICE
def test_the_local_stack_gives_a_service_every_setting_that_it_needs_and_no_other(row: Service) -> None:
    needed = {name.upper() for name, field in settings_of(row).model_fields.items() if field.is_required()}
    assert unknown(row.settings, settings_of(row)) == set()
    assert needed <= set(row.settings)


@EACH_SERVICE
def test_compose_and_the_local_stack_set_the_same_things(row: Service) -> None:
    of_the_place = {
        "INSTANCE",
        "ADMIN_HOST",
        "ADMIN_PORT",
        "HTTP_HOST",
        "HTTP_PORT",
        "HTTP_DRAIN_SECONDS",
        "LOG_LEVEL",
        "TRUSTED_PROXIES",
        "ALLOW_LOOPBACK",
        "ALLOW_HOSTS",
    }
    given = {name for name, value in CONTAINERS[row.name]["environment"].items() if value is not None}
    assert given - of_the_place == set(row.settings) - of_the_place


@EACH_SERVICE
def test_traces_are_sent_only_where_whoever_runs_compose_says_where(row: Service) -> None:
    given = CONTAINERS[row.name]["environment"]
    assert (given["OTEL_EXPORTER_OTLP_ENDPOINT"], given["TRACE_RATIO"]) == (None, None)


@EACH_SERVICE
def test_a_migration_runs_with_its_services_image_and_before_it(row: Service) -> None:
    service, migration = CONTAINERS[row.name], CONTAINERS[f"migrate-{row.name}"]
    assert migration["image"] == service["image"]
    assert (service["pull_policy"], migration["pull_policy"], migration["restart"]) == ("build", "never", "no")
    assert migration["command"] == ["migrate"]
    assert migration["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert service["depends_on"][f"migrate-{row.name}"] == {"condition": "service_completed_successfully"}


@EACH_SERVICE
def test_a_service_waits_for_topics_and_simulators_but_for_no_other_service(row: Service) -> None:
    waits = CONTAINERS[row.name]["depends_on"]
    assert waits["topics"] == {"condition": "service_completed_successfully"}
    assert not waits.keys() & {other.name for other in OUR_SERVICES}


@EACH_SERVICE
def test_a_services_health_check_reads_the_port_where_it_listens_for_operators(row: Service) -> None:
    container = CONTAINERS[row.name]
    port = container["environment"]["ADMIN_PORT"]
    assert container["healthcheck"]["test"] == ["CMD", "probe", port, row.ready_path]


def test_health_checks_are_frequent_only_while_a_container_starts() -> None:
    checks = [container["healthcheck"] for container in EVERYTHING.values() if "healthcheck" in container]
    assert len(checks) == len(OUR_SERVICES) + len(SIMULATORS) + len(STORES) + 1
    for check in checks:
        assert (check["interval"], check["start_period"]) == ("30s", "5m")
        assert check["start_interval"] in ("2s", "5s"), "sixteen at once, each second, are more than two cores"
        assert check["test"][1] in ("probe", "curl", "pg_isready", "redis-cli", "nc"), "no interpreter, no Java"


@EACH_SIMULATOR
def test_a_simulator_is_started_and_checked_as_in_the_local_stack(row: Service) -> None:
    container = CONTAINERS[row.name]
    which, port = container["command"][0], container["command"][4]
    assert which == row.arguments[0]
    assert int(port) == importlib.import_module(f"malipo_simulators.{which}.command").PORT
    assert container["command"][1:5] == ["--host", "0.0.0.0", "--port", port]
    assert container["healthcheck"]["test"] == ["CMD", "probe", port, row.ready_path]


def test_published_ports_lead_to_a_process_and_differ() -> None:
    published = [port.split(":")[1:] for container in CONTAINERS.values() for port in container.get("ports", [])]
    commands = [CONTAINERS[row.name]["command"] for row in SIMULATORS]
    ports = [pair for command in commands for pair in pairwise(command)]
    listening = {"8080"} | {port for option, port in ports if option in ("--port", "--tls-port")}
    assert {inside for _, inside in published} <= listening
    assert len({outside for outside, _ in published}) == len(published)


def test_ports_are_published_on_loopback_and_each_can_be_another() -> None:
    ports = [port for container in yaml.safe_load(WRITTEN)["services"].values() for port in container.get("ports", [])]
    assert len(ports) == 1 + len(SIMULATORS) + sum(len(row.more_ports) for row in SIMULATORS) + len(
        OBSERVERS - {"collector"}
    )
    found = [re.fullmatch(r"\$\{MALIPO_BIND:-127\.0\.0\.1\}:\$\{(MALIPO_\w*PORT):-(\d+)\}:\2", port) for port in ports]
    settings = [match[1] for match in found if match]
    assert len(set(settings)) == len(ports)
    guide = (ROOT / "deploy/README.md").read_text("utf-8")
    assert all(f"`{re.sub('MALIPO_[A-Z]+_SIM', 'MALIPO_<NAME>_SIM', setting)}`" in guide for setting in settings)


@pytest.mark.parametrize("name", sorted({row.name for row in SERVICES} | {"proxy"}))
def test_a_container_is_on_the_networks_of_those_that_it_talks_to_and_on_no_other(name: str) -> None:
    on = {
        "gateway": {"edge", "stores", "telemetry"},
        "orchestrator": {"stores", "telemetry"},
        "webhook-dispatcher": {"outbound", "stores", "telemetry"},
        "merchant-sim": {"outbound"},
        "proxy": {"inbound", "edge"},
    }
    kinds = {
        "provider": {"edge", "outbound", "stores", "telemetry"},
        "sim": {"inbound", "outbound"},
        "store": {"stores"},
    }
    kind = "provider" if name.startswith("provider-") else "sim" if name.endswith("-sim") else "store"
    assert set(CONTAINERS[name]["networks"]) == on.get(name, kinds[kind])


def test_stores_are_reached_by_services_alone() -> None:
    ours = {row.name for row in OUR_SERVICES} | {name for name in CONTAINERS if name.startswith("migrate-")}
    on_it = {name for name, container in EVERYTHING.items() if "stores" in container["networks"]}
    assert on_it == ours | {row.name for row in STORES} | {"topics"}
    closed = {name for name, network in COMPOSE["networks"].items() if network and network.get("internal")}
    assert closed == {"edge", "stores", "telemetry"}
    guide = (ROOT / "deploy/README.md").read_text("utf-8").partition("| network |")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE)) == set(COMPOSE["networks"])


def test_the_merchants_stand_in_is_the_one_private_name_that_webhooks_may_go_to() -> None:
    for name in ("gateway", "webhook-dispatcher"):
        given = CONTAINERS[name]["environment"]
        assert (given["ALLOW_HOSTS"], given.get("ALLOW_LOOPBACK")) == ("merchant-sim", None)
    assert "network_mode" not in CONTAINERS["merchant-sim"], "it outlives the dispatcher"


def test_replicas_can_be_added_to_every_service() -> None:
    for row in OUR_SERVICES:
        assert not CONTAINERS[row.name].keys() & {"container_name", "ports", "network_mode", "hostname"}, row.name
    connections = max(settings_of(row).model_fields["database_connections"].default for row in OUR_SERVICES)
    (most,) = (int(one.partition("=")[2]) for one in CONTAINERS["postgres"]["command"] if "max_connections" in one)
    assert most >= 4 * (connections + 2) * len(OUR_SERVICES), "four replicas of each"


def test_every_container_has_limits_and_comes_back_with_the_engine() -> None:
    for name, container in EVERYTHING.items():
        assert {"mem_limit", "pids_limit"} <= container.keys(), name
        assert container["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert container["cap_drop"] == ["ALL"], name
        assert container["security_opt"] == ["no-new-privileges:true"], name
        once = name == "topics" or name.startswith("migrate-")
        assert container["restart"] == ("no" if once else "unless-stopped"), name
    assert {CONTAINERS[name]["stop_grace_period"] for name in ("kafka", "postgres")} == {"1m"}


def test_every_service_has_a_database_of_its_own_that_the_server_makes() -> None:
    used = [CONTAINERS[row.name]["environment"]["DATABASE_URL"].rpartition("/")[2] for row in OUR_SERVICES]
    assert COMPOSE["configs"]["roles"] == {"file": "deploy/postgres/roles.sql"}
    made = re.findall(r"CREATE DATABASE (\w+)", (ROOT / "deploy/postgres/roles.sql").read_text("utf-8"))
    assert sorted(used) == sorted(made)
    assert len(set(used)) == len(used)


def test_the_password_and_the_key_say_that_they_are_for_local_use() -> None:
    assert "for this machine only" in (ROOT / "docker-compose.yml").read_text("utf-8")
    for row in OUR_SERVICES:
        given = CONTAINERS[row.name]["environment"]
        assert given["ENVIRONMENT"] == "local"
        assert given.get("KEY_RING", "local:").startswith("local:")
        assert ":local-only@" in given["DATABASE_URL"]


@EACH_SERVICE
def test_a_service_gets_the_role_that_serves_and_its_migration_the_one_that_owns(row: Service) -> None:
    serving, migrating = (CONTAINERS[name]["environment"] for name in (row.name, f"migrate-{row.name}"))
    roles = Roles.of(row.name)
    assert serving["DATABASE_URL"] == f"postgresql://{roles.serves}:local-only@postgres/{roles.database}"
    assert migrating["DATABASE_URL"] == f"postgresql://{roles.owns}:local-only@postgres/{roles.database}"
    assert set(migrating) == set(migration_of(row).settings)


def test_topics_are_made_once_kafka_answers_and_by_one_container_alone() -> None:
    step = next(row for row in SERVICES if row.name == "topics")
    assert CONTAINERS["topics"]["entrypoint"] == ["python", "-m", step.module]
    assert set(CONTAINERS["topics"]["environment"]) == set(step.settings)
    assert CONTAINERS["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert CONTAINERS["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_every_condition_can_come_true() -> None:
    for container in CONTAINERS.values():
        for needed, requirement in container.get("depends_on", {}).items():
            healthy = requirement["condition"] == "service_healthy"
            assert not healthy or "healthcheck" in CONTAINERS[needed], needed


def test_our_containers_hold_no_privileges() -> None:
    ours = {name: container for name, container in CONTAINERS.items() if "build" in container}
    assert len(ours) == len(OUR_SERVICES) + len(SIMULATORS)
    for name, container in ours.items():
        assert container["read_only"] is True, name
        assert container["cap_drop"] == ["ALL"], name
        assert container["build"]["dockerfile"] == "deploy/Dockerfile", name


def test_every_service_is_watched() -> None:
    (job,) = yaml.safe_load((ROOT / "deploy/observability/prometheus.yaml").read_text("utf-8"))["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert sorted(found["names"]) == sorted(row.name for row in OUR_SERVICES)
    assert {str(found["port"])} == {CONTAINERS[row.name]["environment"]["ADMIN_PORT"] for row in OUR_SERVICES}
