"""Whose the money under a provider's id of it is: a receipt belongs to one payment, by whatever way it is reported."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from malipo.contracts.message import Message
from malipo.contracts.outcomes import OutcomeReported, PaymentReceived, Succeeded
from malipo.contracts.providers import PROVIDERS
from malipo.messaging.pool import Queries
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write, insert
from orchestrator.machine import State
from orchestrator.payment import Payment
from orchestrator.tables import RECEIPTS

SAME = "(r.provider, r.merchant_id, r.mode, r.account, r.reference) = ({0}.provider, {0}.merchant_id, {0}.mode, {0}.account, {0}.reference)"
"""Condition that a row `r` of `receipts` is of the same money as the row `{0}`."""
_OWNERS = f"""
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


@dataclass(slots=True)
class Receipts:
    """The receipts that a batch is about, each with the payment that has it, and those that it adds."""

    _owners: dict[Receipt, str] = field(default_factory=dict[Receipt, str])
    _new: dict[Receipt, str] = field(default_factory=dict[Receipt, str])

    @classmethod
    async def of(cls, source: Queries, batch: Iterable[Message], payments: Mapping[str, Payment]) -> Self:
        """With what is known of the money in this batch. Costs nothing where no provider reports money of itself."""
        return cls(await owners(source, {one for message in batch if (one := _receipt_of(message, payments))}))

    def are_of_another(self, message: Message, payments: Mapping[str, Payment], payment_id: str) -> bool:
        """Whether the money that the message reports is another payment's."""
        receipt = _receipt_of(message, payments)
        return receipt is not None and self._owners.get(receipt, payment_id) != payment_id

    def claim(self, message: Message, payments: Mapping[str, Payment], payment: Payment) -> None:
        """Keep that the payment has the money that the message reports, if it does have it now.

        Other money that was reported beside it, a contradiction, is not the payment's: it stays in suspense.
        """
        receipt = _receipt_of(message, payments)
        has_money = payment.state in (State.COMPLETED, State.RETURNED)
        if receipt and receipt not in self._owners and has_money and payment.is_known_money(receipt.reference):
            self._owners[receipt] = self._new[receipt] = payment.id

    def save(self, unit: UnitOfWork) -> None:
        """Put what is new into the unit of work; what lies in suspense of it is explained."""
        put(unit, self._new)


def put(unit: UnitOfWork, claimed: Mapping[Receipt, str]) -> None:
    """Put into the unit of work which payment has which receipt. It conflicts if another has one of them meanwhile."""
    rows = [(*receipt, payment_id) for receipt, payment_id in sorted(claimed.items())]
    unit.put(_CLAIM, rows)
    unit.put(_EXPLAIN, rows)


async def owners(source: Queries, receipts: Iterable[Receipt]) -> dict[Receipt, str]:
    """Which payment has which of these receipts, of those that a payment has."""
    asked = sorted(receipts)
    if not asked:
        return {}
    rows = await source.fetch(_OWNERS, *zip(*asked, strict=True))
    return {Receipt(*(row[name] for name in Receipt._fields)): row["payment_id"] for row in rows}


def _receipt_of(message: Message, payments: Mapping[str, Payment]) -> Receipt | None:
    """The money that it reports, where the same money may be reported in another way, too."""
    match message:
        case PaymentReceived():
            return Receipt(message.provider, message.merchant_id, message.mode, message.account, message.reference)
        case OutcomeReported(
            kind="charge" | "confirm" | "capture" | "cancel", outcome=Succeeded(reference=str(reference))
        ):
            described, payment = PROVIDERS.get(message.provider), payments.get(message.payment_id)
            if payment is None or (described and not described.receives):
                return None
            return Receipt(message.provider, payment.merchant_id, payment.mode, payment.account, reference)
        case _:
            return None
