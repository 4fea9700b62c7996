"""The dispatcher on a stack without the other services: merchants with an endpoint each, and what became of their events."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer

from bench.callbacks.senders import event_id
from bench.system import roots_of
from malipo.contracts.config import Endpoint, MerchantConfigured, secret_owner
from malipo.contracts.message import encode
from malipo.contracts.topics import MERCHANT_CONFIG
from malipo.platform.secrets import KeyRing
from malipo_local import Stack
from malipo_local.connection import connected
from malipo_local.waiting import until

SERVICE = "webhook-dispatcher"
HEALTHY = tuple(f"mer_healthy{number}" for number in range(8))
HANGING, REFUSING = "mer_hanging", "mer_refusing"
_BEHAVIOURS: Mapping[str, Mapping[str, object]] = {
    HANGING: {"kind": "hang"},
    REFUSING: {"kind": "fail", "status": 503},
}
_SECRET = "whsec_" + base64.b64encode(b"bench-webhooks-secret-of-32-byte").decode()
_MODE = "live"
_START_SECONDS = 60.0
_KNOWN = "SELECT count(*) FROM endpoints"
_DELIVERED = """
SELECT d.event_id, extract(epoch FROM a.attempted_at)::float8 + a.duration_ms / 1000.0::float8 AS at
FROM deliveries d JOIN attempts a USING (delivery_id)
WHERE d.event_id BETWEEN $1 AND $2 AND a.result = 'delivered' ORDER BY a.attempted_at DESC
"""


@dataclass(frozen=True)
class Dispatcher:
    """The service, whose endpoints are at the merchants' stand-in."""

    stack: Stack

    def set_up(self) -> None:
        """Have all merchants configured, and their receivers answer as they should. Raises `TimeoutError`."""
        merchants = (*HEALTHY, HANGING, REFUSING)
        for merchant in merchants:
            self._put(merchant, "", {"secret": _SECRET})
            self._put(merchant, "/behaviour", _BEHAVIOURS.get(merchant, {"kind": "ok"}))
        ring = KeyRing.parse(self.stack.service_env(SERVICE)["KEY_RING"])
        asyncio.run(self._configure([self._configured(merchant, ring) for merchant in merchants]))
        if not until(lambda: self._ask(_KNOWN)[0][0] == len(merchants), _START_SECONDS):
            message = (
                f"{SERVICE} does not know its {len(merchants)} merchants. Look into {self.stack.log_path(SERVICE)}."
            )
            raise TimeoutError(message)

    @property
    def roots(self) -> dict[str, list[int]]:
        """The processes of each part."""
        return roots_of(self.stack)

    def kill(self) -> None:
        """`kill -9`; the supervisor starts it again."""
        self.stack.kill(SERVICE)

    def received(self) -> int:
        """Requests that the merchants' receivers have received so far."""
        health = httpx.get(f"{self.stack.url('merchant-sim')}/_sim/health").raise_for_status().json()
        return int(health["received"])

    def delivered(self, first: int, last: int) -> dict[str, float]:
        """When each of the events with these numbers was answered with 2xx, by its id, in Unix seconds: for the first time."""
        return {row["event_id"]: row["at"] for row in self._ask(_DELIVERED, event_id(first), event_id(last))}

    def _put(self, merchant: str, path: str, body: Mapping[str, object]) -> None:
        url = f"{self.stack.url('merchant-sim')}/_sim/receivers/{merchant}{path}"
        httpx.put(url, json=dict(body)).raise_for_status()

    def _configured(self, merchant: str, ring: KeyRing) -> MerchantConfigured:
        endpoint = f"ep_{merchant}"
        sealed = ring.seal(_SECRET.encode(), owner=secret_owner(merchant, _MODE, endpoint))
        url = f"{self.stack.url('merchant-sim')}/hooks/{merchant}"
        made = Endpoint(id=endpoint, mode=_MODE, url=url, secret_ciphertext=sealed)
        return MerchantConfigured(merchant_id=merchant, version=1, endpoints=(made,))

    async def _configure(self, configured: Sequence[MerchantConfigured]) -> None:
        made: Any = AIOKafkaProducer(bootstrap_servers=self.stack.kafka)
        async with made as producer:
            for one in configured:
                await producer.send_and_wait(MERCHANT_CONFIG.name, encode(one), key=one.merchant_id.encode())

    def _ask(self, query: str, *arguments: object) -> list[Any]:
        return asyncio.run(_rows(self.stack.database_url(SERVICE), query, arguments))


async def _rows(url: str, query: str, arguments: Sequence[object]) -> list[Any]:
    async with connected(url) as connection:
        return await connection.fetch(query, *arguments)
