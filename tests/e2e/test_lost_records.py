"""Kafka loses what it has acknowledged: each topic's records are deleted under way, and everything still comes right."""

import asyncio
import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from databases import sql
from operating import run_command

from malipo.messaging.security import KafkaAccess
from malipo_local import Stack
from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant, Json
from malipo_local.waiting import until
from testkit.access import access
from testkit.deleting import delete_records

SECONDS = 90
EACH = 4
# What is a minute in production is seconds here, so that the nets are exercised within the test.
_HURRY = """
from orchestrator import machine

machine._DEADLINE_SECONDS[machine.State.PROCESSING] = 4
machine._ANSWER_SECONDS = 4
"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    hurry: Path = tmp_path_factory.mktemp("hurry")
    (hurry / "sitecustomize.py").write_text(_HURRY)
    settings = {
        "gateway": {"RESEND_SECONDS": "1", "RATE_LIMIT_BURST": "10000"},
        "orchestrator": {"ROLL_CALL_SECONDS": "2,45", "PYTHONPATH": str(hurry)},
        "webhook-dispatcher": {"RETRY_SCHEDULE_SECONDS": "0.5,0.5,1,1,2,2,4,4,8,8"},
    }
    with Stack(home=tmp_path_factory.mktemp("lossy"), settings=settings, forked=True) as running:
        yield running


@dataclass(frozen=True)
class UnderWay:
    """What is requested while the records get lost, by its ids."""

    new: list[str]
    refunded: list[str]
    captured: list[str]
    canceled: list[str]

    @property
    def payments(self) -> list[str]:
        return [*self.new, *self.refunded, *self.captured, *self.canceled]


def pay(merchant: DemoMerchant, **fields: Any) -> list[str]:
    return [merchant.pay(prefer="respond-async", **fields)["id"] for _ in range(EACH)]


def settled(merchant: DemoMerchant) -> tuple[list[str], list[str], list[str]]:
    """Payments that can be refunded, captured and canceled, all at rest."""
    paid, *held = pay(merchant), pay(merchant, capture="manual"), pay(merchant, capture="manual")
    for payment_id in [*paid, *held[0], *held[1]]:
        merchant.wait(payment_id, "completed", "authorized", seconds=SECONDS)
        merchant.reported(payment_id, seconds=SECONDS)
    return paid, held[0], held[1]


def begin(merchant: DemoMerchant, paid: list[str], to_capture: list[str], to_cancel: list[str]) -> UnderWay:
    for payment_id in paid:
        request(merchant, payment_id, "refunds", {"amount": 250})
    for payment_id in to_capture:
        request(merchant, payment_id, "capture")
    for payment_id in to_cancel:
        request(merchant, payment_id, "cancel")
    return UnderWay(pay(merchant), paid, to_capture, to_cancel)


def request(merchant: DemoMerchant, payment_id: str, path: str, body: Json | None = None) -> None:
    merchant.post(f"/v1/payments/{payment_id}/{path}", body, Prefer="respond-async").raise_for_status()


def sent(stack: Stack, *services: str) -> None:
    """Return when nothing is left in these outboxes: Kafka has it."""
    for service in services:
        assert until(lambda of=service: sql(stack, of, "SELECT count(*) FROM outbox") == 0, SECONDS), service


def lose(stack: Stack, topic: str, group: str) -> int:
    """Delete every record of the topic; returns how many of them the group, which is down, had not read."""
    return asyncio.run(_lose(access(stack.kafka_settings()), topic, group))


async def _lose(kafka: KafkaAccess, topic: str, group: str) -> int:
    admin: Any = AIOKafkaAdminClient(**kafka.options)
    consumer: Any = AIOKafkaConsumer(**kafka.options)
    await admin.start()
    await consumer.start()
    try:
        numbers = (await admin.describe_topics([topic]))[0]["partitions"]
        partitions = [TopicPartition(topic, one["partition"]) for one in numbers]
        begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        read = {one: at.offset for one, at in (await admin.list_consumer_group_offsets(group)).items()}
        compacted = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"cleanup.policy": "compact,delete"})
        if topic.startswith("merchants."):  # of a topic that is compacted alone Kafka deletes nothing
            await admin.alter_configs([compacted])
        await delete_records(kafka, ends)
        return sum(ends[one] - max(begins[one], read.get(one, 0)) for one in partitions)
    finally:
        await consumer.stop()
        await admin.close()


@contextlib.contextmanager
def down(stack: Stack, *services: str) -> Generator[None]:
    for service in services:
        stack.stop_service(service)
    try:
        yield
    finally:
        for service in services:
            stack.start_service(service)
        for service in services:
            stack.wait_ready(service, SECONDS)


def lose_commands(stack: Stack, start: Callable[[], UnderWay]) -> tuple[UnderWay, int]:
    with down(stack, "orchestrator"):
        under_way = start()
        sent(stack, "gateway")
        return under_way, lose(stack, "payments.commands.v1", "orchestrator.payments")


def lose_operations(stack: Stack, start: Callable[[], UnderWay]) -> tuple[UnderWay, int]:
    with down(stack, "provider-stripe"):
        under_way = start()
        applied(stack, under_way)
        sent(stack, "orchestrator")
        return under_way, lose(stack, "providers.stripe.commands.v1", "provider-stripe.commands")


def lose_outcomes(stack: Stack, start: Callable[[], UnderWay]) -> tuple[UnderWay, int]:
    stack.stop_service("provider-stripe")
    under_way = start()
    applied(stack, under_way)
    sent(stack, "orchestrator")
    with down(stack, "orchestrator"):
        stack.start_service("provider-stripe")
        stack.wait_ready("provider-stripe", SECONDS)
        carried_out(stack, under_way)
        return under_way, lose(stack, "providers.outcomes.v1", "orchestrator.payments")


def lose_events(stack: Stack, start: Callable[[], UnderWay]) -> tuple[UnderWay, int]:
    stack.stop_service("provider-stripe")
    under_way = start()
    applied(stack, under_way)
    with down(stack, "gateway", "webhook-dispatcher"):
        stack.start_service("provider-stripe")
        stack.wait_ready("provider-stripe", SECONDS)
        carried_out(stack, under_way)
        open_ones = "SELECT count(*) FROM timers WHERE due_at < now() + interval '1 hour'"
        assert until(lambda: sql(stack, "orchestrator", open_ones) == 0, SECONDS)
        sent(stack, "orchestrator")
        return under_way, lose(stack, "payments.events.v1", "webhook-dispatcher.events")


def lose_reports(stack: Stack, start: Callable[[], UnderWay]) -> tuple[UnderWay, int]:
    stack.stop_service("webhook-dispatcher")
    under_way = start()
    ended = f"SELECT count(*) FROM payments WHERE id = ANY(ARRAY{under_way.payments!r}) AND state IN ('completed', 'canceled')"
    assert until(lambda: sql(stack, "orchestrator", ended) == len(under_way.payments), SECONDS)
    sent(stack, "orchestrator")
    with down(stack, "gateway"):
        stack.start_service("webhook-dispatcher")
        stack.wait_ready("webhook-dispatcher", SECONDS)
        delivered = (
            f"SELECT count(*) FROM deliveries WHERE state = 'delivered' AND payment_id = ANY(ARRAY{under_way.new!r})"
        )
        assert until(lambda: sql(stack, "webhook-dispatcher", delivered) >= EACH, SECONDS)
        sent(stack, "webhook-dispatcher")
        return under_way, lose(stack, "webhooks.deliveries.v1", "gateway.timelines")


def applied(stack: Stack, under_way: UnderWay) -> None:
    """Return when the orchestrator has applied all of it: it has new payments and operations."""
    operations = 3 * EACH
    known = f"SELECT count(*) FROM payments WHERE id = ANY(ARRAY{under_way.new!r})"
    assert until(lambda: sql(stack, "orchestrator", known) == EACH, SECONDS)
    live = "SELECT count(*) FROM operations WHERE state IN ('processing', 'in_doubt')"
    assert until(lambda: sql(stack, "orchestrator", live) >= operations, SECONDS)


def carried_out(stack: Stack, under_way: UnderWay) -> None:
    """Return when the provider service has carried out all commands, and has reported the outcomes."""
    charges = f"kind = 'charge' AND payment_id = ANY(ARRAY{under_way.new!r})"
    changed = [*under_way.refunded, *under_way.captured, *under_way.canceled]
    others = f"kind IN ('refund', 'capture', 'cancel') AND payment_id = ANY(ARRAY{changed!r})"
    done = f"SELECT count(*) FROM attempts WHERE done_at IS NOT NULL AND ({charges} OR {others})"
    assert until(lambda: sql(stack, "provider-stripe", done) == len(under_way.payments), SECONDS)
    sent(stack, "provider-stripe")


def comes_right(merchant: DemoMerchant, under_way: UnderWay) -> None:
    ends = {"completed": [*under_way.new, *under_way.refunded, *under_way.captured], "canceled": under_way.canceled}
    for status, payment_ids in ends.items():
        for payment_id in payment_ids:
            merchant.wait(payment_id, status, seconds=SECONDS)
    assert until(lambda: not books.differences(merchant), SECONDS), books.differences(merchant)
    assert books.double_charges(merchant) == []
    assert all(merchant.payment(payment_id)["amount_refunded"] == 250 for payment_id in under_way.refunded)
    for payment_id in under_way.payments:
        last = "payment.canceled" if payment_id in under_way.canceled else "payment.completed"
        kinds = [last, "refund.completed"] if payment_id in under_way.refunded else [last]
        merchant.events(payment_id, *kinds, seconds=SECONDS)
        # What was lost may come behind what was published later: its sequence says where it belongs.
        assert until(lambda of=payment_id: no_gap(merchant, of), SECONDS), "an event is missing"
        assert until(lambda of=payment_id: whole(merchant, of), SECONDS), merchant.timeline(payment_id)


def no_gap(merchant: DemoMerchant, payment_id: str) -> bool:
    sequences = {one["sequence"] for one in merchant.received(payment_id) if one["verified"]}
    return sequences == set(range(1, max(sequences) + 1))


def whole(merchant: DemoMerchant, payment_id: str) -> bool:
    steps = [entry["step"] for entry in merchant.timeline(payment_id) if entry["kind"] == "step"]
    return steps == list(range(1, len(steps) + 1))


def report(what: str, lost: int, payments: int) -> None:
    assert lost > 0, "nothing was deleted that had not been read"
    print(f"{what}: {lost} records deleted unread, {payments} payments under way came right")  # noqa: T201 - for -s


@pytest.mark.timeout(600)
@pytest.mark.parametrize("lossy", [lose_commands, lose_operations, lose_outcomes, lose_events, lose_reports])
def test_with_a_topics_records_deleted_under_way_every_payment_ends_as_in_the_book_and_all_is_published(stack, lossy):
    with DemoMerchant.open(stack, running=run_command) as merchant:
        at_rest = settled(merchant)
        under_way, lost = lossy(stack, lambda: begin(merchant, *at_rest))
        comes_right(merchant, under_way)
        report(lossy.__name__, lost, len(under_way.payments))


@pytest.mark.timeout(600)
def test_with_a_configuration_deleted_under_way_its_payments_are_charged_and_its_webhooks_delivered(stack):
    with down(stack, "provider-stripe", "webhook-dispatcher"):
        merchant = DemoMerchant.open(stack, running=run_command)
        sent(stack, "gateway")
        lost = lose(stack, "merchants.config.v1", "provider-stripe.config")
        payment_ids = pay(merchant)
    with merchant:
        for payment_id in payment_ids:
            assert merchant.wait(payment_id, seconds=SECONDS)["status"] == "completed"
            merchant.events(payment_id, "payment.completed", seconds=SECONDS)
        report("configuration", lost, len(payment_ids))
