"""Makes a release of what is checked out: looks whether it may be one, then writes what it is made of, and builds its images.

`make release` does all of it; `make release ARGS=--check` only looks. Nothing is pushed: the last lines say what a person does then.
"""
# ruff: noqa: INP001, T201 - a command, no package: it prints

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import frozen

ROOT = Path(__file__).parents[2]
_SECTION = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\S+))?$", re.MULTILINE)
_NAMED = {
    "deploy/Dockerfile": r"^ARG VERSION=(\S+)",
    "docker-compose.yml": r"MALIPO_VERSION:-([^}]+)\}",
    "deploy/README.md": r"`MALIPO_VERSION`[^|]*\| `([^`]+)`",
}
"""Where else the version is written down, and how it is found there."""
_ENGINES = ("docker", "podman")


def version() -> str:
    """What this is called: as the workspace says."""
    return _project(ROOT / "pyproject.toml")["version"]


def images() -> list[str]:
    """What there is an image of: each service, and the stand-ins."""
    return [*sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml")), "simulators"]


def problems() -> Iterator[str]:
    """Why what is checked out cannot be released as it is."""
    yield from _of_git()
    yield from differing_versions(ROOT)
    yield from _of_changelog((ROOT / "CHANGELOG.md").read_text("utf-8"), version())
    yield from _of_migrations()


def differing_versions(root: Path) -> Iterator[str]:
    """The places where another version is written than the workspace has."""
    wanted = _project(root / "pyproject.toml")["version"]
    parts = ("libs/*", "services/*", "deploy/local", "examples/*")
    for path in sorted(path for part in parts for path in root.glob(f"{part}/pyproject.toml")):
        if (found := _project(path)["version"]) != wanted:
            yield f"{path.relative_to(root)} has version {found}, not {wanted}"
    for name, pattern in _NAMED.items():
        found = re.search(pattern, (root / name).read_text("utf-8"), re.MULTILINE)
        if found is None or found[1] != wanted:
            yield f"{name} has version {found and found[1]}, not {wanted}"


def _project(path: Path) -> dict[str, str]:
    return tomllib.loads(path.read_text("utf-8"))["project"]


def _of_git() -> Iterator[str]:
    if changed := _run("git", "status", "--porcelain"):
        yield f"the tree has changes that are not committed: {changed.split()[1]} and perhaps others"
    tag = f"v{version()}"
    if _run("git", "tag", "--list", tag) and tag not in _run("git", "tag", "--points-at", "HEAD").split():
        yield f"{tag} is another commit: give the workspace, and all that is in it, the next version"


def _of_changelog(text: str, wanted: str) -> Iterator[str]:
    """What its readers would miss."""
    found = list(_SECTION.finditer(text))
    section = next((one for one in found if one["version"] == wanted), None)
    if section is None:
        yield f"CHANGELOG.md has no section [{wanted}]: rename [Unreleased], and begin a new one"
        return
    if section["date"] is None:
        yield f"CHANGELOG.md does not say when {wanted} is released: ## [{wanted}] - 2026-11-29"
    after = [one.start() for one in found if one.start() > section.start()]
    if not text[section.end() : min(after, default=len(text))].strip():
        yield f"CHANGELOG.md says nothing of {wanted}"


def _of_migrations() -> Iterator[str]:
    if edited := frozen.edited():
        yield f"{edited[0]} was released as another: write a new migration (docs/operations/upgrade.md)"
    if new := frozen.unreleased():
        yield f"{new[0]} is not frozen yet: python deploy/release/frozen.py, and commit that"


def write_sboms(folder: Path) -> list[Path]:
    """One of each image, in CycloneDX 1.5: every package by version and hash, as the lock has them."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for image in images():
        file = folder / f"{image}-{version()}.cdx.json"
        exported = (
            "export",
            "--locked",
            "--quiet",
            "--no-dev",
            "--format",
            "cyclonedx1.5",
            "--package",
            f"malipo-{image}",
        )
        _run(_uv(), *exported, "--output-file", str(file))
        written.append(file)
    return written


def _uv() -> str:
    """One that works: as the Makefile has it."""
    return "uv" if shutil.which("uv") else str(ROOT / ".tools/bin/uv")


def build(engine: str) -> None:
    """Build every image of this version; the layers that they share are built once."""
    revision = _run("git", "rev-parse", "HEAD")
    labels = (f"VERSION={version()}", f"REVISION={revision}", f"SOURCE={os.environ.get('MALIPO_SOURCE', 'unknown')}")
    for image in images():
        arguments = [word for one in (f"SERVICE={image}", *labels) for word in ("--build-arg", one)]
        tag = f"malipo/{image}:{version()}"
        print(f"building {tag} ...", flush=True)
        _run(engine, "build", "--file", "deploy/Dockerfile", "--tag", tag, *arguments, ".")


def _run(*command: str) -> str:
    """What it prints. Ends this with what it complains of, if it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - words of ours
    if done.returncode:
        sys.exit(f"{' '.join(command[:2])} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="make release ARGS=...", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only look whether this may be released")
    parser.add_argument("--no-images", action="store_true", help="build no images: where no engine is")
    given = parser.parse_args(arguments)
    if found := list(problems()):
        print(f"{version()} cannot be released:", *found, sep="\n  ")
        return 1
    print(f"{version()} may be released")
    if given.check:
        return 0
    folder = ROOT / "dist/sbom"
    print(f"{len(write_sboms(folder))} SBOMs are in {folder.relative_to(ROOT)}")
    if not given.no_images:
        engine = next((one for one in _ENGINES if shutil.which(one)), None)
        if engine is None:
            print(f"no images: there is none of {' and '.join(_ENGINES)} here; --no-images does without")
            return 1
        build(engine)
    print(f"now: git tag -a v{version()} -m {version()}, push that, the images and the SBOMs")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
