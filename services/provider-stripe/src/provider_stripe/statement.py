"""Reads an account's events at Stripe, as its webhooks would have brought them, and what has moved its balance, with fees."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import batched

from malipo.contracts.providers.stripe import EVENT_TYPES
from malipo.platform.logs import log
from provider_kit.credentials import Account
from provider_kit.errors import NotSent
from provider_kit.provider import Credentials
from provider_kit.sending import nothing_begun
from provider_kit.statement import Entry, Stretch, Terms
from provider_stripe.balance import movements_in
from provider_stripe.client import StripeClient, identity, secret_key
from provider_stripe.settings import STATEMENT_EVERY
from provider_stripe.statement_rows import (
    EVENTS_PATH,
    MOST_TYPES,
    TRANSACTIONS_PATH,
    NotAllowed,
    Page,
    Query,
    events_in,
    events_within,
    read_page,
    transactions_within,
)

TERMS = Terms(
    window=timedelta(days=30),  # docs.stripe.com/api/events/list
    lateness=timedelta(minutes=6),  # longer than Stripe's clock and ours may differ (`CLOCK_SKEW`)
    longest=timedelta(days=1),
    every=STATEMENT_EVERY,
    soonest=timedelta(minutes=1),
    again=timedelta(days=30),  # Stripe shows an event at once: twice is enough, and costs no more than once
    callbacks=True,
)
_MOST_PAGES = 5_000  # of one list in one look: half a million objects, more than the kit has the time for


class StripeStatement:
    """The lists of all accounts. `every`: how often each is looked at."""

    def __init__(self, client: StripeClient, *, every: timedelta = TERMS.every) -> None:
        self.terms = replace(TERMS, every=every, soonest=min(every, TERMS.soonest))
        self._client = client
        self._told = set[str]()

    def is_read(self, credentials: Credentials) -> bool:
        """Always. Raises `Misconfigured`."""
        identity(credentials)
        return True

    async def pages(self, account: Account, stretch: Stretch) -> AsyncGenerator[Sequence[Entry]]:
        """The events of that time, then what moved the balance then, be it of earlier charges. Raises `NotSent` or `Misconfigured`."""
        for types in batched(EVENT_TYPES, MOST_TYPES):
            query = events_within(stretch.since, stretch.until, types)
            async for page in self._listed(account, EVENTS_PATH, query, "events"):
                yield events_in(page)
        try:
            query = transactions_within(stretch.since, stretch.until)
            async for page in self._listed(account, TRANSACTIONS_PATH, query, "balance transactions"):
                yield movements_in(page.objects)
        except NotAllowed as error:
            self._tell_once(account, str(error))

    def _tell_once(self, account: Account, why: str) -> None:
        """Fees are not known then, and nothing else is missing: no reason to look again."""
        if account.id not in self._told:
            self._told.add(account.id)
            log.warning("balance not shown", provider="stripe", credential_id=account.id, error=why)

    async def _listed(self, account: Account, path: str, query: Query, noun: str) -> AsyncGenerator[Page]:
        key = secret_key(account.credentials, account.mode)
        for _ in range(_MOST_PAGES):
            with nothing_begun(f"no {noun} from Stripe"):
                response = await self._client.get(key, path, query)
            page = read_page(response, noun)
            yield page
            if page.after is None:
                return
            query = {**query, "starting_after": page.after}
        msg = f"more {noun} than are read in one look"
        raise NotSent(msg)
