"""Objects in the JSON shapes of the real API: `render` knows them all."""

from malipo_simulators.stripe.objects.render import (
    charges,
    customers,
    disputes,
    ledger,
    methods,
    payment_intents,
    refunds,
    setups,
)
from malipo_simulators.stripe.objects.render.dispatch import difference, render, render_list

__all__ = [
    "charges",
    "customers",
    "difference",
    "disputes",
    "ledger",
    "methods",
    "payment_intents",
    "refunds",
    "render",
    "render_list",
    "setups",
]
