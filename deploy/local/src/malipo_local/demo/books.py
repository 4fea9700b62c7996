"""Compares Malipo's book with Stripe's: what each records about the money of every payment."""

from collections import Counter
from dataclasses import dataclass, replace

from malipo_local.merchant import DemoMerchant, Json

_ONCE = {"charge": "charge", "authorize": "charge", "capture": "capture"}
"""What may happen once to a payment, by the effects that do it."""


@dataclass(frozen=True, slots=True)
class BookEntry:
    """What one book records about one payment, in minor units."""

    captured: int = 0
    refunded: int = 0
    held: int = 0
    """Authorized, and neither captured nor released."""


def malipos(merchant: DemoMerchant) -> dict[str, BookEntry]:
    """Malipo's book: the merchant's own list of payments, all pages."""
    entries: dict[str, BookEntry] = {}
    params: dict[str, str | int] = {"limit": 100}
    while True:
        page: Json = merchant.api.get("/v1/payments", params=params).raise_for_status().json()
        entries |= {one["id"]: _shown(one) for one in page["data"]}
        if not page["next_cursor"]:
            return entries
        params["cursor"] = page["next_cursor"]


def stripes(merchant: DemoMerchant) -> dict[str, BookEntry]:
    """Stripe's book, added up from its effects by the payment ids that Malipo gave it."""
    entries: dict[str, BookEntry] = {}
    for effect in merchant.book()["effects"]:
        payment_id = effect["metadata"]["malipo_payment_id"]
        before = entries.get(payment_id, BookEntry())
        entries[payment_id] = _add(before, effect["kind"], effect["amount"])
    return entries


def differences(merchant: DemoMerchant) -> list[str]:
    """Every payment on which the books differ, as text; empty when they are equal."""
    ours, theirs = malipos(merchant), stripes(merchant)
    nothing = BookEntry()
    return [
        f"{payment_id}: Malipo has {ours.get(payment_id, nothing)}, Stripe has {theirs.get(payment_id, nothing)}"
        for payment_id in sorted(ours.keys() | theirs.keys())
        if ours.get(payment_id, nothing) != theirs.get(payment_id, nothing)
    ]


def double_charges(merchant: DemoMerchant) -> list[str]:
    """Payments that were charged or authorized more than once, or captured more than once."""
    effects = merchant.book()["effects"]
    done = Counter((e["metadata"]["malipo_payment_id"], _ONCE[e["kind"]]) for e in effects if e["kind"] in _ONCE)
    return sorted({payment_id for (payment_id, _), times in done.items() if times > 1})


def _shown(payment: Json) -> BookEntry:
    held = payment["amount"] if payment["status"] == "authorized" else 0
    return BookEntry(payment["amount_captured"], payment["amount_refunded"], held)


def _add(entry: BookEntry, kind: str, amount: int) -> BookEntry:
    match kind:
        case "charge":
            return replace(entry, captured=entry.captured + amount)
        case "authorize":
            return replace(entry, held=entry.held + amount)
        case "capture":
            return replace(entry, captured=entry.captured + amount, held=entry.held - amount)
        case "release":
            return replace(entry, held=entry.held - amount)
        case "refund":
            return replace(entry, refunded=entry.refunded + amount)
        case "refund_failed":
            return replace(entry, refunded=entry.refunded - amount)
        case _:
            return entry
