"""M-Pesa's own ledger: every transaction that was completed, by its receipt. What failed is not in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class TransactionKind(StrEnum):
    """`stk` is money of a prompt, `c2b` money paid by hand, `reversal` money that went back, `b2c` a payout."""

    STK = "stk"
    C2B = "c2b"
    REVERSAL = "reversal"
    B2C = "b2c"


@dataclass(frozen=True, slots=True)
class Names:
    first: str = "JANE"
    middle: str = "WANJIKU"
    last: str = "TEST"

    @property
    def full(self) -> str:
        return " ".join(name for name in (self.first, self.middle, self.last) if name)


@dataclass(frozen=True, slots=True)
class Transaction:
    """A movement of money that is done.

    `amount` is in whole shillings. `reference` is the account reference, which is the bill's of a payment by hand.
    `credited` is PartyB: of a till its number, where `shortcode` is the store's; else the shortcode itself.
    `third_party_id` is what the organisation called it when it was asked to validate. `original` is the receipt of what a reversal has sent back, in whole or in part. `to_till`: paid for goods, so that
    nobody typed a reference.
    """

    receipt: str
    kind: TransactionKind
    account: str
    shortcode: str
    msisdn: str
    amount: int
    reference: str
    at: int
    credited: str
    checkout_request_id: str | None = None
    original: str | None = None
    to_till: bool = False
    third_party_id: str = ""
    names: Names = Names()

    @property
    def incoming(self) -> bool:
        return self.kind in (TransactionKind.STK, TransactionKind.C2B)

    def concerns(self, code: str) -> bool:
        return code in (self.shortcode, self.credited)


class Ledger:
    """Append-only, in the order of time."""

    def __init__(self) -> None:
        self._by_receipt: dict[str, Transaction] = {}
        self._by_shortcode: dict[str, list[Transaction]] = {}
        self._reversed: dict[str, int] = {}
        self._held_back: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._by_receipt)

    def append(self, transaction: Transaction) -> None:
        self._by_receipt[transaction.receipt] = transaction
        for code in {transaction.shortcode, transaction.credited}:
            self._by_shortcode.setdefault(code, []).append(transaction)
        if transaction.original is not None:
            before = self._reversed.get(transaction.original, 0)
            self._reversed[transaction.original] = before + transaction.amount

    def find(self, receipt: str) -> Transaction | None:
        return self._by_receipt.get(receipt)

    def of_shortcode(self, code: str) -> Iterator[Transaction]:
        """Those of a PayBill, a store or a till, oldest first."""
        return iter(self._by_shortcode.get(code, ()))

    def reversed_of(self, receipt: str) -> int:
        """How much of a transaction has gone back, in shillings."""
        return self._reversed.get(receipt, 0)

    def hold_back(self, receipt: str, until: int) -> None:
        """Keep it out of statements until then (Unix seconds). It has happened all the same."""
        self._held_back[receipt] = until

    def shows_from(self, receipt: str) -> int:
        """From when on it is in statements: 0 unless it was held back."""
        return self._held_back.get(receipt, 0)

    def balance_of(self, code: str) -> int:
        """What a shortcode has by these transactions, in shillings."""
        return sum(one.amount if one.incoming else -one.amount for one in self.of_shortcode(code))
