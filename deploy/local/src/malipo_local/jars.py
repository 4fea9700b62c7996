"""Fetches jars that a lock names, as `kafka-jars.toml` those of Apache Kafka, and checks each against its sha256.

`python -m malipo_local.jars` resolves the coordinates in that file anew and rewrites its list.
"""

import hashlib
import os
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from malipo_local.errors import StartError

if TYPE_CHECKING:
    from jgo.maven import MavenContext

LOCK = Path(__file__).with_name("kafka-jars.toml")
_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock."""

    coordinate: str
    sha256: str

    def path(self, folder: Path) -> Path:
        """Where it is in a Maven repository folder."""
        group, artifact, version = self.coordinate.split(":")
        return folder.joinpath(*group.split("."), artifact, version, f"{artifact}-{version}.jar")


def locked(lock: Path = LOCK) -> list[Jar]:
    """The jars of a lock; unless another is named, those that Kafka needs, in class path order."""
    jars: dict[str, str] = tomllib.loads(lock.read_text())["jars"]
    return [Jar(coordinate, sha256) for coordinate, sha256 in jars.items()]


def lock_digest() -> str:
    """Changes when the lock changes."""
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]


def fetch(folder: Path, jars: Iterable[Jar]) -> None:
    """Bring these jars into `folder`, laid out as a Maven repository, unless it is there already.

    Raises StartError for a jar that cannot be downloaded or whose content is not what was locked.
    """
    context = _context(folder)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(partial(fetch_one, context), jars))


def _context(folder: Path) -> "MavenContext":
    from jgo.maven import MavenContext

    mirror = os.environ.get("MALIPO_MAVEN_REPOSITORY")
    return MavenContext(repo_cache=folder, remote_repos={"mirror": mirror} if mirror else None, timeout=30)


def fetch_one(context: "MavenContext", jar: Jar) -> None:
    """Bring one jar, or raise StartError; a file with other content is removed."""
    artifact = context.create_dependency(jar.coordinate).artifact
    for _ in range(2):  # a download that was cut short is thrown away and tried once more
        try:
            path = artifact.resolve()
        except Exception as failure:
            message = f"{jar.coordinate}: {failure}. Check the network, or name a mirror in MALIPO_MAVEN_REPOSITORY."
            raise StartError(message) from failure
        if hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256:
            return
        path.unlink()
    message = f"{jar.coordinate} is not the file that was locked: the repository gave another. Use a trusted one."
    raise StartError(message)


def _resolve_anew() -> None:
    lock = tomllib.loads(LOCK.read_text())
    context = _context(Path(os.environ.get("MALIPO_CACHE", "/tmp/malipo-jars")))  # noqa: S108
    direct, transitive = context.resolver.resolve([context.create_dependency(c) for c in lock["coordinates"]])
    lines = ["# Apache Kafka and what it needs. Written by `python -m malipo_local.jars`; change only the coordinates."]
    lines += ["coordinates = [", *(f'  "{coordinate}",' for coordinate in lock["coordinates"]), "]", "", "[jars]"]
    for dependency in [*direct, *transitive]:
        digest = hashlib.sha256(dependency.artifact.resolve().read_bytes()).hexdigest()
        lines.append(f'"{dependency.groupId}:{dependency.artifactId}:{dependency.version}" = "{digest}"')
    LOCK.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    _resolve_anew()
