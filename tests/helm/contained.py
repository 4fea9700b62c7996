"""Containers by a Docker engine, with the user, the root, the capabilities, the memory and the files that their manifests say.

They share this machine's network, on which the stores of a local stack listen.
"""

import os
from typing import override

from helm.processes import Process


class Contained(Process):
    """One container in an engine; the process here is `docker run`, which hands signals on."""

    @override
    def command(self) -> list[str]:
        """The manifest in the engine's words."""
        container = self.container
        settings = [word for name, value in self.told().items() for word in ("--env", f"{name}={value}")]
        entry, *rest = container.command or ("",)
        return [
            *("docker", "run", "--rm", "--name", container.name, "--network", "host"),
            *self._security(),
            *("--memory", container.memory.replace("Mi", "m").replace("Gi", "g")),
            *(word for path in container.mounted for word in ("--volume", f"{self.at(path)}:{path}:ro")),
            *(word for path in container.empty for word in ("--tmpfs", f"{path}:size=64m")),
            *settings,
            *(("--entrypoint", entry) if entry else ()),
            *(container.image, *rest, *container.arguments),
        ]

    @override
    def command_inside(self, *arguments: str) -> list[str]:
        return ["docker", "exec", self.container.name, *arguments]

    @override
    def environment(self) -> dict[str, str]:
        """Of the engine's own command; the container has what `command` says."""
        return dict(os.environ)

    @override
    def moved(self, text: str) -> str:
        """Paths are where they are in the container."""
        return text

    def _security(self) -> list[str]:
        """What a kubelet makes of the security context; the engine's own profile of system calls is `RuntimeDefault`."""
        says = self.container.security
        found = ["--user", f"{says['runAsUser']}:{says['runAsGroup']}"]
        found += ["--read-only"] if says["readOnlyRootFilesystem"] else []
        found += [] if says["allowPrivilegeEscalation"] else ["--security-opt", "no-new-privileges"]
        return found + [word for one in says["capabilities"]["drop"] for word in ("--cap-drop", one)]
