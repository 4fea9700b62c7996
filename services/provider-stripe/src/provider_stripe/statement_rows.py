"""Stripe's lists as a statement: what is asked for, and what a page of one has. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import ParsedCallback
from provider_stripe.events import parse_event
from provider_stripe.mapping import refuse_unsent
from provider_stripe.objects import LISTING, TAGGED, StripeResponse
from provider_stripe.requests import PAGE_SIZE

EVENTS_PATH, TRANSACTIONS_PATH = "/v1/events", "/v1/balance_transactions"
MOST_TYPES = 20
"""Of one list of events (docs.stripe.com/api/events/list, `types`)."""


class NotAllowed(Misconfigured):
    """The key is restricted, and may not read that list."""


type Query = dict[str, str | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Page:
    """Objects of a list, newest first; more follow after the id `after`, unless it is None."""

    objects: Sequence[msgspec.Raw]
    after: str | None


def events_within(since: datetime, until: datetime, types: Sequence[str]) -> Query:
    """Events of these types, at most `MOST_TYPES`."""
    return {**_within(since, until), "types[]": types}


def transactions_within(since: datetime, until: datetime) -> Query:
    """Balance transactions, each with what moved the balance."""
    return {**_within(since, until), "expand[]": "data.source"}


def _within(since: datetime, until: datetime) -> Query:
    """What was created in that time, both ends included: Stripe's times are to the second."""
    times = {"created[gte]": str(int(since.timestamp())), "created[lte]": str(int(until.timestamp()))}
    return {**times, "limit": PAGE_SIZE}


def read_page(response: StripeResponse, noun: str) -> Page:
    """One page. Raises `NotAllowed`, `Misconfigured`, or `NotSent` for whatever else is no page."""
    if response.status == 403:
        msg = f"The restricted key may not read {noun}: allow it in Stripe's dashboard."
        raise NotAllowed(msg)
    refuse_unsent(response)
    if response.status != 200:
        msg = f"Stripe shows no {noun}: http {response.status}"
        raise NotSent(msg)
    try:
        page = LISTING.decode(response.body)
        return Page(page.data, TAGGED.decode(page.data[-1]).id if page.has_more else None)
    except (ValueError, IndexError):  # there is more, behind nothing
        msg = f"Stripe's {noun} cannot be read"
        raise NotSent(msg) from None


def events_in(page: Page) -> list[ParsedCallback]:
    """What each event says, as its webhook would have said it, the oldest first. Raises `NotSent` for what is no event."""
    try:
        return [parse_event(bytes(raw)) for raw in reversed(page.objects)]
    except ValueError:
        raise NotSent("an event of Stripe's cannot be read") from None
