"""Reads PayPal's transaction search: what no webhook has told of payments, refunds, reversals and holds."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from prometheus_client import Counter

from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.credentials import Account
from provider_kit.errors import NotSent
from provider_kit.provider import Credentials, ParsedCallback, Unmatched
from provider_kit.sending import nothing_begun
from provider_kit.statement import Stretch, Terms
from provider_paypal import requests
from provider_paypal.account import read_account
from provider_paypal.client import PaypalClient
from provider_paypal.events import refund_report
from provider_paypal.mapping import is_missing, is_read, refuse_unsent
from provider_paypal.objects import ABOUT, REFUND, TRANSACTIONS, PaypalResponse, StatementRow
from provider_paypal.settings import STATEMENT_EVERY, STATEMENT_LATENESS
from provider_paypal.statement_rows import (
    MOST_ROWS,
    PAGE_SIZE,
    Page,
    RefundElsewhere,
    TooMany,
    by_names,
    judged,
    names_in,
    query,
    read_page,
    row_name,
)

TERMS = Terms(
    window=timedelta(days=30),  # PayPal shows three years: in this time what is pending ends
    lateness=STATEMENT_LATENESS,
    longest=timedelta(
        days=2
    ),  # of the 31 days that PayPal allows (Transaction search): a busy account's fit into its 10,000 rows
    every=STATEMENT_EVERY,
    soonest=timedelta(minutes=1),
    again=timedelta(days=1),  # for what shows later than PayPal says
)
_SHORTEST = timedelta(seconds=2)  # requests are to the second: there is no half of less
_SECOND = timedelta(seconds=1)

ROWS = Counter(
    "malipo_paypal_statement_rows",
    "Rows of accounts' statements: `known` here already, `told` on (asked about, or reported), or of `others`.",
    ("result",),
)

type Find = Callable[[Sequence[str], Sequence[str]], Awaitable[Mapping[str, OriginalAttempt]]]
"""The attempts that have these ids, or are known by these references: `knowledge.originals`."""


class PaypalStatement:
    """The statements of all accounts.

    `every`: how often each is looked at. `lateness`: how late a transaction may show in it.
    """

    def __init__(
        self,
        client: PaypalClient,
        find: Find,
        *,
        every: timedelta = TERMS.every,
        lateness: timedelta = TERMS.lateness,
    ) -> None:
        self.terms = replace(TERMS, every=every, lateness=lateness, soonest=min(every, TERMS.soonest))
        self._client = client
        self._find = find

    def is_read(self, credentials: Credentials) -> bool:
        """Always: whether the merchant's app may see it shows only when it is asked for. Raises `Misconfigured`."""
        read_account(credentials)
        return True

    async def pages(self, account: Account, stretch: Stretch) -> AsyncGenerator[Sequence[ParsedCallback]]:
        """What happened in that time and is not known here. Raises `NotSent` or `Misconfigured`.

        A time with more rows than PayPal shows is read by halves. If PayPal does not show all of what is not read again, that
        is `NotSent`, after what it shows was given.
        """
        open_times = [(_floor(stretch.since), _floor(stretch.until) + _SECOND)]
        known_until: datetime | None = None
        while open_times:
            since, until = open_times.pop()
            try:
                page = await self._page(account, since, until, 1)
            except TooMany:
                open_times += _halves(since, until)
                continue
            yield await self._reports(account, page)
            for number in range(2, page.pages + 1):
                page = await self._page(account, since, until, number)
                yield await self._reports(account, page)
            known_until = page.known_until or known_until
        if known_until is not None and known_until < _floor(stretch.again_from):
            raise NotSent("PayPal's statement does not go that far yet")

    async def _page(self, account: Account, since: datetime, until: datetime, number: int) -> Page:
        page = read_page(await self._get(account, requests.STATEMENT_PATH, query(since, until, number)))
        if page.pages > MOST_ROWS // PAGE_SIZE:
            raise TooMany
        return page

    async def _get(self, account: Account, path: str, asked: Mapping[str, str] | None = None) -> PaypalResponse:
        app = read_account(account.credentials)
        with nothing_begun("no statement from PayPal"):
            return await self._client.get(app, account.mode, path, asked)

    async def _reports(self, account: Account, page: Page) -> Sequence[ParsedCallback]:
        operations, references = names_in(page.rows)
        attempts = by_names((await self._find(sorted(operations), sorted(references))).values())
        reports = list(page.unreadable)
        for row in page.rows:
            said = judged(row, attempts, account)
            if isinstance(said, str):
                ROWS.labels(said).inc()
                continue
            ROWS.labels("told").inc()
            reports.append(await self._refund(account, row) if isinstance(said, RefundElsewhere) else said)
        return reports

    async def _refund(self, account: Account, row: StatementRow) -> ParsedCallback:
        """What PayPal says of a refund of ours that was made there: as its webhook would have, with the same time.

        An answer that is not understood is for a person, under a name of its own: it keeps no other row from being read, and the
        refund is told when a later reading understands it.
        """
        response = await self._get(account, requests.path(requests.REFUNDS_PATH, row.transaction_id))
        name, event = row_name(row), f"statement.{row.transaction_event_code}"
        if not is_missing(response):
            refuse_unsent(response)
        try:
            if is_read(response):
                return refund_report(name, event, TRANSACTIONS.decode(response.body))
        except ValueError:
            pass
        unread = Unmatched(event, {REFUND: row.transaction_id, **_about(row)})
        return ParsedCallback(f"{name}/unread", unmatched=(unread,))


def _about(row: StatementRow) -> Mapping[str, str]:
    return {ABOUT: row.paypal_reference_id} if row.paypal_reference_id else {}


def _floor(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _halves(since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    """The earlier last, as it is read first. Raises `NotSent` where there is no half."""
    if until - since < _SHORTEST:
        raise NotSent("more transactions in a moment than PayPal shows")
    middle = _floor(since + (until - since) / 2)
    return [(middle, until), (since, middle)]
