"""The bare path as a system under test: four processes beside a stack, on its Kafka and its simulators."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

import httpx
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.bare.provider_stripe import KEY
from bench.bare.wire import PREFIX
from bench.kafka import messages
from bench.load import TESTS, Target
from bench.outside import Outside
from bench.subject import Counts, Endings
from bench.watch import Watch
from malipo.contracts.providers.stripe import EVENT_TYPES
from malipo.contracts.topics import TOPICS
from malipo_local import Stack
from malipo_local.ports import Ports
from malipo_local.waiting import until

SERVICES = ("gateway", "orchestrator", "provider-stripe", "webhook-dispatcher")
_TOPICS = {PREFIX + topic.name: topic.partitions for topic in TOPICS}
_START_SECONDS, _STOP_SECONDS = 90, 10
_SECRET = "whsec_YmFyZS1wYXRoLXdlYmhvb2tz"


class BarePath:
    """The bare path. Use `bare_path`."""

    def __init__(
        self, stack: Stack, ports: Mapping[str, int], processes: Mapping[str, subprocess.Popen[bytes]]
    ) -> None:
        self._stack = stack
        self._processes = processes
        self._notified = f"http://127.0.0.1:{ports['webhook-dispatcher']}/notified"
        headers = {"Content-Type": "application/json"}
        self.targets = [Target(f"http://127.0.0.1:{ports['gateway']}/v1/payments", headers)]
        self._outside = Outside(stack)

    def close(self) -> None:
        """Close the connections."""
        self._outside.close()

    @property
    def roots(self) -> dict[str, list[int]]:
        """Its own four processes, and those of the stack that it uses."""
        others = {unit.service: [unit.pid] for unit in self._stack.status() if unit.pid is not None}
        shared = {name: others[name] for name in ("kafka", "stripe-sim", "merchant-sim")}
        return {name: [process.pid] for name, process in self._processes.items()} | shared

    def watched(self) -> AbstractContextManager[Watch]:
        """It holds nothing that is limited."""
        return nullcontext(Watch({}))

    def received(self) -> int:
        """Webhook requests that the merchants' receivers have received so far."""
        return self._outside.webhooks()

    def settled(self, first_payment: str, payments: int) -> bool:
        """Whether merchants were notified of all, and no callback is on its way any more."""
        delivered = self.endings(first_payment).delivered
        return len(delivered) >= payments and not self._outside.callbacks_pending()

    def endings(self, first_payment: str) -> Endings:
        """When the merchant was notified of each payment, as its dispatcher remembers; it keeps no other book."""
        remembered: list[tuple[str, float]] = httpx.get(self._notified, timeout=60).raise_for_status().json()
        delivered = [(payment_id, at) for payment_id, at in remembered if payment_id >= first_payment]
        return Endings(delivered=dict(delivered), webhooks=len(delivered))

    def counts(self) -> Counts:
        """Messages alone, and ends: its own processes are not started again."""
        ends = {unit.name: unit.restarts for unit in self._stack.status()}
        ends |= {name: int(process.poll() is not None) for name, process in self._processes.items()}
        return Counts(messages=asyncio.run(messages(self._stack.kafka, _TOPICS)), ends=ends)


@contextmanager
def bare_path(stack: Stack, logs: Path) -> Generator[BarePath]:
    """The four services beside a stack; they end with the block."""
    asyncio.run(_create_topics(stack.kafka))
    chosen = Ports(logs / "bare-ports.json")
    ports = {name: chosen.of(name) for name in SERVICES}
    environment = os.environ | {
        "KAFKA_BOOTSTRAP": stack.kafka,
        "STRIPE_API_BASE": stack.url("stripe-sim"),
        "STRIPE_WEBHOOK_SECRET": _ask_for_callbacks(stack, f"http://127.0.0.1:{ports['provider-stripe']}/callbacks"),
        "WEBHOOK_URL": f"{stack.url('merchant-sim')}/hooks/bare",
        "WEBHOOK_SECRET": _SECRET,
    }
    receiver = f"{stack.url('merchant-sim')}/_sim/receivers/bare"
    httpx.put(receiver, json={"secret": _SECRET}).raise_for_status()
    with ExitStack() as ends:
        processes = {
            name: ends.enter_context(_process(name, environment | {"HTTP_PORT": str(port)}, logs / f"bare-{name}.log"))
            for name, port in ports.items()
        }
        _wait_until_up(ports, processes, logs)
        path = BarePath(stack, ports, processes)
        ends.callback(path.close)
        yield path


@contextmanager
def _process(name: str, environment: Mapping[str, str], log: Path) -> Generator[subprocess.Popen[bytes]]:
    with log.open("ab") as out:
        command = [sys.executable, "-m", "bench.bare", name]
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, cwd=TESTS)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ask_for_callbacks(stack: Stack, url: str) -> str:
    """Have Stripe call the bare provider; returns the secret that it signs with."""
    form = {"url": url, "enabled_events[]": list(EVENT_TYPES)}
    answer = httpx.post(f"{stack.url('stripe-sim')}/v1/webhook_endpoints", data=form, auth=(KEY, ""))
    return str(answer.raise_for_status().json()["secret"])


def _wait_until_up(ports: Mapping[str, int], processes: Mapping[str, subprocess.Popen[bytes]], logs: Path) -> None:
    """Wait for all of them. Raises RuntimeError, with the end of its log, of those that have ended or are not up in time."""
    waiting = dict(ports)

    def is_over() -> bool:
        for name in [name for name, port in waiting.items() if _is_up(port)]:
            del waiting[name]
        return not waiting or any(processes[name].poll() is not None for name in waiting)

    until(is_over, _START_SECONDS)
    if waiting:
        ends = {name: (logs / f"bare-{name}.log").read_text("utf-8", "replace")[-1000:] for name in waiting}
        what = (f"{name} (exit status {processes[name].poll()}): {end}" for name, end in ends.items())
        message = "\n".join(["Of the bare path are not up:", *what])
        raise RuntimeError(message)


def _is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/live").is_success
    except httpx.TransportError:
        return False


async def _create_topics(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1) for name, partitions in _TOPICS.items()])
    finally:
        await admin.close()
