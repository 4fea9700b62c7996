"""The databases are lost and restored as docs/operations/backup.md says: to the last commit, and to an earlier moment."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from databases import execute, sql

from malipo import clock
from malipo_local import Stack
from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant, Json
from malipo_local.services import Kind, names
from malipo_local.waiting import until
from operations import pages
from operations.acts import SETTINGS
from testkit.access import access
from testkit.deleting import delete_records

PAGE = "backup.md"
SECONDS = 240
SERVICES = ("gateway", "orchestrator", "provider-stripe", "provider-mpesa", "webhook-dispatcher")
PATIENCE = 90
"""Seconds that the customer has who is asked: the lost minutes alone take longer, as a charge is given up after one."""
ASKS = "pm_card_authenticationRequired"
CREATES = {"method": "POST", "path": "/v1/payment_intents"}
LOST_BY_KAFKA = ("payments.commands.v1", "providers.stripe.commands.v1", "providers.outcomes.v1")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """Two providers: one that knows keys, and one that does not."""
    home, running = tmp_path_factory.mktemp("restore"), {*SERVICES, *names(Kind.SIMULATOR)}
    with Stack(home=home, only=running, settings=SETTINGS, keep=False, forked=True) as started:
        yield started


@contextlib.contextmanager
def backed_up(stack: Stack) -> Generator[None]:
    """Follow the page until a commit waits for the backup; afterwards none does."""
    shutil.rmtree(stack.home.folder / "backup", ignore_errors=True)
    pages.run(stack, PAGE, "Back up so that nothing is lost")
    try:
        yield
    finally:
        execute(stack, "gateway", "ALTER SYSTEM RESET synchronous_standby_names")
        execute(stack, "gateway", "SELECT pg_reload_conf()")
        for process in psutil.process_iter(["cmdline"]):
            if any(one.startswith(str(stack.home.folder / "backup")) for one in process.info["cmdline"] or ()):
                process.kill()


def lose(stack: Stack) -> None:
    """The server and its disk are gone in this moment."""
    pid = stack.pid("postgres")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    stack.stop_service("postgres")
    shutil.rmtree(stack.home.folder / "postgres")


def ready(stack: Stack) -> None:
    for service in SERVICES:
        stack.wait_ready(service, SECONDS)


def a_moment(stack: Stack) -> datetime:
    """One in whole seconds, after all that was written and before all that will be."""
    moment = int(now(stack)) + 1
    assert until(lambda: now(stack) > moment + 1, SECONDS)
    return datetime.fromtimestamp(moment, UTC)


def now(stack: Stack) -> float:
    return sql(stack, "gateway", "SELECT extract(epoch FROM now())::float8")


def no_gap(merchant: DemoMerchant, payment_id: str) -> bool:
    sequences = {one["sequence"] for one in merchant.received(payment_id) if one["verified"]}
    return bool(sequences) and sequences == set(range(1, max(sequences) + 1))


def report(what: str, **figures: object) -> None:
    print(f"{what}: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items()))  # noqa: T201 - for -s


@pytest.mark.timeout(600)
def test_with_the_wal_there_to_the_last_commit_nothing_is_lost_and_nobody_has_to_do_anything(stack, merchant):
    with backed_up(stack):
        accepted = [merchant.pay(amount=1000 + number, prefer="respond-async")["id"] for number in range(30)]
        lose(stack)
        began = time.monotonic()
        pages.run(stack, PAGE, "Restore to the last commit")
        ready(stack)
        took = time.monotonic() - began
    again = merchant.pay(amount=999)["id"]
    for payment_id in [*accepted, again]:
        assert merchant.wait(payment_id, seconds=SECONDS)["status"] == "completed"
        merchant.events(payment_id, "payment.completed", seconds=SECONDS)
        assert no_gap(merchant, payment_id)
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []
    report("to the last commit", accepted=len(accepted), lost=0, back_after=f"{took:.0f} s")


class Window:
    """What a merchant has done between the moment that is restored and the loss. `asked` waited for its customer at that moment."""

    def __init__(self, merchant: DemoMerchant, older: str, asked: str) -> None:
        self.merchant = merchant
        merchant.authenticate(asked, "approve")
        merchant.wait(asked, "authorized", seconds=SECONDS)
        self.unsent = self._ended_unsent()
        self.charged = [merchant.pay(amount=2000 + number, key=f"charge {number}")["id"] for number in range(12)]
        self.held = [merchant.pay(amount=3000 + number, capture="manual")["id"] for number in range(3)]
        self.prompted = [merchant.prompt()["id"] for _ in range(3)]
        for payment_id in self.prompted:
            merchant.wait(payment_id, "requires_action", seconds=SECONDS)
            merchant.paybill.answer(payment_id, "pay")
        for payment_id in (*self.charged, *self.prompted):
            merchant.wait(payment_id, "completed", seconds=SECONDS)
            merchant.reported(payment_id, seconds=SECONDS)
        for payment_id in self.held:
            merchant.wait(payment_id, "authorized", seconds=SECONDS)
        for payment_id in self.held[:2]:
            merchant.post(f"/v1/payments/{payment_id}/capture").raise_for_status()
            merchant.wait(payment_id, "completed", seconds=SECONDS)
        for payment_id in (older, self.charged[0]):
            refund: Json = (
                merchant.post(f"/v1/payments/{payment_id}/refunds", {"amount": 250}).raise_for_status().json()
            )
            merchant.wait_refund(refund["id"], seconds=SECONDS)
        self.under_way = [merchant.pay(amount=4000 + number, prefer="respond-async")["id"] for number in range(5)]

    def _ended_unsent(self) -> dict[str, str]:
        """Payments whose merchant was told that nothing was sent, and how they have ended: stopped in time, and given up."""
        for amount in (5001, 5002):
            self.merchant.stripe_fault("rate_limited", match=CREATES | {"amount": amount})
        stopped, given_up = (self.merchant.pay(amount=one, prefer="respond-async")["id"] for one in (5001, 5002))
        self.merchant.post(f"/v1/payments/{stopped}/cancel", Prefer="respond-async").raise_for_status()
        ends = {stopped: "canceled", given_up: "failed"}
        for payment_id, status in ends.items():
            self.merchant.events(payment_id, f"payment.{status}", seconds=SECONDS)
        self.merchant.stripe.delete("/_sim/faults").raise_for_status()
        return ends

    @property
    def payments(self) -> list[str]:
        return [*self.charged, *self.held, *self.prompted, *self.under_way, *self.unsent]

    def effects(self) -> list[Json]:
        return self.merchant.stripe_book()["effects"]


def ask_customer(merchant: DemoMerchant) -> str:
    """A hold that waits for its customer, and whose time is over before everything is restored."""
    expires_at = clock.now() + timedelta(seconds=PATIENCE)
    fields = {"capture": "manual", "return_url": "https://shop.test/back", "expires_at": expires_at.isoformat()}
    payment_id: str = merchant.pay(ASKS, **fields)["id"]
    merchant.wait(payment_id, "requires_action", seconds=SECONDS)
    return payment_id


def lost_too(stack: Stack, window: Window, older: str) -> None:
    """Kafka has lost a partition: commands, operations and outcomes of some payments by card."""
    asyncio.run(
        _lose_partition(stack, window.charged[1:], {older, window.charged[0], *window.prompted, *window.unsent})
    )


async def _lose_partition(stack: Stack, among: Sequence[str], kept: set[str]) -> None:
    kafka = access(stack.kafka_settings())
    consumer: Any = AIOKafkaConsumer(*LOST_BY_KAFKA, **kafka.options, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partition_of: dict[str, int] = {}
        while not partition_of.keys() >= {*among, *kept}:
            for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
                partition_of |= {one.key.decode(): partition.partition for one in records}
        number = next(partition_of[one] for one in among if partition_of[one] not in {partition_of[k] for k in kept})
        places = [TopicPartition(topic, number) for topic in LOST_BY_KAFKA]
        await delete_records(kafka, await consumer.end_offsets(places))
    finally:
        await consumer.stop()


def unknown(merchant: DemoMerchant, payments: Sequence[str]) -> set[str]:
    return {one for one in payments if merchant.api.get(f"/v1/payments/{one}").status_code == 404}


def agree(merchant: DemoMerchant, but: set[str]) -> bool:
    return {line.partition(":")[0] for line in books.differences(merchant)} <= but


@pytest.mark.whole
@pytest.mark.timeout(1500)
def test_restored_to_an_earlier_moment_no_money_moves_twice_and_every_payment_agrees_with_its_providers_book(
    stack, merchant
):
    merchant.connect_mpesa()
    older = merchant.pay(amount=1500)["id"]
    merchant.reported(older)
    with backed_up(stack):
        asked = ask_customer(merchant)
        moment = a_moment(stack)
        window = Window(merchant, older, asked)
        lost_too(stack, window, older)
        lose(stack)
        began = time.monotonic()
        printed = pages.run(stack, PAGE, "Restore to an earlier moment", MOMENT=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
        ready(stack)
        took = time.monotonic() - began
    forgotten = unknown(merchant, window.payments)
    assert forgotten
    assert until(lambda: agree(merchant, forgotten), SECONDS), books.differences(merchant)
    settled = time.monotonic() - began
    assert books.double_charges(merchant) == []
    assert [len(merchant.paybill.prompts(one)) for one in window.prompted] == [1, 1, 1], "a phone was prompted twice"
    assert all_listed(stack, forgotten)
    assert not {one["metadata"]["malipo_payment_id"] for one in window.effects()} & set(window.unsent), (
        "charged after all"
    )
    for payment_id in window.unsent:
        assert merchant.wait(payment_id, "canceled", "failed", seconds=SECONDS)
    assert merchant.payment(asked)["status"] == "authorized", "a hold of the lost minutes was released"
    known = set(window.payments) - forgotten - set(window.unsent)
    for payment_id in known:
        state = "authorized" if payment_id == window.held[2] else "completed"
        assert merchant.wait(payment_id, state, seconds=SECONDS)
        assert until(lambda one=payment_id: no_gap(merchant, one), SECONDS), merchant.received(payment_id)
    again = merchant.pay(amount=2000, key="charge 0")
    assert again["id"] == window.charged[0], "a repeat was a second payment"
    assert refunded(merchant, older) == 250
    assert {one for one in known if refunded(merchant, one)} == {window.charged[0]}
    assert "messages sent again" in printed
    report(
        "to an earlier moment",
        forgotten_by_the_databases=len(window.payments),
        of_these_lost_by_Kafka_too=f"{len(forgotten)}, all listed as unmatched",
        charged_twice=0,
        services_ready_after=f"{took:.0f} s",
        books_equal_after=f"{settled:.0f} s",
    )


def refunded(merchant: DemoMerchant, payment_id: str) -> int:
    return merchant.payment(payment_id)["amount_refunded"]


def all_listed(stack: Stack, forgotten: set[str]) -> bool:
    """Whether the page's command lists each payment of which the provider's book alone knows."""

    def listed() -> bool:
        command = ["make", "-s", "unmatched", "ARGS=--provider stripe --limit 1000"]
        environment = os.environ | {"MALIPO_HOME": str(stack.home.folder)}
        done = subprocess.run(command, cwd=pages.ROOT, env=environment, capture_output=True, text=True, check=True)
        operations = [json.loads(line)["reference_ids"].get("operation", "") for line in done.stdout.splitlines()]
        return forgotten <= {one.partition(".")[0] for one in operations}

    return bool(until(listed, SECONDS, 2))
