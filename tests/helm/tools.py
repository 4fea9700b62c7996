"""Programs that judge the chart, each built once from Go modules as deploy/helm/tools pins them, into the cache that all stacks share."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from malipo_local.home import cache_folder

ROOT = Path(__file__).parents[2]
_TOOLS = ROOT / "deploy/helm/tools"
_AT_ONCE = "2"
_LAST_LINES = 3
_TOO_OLD = "requires go >="


class NoTool(RuntimeError):
    """A program cannot be had here; the text says why."""


@cache
def tool(name: str) -> Path:
    """The program, built if it is not there. Raises `NoTool`."""
    folder = cache_folder() / "chart-tools" / f"{name}-{_pinned(name)}"
    program = folder / name
    if program.exists():
        return program
    if shutil.which("go") is None:
        msg = f"there is no `go` to build {name} with"
        raise NoTool(msg)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # two processes of one run of tests want the same
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _build(name, program)
    return program


def _pinned(name: str) -> str:
    """Changes with what is built."""
    made_of = sorted((_TOOLS / name).iterdir())
    return hashlib.sha256(b"".join(path.read_bytes() for path in made_of)).hexdigest()[:12]


def _build(name: str, program: Path) -> None:
    """Every module has to be what go.sum says. Raises `NoTool` where Go is too old, `RuntimeError` for what else goes wrong."""
    package = "." if (_TOOLS / name / "main.go").exists() else _package(name)
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
    unfinished = program.with_suffix(".new")
    command = [
        "go",
        "build",
        "-p",
        _AT_ONCE,
        "-buildvcs=false",
        "-trimpath",
        "-ldflags=-s -w",
        "-o",
        str(unfinished),
        package,
    ]
    done = subprocess.run(
        command, cwd=_TOOLS / name, env=os.environ | settings, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-_LAST_LINES:])
        msg = f"{name} could not be built: {last}"
        raise NoTool(msg) if _TOO_OLD in last else RuntimeError(msg)
    unfinished.rename(program)


def _package(name: str) -> str:
    """The one that the module says it is for."""
    lines = (_TOOLS / name / "go.mod").read_text("utf-8").splitlines()
    return next(line.removeprefix("tool ") for line in lines if line.startswith("tool "))
