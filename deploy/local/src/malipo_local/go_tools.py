"""Builds programs that are had as Go modules alone, once for all stacks: Prometheus, and promtool, which tries its rules.

`go/go.mod` pins them and all that they need, `go.sum` says what that has to be.
"""

import fcntl
import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from malipo_local.errors import StartError
from malipo_local.home import cache_folder

_MODULE = Path(__file__).with_name("go")
_LINES = 20


@dataclass(frozen=True, slots=True)
class GoTool:
    """One program of the module."""

    name: str
    package: str

    @property
    def path(self) -> Path:
        """Where it is once it was built, under a name of its own for each version."""
        pinned = hashlib.sha256((_MODULE / "go.sum").read_bytes()).hexdigest()[:12]
        return cache_folder() / f"prometheus-{pinned}" / self.name

    def built(self) -> Path:
        """Its path; builds it unless it is there, which takes minutes. Raises StartError."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with (self.path.parent / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not self.path.exists():
                    self._build()
        return self.path

    def _build(self) -> None:
        go = shutil.which("go")
        if go is None:
            message = f"{self.name} is built from its Go module, and there is no go command: install Go 1.26, or newer."
            raise StartError(message)
        unfinished = self.path.with_suffix(".unfinished")
        # Without the service discoveries of clouds, which are two thirds of it.
        flags = ["-mod=readonly", "-trimpath", "-ldflags=-s -w", "-tags", "remove_all_sd"]
        command = [go, "build", *flags, "-o", unfinished, self.package]
        done = subprocess.run(command, cwd=_MODULE, capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"{self.name} cannot be built:\n" + "\n".join(done.stderr.splitlines()[-_LINES:])
            raise StartError(message)
        unfinished.rename(self.path)


PROMETHEUS = GoTool("prometheus", "github.com/prometheus/prometheus/cmd/prometheus")
PROMTOOL = GoTool("promtool", "github.com/prometheus/prometheus/cmd/promtool")
