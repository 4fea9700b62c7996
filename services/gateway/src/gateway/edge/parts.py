"""What all routes work with, made once in `main` and carried by the application."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from gateway.edge.audit import Audit
from gateway.edge.authentication import Keys
from gateway.edge.rate_limit import LocalBuckets, RateLimiter
from gateway.edge.waiting import Waiting
from gateway.settings import Settings
from malipo.messaging.unit import Units
from malipo.platform.secrets import KeyRing


@dataclass(frozen=True)
class Parts:
    """The parts of one gateway process."""

    settings: Settings
    units: Units
    ring: KeyRing
    keys: Keys
    audit: Audit
    limiter: RateLimiter
    strangers: LocalBuckets
    waiting: Waiting


async def _parts(request: Request) -> Parts:
    return request.app.state.parts


PartsOf = Annotated[Parts, Depends(_parts)]
"""A route's parameter of this type gets the parts."""
