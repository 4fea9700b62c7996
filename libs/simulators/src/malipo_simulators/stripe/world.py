"""All state of one Stripe simulator, and the way to make something known in it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from malipo_simulators.posting import Poster
from malipo_simulators.stripe.account import Account
from malipo_simulators.stripe.book import Book
from malipo_simulators.stripe.clock import Clock
from malipo_simulators.stripe.courier import Delivery
from malipo_simulators.stripe.endpoint import Endpoint
from malipo_simulators.stripe.errors import StripeError, error_body
from malipo_simulators.stripe.faults import Applied, Faults
from malipo_simulators.stripe.ids import Ids, account_id
from malipo_simulators.stripe.models import PaymentIntent
from malipo_simulators.stripe.request_log import RequestLog
from malipo_simulators.stripe.settings import StripeSettings


class World:
    """Everything is changed by plain synchronous code on one event loop, so each operation is atomic."""

    def __init__(self, settings: StripeSettings, poster: Poster) -> None:
        self.settings = settings
        self.poster = poster
        self.ids = Ids(settings.seed)
        self._timers: set[asyncio.TimerHandle] = set()
        self._start_empty()

    def _start_empty(self) -> None:
        self.clock = Clock()
        self.book = Book()
        self.accounts: dict[str, Account] = {}
        self.faults = Faults(self.ids, self.settings.max_fault_rules)
        self.requests = RequestLog(self.settings.max_requests_logged)

    def account_of(self, api_key: str) -> Account:
        """The account behind a key, made on first sight."""
        name = account_id(api_key)
        account = self.accounts.get(name)
        if account is None:
            if len(self.accounts) >= self.settings.max_accounts:
                raise StripeError(400, error_body("invalid_request_error", "This simulator has no room for accounts."))
            account = self.accounts[name] = Account(name, self.clock.now(), self.settings)
        return account

    def later(self, delay_seconds: float, action: Callable[[], object]) -> None:
        """Run it once after real time has passed; forgotten on reset."""

        def run() -> None:
            self._timers.discard(timer)
            action()

        timer = asyncio.get_running_loop().call_later(delay_seconds, run)
        self._timers.add(timer)

    def find_intent(self, intent_id: str) -> tuple[Account, PaymentIntent] | None:
        found = self.book.find(intent_id)
        return None if found is None else (self.accounts[found[0]], found[1])

    def endpoints(self) -> list[Endpoint]:
        return [endpoint for account in self.accounts.values() for endpoint in account.endpoints]

    async def reset(self) -> None:
        """Forget everything: payments, keys, endpoints, rules, clock. Ids go on counting."""
        await self._stop()
        self._start_empty()

    async def close(self) -> None:
        await self._stop()
        await self.poster.close()

    async def _stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        await asyncio.gather(*(endpoint.courier.close() for endpoint in self.endpoints()))


@dataclass(slots=True)
class Cause:
    """The request behind a change. Changes with no API request (3DS pages, timers) have no request id."""

    method: str
    path: str
    request_id: str | None = None
    idempotency_key: str | None = None
    fault: Applied | None = None
    deliveries: list[Delivery] = field(default_factory=list[Delivery])
