"""Webhooks as the simulated PayPal sends them: the genuine ones are believed, and each of its bad ones is refused."""

import asyncio
from dataclasses import dataclass, field

import pytest
from paypal_account import Paypal, new_charge

from malipo.platform.client import http_client
from malipo_simulators.kit.server import make_server
from malipo_simulators.paypal.app import create_paypal_app
from malipo_simulators.paypal.webhooks import certificates as simulated
from provider_kit.errors import BadSignature, ProviderError
from provider_kit.provider import Callback
from provider_paypal.authorities import authorities
from provider_paypal.certificates import Certificates
from provider_paypal.events import parse_event
from provider_paypal.verification import ByAsking, BySignature, Verifier
from testkit.serving import serving
from testkit.waiting import until

BAD = ("wrong_id", "cert_elsewhere", "cert_expired", "cert_other_name", "cert_untrusted", "stale")


@dataclass
class Door:
    """Takes webhooks as the service's does: answers 200 to what is verified, and 401 or 503 to what is not."""

    paypal: Paypal | None = None
    verifier: Verifier | None = None
    believed: list[str] = field(default_factory=list)
    refused: list[ProviderError] = field(default_factory=list)

    async def post(self, url, body, headers) -> int:
        assert self.paypal is not None
        assert self.verifier is not None
        callback = Callback({name.lower(): value for name, value in headers.items()}, body)
        try:
            await self.verifier.verify(callback, self.paypal.credentials)
        except ProviderError as error:
            self.refused.append(error)
            return 401 if isinstance(error, BadSignature) else 503
        self.believed.append(parse_event(body).callback_id)
        return 200

    async def close(self) -> None:
        pass


@pytest.fixture
async def door(tmp_path):
    """Where the webhooks of a merchant's app come to, once they are registered."""
    root = tmp_path / "root.pem"
    root.write_bytes(simulated.ROOT)
    door = Door()
    app = create_paypal_app(poster=door)
    async with (
        serving(make_server(app)) as url,
        http_client(timeout_seconds=5, base_url=url) as http,
        http_client(timeout_seconds=5) as plain,
    ):
        door.paypal = Paypal(http, url)
        app_of = {name: door.paypal.credentials[name] for name in ("client_id", "client_secret")}
        made = await door.paypal.control("webhooks", url="https://shop.example/hooks", **app_of)
        door.paypal.credentials["webhook_ids"] = [made["id"]]
        vouching = Certificates(plain, origins={url}, authorities=lambda: authorities(root))
        door.verifier = BySignature(vouching)
        yield door


async def approve(door: Door) -> None:
    """An order is approved, of which PayPal sends one webhook."""
    assert door.paypal is not None
    waiting = await door.paypal.execute(new_charge())
    await door.paypal.control(f"orders/{waiting.reference}/approve")


async def test_genuine_webhooks_are_believed(door):
    await approve(door)
    await until(lambda: door.believed, what="the webhook")
    assert door.refused == []


@pytest.mark.parametrize("flaw", BAD)
async def test_bad_webhooks_are_refused_and_the_genuine_repeat_is_believed(door, flaw):
    assert door.paypal is not None
    await door.paypal.control("faults", fault=f"webhook_{flaw}", times=1)
    await approve(door)
    await until(lambda: door.believed, what="the repeat")
    assert [type(one) for one in door.refused] == [BadSignature]


async def test_forged_webhooks_are_refused(door):
    assert door.paypal is not None
    await door.paypal.control("faults", fault="webhook_forged", times=1)
    await approve(door)
    await until(lambda: door.believed and door.refused, what="both")
    assert {type(one) for one in door.refused} == {BadSignature}


async def test_webhooks_are_believed_while_the_certificate_is_exchanged(door):
    assert door.paypal is not None
    for _ in range(2):
        await approve(door)
        await door.paypal.control("certificates/rotate", keep_old=True)
    await until(lambda: len(door.believed) == 2, what="both")
    assert door.refused == []


async def test_paypal_confirms_what_it_has_sent_and_nothing_else(door):
    assert door.paypal is not None
    door.verifier = ByAsking(door.paypal.provider._client.ask)
    await door.paypal.control("faults", fault="webhook_wrong_id", times=1)
    await approve(door)
    await until(lambda: door.believed, what="the repeat")
    assert [type(one) for one in door.refused] == [BadSignature]


async def test_webhooks_that_come_at_once_fetch_one_certificate(door):
    assert door.paypal is not None
    await asyncio.gather(*(approve(door) for _ in range(5)))
    await until(lambda: len(door.believed) == 5, what="all")
    asked = (await door.paypal.http.get("/_sim/requests", params={"limit": 1000})).json()
    assert sum("/certs/" in one["path"] for one in asked) <= 1
