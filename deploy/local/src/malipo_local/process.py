"""Starts one child process that cannot outlive its supervisor, and ends it with all its descendants."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pwd import struct_passwd
from typing import Protocol

import psutil

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """Everything needed to start a process and to stop it again."""

    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    user: struct_passwd | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends when the supervisor dies unexpectedly."""
    pass_fds: tuple[int, ...] = ()


def guard(death_signal: signal.Signals, parent: int) -> Callable[[], None]:
    """A preexec function that ties the child's life to that of `parent`, which forks it.

    The kernel ties it to the thread that forks, so fork from the main thread only, and keep that process free
    of other threads. Elsewhere than on Linux the next `up` or `down` ends what a killed supervisor left.
    """

    def before_exec() -> None:
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return before_exec


class Process(Protocol):
    """What a child needs of its process, as asyncio has it."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    @property
    def returncode(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        ...

    async def wait(self) -> int:
        """Wait for its end; returns the return code."""
        ...

    def send_signal(self, signal: int) -> None:
        """Send it a signal. Raises ProcessLookupError when it has ended."""
        ...


class Child:
    """A running process."""

    def __init__(self, command: Command, process: Process) -> None:
        """Use `Child.start`, or a nursery's."""
        self.command = command
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(cls, command: Command) -> "Child":
        """Start it in a session of its own, so that Ctrl-C in a terminal reaches only the supervisor."""
        with command.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                env={**os.environ, **command.env},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/" if command.user else None,
                start_new_session=True,
                pass_fds=command.pass_fds,
                preexec_fn=guard(command.death_signal, os.getpid()),
                user=command.user and command.user.pw_uid,
                group=command.user and command.user.pw_gid,
                extra_groups=[] if command.user else None,
            )
        return cls(command, process)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for its end."""
        return await self._process.wait()

    def send(self, number: int) -> None:
        """Send a signal to the process alone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def send_to_tree(self, number: int) -> None:
        """Send a signal to the process and to all its descendants."""
        for process in self.tree():
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)

    def tree(self) -> list[psutil.Process]:
        """The process and its descendants, those that still live."""
        try:
            top = psutil.Process(self.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    async def stop(self) -> None:
        """End it: politely first, and by force when the time is up."""
        if self.exit_code is not None:
            return
        family = self.tree()
        self.send(self.command.stop_signal)
        self.send_to_tree(signal.SIGCONT)
        try:
            await asyncio.wait_for(self.wait(), self.command.stop_seconds)
        except TimeoutError:
            kill_all(family)
            await self.wait()


async def run(command: Command) -> int:
    """Run a command to its end and return its exit code; it does not outlive a cancelled caller."""
    child = await Child.start(command)
    try:
        return await child.wait()
    finally:
        await child.stop()


def kill_all(processes: Sequence[psutil.Process]) -> None:
    """Kill those that still live; psutil refuses a process id that was given to another since."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


def memory_mb(processes: Sequence[psutil.Process]) -> float:
    """Resident memory of a family, counting what it shares with its first member once."""
    total = 0
    for position, process in enumerate(processes):
        with contextlib.suppress(psutil.Error):
            memory = process.memory_info()
            total += memory.rss if position == 0 else memory.rss - getattr(memory, "shared", 0)
    return total / 2**20
