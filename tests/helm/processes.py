"""Containers as plain processes: with their own command, arguments, environment and files, and nothing else of this machine's environment.

What an image gives is given here: an interpreter with the packages, and its entry point. As all share one machine's address, the ports
that a container names are others here; and what it mounts lies in a folder of its own.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import httpx

from helm.pods import Container, Probe
from malipo_local.ports import free_port
from malipo_local.waiting import until

_LAST_LINES = 15
_START_SECONDS = 60.0


class Failed(AssertionError):
    """A container did not do what its manifest says; the text has its last words."""


class Process:
    """One container, in a folder of its own, with a port of this machine's for each that it names."""

    def __init__(self, container: Container, folder: Path, ports: Mapping[str, int]) -> None:
        self.container = container
        self._home = folder / container.name
        self._log = folder / f"{container.name}.log"
        self._ports = dict(zip(container.ports.values(), ports.values(), strict=True))
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What it is started by: the manifest's command, or the entry point of its image."""
        return _here(
            *(self.container.command or ("python", "-m", package_of(self.container.image))), *self.container.arguments
        )

    def command_inside(self, *arguments: str) -> list[str]:
        """How a command is run in it, as by `kubectl exec`."""
        return _here(*arguments)

    def environment(self) -> dict[str, str]:
        """What it, and a command inside, are started with."""
        return {"PATH": os.defpath, "PYTHONUNBUFFERED": "1", **self.told()}

    def told(self) -> dict[str, str]:
        """The container's variables, with the ports and paths of here."""
        told = {name: self.moved(value) for name, value in self.container.environment.items()}
        settings = ((name, int(told[name])) for name in ("HTTP_PORT", "ADMIN_PORT") if name in told)
        return {**told, **{name: str(self._ports[port]) for name, port in settings if port in self._ports}}

    def moved(self, text: str) -> str:
        """The text, with each path that is mounted where it is here."""
        for path in self.container.mounted:
            text = text.replace(f"{path}/", f"{self.at(path)}/")
        return text

    def at(self, path: str) -> Path:
        """Where a path of the container's is on this machine."""
        return self._home / path.lstrip("/")

    def start(self) -> Self:
        """Start it."""
        self.write_files()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command(), env=self.environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def write_files(self) -> None:
        """Have what it mounts where it finds it."""
        for path, text in self.container.files.items():
            (file := self.at(path)).parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.moved(text))

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

    def wait_runs(self) -> None:
        """Return when a command may be run in it. Raises `Failed`."""
        if not until(self._runs, _START_SECONDS):
            msg = "has not started"
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
        command = self.command_inside(*arguments)
        done = subprocess.run(command, env=self.environment(), cwd="/", capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def _runs(self) -> bool:
        try:
            self.run("true")
        except RuntimeError:
            return False
        return True

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

    def _failed(self, what: str) -> Failed:
        return Failed("\n".join([f"{self.container.name} {what}:", *self.said()]))


def package_of(image: str) -> str:
    """What an image runs, as deploy/Dockerfile builds them: `registry/malipo/provider-stripe:1.0` is `provider_stripe`."""
    name = re.split(r"[:@]", image.rpartition("/")[2])[0]
    return name.replace("-", "_")


def _here(*command: str) -> list[str]:
    """With the interpreter that has the packages here."""
    return [sys.executable if word == "python" else word for word in command]


def free_ports(container: Container, taken: list[int]) -> dict[str, int]:
    """A port for each that the container names, and none twice."""
    found: dict[str, int] = {}
    for name in container.ports:
        found[name] = free_port(taken)
        taken.append(found[name])
    return found
