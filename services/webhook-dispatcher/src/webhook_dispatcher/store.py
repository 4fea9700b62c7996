"""The intake's tables: which endpoints a merchant has, which events came, and which of the endpoints get each."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from malipo.contracts.commands import Mode
from malipo.contracts.config import MerchantConfigured
from malipo.messaging.pool import Row, Statements
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write, arrays, given, names
from webhook_dispatcher import queue
from webhook_dispatcher.tables import EVENTS, MERCHANTS

SLICE = 1000
"""Events of those that waited that one statement fans out."""


class Event(NamedTuple):
    """One public event, its body as it will be sent, and the configuration that it relies on.

    `observed_at` is when the provider's outcome that caused it was received, or else when its transition happened.
    """

    event_id: str
    merchant_id: str
    mode: Mode
    payment_id: str
    type: str
    sequence: int
    config_version: int
    headers: dict[str, str]
    body: bytes
    observed_at: datetime


_WANTED = """
wanted AS (
    SELECT ready.event_id, e.endpoint_id, ready.payment_id, ready.sequence FROM ready JOIN endpoints e USING (merchant_id, mode)
    WHERE e.gone_at IS NULL AND (cardinality(e.event_types) = 0 OR ready.type = ANY(e.event_types))
)"""
# An event whose configuration is here, and whose payment has no event that waits, is fanned out at once. That needs no
# lock: its endpoints are of a configuration at least as new as its own; one that is replaced meanwhile came after it. For
# one that waits the merchant is `held`: a configuration that comes now waits for us, and then sees it. If one has come
# since this statement began, or a delivery that another comes behind has ended, all of it is decided anew. The merchant is
# shared, so that events of one do not wait for each other. Those that are held come before new ones, whose ids are later:
# a configuration locks its merchants in the order of their ids.
_ADD_EVENTS = Write(
    """
SELECT CASE WHEN (SELECT count(*) FROM relied_on) > (SELECT count(*) FROM held) + (SELECT count(*) FROM known)
              OR (SELECT count(DISTINCT ahead) FROM placed) > (SELECT count(*) FROM followed)
       THEN decide_anew() END,
       EXISTS (SELECT FROM placed WHERE due) OR EXISTS (SELECT FROM followed WHERE free) AS due
""",
    given(EVENTS),  # in the order of `Event`
    f"""
new AS (
    SELECT new.*, c.version FROM unnest({{arrays}}) AS new ({{names}}) LEFT JOIN merchants c USING (merchant_id)
), judged AS (
    SELECT new.*, waiting IS NULL AND bool_and(config_version <= coalesce(version, 0)) OVER (PARTITION BY payment_id ORDER BY sequence)
           AS fanned_out
    FROM new LEFT JOIN LATERAL (
        SELECT e.event_id AS waiting FROM events e WHERE e.payment_id = new.payment_id AND NOT e.fanned_out LIMIT 1
    ) ahead ON true
), relied_on AS (
    SELECT DISTINCT merchant_id, version FROM judged WHERE NOT fanned_out OR version IS NULL
), known AS (
    INSERT INTO merchants (merchant_id, version)
    SELECT merchant_id, 0 FROM relied_on WHERE version IS NULL ORDER BY 1 ON CONFLICT DO NOTHING RETURNING merchant_id
), held AS (
    SELECT FROM merchants c JOIN relied_on USING (merchant_id, version) ORDER BY merchant_id FOR SHARE OF c
), kept AS (
    INSERT INTO events ({{names}}, fanned_out) SELECT {{names}}, fanned_out FROM judged
    ON CONFLICT (event_id) DO NOTHING RETURNING *
), ready AS (
    SELECT * FROM kept WHERE fanned_out
), {_WANTED}, {queue.ADD_WANTED}, {queue.FOLLOWED}
""",
)
_VERSION = (MERCHANTS.c.merchant_id, MERCHANTS.c.version)
_ADVANCE_VERSIONS = f"""
INSERT INTO merchants ({names(_VERSION)}) SELECT * FROM unnest({arrays(_VERSION)})
ON CONFLICT (merchant_id) DO UPDATE SET version = excluded.version WHERE merchants.version <= excluded.version
RETURNING merchant_id
"""
# In the order in which those are locked that have answered 410: else those that are listed would come before the others.
_LOCK_ENDPOINTS = """
SELECT FROM endpoints WHERE merchant_id = ANY($1::text[]) ORDER BY endpoint_id FOR NO KEY UPDATE
"""
# An endpoint that is gone stays gone: a merchant who repairs it creates a new one.
_PUT_ENDPOINTS = """
INSERT INTO endpoints (endpoint_id, merchant_id, mode, url, secret_ciphertext, event_types)
SELECT * FROM jsonb_to_recordset($1)
    AS e(endpoint_id text, merchant_id text, mode text, url text, secret_ciphertext text, event_types text[])
ON CONFLICT (endpoint_id) DO UPDATE
SET url = excluded.url, secret_ciphertext = excluded.secret_ciphertext, event_types = excluded.event_types
WHERE endpoints.merchant_id = excluded.merchant_id
"""
_REMOVE_ENDPOINTS = """
UPDATE endpoints SET gone_at = now(), gone_because = 'removed'
WHERE merchant_id = ANY($1::text[]) AND endpoint_id <> ALL($2::text[]) AND gone_at IS NULL
"""
# An event waits for its configuration, and behind an earlier event of its payment that waits. Returns how many were ready,
# whether any delivery is due, and the lanes in which others came first.
_FAN_OUT = f"""
WITH ready AS (
    UPDATE events SET fanned_out = true WHERE event_id = ANY(ARRAY(
        SELECT e.event_id FROM events e JOIN merchants c USING (merchant_id)
        WHERE e.merchant_id = ANY($1::text[]) AND NOT e.fanned_out AND e.config_version <= c.version
          AND NOT EXISTS (
              SELECT FROM events earlier
              WHERE earlier.payment_id = e.payment_id AND NOT earlier.fanned_out
                AND earlier.sequence < e.sequence AND earlier.config_version > c.version
          )
        ORDER BY e.payment_id, e.sequence LIMIT $2
    ))
    RETURNING event_id, merchant_id, mode, payment_id, type, sequence
), {_WANTED}, {queue.ADD_WANTED}
SELECT (SELECT count(*) FROM ready) AS ready, coalesce(bool_or(due), false) AS due,
       coalesce(array_agg(endpoint_id) FILTER (WHERE ahead IS NOT NULL), '{{}}') AS endpoint_ids,
       coalesce(array_agg(payment_id) FILTER (WHERE ahead IS NOT NULL), '{{}}') AS payment_ids
FROM placed
"""
# Each wait is as long as all before it since the oldest event came: twice the last. One of several replicas requests.
_ASK = """
WITH behind AS (
    SELECT merchant_id, min(e.created_at) AS since FROM events e JOIN merchants c USING (merchant_id)
    WHERE NOT e.fanned_out AND e.config_version > c.version GROUP BY 1
), due AS (
    SELECT c.merchant_id FROM merchants c JOIN behind USING (merchant_id)
    WHERE since <= now() - make_interval(secs => $1) AND (c.asked_at IS NULL OR c.asked_at <= now() - least(
        greatest(c.asked_at - since, make_interval(secs => $1)), make_interval(secs => $2)))
    ORDER BY c.asked_at NULLS FIRST LIMIT $3 FOR NO KEY UPDATE OF c SKIP LOCKED
)
UPDATE merchants SET asked_at = now() WHERE merchant_id = ANY(ARRAY(SELECT merchant_id FROM due)) RETURNING merchant_id
"""
PURGE = """
DELETE FROM events WHERE event_id = ANY(ARRAY(
    SELECT event_id FROM events e
    WHERE created_at < now() - make_interval(days => $1) AND fanned_out
      AND NOT EXISTS (
          SELECT FROM deliveries d WHERE d.event_id = e.event_id
            AND (d.state = 'pending' OR d.ended_at >= now() - make_interval(days => $1))
      )
    LIMIT $2 FOR UPDATE SKIP LOCKED
))
RETURNING 1
"""
"""Deletes events whose deliveries all ended long ago: see `Runtime.purge_after`."""


def add_events(unit: UnitOfWork, events: Sequence[Event], nudge: Callable[[], None]) -> None:
    """Keep new events, and make the deliveries of those that are ready; one that is there already stays as it is.

    `nudge` is called after the commit when any delivery is due then.
    """

    def tell(rows: Sequence[Row]) -> None:
        if rows[0]["due"]:
            nudge()

    unit.put(_ADD_EVENTS, events, tell)


async def replicate(connection: Statements, configurations: Sequence[MerchantConfigured]) -> list[str]:
    """Replace the replica of each merchant unless it is newer; returns which were replaced, and locks them.

    One configuration a merchant. The version that is here already is written again: that repairs a damaged replica.
    An endpoint that is no longer listed is gone.
    """
    ordered = sorted(configurations, key=lambda one: one.merchant_id)
    rows = await connection.fetch(_ADVANCE_VERSIONS, [c.merchant_id for c in ordered], [c.version for c in ordered])
    replaced = {row["merchant_id"] for row in rows}
    endpoints = [row for c in ordered if c.merchant_id in replaced for row in _endpoint_rows(c)]
    endpoints.sort(key=lambda row: str(row["endpoint_id"]))
    await connection.execute(_LOCK_ENDPOINTS, list(replaced))
    await connection.execute(_PUT_ENDPOINTS, endpoints)
    await connection.execute(_REMOVE_ENDPOINTS, list(replaced), [row["endpoint_id"] for row in endpoints])
    return sorted(replaced)


async def fan_out_waiting(connection: Statements, merchant_ids: Sequence[str]) -> bool:
    """Make the deliveries of each event that was waiting and is ready. The merchants must be locked.

    Returns whether any delivery is due now.
    """
    made = await _slices(connection, merchant_ids)
    # Last of all: merchants come before lanes in the order of locks.
    lanes = [lane for row in made for lane in zip(row["endpoint_ids"], row["payment_ids"], strict=True)]
    promoted = bool(lanes) and await queue.promote(connection, lanes)
    return promoted or any(row["due"] for row in made)


async def ask(connection: Statements, first_seconds: float, longest_seconds: float, limit: int) -> list[str]:
    """Merchants whose configuration is to be requested now, as their events wait for a newer one than is here.

    Of each after `first_seconds`, then at doubled waits up to `longest_seconds`, for as long as an event waits.
    """
    return [row["merchant_id"] for row in await connection.fetch(_ASK, first_seconds, longest_seconds, limit)]


async def _slices(connection: Statements, merchant_ids: Sequence[str]) -> list[Row]:
    made = [*await connection.fetch(_FAN_OUT, merchant_ids, SLICE)]
    while made[-1]["ready"] == SLICE:
        made += await connection.fetch(_FAN_OUT, merchant_ids, SLICE)
    return made


def _endpoint_rows(configured: MerchantConfigured) -> list[dict[str, object]]:
    return [
        {
            "endpoint_id": endpoint.id,
            "merchant_id": configured.merchant_id,
            "mode": endpoint.mode,
            "url": endpoint.url,
            "secret_ciphertext": endpoint.secret_ciphertext,
            "event_types": endpoint.event_types,
        }
        for endpoint in configured.endpoints
    ]
