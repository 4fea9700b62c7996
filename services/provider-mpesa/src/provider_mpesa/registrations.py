"""What is registered of accounts at Safaricom: kept here, and told to the gateway, which shows it to merchants."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from malipo.contracts.accounts import AccountRegistered, Registration
from malipo.contracts.topics import PROVIDER_ACCOUNTS
from malipo.messaging.database import Database
from provider_kit.credentials import Account

Name = Literal["c2b", "pull"]
"""Addresses for payments by hand; the statement of Pull Transactions."""

_KNOWN = "SELECT name, base, registered_at FROM registrations WHERE credential_id = $1 AND shortcode = $2 ORDER BY name"
_NOW = "SELECT now()"
_KEEP = """
INSERT INTO registrations AS known (credential_id, name, shortcode, base) VALUES ($1, $2, $3, $4)
ON CONFLICT (credential_id, name) DO UPDATE SET shortcode = excluded.shortcode, base = excluded.base, registered_at = now()
WHERE (known.shortcode, known.base) <> (excluded.shortcode, excluded.base)
"""
# What was refused before is not waited for any longer.
_LOOK = "UPDATE statements SET due_at = now(), failures = 0 WHERE credential_id = $1 AND due_at > now()"


@dataclass(frozen=True, slots=True)
class Known:
    """Since when something is registered, with addresses that begin with `base`."""

    base: str
    registered_at: datetime


class Registrations:
    """The registrations of all accounts. A label has those of one short code, the last."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, credential_id: str, shortcode: str) -> Mapping[str, Known]:
        """What is registered of this short code under this label."""
        rows = await self._database.reads.fetch(_KNOWN, credential_id, shortcode)
        return {row["name"]: Known(row["base"], row["registered_at"]) for row in rows}

    async def keep(self, credential_id: str, name: Name, shortcode: str, base: str) -> None:
        """Write down that this is registered, since now unless it was."""
        await self._database.write(_KEEP, credential_id, name, shortcode, base)

    async def tell(self, account: Account, shortcode: str) -> None:
        """Send the gateway all that is registered of this short code, and have the account's statement looked at now."""
        async with self._database.begin() as unit:
            await unit.transaction.execute(_LOOK, account.id)
            now = await unit.transaction.fetchval(_NOW)
            rows = await unit.transaction.fetch(_KNOWN, account.id, shortcode)
            registered = AccountRegistered(
                credential_id=account.id,
                merchant_id=account.merchant_id,
                provider="mpesa",
                about={"shortcode": shortcode},
                registrations=tuple(Registration(name=row["name"], registered_at=row["registered_at"]) for row in rows),
                observed_at=now,
            )
            unit.send(PROVIDER_ACCOUNTS, account.id, registered)
