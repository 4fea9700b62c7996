"""Compares Malipo's book with Stripe's by sums: a benchmark that loses money measures nothing."""

from bench.system import System

_OURS = """
SELECT count(*) AS payments, coalesce(sum(captured_minor), 0)::bigint AS captured
FROM payments WHERE id >= $1 AND state = 'completed'
"""


def differences(system: System, first_payment: str = "") -> list[str]:
    """What the books disagree on since this payment, as text; empty when they are equal."""
    [ours] = system.rows("orchestrator", _OURS, first_payment)
    charges = [effect for effect in system.outside.effects() if effect["kind"] == "charge"]
    charged = {effect["metadata"]["malipo_payment_id"] for effect in charges}
    found: list[str] = []
    if len(charged) != len(charges):
        found.append(f"{len(charges) - len(charged)} payments were charged more than once")
    if (ours["payments"], ours["captured"]) != (len(charges), sum(effect["amount"] for effect in charges)):
        found.append(f"Malipo has {ours['payments']} payments of {ours['captured']}, Stripe has {len(charges)} charges")
    return found
