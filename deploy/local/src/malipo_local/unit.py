"""One process of the stack through its life: started, found ready, restarted when it dies, stopped."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum

from malipo_local.errors import StartError
from malipo_local.ports import Ports
from malipo_local.process import Child, Command
from malipo_local.program import Program, Step
from malipo_local.services import ADMIN_PORT, Service

_POLL_SECONDS = 0.03
_ANSWER_SECONDS = 2.0
_READY_SECONDS = 90.0  # Kafka checks its partitions after a kill: 14 s were seen
_PORT_TRIES = 5
_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.2, 5.0
_STEADY_SECONDS = 1.0  # a process that was of use for this long starts again without a longer wait


class State(StrEnum):
    """What a unit is doing."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    RESTARTING = "restarting"
    PAUSED = "paused"
    STOPPED = "stopped"
    FAILED = "failed"


class Unit:
    """A program and the process that runs it now."""

    def __init__(
        self,
        row: Service,
        name: str,
        program: Program,
        ports: Ports,
        remember: Callable[[int], None],
        *,
        start: Callable[[Command], Awaitable[Child]] = Child.start,
    ) -> None:
        """Nothing starts before `first_start`."""
        self.row = row
        self.name = name
        self.program = program
        self.state = State.WAITING
        self.restarts = 0
        self.seconds = 0.0
        self.child: Child | None = None
        self.was_ready = asyncio.Event()
        self._ports = ports
        self._remember = remember
        self._start = start
        self._life: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        return self.child.pid if self.child and self.child.exit_code is None else None

    @property
    def port(self) -> int | None:
        """Where it is called, unless nobody does."""
        return next((self._ports.of(key) for key in self.program.port_keys if not _is_admin(key)), None)

    @property
    def admin_port(self) -> int | None:
        """Where operators ask it, if it is a service."""
        return next((self._ports.of(key) for key in self.program.port_keys if _is_admin(key)), None)

    async def first_start(self) -> None:
        """Start, on other ports if these are no longer free; from then on keep it alive.

        Raises StartError: what cannot start at first will not start by being tried again.
        """
        for _ in range(_PORT_TRIES):
            self._ports.replace_taken(self.program.port_keys)
            try:
                await self._attempt()
                break
            except StartError:
                if not self._ports.replace_taken(self.program.port_keys):
                    self.state = State.FAILED
                    raise
        self.was_ready.set()
        if self.state is State.READY:
            self._life = asyncio.create_task(self._keep_alive())

    async def is_still_ready(self) -> bool:
        """Probe whether a process that was ready once is so now. Raises TimeoutError when it does not answer soon."""
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await self.program.is_ready()

    async def stop(self) -> None:
        """End it and do not start it again."""
        await self._end_life()
        if self.child:
            await self.child.stop()
        if self.state is not State.FAILED:
            self.state = State.STOPPED

    def start_again(self) -> None:
        """Start what `stop` ended; it is kept alive as before."""
        if self._life is None:
            self._life = asyncio.create_task(self._keep_alive())

    async def kill(self, number: int) -> None:
        """Send a signal to the process; after SIGKILL, return when it is dead."""
        if self.child:
            self.child.send(number)
        if self.child and number == signal.SIGKILL:
            await self.child.wait()
            self.state = State.RESTARTING

    def pause(self) -> None:
        """Freeze it and its children."""
        if self.child and self.state is State.READY:
            self.child.send_to_tree(signal.SIGSTOP)
            self.state = State.PAUSED

    def resume(self) -> None:
        """Continue it and its children."""
        if self.child and self.state is State.PAUSED:
            self.child.send_to_tree(signal.SIGCONT)
            self.state = State.READY

    async def _keep_alive(self) -> None:
        delay = _FIRST_DELAY_SECONDS
        while True:
            if self.child and self.child.exit_code is None:
                began = time.monotonic()
                code = await self.child.wait()
                print(f"{self.name} ended by itself ({_ending(code)})", flush=True)
                delay = _FIRST_DELAY_SECONDS if time.monotonic() - began > _STEADY_SECONDS else delay
            if self.state is not State.STOPPED:
                self.restarts += 1
                self.state = State.RESTARTING
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LONGEST_DELAY_SECONDS)
            try:
                await self._attempt()
            except (StartError, OSError) as failure:
                print(f"{self.name} did not start again: {failure}", flush=True)

    async def _attempt(self) -> None:
        self.state = State.STARTING
        began = time.monotonic()
        if isinstance(self.program, Step) and await self.program.need_not_run():
            self.state = State.DONE
            self.seconds = time.monotonic() - began
            return
        await self.program.prepare()
        self.child = await self._start(self.program.command())
        self._remember(self.child.pid)
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._until_ready(self.child)
        except TimeoutError as silence:
            message = f"{self.name} was not ready within {_READY_SECONDS:.0f} s."
            raise StartError(message) from silence
        finally:
            self.seconds = time.monotonic() - began
            if self.state is State.STARTING:
                await self.child.stop()

    async def _until_ready(self, child: Child) -> None:
        if isinstance(self.program, Step):
            await self._until_done(child, self.program)
            return
        while not await self.program.is_ready():
            if child.exit_code is not None:
                message = f"{self.name} ended before it was ready ({_ending(child.exit_code)})."
                raise StartError(message)
            await asyncio.sleep(_POLL_SECONDS)
        self.state = State.READY

    async def _until_done(self, child: Child, step: Step) -> None:
        code = await child.wait()
        if code != 0:
            message = f"{self.name} failed ({_ending(code)})."
            raise StartError(message)
        await step.finish()
        self.state = State.DONE

    async def _end_life(self) -> None:
        life, self._life = self._life, None
        if life:
            life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await life


def _is_admin(key: str) -> bool:
    return key.endswith(f"-{ADMIN_PORT}")


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
