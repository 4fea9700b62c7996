"""Reads M-Pesa's Pull Transactions: all that a short code was paid, whether or not a callback has told it."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import timedelta

from provider_kit.credentials import Account
from provider_kit.errors import NotSent
from provider_kit.provider import Credentials, ParsedCallback
from provider_kit.sending import nothing_begun
from provider_kit.statement import Stretch, Terms
from provider_mpesa.account import MpesaAccount, read_account, read_keys
from provider_mpesa.client import MpesaClient
from provider_mpesa.requests import PULL_QUERY, pull_query
from provider_mpesa.settings import STATEMENT_EVERY, STATEMENT_LATENESS
from provider_mpesa.statement_rows import Page, read_page

TERMS = Terms(
    window=timedelta(hours=47, minutes=50),  # of 48: clocks differ
    lateness=STATEMENT_LATENESS,
    longest=timedelta(hours=2),
    every=STATEMENT_EVERY,
    soonest=timedelta(seconds=10),
    again=timedelta(hours=1),
)
_MOST_PAGES = 1000


class MpesaStatement:
    """The statements of all accounts that a phone number is nominated for; each app sends so many queries a minute.

    `every`: how often each is looked at. `lateness`: how late a transaction may show in it.
    """

    def __init__(
        self,
        client: MpesaClient,
        *,
        queries_per_minute: int,
        every: timedelta = TERMS.every,
        lateness: timedelta = TERMS.lateness,
    ) -> None:
        self.terms = replace(TERMS, every=every, lateness=lateness, soonest=min(every, TERMS.soonest))
        self._client = client
        self._pause_seconds = 60 / queries_per_minute

    def is_read(self, credentials: Credentials) -> bool:
        """Whether the merchant has Pull Transactions. Raises `Misconfigured`."""
        return read_keys(credentials).pull_number is not None

    async def pages(self, account: Account, stretch: Stretch) -> AsyncGenerator[Sequence[ParsedCallback]]:
        """What the account was paid in that time. Raises `NotSent` or `Misconfigured`.

        `OffSetValue` is a number of rows, and how many an answer has at the most is not documented. Late rows that come in
        between move others to later places, so that some are read twice.
        """
        of_account = read_account(account.credentials, account.mode)
        known: set[str] = set()
        read = longest = 0
        for _ in range(_MOST_PAGES):
            await self._client.turn(of_account, self._pause_seconds)
            page = await self._page(of_account, stretch, read)
            new = set(page.names) - known
            yield page.reports
            if not new or len(page.names) < longest:
                return
            known |= new
            read, longest = read + len(page.names), len(page.names)
        raise NotSent("more pages than are ever read")

    async def _page(self, account: MpesaAccount, stretch: Stretch, offset: int) -> Page:
        with nothing_begun("no statement from M-Pesa"):
            response = await self._client.call(account, PULL_QUERY, pull_query(account, stretch, offset))
        return read_page(response, stretch)
