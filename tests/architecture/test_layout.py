"""Every service and provider has the same files, and none of them grows beyond what can be read at once."""

import ast
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from malipo.contracts.providers import PROVIDERS as DESCRIPTORS
from malipo.contracts.topics import PROVIDER_COMMANDS, TOPICS
from malipo_simulators.cli import NAMES as SIMULATORS

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACTS: list[dict[str, Any]] = PROJECT["tool"]["importlinter"]["contracts"]

SERVICES = sorted(path.parent for path in ROOT.glob("services/*/pyproject.toml"))
PROVIDERS = [folder for folder in SERVICES if folder.name.startswith("provider-")]
EACH_SERVICE = pytest.mark.parametrize("folder", SERVICES, ids=lambda folder: folder.name)
EACH_PROVIDER = pytest.mark.parametrize("folder", PROVIDERS, ids=lambda folder: folder.name)

EVERY_SERVICE_HAS = (
    "__init__.py",
    "__main__.py",
    "main.py",
    "settings.py",
    "py.typed",
    "migrations/env.py",
    "migrations/script.py.mako",
)
EVERY_PROVIDER_HAS = ("main.py", "provider.py", "client.py", "mapping.py", "settings.py")

FILE_LINES = 400
FUNCTION_LINES = 60
LONGER_FILES: dict[str, str] = {}
"""Files that may be longer, each with its reason."""
LONGER_FUNCTIONS: dict[str, str] = {}
"""Functions that may be longer (`path::name`), each with its reason."""


def package(folder: Path) -> Path:
    return folder / "src" / folder.name.replace("-", "_")


def contract(name: str) -> dict[str, Any]:
    return next(found for found in CONTRACTS if name in found["name"])


@EACH_SERVICE
def test_a_service_has_the_files_that_every_service_has(folder: Path) -> None:
    missing = [name for name in EVERY_SERVICE_HAS if not (package(folder) / name).exists()]
    assert missing == []
    assert list(package(folder).glob("migrations/versions/0001_*.py")), "its first migration"
    assert list(folder.glob("tests/**/test_*.py")), "its tests"


@EACH_SERVICE
def test_a_service_is_flat_or_has_rooms_whose_order_is_written_down(folder: Path) -> None:
    rooms = folders_in(package(folder)) - {"migrations"}
    ordered = {
        name for layer in contract(f"{package(folder).name} imports downwards")["layers"] for name in layer.split(" | ")
    }
    assert rooms <= ordered, "file names are the reading order: keep them side by side, or order them in rooms"
    for room in rooms:
        assert folders_in(package(folder) / room) <= {"static"}, "a room is flat"
        assert (package(folder) / room / "__init__.py").read_text("utf-8").startswith('"""'), "says what it is for"


def folders_in(path: Path) -> set[str]:
    return {inner.name for inner in path.iterdir() if inner.is_dir()} - {"__pycache__"}


@EACH_PROVIDER
def test_a_provider_has_the_five_files_and_is_tested_against_the_laws(folder: Path) -> None:
    missing = [name for name in EVERY_PROVIDER_HAS if not (package(folder) / name).exists()]
    assert missing == []
    assert list(folder.glob("tests/test_conformance*.py")), "subclass ProviderConformance"


def test_every_provider_has_a_descriptor_and_a_topic_and_only_providers_do() -> None:
    names = {folder.name.removeprefix("provider-") for folder in PROVIDERS}
    assert set(DESCRIPTORS) == names
    assert set(PROVIDER_COMMANDS) == names
    assert all(topic in TOPICS for topic in PROVIDER_COMMANDS.values())


def test_every_provider_has_a_simulator_with_a_command_of_its_own() -> None:
    commands = {name: import_module(f"malipo_simulators.{name}.command") for name in SIMULATORS}
    assert set(SIMULATORS) == {*DESCRIPTORS, "merchant"}
    assert len({command.PORT for command in commands.values()}) == len(commands)


def test_import_contracts_name_every_package() -> None:
    packages = {path.parent.name for _, path in found_packages()}
    services = {package(folder).name for folder in SERVICES}
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == packages
    assert set(" | ".join(contract("services meet in topics")["layers"]).split(" | ")) == packages
    assert set(contract("simulators are another party")["forbidden_modules"]) == packages - {"malipo_simulators"}
    assert services <= set(contract("nothing that runs")["source_modules"])
    for service in services:
        assert contract(f"{service} imports downwards")["exhaustive"] is True


def test_the_types_of_every_package_are_checked() -> None:
    checked = {ROOT / path for path in PROJECT["tool"]["basedpyright"]["include"]}
    assert {package(folder).parent for folder in SERVICES} <= checked
    assert {*ROOT.glob("libs/*/src"), *ROOT.glob("examples/*/src"), ROOT / "deploy/local/src"} <= checked


def test_every_file_says_in_its_first_line_what_it_is_for(python_files: list[Path]) -> None:
    silent = [str(path.relative_to(ROOT)) for path in python_files if not introduced(path.read_text("utf-8"))]
    assert silent == []


def introduced(source: str) -> bool:
    """Whether a docstring opens the file; an empty file needs none."""
    return not source.strip() or (source.startswith('"""') and len(source[3:].split("\n", 1)[0]) > len('"""'))


def test_no_file_is_too_long(python_files: list[Path]) -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in python_files}
    assert {path for path, lines in sizes.items() if lines > FILE_LINES} == set(LONGER_FILES)


def test_no_function_is_too_long(python_files: list[Path]) -> None:
    found = {name for path in python_files if not in_migration(path) for name in long_functions(path)}
    assert found == set(LONGER_FUNCTIONS)


def in_migration(path: Path) -> bool:
    """A migration is one text of SQL, frozen once it has run."""
    return path.parent.name == "versions"


def long_functions(path: Path) -> list[str]:
    functions = (
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    lengths = [(function.name, (function.end_lineno or 0) - function.lineno + 1) for function in functions]
    return [f"{path.relative_to(ROOT)}::{name}" for name, lines in lengths if lines > FUNCTION_LINES]


def test_the_pictures_of_the_architecture_leave_no_package_and_no_room_out() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    packages = {f"{part}/{path.parts[-4]}" for part, path in found_packages()}
    rooms = folders_in(ROOT / "services/gateway/src/gateway") - {"migrations"}
    assert {name for name in packages | rooms if f'["{name}"]' not in text} == set()


def found_packages() -> list[tuple[str, Path]]:
    """Each package of the repository with the folder that its project is in."""
    return [
        (part, path)
        for part in ("libs", "services", "deploy", "examples")
        for path in ROOT.glob(f"{part}/*/src/*/__init__.py")
    ]
