"""Whose the money under a provider's id of it is: a receipt belongs to one payment, by whatever way it is reported."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from malipo.contracts.commands import CreatePayment
from malipo.contracts.message import Message
from malipo.contracts.outcomes import OutcomeReported, PaymentReceived, Succeeded
from malipo.contracts.providers import PROVIDERS
from malipo.messaging.pool import Queries
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write, insert
from malipo.money import Money
from orchestrator.payment import Payment
from orchestrator.states import State
from orchestrator.tables import RECEIPTS

SAME = "(r.provider, r.merchant_id, r.mode, r.account, r.reference) = ({0}.provider, {0}.merchant_id, {0}.mode, {0}.account, {0}.reference)"
"""Condition that a row `r` of `receipts` is of the same money as the row `{0}`."""
_CLAIMS = f"""
SELECT r.* FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS asked (provider, merchant_id, mode, account, reference) JOIN receipts AS r ON {SAME.format("asked")}
"""  # noqa: S608 - names of ours
_CLAIM = insert(RECEIPTS)  # without ON CONFLICT: of two who claim at the same time the second decides anew
_EXPLAIN = Write(
    f"""UPDATE suspense AS s SET assigned_to = r.payment_id, settled_at = now(), settled_by = 'malipo',
    because = 'The provider has reported whose it is.'
FROM unnest({{arrays}}) AS r ({{names}}) WHERE {SAME.format("s")} AND s.settled_at IS NULL""",  # noqa: S608 - names of ours
    tuple(RECEIPTS.columns),
)


class Receipt(NamedTuple):
    """What names money at a merchant's account: `reference` is the provider's id of it."""

    provider: str
    merchant_id: str
    mode: str
    account: str
    reference: str


class Claim(NamedTuple):
    """Which payment has the money, and how much that is."""

    payment_id: str
    amount: Money


@dataclass(slots=True)
class Receipts:
    """The receipts that a batch is about, each with the payment that has it, and those that it adds."""

    _claims: dict[Receipt, Claim] = field(default_factory=dict[Receipt, Claim])
    _new: dict[Receipt, Claim] = field(default_factory=dict[Receipt, Claim])

    @classmethod
    async def of(cls, source: Queries, batch: Sequence[Message], payments: Mapping[str, Payment]) -> Self:
        """With what is known of the money in this batch. Costs nothing where no provider reports money of itself."""
        begun = {one.payment_id: one for one in batch if isinstance(one, CreatePayment | PaymentReceived)}
        known = {**begun, **payments}
        reported = [one for message in batch if (one := _reported(message, known))]
        return cls(await claims(source, {receipt for receipt, _ in reported}))

    def of_another(self, message: Message, payments: Mapping[str, Payment], payment_id: str) -> Claim | None:
        """The claim of another payment to the money that the message reports, if one has it."""
        reported = _reported(message, payments)
        claim = self._claims.get(reported[0]) if reported else None
        return claim if claim and claim.payment_id != payment_id else None

    def claim(self, message: Message, payments: Mapping[str, Payment], payment: Payment) -> None:
        """Keep that the payment has the money that the message reports, if it does have it now.

        Other money that was reported beside it, a contradiction, is not the payment's: it stays in suspense.
        """
        if (reported := _reported(message, payments)) is None or reported[0] in self._claims:
            return
        receipt, amount = reported
        has_it = payment.state in (State.COMPLETED, State.RETURNED) or payment.captured_minor > 0
        if has_it and payment.is_known_money(receipt.reference):
            self._claims[receipt] = self._new[receipt] = Claim(payment.id, amount)

    def save(self, unit: UnitOfWork) -> None:
        """Put what is new into the unit of work; what lies in suspense of it is explained."""
        put(unit, self._new)


def put(unit: UnitOfWork, claimed: Mapping[Receipt, Claim]) -> None:
    """Put into the unit of work which payment has which receipt. It conflicts if another has one of them meanwhile."""
    rows = [
        (*one, claimed[one].payment_id, claimed[one].amount.amount_minor, claimed[one].amount.currency)
        for one in sorted(claimed)
    ]
    unit.put(_CLAIM, rows)
    unit.put(_EXPLAIN, rows)


async def claims(source: Queries, receipts: Iterable[Receipt]) -> dict[Receipt, Claim]:
    """Which payment has which of these receipts, of those that a payment has."""
    asked = sorted(receipts)
    if not asked:
        return {}
    rows = await source.fetch(_CLAIMS, *zip(*asked, strict=True))
    return {
        Receipt(*(row[name] for name in Receipt._fields)): Claim(
            row["payment_id"], Money(row["amount_minor"], row["currency"])
        )
        for row in rows
    }


def _reported(
    message: Message, payments: Mapping[str, Payment | CreatePayment | PaymentReceived]
) -> tuple[Receipt, Money] | None:
    """The money that it reports, and how much, where the same money may be reported in another way, too."""
    match message:
        case PaymentReceived():
            receipt = Receipt(message.provider, message.merchant_id, message.mode, message.account, message.reference)
            return receipt, message.amount
        case OutcomeReported(
            kind="charge" | "confirm" | "capture" | "cancel", outcome=Succeeded(reference=str(reference), amount=amount)
        ):
            described, payment = PROVIDERS.get(message.provider), payments.get(message.payment_id)
            if payment is None or (described and not described.receives):
                return None
            return Receipt(message.provider, payment.merchant_id, payment.mode, payment.account, reference), amount
        case _:
            return None
