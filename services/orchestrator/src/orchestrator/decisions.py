"""What a person decides: how a doubt or a wrong end really ended, and whose money in suspense is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from malipo.messaging.database import Database
from malipo.messaging.pool import Queries
from malipo.messaging.unit_of_work import UnitOfWork
from orchestrator import handlers, receipts, store, suspense
from orchestrator.advance import Fold
from orchestrator.machine import DECISIONS, TABLE
from orchestrator.payment import Operation, Payment
from orchestrator.receipts import Claim
from orchestrator.states import State, Subject, Trigger
from orchestrator.suspense import Suspended

Ending = Literal["completed", "failed"]
_TRIGGERS: dict[Ending, Trigger] = {"completed": Trigger.DECIDED_COMPLETED, "failed": Trigger.DECIDED_FAILED}
PAGE = 100
"""So much money in suspense is listed at once."""


class Impossible(Exception):
    """A decision that is refused; its text says why, and what is possible."""


async def decide(
    database: Database, subject_id: str, ending: Ending, because: str, by: str, *, against_report: bool = False
) -> str:
    """Decide how a payment, or a capture, cancel or refund, ended; returns its state then. Raises `Impossible`.

    That money has failed which the provider itself has reported is refused unless it is said to be meant (`against_report`).

    The decision is a step of the payment's history like any other, with an event where that is told. That a payment has failed
    takes back what was assigned to it: that money is in suspense again.
    """

    async def work(unit: UnitOfWork) -> str:
        payment, operation, now = await _find(unit.reads, subject_id)
        subject = operation or payment
        _check(payment, operation, _TRIGGERS[ending])
        if operation is None and ending == "failed" and not against_report:
            _check_unreported(payment)
        fold = Fold(payment, now, "operator", f"operator:{by}", because=because)
        assigned = payment.assigned_reference
        fold.decide(_TRIGGERS[ending], operation)
        if operation is None and ending == "failed" and assigned is not None:
            await suspense.free(unit.transaction, payment.id, assigned)
        handlers.publish(unit, fold)
        return subject.state

    return await database.transact(work)


async def in_suspense(database: Database, after: str = "") -> Sequence[Suspended]:
    """A page of the money in suspense, the oldest first: what follows the one with the id `after`."""
    return await suspense.still_open(database.reads, after, PAGE)


async def assign(database: Database, suspense_id: str, payment_id: str, because: str, by: str) -> str:
    """Assign money in suspense to a payment, which it then has; returns the payment's state. Raises `Impossible`."""

    async def work(unit: UnitOfWork) -> str:
        payment, operation, now = await _find(unit.reads, payment_id)
        if operation is not None:
            msg = f"{payment_id} is no payment"
            raise Impossible(msg)
        money = await _settled(unit, suspense_id, payment_id, because, by)
        _check_fit(payment, money)
        receipts.put(unit, {suspense.receipt_of(money): Claim(payment.id, money.amount)})
        fold = Fold(payment, now, "operator", f"operator:{by}", because=because)
        fold.assign(money.amount, money.reference)
        handlers.publish(unit, fold)
        return payment.state

    return await database.transact(work)


async def settle(database: Database, suspense_id: str, because: str, by: str) -> None:
    """End that money is in suspense without a payment: it was given back, or booked elsewhere. Raises `Impossible`.

    Nothing is sent because of it, and nothing becomes of it should the money be reported once more.
    """

    async def work(unit: UnitOfWork) -> None:
        await _settled(unit, suspense_id, None, because, by)

    await database.transact(work)


async def _settled(unit: UnitOfWork, suspense_id: str, payment_id: str | None, because: str, by: str) -> Suspended:
    money = await suspense.settle(unit.transaction, suspense_id, payment_id, by, because)
    if money is None:
        msg = f"there is no {suspense_id} in suspense: see `suspense list`"
        raise Impossible(msg)
    return money


async def _find(source: Queries, subject_id: str) -> tuple[Payment, Operation | None, datetime]:
    payment_id = await store.payment_of(source, subject_id)
    if payment_id is None:
        msg = f"there is no payment or operation {subject_id}"
        raise Impossible(msg)
    payments, now = await store.read(source, {payment_id})
    payment = payments[payment_id]
    return payment, payment.operations.get(subject_id), now


def _check(payment: Payment, operation: Operation | None, trigger: Trigger) -> None:
    subject, state = (operation.subject, operation.state) if operation else (payment.subject, payment.state)
    if (subject, state, trigger) not in TABLE:
        possible = [name for name, one in _TRIGGERS.items() if (subject, state, one) in TABLE]
        what = f"only --as {possible[0]} is possible" if possible else _WAIT
        msg = f"it is {state}: {what}"
        raise Impossible(msg)
    if trigger is Trigger.DECIDED_FAILED and (out := _perhaps_not_sent_yet(payment, operation)):
        msg = f"{out} may still be sent: its provider's service has not answered. Decide as failed once it has"
        raise Impossible(msg)
    refunds = [one for one in payment.operations.values() if one.subject is Subject.REFUND]
    if operation is None and state is State.COMPLETED and any(one.state is not State.FAILED for one in refunds):
        raise Impossible("it has refunds, which can only be of money that was taken")


def _check_unreported(payment: Payment) -> None:
    if (payment.state is State.COMPLETED or payment.captured_minor) and payment.is_reported_paid:
        msg = (
            f"the provider itself has reported its money, as {payment.paid_reference}: look there, and if its book has none, "
            "decide with --against-report"
        )
        raise Impossible(msg)


def _perhaps_not_sent_yet(payment: Payment, operation: Operation | None) -> str:
    """What of this waits at the provider's service, as far as we know, and may be sent after the decision; else empty.

    What is pending is at the provider, and so is a charge of which it has reported the money; what a person has completed may
    still be sent. A cancel moves no money.
    """
    if operation is None and payment.state is State.COMPLETED and payment.is_reported_paid:
        return ""
    captures = [one for one in payment.operations.values() if one.subject is Subject.CAPTURE]
    subjects = [operation] if operation else [payment, *captures]
    waiting = [one for one in subjects if one.unanswered and one.state is not State.PENDING]
    return ", ".join(one.id for one in waiting if not isinstance(one, Operation) or one.subject is not Subject.CANCEL)


def _check_fit(payment: Payment, money: Suspended) -> None:
    if (money.merchant_id, money.mode) != (payment.merchant_id, payment.mode):
        msg = f"{money.id} is another merchant's, or of another mode"
        raise Impossible(msg)
    if money.amount != payment.amount:
        msg = f"{money.id} is {money.amount}, and the payment is {payment.amount}: only the same amount can be assigned"
        raise Impossible(msg)
    if (payment.subject, payment.state, Trigger.DECIDED_COMPLETED) not in TABLE:
        msg = f"the payment is {payment.state}: {_WAIT}"
        raise Impossible(msg)


_STATES = sorted({state for subject, state, trigger in TABLE if subject is Subject.PAYMENT and trigger in DECISIONS})
_WAIT = f"a person decides of a payment that is {', '.join(_STATES)}, of an operation that is in_doubt or pending, and of a refund that is waiting"
