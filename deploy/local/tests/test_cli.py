"""The command line, as a person uses it."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from malipo.contracts.providers import PROVIDERS
from malipo_local import cli, handed_on
from malipo_local.errors import StackError
from malipo_local.options import read_settings

from .conftest import Fakes, processes_of, until

pytestmark = pytest.mark.timeout(180)


def malipo(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "malipo_local", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=120)


@pytest.fixture(autouse=True)
def heeds_hangups() -> Generator[None]:
    """Where the tests themselves run under `nohup`, their children would ignore the signal, too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@contextmanager
def started(*arguments: str, folder: Path) -> Generator[subprocess.Popen[str]]:
    """The same under way, with its temporary files in the folder; what it has started ends with it."""
    command = [sys.executable, "-m", "malipo_local", *arguments]
    environment = {**os.environ, "TMPDIR": str(folder)}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_up_status_env_stop_start_restart_logs_and_down(folder: Path) -> None:
    up = malipo("up", "--only", "postgres,redis", folder=folder)
    assert up.returncode == 0, up.stderr
    assert "REDIS_URL" in up.stdout
    assert up.stdout.endswith("Stop it with: make down\n")
    second = malipo("up", folder=folder)
    assert second.returncode == 0
    assert "Already up" in second.stdout
    assert "need `make down` first" in second.stdout
    assert "It lacks kafka, topics" in second.stdout
    lacking = malipo("start", "gateway", folder=folder)
    assert lacking.returncode == 1
    assert lacking.stderr.endswith("Stop it with `make down`, then start it anew: make up\n")
    status = malipo("status", folder=folder).stdout
    assert "postgres" in status
    assert "ready" in status
    assert "export REDIS_URL=redis://127.0.0.1:" in malipo("env", folder=folder).stdout
    shell = (
        malipo("env", "--operator", folder=folder).stdout
        + 'psql postgres -At --command "SHOW data_directory"; echo "$PGDATA"'
    )
    said = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True, timeout=60).stdout
    assert said == 2 * f"{folder.resolve()}/.malipo/postgres\n"
    stop = malipo("stop", "redis", folder=folder)
    assert stop.stdout.startswith("Stopping redis ...\n")
    assert "make start ARGS=redis\n" in stop.stdout
    assert "stopped" in malipo("status", folder=folder).stdout
    assert "redis is ready" in malipo("start", "redis", folder=folder).stdout
    assert "no 'rediss'" in malipo("stop", "rediss", folder=folder).stderr
    assert "ready again" in malipo("restart", "redis", folder=folder).stdout
    logs = malipo("logs", "redis", folder=folder)
    assert "Ready to accept connections" in logs.stdout
    assert logs.stderr.startswith("These are the last 20 lines of redis; more: make logs ARGS='redis --lines 1000'")
    assert logs.stderr.endswith(f"{folder / '.malipo' / 'logs'}\n")
    assert "Stopped" in malipo("down", folder=folder).stdout
    assert not processes_of(folder)
    assert (folder / ".malipo").exists()
    malipo("down", "--purge", folder=folder)
    assert not (folder / ".malipo").exists()


def test_up_refuses_options_that_the_running_stack_does_not_have(folder: Path) -> None:
    assert malipo("up", "--only=redis", "--set=redis.maxmemory=100mb", folder=folder).returncode == 0
    for fitting in ("--only=redis", "--set=redis.maxmemory=100mb"):
        assert malipo("up", fitting, folder=folder).returncode == 0
    for other in ("--only=postgres", "--set=redis.maxmemory=200mb", "--foreground"):
        up = malipo("up", other, folder=folder)
        assert up.returncode == 1
        assert " ".join(up.stderr.split()).endswith("not with these options: they need `make down` first.")
    malipo("down", folder=folder)


def test_an_operator_is_shown_that_postgres_is_down(folder: Path) -> None:
    malipo("up", "--only=postgres", folder=folder)
    malipo("stop", "postgres", folder=folder)
    commands = ("operator merchant list", "resend payment pay_1", "unmatched --all", "step-over a.b c 0 1")
    results = [malipo(*command.split(), folder=folder) for command in commands]
    malipo("down", folder=folder)
    assert {one.returncode for one in results} == {1}
    assert {one.stderr for one in results} == {"postgres is down. Start it with: make start ARGS=postgres\n"}


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        ("--all", [*(f"provider-{name}" for name in PROVIDERS), "provider-acme"]),
        ("--provider acme --all", ["provider-acme"]),
    ],
)
def test_what_matches_nothing_is_listed_for_every_provider_or_for_one(
    monkeypatch: pytest.MonkeyPatch, options: str, listed: list[str]
) -> None:
    become = Mock(side_effect=SystemExit(0))
    monkeypatch.setitem(PROVIDERS, "acme", PROVIDERS["stripe"])
    monkeypatch.setattr(handed_on, "_become", become)
    assert CliRunner().invoke(cli.app, ["unmatched", *options.split()]).exit_code == 0
    assert [call.args[1:] for call in become.call_args_list] == [
        (service, service.replace("-", "_"), "unmatched", "--all") for service in listed
    ]


def test_the_list_of_what_matches_nothing_ends_where_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    become = Mock(side_effect=SystemExit(1))
    monkeypatch.setitem(PROVIDERS, "acme", PROVIDERS["stripe"])
    monkeypatch.setattr(handed_on, "_become", become)
    assert CliRunner().invoke(cli.app, ["unmatched"]).exit_code == 1
    assert become.call_count == 1


def test_months_of_every_service_or_of_one_are_made_as_who_migrates_it(monkeypatch: pytest.MonkeyPatch) -> None:
    become = Mock(side_effect=SystemExit(0))
    monkeypatch.setattr(handed_on, "_become", become)
    assert CliRunner().invoke(cli.app, ["retention", "--service", "webhook-dispatcher", "--sizes"]).exit_code == 0
    assert become.call_args.args[1:] == (
        *("migrate-webhook-dispatcher", "webhook_dispatcher", "retention"),
        "--sizes",
    )
    assert CliRunner().invoke(cli.app, ["retention"]).exit_code == 0
    assert {"migrate-gateway", "migrate-orchestrator"} < {call.args[1] for call in become.call_args_list}
    refused = CliRunner().invoke(cli.app, ["retention", "--service", "nosuch"])
    assert refused.exit_code == 1
    assert refused.stderr.startswith("There is no service 'nosuch'. Choose from: ")


def test_a_month_of_one_service_that_has_to_stay_keeps_no_other_from_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    become = Mock(side_effect=[SystemExit("not done: the disk is full"), SystemExit(1), *[SystemExit(0)] * 9])
    monkeypatch.setattr(handed_on, "_become", become)
    ended = CliRunner().invoke(cli.app, ["retention"])
    assert (ended.exit_code, ended.stderr) == (1, "not done: the disk is full\n")
    assert become.call_args.args[1] == "migrate-webhook-dispatcher"


def test_what_is_no_option_of_retention_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    become = Mock(side_effect=SystemExit(2))
    monkeypatch.setattr(handed_on, "_become", become)
    assert CliRunner().invoke(cli.app, ["retention", "--nosuch"]).exit_code == 2
    assert become.call_count == 1


def test_an_account_is_registered_by_its_providers_service(monkeypatch: pytest.MonkeyPatch) -> None:
    become = Mock(side_effect=SystemExit(1))
    monkeypatch.setattr(handed_on, "_become", become)
    command = ["register", "--provider", "mpesa", "--credential", "cred_1", "--again"]
    assert CliRunner().invoke(cli.app, command).exit_code == 1
    assert become.call_args.args[1:] == (
        *("provider-mpesa", "provider_mpesa", "register"),
        *("--credential", "cred_1", "--again"),
    )


def test_a_provider_without_registration_is_named() -> None:
    refused = CliRunner().invoke(cli.app, ["register", "--provider", "stripe", "--credential", "cred_1"])
    assert (refused.exit_code, refused.stderr) == (1, "Stripe has nothing to register here.\n")


def test_help_to_register_needs_no_provider() -> None:
    shown = CliRunner().invoke(cli.app, ["register", "--help"])
    assert shown.exit_code == 0
    assert "Register an account at its provider" in shown.stdout


@pytest.mark.parametrize("command", [["unmatched"], ["register", "--credential", "cred_1"]])
def test_an_unknown_provider_is_refused_with_those_that_there_are(command: list[str]) -> None:
    refused = CliRunner().invoke(cli.app, [*command, "--provider", "nosuch"])
    assert (refused.exit_code, refused.stderr) == (
        1,
        f"There is no provider 'nosuch'. Choose from: {', '.join(PROVIDERS)}.\n",
    )


def test_an_operator_is_shown_that_a_service_is_not_part_of_the_stack(folder: Path) -> None:
    malipo("up", "--only=postgres", folder=folder)
    operator = malipo("operator", "merchant", "list", folder=folder)
    malipo("down", folder=folder)
    assert (operator.returncode, operator.stderr) == (
        1,
        "There is no 'gateway' in this stack. Choose from: postgres.\n",
    )


def test_usage_is_shown_with_the_command_that_a_person_typed(folder: Path) -> None:
    errors = [malipo(*command.split(), folder=folder).stderr for command in ("up --many", "step-over", "stop")]
    assert [one.split(" [OPTIONS]")[0].strip() for one in errors] == [
        "Usage: make up ARGS=...",
        "Usage: make step-over ARGS=...",
        "Usage: make stop ARGS=...",
    ]


def test_logs_of_a_stack_that_never_was_are_refused(folder: Path) -> None:
    logs = malipo("logs", folder=folder)
    assert logs.returncode == 1
    assert " ".join(logs.stderr.split()).startswith("There are no logs in")


def test_a_failed_up_says_why_and_what_to_do(folder: Path, fakes: Fakes) -> None:
    options = [f"--set=stripe-sim.{name}={value}" for name, value in fakes.settings["stripe-sim"].items()]
    up = malipo("up", "--only=stripe-sim", *options, "--set=stripe-sim.FAIL=on-purpose", folder=folder)
    assert up.returncode == 1
    assert "cannot start: on-purpose" in up.stderr
    assert "Mend that, then start it again" in up.stderr


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("--set=nosuch.X=1", "Choose from: postgres, redis"),
        ("--set=gateway", "SERVICE.NAME=VALUE"),
        ("--set=gateway.NOPE=1", "DATABASE_CONNECTIONS, DATABASE_URL, DATABASE_URL_FILE, ENVIRONMENT"),
        ("--replicas=gateway=many", "SERVICE=NUMBER"),
        ("--replicas=kafka=2", "Choose from: gateway"),
        ("--only=nosuch", "Choose from: postgres"),
    ],
)
def test_a_wrong_option_is_refused_with_a_hint(folder: Path, option: str, hint: str) -> None:
    up = malipo("up", option, folder=folder)
    assert up.returncode == 1
    assert hint in " ".join(up.stderr.split())
    assert not (folder / ".malipo").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_foreground_stops_everything_on_a_signal(folder: Path, number: signal.Signals) -> None:
    with started("up", "--only=redis", "--foreground", folder=folder) as process:
        until(lambda: "Ctrl-C stops it all" in process.stdout.readline(), "it is up")
        process.send_signal(number)
        assert process.wait(30) == 0
    assert not [line for line in processes_of(folder) if "redis" in line or "supervisor" in line]


def test_status_of_nothing_says_how_to_start(folder: Path) -> None:
    status = malipo("status", folder=folder)
    assert status.returncode == 1
    assert " ".join(status.stderr.split()).endswith("Start one with: make up")


def test_a_hint_names_a_home_that_is_not_the_usual_one(folder: Path) -> None:
    status = malipo("status", "--home", "an other", folder=folder)
    hint = status.stderr.replace("\n", " ").split("Start one with: ")[1]
    assert shlex.split(shlex.split(hint)[2].removeprefix("ARGS=")) == ["--home", str(folder / "an other")]


def test_a_demo_whose_terminal_closes_leaves_nothing(folder: Path) -> None:
    with started("demo", folder=folder) as process:
        until(lambda: len(processes_of(folder)) >= 3, "something has started")
        process.send_signal(signal.SIGHUP)
        shown, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert shown.endswith("Stopping.\n")
    assert not processes_of(folder)
    assert not list(folder.iterdir())


def test_settings_of_services_are_checked_and_those_of_stores_go_to_the_stores() -> None:
    options = ["gateway.LOG_LEVEL=DEBUG", "webhook-dispatcher.KEEP_DAYS=3", "kafka.num.io.threads=2"]
    assert read_settings(options) == {
        "gateway": {"LOG_LEVEL": "DEBUG"},
        "webhook-dispatcher": {"KEEP_DAYS": "3"},
        "kafka": {"num.io.threads": "2"},
    }


@pytest.mark.parametrize("option", ["gateway.LOGLEVEL=DEBUG", "topics.KAFKA_CONSUMER=erp-sink=erp-sink"])
def test_a_setting_that_a_service_or_the_topics_do_not_have_is_refused(option: str) -> None:
    target = option.partition("=")[0]
    with pytest.raises(StackError, match=rf"--set {target}: \w+ has no such setting. Choose from: .*KAFKA_BOOTSTRAP"):
        read_settings([option])
