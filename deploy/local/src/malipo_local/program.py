"""How one process of the table is prepared, run and found ready."""

import sys
from typing import Protocol

from malipo_local import probe
from malipo_local.fingerprint import fingerprint
from malipo_local.process import Command
from malipo_local.services import Kind, Service
from malipo_local.site import Site


class Program(Protocol):
    """What a unit needs of the program that it runs."""

    async def prepare(self) -> None:
        """Make folders and files; raise StartError when that cannot be done."""
        ...

    def command(self) -> Command:
        """The process to start, with the ports it has now."""
        ...

    async def is_ready(self) -> bool:
        """Whether others may start to use it."""
        ...

    @property
    def port_keys(self) -> list[str]:
        """The keys of the ports it listens on."""
        ...


class PythonProgram:
    """A service or a simulator: a Python module with an HTTP health page."""

    def __init__(self, site: Site, row: Service, index: int) -> None:
        """Take one row, and which of its replicas this is."""
        self._site = site
        self._row = row
        self._index = index

    async def prepare(self) -> None:
        """Nothing: its migration is a step of its own."""

    def command(self) -> Command:
        """Run the row's module."""
        return Command(
            argv=[sys.executable, "-m", self._row.module, *self._site.fill(self._row, self._index)],
            env=self._site.settings(self._row, self._index),
            log=self._site.home.log(self._site.process_name(self._row.name, self._index)),
        )

    async def is_ready(self) -> bool:
        """Ask its health page."""
        return await probe.http_answers(self._site.health_port(self._row, self._index), self._row.ready_path)

    @property
    def port_keys(self) -> list[str]:
        """Its port for HTTP, if it is called, and those that it has beside that."""
        if self._row.kind is Kind.STEP:
            return []
        own = [f"{self._row.name}-{self._index}"] if self._row.called else []
        return [*own, *self._site.more_keys(self._row, self._index).values()]


class Step(PythonProgram):
    """A program that ends by itself: a migration, the creation of topics."""

    def fingerprint(self) -> str:
        """Changes when the files that decide what it does change, or what it is told from outside."""
        told = self._site.plan.overrides(self._row)
        python_path = told.get("PYTHONPATH", "")
        return fingerprint(self._row.sources, python_path, told={} if self._row.database else told)

    async def need_not_run(self) -> bool:
        """Whether it ran to its end before, with the same code and on the same data."""
        return self._site.home.done().get(self._row.name) == self.fingerprint()

    async def finish(self) -> None:
        """Remember that it ran to its end."""
        self._site.home.mark_done(self._row.name, self.fingerprint())
