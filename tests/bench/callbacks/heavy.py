"""Heavy work beside the receiver: the example `erp-sink` as a process of its own, an ERP that is dead, and events to post."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.error import URLError
from urllib.request import urlopen

from aiokafka import AIOKafkaProducer

from bench.callbacks.senders import AMOUNT_MINOR, event_id, payment_id
from malipo import clock
from malipo.contracts.events import Cause, PaymentTransitioned, PaymentView, PublicEvent
from malipo.contracts.message import encode
from malipo.contracts.topics import PAYMENT_EVENTS
from malipo_local import Stack
from malipo_local.connection import connected
from malipo_local.ports import free_port
from malipo_local.waiting import until

_START_SECONDS, _CATCH_UP_SECONDS, _STOP_SECONDS = 60, 120, 20
_TICK_SECONDS = 0.02


class Feed:
    """Events of completed payments, `rate` a second, for as long as the block lasts; `sent` counts them."""

    def __init__(self, bootstrap: str, rate: float) -> None:
        self.sent = 0
        self._bootstrap = bootstrap
        self.rate = rate
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="feed")

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, once all that was sent is in Kafka."""
        self._ended.set()
        self._thread.join()

    async def _run(self) -> None:
        made: Any = AIOKafkaProducer(bootstrap_servers=self._bootstrap)
        async with made as producer:
            began = clock.monotonic()
            while not self._ended.is_set():
                due = int((clock.monotonic() - began) * self.rate)
                for number in range(self.sent, due):
                    headers = [("message-id", f"msg_{number:026d}".encode())]
                    await producer.send(
                        PAYMENT_EVENTS.name, completed(number), key=payment_id(number).encode(), headers=headers
                    )
                self.sent = due
                await asyncio.sleep(_TICK_SECONDS)


@dataclass(frozen=True)
class Sink:
    """The example at work."""

    pid: int
    database_url: str

    def documents(self) -> int:
        """How many documents it has made."""
        return asyncio.run(_count(self.database_url))

    def catch_up(self, feed: Feed) -> bool:
        """Wait until it is not more than a second behind the events; returns whether it was, in time."""
        return until(lambda: self.documents() >= feed.sent - feed.rate, _CATCH_UP_SECONDS, 0.5)


@contextmanager
def sink(stack: Stack) -> Generator[Sink]:
    """`erp-sink` on the stack's stores, posting to an ERP that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as dead:
        port, url = free_port(), stack.create_database("malipo_erp_sink")
        environment = os.environ | {
            "DATABASE_URL": url, "KAFKA_BOOTSTRAP": stack.kafka, "ENVIRONMENT": "local", "INSTANCE": "erp-sink-0",
            "ADMIN_HOST": "127.0.0.1", "ADMIN_PORT": str(port), "LOG_LEVEL": "WARNING",
            "ERP_URL": f"http://127.0.0.1:{dead.getsockname()[1]}",
        }  # fmt: skip
        command = [sys.executable, "-m", "erp_sink"]
        subprocess.run([*command, "migrate"], env=environment, check=True)
        with subprocess.Popen([*command, "serve"], env=environment, stdout=subprocess.DEVNULL) as process:
            try:
                if not until(lambda: _is_ready(port), _START_SECONDS):
                    msg = "erp-sink was not ready in time"
                    raise TimeoutError(msg)
                yield Sink(process.pid, url)
            finally:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_SECONDS)
                process.kill()


def _is_ready(port: int) -> bool:
    with suppress(URLError, OSError), urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2) as answer:
        return answer.status == 200
    return False


async def _count(url: str) -> int:
    async with connected(url) as connection:
        return await connection.fetchval("SELECT count(*) FROM documents")


def completed(number: int, merchant_id: str = "mer_receiver") -> bytes:
    """The event of a payment that was completed, by the payment's number."""
    now, payment = clock.now(), payment_id(number)
    view = PaymentView(
        id=payment, status="completed", amount=AMOUNT_MINOR, currency="USD", amount_captured=AMOUNT_MINOR,
        amount_refunded=0, capture="automatic", method="card", created_at=now, updated_at=now,
    )  # fmt: skip
    step = PaymentTransitioned(
        payment_id=payment, merchant_id=merchant_id, mode="live", step=1, from_state="processing",
        to_state="completed", payment=view, config_version=1, occurred_at=now,
        cause=Cause(trigger="succeeded", source="callback", message_id="msg_0"),
        public_event=PublicEvent(event_id(number), "payment.completed", 1),
    )  # fmt: skip
    return encode(step)
