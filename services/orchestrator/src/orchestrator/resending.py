"""Resends what was published about a payment: the same messages under the same ids, as the orchestrator keeps them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from malipo.contracts.commands import (
    CancelPayment,
    CapturePayment,
    CreatePayment,
    DetachMethod,
    RefundPayment,
    RequestReturn,
    ResendEvents,
    SaveMethod,
)
from malipo.contracts.message import Message
from malipo.contracts.outcomes import PaymentReceived
from malipo.contracts.topics import PAYMENT_EVENTS
from malipo.messaging import tables
from malipo.messaging.database import Database
from malipo.messaging.pool import Queries
from malipo.messaging.unit_of_work import INSERT_OUTBOX, MESSAGE_ID, UnitOfWork, shard_of
from malipo.messaging.writes import Sends, Write, purge_of
from malipo.platform.tracing import CLIENT_REF, TRACEPARENT
from orchestrator.payment import Payment
from orchestrator.store import RECENT
from orchestrator.tables import HISTORY, REFUSALS

_SHARD = tables.OUTBOX.c.shard
_RESEND = f"""INSERT INTO outbox ({INSERT_OUTBOX.names})
SELECT kept.message_id, asked.shard, '{PAYMENT_EVENTS.name}', kept.payment_id,
    jsonb_strip_nulls(jsonb_build_object(
        '{MESSAGE_ID}', kept.message_id, '{TRACEPARENT}', kept.traceparent, '{CLIENT_REF}', p.client_ref)), kept.message
FROM unnest({{arrays}}) AS asked ({{names}})
"""  # noqa: S608 - names of ours
_STEPS = Write(
    f"""{_RESEND} JOIN history AS kept ON kept.payment_id = asked.payment_id AND kept.step = coalesce(asked.step, kept.step)
    AND (asked.operation_id IS NULL OR kept.operation_id = asked.operation_id) AND {RECENT}
JOIN payments AS p ON p.id = asked.payment_id ORDER BY kept.payment_id, kept.step""",
    (HISTORY.c.payment_id, _SHARD, HISTORY.c.step, HISTORY.c.operation_id),
    sends=Sends.UNTOLD,
)
_REFUSALS = Write(
    f"""{_RESEND} JOIN refusals AS kept ON kept.payment_id = asked.payment_id
    AND kept.operation_id = coalesce(asked.operation_id, kept.operation_id) AND {RECENT}
JOIN payments AS p ON p.id = asked.payment_id ORDER BY kept.recorded_at""",
    (REFUSALS.c.payment_id, _SHARD, REFUSALS.c.operation_id),
    sends=Sends.UNTOLD,
)
_COUNT = f"""
SELECT (SELECT count(*) FROM history WHERE payment_id = $1 AND {RECENT})
     + (SELECT count(*) FROM refusals WHERE payment_id = $1 AND {RECENT})
"""  # noqa: S608 - names of ours
_REFUSED = "SELECT operation_id FROM refusals WHERE operation_id = ANY($1::text[])"
PURGE = purge_of(REFUSALS.c.recorded_at)
"""Deletes old refusals: see `Runtime.purge_after`."""


@dataclass(slots=True)
class Resend:
    """What a batch requests to be resent, and which operations were refused before or in it.

    A command comes again when its sender has received no answer: the answer was lost, or is late. It is never decided
    anew, not even if it was refused: the merchant may know of that.
    """

    refused: set[str] = field(default_factory=set[str])
    _steps: set[tuple[str, int | None, str | None]] = field(default_factory=set[tuple[str, int | None, str | None]])
    _refusals: set[tuple[str, str | None]] = field(default_factory=set[tuple[str, str | None]])

    @classmethod
    async def of(cls, source: Queries, batch: Iterable[Message]) -> Self:
        """With what is known of the operations that the batch requests."""
        requested = [operation_id for message in batch if (operation_id := operation_of(message))]
        if not requested:
            return cls()
        return cls({row["operation_id"] for row in await source.fetch(_REFUSED, requested)})

    def answers(self, payment: Payment, message: Message) -> bool:
        """Whether the message requests what was published before; if so, that will be resent, and nothing else is due."""
        requested_id = operation_of(message)
        match message:
            case ResendEvents(steps=(), operation_ids=()) | CreatePayment() | SaveMethod():
                self.ask_for_all(payment.id)
            case ResendEvents(steps=steps, operation_ids=operation_ids):
                self._steps |= {(payment.id, step, None) for step in steps}
                for operation_id in operation_ids:
                    self._ask_for_operation(payment.id, operation_id)
            case PaymentReceived():
                return _is_same_money(message, payment)  # what it began is published
            case _ if requested_id in self.refused or requested_id in payment.operations:
                self._ask_for_operation(payment.id, requested_id)
            case _:
                return False
        return True

    def ask_for_all(self, payment_id: str) -> None:
        """Have all that was published about a payment resent."""
        self._steps.add((payment_id, None, None))
        self._refusals.add((payment_id, None))

    def _ask_for_operation(self, payment_id: str, operation_id: str) -> None:
        if operation_id == payment_id:
            self._steps.add((payment_id, 1, None))
        else:
            self._steps.add((payment_id, None, operation_id))
            self._refusals.add((payment_id, operation_id))

    def send(self, unit: UnitOfWork) -> None:
        """Put into the outbox what is to be resent. What this unit itself publishes is not kept yet, and is sent anyway."""
        steps = sorted(self._steps, key=lambda requested: (requested[0], requested[1] or 0, requested[2] or ""))
        refusals = sorted(self._refusals, key=lambda requested: (requested[0], requested[1] or ""))
        unit.put(_STEPS, [(payment_id, shard_of(payment_id), *rest) for payment_id, *rest in steps])
        unit.put(_REFUSALS, [(payment_id, shard_of(payment_id), *rest) for payment_id, *rest in refusals])


async def resend(database: Database, payment_id: str) -> int:
    """Resend all that was published about a payment; returns how many messages these are.

    0 for a payment that does not exist, or about which nothing was published in the last `tables.RESENDABLE_DAYS`.
    """
    async with database.begin() as unit:
        messages = Resend()
        messages.ask_for_all(payment_id)
        messages.send(unit)
        return await unit.reads.fetchval(_COUNT, payment_id)


def _is_same_money(report: PaymentReceived, payment: Payment) -> bool:
    reported = report.merchant_id, report.mode, report.provider, report.account, report.amount
    known = payment.merchant_id, payment.mode, payment.provider, payment.account, payment.amount
    return reported == known and payment.is_known_money(report.reference)


def operation_of(message: Message) -> str:
    """The operation that a command requests; empty for any other message."""
    match message:
        case (
            CapturePayment(capture_id=operation_id)
            | CancelPayment(cancel_id=operation_id)
            | RefundPayment(refund_id=operation_id)
            | RequestReturn(return_request_id=operation_id)
            | DetachMethod(detach_id=operation_id)
        ):
            return operation_id
        case _:
            return ""
