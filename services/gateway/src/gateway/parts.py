"""What the routes work with, made once in `main` and carried by the application."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from gateway.acceptance import Acceptance
from gateway.audit import Audit
from gateway.auth import Keys
from gateway.ratelimit import LocalBuckets, RateLimiter
from gateway.settings import Settings
from gateway.waiting import Waiting
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
    acceptance: Acceptance
    limiter: RateLimiter
    strangers: LocalBuckets
    waiting: Waiting


async def _parts(request: Request) -> Parts:
    return request.app.state.parts


PartsOf = Annotated[Parts, Depends(_parts)]
"""A route's parameter of this type gets the parts."""
