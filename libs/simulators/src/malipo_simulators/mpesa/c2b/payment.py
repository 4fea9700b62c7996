"""A payment by hand, and what it does when it is done."""

from dataclasses import dataclass, field

from malipo_simulators.kit.cause import Cause
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


def complete(world: MpesaWorld, paid: ByHand, receipt: str, cause: Cause) -> Transaction:
    """The money moves; whoever follows the ledger tells of it."""
    done = Transaction(
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
        names=paid.names,
    )
    world.record(done, cause)
    return done
