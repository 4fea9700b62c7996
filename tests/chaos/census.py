"""The promise about all payments of a merchant: after a storm nothing is lost or done twice, every event delivered."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chaos import trails
from chaos.customers.customer import Due, Ledger
from chaos.merchant import accepted
from chaos.onlooker import Onlooker, Row
from chaos.trails import Trail
from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant

_AMOUNTS = """
SELECT id AS payment_id, view->>'status' AS status, (view->>'amount_captured')::bigint AS captured,
       (view->>'amount_refunded')::bigint AS refunded
FROM payments WHERE id = ANY($1::text[])
"""
_TIMELINES = """
SELECT payment_id, id, entry->>'cause' AS cause, kind = 'webhook' AND entry->>'result' = 'delivered' AS delivered
FROM timeline WHERE payment_id = ANY($1::text[])
"""
_SHOWN = 5


@dataclass(frozen=True)
class Census:
    """How many payments have ended, in the orchestrator and in the gateway, and every broken promise, as text."""

    ended: int
    broken: list[str]


def count(onlooker: Onlooker, merchant: DemoMerchant, ledger: Ledger) -> Census:
    """Count the payments of the ledger and check each against the promise, once the system has come to rest."""
    found = trails.read(onlooker, ledger.payments, accepted(merchant))
    broken = [
        *ledger.surprises,
        *_payments(merchant, ledger),
        *(f"the books differ: {difference}" for difference in books.differences(merchant)),
        *(f"charged twice: {payment_id}" for payment_id in books.double_charges(merchant)),
        *(
            f"asked twice: {payment_id}"
            for payment_id in ledger.payments
            if len(merchant.paybill.prompts(payment_id)) > 1
        ),
        *(f"{payment_id}: {what}" for payment_id, trail in found.items() for what in trails.differences(trail)),
        *_dues(onlooker, ledger),
        *_timelines(onlooker, found),
        *trails.repeated(onlooker, ledger.payments),
        *trails.contradicted(onlooker, ledger.payments),
        *(f"{count} dead letters in {topic}" for topic, count in onlooker.dead_letters().items()),
    ]
    return Census(sum(trail.ended for trail in found.values()), broken)


def _payments(merchant: DemoMerchant, ledger: Ledger) -> Iterable[str]:
    if ledger.accepted != ledger.wanted:
        yield f"{ledger.wanted} payments were requested, {ledger.accepted} accepted"
    made = set(books.malipos(merchant))
    if made != set(ledger.payments):
        yield f"payments that no request made: {sorted(made - set(ledger.payments))[:_SHOWN]}"
        yield f"payments that are gone: {sorted(set(ledger.payments) - made)[:_SHOWN]}"


def _dues(onlooker: Onlooker, ledger: Ledger) -> Iterable[str]:
    for row in onlooker.rows("gateway", _AMOUNTS, list(ledger.payments)):
        payment_id, shown = row["payment_id"], Due(row["status"], row["captured"], row["refunded"])
        if shown != (due := ledger.payments[payment_id]):
            yield f"{payment_id}: the gateway shows it {shown}; it should be {due}"


def _timelines(onlooker: Onlooker, found: Mapping[str, Trail]) -> Iterable[str]:
    entries: defaultdict[str, list[Row]] = defaultdict(list)
    for row in onlooker.rows("gateway", _TIMELINES, list(found)):
        entries[row["payment_id"]].append(row)
    for payment_id, trail in found.items():
        yield from (f"{payment_id}: {what}" for what in timeline(trail, entries[payment_id]))


def timeline(trail: Trail, entries: Sequence[Row]) -> Iterable[str]:
    """What a payment's timeline lacks, as text: a step, the cause of an entry, or the delivery of an event.

    Entries are rows of `id`, `cause` and whether it is a webhook that was `delivered`, whose cause is its event.
    """
    events = {event.id for event in trail.published}
    steps = {f"step-{number}" for number in range(1, trail.owned.step + 1)} if trail.owned else set[str]()
    led = {entry["cause"] for entry in entries} - {None}
    if lacking := (steps | led) - events - {entry["id"] for entry in entries}:
        yield f"the timeline lacks {sorted(lacking)}"
    if silent := events - {entry["cause"] for entry in entries if entry["delivered"]}:
        yield f"the timeline has no webhook of {sorted(silent)} that was delivered"
