"""Compares Malipo's book with the providers' by sums: a benchmark that loses money measures nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.system import System
from malipo.contracts.providers.mpesa import SHILLING
from malipo_local.merchant import Json

_OURS = """
SELECT count(*) AS payments, coalesce(sum(captured_minor), 0)::bigint AS captured
FROM payments WHERE id >= $1 AND state = 'completed' AND provider = $2
"""


@dataclass(frozen=True)
class _Book:
    """How a provider's book is read: what takes a payment's money, what names the payment, and how much a unit of it is, in ours."""

    title: str
    kind: str
    named: Callable[[Json], str]
    unit: int = 1


_BOOKS: Mapping[str, _Book] = {
    "stripe": _Book("Stripe", "charge", lambda effect: effect["metadata"]["malipo_payment_id"]),
    "mpesa": _Book("M-Pesa", "stk", lambda effect: effect["account_reference"], SHILLING),
    "paypal": _Book("PayPal", "capture", lambda effect: effect["order"]),
    "bank": _Book("The bank", "debit", lambda effect: effect["end_to_end_id"]),
}


def differences(system: System, first_payment: str = "") -> list[str]:
    """What the books disagree on since this payment, as text; empty when they are equal."""
    found: list[str] = []
    for provider, book in _BOOKS.items():
        [ours] = system.rows("orchestrator", _OURS, first_payment, provider)
        taken = [effect for effect in system.outside.effects(provider) if effect["kind"] == book.kind]
        if (twice := len(taken) - len({book.named(effect) for effect in taken})) > 0:
            found.append(f"{book.title}: {twice} payments were charged more than once")
        theirs = len(taken), sum(effect["amount"] for effect in taken) * book.unit
        if (ours["payments"], ours["captured"]) != theirs:
            found.append(
                f"Malipo has {ours['payments']} payments of {ours['captured']}, {book.title} has {theirs[0]} of {theirs[1]}"
            )
    return found
