"""What genuine callbacks report that matches no operation: recorded, counted, and alerted if an object of ours is named."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import Counter

from malipo.messaging.pool import Queries
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import insert, purge_of
from malipo.platform.logs import log
from provider_kit import tables
from provider_kit.credentials import MerchantCredentials
from provider_kit.provider import CallbackOutcome, ParsedCallback, Unmatched

Concerns = Literal["ours", "claimed", "unclear", "others"]
"""Whom an unmatched report concerns. `ours`: it names an object that an operation of ours has made. `claimed`: it carries
an operation's tags, and there is no such operation here. `unclear`: it names nothing that could be looked up. These three
are alerted. `others`: another system of the same account did it; no alert.
"""

UNMATCHED = Counter(
    "malipo_provider_unmatched",
    "Genuine reports that match no operation, by whom they concern: `ours`, `claimed` and `unclear` need a person.",
    ("provider", "concerns"),
)
OTHERS_DAYS = 100
PURGE = purge_of(tables.UNMATCHED.c.received_at, only="concerns = 'others'")

_RECORD = insert(tables.UNMATCHED, "ON CONFLICT DO NOTHING")
_MADE_HERE = "SELECT DISTINCT merchant_id, reference FROM attempts WHERE reference = ANY($1::text[])"
_MAX_CHARS = 255
_MAX_REFERENCES = 20


@dataclass(frozen=True, slots=True)
class CallbackOrigin:
    """Where a genuine callback came from, and its id."""

    credential_id: str
    merchant: MerchantCredentials
    callback_id: str


def holdable(text: str) -> str:
    """The text, or its SHA-256 when PostgreSQL cannot hold it, or it is longer than any id."""
    plain = text.encode(errors="surrogatepass")
    if len(text) <= _MAX_CHARS and "\0" not in text and plain == text.encode(errors="replace"):
        return text
    return f"sha256:{hashlib.sha256(plain).hexdigest()}"


def held(parsed: ParsedCallback) -> ParsedCallback:
    """The callback, as far as it can be stored: an id that cannot be is none of ours, and its hash is kept."""
    storable = [reported for reported in parsed.outcomes if holdable(reported.operation_id) == reported.operation_id]
    claimed = [unknown_operation(reported) for reported in parsed.outcomes if reported not in storable]
    others = [*map(_held, parsed.unmatched), *claimed]
    return ParsedCallback(holdable(parsed.callback_id), storable, others)


def unknown_operation(reported: CallbackOutcome) -> Unmatched:
    """What is kept of an outcome that carries an operation's tags when there is no such operation."""
    references = {"operation": reported.operation_id, reported.kind: reported.outcome.reference or ""}
    return _held(Unmatched(f"malipo.{reported.kind}", {name: value for name, value in references.items() if value}))


async def made_here(source: Queries, unmatched: Sequence[Unmatched]) -> set[tuple[str, str]]:
    """Of all ids that these reports name, those of objects that an operation made: merchant's id and object's id."""
    references = sorted({reference for one in unmatched for reference in one.references.values()})
    if not references:
        return set()
    return {(row["merchant_id"], row["reference"]) for row in await source.fetch(_MADE_HERE, references)}


def record(
    unit: UnitOfWork, provider: str, origin: CallbackOrigin, unmatched: Sequence[Unmatched], ours: set[tuple[str, str]]
) -> None:
    """Put these reports of one callback into the unit of work; after the commit they are counted and alerted."""
    for number, one in enumerate(unmatched):
        concerns = _concerns(one, origin.merchant.merchant_id, ours)
        amount = (one.amount.amount_minor, one.amount.currency) if one.amount else (None, None)
        place = origin.credential_id, origin.callback_id, number, origin.merchant.merchant_id, origin.merchant.mode
        unit.put(_RECORD, [(*place, one.event_type, dict(one.references), *amount, concerns)])
        unit.after_commit(lambda one=one, concerns=concerns: _alert(provider, origin, one, concerns))


def _held(one: Unmatched) -> Unmatched:
    some = list(one.references.items())[:_MAX_REFERENCES]
    references = {holdable(name): holdable(reference) for name, reference in some}
    return Unmatched(holdable(one.event_type), references, one.amount)


def _concerns(one: Unmatched, merchant_id: str, ours: set[tuple[str, str]]) -> Concerns:
    if any((merchant_id, reference) in ours for reference in one.references.values()):
        return "ours"
    if "operation" in one.references:
        return "claimed"
    return "others" if one.references else "unclear"


def _alert(provider: str, origin: CallbackOrigin, one: Unmatched, concerns: Concerns) -> None:
    UNMATCHED.labels(provider, concerns).inc()
    write = log.info if concerns == "others" else log.error
    write(
        "unmatched callback",
        provider=provider,
        concerns=concerns,
        merchant_id=origin.merchant.merchant_id,
        callback_id=origin.callback_id,
        event_type=one.event_type,
        references=dict(one.references),
    )
