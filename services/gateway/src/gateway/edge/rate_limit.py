"""Rate limits: one token bucket a merchant and mode in Redis; with Redis away, one in each process instead."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.edge.redis_presence import RedisPresence
from malipo import clock

_SCRIPT = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1]) or burst, tonumber(kept[2]) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
local allowed = 0
if tokens >= 1 then
    allowed = 1
    tokens = tokens - 1
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return {allowed, string.format('%.6f', tokens)}
"""

_AWAY_SECONDS = 1.0
_ALONE = "each replica limits rates by itself"
_NOBODY = "nobody"
"""Whose tokens are taken to try Redis by all that a request needs of it, its rights included."""
_LOCAL_BUCKETS = 10_000

FALLBACKS = Counter("malipo_rate_limit_fallbacks", "Requests limited by this process alone, for want of Redis.")
UNRECORDED = Counter("malipo_unrecorded_refusals", "Refused requests that came too fast to be recorded one by one.")


@dataclass(frozen=True)
class Limit:
    """The size of a bucket: `per_second` tokens flow in, at most `burst` stay."""

    per_second: int
    burst: int


@dataclass(frozen=True)
class RateLimitDecision:
    """Whether a request may go on, and the bucket after it."""

    allowed: bool
    tokens: float
    limit: Limit

    @property
    def retry_after_seconds(self) -> int:
        """Whole seconds until there is a token again, at least 1."""
        return max(1, math.ceil((1 - self.tokens) / self.limit.per_second))

    def headers(self) -> dict[str, str]:
        """`RateLimit-*`: the burst, what is left of it, and the seconds until it is whole again."""
        return {
            "RateLimit-Limit": str(self.limit.burst),
            "RateLimit-Remaining": str(int(self.tokens)),
            "RateLimit-Reset": str(math.ceil((self.limit.burst - self.tokens) / self.limit.per_second)),
        }


class Bucket:
    """The same token bucket as the script's, in this process."""

    def __init__(self, limit: Limit, now: float) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._at = now

    def consume(self, now: float) -> RateLimitDecision:
        """Take one token at `now`, in monotonic seconds."""
        grown = self._tokens + max(0.0, now - self._at) * self._limit.per_second
        tokens = min(float(self._limit.burst), grown)
        allowed = tokens >= 1
        self._tokens, self._at = tokens - allowed, now
        return RateLimitDecision(allowed, self._tokens, self._limit)


class LocalBuckets:
    """Buckets of this process alone, at most ten thousand: the one that was left alone for longest goes first."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def consume(self, key: str) -> RateLimitDecision:
        """Take one token of `key`'s bucket."""
        now = clock.monotonic()
        bucket = self._buckets.setdefault(key, Bucket(self._limit, now))
        self._buckets.move_to_end(key)
        if len(self._buckets) > _LOCAL_BUCKETS:
            self._buckets.popitem(last=False)
        return bucket.consume(now)

    def __len__(self) -> int:
        return len(self._buckets)


class RateLimiter:
    """Takes tokens in Redis. With Redis away it fails open, one whole bucket a process, until `recover` finds Redis again."""

    def __init__(self, redis: Redis, limit: Limit, presence: RedisPresence) -> None:
        self._script = redis.register_script(_SCRIPT)
        self._limit = limit
        self._away = asyncio.Event()
        self._local = LocalBuckets(limit)
        self._presence = presence

    async def consume(self, key: str) -> RateLimitDecision:
        """Take one token of `key`'s bucket."""
        if not self._away.is_set():
            try:
                return await self._consume_in_redis(key)
            except (RedisError, OSError) as error:
                self._lose(error)
        FALLBACKS.inc()
        return self._local.consume(key)

    async def recover(self) -> None:
        """While Redis is away, try it once a second, until cancelled: no request waits for that, and there may be none."""
        while True:
            await self._away.wait()
            await asyncio.sleep(_AWAY_SECONDS)
            try:
                await self._consume_in_redis(_NOBODY)
            except (RedisError, OSError) as error:
                self._lose(error)
            else:
                self._away.clear()
                self._presence.found(_ALONE)

    def _lose(self, error: Exception) -> None:
        self._away.set()
        self._presence.lost(_ALONE, error)

    async def _consume_in_redis(self, key: str) -> RateLimitDecision:
        result = await self._script(keys=[f"ratelimit:{key}"], args=[self._limit.per_second, self._limit.burst])
        allowed, tokens = cast("Sequence[bytes | int]", result)
        return RateLimitDecision(bool(int(allowed)), float(tokens), self._limit)
