"""M-Pesa's lines in the book: what money moves for, and what each movement shows."""

from dataclasses import dataclass, field

from malipo_simulators.kit.book import Book
from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.state.ledger import Transaction, TransactionKind


@dataclass(slots=True, eq=False)
class Payment:
    """What money moves for: a prompt, by its CheckoutRequestID; else a payment by hand or a payout, by its receipt.

    Amounts are in whole shillings. `metadata` has what it is found by: `shortcode`, `account_reference`, `phone`, and
    `checkout_request_id` of a prompt.
    """

    id: str
    metadata: dict[str, str]
    amount: int
    created: int
    status: str
    moved: dict[TransactionKind, int] = field(default_factory=dict[TransactionKind, int])


@dataclass(frozen=True, slots=True)
class Effect:
    seq: int
    payment_id: str
    transaction: Transaction

    @property
    def account(self) -> str:
        return self.transaction.account

    def as_json(self) -> Json:
        one = self.transaction
        return {
            "seq": self.seq,
            "account": one.account,
            "kind": one.kind,
            "receipt": one.receipt,
            "original": one.original,
            "checkout_request_id": one.checkout_request_id,
            "shortcode": one.shortcode,
            "party_b": one.credited,
            "phone": one.msisdn,
            "amount": one.amount,
            "currency": "KES",
            "account_reference": one.reference,
            "at": one.at,
        }


type MpesaBook = Book[Payment, Effect]


def payment_of(transaction: Transaction) -> Payment:
    """Of money that no prompt asked for."""
    about = {
        "shortcode": transaction.shortcode,
        "account_reference": transaction.reference,
        "phone": transaction.msisdn,
    }
    return Payment(transaction.receipt, about, transaction.amount, transaction.at, "completed")


def total_of(account: str, payment: Payment) -> Json:
    moved = payment.moved
    return {
        "payment": payment.id,
        "account": account,
        "status": payment.status,
        "amount": payment.amount,
        "received": moved.get(TransactionKind.STK, 0) + moved.get(TransactionKind.C2B, 0),
        "returned": moved.get(TransactionKind.REVERSAL, 0),
        "paid_out": moved.get(TransactionKind.B2C, 0),
        "currency": "KES",
        "created": payment.created,
        **payment.metadata,
    }
