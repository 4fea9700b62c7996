"""The replica of merchants' credentials: ciphertext in the table, opened when a call needs it."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from malipo.contracts.commands import Mode
from malipo.contracts.config import MerchantConfigured, secret_owner
from malipo.contracts.message import Message
from malipo.messaging.database import Row
from malipo.messaging.subscription import Received
from malipo.messaging.unit import Unit, Units
from malipo.platform.secrets import KeyRing, SecretUnreadable
from malipo.providers.provider import Account

_TAKE_VERSION = """
INSERT INTO merchants (merchant_id, version) VALUES ($1, $2)
ON CONFLICT (merchant_id) DO UPDATE SET version = excluded.version WHERE merchants.version <= excluded.version
RETURNING merchant_id
"""
_DELETE = "DELETE FROM credentials WHERE merchant_id = $1"
_INSERT = """
INSERT INTO credentials (id, merchant_id, mode, ciphertext)
SELECT id, $1, mode, ciphertext FROM unnest($2::text[], $3::text[], $4::text[]) AS new (id, mode, ciphertext)
"""
# Only what nobody runs now: rows under a lease are changed by whoever renews it, in an order of its own.
_WAKE_WAITING = """
UPDATE attempts SET due_at = now()
WHERE merchant_id = $1 AND done_at IS NULL AND problem IS NOT NULL AND lease_token IS NULL
"""
_FIND = """
SELECT m.version, c.id, c.ciphertext FROM merchants m
LEFT JOIN credentials c ON c.merchant_id = m.merchant_id AND c.mode = $2
WHERE m.merchant_id = $1
"""
_BY_ID = "SELECT merchant_id, mode, ciphertext FROM credentials WHERE id = $1"


class ReplicaBehind(Exception):
    """The command relies on a configuration that has not arrived here yet: wait for it."""


class NoCredentials(Exception):
    """The merchant has no account at this provider in this mode."""


@dataclass(frozen=True, slots=True)
class Owned:
    """An opened account and whose it is."""

    merchant_id: str
    mode: Mode
    account: Account


class Credentials:
    """Credentials of one provider, kept up to date from the configuration topic."""

    def __init__(self, provider: str, units: Units, key_ring: KeyRing) -> None:
        self._provider = provider
        self._units = units
        self._key_ring = key_ring

    async def replicate(self, unit: Unit, batch: Sequence[Received[Message]]) -> None:
        """Handler of the configuration topic: the newest version replaces what is here."""
        for received in batch:
            match received.message:
                case MerchantConfigured() as configured:
                    await self._replace(unit, configured)
                case other:
                    raise TypeError(other)

    async def account(self, merchant_id: str, mode: Mode, version: int) -> Account:
        """The merchant's account. Raises `ReplicaBehind`, `NoCredentials` or `SecretUnreadable`."""
        row = await self._units.pool.fetchrow(_FIND, merchant_id, mode)
        if row is None or row["version"] < version:
            raise ReplicaBehind
        if row["id"] is None:
            raise NoCredentials
        return self._open(row, merchant_id, mode, row["id"])

    async def by_id(self, credential_id: str) -> Owned | None:
        """The account that a callback's address names, or None. Raises `SecretUnreadable`."""
        row = await self._units.pool.fetchrow(_BY_ID, credential_id)
        if row is None:
            return None
        merchant_id, mode = row["merchant_id"], row["mode"]
        return Owned(merchant_id, mode, self._open(row, merchant_id, mode, credential_id))

    def _open(self, row: Row, merchant_id: str, mode: Mode, credential_id: str) -> Account:
        plain = self._key_ring.open(row["ciphertext"], owner=secret_owner(merchant_id, mode, credential_id))
        try:
            return msgspec.json.decode(plain, type=dict[str, object])
        except msgspec.MsgspecError:
            raise SecretUnreadable from None  # without a cause: it would quote the secret

    async def _replace(self, unit: Unit, configured: MerchantConfigured) -> None:
        merchant_id = configured.merchant_id
        if await unit.connection.fetchval(_TAKE_VERSION, merchant_id, configured.version) is None:
            return  # an older one, late
        ours = [credential for credential in configured.credentials if credential.provider == self._provider]
        await unit.connection.execute(_DELETE, merchant_id)
        await unit.connection.execute(
            _INSERT, merchant_id, [c.id for c in ours], [c.mode for c in ours], [c.ciphertext for c in ours]
        )
        await unit.connection.execute(_WAKE_WAITING, merchant_id)
