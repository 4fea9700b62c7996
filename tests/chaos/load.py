"""Payments at a steady rate whatever happens: each has a customer that repeats requests until they are answered."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random  # noqa: TID251 - from a seed, so that a run can be repeated
from typing import Any, NamedTuple

import aiohttp

from malipo import clock
from malipo_local.merchant import DemoMerchant, Json

_RETRY_SECONDS = 0.5
_REQUEST_SECONDS = 15

type Say = Callable[[str], None]
"""Prints what a long run does now."""


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


class Crowd:
    """Starts payments of a merchant at `rate` a second by an absolute clock; each goes on until it has its answer."""

    def __init__(self, merchant: DemoMerchant, *, rate: float, seed: int, kinds: tuple[str, ...] = ("charge",)) -> None:
        self._merchant = merchant
        self._rate = rate
        self._random = Random(seed)
        self._kinds = kinds
        self._tasks: set[asyncio.Task[None]] = set()
        self._urls = merchant.stack.urls("gateway")
        self.ledger = Ledger()

    async def come(self, seconds: float, patience_seconds: float, say: Say) -> None:
        """Start payments for `seconds`, then wait until each has its answers: TimeoutError after `patience_seconds` more."""
        connector = aiohttp.TCPConnector(limit=0, force_close=True)  # a killed gateway leaves no connection behind
        timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            begin, number = clock.monotonic(), 0
            while number < seconds * self._rate:
                await asyncio.sleep(max(0, begin + number / self._rate - clock.monotonic()))
                number += 1
                self._start(session, number)
            say("the load has ended; waiting until every customer has an answer ...")
            async with asyncio.timeout(patience_seconds):
                await asyncio.gather(*self._tasks)

    def _start(self, session: aiohttp.ClientSession, number: int) -> None:
        kind = self._random.choice(self._kinds)
        amount = 1000 + number
        self.ledger.wanted += 1
        customer = Customer(self._merchant, session, self._random.choice(self._urls), self.ledger)
        task = asyncio.create_task(self._see_through(kind, customer, amount))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _see_through(self, kind: str, customer: "Customer", amount: int) -> None:
        try:
            await KINDS[kind](customer, amount)
        except Exception as error:  # noqa: BLE001 - whatever it is, this customer has not got what was promised
            self.ledger.surprises.append(f"{kind} of {amount} ended in {error!r}")


@dataclass
class Customer:
    """One purchase: repeats its request with the same key until there is a final answer."""

    merchant: DemoMerchant
    session: aiohttp.ClientSession
    url: str
    ledger: Ledger

    async def pay(self, token: str, amount: int, due: Due, **fields: str) -> str:
        """The id of the accepted payment; a repeat of the request must return the same one, else it is a surprise."""
        key = uuid.uuid4().hex
        body = {"amount": amount, "currency": "USD", "method": {"type": "card", "token": token}, **fields}
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
        ended = {*statuses, "completed", "returned", "failed", "canceled"}
        headers, path = {"X-API-Key": self.merchant.key}, f"{self.url}/v1/payments/{payment_id}"
        while True:
            payment = await _until_answered(lambda: self.session.get(path, headers=headers))
            if payment["status"] in ended:
                return payment
            await asyncio.sleep(_RETRY_SECONDS)


async def _until_answered(send: Callable[[], Any]) -> Json:
    while True:
        try:
            async with send() as response:
                answer: Json = await response.json()
                if response.ok or not answer["retry"]["safe"]:
                    return answer
        except (aiohttp.ClientError, TimeoutError):
            pass
        await asyncio.sleep(_RETRY_SECONDS)


async def _charge(customer: Customer, amount: int) -> None:
    await customer.pay("pm_card_visa", amount, Due("completed", amount))


async def _decline(customer: Customer, amount: int) -> None:
    await customer.pay("pm_card_visa_chargeDeclinedInsufficientFunds", amount, Due("failed"))


async def _confirm(customer: Customer, amount: int) -> None:
    due, back = Due("completed", amount), "https://shop.example/thanks"
    payment_id = await customer.pay("pm_card_authenticationRequired", amount, due, return_url=back)
    payment = await customer.wait(payment_id, "requires_action")
    if payment["status"] == "requires_action":
        url = f"{customer.merchant.stripe.base_url}/_sim/3ds/{payment['provider_reference']}/approve"
        async with customer.session.post(url):
            pass


async def _capture(customer: Customer, amount: int) -> None:
    payment_id = await customer.pay("pm_card_visa", amount, Due("completed", amount), capture="manual")
    if (await customer.wait(payment_id, "authorized"))["status"] == "authorized":
        await customer.request(f"/v1/payments/{payment_id}/capture", {})


async def _refund(customer: Customer, amount: int) -> None:
    part = amount * 2 // 3  # of two at once one must be refused
    payment_id = await customer.pay("pm_card_visa", amount, Due("completed", amount, part))
    if (await customer.wait(payment_id))["status"] == "completed":
        await asyncio.gather(
            *(customer.request(f"/v1/payments/{payment_id}/refunds", {"amount": part}) for _ in range(2))
        )


KINDS: dict[str, Callable[[Customer, int], Awaitable[None]]] = {
    "charge": _charge,
    "decline": _decline,
    "3ds": _confirm,
    "capture": _capture,
    "refund": _refund,
}
"""What customers do, by name; the same promise holds for all."""
