"""One process that has imported the libraries already, and forks each Python program of a stack out of itself.

Most of a service's start is the import of libraries, a second and a half of processor time, and a test kills and starts
hundreds of services. Only libraries are imported here, none of our own modules: these the forked program imports for
itself, so that it is as it would be under `python -m`, settings, logs, exit code and all.

`forked.py` is its other side. Run as `python -m malipo_local.nursery FD`. On that socket comes one order a line,
`{"number", "argv", "env", "log", "death_signal"}` to start a program or `{"pid", "signal"}` to send it a signal; for each
program go out `{"number", "pid"}` and, once it has ended, `{"pid", "ended"}`. It ends when the socket does, and its programs
with it (`process.guard`).
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

from malipo_local.process import guard

_LIBRARIES = (
    *("aiohttp", "aiokafka", "asyncpg", "cryptography.x509", "fastapi", "faststream.kafka", "httpx", "httpx_aiohttp"),
    *("msgspec", "prometheus_client", "pydantic_settings", "redis.asyncio", "sqlalchemy.dialects.postgresql.asyncpg"),
    *("structlog", "tenacity", "typer", "uvicorn.protocols.http.httptools_impl"),
)
_MOST = 1 << 20

type Order = Mapping[str, Any]


class _Forks:
    """Forks what is ordered on the socket, and tells there what has become of it."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._ended, self._wakeup = os.pipe()
        for side in (self._ended, self._wakeup):
            os.set_blocking(side, False)
        signal.set_wakeup_fd(self._wakeup)
        signal.signal(signal.SIGCHLD, _do_nothing)
        self._running: set[int] = set()

    def serve(self) -> Order | None:
        """Carry out orders until the socket ends: None then. In each forked program it returns its order."""
        begun = b""
        while True:
            readable, _, _ = select.select([self._control, self._ended], [], [])
            if self._ended in readable:
                self._bury()
            if self._control not in readable:
                continue
            if not (read := self._control.recv(_MOST)):
                return None
            *lines, begun = (begun + read).split(b"\n")
            for order in map(json.loads, lines):
                if self._is_forked(order):
                    return order

    def close(self) -> None:
        """In a forked program: be none of this any more."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for side in (self._ended, self._wakeup):
            os.close(side)
        self._control.close()

    def _is_forked(self, order: Order) -> bool:
        if "signal" in order:
            if order["pid"] in self._running:  # not buried yet, so that its number is nobody else's
                os.kill(order["pid"], order["signal"])
        elif pid := os.fork():
            self._running.add(pid)
            self._tell(number=order["number"], pid=pid)
        else:
            return True
        return False

    def _bury(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._ended, _MOST)
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._running.discard(pid)
            self._tell(pid=pid, ended=os.waitstatus_to_exitcode(status))

    def _tell(self, **what: int) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._control.sendall(json.dumps(what).encode() + b"\n")


def _do_nothing(_number: int, _frame: object) -> None:
    """A signal that is not handled does not wake anybody up."""


def _become(order: Order) -> None:
    """Be the program that is ordered, from here to the end of the process."""
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    for opened in (nothing, log):
        os.close(opened)
    os.environ.clear()
    os.environ.update(order["env"])
    _python, _m, module, *arguments = order["argv"]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def main() -> None:
    """Import the libraries, then fork what is ordered."""
    for name in _LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # what is here already is shared with all that are forked, as long as nobody touches it
    parent = os.getpid()
    forks = _Forks(socket.socket(fileno=int(sys.argv[1])))
    order = forks.serve()
    if order is not None:
        forks.close()
        guard(signal.Signals(order["death_signal"]), parent)()
        _become(order)


if __name__ == "__main__":
    main()
