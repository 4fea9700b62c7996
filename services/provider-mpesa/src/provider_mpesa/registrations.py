"""What is registered of accounts at Safaricom: kept here, and told to the gateway, which shows it to merchants."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from malipo.contracts.accounts import AccountRegistered, Registration
from malipo.contracts.topics import PROVIDER_ACCOUNTS
from malipo.messaging.database import Database
from malipo.messaging.pool import time_of
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.platform.logs import log
from malipo.platform.secrets import SecretUnreadable
from provider_kit.credentials import Account, CredentialStore, NoCredentials
from provider_kit.errors import Misconfigured
from provider_mpesa.account import read_keys

Name = Literal["c2b", "pull"]
"""Addresses for payments by hand; the statement of Pull Transactions."""

REVIEW_SECONDS = 600.0

_ACCOUNTS = "SELECT DISTINCT credential_id FROM registrations ORDER BY credential_id"
_KNOWN = """
SELECT name, registered_at, address = ANY($3::text[]) AS is_answered FROM registrations
WHERE credential_id = $1 AND shortcode = $2 ORDER BY name
"""
_KEEP = """
INSERT INTO registrations AS known (credential_id, name, shortcode, address) VALUES ($1, $2, $3, $4)
ON CONFLICT (credential_id, name) DO UPDATE SET
    shortcode = excluded.shortcode, address = excluded.address, is_answered = true, registered_at = now()
WHERE (known.shortcode, known.address, known.is_answered) <> (excluded.shortcode, excluded.address, true)
"""
_REVIEW = """
WITH changed AS (
    SELECT name FROM registrations WHERE credential_id = $1 AND is_answered <> (address = ANY($2::text[])) ORDER BY name FOR UPDATE)
UPDATE registrations AS r SET is_answered = NOT is_answered FROM changed
WHERE r.credential_id = $1 AND r.name = changed.name RETURNING r.name, r.is_answered
"""
# What was refused before is not waited for any longer.
_LOOK = "UPDATE statements SET due_at = now(), failures = 0 WHERE credential_id = $1 AND due_at > now()"


@dataclass(frozen=True, slots=True)
class Known:
    """Since when something is registered, and whether the address that it was registered with is answered still."""

    registered_at: datetime
    is_answered: bool


class Registrations:
    """The registrations of all accounts. A label has those of one short code, the last."""

    def __init__(self, database: Database, credentials: CredentialStore) -> None:
        self._database = database
        self._credentials = credentials

    async def known(self, account: Account, shortcode: str) -> Mapping[str, Known]:
        """What is registered of this short code under this label."""
        rows = await self._database.reads.fetch(_KNOWN, account.id, shortcode, self._answered(account))
        return {row["name"]: Known(row["registered_at"], row["is_answered"]) for row in rows}

    async def keep(self, account: Account, name: Name, shortcode: str) -> None:
        """Write down that this is registered with today's address, since now unless it was."""
        await self._database.write(_KEEP, account.id, name, shortcode, self._answered(account)[0])

    async def tell(self, account: Account, shortcode: str) -> None:
        """Send the gateway all that is registered of this short code, and have the account's statement looked at now."""
        async with self._database.begin() as unit:
            await unit.transaction.execute(_LOOK, account.id)
            await self._send(unit, account, shortcode)

    async def review(self, _: Database) -> None:
        """Alert, and tell the gateway, where a registered address is answered no longer: its key has left the ring, or the base
        has changed. It is told again should they come back.
        """
        for row in await self._database.reads.fetch(_ACCOUNTS):
            with suppress(NoCredentials, SecretUnreadable, Misconfigured):  # who has none hears of it elsewhere
                await self._review(await self._credentials.by_id(row["credential_id"]))

    async def _review(self, account: Account) -> None:
        shortcode = read_keys(account.credentials).shortcode
        async with self._database.begin() as unit:
            changed = await unit.transaction.fetch(_REVIEW, account.id, self._answered(account))
            if changed:
                await self._send(unit, account, shortcode)
        for row in changed:
            if not row["is_answered"]:
                log.error(
                    "registered address not answered",
                    provider="mpesa",
                    credential_id=account.id,
                    registration=row["name"],
                )

    async def _send(self, unit: UnitOfWork, account: Account, shortcode: str) -> None:
        rows = await unit.transaction.fetch(_KNOWN, account.id, shortcode, self._answered(account))
        answered = [
            Registration(name=row["name"], registered_at=row["registered_at"]) for row in rows if row["is_answered"]
        ]
        registered = AccountRegistered(
            credential_id=account.id,
            merchant_id=account.merchant_id,
            provider="mpesa",
            about={"shortcode": shortcode},
            registrations=tuple(answered),
            observed_at=await time_of(unit.transaction),
        )
        unit.send(PROVIDER_ACCOUNTS, account.id, registered)

    def _answered(self, account: Account) -> Sequence[str]:
        """What the account's addresses are known by, today's first: they hold a token that nobody is to learn here."""
        return [hashlib.sha256(address.encode()).hexdigest() for address in self._credentials.addresses(account)]
