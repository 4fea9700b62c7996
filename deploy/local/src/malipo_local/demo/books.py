"""Compares Malipo's books with Stripe's: what each says happened to the money of every payment."""

from dataclasses import dataclass

from malipo_local.shop import Json, Shop


@dataclass(frozen=True, slots=True)
class Entry:
    """What one book says of one payment, in minor units."""

    captured: int
    refunded: int


def malipos(shop: Shop) -> dict[str, Entry]:
    """Malipo's book: the merchant's own list of payments, all pages."""
    entries: dict[str, Entry] = {}
    params: dict[str, str | int] = {"limit": 100}
    while True:
        page: Json = shop.api.get("/v1/payments", params=params).raise_for_status().json()
        entries |= {one["id"]: Entry(one["amount_captured"], one["amount_refunded"]) for one in page["data"]}
        if not page["next_cursor"]:
            return entries
        params["cursor"] = page["next_cursor"]


def stripes(shop: Shop) -> dict[str, Entry]:
    """Stripe's book, added up from its effects by the payment ids that Malipo gave it."""
    entries: dict[str, Entry] = {}
    for effect in shop.book()["effects"]:
        payment_id = effect["metadata"]["malipo_payment_id"]
        before = entries.get(payment_id, Entry(0, 0))
        entries[payment_id] = _add(before, effect["kind"], effect["amount"])
    return entries


def differences(shop: Shop) -> list[str]:
    """Every payment on which the books disagree, in words; empty when they are equal."""
    ours, theirs = malipos(shop), stripes(shop)
    nothing = Entry(0, 0)
    return [
        f"{payment_id}: Malipo says {ours.get(payment_id, nothing)}, Stripe says {theirs.get(payment_id, nothing)}"
        for payment_id in sorted(ours.keys() | theirs.keys())
        if ours.get(payment_id, nothing) != theirs.get(payment_id, nothing)
    ]


def double_charges(shop: Shop) -> list[str]:
    """Payments that were charged more than once."""
    charged = [e["metadata"]["malipo_payment_id"] for e in shop.book()["effects"] if e["kind"] in ("charge", "capture")]
    return sorted({payment_id for payment_id in charged if charged.count(payment_id) > 1})


def _add(entry: Entry, kind: str, amount: int) -> Entry:
    match kind:
        case "charge" | "capture":
            return Entry(entry.captured + amount, entry.refunded)
        case "refund":
            return Entry(entry.captured, entry.refunded + amount)
        case "refund_failed":
            return Entry(entry.captured, entry.refunded - amount)
        case _:
            return entry
