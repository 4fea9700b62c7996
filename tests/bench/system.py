"""The whole system under test: a local stack with several merchants, and what its databases have of each payment."""

import asyncio
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from bench.kafka import messages
from bench.load import Target
from bench.outside import Outside
from bench.subject import Counts, Endings
from bench.watch import Watch, watching
from malipo.contracts.topics import TOPICS
from malipo_local import Stack
from malipo_local.connection import connected
from malipo_local.merchant import DemoMerchant
from malipo_local.services import Kind, names

MERCHANTS = 8
"""So many that no figure depends on the rows of one merchant."""

SERVICES = names(Kind.SERVICE)
STORES = names(Kind.STORE)
Settings = Mapping[str, Mapping[str, str]]
"""What is set for each service, by its name."""
SETTINGS = {"gateway": {"RATE_LIMIT_PER_SECOND": "100000", "RATE_LIMIT_BURST": "1000000"}}
BY_THEMSELVES = {
    "mpesa-sim": {"MPESA_ANSWER": "paid"},
    "paypal-sim": {"PAYPAL_APPROVE": "all"},
    "bank-sim": {"BANK_SIM_DAY_SECONDS": "60"},
}
"""Customers who pay a second after they are asked, without a person, and a bank whose rails are open at any hour."""
FULL_COMPILER = {"kafka": {"JVM_OPTIONS": "-Xms512m -Xmx512m -XX:+UseSerialGC -Dlog4j2.level=WARN"}}
"""Kafka as in production, with both of Java's compilers: dear for the first minute, cheaper after it."""
PRE_TOUCHED = {"kafka": {"JVM_OPTIONS": FULL_COMPILER["kafka"]["JVM_OPTIONS"] + " -XX:+AlwaysPreTouch"}}
"""The same with all of its heap in memory from the start: else the heap is touched for an hour, which looks like a leak."""

_TOPICS = {topic.name: topic.partitions for topic in TOPICS} | {topic.dead_letter: 1 for topic in TOPICS}
_JSON = {"Content-Type": "application/json"}

_COMPLETED = """
SELECT payment_id, extract(epoch FROM occurred_at)::float8 AS at FROM history
WHERE payment_id >= $1 AND operation_id IS NULL AND to_state = 'completed'
"""
_DELIVERED = """
SELECT d.payment_id, extract(epoch FROM a.attempted_at)::float8 + a.duration_ms / 1000.0::float8 AS at
FROM attempts a JOIN deliveries d USING (delivery_id) JOIN events e USING (event_id)
WHERE d.payment_id >= $1 AND e.type = 'payment.completed' AND a.result = 'delivered'
"""
_PROVIDER_MS = """
SELECT payment_id, sum((exchange->>'duration_ms')::float8) AS ms
FROM timeline, json_array_elements(entry->'exchanges') AS exchange
WHERE payment_id >= $1 AND kind IN ('attempt', 'query') GROUP BY payment_id
"""
_WEBHOOKS = "SELECT count(*) AS webhooks FROM deliveries WHERE payment_id >= $1 AND state = 'delivered'"
_NOTIFIED = """
SELECT count(DISTINCT t.payment_id) AS payments FROM timeline t JOIN events e ON e.id = t.entry->>'event_id'
WHERE t.payment_id >= $1 AND t.kind = 'webhook' AND t.entry->>'result' = 'delivered'
    AND e.type IN ('payment.completed', 'payment.failed', 'payment.canceled')
"""
_WORK = """
SELECT xact_commit + xact_rollback AS transactions, tup_inserted + tup_updated + tup_deleted AS rows
FROM pg_stat_database WHERE datname = current_database()
"""
_OUTBOX = "SELECT count(*) AS rows FROM outbox"


class System:
    """Malipo as it is shipped, on this machine. Use `running`."""

    def __init__(self, stack: Stack, merchants: Sequence[DemoMerchant]) -> None:
        self.stack = stack
        self.merchants = merchants
        self.outside = Outside(stack)
        self._services = [row.name for row in stack.plan.rows() if row.kind is Kind.SERVICE]

    @property
    def targets(self) -> list[Target]:
        """Every merchant at every replica of the gateway, requesting the durable acceptance alone."""
        return [
            Target(f"{url}/v1/payments", {"X-API-Key": merchant.key, "Prefer": "respond-async", **_JSON})
            for merchant in self.merchants
            for url in self.stack.urls("gateway")
        ]

    @property
    def roots(self) -> dict[str, list[int]]:
        """The processes of each part."""
        return roots_of(self.stack)

    def watched(self) -> AbstractContextManager[Watch]:
        """Looks into PostgreSQL for as long as the block lasts."""
        return watching(self.stack)

    def received(self) -> int:
        """Webhook requests that the merchants' receivers have received so far."""
        return self.outside.webhooks()

    def settled(self, first_payment: str, payments: int) -> bool:
        """Whether the gateway knows that every payment's end was told, no outbox holds a row, and no callback is on its way."""
        [notified] = self.rows("gateway", _NOTIFIED, first_payment)
        waiting = sum(self.rows(service, _OUTBOX)[0]["rows"] for service in self._services)
        return notified["payments"] >= payments and not waiting and not self.outside.callbacks_pending()

    def endings(self, first_payment: str) -> Endings:
        """When each payment from this one on was completed and its webhook delivered, and the provider's part in it."""
        completed = {row["payment_id"]: row["at"] for row in self.rows("orchestrator", _COMPLETED, first_payment)}
        delivered = {row["payment_id"]: row["at"] for row in self.rows("webhook-dispatcher", _DELIVERED, first_payment)}
        provider_ms = {row["payment_id"]: row["ms"] for row in self.rows("gateway", _PROVIDER_MS, first_payment)}
        [answered] = self.rows("webhook-dispatcher", _WEBHOOKS, first_payment)
        return Endings(completed, delivered, provider_ms, answered["webhooks"])

    def counts(self) -> Counts:
        """What was done so far: messages by topic; transactions and rows by service; ends by process."""
        work = {service: self.rows(service, _WORK)[0] for service in self._services}
        return Counts(
            messages=asyncio.run(messages(self.stack.kafka, _TOPICS)),
            transactions={service: row["transactions"] for service, row in work.items()},
            rows={service: row["rows"] for service, row in work.items()},
            ends={unit.name: unit.restarts for unit in self.stack.status()},
        )

    def rows(self, service: str, query: str, *arguments: object) -> list[Mapping[str, Any]]:
        """The rows of a query of a service's database."""
        return asyncio.run(_fetch(self.stack.database_url(service), query, arguments))

    def close(self) -> None:
        """Close the connections."""
        self.outside.close()


def roots_of(stack: Stack) -> dict[str, list[int]]:
    """The processes of each part of a stack."""
    found: dict[str, list[int]] = {}
    for unit in stack.status():
        if unit.pid is not None:
            found.setdefault(unit.service, []).append(unit.pid)
    return found


@contextmanager
def running(stack: Stack, merchants: int = MERCHANTS, *, all_providers: bool = False) -> Generator[System]:
    """A stack that is up as a system with this many merchants, which have an account at Stripe, or at every provider."""
    with ExitStack() as opened, ThreadPoolExecutor(4) as pool:
        system = System(
            stack, [opened.enter_context(merchant) for merchant in pool.map(DemoMerchant.open, [stack] * merchants)]
        )
        if all_providers:
            for _ in pool.map(_connect, system.merchants):
                pass
        opened.callback(system.close)
        yield system


def _connect(merchant: DemoMerchant) -> None:
    merchant.connect_mpesa(registered=False)
    merchant.connect_paypal()
    merchant.connect_bank()


async def _fetch(url: str, query: str, arguments: Sequence[object]) -> list[Mapping[str, Any]]:
    async with connected(url) as connection:
        return await connection.fetch(query, *arguments)
