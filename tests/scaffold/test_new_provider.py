"""What `make new-provider` refuses, and what it does when it was stopped: in a folder that has just what it looks at."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from malipo.contracts.providers import PROVIDERS

ROOT = Path(__file__).parents[2]
SIMULATORS = Path("libs/simulators/src/malipo_simulators")
DESCRIPTORS = Path("libs/common/src/malipo/contracts/providers")
TAKEN = ", ".join(sorted({"cli", "kit", "merchant", *PROVIDERS}))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """What the command looks at, and a Makefile that derives nothing."""
    shutil.copytree(ROOT / "scaffold", tmp_path / "scaffold")
    for folder in (SIMULATORS, DESCRIPTORS):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "Makefile").write_text("lock docs:\n\t@echo made $@\n")
    return tmp_path


def new_provider(place: Path, name: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(place / "scaffold/new_provider.py"), name, *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def contents(place: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in place.rglob("*") if path.is_file() and path.suffix != ".pyc"}


@pytest.mark.parametrize(
    ("name", "more", "why"),
    [
        ("", (), "a name is 2 to 20 characters, a to z and 0 to 9"),
        ("Acme", (), "a name is 2 to 20 characters"),
        ("acme-pay", (), "Give e.g. NAME=acme"),
        ("a" * 21, (), "2 to 20 characters"),
        ("class", (), "Choose e.g. classpay"),
        ("match", (), "a word of Python's"),
        ("cli", (), "taken by a module beside the simulators"),
        ("kit", (), "malipo_simulators/kit/__init__.py is there"),
        ("merchant", (), f"taken are {TAKEN}"),
        ("stripe", (), f"contracts/providers/stripe.py is there. Choose another; taken are {TAKEN}"),
        ("acme", ("--title", 'Acme "Pay"'), "a title is 1 to 40 letters, digits, spaces"),
    ],
)
def test_what_cannot_be_a_provider_is_refused_with_what_is_possible_and_nothing_is_written(place, name, more, why):
    before = contents(place)
    done = new_provider(place, name, *more)
    assert done.returncode == 1
    assert why in done.stderr.replace("\n", " ")
    assert contents(place) == before


def test_a_merge_with_conflicts_is_refused_for_what_is_generated_would_be_made_of_them(place):
    def git(*arguments: str, check: bool = True) -> None:
        command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.com", *arguments]
        subprocess.run(command, cwd=place, check=check, capture_output=True)

    git("init", "--initial-branch", "main")
    git("add", ".")
    git("commit", "-m", "all")
    for branch in ("one", "other"):
        git("checkout", "-b", branch, "main")
        (place / "Makefile").write_text(branch)
        git("commit", "-a", "-m", branch)
    git("merge", "one", check=False)
    done = new_provider(place, "acme")
    assert done.returncode == 1
    assert "Resolve Makefile." in done.stderr
    assert not (place / "services").exists()


def test_a_run_that_was_stopped_is_completed_by_the_next_and_a_file_that_was_changed_is_never_written_again(place):
    (place / "Makefile").write_text("lock docs:\n\t@exit 3\n")
    stopped = new_provider(place, "acme")
    assert stopped.returncode == 1
    assert "give the same command again, or take all back: git clean -fdx services/provider-acme" in stopped.stderr
    whole = contents(place)
    client = place / "services/provider-acme/src/provider_acme/client.py"
    client.write_text(client.read_text()[:100])
    (place / DESCRIPTORS / "acme.py").unlink()
    (place / "Makefile").write_text(whole[place / "Makefile"].replace("exit 3", "echo made $@"))
    again = new_provider(place, "acme")
    assert again.returncode == 0, again.stderr
    assert contents(place) == whole | {place / "Makefile": (place / "Makefile").read_text()}
    client.write_text("written")
    refused = new_provider(place, "acme")
    assert "services/provider-acme/src/provider_acme/client.py is there" in refused.stderr
    assert client.read_text() == "written"


def test_each_long_step_is_announced_and_at_last_what_to_run_and_that_a_stack_has_to_start_anew(place):
    shown = new_provider(place, "acme").stdout
    said = ["Locking", "made lock", "Installing it", "made docs", "nothing_is_left_to_write", "make down, then make up"]
    assert sorted(map(shown.index, said)) == list(map(shown.index, said))


def test_every_word_of_the_template_follows_the_name_and_the_title_and_each_simulator_has_a_port_of_its_own(place):
    assert new_provider(place, "zeta9", "--title", "Zeta & Sons").returncode == 0
    written = {path: text for path, text in contents(place).items() if "zeta9" in str(path)}
    assert len(written) == sum(path.is_file() and path.suffix != ".pyc" for path in (ROOT / "scaffold/acme").rglob("*"))
    assert [path for path, text in written.items() if "acme" in (str(path.relative_to(place)) + text).lower()] == []
    assert 'title="Zeta & Sons"' in written[place / DESCRIPTORS / "zeta9.py"]
    ports = [line for path in place.glob(f"{SIMULATORS}/*/command.py") for line in path.read_text().splitlines()]
    taken = [line for line in ports if line.startswith("PORT = ")]
    assert len(taken) == len(set(taken)) == len({*PROVIDERS, "merchant", "zeta9"})
