"""What merchants see of the movements of their balances, and of a day."""

from collections.abc import Mapping, Sequence
from datetime import date

import msgspec

from malipo.contracts.message import Moment
from malipo.contracts.movements import MovementKind


class MovementView(msgspec.Struct, frozen=True, kw_only=True):
    """A movement of the balance. Minor units of `currency`, that the account is kept in; negative for what leaves."""

    id: str
    kind: MovementKind
    provider: str
    account: str
    payment_id: str | None
    operation_id: str | None
    reference: str | None
    currency: str
    amount: int
    fee: int
    net: int
    exchange_rate: str | None
    moved_at: Moment
    available_at: Moment | None


class Sums(msgspec.Struct, frozen=True):
    """Of some movements: how many, and what they come to. Minor units."""

    count: int
    amount: int
    fee: int
    net: int


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What moved an account's balance in one currency: by what moved it, and whether a payment explains it.

    `matched` is of payments, `suspense` is of none though it should be, `others` is no payment's; all three are `total`.
    """

    provider: str
    account: str
    currency: str
    kinds: Mapping[str, Sums]
    matched: Sums
    suspense: Sums
    others: Sums
    total: Sums


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A payment of which Malipo has recorded another amount, less refunds, than has moved. Minor units."""

    payment_id: str
    currency: str
    recorded: int
    settled: int


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a day in UTC."""

    day: date
    accounts: Sequence[Account]
    corrected: int
    awaiting: int
    differing: Sequence[Difference]
