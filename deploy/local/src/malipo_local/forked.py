"""Starts Python programs in a nursery, and learns how each of them ends."""

import asyncio
import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from malipo_local.process import Child, Command


class Nursery:
    """The process of `nursery.py`, started when the first program is, and anew should it have died."""

    def __init__(self, log: Path, remember: Callable[[int], None]) -> None:
        """Nothing starts yet."""
        self._log = log
        self._remember = remember
        self._turn = asyncio.Lock()
        self._open: asyncio.StreamWriter | None = None
        self._programs: dict[int, _Forked] = {}
        self._numbers = itertools.count()
        self._begun: dict[int, asyncio.Future[_Forked]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def start(self, command: Command) -> Child:
        """Start the program of a command that runs a Python module. Raises OSError when the nursery dies meanwhile.

        One with a PYTHONPATH of its own starts by itself: Python reads that before its first line.
        """
        if "PYTHONPATH" in command.env:
            return await Child.start(command)
        async with self._turn:
            if self._open is None or self._open.is_closing():
                await self._launch()
        number, env = next(self._numbers), {**os.environ, **command.env}
        begun = self._begun[number] = asyncio.get_running_loop().create_future()
        what = {"argv": [*command.argv], "env": env, "log": str(command.log), "death_signal": int(command.death_signal)}
        self.order(number=number, **what)
        try:
            return Child(command, await begun)
        finally:
            del self._begun[number]

    def order(self, **what: object) -> None:
        """Send one order, if there is a nursery."""
        if self._open is not None and not self._open.is_closing():
            self._open.write(json.dumps(what).encode() + b"\n")

    async def stop(self) -> None:
        """End it, and with it every program that it has forked."""
        if self._reading is not None and self._open is not None:
            self._open.close()
            await self._reading

    async def _launch(self) -> None:
        ours, its = socket.socketpair()
        with its:
            argv = [sys.executable, "-m", "malipo_local.nursery", str(its.fileno())]
            nursery = await Child.start(Command(argv=argv, log=self._log, pass_fds=(its.fileno(),)))
        self._remember(nursery.pid)
        reader, self._open = await asyncio.open_unix_connection(sock=ours)
        self._reading = asyncio.create_task(self._read(reader, self._open, nursery))

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nursery: Child) -> None:
        try:
            while line := await reader.readline():
                self._learn(json.loads(line))
        finally:  # whatever happens, nobody waits for what is not heard of any more
            writer.close()
            async with self._turn:  # the next one has nothing of this one's
                await nursery.wait()
                self._end_all()

    def _learn(self, told: Mapping[str, int]) -> None:
        if "ended" in told:
            self._programs.pop(told["pid"]).end(told["ended"])
            return
        self._programs[told["pid"]] = forked = _Forked(told["pid"], self)
        begun = self._begun.get(told["number"])
        if begun is None or begun.done():  # whoever wanted it has given up
            forked.send_signal(signal.SIGKILL)
        else:
            begun.set_result(forked)

    def _end_all(self) -> None:
        for program in self._programs.values():
            program.end(-signal.SIGKILL)
        self._programs.clear()
        for begun in self._begun.values():
            if not begun.done():
                begun.set_exception(OSError(f"the process that starts programs has died; see {self._log}"))


class _Forked:
    """A program that was forked; see `process.Process`."""

    def __init__(self, pid: int, nursery: Nursery) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery
        self._ended = asyncio.Event()

    def end(self, code: int) -> None:
        """It has ended with this code."""
        self.returncode = code
        self._ended.set()

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, signal: int) -> None:
        self._nursery.order(pid=self.pid, signal=int(signal))
