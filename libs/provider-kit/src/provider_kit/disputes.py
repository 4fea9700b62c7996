"""What is kept of a dispute, so that its provider can be asked about it: nobody has commanded it, and nothing is sent for it."""

from malipo.contracts.provider_commands import BaseCommand
from malipo.money import Money


class Dispute(BaseCommand, frozen=True, kw_only=True):
    """A customer wants `amount` of the charge `reference` back by way of the bank. It was opened there, and is only read about."""

    reference: str
    amount: Money
