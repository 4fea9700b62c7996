"""Seals merchants' secrets anew, under the key ring's first key, so that an older one may leave the ring."""

from gateway.accounts import configuration
from malipo.contracts.config import secret_owner
from malipo.messaging.pool import Queries
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.platform.secrets import KeyRing

_SEALED = {"provider_credentials": "ciphertext", "webhook_endpoints": "secret_ciphertext"}
"""Which column of which table has them, by the table."""
type _Secret = tuple[str, str, str]
"""The table, the row's id, and its envelope."""


async def reseal(unit: UnitOfWork, merchant_id: str, key_ring: KeyRing) -> int:
    """Seal those that are under another key, and publish them; returns how many these were. Raises `SecretUnreadable`."""
    if not await _anew(unit.reads, merchant_id, key_ring):
        return 0
    await configuration.advance(unit, merchant_id)  # from here on nobody else changes them
    anew = await _anew(unit.transaction, merchant_id, key_ring)
    for table, row_id, envelope in anew:
        await unit.transaction.execute(f"UPDATE {table} SET {_SEALED[table]} = $2 WHERE id = $1", row_id, envelope)  # noqa: S608 - names of ours
    await configuration.publish(unit, merchant_id)
    return len(anew)


async def _anew(source: Queries, merchant_id: str, key_ring: KeyRing) -> list[_Secret]:
    found: list[_Secret] = []
    for table, column in _SEALED.items():
        query = f"SELECT id, mode, {column} AS sealed FROM {table} WHERE merchant_id = $1"  # noqa: S608 - names of ours
        rows = await source.fetch(query, merchant_id)
        for row in rows:
            owner = secret_owner(merchant_id, row["mode"], row["id"])
            if envelope := key_ring.resealed(row["sealed"], owner=owner):
                found.append((table, row["id"], envelope))
    return found
