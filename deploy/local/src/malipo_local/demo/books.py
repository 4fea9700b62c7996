"""Compares Malipo's book with those of Stripe, M-Pesa, PayPal and the bank: what each records about the money of every payment."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass

from malipo.contracts.identity import charge_id
from malipo.contracts.providers.mpesa import SHILLING
from malipo_local.bank import name_of
from malipo_local.merchant import DemoMerchant, Json
from malipo_local.paybill import reference_of

_ONCE = {"charge": "charge", "authorize": "charge", "capture": "capture"}
"""What may happen once to a payment, by the effects that do it."""


@dataclass(frozen=True, slots=True)
class BookEntry:
    """What one book records about one payment, in minor units."""

    captured: int = 0
    refunded: int = 0
    held: int = 0
    """Authorized, and neither captured nor released."""
    disputed: int = 0
    """What customers' banks have taken, and not given back."""


_CHANGES = {
    "charge": BookEntry(captured=1),
    "debit": BookEntry(captured=1),
    "return": BookEntry(captured=-1),
    "authorize": BookEntry(held=1),
    "capture": BookEntry(captured=1, held=-1),
    "release": BookEntry(held=-1),
    "refund": BookEntry(refunded=1),
    "refund_failed": BookEntry(refunded=-1),
    "dispute": BookEntry(disputed=1),
    "dispute_won": BookEntry(disputed=-1),
}
"""By how much each effect changes an entry, times its amount."""


def malipos(merchant: DemoMerchant) -> dict[str, BookEntry]:
    """Malipo's book: the merchant's own list of payments, all pages."""
    return {one["id"]: _shown(one) for one in _payments(merchant)}


def stripes(merchant: DemoMerchant) -> dict[str, BookEntry]:
    """Stripe's book, added up from its effects by the payment ids that Malipo gave it."""
    entries: dict[str, BookEntry] = {}
    for effect in _stripe_effects(merchant):
        payment_id = effect["metadata"]["malipo_payment_id"]
        before = entries.get(payment_id, BookEntry())
        entries[payment_id] = _add(before, effect["kind"], effect["amount"])
    return entries


def mpesas(merchant: DemoMerchant) -> dict[str, BookEntry]:
    """The PayBill's book, by the payments that have its receipts or are called by its references; else by receipt."""
    payments = list(_payments(merchant))
    by_receipt = {one["provider_reference"]: one["id"] for one in payments}
    by_reference = {reference_of(one["id"]): one["id"] for one in payments}
    entries: dict[str, BookEntry] = {}
    for effect in merchant.paybill.effects():
        receipt = effect["original"] or effect["receipt"]
        owner = by_receipt.get(receipt) or by_reference.get(effect["account_reference"]) or receipt
        kind = "refund" if effect["kind"] == "reversal" else "charge"
        entries[owner] = _add(entries.get(owner, BookEntry()), kind, effect["amount"] * SHILLING)
    return entries


def paypals(merchant: DemoMerchant) -> dict[str, BookEntry]:
    """The book of the merchant's account at PayPal, by the payments whose charges its orders are; else by order."""
    effects = _paypal_effects(merchant)
    owners = {charge_id(one["id"], 1): one["id"] for one in _payments(merchant)} if effects else {}
    entries: dict[str, BookEntry] = {}
    for effect in effects:
        owner = owners.get(effect["charge"], effect["order"])
        entries[owner] = _add(entries.get(owner, BookEntry()), effect["kind"], effect["amount"])
    return entries


def banks(merchant: DemoMerchant) -> dict[str, BookEntry]:
    """The book of the merchant's account at the bank, by the payments that its transfers are named after; else by that name."""
    effects = merchant.bank.effects()
    owners = {name_of(one["id"]): one["id"] for one in _payments(merchant)} if effects else {}
    entries: dict[str, BookEntry] = {}
    for effect in effects:
        owner = owners.get(effect["end_to_end_id"], effect["end_to_end_id"])
        entries[owner] = _add(entries.get(owner, BookEntry()), effect["kind"], effect["amount"])
    return entries


def differences(merchant: DemoMerchant) -> list[str]:
    """Every payment on which the books differ, as text; empty when they are equal."""
    ours = malipos(merchant)
    theirs = stripes(merchant) | mpesas(merchant) | paypals(merchant) | banks(merchant)
    nothing = BookEntry()
    return [
        f"{payment_id}: Malipo has {ours.get(payment_id, nothing)}, its provider has {theirs.get(payment_id, nothing)}"
        for payment_id in sorted(ours.keys() | theirs.keys())
        if ours.get(payment_id, nothing) != theirs.get(payment_id, nothing)
    ]


def double_charges(merchant: DemoMerchant) -> list[str]:
    """Payments that were charged or authorized more than once, or captured more than once."""
    done = Counter(
        (e["metadata"]["malipo_payment_id"], _ONCE[e["kind"]]) for e in _stripe_effects(merchant) if e["kind"] in _ONCE
    )
    done += Counter((e["account_reference"], "prompt") for e in merchant.paybill.effects() if e["kind"] == "stk")
    done += Counter((e["charge"], "charge") for e in _paypal_effects(merchant) if _ONCE.get(e["kind"]) == "charge")
    done += Counter((e["end_to_end_id"], "debit") for e in merchant.bank.effects() if e["kind"] == "debit")
    return sorted({name for (name, _), times in done.items() if times > 1})


def _stripe_effects(merchant: DemoMerchant) -> list[Json]:
    """Those of Malipo's payments, and not of another system's of the merchant, which says so."""
    return [one for one in merchant.stripe_book()["effects"] if "other_system" not in one["metadata"]]


def _paypal_effects(merchant: DemoMerchant) -> list[Json]:
    """As in the account's book, but that a capture of what was never held is a charge."""
    effects = merchant.paypal.effects()
    held = {effect["order"] for effect in effects if effect["kind"] == "authorize"}
    return [e | {"kind": "charge"} if e["kind"] == "capture" and e["order"] not in held else e for e in effects]


def _payments(merchant: DemoMerchant) -> Iterator[Json]:
    params: dict[str, str | int] = {"limit": 100}
    while True:
        page: Json = merchant.api.get("/v1/payments", params=params).raise_for_status().json()
        yield from page["data"]
        if not page["next_cursor"]:
            return
        params["cursor"] = page["next_cursor"]


def _shown(payment: Json) -> BookEntry:
    held = payment["amount"] - payment["amount_captured"] if payment["status"] == "authorized" else 0
    return BookEntry(payment["amount_captured"], payment["amount_refunded"], held, payment["amount_disputed"])


def _add(entry: BookEntry, kind: str, amount: int) -> BookEntry:
    by = _CHANGES.get(kind, BookEntry())
    return BookEntry(*(was + change * amount for was, change in zip(astuple(entry), astuple(by), strict=True)))
