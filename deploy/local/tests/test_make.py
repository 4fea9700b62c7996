"""The Makefile, as it works right after the repository was cloned."""

import os
import re
import subprocess
from pathlib import Path

from typer.main import get_group

from malipo_local.cli import app

MAKEFILE = Path(__file__).parents[3] / "Makefile"


def make(*arguments: str, folder: Path) -> str:
    command = ["make", "--no-print-directory", "-f", str(MAKEFILE), *arguments]
    # These tests may themselves run beneath a make, which would hand on its flags and depth.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=alone, check=True, timeout=30)
    return done.stdout


def test_the_help_can_be_pasted(folder: Path) -> None:
    shown = make("help", folder=folder)
    assert 'eval "$(make -s env)"' in shown
    assert {"make stop", "make start", "make restart"} <= {" ".join(line.split()[:2]) for line in shown.splitlines()}


def test_the_first_setup_says_what_it_does_and_shows_its_progress(folder: Path) -> None:
    setup = make("--dry-run", "setup", folder=folder)
    assert "Installing what Malipo needs into .venv/" in setup
    assert "--quiet" not in setup.splitlines()[-1]


def test_the_first_setup_says_how_much_it_downloads(folder: Path) -> None:
    assert re.search(r"downloads \d+ MB", make("--dry-run", "setup", folder=folder))


def test_a_setup_after_a_change_says_one_line(folder: Path) -> None:
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").touch()
    (folder / ".venv" / "installed").touch()
    os.utime(folder / ".venv" / "installed", (0, 0))
    (folder / "uv.lock").touch()
    setup = make("--dry-run", "setup", folder=folder)
    assert "Malipo needs into" not in setup
    assert setup.count('echo "Bringing .venv/ up to date ..." >&2') == 1
    assert "sync --locked --compile-bytecode --quiet" in setup


def test_a_command_after_a_setup_starts_at_once(folder: Path) -> None:
    (folder / "uv.lock").touch()
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").touch()
    (folder / ".venv" / "installed").touch()
    (folder / ".tools" / "bin").mkdir(parents=True)
    (folder / ".tools" / "bin" / "uv").touch()
    operator = make("--dry-run", "operator", "ARGS=merchant list", folder=folder)
    assert operator.splitlines() == [".venv/bin/python -m malipo_local operator merchant list"]


def test_every_command_that_make_runs_is_there() -> None:
    used = set(re.findall(r"-m malipo_local (\S+)", MAKEFILE.read_text()))
    assert used == get_group(app).commands.keys()
