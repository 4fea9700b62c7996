"""Reads and writes captures, cancels, refunds and disputes as merchants see them, always within one merchant and mode."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import ARRAY, Text, any_, bindparam, or_, select

from gateway.operations.views import Operation, Refusal
from gateway.tables import OPERATIONS, same_owner
from malipo.contracts.commands import Mode
from malipo.contracts.events import OperationKind, OperationView, PaymentTransitioned
from malipo.messaging.pool import Queries
from malipo.messaging.queries import CompiledQuery
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write, insert, json_text

_ADD_OPERATIONS = insert(OPERATIONS)
_PUT_OPERATIONS = insert(
    OPERATIONS,
    f"""ON CONFLICT (id) DO UPDATE SET {same_owner(OPERATIONS)}, step = excluded.step, view = excluded.view, refusal = NULL
WHERE operations.step < excluded.step""",
)
_OWN = OPERATIONS.c.merchant_id == bindparam("merchant_id"), OPERATIONS.c.mode == bindparam("mode")
_OF_PAYMENT = OPERATIONS.c.payment_id == bindparam("payment_id"), *_OWN
_BEFORE = bindparam("before_id", type_=Text)
_GET_OPERATION = CompiledQuery(
    select(OPERATIONS.c.view, OPERATIONS.c.refusal).where(OPERATIONS.c.id == bindparam("id"), *_OWN)
)
_LIST_KIND = CompiledQuery(
    select(OPERATIONS.c.id, OPERATIONS.c.view)
    .where(*_OF_PAYMENT, OPERATIONS.c.kind == bindparam("kind"), or_(_BEFORE.is_(None), OPERATIONS.c.id < _BEFORE))
    .order_by(OPERATIONS.c.id.desc())
    .limit(bindparam("count"))
)
_LIST_OPERATIONS = CompiledQuery(
    select(OPERATIONS.c.view).where(*_OF_PAYMENT).order_by(OPERATIONS.c.id).limit(bindparam("count"))
)
_UNTOUCHED = CompiledQuery(
    select(OPERATIONS.c.view).where(
        OPERATIONS.c.id == any_(bindparam("ids", type_=ARRAY(Text))), OPERATIONS.c.step == 0
    )
)
_REFUSE = Write(
    """UPDATE operations SET refusal = new.refusal, view = new.view
FROM unnest({arrays}) AS new ({names}) WHERE operations.id = new.id AND operations.step = 0""",
    (OPERATIONS.c.id, OPERATIONS.c.refusal, OPERATIONS.c.view),
)
_operation = msgspec.json.Decoder(OperationView)


def add_operation(unit: UnitOfWork, view: OperationView, merchant_id: str, mode: Mode) -> None:
    """Write an operation that was just accepted."""
    unit.put(_ADD_OPERATIONS, [_operation_row(merchant_id, mode, 0, view)])


def put_operations(unit: UnitOfWork, transitions: Sequence[tuple[PaymentTransitioned, OperationView]]) -> None:
    """Bring operations to these transitions, one per operation; a row that is further already stays as it is."""
    ordered = sorted(transitions, key=lambda one: one[1].id)
    unit.put(_PUT_OPERATIONS, [_operation_row(one.merchant_id, one.mode, one.step, view) for one, view in ordered])


async def get_operation(source: Queries, operation_id: str, merchant_id: str, mode: Mode) -> Operation | None:
    """The operation as it is now, if this merchant has it in this mode."""
    row = await source.fetchrow(*_GET_OPERATION.of(id=operation_id, merchant_id=merchant_id, mode=mode))
    if row is None:
        return None
    return Operation(_operation.decode(row["view"]), row["refusal"] and msgspec.convert(row["refusal"], Refusal))


async def list_kind(
    source: Queries,
    kind: OperationKind,
    payment_id: str,
    merchant_id: str,
    mode: Mode,
    *,
    before_id: str | None,
    count: int,
) -> list[tuple[str, msgspec.Raw]]:
    """Ids and views of the payment's operations of this kind, newest first."""
    asked = {"payment_id": payment_id, "merchant_id": merchant_id, "mode": mode, "before_id": before_id, "count": count}
    rows = await source.fetch(*_LIST_KIND.of(kind=kind, **asked))
    return [(row["id"], msgspec.Raw(row["view"])) for row in rows]


async def list_operations(
    source: Queries, payment_id: str, merchant_id: str, mode: Mode, *, count: int
) -> list[OperationView]:
    """The payment's captures, cancels and refunds, each kind the oldest first."""
    asked = {"payment_id": payment_id, "merchant_id": merchant_id, "mode": mode, "count": count}
    rows = await source.fetch(*_LIST_OPERATIONS.of(**asked))
    return [_operation.decode(row["view"]) for row in rows]


async def untouched(source: Queries, operation_ids: Sequence[str]) -> list[OperationView]:
    """Those of the operations that no transition has touched."""
    rows = await source.fetch(*_UNTOUCHED.of(ids=operation_ids))
    return [_operation.decode(row["view"]) for row in rows]


def refuse(unit: UnitOfWork, refused: Sequence[Operation]) -> None:
    """Store that the orchestrator refused these operations, and why, unless a transition has touched them."""
    ordered = sorted(refused, key=lambda operation: operation.view.id)
    unit.put(_REFUSE, [(one.view.id, msgspec.to_builtins(one.refusal), json_text(one.view)) for one in ordered])


def _operation_row(merchant_id: str, mode: Mode, step: int, view: OperationView) -> Sequence[object]:
    """In the order of the table's columns; it was not refused."""
    return view.id, view.payment_id, merchant_id, mode, view.kind, step, None, json_text(view)
