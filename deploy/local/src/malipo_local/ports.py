"""Loopback ports: chosen free, remembered in the home so that a restart keeps them."""

import fcntl
import json
import os
import secrets
import socket
from collections.abc import Collection
from functools import cache
from pathlib import Path

from malipo_local.home import cache_folder

HOST = "127.0.0.1"
# Below Linux's range for outgoing connections (32768 and up), so that no client socket binds a port while
# the server that owns it restarts.
_LOWEST, _HIGHEST = 18_000, 32_000
_TRIES = 200


def is_free(port: int) -> bool:
    """Whether a server could bind the port now."""
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(taken: Collection[int] = ()) -> int:
    """A port that no server has bound, none of `taken`, and this process's until it ends. Raises `OSError` when none is found."""
    for _ in range(_TRIES):
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if port not in taken and _claim(port) and is_free(port):
            return port
    message = f"No free port between {_LOWEST} and {_HIGHEST} on {HOST}. Stop what holds them (ss -ltnp)."
    raise OSError(message)


def _claim(port: int) -> bool:
    """Whether no other process of this user has chosen it: a server binds its port a second after that, and two would choose one."""
    file = _claims()
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)  # one byte of the file; the kernel lets go of it
    except (BlockingIOError, PermissionError):  # by the system, one of the two says that another has it
        return False
    return True


@cache
def _claims() -> int:
    """The descriptor of the file whose bytes are locked, each for a port. It stays open until the end: closed, it loses the locks."""
    return os.open(cache_folder() / "ports.lock", os.O_RDWR | os.O_CREAT, 0o600)


class Ports:
    """Which port each process listens on, by a key such as `gateway-0`."""

    def __init__(self, path: Path) -> None:
        """Remember in `path`, and start from what it holds."""
        self._path = path
        self._ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, key: str) -> int:
        """The port of a key, chosen now if it has none."""
        if key not in self._ports:
            self._ports[key] = free_port(self._ports.values())
            self._save()
        return self._ports[key]

    def replace_taken(self, keys: list[str]) -> bool:
        """Give new ports to those whose port another program has bound; returns whether there were any."""
        taken = [key for key in keys if not is_free(self.of(key))]
        for key in taken:
            self._ports[key] = free_port(self._ports.values())
        self._save()
        return bool(taken)

    def _save(self) -> None:
        self._path.write_text(json.dumps(self._ports, indent=2))
