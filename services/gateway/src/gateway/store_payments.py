"""Reads and writes the read models of payments and their operations, always within one merchant and mode."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.schemas import PaymentFilters
from gateway.views import Operation, Refusal
from malipo.contracts.commands import Mode
from malipo.contracts.events import OperationView, PaymentStepped, PaymentView
from malipo.messaging.database import Connection, Queries

_INSERT_PAYMENT = """
INSERT INTO payments (id, merchant_id, mode, step, status, provider, currency, amount, client_ref, created_at, view)
VALUES ($1, $2, $3, 0, $4, $5, $6, $7, $8, $9, $10)
"""
_PUT_PAYMENTS = """
INSERT INTO payments (id, merchant_id, mode, step, status, provider, currency, amount, client_ref, created_at, view)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[],
                     $8::bigint[], $9::text[], $10::timestamptz[], $11::json[])
ON CONFLICT (id) DO UPDATE
SET step = excluded.step, status = excluded.status, provider = excluded.provider, view = excluded.view
WHERE payments.step < excluded.step
"""
_GET_PAYMENT = "SELECT view FROM payments WHERE id = $1 AND merchant_id = $2 AND mode = $3"

_INSERT_OPERATION = """
INSERT INTO operations (id, payment_id, merchant_id, mode, kind, step, view) VALUES ($1, $2, $3, $4, $5, 0, $6)
"""
_PUT_OPERATIONS = """
INSERT INTO operations (id, payment_id, merchant_id, mode, kind, step, view)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::json[])
ON CONFLICT (id) DO UPDATE SET step = excluded.step, view = excluded.view, refusal = NULL
WHERE operations.step < excluded.step
"""
_GET_OPERATION = "SELECT view, refusal FROM operations WHERE id = $1 AND merchant_id = $2 AND mode = $3"
_GET_REFUNDS = """
SELECT id, view FROM operations
WHERE payment_id = $1 AND merchant_id = $2 AND mode = $3 AND kind = 'refund' AND ($4::text IS NULL OR id < $4)
ORDER BY id DESC LIMIT $5
"""
_LOCK_UNTOUCHED = "SELECT id, view FROM operations WHERE id = ANY($1::text[]) AND step = 0 ORDER BY id FOR UPDATE"
_REFUSE = """
UPDATE operations SET refusal = new.refusal, view = new.view
FROM unnest($1::text[], $2::jsonb[], $3::json[]) AS new (id, refusal, view) WHERE operations.id = new.id
"""

_FILTERS = {
    "status": "status = ",
    "provider": "provider = ",
    "currency": "currency = ",
    "amount_min": "amount >= ",
    "amount_max": "amount <= ",
    "created_after": "created_at > ",
    "created_before": "created_at < ",
    "client_ref": "client_ref = ",
}

_payment = msgspec.json.Decoder(PaymentView)
_operation = msgspec.json.Decoder(OperationView)


async def add_payment(connection: Connection, payment: PaymentView, merchant_id: str, mode: Mode) -> None:
    """Write a payment that was just accepted."""
    await connection.execute(
        _INSERT_PAYMENT,
        payment.id,
        merchant_id,
        mode,
        payment.status,
        payment.provider,
        payment.currency,
        payment.amount,
        payment.client_ref,
        payment.created_at,
        _json(payment),
    )


async def put_payments(connection: Connection, steps: Sequence[PaymentStepped]) -> None:
    """Bring payments to these steps, one a payment; a row that is further already stays as it is."""
    ordered = sorted(steps, key=lambda step: step.payment_id)  # one order of locking for all
    await connection.execute(
        _PUT_PAYMENTS,
        [step.payment_id for step in ordered],
        [step.merchant_id for step in ordered],
        [step.mode for step in ordered],
        [step.step for step in ordered],
        [step.payment.status for step in ordered],
        [step.payment.provider for step in ordered],
        [step.payment.currency for step in ordered],
        [step.payment.amount for step in ordered],
        [step.payment.client_ref for step in ordered],
        [step.payment.created_at for step in ordered],
        [_json(step.payment) for step in ordered],
    )


async def get_payment(source: Queries, payment_id: str, merchant_id: str, mode: Mode) -> PaymentView | None:
    """The payment as it is now, if this merchant has it in this mode."""
    view = await source.fetchval(_GET_PAYMENT, payment_id, merchant_id, mode)
    return view and _payment.decode(view)


async def list_payments(
    source: Queries, merchant_id: str, mode: Mode, filters: PaymentFilters, *, before_id: str | None, count: int
) -> list[tuple[str, msgspec.Raw]]:
    """Ids and views, newest first."""
    asked = filters.model_dump(include=set(_FILTERS), exclude_none=True)
    conditions = [(_FILTERS[name], value) for name, value in asked.items()]
    if before_id is not None:
        conditions.append(("id < ", before_id))
    where = "".join(f" AND {clause}${place}" for place, (clause, _) in enumerate(conditions, start=4))
    statement = f"SELECT id, view FROM payments WHERE merchant_id = $1 AND mode = $2{where} ORDER BY id DESC LIMIT $3"
    rows = await source.fetch(statement, merchant_id, mode, count, *[value for _, value in conditions])
    return [(row["id"], msgspec.Raw(row["view"])) for row in rows]


async def add_operation(connection: Connection, view: OperationView, merchant_id: str, mode: Mode) -> None:
    """Write an operation that was just accepted."""
    await connection.execute(_INSERT_OPERATION, view.id, view.payment_id, merchant_id, mode, view.kind, _json(view))


async def put_operations(connection: Connection, steps: Sequence[tuple[PaymentStepped, OperationView]]) -> None:
    """Bring operations to these steps, one an operation; a row that is further already stays as it is."""
    ordered = sorted(steps, key=lambda entry: entry[1].id)
    await connection.execute(
        _PUT_OPERATIONS,
        [view.id for _, view in ordered],
        [view.payment_id for _, view in ordered],
        [step.merchant_id for step, _ in ordered],
        [step.mode for step, _ in ordered],
        [view.kind for _, view in ordered],
        [step.step for step, _ in ordered],
        [_json(view) for _, view in ordered],
    )


async def get_operation(source: Queries, operation_id: str, merchant_id: str, mode: Mode) -> Operation | None:
    """The operation as it is now, if this merchant has it in this mode."""
    row = await source.fetchrow(_GET_OPERATION, operation_id, merchant_id, mode)
    if row is None:
        return None
    return Operation(_operation.decode(row["view"]), row["refusal"] and msgspec.convert(row["refusal"], Refusal))


async def list_refunds(
    source: Queries, payment_id: str, merchant_id: str, mode: Mode, *, before_id: str | None, count: int
) -> list[tuple[str, msgspec.Raw]]:
    """Ids and views of the payment's refunds, newest first."""
    rows = await source.fetch(_GET_REFUNDS, payment_id, merchant_id, mode, before_id, count)
    return [(row["id"], msgspec.Raw(row["view"])) for row in rows]


async def lock_untouched(connection: Connection, operation_ids: Sequence[str]) -> list[OperationView]:
    """Those of the operations that no step has touched, locked in id order."""
    rows = await connection.fetch(_LOCK_UNTOUCHED, operation_ids)
    return [_operation.decode(row["view"]) for row in rows]


async def refuse(connection: Connection, refused: Sequence[Operation]) -> None:
    """Note that the payment's owner refused these operations, and why."""
    await connection.execute(
        _REFUSE,
        [operation.view.id for operation in refused],
        [msgspec.to_builtins(operation.refusal) for operation in refused],
        [_json(operation.view) for operation in refused],
    )


def _json(view: Any) -> str:
    return msgspec.json.encode(view).decode()
