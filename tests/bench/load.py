"""Starts the load generator as a process of its own and reads what became of each request."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from bench.methods import CARD

TESTS = Path(__file__).parents[1]
"""The folder in which Python finds the package `bench`."""


class Target(msgspec.Struct, frozen=True):
    """Where payments are sent, by which merchant."""

    url: str
    headers: dict[str, str]


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send: `rate` payments a second on average, for `seconds`. The same seed gives the same arrivals.

    They are made with the `methods` in turn; amounts and phones follow from their numbers.
    """

    targets: list[Target]
    rate: float
    seconds: float
    seed: int = 1
    timeout_seconds: float = 30
    methods: list[str] = msgspec.field(default_factory=lambda: [CARD])


class Shot(msgspec.Struct, frozen=True, array_like=True):
    """One request: when it was due (Unix seconds), when its answer was there, and how late it was sent, in seconds.

    `status` is 0 when no answer came.
    """

    due: float
    seconds: float
    late: float
    status: int
    payment_id: str

    @property
    def accepted(self) -> bool:
        """Whether the payment was accepted for good."""
        return self.status in (201, 202)


class Firing:
    """A generator at work. `began` is the Unix second from which its arrivals count."""

    def __init__(self, process: subprocess.Popen[bytes], began: float) -> None:
        self._process = process
        self.began = began

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def stop(self) -> None:
        """Send nothing more."""
        self._process.terminate()

    def shots(self) -> list[Shot]:
        """What became of the payments. Raises as `result`."""
        return self.result(list[Shot])

    def result[T](self, kind: type[T]) -> T:
        """What it tells, once all that it sent was answered or given up. Raises `RuntimeError` if it died."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if self._process.wait() or not line:
            message = f"The load generator ended with {self._process.returncode}."
            raise RuntimeError(message)
        return msgspec.json.decode(line, type=kind)


def firing(load: Load) -> AbstractContextManager[Firing]:
    """The generator of payments, as `working`."""
    return working("bench.generator", load)


@contextmanager
def working(module: str, order: msgspec.Struct) -> Generator[Firing]:
    """The generator in this module, which has just begun on `order`; killed if the block ends before it does."""
    command = [sys.executable, "-m", module]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=TESTS)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        process.stdin.close()
        yield Firing(process, msgspec.json.decode(process.stdout.readline(), type=float))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
