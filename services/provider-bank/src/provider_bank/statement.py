"""Reads what no webhook has told: payments by the time of their last change, and the statements of the bank's days."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import batched

from prometheus_client import Counter

from malipo import clock
from malipo.contracts.outcomes import Reversed
from malipo.platform.logs import log
from provider_bank import requests
from provider_bank.account import Access, access_of
from provider_bank.client import BankClient
from provider_bank.mapping import OK, is_missing, outcome_of_payment, refuse_unsent
from provider_bank.objects import (
    PAYMENT,
    PAYMENTS,
    PAYMENTS_PATH,
    ROWS,
    STATEMENTS,
    STATEMENTS_PATH,
    BankResponse,
    Entry,
    Payment,
    Rows,
    Statement,
)
from provider_bank.partners import Partner
from provider_bank.statement_rows import (
    CameBack,
    booked_again,
    by_names,
    days_ready,
    holdable_names,
    is_balanced,
    is_news,
    judged,
    names_in,
    payments_in,
    report_of,
    returned,
)
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.credentials import Account
from provider_kit.errors import NotSent
from provider_kit.provider import CallbackOutcome, Credentials, ParsedCallback
from provider_kit.reading import moment
from provider_kit.sending import ResponseTooLong, Silence
from provider_kit.statement import Stretch, Terms

TERMS = Terms(
    window=timedelta(days=14),  # in this time what Zelle's recipients leave unclaimed comes back
    lateness=timedelta(minutes=5),  # the list shows every change at once: that is for clocks that differ
    longest=timedelta(days=1),
    every=timedelta(minutes=5),
    soonest=timedelta(seconds=30),
    again=timedelta(days=1),
)
PAGE_SIZE = 500
_MOST_PAGES = 1000
_MOST_AT_ONCE = 500

DAYS = Counter(
    "malipo_bank_statements",
    "Statements of accounts' days that were read: `balanced`, `unbalanced` (alert on any: nothing of it is believed), or"
    " `missing` for one that the bank does not show yet.",
    ("result",),
)
ENTRIES = Counter(
    "malipo_bank_statement_entries",
    "Entries of such statements, each time that they are read: `matched` with what is known here, `told` on (asked about, reported"
    " as returned, or kept as money that nothing explains), `fee`, or of `others`.",
    ("result",),
)
DAYS.labels("unbalanced")  # an alert on the first needs a zero before it

type Find = Callable[[Sequence[str], Sequence[str]], Awaitable[Mapping[str, OriginalAttempt]]]
"""The attempts that have these ids, or are known by these references: `knowledge.originals`."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One look at one account."""

    account: Account
    access: Access


class BankStatement:
    """What all accounts' banks show by themselves. `every`: how often each is looked at."""

    def __init__(
        self,
        client: BankClient,
        partners: Mapping[str, Partner],
        find: Find,
        *,
        every: timedelta = TERMS.every,
    ) -> None:
        self.terms = replace(TERMS, every=every, soonest=min(every, TERMS.soonest))
        self._client = client
        self._partners = partners
        self._find = find

    def is_read(self, credentials: Credentials) -> bool:
        """Whether its bank shows it: each partner does, in its own mode. Raises `Misconfigured`."""
        del credentials
        return True

    async def pages(self, account: Account, stretch: Stretch) -> AsyncGenerator[Sequence[ParsedCallback]]:
        """What changed in that time and is not known here, and what was booked on the days whose statements came in it.

        Raises `NotSent` or `Misconfigured`.
        """
        reading = _Reading(account, access_of(account.credentials, account.mode, self._partners))
        # Of the latest time all is read: the bank's clock may be ahead of ours.
        until = None if stretch.again_from < stretch.until else stretch.until
        async for payments, unreadable in self._changed(reading, stretch.since, until):
            yield [*await self._news(reading, payments), *unreadable]
        for day in days_ready(stretch.since, stretch.until):
            entries = await self._day(reading, day)
            again = booked_again(entries)
            for some in batched(entries, _MOST_AT_ONCE):
                yield await self._booked(reading, some, again)

    async def _changed(
        self, reading: _Reading, since: datetime, until: datetime | None
    ) -> AsyncGenerator[tuple[Sequence[Payment], Sequence[ParsedCallback]]]:
        """The account's payments, page by page, and reports of what can be read as none."""
        asked = {"updated_after": clock.iso(since), "limit": str(PAGE_SIZE)}
        for _ in range(_MOST_PAGES):
            page = _page_in(await self._get(reading, PAYMENTS_PATH, asked))
            payments, unreadable = payments_in(page.data)
            own = reading.access.account.debtor_account_id
            yield [one for one in payments if one.debtor_account_id == own], unreadable
            last = moment(payments[-1].updated_at) if payments else None
            if page.next_cursor is None or (until is not None and last is not None and last > until):
                return
            asked = {**asked, "cursor": page.next_cursor}
        raise NotSent("more payments at the bank than are read at once")

    async def _news(self, reading: _Reading, payments: Sequence[Payment]) -> Sequence[ParsedCallback]:
        names = holdable_names(name for one in payments for name in (one.id, one.end_to_end_id))
        known = by_names((await self._find([], sorted(names))).values())
        return [report_of(one) for one in payments if is_news(one, known, reading.account)]

    async def _day(self, reading: _Reading, day: date) -> Sequence[Entry]:
        """What was booked that day; nothing of a statement that does not add up, or is not there: it is read once more later."""
        own = reading.access.account.debtor_account_id
        asked = {"date": day.isoformat(), "debtor_account_id": own}
        response = await self._get(reading, STATEMENTS_PATH, asked, missing=True)
        if is_missing(response):
            DAYS.labels("missing").inc()
            log.warning("the bank shows no statement", credential_id=reading.account.id, day=day.isoformat())
            return ()
        statement = _statement_in(response)
        if statement is None or statement.debtor_account_id not in ("", own) or not is_balanced(statement):
            DAYS.labels("unbalanced").inc()
            log.error("the bank's statement does not add up", credential_id=reading.account.id, day=day.isoformat())
            return ()
        DAYS.labels("balanced").inc()
        return statement.entries

    async def _booked(
        self, reading: _Reading, entries: Sequence[Entry], again: AbstractSet[str]
    ) -> Sequence[ParsedCallback]:
        known = by_names((await self._find([], sorted(names_in(entries)))).values())
        reports: list[ParsedCallback] = []
        for entry in entries:
            said = judged(entry, known, reading.account, again=entry.id in again)
            ENTRIES.labels(said if isinstance(said, str) else "told").inc()
            if not isinstance(said, str):
                reports.append(await self._why(reading, said) if isinstance(said, CameBack) else said)
        return reports

    async def _why(self, reading: _Reading, came_back: CameBack) -> ParsedCallback:
        """That the money came back, with the reason that the payment shows; the booked entry is believed in any case."""
        payment = _payment_in(await self._get(reading, requests.payment(came_back.payment_id), missing=True))
        shown = None
        if payment is not None and (payment.id, payment.status) == (came_back.payment_id, "returned"):
            shown = outcome_of_payment(payment)
        outcome = shown if isinstance(shown, Reversed) else returned(came_back)
        about = {PAYMENT: came_back.payment_id}
        report = CallbackOutcome(kind="charge", operation_id=came_back.operation_id, references=about, outcome=outcome)
        return ParsedCallback(f"entry/{came_back.entry.id}", (report,))

    async def _get(
        self, reading: _Reading, path: str, asked: Mapping[str, str] | None = None, *, missing: bool = False
    ) -> BankResponse:
        """The response to what the account may read; also that there is no such thing, where it may be `missing`."""
        try:
            response = await self._client.get(reading.access, path, asked)
        except (Silence, ResponseTooLong) as error:
            msg = f"no statement from the bank: {str(error) or 'too long'}"
            raise NotSent(msg) from None
        refuse_unsent(response)
        if response.status != OK and not (missing and is_missing(response)):
            msg = f"no statement from the bank: http {response.status}"
            raise NotSent(msg)
        return response


def _page_in(response: BankResponse) -> Rows:
    try:
        return ROWS.decode(response.body)
    except ValueError:
        raise NotSent("the bank's list of payments cannot be read") from None


def _payment_in(response: BankResponse) -> Payment | None:
    """The payment, if there is one that can be read."""
    try:
        return PAYMENTS.decode(response.body)
    except ValueError:
        return None


def _statement_in(response: BankResponse) -> Statement | None:
    """The statement, if it can be read with all its amounts."""
    try:
        statement = STATEMENTS.decode(response.body)
        is_balanced(statement)
    except ValueError:
        return None
    return statement
