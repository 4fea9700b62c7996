"""A Stripe that answers by a script, and an attempt that was perhaps sent there."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import stripe_samples as samples
from stripe_customers import MemoryCustomers

from malipo import clock
from malipo.platform.client import http_client
from provider_kit.provider import Ages, Attempt
from provider_stripe.client import StripeClient
from provider_stripe.customers import Customers
from provider_stripe.provider import StripeProvider


class Stripe:
    """Answers one entry of the script after the other, and keeps the requests."""

    def __init__(self, *script: Callable[[httpx.Request], httpx.Response] | Exception) -> None:
        self.script = list(script)
        self.requests: list[httpx.Request] = []
        http = http_client(timeout_seconds=1, base_url="https://stripe.test", transport=httpx.MockTransport(self.reply))
        client = StripeClient(http, version="2026-10-28.endive", timeout_seconds=1)
        self.customers = MemoryCustomers()
        self.provider = StripeProvider(client, Customers(client, self.customers), tolerance_seconds=300)

    def reply(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        scripted = self.script.pop(0)
        if isinstance(scripted, Exception):
            raise scripted
        return scripted(request)

    @property
    def calls(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]

    @property
    def keys(self) -> set[str | None]:
        return {request.headers.get("Idempotency-Key") for request in self.requests if request.method == "POST"}

    def parameters(self, index: int) -> dict[str, list[str]]:
        return parse_qs(urlsplit(str(self.requests[index].url)).query)


def sent(operation, hours: float = 0.1, reference: str | None = None) -> Attempt:
    age = timedelta(hours=hours)
    return samples.attempt(operation, first_sent_at=clock.now() - age, reference=reference, ages=Ages(age))
