"""What moved the balance of a merchant's account at a provider, and what it cost: fee and net, in the currency that the account is kept in."""

from typing import Literal

import msgspec

from malipo.contracts.commands import Mode
from malipo.contracts.message import Message, Moment

MovementKind = Literal[
    "charge", "refund", "refund_failure", "dispute", "dispute_reversal", "fee", "payout", "payout_failure", "other"
]
"""What moved the balance; a `fee` is one of its own, beside those of payments."""
MOVEMENT_KINDS: tuple[MovementKind, ...] = MovementKind.__args__
OF_PAYMENTS: frozenset[MovementKind] = frozenset({"charge", "refund", "refund_failure", "dispute", "dispute_reversal"})
"""What is of a payment always: without one that is known here, a person has to find out whose it is."""


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """One movement. `amount`, `fee` and `net` are minor units of `currency`, negative for what leaves; `net` is `amount` less `fee`.

    `id` is the provider's of it, `reference` that of what moved the balance, such as a refund. `payment_id` is whose money it
    was, as far as is known yet, and `operation_id` by which of its refunds or disputes. `exchange_rate` is the provider's own decimal
    number, from the payment's currency to this one; None where they are the same.
    """

    id: str
    kind: MovementKind
    currency: str
    amount: int
    fee: int
    net: int
    moved_at: Moment
    available_at: Moment | None = None
    exchange_rate: str | None = None
    reference: str | None = None
    payment_id: str | None = None
    operation_id: str | None = None


class MovementsReported(Message, frozen=True, kw_only=True):
    """Movements of one account. Each comes once, and once more when it is known whose it was."""

    merchant_id: str
    mode: Mode
    provider: str
    account: str
    movements: tuple[Movement, ...]
    observed_at: Moment
