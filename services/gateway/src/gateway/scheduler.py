"""What runs without being asked: commands without an answer are sent again, and configurations once more.

Each loop may run in every replica at once, and runs until it is cancelled.
"""

import asyncio

from gateway.accounts import configuration
from gateway.payments import unanswered
from malipo import ids
from malipo.messaging.database import Database

_LOOK_SECONDS = 1.0
_GIVE_UP_SECONDS = 3600.0


async def send_again(database: Database, first_wait_seconds: float) -> None:
    """Find the commands that were lost; at most a hundred a second, as whoever is away must not be flooded."""
    while True:
        await unanswered.send_again(database, first_wait_seconds)
        await asyncio.sleep(_LOOK_SECONDS * ids.jitter(0.2))


async def give_up(database: Database) -> None:
    """Give up the commands that nobody will answer any more: once an hour, for it looks at all of them."""
    while True:
        if await unanswered.give_up(database) < unanswered.MOST_AT_ONCE:
            await asyncio.sleep(_GIVE_UP_SECONDS * ids.jitter(0.2))


async def echo(database: Database) -> None:
    """Send changed configurations once more, one at a time."""
    while True:
        if not await configuration.send_echo(database):
            await asyncio.sleep(_LOOK_SECONDS * ids.jitter(0.2))
