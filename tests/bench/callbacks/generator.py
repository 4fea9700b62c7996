"""Sends a provider's callbacks by a Poisson clock, whatever the answers do, and again those that are not taken.

A process of its own, as the generator of payments is, and for the same reason.
"""

import asyncio
import sys
from contextlib import suppress

import msgspec
import uvloop

from bench.callbacks.campaign import Campaign, Sent
from bench.callbacks.posts import Posts
from bench.callbacks.senders import SENDERS, Sender
from bench.generator import arrivals, report
from malipo import clock

_LONGEST_WAIT_SECONDS = 30.0
_CONNECTIONS = 40
"""A provider sends from a few addresses, over connections that it keeps; more than the service lets one address have get 503."""


class _Result(msgspec.Struct):
    result: str = ""


_RESULT = msgspec.json.Decoder(_Result)


async def send(campaign: Campaign) -> list[Sent]:
    """Send everything when it is due; returns when the last one is taken, or given up."""
    sent: list[Sent] = []
    posts = Posts(campaign.url, _CONNECTIONS, campaign.timeout_seconds)
    async with asyncio.TaskGroup() as group:
        began, offset = clock.monotonic(), clock.now().timestamp() - clock.monotonic()
        report(began + offset)
        for place, after in enumerate(arrivals(campaign.rate, campaign.seconds, campaign.seed)):
            await asyncio.sleep(max(0.0, began + after - clock.monotonic()))
            delivery = _Delivery(posts, campaign, campaign.first + place, began + after)
            group.create_task(delivery.run(offset, sent))
    posts.close()
    return sent


class _Delivery:
    """One callback on its way."""

    def __init__(self, posts: Posts, campaign: Campaign, number: int, due: float) -> None:
        self._posts = posts
        self._campaign = campaign
        self._sender: Sender = SENDERS[campaign.provider]
        self._number = number
        self._due = due

    async def run(self, offset: float, sent: list[Sent]) -> None:
        """Send it until it is taken; what became of it is put into `sent`."""
        began = clock.monotonic()
        due = min(self._due, began)  # a timer may be half a millisecond early
        status, result = await self._post()
        answered, refused = clock.monotonic() - due, list[int]()
        while not 200 <= status < 300:
            refused.append(status)
            if len(refused) >= self._campaign.most_tries:
                break
            wait = self._campaign.again_seconds * 2 ** (len(refused) - 1)
            await asyncio.sleep(min(wait, _LONGEST_WAIT_SECONDS))
            status, result = await self._post()
        taken = clock.monotonic() - due if 200 <= status < 300 else None
        repeated = result == "duplicate"
        sent.append(Sent(self._number, due + offset, began - due, answered, taken, tuple(refused), repeated))

    async def _post(self) -> tuple[int, str]:
        """Status and result of one try, signed for now; 0 if no answer comes."""
        callback = self._sender.sign(self._number, int(clock.now().timestamp()))
        with suppress(OSError):
            status, body = await self._posts.post(callback.body, callback.headers)
            return status, _result(body)
        return 0, ""


def _result(body: bytes) -> str:
    with suppress(msgspec.MsgspecError):
        return _RESULT.decode(body).result
    return ""


def main() -> None:
    """Read a `Campaign` from standard input; print when it begins, and at the end what was `Sent`."""
    campaign = msgspec.json.decode(sys.stdin.buffer.readline(), type=Campaign)
    report(asyncio.run(send(campaign), loop_factory=uvloop.new_event_loop))


if __name__ == "__main__":
    main()
