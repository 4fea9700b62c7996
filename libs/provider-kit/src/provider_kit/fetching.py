"""Reports that we fetch, since no callback brings them or one was lost: a statement, a list of an account's transactions."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from malipo.messaging.database import Database
from malipo.platform.logs import log
from malipo.platform.secrets import SecretUnreadable
from provider_kit.credentials import Account, CredentialStore, NoCredentials
from provider_kit.door import Door
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import ParsedCallback

LOOK_SECONDS = 60.0
FETCH_SECONDS = 60.0
"""The longest time that one account may take in a round."""

type Fetch = Callable[[Account], Awaitable[Sequence[ParsedCallback]]]
"""What an account has to report, each transaction with the provider's id of it as `callback_id`.

It is called for every account again and again, by each replica, and may return what it has returned before: each id is taken
once. It keeps to the provider's limits itself. Raises `NotSent` or `Misconfigured`.
"""


class Fetching:
    """Fetches what the accounts of one provider report, and hands it to the door that callbacks come through."""

    def __init__(self, provider: str, credentials: CredentialStore, door: Door, fetch: Fetch) -> None:
        self._provider = provider
        self._credentials = credentials
        self._door = door
        self._fetch = fetch

    async def look(self, _: Database) -> bool:
        """One round of all accounts, one after the other. One that fails is logged, and stops no other."""
        for credential_id in await self._credentials.ids():
            try:
                async with asyncio.timeout(FETCH_SECONDS):
                    await self._take(credential_id)
            except NoCredentials:
                continue  # deleted meanwhile
            except (TimeoutError, NotSent, Misconfigured, SecretUnreadable) as error:
                facts = {"provider": self._provider, "credential_id": credential_id}
                log.warning("nothing fetched", error=type(error).__name__, **facts)
        return False

    async def _take(self, credential_id: str) -> None:
        account = await self._credentials.by_id(credential_id)
        for report in await self._fetch(account):
            # A callback of the same id was perhaps not believed: what is fetched is, and is another report.
            await self._door.take(account, replace(report, callback_id=f"fetched/{report.callback_id}"))
