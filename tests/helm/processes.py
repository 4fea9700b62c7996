"""Containers as plain processes: with their own command, arguments, environment and files, and nothing else of this machine's environment.

What an image gives is given here: an interpreter with the packages, its entry point, and an address with all ports free. As all share
one machine, the ports that a container names are others here, and the files that it mounts lie in a folder of its own.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import httpx

from helm.pods import Container, Probe
from malipo_local.ports import free_port
from malipo_local.waiting import until

_ENTRY_POINT = ("python", "-m")
_LAST_LINES = 15


class Failed(AssertionError):
    """A container did not do what its manifest says; the text has its last words."""


class Process:
    """One container. `package` is what its image runs, where the manifest has no command."""

    def __init__(self, container: Container, package: str, folder: Path, ports: Mapping[str, int]) -> None:
        self.container = container
        self._home = folder / container.name
        self._log = folder / f"{container.name}.log"
        self._ports = dict(zip(container.ports.values(), ports.values(), strict=True))
        command = container.command or (*_ENTRY_POINT, package)
        self._command = [sys.executable if word == "python" else word for word in (*command, *container.arguments)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it."""
        for path, text in self.container.files.items():
            (file := self._here(path)).parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self._moved(text))
        for path in self.container.empty:
            self._here(path).mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env=self.environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def environment(self) -> dict[str, str]:
        """The container's, and what its image sets."""
        told = {name: self._moved(value) for name, value in self.container.environment.items()}
        listening = {name: str(self._ports[int(told[name])]) for name in ("HTTP_PORT", "ADMIN_PORT") if name in told}
        return {"PATH": os.defpath, "PYTHONUNBUFFERED": "1", **told, **listening}

    def url(self, port: str = "http") -> str:
        """Where a port is that the container names."""
        return f"http://127.0.0.1:{self._ports[self.container.ports[port]]}"

    def wait_ended(self) -> None:
        """Return when it has done its work. Raises `Failed`."""
        assert self._process is not None
        try:
            code = self._process.wait(self.container.deadline_seconds)
        except subprocess.TimeoutExpired:
            msg = f"has not ended after {self.container.deadline_seconds:.0f} s"
            raise self._failed(msg) from None
        if code:
            msg = f"ended with {code}"
            raise self._failed(msg)

    def wait_ready(self) -> None:
        """Return when its probes are answered, each in its time. Raises `Failed`."""
        for which, probe in self.container.probes.items():
            seconds = max(60.0, probe.seconds)  # a machine that does much else is no cluster
            if not until(lambda one=probe: self._answers(one), seconds):
                msg = f"does not answer its {which}: {self._last_answer(probe)}"
                raise self._failed(msg)

    def stop(self) -> None:
        """End it as a kubelet does. Raises `Failed` if it would be killed."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(self.container.grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            msg = f"was told to stop, and had not after {self.container.grace_seconds:.0f} s"
            raise self._failed(msg) from None

    def said(self) -> Sequence[str]:
        """Its last lines."""
        return self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:]

    def run(self, *arguments: str) -> str:
        """What a command in this container prints, as `kubectl exec` runs it. Raises `RuntimeError` if it fails."""
        command = [sys.executable if word == "python" else word for word in arguments]
        done = subprocess.run(command, env=self.environment(), cwd="/", capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def _answers(self, probe: Probe) -> bool:
        assert self._process is not None
        if (code := self._process.poll()) is not None:
            msg = f"ended with {code}"
            raise self._failed(msg)
        try:
            return self._ask(probe).is_success
        except httpx.HTTPError:
            return False

    def _last_answer(self, probe: Probe) -> str:
        try:
            return self._ask(probe).text
        except httpx.HTTPError as error:
            return repr(error)

    def _ask(self, probe: Probe) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self._ports[probe.port]}{probe.path}", timeout=5)

    def _here(self, path: str) -> Path:
        return self._home / path.lstrip("/")

    def _moved(self, text: str) -> str:
        """The text, with each path that is mounted where it is here."""
        for path in self.container.mounted:
            text = text.replace(f"{path}/", f"{self._here(path)}/")
        return text

    def _failed(self, what: str) -> Failed:
        return Failed("\n".join([f"{self.container.name} {what}:", *self.said()]))


def free_ports(container: Container, taken: list[int]) -> dict[str, int]:
    """A port for each that the container names, and none twice."""
    found: dict[str, int] = {}
    for name in container.ports:
        found[name] = free_port(taken)
        taken.append(found[name])
    return found
