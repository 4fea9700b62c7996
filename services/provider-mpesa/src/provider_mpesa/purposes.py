"""What customers may give as the account number of a payment by hand: the references of the payments of each account."""

from collections.abc import Sequence
from typing import Protocol

from malipo.messaging.database import Database
from malipo.messaging.writes import purge_of
from provider_kit.readiness import database_of
from provider_kit.references import holdable
from provider_mpesa.tables import PURPOSES

KEPT_DAYS = 90
PURGE = purge_of(PURPOSES.c.kept_at)

_KEEP = """
INSERT INTO purposes (account, reference) SELECT $1, lower(one) FROM unnest($2::text[]) AS one GROUP BY lower(one)
ON CONFLICT (account, reference) DO UPDATE SET kept_at = now()
"""
_KNOWS = "SELECT EXISTS (SELECT FROM purposes WHERE account = $1 AND reference = lower($2))"


class PurposeBook(Protocol):
    """What a provider keeps purposes in: `Purposes`, or a stand-in without a database."""

    async def keep(self, account: str, references: Sequence[str]) -> None:
        """See `Purposes.keep`."""
        ...

    async def knows(self, account: str, reference: str) -> bool:
        """See `Purposes.knows`."""
        ...


class Purposes:
    """By the account's fingerprint, for three months. Upper and lower case are the same: people type these."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, account: str, references: Sequence[str]) -> None:
        """Know these from here on. Raises `NotReady`."""
        with database_of("purposes"):
            await self._database.write(_KEEP, account, references)

    async def knows(self, account: str, reference: str) -> bool:
        """Whether it is a reference of one of the account's payments. Raises `NotReady`."""
        with database_of("purposes"):
            return await self._database.reads.fetchval(_KNOWS, account, holdable(reference))
