"""Reads and writes payments, their operations, history and timers: a batch is one statement to read and one to write."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Column, bindparam, func, select, text

from malipo.contracts.commands import PaymentMethod
from malipo.contracts.events import CommandRefused, Failure, PaymentTransitioned
from malipo.contracts.message import encode
from malipo.contracts.outcomes import Action
from malipo.messaging.database import Database
from malipo.messaging.pool import Queries, Row
from malipo.messaging.queries import CompiledQuery
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write, insert, names
from malipo.money import Money
from orchestrator.payment import Operation, Payment
from orchestrator.saved import SavedMethod
from orchestrator.states import State, Subject
from orchestrator.tables import (
    CARD_CHANGES,
    HISTORY,
    OPERATION_CHANGES,
    OPERATIONS,
    PAYMENT_CHANGES,
    PAYMENT_METHODS,
    PAYMENTS,
    REFUSALS,
    RESENDABLE_DAYS,
    TIMERS,
)

RECENT = f"recorded_at > now() - interval '{RESENDABLE_DAYS} days'"
"""Condition on `recorded_at` of `history` and `refusals`."""
IS_DUE = "due_at <= now()"
"""Condition on `timers`: the deadline has passed. The chart scales by such."""


def _assign(columns: Iterable[Column[Any]], source: str, before: str, *asked: str) -> str:
    """All of the columns, but that an answer is not forgotten which came meanwhile to the same command or query (`asked`)."""
    others = [f"{column.name} = {source}.{column.name}" for column in columns if column.name != "unanswered"]
    same = " AND ".join(f"{before}.{name} = {source}.{name}" for name in asked)
    return ", ".join([*others, f"unanswered = {source}.unanswered AND ({before}.unanswered OR NOT ({same}))"])


# Columns by name: an older replica must keep working when a newer release has added one. One statement, so that a payment
# and its operations are of one moment, and that moment is by PostgreSQL's clock, as deadlines are.
_COLUMNS = f"""
{names(PAYMENTS.c, "p.")}, ARRAY(
    SELECT to_jsonb(o) FROM (SELECT {names(OPERATIONS.c)} FROM operations WHERE payment_id = p.id ORDER BY id) AS o
) AS operations, CASE WHEN p.save_method THEN (
    SELECT to_jsonb(m) FROM (SELECT {names(PAYMENT_METHODS.c)} FROM payment_methods WHERE payment_id = p.id) AS m
) END AS saved
"""
_READ = f"""
SELECT now() AS read_at, {_COLUMNS} FROM unnest($1::text[]) AS asked (key) LEFT JOIN payments AS p ON p.id = asked.key
"""
_READ_DUE = f"""
SELECT now() AS read_at, {_COLUMNS}, due.subject_ids FROM (
    SELECT payment_id, array_agg(subject_id) AS subject_ids, min(due_at) AS due_at FROM timers
    WHERE {IS_DUE} AND payment_id = ANY($1::text[]) GROUP BY 1
) AS due JOIN payments AS p ON p.id = due.payment_id ORDER BY due.due_at
"""
_POSTPONE = f"UPDATE timers SET due_at = now() + make_interval(secs => $2) WHERE payment_id = $1 AND {IS_DUE}"
_ADD_PAYMENTS = insert(PAYMENTS)
_CHANGE_PAYMENTS = Write(
    f"UPDATE payments p SET {_assign(PAYMENT_CHANGES, 'new', 'p', 'asked_step', 'confirms')} FROM unnest({{arrays}}) AS new ({{names}})"
    " WHERE p.id = new.id",
    (PAYMENTS.c.id, *PAYMENT_CHANGES),
)
# The id of another payment's operation becomes NULL, which the column refuses: no message changes what is another's.
_SAME_PAYMENT = "payment_id = CASE WHEN operations.payment_id = excluded.payment_id THEN excluded.payment_id END"
_PUT_OPERATIONS = insert(
    OPERATIONS,
    f"ON CONFLICT (id) DO UPDATE SET {_SAME_PAYMENT}, {_assign(OPERATION_CHANGES, 'excluded', 'operations', 'asked_step')}",
)
# An answer that makes no step, if nothing was sent since.
_ANSWER_PAYMENTS = Write(
    "UPDATE payments p SET unanswered = false FROM unnest({arrays}) AS new ({names})"
    " WHERE p.id = new.id AND p.asked_step = new.asked_step AND p.confirms = new.confirms",
    (PAYMENTS.c.id, PAYMENTS.c.asked_step, PAYMENTS.c.confirms),
)
_ANSWER_OPERATIONS = Write(
    "UPDATE operations o SET unanswered = false FROM unnest({arrays}) AS new ({names})"
    " WHERE o.id = new.id AND o.asked_step = new.asked_step",
    (OPERATIONS.c.id, OPERATIONS.c.asked_step),
)
_PUT_METHODS = insert(
    PAYMENT_METHODS,
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{one.name} = excluded.{one.name}' for one in CARD_CHANGES)}",
)
_ADD_HISTORY = insert(HISTORY)
_ADD_REFUSALS = insert(REFUSALS)
_SET_TIMERS = insert(TIMERS, "ON CONFLICT (subject_id) DO UPDATE SET due_at = excluded.due_at")
_END_TIMERS = Write("DELETE FROM timers WHERE subject_id = ANY({arrays})", (TIMERS.c.subject_id,))

_CONTEXT = CompiledQuery(select(PAYMENTS.c.traceparent, PAYMENTS.c.client_ref).where(PAYMENTS.c.id == bindparam("id")))
_DUE = CompiledQuery(
    select(TIMERS.c.payment_id)
    .where(text(IS_DUE))
    .group_by(TIMERS.c.payment_id)
    .order_by(func.min(TIMERS.c.due_at))
    .limit(bindparam("limit"))
)
_DOUBTS = """
SELECT subject, count(*) AS number, extract(epoch FROM now() - min(in_doubt_since))::float8 AS oldest_seconds FROM (
    SELECT subject, in_doubt_since FROM payments WHERE in_doubt_since IS NOT NULL
    UNION ALL SELECT subject, in_doubt_since FROM operations WHERE in_doubt_since IS NOT NULL
) AS doubts GROUP BY subject
"""


_PAYMENT_OF = """
SELECT id FROM payments WHERE id = $1 UNION ALL SELECT payment_id FROM operations WHERE id = $1
"""


class Published(NamedTuple):
    """A message to the services that follow payments, the id under which it is sent, and the trace that it carries."""

    message: PaymentTransitioned | CommandRefused
    message_id: str
    traceparent: str | None


class Due(NamedTuple):
    """A payment with deadlines that have passed, the subjects of these deadlines, and PostgreSQL's time at reading."""

    payment: Payment
    subject_ids: list[str]
    read_at: datetime


async def read(source: Queries, payment_ids: set[str]) -> tuple[dict[str, Payment], datetime]:
    """The payments among `payment_ids` that exist, with their operations, and PostgreSQL's time. At least one id."""
    rows = await source.fetch(_READ, list(payment_ids))
    return {row["id"]: _payment(row) for row in rows if row["id"] is not None}, rows[0]["read_at"]


async def payment_of(source: Queries, subject_id: str) -> str | None:
    """The id of the payment that has this id itself, or an operation with it; None if there is none."""
    return await source.fetchval(_PAYMENT_OF, subject_id)


async def read_due(source: Queries, payment_ids: Sequence[str]) -> list[Due]:
    """Those of these payments that have deadlines which have passed, the oldest first."""
    rows = await source.fetch(_READ_DUE, payment_ids)
    return [Due(_payment(row), row["subject_ids"], row["read_at"]) for row in rows]


def save(unit: UnitOfWork, payments: Mapping[str, Payment], new: set[str], published: Sequence[Published]) -> None:
    """Put what changed: the payments and operations that `published` is about, their history, refusals and timers; and of
    others what was answered.

    No payment was locked. Each change adds a step to its history, whose number is unique: of two units that have read the
    same payment the second one conflicts. All put their rows in the order of payments' ids, lest two deadlock.
    """
    history = [(one, one.message) for one in published if isinstance(one.message, PaymentTransitioned)]
    history.sort(key=lambda entry: (entry[1].payment_id, entry[1].step))
    transitions = [transition for _, transition in history]
    refusals = [(one, one.message) for one in published if isinstance(one.message, CommandRefused)]
    refusals.sort(key=lambda entry: entry[1].operation_id)
    changed = [payments[payment_id] for payment_id in sorted({one.payment_id for one in transitions})]
    operations = {
        one.operation.id: payments[one.payment_id].operations[one.operation.id] for one in transitions if one.operation
    }
    saved = {one.payment_id: payments[one.payment_id].saved for one in transitions if one.payment_method}
    told = {one.id for one in changed} | set(operations)
    quiet = [(one, name) for _, one in sorted(payments.items()) for name in sorted(one.answered - told)]
    timers = [
        {"subject_id": subject_id, "payment_id": payment.id, "due_at": due_at}
        for _, payment in sorted(payments.items())
        for subject_id, due_at in payment.timers.items()
    ]
    _put(unit, _ADD_PAYMENTS, [_payment_row(payment) for payment in changed if payment.id in new])
    _put(unit, _CHANGE_PAYMENTS, [_payment_row(payment) for payment in changed if payment.id not in new])
    _put(unit, _PUT_OPERATIONS, [_operation_row(operation) for operation in operations.values()])
    _put(unit, _PUT_METHODS, [_method_row(one) for _, one in sorted(saved.items()) if one is not None])
    _put(unit, _ANSWER_PAYMENTS, [_payment_row(one) for one, name in quiet if name == one.id])
    _put(unit, _ANSWER_OPERATIONS, [_operation_row(one.operations[name]) for one, name in quiet if name != one.id])
    _put(unit, _SET_TIMERS, [timer for timer in timers if timer["due_at"] is not None])
    _put(unit, _END_TIMERS, [timer for timer in timers if timer["due_at"] is None])
    _put(unit, _ADD_REFUSALS, [_refusal_row(one, refusal) for one, refusal in refusals])
    # Last, and so run before the others: a second unit waits here, while it holds nothing that another could wait for.
    _put(unit, _ADD_HISTORY, [_history_row(one, transition) for one, transition in history])


async def due(source: Queries, limit: int) -> list[str]:
    """Payments with deadlines that have passed, by their ids, and nothing else of them: they may be unreadable."""
    return [row["payment_id"] for row in await source.fetch(*_DUE.of(limit=limit))]


async def postpone(database: Database, payment_id: str, seconds: float) -> None:
    """Postpone a payment's deadlines that have passed."""
    await database.write(_POSTPONE, payment_id, seconds)


async def context(source: Queries, payment_id: str) -> tuple[str | None, str | None]:
    """The trace and the merchant's reference of the request that made a payment, which may be unreadable otherwise."""
    row = await source.fetchrow(*_CONTEXT.of(id=payment_id)) or {}
    return row.get("traceparent"), row.get("client_ref")


async def doubts(source: Queries) -> dict[Subject, tuple[int, float]]:
    """How many of each subject are in doubt now, and for how many seconds the oldest has been."""
    rows = {Subject(row["subject"]): row for row in await source.fetch(_DOUBTS)}
    return {
        subject: (rows[subject]["number"], rows[subject]["oldest_seconds"]) if subject in rows else (0, 0.0)
        for subject in Subject
    }


def _put(unit: UnitOfWork, write: Write, rows: Sequence[Mapping[str, Any]]) -> None:
    unit.put(write, [[row[key] for key in write.keys] for row in rows])


def _payment(row: Row) -> Payment:
    values = {name: row[name] for name in _ADD_PAYMENTS.keys}
    amount = Money(values.pop("amount_minor"), values.pop("currency"))
    values["method"] = msgspec.convert(values["method"], PaymentMethod)
    values["state"], values["subject"] = State(values["state"]), Subject(values["subject"])
    values["action"] = values["action"] and msgspec.convert(values["action"], Action)
    values["failure"] = values["failure"] and msgspec.convert(values["failure"], Failure)
    values["known_references"] = sorted(row["known_references"], key=row["known_references"].get)
    values["saved"] = row["saved"] and msgspec.convert(row["saved"], SavedMethod)
    values["operations"] = {one["id"]: msgspec.convert(one, Operation) for one in row["operations"]}
    return Payment(amount=amount, **values)


def _payment_row(payment: Payment) -> dict[str, Any]:
    row = {name: getattr(payment, name) for name in _ADD_PAYMENTS.keys if name not in ("amount_minor", "currency")}
    row |= {"amount_minor": payment.amount.amount_minor, "currency": payment.amount.currency}
    # An object: a list within an array of rows would be a further dimension of that array.
    row["known_references"] = {name: place for place, name in enumerate(payment.known_references)}
    return row | {name: msgspec.to_builtins(row[name]) for name in ("method", "action", "failure")}


def _operation_row(operation: Operation) -> dict[str, Any]:
    row = {name: getattr(operation, name) for name in _PUT_OPERATIONS.keys}
    return row | {name: msgspec.to_builtins(row[name]) for name in ("failure", "dispute")}


def _method_row(method: SavedMethod) -> dict[str, Any]:
    return asdict(method) | {"changed": msgspec.to_builtins(method.changed)}


def _history_row(one: Published, transition: PaymentTransitioned) -> dict[str, Any]:
    event = transition.public_event
    return {
        "payment_id": transition.payment_id,
        "step": transition.step,
        "operation_id": transition.operation.id if transition.operation else None,
        "from_state": transition.from_state,
        "to_state": transition.to_state,
        "trigger": transition.cause.trigger,
        "source": transition.cause.source,
        "cause_message_id": transition.cause.message_id,
        "detail": transition.cause.detail,
        "contradiction": transition.contradiction,
        "event_id": event.id if event else None,
        "event_type": event.type if event else None,
        "event_sequence": event.sequence if event else None,
        "occurred_at": transition.occurred_at,
        "message": encode(transition),
        "message_id": one.message_id,
        "traceparent": one.traceparent,
    }


def _refusal_row(one: Published, refusal: CommandRefused) -> dict[str, Any]:
    return {
        "operation_id": refusal.operation_id,
        "payment_id": refusal.payment_id,
        "message": encode(refusal),
        "message_id": one.message_id,
        "traceparent": one.traceparent,
    }
