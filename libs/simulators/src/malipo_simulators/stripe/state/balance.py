"""Movements of the account's balance: what they are, what they cost, and when their money can be paid out."""

from malipo_simulators.stripe.objects.ledger import BalanceTransaction, Source
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.exchange import exchanged
from malipo_simulators.stripe.state.moved import Moved

SECONDS_PENDING = 2 * 86_400
"""How long a charge's money waits: as for an account in the United States."""
DISPUTE_FEE = 1_500
FIXED_FEE = 30


def processing_fee(amount: int) -> int:
    """2.9 % and 30 of the smallest unit, whatever the currency."""
    return (amount * 29 + 500) // 1_000 + FIXED_FEE


def move_balance(change: Change, source: Source, moved: Moved) -> BalanceTransaction:
    moved = exchanged(moved, change.world.settings.settles_in)
    transaction = BalanceTransaction(
        id=change.mint("txn"),
        kind=moved.kind,
        amount=moved.amount,
        fee=moved.fee,
        currency=moved.currency,
        created=change.now,
        available_on=change.now + (0 if moved.at_once else SECONDS_PENDING),
        source=source,
        category=moved.category or moved.kind,
        clock=change.world.clock,
        description=moved.description,
        fee_description=moved.fee_description,
        exchange_rate=moved.rate,
    )
    change.account.transactions.append(transaction)
    return transaction
