"""Pauses that Daraja asks for, and turns of queries that can wait: kept for all replicas, as the limits of an app are one."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Protocol

from prometheus_client import Counter

from malipo.messaging.database import Database
from malipo.platform.recent import Recent
from provider_kit.errors import NotReady
from provider_kit.readiness import AWAY, database_of
from provider_kit.tokens import named
from provider_mpesa.answers import Pause

SECONDS: Mapping[Pause, float] = {"spike_arrest": 2, "quota": 60}
"""How long to pause. Daraja names no time: a spike is of requests within a second, a quota of those within a minute or more."""

_KEPT_SECONDS = 0.5
_MOST_KEPT = 10_000
_LEFT = "SELECT extract(epoch FROM paused_until - now())::float8 FROM pauses WHERE app = $1 AND paused_until > now()"
_PAUSE = """
INSERT INTO pauses AS known (app, paused_until) VALUES ($1, now() + make_interval(secs => $2))
ON CONFLICT (app) DO UPDATE SET paused_until = greatest(known.paused_until, excluded.paused_until)
"""
# However many wait for their turn, or whatever clock was ahead, nobody waits for longer than a look may take.
_TURN = """
INSERT INTO pauses AS known (app, paused_until, next_turn_at) VALUES ($1, now(), now() + make_interval(secs => $2))
ON CONFLICT (app) DO UPDATE SET next_turn_at =
    least(greatest(known.next_turn_at, now()), now() + interval '10 minutes') + make_interval(secs => $2)
RETURNING extract(epoch FROM next_turn_at - now())::float8 - $2 AS wait
"""
PAUSES = Counter(
    "malipo_provider_pauses",
    "How often a provider has turned an app's request away as one too many, for a `spike_arrest` or a `quota`: nothing is sent"
    " for the app for a while.",
    ("provider", "reason"),
)


class PauseKeeper(Protocol):
    """What a client keeps pauses in: `Pauses`, or a stand-in without a database."""

    async def require_none(self, app: str) -> None:
        """See `Pauses.require_none`."""
        ...

    async def begin(self, app: str, reason: Pause) -> float:
        """See `Pauses.begin`."""
        ...

    async def turn(self, app: str, seconds: float) -> float:
        """See `Pauses.turn`."""
        ...


class Pauses:
    """The pauses of one provider's apps, or of one kind of their requests. `app` is what names these, perhaps a secret: its SHA-256 is kept."""

    def __init__(self, provider: str, database: Database) -> None:
        self._provider = provider
        self._database = database
        self._recent = Recent[str, float](seconds=_KEPT_SECONDS, most=_MOST_KEPT)
        for reason in SECONDS:
            PAUSES.labels(provider, reason)

    async def require_none(self, app: str) -> None:
        """Raise `NotReady` while the app pauses, or nobody knows whether it does. It may be half a second late."""
        name = named(app)
        left = await self._recent.find(name, partial(self._left, name), suits=lambda _: True)
        if left > 0:
            raise NotReady("the provider takes no more requests for now", retry_after_seconds=left)

    async def begin(self, app: str, reason: Pause) -> float:
        """Begin a pause, or prolong it; returns its seconds. Without the database each replica learns of it by itself."""
        PAUSES.labels(self._provider, reason).inc()
        self._recent.forget()
        with suppress(*AWAY):
            await self._database.write(_PAUSE, named(app), SECONDS[reason])
        return SECONDS[reason]

    async def turn(self, app: str, seconds: float) -> float:
        """In how many seconds it is one's turn, if all who wait for the app's turns are so far apart. Raises `NotReady`."""
        with database_of("pauses"):
            (row,) = await self._database.write(_TURN, named(app), seconds)
        return max(0.0, row["wait"])

    async def _left(self, name: str) -> float:
        with database_of("pauses"):
            return await self._database.reads.fetchval(_LEFT, name) or 0.0
