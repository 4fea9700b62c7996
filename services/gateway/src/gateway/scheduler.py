"""What runs by the clock: commands without an answer are sent again, configurations once more; what is personal is erased."""

from functools import partial

from gateway.accounts import configuration
from gateway.events.store import forget
from gateway.payments import personal, unanswered
from gateway.settings import Settings
from malipo.messaging.database import Database
from malipo.messaging.runtime import Runtime

_LOOK_SECONDS = 1.0
_GIVE_UP_SECONDS = 3600.0  # it looks at all of them
_FORGET_SECONDS = 3600.0


def schedule(runtime: Runtime, settings: Settings) -> None:
    """Have each sweep run for as long as the service does."""
    runtime.sweep("unanswered commands", _LOOK_SECONDS, partial(_send_again, settings.resend_seconds))
    runtime.sweep("hopeless commands", _GIVE_UP_SECONDS, _give_up)
    runtime.sweep("configurations", _LOOK_SECONDS, configuration.send_echo)
    runtime.sweep("erasures", _LOOK_SECONDS, personal.erase_ended)
    runtime.sweep("erasures to confirm", _LOOK_SECONDS, personal.announce_again)
    if settings.events_days is not None:
        runtime.sweep("old events", _FORGET_SECONDS, partial(forget, days=settings.events_days))


async def _send_again(first_wait_seconds: float, database: Database) -> None:
    """At most a hundred a second: an orchestrator that comes back must not be flooded."""
    await unanswered.send_again(database, first_wait_seconds)


async def _give_up(database: Database) -> bool:
    return await unanswered.give_up(database) == unanswered.MOST_AT_ONCE
