"""Fake services by the names of the real ones, and helpers that wait by condition."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from malipo_local import waiting
from malipo_local.services import SERVICES, Kind, names

PROGRAMS = {row.module for row in SERVICES if row.kind in {Kind.SERVICE, Kind.SIMULATOR}}
NAMES = (*names(Kind.SERVICE), *names(Kind.SIMULATOR), *names(Kind.STEP))
FAKE = Path(__file__).with_name("fake_program.py")


@dataclass
class Fakes:
    folder: Path

    @property
    def settings(self) -> dict[str, dict[str, str]]:
        each = {"PYTHONPATH": str(self.folder), "STEPS_RUN": str(self.folder / "steps")}
        return {name: dict(each) for name in NAMES}

    def steps_run(self) -> list[str]:
        return (self.folder / "steps").read_text().splitlines()

    def change_code_of(self, package: str) -> None:
        self.add_migration(package, "SELECT 1")

    def add_migration(self, package: str, sql: str) -> None:
        folder = self.folder / package / "migrations"
        folder.mkdir(exist_ok=True)
        (folder / "0001.sql").write_text(sql)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not tmp_path: pytest closes its folders to other users, and PostgreSQL may run as one of them."""
    path = Path(tempfile.mkdtemp(prefix="malipo-test-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def fakes(folder: Path) -> Fakes:
    place = folder / "fakes"
    for name in PROGRAMS:
        (place / name).mkdir(parents=True)
        shutil.copy(FAKE, place / name / "__main__.py")
        (place / name / "__init__.py").touch()
    (place / "malipo" / "messaging").mkdir(parents=True)
    shutil.copy(FAKE, place / "malipo" / "messaging" / "provision.py")
    (place / "malipo" / "__init__.py").touch()
    return Fakes(place)


def until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    assert waiting.until(lambda: bool(condition()), seconds), f"not within {seconds} s: {what}"


def processes_of(home: Path) -> list[str]:
    """Every process that has the home's path on its command line, in its environment or as its folder."""
    return [described for process in psutil.process_iter() for described in _described(process, str(home))]


def _described(process: psutil.Process, home: str) -> list[str]:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return []
        command = process.cmdline()
        words = [*command, process.cwd(), *process.environ().values()]
    except psutil.Error:
        return []
    return [f"{process.pid} {' '.join(command)[:80]}"] if any(home in word for word in words) else []
