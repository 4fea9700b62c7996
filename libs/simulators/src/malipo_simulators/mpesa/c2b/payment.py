"""A payment by hand: what the customer types, and the transaction that comes of it."""

from dataclasses import dataclass, field

from malipo_simulators.mpesa.state.ledger import Names, Transaction, TransactionKind
from malipo_simulators.mpesa.state.world import MpesaWorld


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a customer types into the phone; `amount` in shillings. To a till nobody types a reference."""

    shortcode: str
    phone: str
    amount: int
    reference: str
    to_till: bool = False
    names: Names = field(default_factory=Names)

    @property
    def known_by(self) -> dict[str, str]:
        """What rules of faults find it by."""
        return {"shortcode": self.shortcode, "account_reference": self.reference, "phone": self.phone}


def transaction_of(world: MpesaWorld, paid: ByHand, receipt: str, third_party_id: str = "") -> Transaction:
    return Transaction(
        receipt=receipt,
        kind=TransactionKind.C2B,
        account=world.registrations.account_of(paid.shortcode),
        shortcode=paid.shortcode,
        msisdn=paid.phone,
        amount=paid.amount,
        reference=paid.reference,
        at=world.clock.now(),
        credited=paid.shortcode,
        to_till=paid.to_till,
        third_party_id=third_party_id,
        names=paid.names,
    )


def as_paid(transaction: Transaction) -> ByHand:
    """Money that came in, seen as a payment by hand: a prompt's is confirmed as one, too."""
    return ByHand(
        shortcode=transaction.credited,
        phone=transaction.msisdn,
        amount=transaction.amount,
        reference=transaction.reference,
        to_till=transaction.to_till,
        names=transaction.names,
    )
