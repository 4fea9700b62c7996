"""A simulated Stripe on a free port; and this folder on the path, for the modules that its tests share."""

import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from malipo.platform.client import http_client
from malipo_simulators.kit.server import make_server
from malipo_simulators.stripe.app import create_stripe_app
from malipo_simulators.stripe.settings import StripeSettings
from provider_kit.provider import Callback
from testkit.serving import serving

sys.path.append(str(Path(__file__).parent))

SETTINGS = StripeSettings(webhook_delay_seconds=0, refund_delay_seconds=3600)


@dataclass
class Receiver:
    """Where the simulator posts its webhooks."""

    callbacks: list[Callback] = field(default_factory=list)

    async def post(self, url, body, headers) -> int:
        self.callbacks.append(Callback({name.lower(): value for name, value in headers.items()}, body))
        return 200

    async def close(self) -> None:
        pass


@dataclass(frozen=True)
class Simulator:
    """A running simulator, and what it has posted."""

    url: str
    receiver: Receiver


@pytest.fixture
async def simulator() -> AsyncGenerator[Simulator]:
    receiver = Receiver()
    async with serving(make_server(create_stripe_app(SETTINGS, receiver))) as url:
        yield Simulator(url, receiver)


@pytest.fixture
async def stripe(simulator: Simulator):
    from stripe_account import Stripe

    async with http_client(timeout_seconds=5, base_url=simulator.url) as http:
        yield Stripe(http, simulator.receiver)
