"""A bank transfer as it is told here, what the bank answers about it, and what its merchant has seen of it."""

from datetime import UTC, datetime, timedelta

from told import ALL, Told

from malipo import clock
from malipo.contracts.commands import PaymentMethod, Transfer
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.outcomes import Pending, Reversed, Succeeded, Unknown

GOES_AT = datetime(2026, 11, 30, 11, tzinfo=UTC)
TRANSFER = PaymentMethod(
    type="bank_transfer",
    details={"rail": "ACH"},
    transfer=Transfer(rail="ACH", rail_chosen=True, execution_at=GOES_AT, recipient={"name": "A."}),
)
TAKEN = Pending(reference="bp_1", begun=False, reason="AFTER_CUT_OFF")
WORKS, HELD = Pending(reference="bp_1"), Pending(reference="bp_1", reason="HELD")
DONE, SILENCE = Succeeded(amount=ALL, reference="bp_1"), Unknown(reason="timeout", silent=True)
BACK = Reversed(code="R02", reference="bp_1")


def transfer(**changes) -> Told:
    changes = {"expires_at": clock.now() + timedelta(days=1)} | changes
    return Told(method=TRANSFER, configured=("bank",), remittance="Invoice 7", **changes)


def statuses(told: Told) -> list[str]:
    """What its merchant has seen, each once as long as it lasts."""
    seen = [one.payment.status for one in told.of(PaymentTransitioned)]
    return [status for before, status in zip([None, *seen], seen, strict=False) if status != before]


def events(told: Told) -> list[str]:
    return [one.public_event.type for one in told.of(PaymentTransitioned) if one.public_event]
