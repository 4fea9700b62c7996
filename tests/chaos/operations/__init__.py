"""The operations of the crash matrix: what merchants and their customers do, provider by provider."""

from chaos.operations import bank, cards, mpesa, paypal, setups, stripe
from chaos.operations.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *stripe.OPERATIONS,
    *cards.OPERATIONS,
    *setups.OPERATIONS,
    *mpesa.OPERATIONS,
    *paypal.OPERATIONS,
    *bank.OPERATIONS,
)
"""A provider comes with a file of its own here; `like` makes sure that what all have in common is crashed once."""
