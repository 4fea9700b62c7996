"""Puts events into Kafka by a Poisson clock, as the orchestrator would, whatever the dispatcher does.

A process of its own, as the generator of payments is, and for the same reason.
"""

import asyncio
import sys
from typing import Any

import msgspec
import uvloop
from aiokafka import AIOKafkaProducer

from bench.callbacks.heavy import completed
from bench.callbacks.senders import payment_id
from bench.generator import arrivals, report
from bench.webhooks.feed import Fed, Order
from malipo import clock
from malipo.contracts.topics import PAYMENT_EVENTS


async def feed(order: Order) -> list[Fed]:
    """Send everything when it is due; returns once Kafka has all of it."""
    fed: list[Fed] = []
    made: Any = AIOKafkaProducer(bootstrap_servers=order.bootstrap)
    async with made as producer:
        began, offset = clock.monotonic(), clock.now().timestamp() - clock.monotonic()
        report(began + offset)
        for place, after in enumerate(arrivals(order.rate, order.seconds, order.seed)):
            await asyncio.sleep(max(0.0, began + after - clock.monotonic()))
            number, merchant = order.first + place, order.merchants[place % len(order.merchants)]
            sent = clock.monotonic()
            due = min(began + after, sent)  # a timer may be half a millisecond early
            headers = [("message-id", f"msg_{number:026d}".encode())]
            key = payment_id(number).encode()
            await producer.send(PAYMENT_EVENTS.name, completed(number, merchant), key=key, headers=headers)
            fed.append(Fed(number, merchant, due + offset, sent - due))
    return fed


def main() -> None:
    """Read an `Order` from standard input; print when it begins, and at the end what was `Fed`."""
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    report(asyncio.run(feed(order), loop_factory=uvloop.new_event_loop))


if __name__ == "__main__":
    main()
