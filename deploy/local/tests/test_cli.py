"""The command line, as a person uses it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Fakes, processes_of, until

pytestmark = pytest.mark.timeout(180)


def malipo(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "malipo_local", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, timeout=120)


def test_up_status_env_restart_logs_and_down(folder: Path) -> None:
    up = malipo("up", "--only", "postgres,redis", folder=folder)
    assert up.returncode == 0, up.stderr
    assert "REDIS_URL" in up.stdout
    again = malipo("up", folder=folder)
    assert again.returncode == 0
    assert "Already up" in again.stdout
    status = malipo("status", folder=folder).stdout
    assert "postgres" in status
    assert "ready" in status
    assert "export REDIS_URL=redis://127.0.0.1:" in malipo("env", folder=folder).stdout
    assert "ready again" in malipo("restart", "redis", folder=folder).stdout
    assert "Ready to accept connections" in malipo("logs", "redis", folder=folder).stdout
    assert "Stopped" in malipo("down", folder=folder).stdout
    assert not processes_of(folder)
    assert (folder / ".malipo").exists()
    malipo("down", "--purge", folder=folder)
    assert not (folder / ".malipo").exists()


def test_a_failed_up_says_why_and_what_to_do(folder: Path, fakes: Fakes) -> None:
    options = [f"--set=stripe-sim.{name}={value}" for name, value in fakes.settings["stripe-sim"].items()]
    up = malipo("up", "--only=stripe-sim", *options, "--set=stripe-sim.FAIL=on-purpose", folder=folder)
    assert up.returncode == 1
    assert "cannot start: on-purpose" in up.stderr
    assert "run `up` again" in up.stderr


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("--set=nosuch.X=1", "Choose from: postgres, redis"),
        ("--set=gateway", "SERVICE.NAME=VALUE"),
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_foreground_stops_everything_on_a_signal(folder: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "malipo_local", "up", "--only=redis", "--foreground"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        until(lambda: "Ctrl-C stops it all" in process.stdout.readline(), "it is up")
        process.send_signal(number)
        assert process.wait(30) == 0
    assert not [line for line in processes_of(folder) if "redis" in line or "supervisor" in line]


def test_status_of_nothing_says_how_to_start(folder: Path) -> None:
    status = malipo("status", folder=folder)
    assert status.returncode == 1
    assert "malipo_local up" in " ".join(status.stderr.split())
