"""The promise about every payment of a shop at once: after a storm, nothing lost, nothing twice, everybody told."""

from collections import defaultdict
from collections.abc import Iterable

from chaos.load import Ledger
from chaos.merchant import accepted
from chaos.onlooker import Onlooker
from malipo_local.demo import books
from malipo_local.shop import Shop

_ENDED = ("completed", "failed", "canceled")
_ANNOUNCED = """
SELECT h.payment_id, h.event_id, h.event_sequence AS sequence FROM history h JOIN payments p ON p.id = h.payment_id
WHERE h.event_id IS NOT NULL AND p.id = ANY($1::text[]) ORDER BY h.payment_id, h.event_sequence
"""
_TWICE = """
SELECT payment_id, message_id, trigger, count(*) AS times FROM history
WHERE source <> 'deadline' AND payment_id = ANY($1::text[])
GROUP BY payment_id, message_id, coalesce(operation_id, ''), trigger HAVING count(*) > 1
"""
_SHOWN = 5


def taken(onlooker: Onlooker, shop: Shop, ledger: Ledger) -> list[str]:
    """Every broken promise, in words. Ask when the system has come to rest."""
    found = [
        *ledger.surprises,
        *_payments(shop, ledger),
        *(f"the books differ: {difference}" for difference in books.differences(shop)),
        *(f"charged twice: {payment_id}" for payment_id in books.double_charges(shop)),
        *_events(onlooker, shop, ledger),
        *(f"{count} dead letters in {topic}" for topic, count in onlooker.dead_letters().items()),
    ]
    twice = onlooker.rows("orchestrator", _TWICE, list(ledger.payments))
    return found + [f"{row['payment_id']}: {row['message_id']} was applied {row['times']} times" for row in twice]


def _payments(shop: Shop, ledger: Ledger) -> Iterable[str]:
    if ledger.accepted != ledger.wanted:
        yield f"{ledger.wanted} payments were asked for, {ledger.accepted} accepted"
    made = set(books.malipos(shop))
    if made != set(ledger.payments):
        yield f"payments that nobody knows of: {sorted(made - set(ledger.payments))[:_SHOWN]}"
        yield f"payments that are gone: {sorted(set(ledger.payments) - made)[:_SHOWN]}"


def _events(onlooker: Onlooker, shop: Shop, ledger: Ledger) -> Iterable[str]:
    announced: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in onlooker.rows("orchestrator", _ANNOUNCED, list(ledger.payments)):
        announced[row["payment_id"]][row["event_id"]] = row["sequence"]
    came: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for one in accepted(shop):
        came[one["payment_id"]].setdefault(one["id"], one["sequence"])
    for payment_id in ledger.payments:
        wanted, told = announced[payment_id], came[payment_id]
        if list(wanted.values()) != list(range(1, len(wanted) + 1)):
            yield f"{payment_id}: events are numbered {list(wanted.values())}"
        if not wanted:
            yield f"{payment_id}: nothing was ever announced"
        if list(told.items()) != list(wanted.items()):
            yield f"{payment_id}: the merchant was told {list(told.values())}, announced were {list(wanted.values())}"
