"""Reads API keys, as authentication looks them up; `accounts` makes and revokes them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ARRAY, LargeBinary, any_, bindparam, false, func, select

from gateway.tables import API_KEYS
from malipo.contracts.commands import Mode
from malipo.messaging.pool import Queries
from malipo.messaging.queries import CompiledQuery

API_KEY = select(
    *(column for column in API_KEYS.c if column is not API_KEYS.c.hash),
    func.coalesce(API_KEYS.c.expires_at <= func.now(), false()).label("expired"),
)
"""What `ApiKey` is made of."""

_FIND_KEYS = CompiledQuery(
    API_KEY.add_columns(API_KEYS.c.hash).where(API_KEYS.c.hash == any_(bindparam("hashes", type_=ARRAY(LargeBinary))))
)


@dataclass(frozen=True)
class ApiKey:
    """An API key without its secret. `expired` is by the database's clock.

    `last_used_at`, which the audit log keeps, is up to a minute old.
    """

    id: str
    merchant_id: str
    mode: Mode
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime | None
    expired: bool
    revoked_at: datetime | None
    last_used_at: datetime | None


async def find_keys(source: Queries, digests: Collection[bytes]) -> dict[bytes, ApiKey]:
    """The keys with these digests, as far as there are any."""
    rows = [dict(row) for row in await source.fetch(*_FIND_KEYS.of(hashes=list(digests)))]
    return {row.pop("hash"): ApiKey(**row) for row in rows}
