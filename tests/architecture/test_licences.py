"""What Malipo depends on may be used by everyone: permissive licences only, and each exception has its reason."""

import re
import sys
import tomllib
from importlib.metadata import Distribution
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "docs"))

from pages.licences import EXCEPTIONS, LOCAL_ONLY, licence_of, needed_by, permissive

ROOT = Path(__file__).parents[2]

MEMBERS = sorted(
    tomllib.loads(path.read_text("utf-8"))["project"]["name"]
    for part in ("libs/*", "services/*", "deploy/local", "examples/*")
    for path in ROOT.glob(f"{part}/pyproject.toml")
)
SERVICES = [name for name in MEMBERS if name not in ("malipo", "malipo-local")]


def refused(packages: dict[str, Distribution]) -> dict[str, str]:
    licences = {name: licence_of(package) for name, package in packages.items()}
    return {
        name: declared
        for name, declared in licences.items()
        if not permissive(declared) and (name, declared) not in EXCEPTIONS
    }


@pytest.mark.parametrize("member", MEMBERS)
def test_everything_that_a_package_needs_may_be_used_by_everyone(member: str) -> None:
    assert refused(needed_by(member)) == {}


def test_no_image_holds_what_is_for_the_local_stack_only() -> None:
    assert needed_by(*SERVICES).keys() & LOCAL_ONLY == set()


def test_no_exception_is_left_over() -> None:
    used = {(name, licence_of(package)) for name, package in needed_by(*MEMBERS).items()}
    assert EXCEPTIONS.keys() <= used


def test_extras_are_followed() -> None:
    assert {"aiokafka", "greenlet", "sqlalchemy"} <= needed_by("malipo").keys()


@pytest.mark.parametrize(
    "expression", ["GPL-3.0-only", "MIT AND LGPL-2.1-or-later", "AGPL-3.0", "no licence", "SSPL-1.0"]
)
def test_a_licence_with_more_conditions_is_refused(expression: str) -> None:
    assert not permissive(expression)


@pytest.mark.parametrize(
    "expression", ["MIT", "MIT AND PSF-2.0", "GPL-2.0-only OR MIT", "(Apache-2.0 OR BSD-2-Clause)"]
)
def test_a_permissive_licence_is_accepted(expression: str) -> None:
    assert permissive(expression)


def test_what_others_wrote_and_we_ship_has_its_licence_beside_it() -> None:
    shipped = [path for path in ROOT.glob("services/*/src/**/static/*") if path.suffix != ".LICENSE"]
    assert shipped
    assert [path.name for path in shipped if not path.with_suffix(".LICENSE").exists()] == []


def test_our_own_licence_is_apache_2_whole() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    sections = re.findall(r"^   (\d)\. [A-Z]", text, re.MULTILINE)
    assert sections == list("123456789")
    assert "END OF TERMS AND CONDITIONS" in text
    projects = [
        path
        for part in ("libs/*", "services/*", "deploy/local", "examples/*", ".")
        for path in ROOT.glob(f"{part}/pyproject.toml")
    ]
    assert {tomllib.loads(path.read_text("utf-8"))["project"]["license"] for path in projects} == {"Apache-2.0"}
