"""Reads and writes payments, their operations, history and timers: a batch is one statement a table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from malipo.contracts.commands import Method
from malipo.contracts.events import Failure, PaymentStepped
from malipo.contracts.outcomes import Redirect
from malipo.messaging.database import Row
from malipo.messaging.unit import Unit, Units
from malipo.money import Money
from orchestrator.machine import State, Subject
from orchestrator.payment import Operation, Payment

_FIXED = {  # what a payment is created with
    "id": "text",
    "merchant_id": "text",
    "mode": "text",
    "amount_minor": "bigint",
    "currency": "text",
    "method": "jsonb",
    "capture": "text",
    "config_version": "bigint",
    "provider": "text",
    "client_ref": "text",
    "description": "text",
    "metadata": "jsonb",
    "return_url": "text",
    "traceparent": "text",
    "created_at": "timestamptz",
}
_CHANGING = {
    "state": "text",
    "captured_minor": "bigint",
    "reference": "text",
    "action": "jsonb",
    "failure": "jsonb",
    "step": "integer",
    "announced": "integer",
    "asks": "integer",
    "in_doubt_since": "timestamptz",
    "updated_at": "timestamptz",
}
_OPERATION_FIXED = {
    "id": "text",
    "payment_id": "text",
    "subject": "text",
    "amount_minor": "bigint",
    "reason": "text",
    "created_at": "timestamptz",
}
_OPERATION_CHANGING = {
    "state": "text",
    "reference": "text",
    "failure": "jsonb",
    "asks": "integer",
    "in_doubt_since": "timestamptz",
    "updated_at": "timestamptz",
}
_OPERATION = _OPERATION_FIXED | _OPERATION_CHANGING
_HISTORY = {
    "payment_id": "text",
    "step": "integer",
    "operation_id": "text",
    "from_state": "text",
    "to_state": "text",
    "trigger": "text",
    "source": "text",
    "message_id": "text",
    "detail": "text",
    "contradiction": "boolean",
    "event_id": "text",
    "event_type": "text",
    "event_sequence": "integer",
    "occurred_at": "timestamptz",
}
_TIMER = {"subject_id": "text", "payment_id": "text", "due_at": "timestamptz"}


def _rows(columns: Mapping[str, str]) -> str:
    names = ", ".join(columns)
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(columns.values(), 1))
    return f"({names}) SELECT * FROM unnest({arrays})"


def _assign(columns: Iterable[str], source: str) -> str:
    return ", ".join(f"{name} = {source}.{name}" for name in columns)


# Columns by name: an older replica must go on when a newer release has added one.
_LOCK = f"SELECT {', '.join(_FIXED | _CHANGING)} FROM payments WHERE id = ANY($1::text[]) ORDER BY id FOR UPDATE"
_OPERATIONS = f"SELECT {', '.join(_OPERATION)} FROM operations WHERE payment_id = ANY($1::text[]) ORDER BY id"
_PUT_OFF = "UPDATE timers SET due_at = now() + make_interval(secs => $2) WHERE payment_id = $1 AND due_at <= now()"
_INSERT_PAYMENTS = f"INSERT INTO payments {_rows(_FIXED | _CHANGING)}"
_UPDATE_PAYMENTS = f"""
UPDATE payments AS p SET {_assign(_CHANGING, "new")}
FROM (SELECT * FROM unnest($1::text[], {", ".join(f"${n}::{k}[]" for n, k in enumerate(_CHANGING.values(), 2))})
      AS new (id, {", ".join(_CHANGING)})) AS new
WHERE p.id = new.id
"""
_UPSERT_OPERATIONS = f"""
INSERT INTO operations {_rows(_OPERATION)} ON CONFLICT (id) DO UPDATE SET {_assign(_OPERATION_CHANGING, "excluded")}
"""
_INSERT_HISTORY = f"INSERT INTO history {_rows(_HISTORY)}"
_UPSERT_TIMERS = f"INSERT INTO timers {_rows(_TIMER)} ON CONFLICT (subject_id) DO UPDATE SET due_at = excluded.due_at"
_DELETE_TIMERS = "DELETE FROM timers WHERE subject_id = ANY($1::text[])"
_DUE = "SELECT payment_id, array_agg(subject_id) AS subject_ids FROM timers WHERE due_at <= now() AND {} GROUP BY 1"
_DUE_NOW = _DUE.format("true") + " ORDER BY min(due_at) LIMIT $1"
_STILL_DUE = _DUE.format("payment_id = ANY($1::text[])")
_DOUBTS = """
SELECT subject, count(*) AS number, extract(epoch FROM now() - min(in_doubt_since))::float8 AS oldest_seconds FROM (
    SELECT 'payment' AS subject, in_doubt_since FROM payments WHERE in_doubt_since IS NOT NULL
    UNION ALL SELECT subject, in_doubt_since FROM operations WHERE in_doubt_since IS NOT NULL
) AS doubts GROUP BY subject
"""


async def lock(unit: Unit, payment_ids: set[str], *, skip_locked: bool = False) -> dict[str, Payment]:
    """The payments among `payment_ids` that exist, locked in the order of their ids, with their operations."""
    wanted = sorted(payment_ids)
    rows = await unit.connection.fetch(_LOCK + " SKIP LOCKED" * skip_locked, wanted)
    payments = {row["id"]: _payment(row) for row in rows}
    if payments:
        for row in await unit.connection.fetch(_OPERATIONS, list(payments)):
            payments[row["payment_id"]].operations[row["id"]] = _operation(row)
    return payments


async def save(unit: Unit, payments: Mapping[str, Payment], new: set[str], steps: Sequence[PaymentStepped]) -> None:
    """Write what changed: the payments and operations that `steps` are about, their history and timers."""
    changed = [payments[payment_id] for payment_id in {step.payment_id for step in steps}]
    await _write(unit, _INSERT_PAYMENTS, _FIXED | _CHANGING, [_payment_row(p) for p in changed if p.id in new])
    await _write(unit, _UPDATE_PAYMENTS, {"id": ""} | _CHANGING, [_payment_row(p) for p in changed if p.id not in new])
    operations = {
        step.operation.id: payments[step.payment_id].operations[step.operation.id] for step in steps if step.operation
    }
    await _write(unit, _UPSERT_OPERATIONS, _OPERATION, [_operation_row(o) for o in operations.values()])
    await _write(unit, _INSERT_HISTORY, _HISTORY, [_history_row(step) for step in steps])
    await _save_timers(unit, payments)


async def due(units: Units, limit: int) -> dict[str, list[str]]:
    """Payments with deadlines that have passed, and of which subjects; not locked, so look again when they are."""
    return {row["payment_id"]: row["subject_ids"] for row in await units.reads.fetch(_DUE_NOW, limit)}


async def still_due(unit: Unit, payments: Mapping[str, Payment]) -> dict[str, list[str]]:
    """The same for payments that are locked now."""
    rows = await unit.connection.fetch(_STILL_DUE, list(payments))
    return {row["payment_id"]: row["subject_ids"] for row in rows}


async def put_off(unit: Unit, payment_id: str, seconds: float) -> None:
    """Take a payment's deadlines that have passed later."""
    await unit.connection.execute(_PUT_OFF, payment_id, seconds)


async def doubts(units: Units) -> dict[Subject, tuple[int, float]]:
    """How many are in doubt now, and for how many seconds the oldest has been."""
    rows = {Subject(row["subject"]): row for row in await units.reads.fetch(_DOUBTS)}
    return {
        subject: (rows[subject]["number"], rows[subject]["oldest_seconds"]) if subject in rows else (0, 0.0)
        for subject in Subject
    }


async def _save_timers(unit: Unit, payments: Mapping[str, Payment]) -> None:
    timers = [(subject, p.id, due_at) for p in payments.values() for subject, due_at in p.timers.items()]
    ended = [subject for subject, _, due_at in timers if due_at is None]
    if ended:
        await unit.connection.execute(_DELETE_TIMERS, ended)
    waiting = [dict(zip(_TIMER, timer, strict=True)) for timer in timers if timer[2] is not None]
    await _write(unit, _UPSERT_TIMERS, _TIMER, waiting)


async def _write(unit: Unit, statement: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        await unit.connection.execute(statement, *([row[name] for row in rows] for name in columns))


def _payment(row: Row) -> Payment:
    values = dict(row)
    amount = Money(values.pop("amount_minor"), values.pop("currency"))
    values["method"] = msgspec.convert(values["method"], Method)
    values["state"] = State(values["state"])
    values["action"] = values["action"] and msgspec.convert(values["action"], Redirect)
    values["failure"] = values["failure"] and msgspec.convert(values["failure"], Failure)
    return Payment(amount=amount, **values)


def _payment_row(payment: Payment) -> dict[str, Any]:
    names = (*_FIXED, *_CHANGING)
    row = {name: getattr(payment, name) for name in names if name not in ("amount_minor", "currency")}
    row |= {"amount_minor": payment.amount.amount_minor, "currency": payment.amount.currency}
    return row | {name: msgspec.to_builtins(row[name]) for name in ("method", "action", "failure")}


def _operation(row: Row) -> Operation:
    values = dict(row)
    values["subject"] = Subject(values["subject"])
    values["state"] = State(values["state"])
    values["failure"] = values["failure"] and msgspec.convert(values["failure"], Failure)
    return Operation(**values)


def _operation_row(operation: Operation) -> dict[str, Any]:
    row = {name: getattr(operation, name) for name in _OPERATION}
    return row | {"failure": msgspec.to_builtins(operation.failure)}


def _history_row(step: PaymentStepped) -> dict[str, Any]:
    told = step.announcement
    return {
        "payment_id": step.payment_id,
        "step": step.step,
        "operation_id": step.operation.id if step.operation else None,
        "from_state": step.from_state,
        "to_state": step.to_state,
        "trigger": step.cause.trigger,
        "source": step.cause.source,
        "message_id": step.cause.message_id,
        "detail": step.cause.detail,
        "contradiction": step.contradiction,
        "event_id": told.id if told else None,
        "event_type": told.type if told else None,
        "event_sequence": told.sequence if told else None,
        "occurred_at": step.occurred_at,
    }
