"""A simulated PayPal on a free port; and this folder on the path, for the modules that its tests share."""

import sys
from functools import partial
from pathlib import Path

import pytest

from malipo.messaging.database import Database
from malipo.platform.client import http_client
from malipo_simulators.kit.server import make_server
from malipo_simulators.paypal.app import create_paypal_app
from provider_kit.exchanges import Recording
from testkit.serving import serving

sys.path.append(str(Path(__file__).parent))


class NoReceiver:
    """Where the simulator's webhooks would go: tests read what has happened from the simulator itself."""

    async def post(self, url, body, headers) -> int:
        return 200

    async def close(self) -> None:
        pass


@pytest.fixture
async def paypal():
    from paypal_account import Paypal

    recording = partial(Recording, request_id_header="Paypal-Debug-Id")
    app = create_paypal_app(poster=NoReceiver())
    async with (
        serving(make_server(app)) as url,
        http_client(timeout_seconds=5, base_url=url, around=recording) as http,
    ):
        account = Paypal(http, url)
        app.state.world.follow(account.happened.append)
        yield account


@pytest.fixture
async def replica(paypal, new_database, pool_of):
    from paypal_replica import Replica

    database = Database()
    database.use(await pool_of(new_database("provider_paypal")))
    one = Replica(paypal, database)
    await one.configure()
    return one
