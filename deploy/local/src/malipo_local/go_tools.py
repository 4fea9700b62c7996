"""Builds programs that are had as Go modules alone, once for all stacks and tests.

A folder's go.mod pins them and all that they need, its go.sum says what that has to be. `go` here has Prometheus, and promtool,
which tries its rules; deploy/helm/tools has those that judge the chart.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from malipo_local.errors import StartError
from malipo_local.home import cache_folder

_MODULE = Path(__file__).with_name("go")
_SETTINGS = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}
_AT_ONCE = "2"  # much else runs beside it
_TOO_OLD = "requires go >="
_LINES = 20


class NoGo(StartError):
    """There is no `go` that can build it."""


@dataclass(frozen=True, slots=True)
class GoTool:
    """One program: the package itself of its module, or a tool that the module names."""

    name: str
    module: Path
    tags: str = ""

    @property
    def path(self) -> Path:
        """Where it is once it was built, in a folder of its own for each version."""
        made_of = b"".join(path.read_bytes() for path in sorted(self.module.iterdir()))
        pinned = hashlib.sha256(made_of + self.tags.encode()).hexdigest()[:12]
        return cache_folder() / "go" / f"{self.name}-{pinned}" / self.name

    def built(self) -> Path:
        """Its path; builds it unless it is there, which takes minutes. Raises `NoGo`, or `StartError` for what else goes wrong."""
        if not (path := self.path).exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with (path.parent / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not path.exists():
                    self._build(path)
        return path

    def _build(self, path: Path) -> None:
        go = shutil.which("go")
        if go is None:
            raise NoGo(self._without("there is no go command"))
        unfinished = path.with_suffix(".unfinished")
        flags = ["-p", _AT_ONCE, "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-tags", self.tags]
        command = [go, "build", *flags, "-o", unfinished, self._package()]
        done = subprocess.run(
            command, cwd=self.module, env=os.environ | _SETTINGS, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = "\n".join(done.stderr.splitlines()[-_LINES:])
            if _TOO_OLD in said:
                raise NoGo(self._without(f"the go command is too old ({said})"))
            message = f"{self.name} cannot be built:\n{said}"
            raise StartError(message)
        unfinished.rename(path)

    def _without(self, why: str) -> str:
        return f"{self.name} is built from its Go module, and {why}: install Go 1.26, or newer."

    def _package(self) -> str:
        if (self.module / "main.go").exists():
            return "."
        told = (self.module / "go.mod").read_text("utf-8")
        # What is required has a version behind it, a tool has none.
        (package,) = re.findall(rf"^(?:tool |\t)(\S+/{self.name})$", told, re.MULTILINE)
        return package


# Without the service discoveries of clouds, which are two thirds of it.
PROMETHEUS = GoTool("prometheus", _MODULE, "remove_all_sd")
PROMTOOL = GoTool("promtool", _MODULE, "remove_all_sd")
