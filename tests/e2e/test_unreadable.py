"""A record that no consumer can read: payments beside it end, and once it is stepped over those behind it, too."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Generator

import httpx
import pytest
from aiokafka.partitioner import murmur2

from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo_local import Stack
from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until
from testkit.access import access
from testkit.poison import poison

SECONDS = 90
BEFORE, BEHIND = 30, 60


@pytest.fixture
def stack(tmp_path) -> Generator[Stack]:
    """A stack of its own: the record stays in its topic for ever. Two orchestrators share the partitions."""
    with Stack(home=tmp_path / "stack", replicas={"orchestrator": 2}, forked=True) as running:
        yield running


def partition_of(payment_id: str) -> int:
    return (murmur2(payment_id.encode()) & 0x7FFFFFFF) % PAYMENT_COMMANDS.partitions


def statuses(merchant: DemoMerchant, payment_ids: list[str]) -> Counter[str]:
    return Counter(merchant.payment(payment_id)["status"] for payment_id in payment_ids)


def health(stack: Stack) -> list[dict]:
    answers = [httpx.get(f"{url}/health/ready") for url in stack.admin_urls("orchestrator")]
    assert {answer.status_code for answer in answers} == {200}
    return sorted((answer.json() for answer in answers), key=lambda one: one["status"])


def pay_many(merchant: DemoMerchant, count: int) -> list[str]:
    return [merchant.pay(amount=2000 + number, prefer="respond-async")["id"] for number in range(count)]


@pytest.mark.timeout(400)
def test_of_ninety_payments_those_behind_an_unreadable_record_alone_wait_until_it_is_stepped_over(stack, merchant):
    stack.stop_service("orchestrator")
    before = pay_many(merchant, BEFORE)
    assert until(lambda: not in_outbox(stack), SECONDS)
    bad_partition = partition_of(before[0])
    offset = asyncio.run(poison(access(stack.kafka_settings()), PAYMENT_COMMANDS.name, bad_partition))
    behind = pay_many(merchant, BEHIND)
    assert until(lambda: not in_outbox(stack), SECONDS)
    stack.start_service("orchestrator")
    held = [payment_id for payment_id in behind if partition_of(payment_id) == bad_partition]
    free = [payment_id for payment_id in before + behind if payment_id not in held]
    assert held
    assert until(lambda: statuses(merchant, free) == {"completed": len(free)}, SECONDS), statuses(merchant, free)
    assert statuses(merchant, held)["completed"] == 0
    assert until(lambda: [one["status"] for one in health(stack)] == ["degraded", "ready"], SECONDS)
    problem = health(stack)[0]["problems"]["partitions"]
    assert f"{PAYMENT_COMMANDS.name} {bad_partition} at offset {offset}" in problem
    command = step_over("orchestrator.payments", bad_partition)
    refused = subprocess.run([*command, str(offset - 1)], env=stack.service_env("orchestrator"), check=False)
    assert refused.returncode == 1
    subprocess.run([*command, str(offset)], env=stack.service_env("orchestrator"), check=True)
    everything = before + behind
    assert until(lambda: statuses(merchant, everything) == {"completed": BEFORE + BEHIND}, SECONDS)
    assert until(lambda: [one["status"] for one in health(stack)] == ["ready", "ready"], SECONDS)
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []
    print(f"{len(free)} of {BEFORE + BEHIND} completed beside it, {len(held)} behind it once it was stepped over")  # noqa: T201 - the counts


def in_outbox(stack: Stack) -> int:
    """How many messages of the gateway are not in Kafka yet."""
    page = httpx.get(f"{stack.admin_url('gateway')}/metrics").text
    [line] = [line for line in page.splitlines() if line.startswith("malipo_outbox_rows ")]
    return int(float(line.split()[1]))


def step_over(group: str, partition: int) -> list[str]:
    return [sys.executable, "-m", "malipo.messaging.step_over", group, PAYMENT_COMMANDS.name, str(partition)]
