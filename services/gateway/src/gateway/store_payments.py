"""Reads and writes the read models of payments and their operations, always within one merchant and mode."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.schemas import PaymentFilters
from gateway.views import Operation, Refusal
from malipo import ids
from malipo.contracts.commands import Mode
from malipo.contracts.events import OperationView, PaymentStepped, PaymentView
from malipo.messaging.database import Queries
from malipo.messaging.unit import Unit
from malipo.messaging.writes import Write, insert

_PAYMENT = {
    "id": "text",
    "merchant_id": "text",
    "mode": "text",
    "step": "integer",
    "status": "text",
    "provider": "text",
    "currency": "text",
    "amount": "bigint",
    "client_ref": "text",
    "view": "json",
}
_ADD_PAYMENTS = insert("payments", _PAYMENT)
_PUT_PAYMENTS = insert(
    "payments",
    _PAYMENT,
    """ON CONFLICT (id) DO UPDATE
SET step = excluded.step, status = excluded.status, provider = excluded.provider, view = excluded.view
WHERE payments.step < excluded.step""",
)
_GET_PAYMENT = "SELECT view FROM payments WHERE id = $1 AND merchant_id = $2 AND mode = $3"

_OPERATION = {
    "id": "text",
    "payment_id": "text",
    "merchant_id": "text",
    "mode": "text",
    "kind": "text",
    "step": "integer",
    "view": "json",
}
_ADD_OPERATIONS = insert("operations", _OPERATION)
_PUT_OPERATIONS = insert(
    "operations",
    _OPERATION,
    """ON CONFLICT (id) DO UPDATE SET step = excluded.step, view = excluded.view, refusal = NULL
WHERE operations.step < excluded.step""",
)
_GET_OPERATION = "SELECT view, refusal FROM operations WHERE id = $1 AND merchant_id = $2 AND mode = $3"
_GET_REFUNDS = """
SELECT id, view FROM operations
WHERE payment_id = $1 AND merchant_id = $2 AND mode = $3 AND kind = 'refund' AND ($4::text IS NULL OR id < $4)
ORDER BY id DESC LIMIT $5
"""
_GET_OPERATIONS = """
SELECT view FROM operations WHERE payment_id = $1 AND merchant_id = $2 AND mode = $3 ORDER BY id LIMIT $4
"""
_GET_UNTOUCHED = "SELECT view FROM operations WHERE id = ANY($1::text[]) AND step = 0"
_REFUSE = Write(
    """UPDATE operations SET refusal = new.refusal, view = new.view
FROM unnest({arrays}) AS new ({names}) WHERE operations.id = new.id AND operations.step = 0""",
    {"id": "text", "refusal": "jsonb", "view": "json"},
)

_FILTERS = {
    "status": "status = ",
    "provider": "provider = ",
    "currency": "currency = ",
    "amount_min": "amount >= ",
    "amount_max": "amount <= ",
    "created_after": "id > ",
    "created_before": "id < ",
    "client_ref": "client_ref = ",
}

_payment = msgspec.json.Decoder(PaymentView)
_operation = msgspec.json.Decoder(OperationView)


def add_payments(unit: Unit, accepted: Sequence[tuple[str, Mode, PaymentView]]) -> None:
    """Write payments that were just accepted, each with its merchant and mode."""
    unit.put(_ADD_PAYMENTS, [_payment_row(merchant_id, mode, 0, payment) for merchant_id, mode, payment in accepted])


def put_payments(unit: Unit, steps: Sequence[PaymentStepped]) -> None:
    """Bring payments to these steps, one a payment; a row that is further already stays as it is."""
    ordered = sorted(steps, key=lambda step: step.payment_id)  # one order of locking for all
    unit.put(_PUT_PAYMENTS, [_payment_row(step.merchant_id, step.mode, step.step, step.payment) for step in ordered])


async def get_payment(source: Queries, payment_id: str, merchant_id: str, mode: Mode) -> PaymentView | None:
    """The payment as it is now, if this merchant has it in this mode."""
    view = await source.fetchval(_GET_PAYMENT, payment_id, merchant_id, mode)
    return view and _payment.decode(view)


async def list_payments(
    source: Queries, merchant_id: str, mode: Mode, filters: PaymentFilters, *, before_id: str | None, count: int
) -> list[tuple[str, msgspec.Raw]]:
    """Ids and views, newest first."""
    conditions = [(_FILTERS[name], value) for name, value in _asked(filters).items()]
    if before_id is not None:
        conditions.append(("id < ", before_id))
    where = "".join(f" AND {clause}${place}" for place, (clause, _) in enumerate(conditions, start=4))
    statement = f"SELECT id, view FROM payments WHERE merchant_id = $1 AND mode = $2{where} ORDER BY id DESC LIMIT $3"
    rows = await source.fetch(statement, merchant_id, mode, count, *[value for _, value in conditions])
    return [(row["id"], msgspec.Raw(row["view"])) for row in rows]


def _asked(filters: PaymentFilters) -> dict[str, Any]:
    """The filters that were given. A payment is as old as its id, so that a time is a range of ids."""
    asked = filters.model_dump(include=set(_FILTERS), exclude_none=True)
    if filters.created_after is not None:
        asked["created_after"] = ids.last_at("pay", filters.created_after)
    if filters.created_before is not None:
        asked["created_before"] = ids.first_at("pay", filters.created_before)
    return asked


def add_operation(unit: Unit, view: OperationView, merchant_id: str, mode: Mode) -> None:
    """Write an operation that was just accepted."""
    unit.put(_ADD_OPERATIONS, [_operation_row(merchant_id, mode, 0, view)])


def put_operations(unit: Unit, steps: Sequence[tuple[PaymentStepped, OperationView]]) -> None:
    """Bring operations to these steps, one an operation; a row that is further already stays as it is."""
    ordered = sorted(steps, key=lambda entry: entry[1].id)
    unit.put(_PUT_OPERATIONS, [_operation_row(step.merchant_id, step.mode, step.step, view) for step, view in ordered])


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


async def list_operations(
    source: Queries, payment_id: str, merchant_id: str, mode: Mode, *, count: int
) -> list[OperationView]:
    """The payment's captures, cancels and refunds, each kind the oldest first."""
    rows = await source.fetch(_GET_OPERATIONS, payment_id, merchant_id, mode, count)
    return [_operation.decode(row["view"]) for row in rows]


async def untouched(source: Queries, operation_ids: Sequence[str]) -> list[OperationView]:
    """Those of the operations that no step has touched."""
    rows = await source.fetch(_GET_UNTOUCHED, operation_ids)
    return [_operation.decode(row["view"]) for row in rows]


def refuse(unit: Unit, refused: Sequence[Operation]) -> None:
    """Note that the payment's owner refused these operations, and why, unless a step has touched them."""
    ordered = sorted(refused, key=lambda operation: operation.view.id)
    unit.put(_REFUSE, [(one.view.id, msgspec.to_builtins(one.refusal), _json(one.view)) for one in ordered])


def _payment_row(merchant_id: str, mode: Mode, step: int, payment: PaymentView) -> Sequence[object]:
    """In the order of `_PAYMENT`."""
    status, provider, currency, amount = payment.status, payment.provider, payment.currency, payment.amount
    view = _json(payment)
    return payment.id, merchant_id, mode, step, status, provider, currency, amount, payment.client_ref, view


def _operation_row(merchant_id: str, mode: Mode, step: int, view: OperationView) -> Sequence[object]:
    """In the order of `_OPERATION`."""
    return view.id, view.payment_id, merchant_id, mode, view.kind, step, _json(view)


def _json(view: Any) -> str:
    return msgspec.json.encode(view).decode()
