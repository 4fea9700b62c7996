"""A small application on the server that every service runs on, as a process of its own, and clients of it."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

STRICT = {
    "head_bytes": 4096,
    "head_fields": 20,
    "head_seconds": 1,
    "idle_seconds": 2,
    "connections": 12,
    "connections_per_address": 8,
    "trusted_proxies": "127.0.0.100",
}


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """One connection to the service."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def response(self) -> Response:
        async with asyncio.timeout(15):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await self.reader.readexactly(int(headers["content-length"]))
        return Response(int(head[0].split()[1]), headers, body)

    async def request(self, data: bytes) -> Response:
        await self.send(data)
        return await self.response()

    async def ended(self) -> bool:
        """Waits for the connection's end; whether nothing came before it."""
        async with asyncio.timeout(15):
            with suppress(ConnectionError):
                return await self.reader.read() == b""
        return True


@dataclass
class Service:
    """The echo service; its event loop is alone with its clients."""

    port: int
    admin_port: int
    process: subprocess.Popen[bytes]
    clients: list[Client] = field(default_factory=list[Client])

    async def connect(self, source: str = "127.0.0.1", *, admin: bool = False) -> Client:
        port = self.admin_port if admin else self.port
        client = Client(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))
        self.clients.append(client)
        return client

    async def request(self, data: bytes, source: str = "127.0.0.1") -> Response:
        return await (await self.connect(source)).request(data)

    def cpu_seconds(self) -> float:
        parts = Path(f"/proc/{self.process.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """What the process holds of the machine's memory, in MB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def hang_up(self) -> None:
        for client in self.clients:
            client.writer.transport.abort()
        self.clients.clear()


class Process:
    """How the echo service is started, and seen from outside."""

    @staticmethod
    def free_ports() -> tuple[int, int]:
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            return one.getsockname()[1], other.getsockname()[1]

    @staticmethod
    def start(port: int, admin_port: int, limits: dict[str, Any], **how: Any) -> subprocess.Popen[bytes]:
        """Its process; without a public port if that is 0."""
        script = str(Path(__file__).with_name("echo_service.py"))
        return subprocess.Popen([sys.executable, script, str(port), str(admin_port), json.dumps(limits)], **how)

    @staticmethod
    def listens(port: int) -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.05).close()
        except OSError:
            return False
        return True


@pytest.fixture
def process() -> type[Process]:
    return Process


def running(limits: dict[str, Any]) -> Generator[Service]:
    port, admin_port = Process.free_ports()
    process = Process.start(port, admin_port, limits)
    deadline = time.monotonic() + 60
    while not Process.listens(port):
        assert process.poll() is None, "the service ended"
        assert time.monotonic() < deadline, "the service does not listen"
    try:
        yield Service(port, admin_port, process)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def usual_service() -> Generator[Service]:
    yield from running({})


@pytest.fixture(scope="module")
def strict_service() -> Generator[Service]:
    yield from running(STRICT)


@pytest.fixture
async def draining() -> AsyncGenerator[Callable[..., Service]]:
    """Starts a service that serves on for so many seconds once it is told to stop, and `stays` for as long as that says."""
    with ExitStack() as services:

        def start(seconds: float, *, stays: bool = False) -> Service:
            told = {"drain_seconds": seconds, "stays": stays}
            service = next(services.enter_context(closing(running(told))))
            services.callback(service.hang_up)
            return service

        yield start


@pytest.fixture
async def usual(usual_service: Service) -> AsyncGenerator[Service]:
    """A service with the default limits."""
    yield usual_service
    usual_service.hang_up()


@pytest.fixture
async def strict(strict_service: Service) -> AsyncGenerator[Service]:
    """A service with small limits, so that a test reaches them."""
    yield strict_service
    strict_service.hang_up()
