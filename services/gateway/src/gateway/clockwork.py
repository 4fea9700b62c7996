"""What runs without being asked: commands without an answer are sent again, and configurations once more.

Each loop may run in every replica at once, and runs until it is cancelled.
"""

import asyncio

from gateway.accounts import configuration
from gateway.payments import unanswered
from malipo import ids
from malipo.messaging.unit import Units

_LOOK_SECONDS = 1.0
_GIVE_UP_SECONDS = 3600.0


async def send_again(units: Units, first_wait_seconds: float) -> None:
    """Find the commands that were lost; at most a hundred a second, as whoever is away must not be flooded."""
    while True:
        await unanswered.send_again(units, first_wait_seconds)
        await asyncio.sleep(_LOOK_SECONDS * ids.jitter(0.2))


async def give_up(units: Units) -> None:
    """Give up the commands that nobody will answer any more: once an hour, for it looks at all of them."""
    while True:
        if await unanswered.give_up(units) < unanswered.MOST_AT_ONCE:
            await asyncio.sleep(_GIVE_UP_SECONDS * ids.jitter(0.2))


async def echo(units: Units) -> None:
    """Send changed configurations once more, one at a time."""
    while True:
        if not await configuration.send_echo(units):
            await asyncio.sleep(_LOOK_SECONDS * ids.jitter(0.2))
