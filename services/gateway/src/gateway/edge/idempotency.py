"""Idempotency keys: one request has one effect, however often and on however many replicas it is sent."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec
from prometheus_client import Counter
from pydantic import BaseModel

from gateway.edge.problems import PROBLEMS, Problem
from gateway.tables import IDEMPOTENCY_KEYS
from malipo.contracts.commands import Mode
from malipo.messaging.database import Database
from malipo.messaging.pool import Row
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import insert, purge_of
from malipo.platform.secrets import KeyRing

_FIND = """
SELECT merchant_id, mode, key, route, fingerprint, resource_id
FROM idempotency_keys JOIN unnest($1::text[], $2::text[], $3::text[]) AS asked (merchant_id, mode, key)
USING (merchant_id, mode, key)
"""
_REMEMBER = insert(IDEMPOTENCY_KEYS)
PURGE = purge_of(IDEMPOTENCY_KEYS.c.created_at)
"""Forgets old keys: see `Runtime.purge_after`."""

REPLAYS = Counter("malipo_idempotent_replays", "Requests that were answered from an earlier one with the same key.")

type Owner = tuple[str, Mode, str]
"""A merchant, a mode, and the key that the merchant gave."""
_REUSED = PROBLEMS["idempotency_key_reused"].advice


@dataclass(frozen=True)
class KeyedRequest:
    """One sending of a request. Without a `key` each sending is a request of its own.

    What it asks for is kept as a digest under the `key_ring`: without the ring nobody finds the body by trying, as a
    telephone number would be found by its plain hash, long after it was erased.
    """

    merchant_id: str
    mode: Mode
    route: str
    key: str | None
    key_ring: KeyRing = field(repr=False, compare=False)


HEADER = "idempotency"
"""Of a command: by which key of whom it was requested, for a gateway whose database has forgotten that."""
_HEADERS = msgspec.json.Decoder(tuple[str, Mode, str, str, str | None])
FORGOTTEN = b""
"""The fingerprint of a request of which only its key is known again."""


def header_of(request: KeyedRequest, operation_id: str | None) -> dict[str, str]:
    """What a command carries of its request; nothing without a key."""
    if request.key is None:
        return {}
    return {HEADER: json.dumps([request.merchant_id, request.mode, request.key, request.route, operation_id])}


def recalled(header: str, payment_id: str) -> Sequence[object]:
    """The row of the key that a command about this payment was requested with. Raises `ValueError` for what no `header_of` has written."""
    merchant_id, mode, key, route, operation_id = _HEADERS.decode(header)
    return merchant_id, mode, key, route, FORGOTTEN, operation_id or payment_id


@dataclass(frozen=True)
class IdempotencyClaim:
    """One sending of a request that is to be carried out once, with digests of what it asks for: the first is kept."""

    request: KeyedRequest
    fingerprints: tuple[bytes, ...]

    @property
    def owner(self) -> Owner | None:
        """What the request goes by; None without a key."""
        request = self.request
        return None if request.key is None else (request.merchant_id, request.mode, request.key)


@dataclass(frozen=True)
class Done:
    """The resource that the request made or changed, and whether an earlier sending did it."""

    resource_id: str
    replayed: bool


def claim(request: KeyedRequest, body: BaseModel | None) -> IdempotencyClaim:
    """The claim of a request with this body."""
    return IdempotencyClaim(request, _fingerprints(request, body))


async def once(
    database: Database, request: KeyedRequest, body: BaseModel | None, act: Callable[[UnitOfWork], Awaitable[str]]
) -> Done:
    """Run `act` in one unit of work with the key's row, unless an earlier sending already did; returns its resource's id.

    What `act` raises undoes everything, the key included. Raises the `Problem` that `find` returns.
    """
    claimed = claim(request, body)

    async def earlier(unit: UnitOfWork) -> Done | None:
        [known] = await find(unit, [claimed])
        if isinstance(known, Problem):
            raise known
        return known

    async def act_or_replay(unit: UnitOfWork) -> Done:
        if known := await earlier(unit):
            return known
        resource_id = await act(unit)
        remember(unit, [(claimed, resource_id)])
        return Done(resource_id, replayed=False)

    try:
        return await database.transact(act_or_replay)
    except Problem as problem:
        # Another sending may have been carried out since we looked, and have caused this problem.
        if known := await database.transact(earlier):
            return known
        raise problem from None


async def find(unit: UnitOfWork, claims: Sequence[IdempotencyClaim]) -> list[Done | Problem | None]:
    """For each claim what an earlier sending did, or None, as `judge` says."""
    owners = {claim.owner for claim in claims if claim.owner is not None}
    return judge(unit, claims, known(await unit.reads.fetch(_FIND, *zip(*owners, strict=True)) if owners else ()))


def judge(
    unit: UnitOfWork, claims: Sequence[IdempotencyClaim], known: Mapping[Owner, Row]
) -> list[Done | Problem | None]:
    """For each claim what an earlier sending did by the keys that are `known`, or None: then it is new.

    Of two that are new at once one can `remember` its key: the other one's unit conflicts, and finds it in the next.
    A `Problem` is `idempotency_key_in_flight` when it is new and another one of its key stands before it in `claims`,
    and `idempotency_key_reused` when the earlier one was another request.
    """
    first = {claim.owner: claim for claim in reversed(claims) if claim.owner is not None}
    results = [
        None if claim.owner is None else _result(claim, known.get(claim.owner), new=first[claim.owner] is claim)
        for claim in claims
    ]
    unit.after_commit(partial(REPLAYS.inc, sum(isinstance(result, Done) for result in results)))
    return results


def known(rows: Iterable[Row]) -> dict[Owner, Row]:
    """The rows of keys by their owners."""
    return {(row["merchant_id"], row["mode"], row["key"]): row for row in rows}


def remember(unit: UnitOfWork, made: Sequence[tuple[IdempotencyClaim, str]]) -> None:
    """Store which resource each claim has made, in the transaction that makes it."""
    rows = [
        (*claim.owner, claim.request.route, claim.fingerprints[0], resource_id)
        for claim, resource_id in made
        if claim.owner is not None
    ]
    unit.put(_REMEMBER, sorted(rows))  # two replicas that get the same keys wait for each other in one order


def _result(claim: IdempotencyClaim, row: Row | None, *, new: bool) -> Done | Problem | None:
    if row is None:
        return None if new else Problem("idempotency_key_in_flight")
    same_route = row["route"] == claim.request.route
    if row["fingerprint"] not in claim.fingerprints and not (row["fingerprint"] == FORGOTTEN and same_route):
        other = "with another body" if same_route else f"for {row['route']}"
        return Problem("idempotency_key_reused", f"This key was used {other}. {_REUSED}")
    return Done(row["resource_id"], replayed=True)


def _fingerprints(request: KeyedRequest, body: BaseModel | None) -> tuple[bytes, ...]:
    # Of what the body means, not how it is written: white space, order, and defaults written out do not count. Defaults
    # are left out, so that a field which a later release adds changes no fingerprint of an earlier request.
    meaning = None if body is None else body.model_dump(mode="json", exclude_defaults=True)
    canonical = json.dumps([request.route, meaning], sort_keys=True, separators=(",", ":"))
    return request.key_ring.digests(canonical.encode())
