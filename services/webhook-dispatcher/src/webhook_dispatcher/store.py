"""The intake's tables: which endpoints a merchant has, which events came, and who is to get each of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from malipo import ids
from malipo.contracts.commands import Mode
from malipo.contracts.config import MerchantConfigured
from malipo.messaging.database import Connection
from webhook_dispatcher import queue

SLICE = 1000
"""Events that one statement fans out, and events that one statement purges."""


class Event(NamedTuple):
    """One announced event, its body as it will be sent, and the configuration that it relies on.

    `observed_at` is when the provider's word came that led to it, or else when its step was taken.
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


_KNOW_MERCHANTS = "INSERT INTO merchants SELECT *, 0 FROM unnest($1::text[]) ON CONFLICT DO NOTHING"
# Share, so that events of one merchant do not wait for each other; a configuration waits for them, and they for it.
_HOLD_MERCHANTS = "SELECT FROM merchants WHERE merchant_id = ANY($1::text[]) ORDER BY merchant_id FOR SHARE"
_ADD_EVENTS = """
INSERT INTO events (event_id, merchant_id, mode, payment_id, type, sequence, config_version, headers, body, observed_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::bigint[],
                     $8::jsonb[], $9::bytea[], $10::timestamptz[])
ON CONFLICT (event_id) DO NOTHING
"""
_TAKE_VERSIONS = """
INSERT INTO merchants (merchant_id, version) SELECT * FROM unnest($1::text[], $2::bigint[])
ON CONFLICT (merchant_id) DO UPDATE SET version = excluded.version WHERE merchants.version <= excluded.version
RETURNING merchant_id
"""
# An endpoint that is gone stays gone: a merchant who mends it makes a new one.
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
# An event waits for its configuration, and behind an earlier event of its payment that waits.
_FAN_OUT = """
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
)
SELECT event_id, payment_id, sequence, ARRAY(
    SELECT endpoint_id FROM endpoints e
    WHERE e.merchant_id = ready.merchant_id AND e.mode = ready.mode AND e.gone_at IS NULL
      AND (e.event_types = '{}' OR ready.type = ANY(e.event_types))
) AS endpoint_ids
FROM ready
"""
_PURGE = """
DELETE FROM events WHERE event_id = ANY(ARRAY(
    SELECT event_id FROM events e
    WHERE created_at < now() - make_interval(days => $1) AND fanned_out
      AND NOT EXISTS (
          SELECT FROM deliveries d WHERE d.event_id = e.event_id
            AND (d.state = 'pending' OR d.ended_at >= now() - make_interval(days => $1))
      )
    LIMIT $2 FOR UPDATE SKIP LOCKED
))
"""


async def hold_merchants(connection: Connection, merchant_ids: Sequence[str]) -> None:
    """Keep these merchants' configuration as it is until the transaction ends."""
    await connection.execute(_KNOW_MERCHANTS, sorted(merchant_ids))
    await connection.execute(_HOLD_MERCHANTS, merchant_ids)


async def add_events(connection: Connection, events: Sequence[Event]) -> None:
    """Keep new events; one that is there already stays as it is."""
    await connection.execute(_ADD_EVENTS, *map(list, zip(*events, strict=True)))


async def replicate(connection: Connection, configurations: Sequence[MerchantConfigured]) -> list[str]:
    """Replace the replica of each merchant unless it is newer; answers which were replaced, and holds them.

    One configuration a merchant. The version that is here already is put again: it mends a replica that was damaged.
    An endpoint that is no longer listed is gone.
    """
    ordered = sorted(configurations, key=lambda one: one.merchant_id)
    rows = await connection.fetch(_TAKE_VERSIONS, [c.merchant_id for c in ordered], [c.version for c in ordered])
    replaced = {row["merchant_id"] for row in rows}
    endpoints = [row for c in ordered if c.merchant_id in replaced for row in _endpoint_rows(c)]
    endpoints.sort(key=lambda row: str(row["endpoint_id"]))
    await connection.execute(_PUT_ENDPOINTS, endpoints)
    await connection.execute(_REMOVE_ENDPOINTS, list(replaced), [row["endpoint_id"] for row in endpoints])
    return sorted(replaced)


async def fan_out(connection: Connection, merchant_ids: Sequence[str]) -> None:
    """Make a delivery of each event that is ready for each endpoint that wants it. The merchants must be held."""
    ready = SLICE
    while ready == SLICE:
        rows = await connection.fetch(_FAN_OUT, merchant_ids, SLICE)
        ready = len(rows)
        wanted = [
            queue.New(ids.new("del"), row["event_id"], endpoint_id, row["payment_id"], row["sequence"])
            for row in rows
            for endpoint_id in row["endpoint_ids"]
        ]
        if wanted:
            await queue.add(connection, wanted)


async def purge(connection: Connection, days: int) -> bool:
    """Forget a slice of events whose deliveries all ended over `days` ago; answers whether there may be more."""
    return await connection.execute(_PURGE, days, SLICE) == f"DELETE {SLICE}"


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
