"""A simulated Daraja on a free port; and this folder on the path, for the modules that its tests share."""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from malipo.platform.client import http_client
from malipo_simulators.kit.server import make_server
from malipo_simulators.mpesa.app import create_mpesa_app
from malipo_simulators.mpesa.settings import MpesaSettings
from testkit.waiting import until

sys.path.append(str(Path(__file__).parent))

SETTINGS = MpesaSettings(answer_seconds=0.05, confirm_prompts=False)


@dataclass
class Receiver:
    """Where the simulator posts its callbacks: the address and the body of each."""

    posted: list[tuple[str, bytes]] = field(default_factory=list)

    async def post(self, url, body, headers) -> int:
        self.posted.append((url, body))
        return 200

    async def close(self) -> None:
        pass


@asynccontextmanager
async def serving(app) -> AsyncGenerator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(app)
    task = asyncio.create_task(server._serve(sockets=[listener]))
    await until(lambda: server.started, what="the simulator's start")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def mpesa(receiver):
    from mpesa_account import Mpesa

    async with (
        serving(create_mpesa_app(SETTINGS, receiver)) as url,
        http_client(timeout_seconds=5, base_url=url, keep_alive=False) as http,
    ):
        yield Mpesa(http, receiver)
