"""docker-compose.yml and deploy/Dockerfile agree with the local stack and with each service's settings."""

import importlib
import re
import shlex
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.edge.body import MAX_BODY_BYTES as MAX_REQUEST_BYTES
from gateway.edge.middleware import REQUEST_SECONDS
from http_limits.limits import Limits
from malipo.contracts.providers import PROVIDERS
from malipo.platform.settings import ServiceSettings
from malipo_local.services import SERVICES, Kind, Service
from provider_kit.callbacks import MAX_BODY_BYTES as MAX_CALLBACK_BYTES

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
CONTAINERS: dict[str, Any] = COMPOSE["services"]
PROXY = (ROOT / "deploy/proxy/nginx.conf").read_text("utf-8")
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text("utf-8")

OUR_SERVICES = [row for row in SERVICES if row.kind is Kind.SERVICE]
SIMULATORS = [row for row in SERVICES if row.kind is Kind.SIMULATOR]
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


def test_every_service_of_the_repository_is_run() -> None:
    folders = {path.parent.name for path in ROOT.glob("services/*/pyproject.toml")}
    assert folders == {row.name for row in OUR_SERVICES}


@EACH_SERVICE
def test_compose_gives_a_service_settings_that_it_accepts(row: Service) -> None:
    given, mounted = CONTAINERS[row.name]["environment"], mounted_files(CONTAINERS[row.name])
    assert unknown(given, settings_of(row)) == set()
    settings_of(row).model_validate({name.lower(): mounted.get(value, value) for name, value in given.items()})


@EACH_SERVICE
def test_the_local_stack_gives_a_service_every_setting_that_it_needs_and_no_other(row: Service) -> None:
    needed = {name.upper() for name, field in settings_of(row).model_fields.items() if field.is_required()}
    assert unknown(row.settings, settings_of(row)) == set()
    assert needed <= set(row.settings)


@EACH_SERVICE
def test_compose_and_the_local_stack_set_the_same_things(row: Service) -> None:
    of_the_place = {"INSTANCE", "HTTP_HOST", "HTTP_PORT", "LOG_LEVEL", "TRUSTED_PROXIES"}
    assert set(CONTAINERS[row.name]["environment"]) - of_the_place == set(row.settings) - of_the_place


@EACH_SERVICE
def test_a_migration_runs_with_its_services_image_and_settings_and_before_it(row: Service) -> None:
    service, migration = CONTAINERS[row.name], CONTAINERS[f"migrate-{row.name}"]
    assert [migration[part] for part in ("image", "build", "environment")] == [
        service[part] for part in ("image", "build", "environment")
    ]
    assert migration["command"] == ["migrate"]
    assert migration["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert service["depends_on"][f"migrate-{row.name}"] == {"condition": "service_completed_successfully"}


@EACH_SERVICE
def test_a_service_waits_for_topics_and_simulators_but_for_no_other_service(row: Service) -> None:
    waits = CONTAINERS[row.name]["depends_on"]
    assert waits["topics"] == {"condition": "service_completed_successfully"}
    assert not waits.keys() & {other.name for other in OUR_SERVICES}


@EACH_SERVICE
def test_a_services_health_check_reads_the_port_where_it_listens(row: Service) -> None:
    container = CONTAINERS[row.name]
    port = container["environment"]["HTTP_PORT"]
    assert f"http://127.0.0.1:{port}{row.ready_path}'" in container["healthcheck"]["test"][-1]


@EACH_SIMULATOR
def test_a_simulator_is_started_and_checked_as_in_the_local_stack(row: Service) -> None:
    container = CONTAINERS[row.name]
    which, port = container["command"][0], container["command"][4]
    assert which == row.arguments[0]
    assert int(port) == importlib.import_module(f"malipo_simulators.{which}.command").PORT
    assert container["command"][1:5] == ["--host", "0.0.0.0", "--port", port]
    assert f"http://127.0.0.1:{port}{row.ready_path}'" in container["healthcheck"]["test"][-1]


def test_published_ports_lead_to_a_process_and_differ() -> None:
    published = [port.split(":") for container in CONTAINERS.values() for port in container.get("ports", [])]
    commands = [CONTAINERS[row.name]["command"] for row in SIMULATORS]
    ports = [pair for command in commands for pair in pairwise(command)]
    listening = {"8080"} | {port for option, port in ports if option in ("--port", "--tls-port")}
    assert {inside for _, inside in published} <= listening
    assert len({outside for outside, _ in published}) == len(published)


def locations() -> dict[str, str]:
    """The proxy's locations with their directives."""
    return dict(re.findall(r"location (?:= )?(\S+) \{(.*?)\}", PROXY, re.DOTALL))


def proxied(name: str) -> str:
    """The one value of a directive."""
    found = set(re.findall(rf"^\s*{name} (.+?);", PROXY, re.MULTILINE))
    assert len(found) == 1, name
    return found.pop()


def test_services_are_reached_through_the_proxy_alone() -> None:
    published = {name for name, container in CONTAINERS.items() if "ports" in container}
    assert published & ({row.name for row in OUR_SERVICES} | {"proxy"}) == {"proxy", "webhook-dispatcher"}
    assert CONTAINERS["webhook-dispatcher"]["ports"] == ["12112:12112"], (
        "the merchant simulator's, which is on its network"
    )
    assert "return 404" in locations()["/metrics"]
    assert "return 404" in locations()["/health/"]


def test_the_proxy_leads_to_the_gateway_and_to_each_providers_callbacks_and_passes_on_what_they_accept() -> None:
    callbacks = {provider.callbacks_at: f"provider-{name}" for name, provider in PROVIDERS.items()}
    for path, name in ({"/": "gateway"} | callbacks).items():
        assert f"http://{name}:8080;" in locations()[path]
        most = MAX_REQUEST_BYTES if name == "gateway" else MAX_CALLBACK_BYTES
        assert f"client_max_body_size {most // 1024}k;" in locations()[path]


def test_the_services_trust_the_proxy_and_no_address_that_docker_assigns() -> None:
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    address = CONTAINERS["proxy"]["networks"]["default"]["ipv4_address"]
    assert ip_address(address) in ip_network(network["subnet"])
    assert ip_address(address) not in ip_network(network["ip_range"])
    for row in OUR_SERVICES:
        assert CONTAINERS[row.name]["environment"]["TRUSTED_PROXIES"] == address
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in PROXY, "not what the client claims"


def test_the_proxy_limits_no_less_than_the_services_do() -> None:
    number, size = proxied("large_client_header_buffers").split()
    assert int(number) * int(size.removesuffix("k")) * 1024 <= Limits.head_bytes
    assert int(proxied("client_header_timeout").removesuffix("s")) <= Limits.head_seconds
    assert int(proxied("limit_conn addresses")) <= Limits.connections_per_address
    assert int(proxied("proxy_read_timeout").removesuffix("s")) > REQUEST_SECONDS
    assert proxied("proxy_request_buffering") == "on"


def test_the_merchant_is_on_the_loopback_of_the_dispatcher_which_may_use_no_other_private_address() -> None:
    assert CONTAINERS["merchant-sim"]["network_mode"] == "service:webhook-dispatcher"
    assert CONTAINERS["webhook-dispatcher"]["environment"]["ALLOW_LOOPBACK"] == "true"


def test_every_service_has_a_database_of_its_own_that_the_server_makes() -> None:
    used = [CONTAINERS[row.name]["environment"]["DATABASE_URL"].rpartition("/")[2] for row in OUR_SERVICES]
    made = re.findall(r"CREATE DATABASE (\w+);", COMPOSE["configs"]["databases"]["content"])
    assert sorted(used) == sorted(made)
    assert len(set(used)) == len(used)


def test_the_password_and_the_key_say_that_they_are_for_local_use() -> None:
    assert "for this machine only" in (ROOT / "docker-compose.yml").read_text("utf-8")
    for row in OUR_SERVICES:
        given = CONTAINERS[row.name]["environment"]
        assert given["ENVIRONMENT"] == "local"
        assert given["KEY_RING"].startswith("local:")
        assert ":local-only@" in given["DATABASE_URL"]


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
    assert len(ours) == 2 * len(OUR_SERVICES) + len(SIMULATORS) + 1
    for name, container in ours.items():
        assert container["read_only"] is True, name
        assert container["cap_drop"] == ["ALL"], name
        assert container["build"]["dockerfile"] == "deploy/Dockerfile", name


def test_every_image_is_built_from_a_package_of_the_workspace_with_a_module_to_run() -> None:
    for container in CONTAINERS.values():
        if "build" in container:
            name = container["build"]["args"]["SERVICE"]
            (project,) = (path for path in ROOT.glob(f"*/{name}/pyproject.toml"))
            described = tomllib.loads(project.read_text("utf-8"))
            module = described["tool"]["uv"]["build-backend"]["module-name"]
            assert described["project"]["name"] == f"malipo-{name}"
            assert (project.parent / "src" / module / "__main__.py").exists()
            assert f'\nmodule-name = "{module}"\n' in project.read_text("utf-8"), "the Dockerfile reads this line"


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Each instruction with its arguments, continued lines joined, comments left out."""
    joined = dockerfile.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def test_the_image_runs_as_an_unprivileged_user() -> None:
    users = [arguments for name, arguments in instructions(DOCKERFILE) if name == "USER"]
    assert users == ["10001:10001"]
    assert instructions(DOCKERFILE)[-1] == ("CMD", '["serve"]')


def test_the_image_is_that_of_one_service_from_the_lock_file_without_tools_for_development() -> None:
    steps = instructions(DOCKERFILE)
    assert ("ARG", "SERVICE") in steps
    syncs = [arguments for name, arguments in steps if name == "RUN" and "uv sync" in arguments]
    assert len(syncs) == 2
    assert all({"--frozen", "--no-dev"} <= set(shlex.split(sync)) for sync in syncs)
    assert all('--package "malipo-$SERVICE"' in sync for sync in syncs)


def test_the_image_has_the_python_that_the_project_requires() -> None:
    wanted = (ROOT / ".python-version").read_text("utf-8").strip()
    images = [arguments.split()[0] for name, arguments in instructions(DOCKERFILE) if name == "FROM"]
    assert set(images) == {f"python:{wanted}-slim"}


def test_everything_that_is_copied_exists_and_reaches_the_engine() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")]
    kept = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    copied = [arguments.split()[:-1] for name, arguments in instructions(DOCKERFILE) if name == "COPY"]
    for path in (path for paths in copied if "--from=build" not in paths for path in paths):
        assert (ROOT / path).exists(), path
        assert path in kept, path
    assert rules[0] == "*"


def test_the_proxy_writes_no_address_of_a_callback_into_its_log():
    """It may end with a token, with which anyone could send hints."""
    callbacks = PROXY.split("location /callbacks/")[1:]
    assert callbacks
    assert all("error_log /dev/null" in one.split("}")[0] for one in callbacks)
    assert "access_log off" in PROXY
