"""An orchestrator's database and handlers without Kafka; and this folder on the path, for what its tests share."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from malipo import clock, ids
from malipo.contracts.commands import CreatePayment
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import AttemptPostponed, OutcomeReported, Succeeded
from malipo.contracts.topics import BY_NAME
from malipo.messaging.database import Database
from malipo.messaging.subscription import Received
from malipo.money import Money
from orchestrator.subscriptions import subscriptions
from testkit.operations import card

sys.path.append(str(Path(__file__).parent))


@dataclass
class Orchestrator:
    database: Database
    database_url: str

    async def handle(self, *messages) -> list:
        """Apply those messages that are wanted as one batch; returns what was sent because of it."""
        [subscription] = subscriptions()
        wanted = [message for message in messages if subscription.wants(message)]
        batch = [Received(one, ids.new("msg"), "topic", getattr(one, "payment_id", "")) for one in wanted]
        async with self.database.begin() as unit:
            if batch:
                await subscription.handle(unit, batch)
        return await self.sent()

    async def sent(self) -> list:
        """Empty the outbox."""
        rows = await self.database.reads.fetch(
            "WITH gone AS (DELETE FROM outbox RETURNING *) SELECT * FROM gone ORDER BY id"
        )
        return [BY_NAME[row["topic"]].decode(row["payload"]) for row in rows]

    async def payment(self, payment_id: str) -> dict:
        return dict(await self.database.reads.fetchrow("SELECT * FROM payments WHERE id = $1", payment_id))


@pytest.fixture
async def orchestrator(new_database, pool_of):
    database = Database()
    url = new_database("orchestrator")
    database.use(await pool_of(url))
    return Orchestrator(database, url)


def create(amount_minor: int = 1000, **changes) -> CreatePayment:
    values = {
        "payment_id": ids.new("pay"),
        "merchant_id": "mer_1",
        "mode": "test",
        "amount": Money(amount_minor, "USD"),
        "method": card("pm_card_visa"),
        "capture": "automatic",
        "config_version": 1,
        "configured": ("stripe",),
        "client_ref": "order 7",
        "metadata": {"a": "b"},
    }
    return CreatePayment(**values | changes)


def report(
    payment_id: str, outcome, kind: str = "charge", operation_id: str | None = None, **changes
) -> OutcomeReported:
    values = {
        "payment_id": payment_id,
        "operation_id": operation_id or charge_id(payment_id, 1),
        "kind": kind,
        "provider": "stripe",
        "outcome": outcome,
        "source": "attempt",
        "step": 1,
        "observed_at": clock.now(),
    }
    return OutcomeReported(**values | changes)


def paid(payment_id: str, amount_minor: int = 1000) -> OutcomeReported:
    return report(payment_id, Succeeded(amount=Money(amount_minor, "USD"), reference="pi_1"))


def postponed(payment_id: str) -> AttemptPostponed:
    return AttemptPostponed(
        payment_id=payment_id, operation_id=charge_id(payment_id, 1), kind="charge", provider="stripe", step=1,
        code="provider_unreachable", detail="no connection", tries=1, retry_at=clock.now(), observed_at=clock.now(),
    )  # fmt: skip


@pytest.fixture
def make():
    class Make:
        create = staticmethod(create)
        report = staticmethod(report)
        paid = staticmethod(paid)
        postponed = staticmethod(postponed)

    return Make
