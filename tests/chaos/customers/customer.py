"""A customer that repeats requests until they are answered, and what it was promised."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp

from malipo_local.merchant import DemoMerchant, Json

RETRY_SECONDS = 0.5
_ENDED = ("completed", "returned", "failed", "canceled")


class Due(NamedTuple):
    """How a payment has to end, whatever happens meanwhile: its status, and amounts in minor units."""

    status: str
    captured: int = 0
    refunded: int = 0

    def __str__(self) -> str:
        """As a violation names it."""
        return f"{self.status} with {self.captured} captured and {self.refunded} refunded"


@dataclass
class Ledger:
    """What the merchants requested, and which payments were accepted."""

    wanted: int = 0
    payments: dict[str, Due] = field(default_factory=dict[str, Due])
    """How each payment that was accepted has to end, by the payment's id."""
    surprises: list[str] = field(default_factory=list[str])

    @property
    def accepted(self) -> int:
        """How many payments were accepted."""
        return len(self.payments)


type Kind = Callable[["Customer", int], Awaitable[None]]
"""What a customer does: of the number of the payment, which tells its amount from all others."""


@dataclass
class Customer:
    """One purchase: repeats its request with the same key until there is a final answer."""

    merchant: DemoMerchant
    session: aiohttp.ClientSession
    url: str
    ledger: Ledger

    async def pay(self, method: Json, amount: int, currency: str, due: Due, **fields: str) -> str:
        """The id of the accepted payment; a repeat of the request must return the same one, else it is a surprise."""
        key = uuid.uuid4().hex
        body = {"amount": amount, "currency": currency, "method": method, **fields}
        payment = await self.request("/v1/payments", body, key)
        repeated = await self.request("/v1/payments", body, key)
        if payment["id"] != repeated["id"]:
            self.ledger.surprises.append(f"one key, two payments: {payment['id']} and {repeated['id']}")
        self.ledger.payments[payment["id"]] = due
        return str(payment["id"])

    async def request(self, path: str, body: Json, key: str | None = None) -> Json:
        """The answer to a request, however long that takes; refusals are answers too."""
        headers = {
            "X-API-Key": self.merchant.key,
            "Idempotency-Key": key or uuid.uuid4().hex,
            "Prefer": "respond-async",
        }
        return await _until_answered(lambda: self.session.post(self.url + path, json=body, headers=headers))

    async def wait(self, payment_id: str, *statuses: str) -> Json:
        """The payment once it has one of these statuses, or has ended."""
        return await self.wait_for(payment_id, lambda payment: payment["status"] in statuses)

    async def wait_for(self, payment_id: str, is_there: Callable[[Json], bool]) -> Json:
        """The payment once this is true of it, or it has ended."""
        return await self._look(payment_id, lambda payment: payment["status"] in _ENDED or is_there(payment))

    async def wait_while(self, payment_id: str, status: str) -> Json:
        """The payment once it has another status, also where this one is an end that money may come back after."""
        return await self._look(payment_id, lambda payment: payment["status"] != status)

    async def _look(self, payment_id: str, is_there: Callable[[Json], bool]) -> Json:
        headers, path = {"X-API-Key": self.merchant.key}, f"{self.url}/v1/payments/{payment_id}"
        while True:
            payment = await _until_answered(lambda: self.session.get(path, headers=headers))
            if is_there(payment):
                return payment
            await asyncio.sleep(RETRY_SECONDS)


async def _until_answered(send: Callable[[], Any]) -> Json:
    while True:
        try:
            async with send() as response:
                answer: Json = await response.json()
                if response.ok or not answer["retry"]["safe"]:
                    return answer
        except (aiohttp.ClientError, TimeoutError):
            pass
        await asyncio.sleep(RETRY_SECONDS)
