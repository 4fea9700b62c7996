"""What all routes work with, made once in `main` and carried by the application."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from gateway.edge.audit import Audit
from gateway.edge.authentication import Authenticator
from gateway.edge.rate_limit import LocalBuckets, RateLimiter
from gateway.edge.redis_presence import RedisPresence
from gateway.edge.waiting import Waiting
from gateway.settings import Settings
from malipo.messaging.database import Database
from malipo.platform.secrets import KeyRing


@dataclass(frozen=True)
class Dependencies:
    """What one gateway process is made of."""

    settings: Settings
    database: Database
    key_ring: KeyRing
    authenticator: Authenticator
    audit: Audit
    limiter: RateLimiter
    anonymous_limiter: LocalBuckets
    waiting: Waiting
    redis_presence: RedisPresence


def dependencies_of(request: Request) -> Dependencies:
    """Those of the application that has this request."""
    return request.app.state.dependencies


async def _dependencies(request: Request) -> Dependencies:
    return dependencies_of(request)


DependenciesOf = Annotated[Dependencies, Depends(_dependencies)]
"""A route's parameter of this type gets them."""
