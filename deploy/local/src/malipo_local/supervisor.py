"""The process behind a stack: starts everything in order, keeps it alive, and ends it all when it must.

Run as `python -m malipo_local.supervisor HOME [--owner PID --lifeline FD]`. With an owner it ends, and ends
the whole stack with it, as soon as that process is gone: the lifeline is a pipe whose other end only the owner
holds. It has one thread: the guard of `process.py` ties each child to the thread that forked it.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from pathlib import Path
from typing import Any

import psutil

from malipo_local.control import Response, listen
from malipo_local.errors import StackError
from malipo_local.forked import Nursery
from malipo_local.hints import make
from malipo_local.home import Home
from malipo_local.kafka import Kafka
from malipo_local.migration import Migration
from malipo_local.plan import Plan
from malipo_local.ports import Ports
from malipo_local.postgres import Postgres, create_database
from malipo_local.process import Child, kill_all, memory_mb
from malipo_local.program import Program, PythonProgram, Step
from malipo_local.prometheus import Prometheus
from malipo_local.redis import Redis
from malipo_local.services import PROMETHEUS_NAME, Kind, Service, waits_for
from malipo_local.site import Site
from malipo_local.unit import State, Unit

_WATCH_SECONDS = 0.5
_OTHERS: Mapping[str, Callable[[Site], Program]] = {
    "postgres": Postgres,
    "redis": Redis,
    "kafka": Kafka,
    PROMETHEUS_NAME: Prometheus,
}
"""Programs that others wrote."""


def build_units(site: Site, nursery: Nursery | None = None) -> dict[str, Unit]:
    """One unit for each process of the plan, in the order of the table; Python programs start in the nursery, if there is one."""
    replicas = [(row, index) for row in site.plan.rows() for index in range(site.plan.count(row.name))]
    units = [_unit(site, row, index, nursery) for row, index in replicas]
    return {unit.name: unit for unit in units}


def _unit(site: Site, row: Service, index: int, nursery: Nursery | None) -> Unit:
    start = nursery.start if nursery and row.name not in _OTHERS else Child.start
    name = site.process_name(row.name, index)
    return Unit(row, name, _program(site, row, index), site.ports, site.home.remember_child, start=start)


def _program(site: Site, row: Service, index: int) -> Program:
    match row.kind:
        case Kind.STORE | Kind.OBSERVER:
            return _OTHERS[row.name](site)
        case Kind.STEP if row.database:
            return Migration(site, row, index)
        case Kind.STEP:
            return Step(site, row, index)
        case Kind.SERVICE | Kind.SIMULATOR:
            return PythonProgram(site, row, index)


class Supervisor:
    """Holds the units of one stack from its start to its end."""

    def __init__(self, site: Site) -> None:
        """Nothing starts before `run`."""
        self._site = site
        self._nursery = Nursery(site.home.log("nursery"), site.home.remember_child) if site.plan.forked else None
        self._units = build_units(site, self._nursery)
        self._added: dict[str, int] = {}
        self._began = time.monotonic()
        self._ready_after: float | None = None
        self._failure = ""
        self._end = asyncio.Event()
        self._purge = site.plan.temporary

    async def run(self, owner: int | None, lifeline: int | None) -> int:
        """Run the stack until it is to end, its owner is gone, or something cannot start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._end.set)
        if lifeline is not None:
            loop.add_reader(lifeline, self._lifeline_ended, lifeline)
        server = await listen(self._site.home.new_socket(), self._handle)
        start = asyncio.create_task(self._start_all())
        watch = asyncio.create_task(self._watch(owner))
        await self._end.wait()
        await _cancel(start, watch)
        await self._stop_all()
        server.close()
        return 1 if self._failure else 0

    def clean_up(self) -> None:
        """Remove every process, what only a running stack needs in the home, and the home if it is temporary."""
        kill_all(psutil.Process().children(recursive=True))
        self._site.home.end_leftovers()
        self._site.home.remove_socket()
        if self._failure:
            self._site.home.failure.write_text(self._failure)
        elif self._purge:
            self._site.home.purge()

    def _lifeline_ended(self, lifeline: int) -> None:
        asyncio.get_running_loop().remove_reader(lifeline)  # its end can be read for ever
        self._owner_is_gone()

    def _owner_is_gone(self) -> None:
        print("the owner of this stack, or its home, is gone: stopping", flush=True)
        self._failure = ""  # no one is left to read it, so a temporary home need not stay for it
        self._end.set()

    async def _watch(self, owner: int | None) -> None:
        """Notice the owner's end even if another process inherited its side of the lifeline.

        It also ends a stack whose home was removed: no command could reach it any more.
        """
        while self._site.home.is_ours() and owner in {None, os.getppid()}:  # noqa: ASYNC110 (no event shows these)
            await asyncio.sleep(_WATCH_SECONDS)
        self._owner_is_gone()

    async def _start_all(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for unit in self._units.values():
                    group.create_task(self._start_in_turn(unit))
            self._ready_after = time.monotonic() - self._began
            print(f"ready after {self._ready_after:.1f} s", flush=True)
        except* StackError as failures:
            self._failure = self._explain(failures.exceptions[0])
            self._end.set()

    async def _start_in_turn(self, unit: Unit) -> None:
        needed = waits_for(unit.row)
        for other in self._units.values():
            if other.row.name in needed:
                await other.was_ready.wait()
        try:
            await unit.first_start()
        except OSError as failure:
            raise StackError(f"{unit.name}: {failure}") from failure  # noqa: EM102
        print(f"{unit.name}: {unit.state} after {unit.seconds:.2f} s", flush=True)

    def _explain(self, failure: BaseException) -> str:
        broken = [unit for unit in self._units.values() if unit.state is State.FAILED]
        parts = [str(failure)]
        for unit in broken[:1]:
            log = self._site.home.log(unit.name)
            parts += [f"Last lines of {log}:", _last_lines(log), "Mend that, then start it again."]
        return "\n".join(parts)

    async def _stop_all(self) -> None:
        stores = [unit for unit in self._units.values() if unit.row.kind is Kind.STORE]
        others = [unit for unit in self._units.values() if unit.row.kind is not Kind.STORE]
        await asyncio.gather(*(_stop(unit) for unit in others))
        if self._nursery:
            await self._nursery.stop()
        await asyncio.gather(*(_stop(unit) for unit in stores))

    async def _handle(self, request: Mapping[str, Any]) -> Response:
        verbs: dict[str, Callable[[Mapping[str, Any]], Coroutine[Any, Any, Response]]] = {
            "status": self._status,
            "end": self._end_asked,
            "stop": self._stop,
            "start": self._start,
            "restart": self._restart,
            "add": self._add,
            "remove": self._remove,
            "kill": self._kill,
            "pause": self._pause,
            "resume": self._resume,
            "create_database": self._create_database,
        }
        return await verbs[request["do"]](request)

    async def _status(self, request: Mapping[str, Any]) -> Response:
        refused = await self._no_longer_ready() if request.get("anew") else ()
        units = [self._describe(unit, memory=bool(request.get("memory"))) for unit in self._units.values()]
        return {
            "ready": self._ready_after is not None,
            "ready_after": self._ready_after,
            "units": [unit | {"state": "not ready"} if unit["name"] in refused else unit for unit in units],
        }

    async def _no_longer_ready(self) -> Collection[str]:
        """The names of those in the state `ready` that do not answer so now, for whatever reason."""
        probed = [unit for unit in self._units.values() if unit.state is State.READY]
        answers = await asyncio.gather(*(unit.is_still_ready() for unit in probed), return_exceptions=True)
        return [
            unit.name
            for unit, answer in zip(probed, answers, strict=True)
            if answer is not True and unit.state is State.READY
        ]

    def _describe(self, unit: Unit, *, memory: bool) -> Response:
        return {
            "name": unit.name,
            "service": unit.row.name,
            "kind": unit.row.kind,
            "state": unit.state,
            "pid": unit.pid,
            "port": unit.port,
            "admin_port": unit.admin_port,
            "restarts": unit.restarts,
            "seconds": unit.seconds,
            "memory_mb": memory_mb(unit.child.tree()) if memory and unit.child else 0.0,
        }

    async def _end_asked(self, request: Mapping[str, Any]) -> Response:
        self._purge = self._purge or bool(request.get("purge"))
        self._end.set()
        return {"pid": os.getpid()}

    def _named(self, request: Mapping[str, Any]) -> list[Unit]:
        name = request["name"]
        found = [unit for unit in self._units.values() if name in {unit.name, unit.row.name}]
        if not found:
            message = f"There is no '{name}' in this stack. Choose from: {', '.join(self._units)}."
            raise StackError(message)
        return found

    async def _stop(self, request: Mapping[str, Any]) -> Response:
        await asyncio.gather(*(unit.stop() for unit in self._named(request)))
        return {}

    async def _start(self, request: Mapping[str, Any]) -> Response:
        found = self._named(request)
        self._tell(found[0].row.name, request)
        for unit in found:
            unit.start_again()
        return {}

    def _tell(self, name: str, request: Mapping[str, Any]) -> None:
        """What is set anew for a service holds for all of its processes that start from now on."""
        if told := request.get("settings"):
            self._site.plan = self._site.plan.told(name, told)

    async def _restart(self, request: Mapping[str, Any]) -> Response:
        await self._stop(request)
        return await self._start(request)

    async def _add(self, request: Mapping[str, Any]) -> Response:
        """Start one more process of a service, under a name and a port that none has had; answers when it is ready."""
        rows = {row.name: row for row in self._site.plan.rows() if row.kind is Kind.SERVICE}
        if request["name"] not in rows:
            message = f"There is no service '{request['name']}' in this stack. Choose from: {', '.join(rows)}."
            raise StackError(message)
        row = rows[request["name"]]
        self._tell(row.name, request)
        index = self._added[row.name] = self._added.get(row.name, self._site.plan.count(row.name) - 1) + 1
        unit = _unit(self._site, row, index, self._nursery)
        await unit.first_start()
        self._units[unit.name] = unit
        return {"name": unit.name}

    async def _remove(self, request: Mapping[str, Any]) -> Response:
        """Stop processes, and forget them."""
        found = self._named(request)
        await asyncio.gather(*(unit.stop() for unit in found))
        for unit in found:
            del self._units[unit.name]
        return {}

    async def _kill(self, request: Mapping[str, Any]) -> Response:
        await asyncio.gather(*(unit.kill(request["signal"]) for unit in self._named(request)))
        return {}

    async def _pause(self, request: Mapping[str, Any]) -> Response:
        for unit in self._named(request):
            unit.pause()
        return {}

    async def _resume(self, request: Mapping[str, Any]) -> Response:
        for unit in self._named(request):
            unit.resume()
        return {}

    async def _create_database(self, request: Mapping[str, Any]) -> Response:
        if not await create_database(self._site, request["name"]):
            message = f"PostgreSQL does not answer. Look at: {make('logs', 'postgres', home=self._site.home.folder)}"
            raise StackError(message)
        return {"url": self._site.database_url(request["name"])}


async def _stop(unit: Unit) -> None:
    began = time.monotonic()
    await unit.stop()
    print(f"{unit.name}: stopped after {time.monotonic() - began:.2f} s", flush=True)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _last_lines(log: Path, count: int = 25) -> str:
    with contextlib.suppress(FileNotFoundError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
    return "(it wrote nothing)"


def main() -> int:
    """Read the command line and supervise."""
    parser = argparse.ArgumentParser(prog="malipo_local.supervisor", description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--owner", type=int)
    parser.add_argument("--lifeline", type=int)
    options = parser.parse_args()
    home = Home(options.home)
    with home.hold():
        home.end_leftovers()
        supervisor = Supervisor(Site(home, Plan.load(home.plan), Ports(home.ports)))
        try:
            return asyncio.run(supervisor.run(options.owner, options.lifeline))
        finally:
            supervisor.clean_up()


if __name__ == "__main__":
    sys.exit(main())
