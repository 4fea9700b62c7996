"""A simulated Daraja on a free port; and this folder on the path, for the modules that its tests share."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from malipo.platform.client import http_client
from malipo_simulators.kit.server import make_server
from malipo_simulators.mpesa.app import create_mpesa_app
from testkit.serving import serving

sys.path.append(str(Path(__file__).parent))


@dataclass
class Receiver:
    """Where the simulator posts its callbacks: the address and the body of each."""

    posted: list[tuple[str, bytes]] = field(default_factory=list)

    async def post(self, url, body, headers) -> int:
        self.posted.append((url, body))
        return 200

    async def close(self) -> None:
        pass


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def mpesa(receiver):
    from mpesa_account import SETTINGS, Mpesa

    async with (
        serving(make_server(create_mpesa_app(SETTINGS, receiver))) as url,
        http_client(timeout_seconds=5, base_url=url, keep_alive=False) as http,
    ):
        yield Mpesa(http, receiver)
