"""The repository as the architecture tests see it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_OURS = ("libs", "services", "deploy", "docs", "examples", "scaffold", "tests")


def _python_files() -> list[Path]:
    found = [path for part in _OURS for path in (ROOT / part).rglob("*.py")]
    return sorted(path for path in [*found, ROOT / "conftest.py"] if "__pycache__" not in path.parts)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def python_files() -> list[Path]:
    """Every Python file of ours, tests and migrations included."""
    return _python_files()


@pytest.fixture(scope="session")
def source_files() -> list[Path]:
    """The Python files that run in services, libraries and the local stack."""
    return [path for path in _python_files() if "src" in path.relative_to(ROOT).parts]
