"""Idempotency keys: one request has one effect, however often and on however many replicas it is sent."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from prometheus_client import Counter
from pydantic import BaseModel

from gateway.problems import Problem
from malipo.contracts.commands import Mode
from malipo.messaging.unit import Unit, Units

_PURGE_ROWS = 5000

# The lock ends with the transaction, so a process that dies leaves no key stuck.
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"
_FIND = """
SELECT route, fingerprint, resource_id FROM idempotency_keys WHERE merchant_id = $1 AND mode = $2 AND key = $3
"""
_REMEMBER = """
INSERT INTO idempotency_keys (merchant_id, mode, key, route, fingerprint, resource_id) VALUES ($1, $2, $3, $4, $5, $6)
"""
_PURGE = """
DELETE FROM idempotency_keys WHERE (merchant_id, mode, key) IN (
    SELECT merchant_id, mode, key FROM idempotency_keys
    WHERE created_at < now() - make_interval(days => $1) LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""

REPLAYS = Counter("malipo_idempotent_replays", "Requests that were answered from an earlier one with the same key.")


@dataclass(frozen=True)
class Sending:
    """One sending of a request. Without a `key` each sending is a request of its own."""

    merchant_id: str
    mode: Mode
    route: str
    key: str | None


@dataclass(frozen=True)
class Done:
    """The resource that the request made or changed, and whether an earlier sending did it."""

    resource_id: str
    replayed: bool


async def once(units: Units, sending: Sending, body: BaseModel | None, act: Callable[[Unit], Awaitable[str]]) -> Done:
    """Run `act` in one transaction with the key's row, unless an earlier sending already did; answers its resource's id.

    What `act` raises undoes everything, the key included. Raises `Problem`: `idempotency_key_in_flight` while the
    first sending is inside its transaction, `idempotency_key_reused` when it was another request.
    """
    fingerprint = _fingerprint(sending.route, body)
    async with units.begin() as unit:
        known = await _find(unit, sending, fingerprint)
        if known is not None:
            REPLAYS.inc()
            return Done(known, replayed=True)
        resource_id = await act(unit)
        await _remember(unit, sending, fingerprint, resource_id)
    return Done(resource_id, replayed=False)


async def purge(units: Units, days: int) -> bool:
    """Forget a slice of the keys older than `days`; answers whether there may be more."""
    async with units.begin() as unit:
        return await unit.connection.execute(_PURGE, days, _PURGE_ROWS) == f"DELETE {_PURGE_ROWS}"


async def _find(unit: Unit, sending: Sending, fingerprint: bytes) -> str | None:
    if sending.key is None:
        return None
    owner = (sending.merchant_id, sending.mode, sending.key)
    if not await unit.connection.fetchval(_LOCK, "/".join(owner)):
        raise Problem("idempotency_key_in_flight")
    # A statement of its own: its snapshot is taken with the lock held, so it sees what the holder before committed.
    row = await unit.connection.fetchrow(_FIND, *owner)
    if row is None:
        return None
    if row["fingerprint"] != fingerprint:
        raise Problem("idempotency_key_reused", f"This key was used for {row['route']}, or with another body.")
    return row["resource_id"]


async def _remember(unit: Unit, sending: Sending, fingerprint: bytes, resource_id: str) -> None:
    if sending.key is not None:
        owner = (sending.merchant_id, sending.mode, sending.key)
        await unit.connection.execute(_REMEMBER, *owner, sending.route, fingerprint, resource_id)


def _fingerprint(route: str, body: BaseModel | None) -> bytes:
    # Of what the body means, not how it is written: white space, order, and defaults written out do not count. Defaults
    # are left out, so that a field which a later release adds changes no fingerprint of what was sent before it.
    meaning = None if body is None else body.model_dump(mode="json", exclude_defaults=True)
    canonical = json.dumps([route, meaning], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()
