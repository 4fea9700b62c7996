"""The load generator: sends payments by a Poisson clock, whatever the answers do.

A process of its own, so that its processor time is counted apart and a busy system cannot slow it down unseen: every
latency is measured from the moment at which the request was due, not from when it was sent.
"""

import asyncio
import random  # noqa: TID251 - no secret: the same arrivals in every run
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress

import aiohttp
import msgspec
import uvloop

from bench.load import Load, Shot, Target
from bench.methods import BODIES
from malipo import clock, ids


class _Created(msgspec.Struct):
    id: str


_CREATED = msgspec.json.Decoder(_Created)


def arrivals(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """The moments of a Poisson process, in seconds from its beginning."""
    chance = random.Random(seed)
    at = chance.expovariate(rate)
    while at < seconds:
        yield at
        at += chance.expovariate(rate)


async def fire(load: Load) -> list[Shot]:
    """Send everything when it is due, or until SIGTERM; returns when the last answer is there."""
    shots: list[Shot] = []
    enough = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, enough.set)
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=load.timeout_seconds)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session, asyncio.TaskGroup() as group:
        began, offset = clock.monotonic(), clock.now().timestamp() - clock.monotonic()
        report(began + offset)
        for number, after in enumerate(arrivals(load.rate, load.seconds, load.seed)):
            await asyncio.sleep(max(0.0, began + after - clock.monotonic()))
            if enough.is_set():
                break
            target = load.targets[number % len(load.targets)]
            method = load.methods[number // len(load.targets) % len(load.methods)]  # each merchant's by turns
            body = BODIES[method](number)
            group.create_task(_shoot(session, target, body, (began + after, offset), shots))
    return shots


async def _shoot(
    session: aiohttp.ClientSession, target: Target, body: bytes, when: tuple[float, float], shots: list[Shot]
) -> None:
    """`when` it is due by the monotonic clock, and what makes a Unix second of that."""
    sent = clock.monotonic()
    due, offset = min(when[0], sent), when[1]  # a timer may be half a millisecond early
    status, payment_id = 0, ""
    with suppress(aiohttp.ClientError, TimeoutError, msgspec.DecodeError):
        async with session.post(
            target.url, data=body, headers={**target.headers, "Idempotency-Key": ids.new("idk")}
        ) as answer:
            payment_id = _id(await answer.read())
            status = answer.status
    shots.append(Shot(due + offset, clock.monotonic() - due, sent - due, status, payment_id))


def _id(body: bytes) -> str:
    with suppress(msgspec.ValidationError):
        return _CREATED.decode(body).id
    return ""


def report(answer: object) -> None:
    """One line of JSON for the parent."""
    with open(sys.stdout.fileno(), "wb", closefd=False) as out:  # Python's own may be unbuffered, and cut it short
        out.write(msgspec.json.encode(answer) + b"\n")


def main() -> None:
    """Read a `Load` from standard input; print when it begins, and at the end every `Shot`."""
    load = msgspec.json.decode(sys.stdin.buffer.readline(), type=Load)
    report(asyncio.run(fire(load), loop_factory=uvloop.new_event_loop))


if __name__ == "__main__":
    main()
