"""The Makefile, as somebody meets it who has just cloned the repository."""

import os
import subprocess
from pathlib import Path

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


def test_later_setups_are_silent(folder: Path) -> None:
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").touch()
    setup = make("--dry-run", "setup", folder=folder)
    assert "Malipo needs into" not in setup
    assert "--quiet" in setup.splitlines()[-1]
