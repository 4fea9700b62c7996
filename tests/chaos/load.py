"""Payments at a steady rate whatever happens: each has a customer that repeats requests until they are answered."""

import asyncio
from collections.abc import Callable
from random import Random  # noqa: TID251 - from a seed, so that a run can be repeated

import aiohttp

from chaos.customers import KINDS
from chaos.customers.customer import Customer, Ledger
from malipo import clock
from malipo_local.merchant import DemoMerchant

_REQUEST_SECONDS = 15

type Say = Callable[[str], None]
"""Prints what a long run does now."""


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

    async def _see_through(self, kind: str, customer: Customer, amount: int) -> None:
        try:
            await KINDS[kind](customer, amount)
        except Exception as error:  # noqa: BLE001 - whatever it is, this customer has not got what was promised
            self.ledger.surprises.append(f"{kind} of {amount} ended in {error!r}")
