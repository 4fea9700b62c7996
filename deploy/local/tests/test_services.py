"""Services and steps, with fakes that go by the names of the real ones."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from malipo.contracts.providers import PROVIDERS
from malipo_local import Stack, StackError
from malipo_local.connection import connected

from .conftest import Fakes, processes_of, until

pytestmark = pytest.mark.timeout(180)


OF_A_SECURE_STACK = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "KAFKA_CA_FILE": "/nope",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "kafka_username": "operator",
    "KAFKA_ACLS": "true",
}


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings that the shell has, as after `make env` of another stack."""
    for name, value in (OF_A_SECURE_STACK | {"OF_ANOTHER_PROGRAM": "left alone"}).items():
        monkeypatch.setenv(name, value)
    return OF_A_SECURE_STACK


def environment_of(url: str) -> dict[str, str]:
    with urllib.request.urlopen(f"{url}/env", timeout=5) as answer:
        return json.loads(answer.read())


def test_every_service_gets_its_settings_and_those_from_outside_win(fakes: Fakes) -> None:
    settings = fakes.settings
    settings["provider-stripe"]["STRIPE_API_BASE"] = "http://127.0.0.1:9999"
    with Stack(settings=settings, replicas={"gateway": 2}) as stack:
        first, second = (environment_of(url) for url in stack.admin_urls("gateway"))
        assert (first["INSTANCE"], second["INSTANCE"]) == ("gateway-0", "gateway-1")
        assert (first["HTTP_PORT"], second["HTTP_PORT"]) == tuple(
            url.rsplit(":", 1)[1] for url in stack.urls("gateway")
        )
        assert (first["ADMIN_PORT"], second["ADMIN_PORT"]) == tuple(
            url.rsplit(":", 1)[1] for url in stack.admin_urls("gateway")
        )
        assert "HTTP_PORT" not in environment_of(stack.admin_url("orchestrator"))  # nobody calls it
        with pytest.raises(StackError, match="orchestrator: its health and metrics are at its admin_url"):
            stack.url("orchestrator")
        assert first["DATABASE_URL"] == stack.database_url("gateway") == stack.env()["GATEWAY_DATABASE_URL"]
        assert first["KEY_RING"] == environment_of(stack.admin_url("provider-stripe"))["KEY_RING"]
        assert "KEY_RING" not in environment_of(stack.admin_url("orchestrator"))  # it seals and opens nothing
        assert first["REDIS_URL"] == stack.redis_url
        assert environment_of(stack.admin_url("provider-stripe"))["STRIPE_API_BASE"] == "http://127.0.0.1:9999"
        assert environment_of(stack.admin_url("provider-mpesa"))["CALLBACK_BASE_URL"] == stack.url("provider-mpesa")
        assert environment_of(stack.admin_url("provider-paypal"))["PAYPAL_CERTIFICATE_ORIGINS"] == stack.url(
            "paypal-sim"
        )
        assert environment_of(stack.admin_url("webhook-dispatcher"))["ALLOW_LOOPBACK"] == "true"
        assert environment_of(stack.env()["STRIPE_SIM_URL"])
        assert sorted(fakes.steps_run()) == [
            "gateway migrate",
            "messaging",
            "orchestrator migrate",
            *sorted(f"provider_{name} migrate" for name in PROVIDERS),
            "webhook_dispatcher migrate",
        ]


def test_one_service_alone_brings_what_it_needs_and_no_more(fakes: Fakes) -> None:
    with Stack(only={"orchestrator"}, settings=fakes.settings) as stack:
        names = {unit.name for unit in stack.status()}
    assert names == {"postgres", "kafka", "topics", "migrate-orchestrator", "orchestrator"}


def test_steps_run_again_only_when_their_code_or_their_data_is_new(fakes: Fakes, folder: Path) -> None:
    def up(home: Path) -> int:
        before = len(fakes.steps_run()) if (fakes.folder / "steps").exists() else 0
        with Stack(home, only={"orchestrator"}, settings=fakes.settings, keep=True):
            return len(fakes.steps_run()) - before

    assert up(folder / "home") == 2
    assert up(folder / "home") == 0
    fakes.change_code_of("orchestrator")
    assert up(folder / "home") == 1
    assert up(folder / "another") == 2


def test_a_remembered_schema_is_what_the_migration_made(fakes: Fakes) -> None:
    number = secrets.randbelow(10**9)
    fakes.add_migration("orchestrator", f"CREATE TABLE orders (id int); INSERT INTO orders VALUES ({number})")

    def orders_after_up() -> tuple[int, int]:
        with Stack(only={"orchestrator"}, settings=fakes.settings) as stack:
            return asyncio.run(first_order(stack.database_url("orchestrator"))), len(fakes.steps_run())

    assert orders_after_up() == (number, 2)
    assert orders_after_up() == (number, 3)


async def first_order(url: str) -> int:
    async with connected(url) as connection:
        return int(await connection.fetchval("SELECT id FROM orders"))


def test_a_service_runs_its_own_commands_in_its_own_environment(fakes: Fakes) -> None:
    with Stack(only={"stripe-sim", "gateway"}, settings=fakes.settings) as stack:
        assert stack.service_env("gateway").items() >= {"DATABASE_URL": stack.database_url("gateway")}.items()
        assert stack.service_env("gateway")["PATH"] == os.environ["PATH"]


def test_no_program_gets_a_setting_of_the_shell_that_started_the_stack(fakes: Fakes, elsewhere: dict[str, str]) -> None:
    with Stack(only={"orchestrator", "stripe-sim"}, settings=fakes.settings) as stack:
        shown = [environment_of(url) for url in (stack.admin_url("orchestrator"), stack.url("stripe-sim"))]
        shown.append(stack.service_env("orchestrator"))
        assert [sorted(elsewhere.items() & environment.items()) for environment in shown] == [[], [], []]
        assert {environment["OF_ANOTHER_PROGRAM"] for environment in shown} == {"left alone"}
        assert shown[0]["DATABASE_URL"] == stack.database_url("orchestrator")


def test_a_forked_program_gets_no_setting_of_the_shell_either(elsewhere: dict[str, str]) -> None:
    with Stack(only={"stripe-sim"}, forked=True) as stack:
        pid = stack.pid("stripe-sim")
        assert pid is not None
        parent = psutil.Process(pid).parent()
        assert parent is not None
        assert "malipo_local.nursery" in parent.cmdline()
        assert not elsewhere.items() & parent.environ().items()  # what each forked program begins with


@pytest.mark.usefixtures("elsewhere")
def test_services_and_operators_commands_work_in_a_shell_that_has_settings_of_another_stack(folder: Path) -> None:
    home = folder / "home"
    command = [sys.executable, "-m", "malipo_local", "operator", "--home", str(home), "merchant", "list"]
    with Stack(home, only={"gateway"}):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "there is no merchant yet\n")


def test_a_killed_service_is_brought_back_on_the_same_port(fakes: Fakes) -> None:
    with Stack(only={"stripe-sim"}, settings=fakes.settings) as stack:
        pid, url = stack.pid("stripe-sim"), stack.url("stripe-sim")
        stack.kill("stripe-sim", signal.SIGKILL)
        stack.wait_ready("stripe-sim")
        assert stack.pid("stripe-sim") != pid
        assert stack.url("stripe-sim") == url
        assert environment_of(url)
        assert stack.status()[0].restarts == 1


def test_a_service_can_be_stopped_started_frozen_and_restarted(fakes: Fakes) -> None:
    with Stack(only={"stripe-sim"}, settings=fakes.settings) as stack:
        stack.stop_service("stripe-sim")
        assert stack.pid("stripe-sim") is None
        stack.start_service("stripe-sim")
        stack.wait_ready("stripe-sim")
        stack.pause("stripe-sim")
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(stack.url("stripe-sim"), timeout=0.3)
        stack.resume("stripe-sim")
        assert environment_of(stack.url("stripe-sim"))
        pid = stack.pid("stripe-sim")
        stack.restart_service("stripe-sim")
        stack.wait_ready("stripe-sim")
        assert stack.pid("stripe-sim") not in {None, pid}


def test_a_service_that_no_longer_answers_is_not_ready_when_it_is_probed_anew(fakes: Fakes) -> None:
    with Stack(only={"stripe-sim"}, settings=fakes.settings) as stack:
        stack.kill("stripe-sim", signal.SIGSTOP)
        assert [unit.state for unit in stack.status(anew=True)] == ["not ready"]
        assert [unit.state for unit in stack.status()] == ["ready"]
        stack.kill("stripe-sim", signal.SIGCONT)
        until(lambda: stack.status(anew=True)[0].state == "ready", "it answers again")


def test_a_service_that_cannot_start_shows_its_log_and_leaves_nothing(fakes: Fakes, folder: Path) -> None:
    settings = fakes.settings
    settings["stripe-sim"]["FAIL"] = "no such currency"
    with pytest.raises(StackError, match=r"(?s)stripe-sim ended.*exit code 1.*cannot start: no such currency"):
        Stack(folder / "home", only={"stripe-sim", "redis"}, settings=settings).start(detach=False)
    assert not processes_of(folder / "home")


def test_a_port_that_is_no_longer_free_is_replaced(fakes: Fakes, folder: Path) -> None:
    options = {"only": {"stripe-sim", "redis"}, "settings": fakes.settings, "keep": True}
    with Stack(folder / "home", **options) as stack:
        before, redis = stack.url("stripe-sim"), stack.redis_url
    address = ("127.0.0.1", int(before.rsplit(":", 1)[1]))
    with socket.create_server(address), Stack(folder / "home", **options) as stack:
        assert stack.url("stripe-sim") != before
        assert stack.redis_url == redis
        assert environment_of(stack.url("stripe-sim"))


def test_two_stacks_run_side_by_side(fakes: Fakes) -> None:
    options = {"only": {"stripe-sim", "postgres", "redis"}, "settings": fakes.settings}
    with Stack(**options) as one, Stack(**options) as other:
        assert not set(one.env().values()) & set(other.env().values())
        assert environment_of(one.url("stripe-sim"))
        assert environment_of(other.url("stripe-sim"))


def test_an_unknown_name_is_refused_with_the_valid_ones(fakes: Fakes) -> None:
    with pytest.raises(StackError, match=r"no 'gatway'.*gateway, orchestrator"):
        Stack(settings={"gatway": {"LOG_LEVEL": "DEBUG"}})
    with (
        Stack(only={"stripe-sim"}, settings=fakes.settings) as stack,
        pytest.raises(StackError, match=r"no 'gateway'.*stripe-sim"),
    ):
        stack.kill("gateway")


def test_attaching_finds_a_stack_that_another_process_started(fakes: Fakes, folder: Path) -> None:
    home = folder / "home"
    Stack(home, only={"stripe-sim"}, settings=fakes.settings, keep=True).start(detach=True)
    attached = Stack.attach(home)
    assert environment_of(attached.url("stripe-sim"))
    attached.end(purge=True)
    until(lambda: not processes_of(home), "no process is left")
    assert not home.exists()
    with pytest.raises(StackError, match="No stack is up"):
        Stack.attach(home)
