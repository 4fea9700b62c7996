"""Reads and writes payments as merchants see them, always within one merchant and mode."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.payments.schemas import PaymentFilters
from malipo import ids
from malipo.contracts.commands import Mode
from malipo.contracts.events import PaymentStepped, PaymentView
from malipo.messaging.database import Queries
from malipo.messaging.unit import Unit
from malipo.messaging.writes import insert

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


def _payment_row(merchant_id: str, mode: Mode, step: int, payment: PaymentView) -> Sequence[object]:
    """In the order of `_PAYMENT`."""
    status, provider, currency, amount = payment.status, payment.provider, payment.currency, payment.amount
    view = _json(payment)
    return payment.id, merchant_id, mode, step, status, provider, currency, amount, payment.client_ref, view


def _json(view: Any) -> str:
    return msgspec.json.encode(view).decode()
