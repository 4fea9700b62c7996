"""A compose project with names, ports and networks of its own, so that it runs beside a user's own, and nothing of it is left."""

import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from malipo_local.ports import free_port

ROOT = Path(__file__).parents[2]
_PORT = re.compile(r"MALIPO_\w*PORT")
_EXPORT = re.compile(r"^export (\w+)=(\S+)$", re.MULTILINE)
_ENGINE_SECONDS = 20.0


class EngineFailed(RuntimeError):
    """A command of Docker's failed; the text is its last lines."""


def engine() -> str | None:
    """Why no engine can be used here; None when one answers, with compose."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    for command in (["docker", "version"], ["docker", "compose", "version"]):
        try:
            subprocess.run(command, capture_output=True, check=True, timeout=_ENGINE_SECONDS)
        except (OSError, subprocess.SubprocessError):
            return f"`{' '.join(command)}` fails"
    return None


class Project:
    """The system of docker-compose.yml as a project of its own. `seconds` is how long a command of the engine's may take."""

    def __init__(self, seconds: float) -> None:
        self.name = f"malipo-try-{secrets.token_hex(3)}"
        self._seconds = seconds
        text = (ROOT / "docker-compose.yml").read_text("utf-8")
        ports: dict[str, int] = {}
        for setting in sorted(set(_PORT.findall(text))):
            ports[setting] = free_port(ports.values())
        self._addresses: dict[str, str] = {}
        self.environment = {
            "COMPOSE_PROJECT_NAME": self.name,
            "MALIPO_EDGE": f"10.213.{100 + secrets.randbelow(150)}",
            "MALIPO_TAG": self.name,
            **{setting: str(port) for setting, port in ports.items()},
        }

    def url(self, name: str) -> str:
        """Where a part is reached, as `deploy/addresses` tells users: callbacks of providers from where their stand-ins are."""
        if not self._addresses:
            self._addresses = dict(_EXPORT.findall(self.run("deploy/addresses")))
        return self._addresses[f"{name.upper().replace('-', '_')}_URL"]

    def run(self, *command: str, check: bool = True) -> str:
        """What a command prints. Raises `EngineFailed` if it fails, or takes too long."""
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=os.environ | self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=self._seconds,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            message = f"`{' '.join(command)}` has not ended after {self._seconds:.0f} s"
            raise EngineFailed(message) from None
        if check and done.returncode:
            last = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
            message = f"`{' '.join(command)}` failed:\n{last}"
            raise EngineFailed(message)
        return done.stdout

    def compose(self, *arguments: str) -> str:
        """What a command of compose prints. Raises as `run`."""
        return self.run("docker", "compose", *arguments)

    def services(self) -> Sequence[str]:
        """Malipo's own services: those that compose builds and that have a migration."""
        known: dict[str, Any] = json.loads(self.compose("config", "--format", "json"))["services"]
        return sorted(name.removeprefix("migrate-") for name in known if name.startswith("migrate-"))

    def command(self, service: str, *arguments: str) -> str:
        """Run a command that a service has for its operators. Raises `RuntimeError` if it fails."""
        module = service.replace("-", "_")
        return self.compose("exec", "--no-TTY", service, "python", "-m", module, *arguments)

    def containers(self, service: str) -> Sequence[str]:
        """The ids of a service's replicas that run."""
        return self.compose("ps", "--quiet", service).split()

    def end(self) -> Sequence[str]:
        """Remove containers, networks, volumes and images; returns what is left of them."""
        self.run(
            "docker",
            "compose",
            "--profile",
            "*",
            "down",
            "--volumes",
            "--remove-orphans",
            "--timeout",
            "20",
            check=False,
        )
        images = self.run("docker", "images", "--quiet", "--filter", f"reference=malipo/*:{self.name}").split()
        if images:
            self.run("docker", "image", "rm", "--force", *sorted(set(images)), check=False)
        return self._left()

    def _left(self) -> Sequence[str]:
        ours = f"label=com.docker.compose.project={self.name}"
        looks = (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        found = [name for look in looks for name in self.run("docker", *look, "--quiet", "--filter", ours).split()]
        return [*found, *self.run("docker", "images", "--quiet", "--filter", f"reference=malipo/*:{self.name}").split()]
