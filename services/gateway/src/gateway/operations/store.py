"""Reads and writes captures, cancels and refunds as merchants see them, always within one merchant and mode."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.operations.views import Operation, Refusal
from malipo.contracts.commands import Mode
from malipo.contracts.events import OperationView, PaymentStepped
from malipo.messaging.database import Queries
from malipo.messaging.unit import Unit
from malipo.messaging.writes import Write, insert

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
_operation = msgspec.json.Decoder(OperationView)


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


def _operation_row(merchant_id: str, mode: Mode, step: int, view: OperationView) -> Sequence[object]:
    """In the order of `_OPERATION`."""
    return view.id, view.payment_id, merchant_id, mode, view.kind, step, _json(view)


def _json(view: Any) -> str:
    return msgspec.json.encode(view).decode()
