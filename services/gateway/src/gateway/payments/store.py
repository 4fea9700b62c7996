"""Reads and writes payments as merchants see them, always within one merchant and mode."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, bindparam, select

from gateway.payments.schemas import PaymentFilters
from gateway.payments.views import Settled
from gateway.tables import PAYMENTS, same_owner
from malipo import ids
from malipo.contracts.commands import Mode
from malipo.contracts.events import PaymentTransitioned, PaymentView
from malipo.messaging.pool import Queries
from malipo.messaging.queries import CompiledQuery
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import insert, json_text

_ADD_PAYMENTS = insert(PAYMENTS)
_PUT_PAYMENTS = insert(
    PAYMENTS,
    f"""ON CONFLICT (id) DO UPDATE
SET {same_owner(PAYMENTS)}, step = excluded.step, status = excluded.status, provider = excluded.provider, view = excluded.view
WHERE payments.step < excluded.step""",
)
_OWN = PAYMENTS.c.merchant_id == bindparam("merchant_id"), PAYMENTS.c.mode == bindparam("mode")
_GET_PAYMENT = CompiledQuery(select(PAYMENTS.c.view).where(PAYMENTS.c.id == bindparam("id"), *_OWN))
_FILTERS: dict[str, ColumnElement[bool]] = {
    "status": PAYMENTS.c.status == bindparam("status"),
    "provider": PAYMENTS.c.provider == bindparam("provider"),
    "currency": PAYMENTS.c.currency == bindparam("currency"),
    "amount_min": PAYMENTS.c.amount >= bindparam("amount_min"),
    "amount_max": PAYMENTS.c.amount <= bindparam("amount_max"),
    "created_after": PAYMENTS.c.id > bindparam("created_after"),
    "created_before": PAYMENTS.c.id < bindparam("created_before"),
    "client_ref": PAYMENTS.c.client_ref == bindparam("client_ref"),
    "customer_ref": PAYMENTS.c.customer_ref == bindparam("customer_ref"),
    "before_id": PAYMENTS.c.id < bindparam("before_id"),
}
_SETTLED = """
SELECT currency, sum(amount)::bigint AS amount, sum(fee)::bigint AS fee, sum(net)::bigint AS net FROM movements
WHERE payment_id = $1 AND merchant_id = $2 AND mode = $3 GROUP BY currency ORDER BY currency
"""
_payment = msgspec.json.Decoder(PaymentView)


def add_payments(unit: UnitOfWork, accepted: Sequence[tuple[str, Mode, PaymentView]]) -> None:
    """Write payments that were just accepted, each with its merchant and mode."""
    unit.put(_ADD_PAYMENTS, [_payment_row(merchant_id, mode, 0, payment) for merchant_id, mode, payment in accepted])


def put_payments(unit: UnitOfWork, transitions: Sequence[PaymentTransitioned]) -> None:
    """Bring payments to these transitions, one per payment; a row that is further already stays as it is. What is saved without
    a payment is none.
    """
    ordered = sorted(transitions, key=lambda one: one.payment_id)  # one order of locking for all
    rows = [_payment_row(one.merchant_id, one.mode, one.step, one.payment) for one in ordered if one.payment]
    unit.put(_PUT_PAYMENTS, rows)


async def get_payment(source: Queries, payment_id: str, merchant_id: str, mode: Mode) -> PaymentView | None:
    """The payment as it is now, if this merchant has it in this mode."""
    view = await source.fetchval(*_GET_PAYMENT.of(id=payment_id, merchant_id=merchant_id, mode=mode))
    return view and _payment.decode(view)


async def settled(source: Queries, payment_id: str, merchant_id: str, mode: Mode) -> list[Settled]:
    """What has moved of the payment in the account's balance, with fees, as far as is known."""
    return [Settled(**dict(row)) for row in await source.fetch(_SETTLED, payment_id, merchant_id, mode)]


async def list_payments(
    source: Queries, merchant_id: str, mode: Mode, filters: PaymentFilters, *, before_id: str | None, count: int
) -> list[tuple[str, msgspec.Raw]]:
    """Ids and views, newest first."""
    asked = _asked(filters) | ({} if before_id is None else {"before_id": before_id})
    query = _list(tuple(asked))
    rows = await source.fetch(*query.of(merchant_id=merchant_id, mode=mode, count=count, **asked))
    return [(row["id"], msgspec.Raw(row["view"])) for row in rows]


@cache
def _list(asked: tuple[str, ...]) -> CompiledQuery:
    """The query with these filters, compiled once for each combination of them."""
    chosen = [_FILTERS[name] for name in asked]
    newest_first = PAYMENTS.c.id.desc()
    return CompiledQuery(
        select(PAYMENTS.c.id, PAYMENTS.c.view).where(*_OWN, *chosen).order_by(newest_first).limit(bindparam("count"))
    )


def _asked(filters: PaymentFilters) -> dict[str, Any]:
    """The filters that were given. A payment is as old as its id, so that a time is a range of ids."""
    asked = filters.model_dump(include=set(_FILTERS), exclude_none=True)
    if filters.created_after is not None:
        asked["created_after"] = ids.last_at("pay", filters.created_after)
    if filters.created_before is not None:
        asked["created_before"] = ids.first_at("pay", filters.created_before)
    return asked


def _payment_row(merchant_id: str, mode: Mode, step: int, payment: PaymentView) -> Sequence[object]:
    """In the order of the table's columns."""
    status, provider, currency, amount = payment.status, payment.provider, payment.currency, payment.amount
    references = payment.client_ref, payment.customer_ref
    return payment.id, merchant_id, mode, step, status, provider, currency, amount, *references, json_text(payment)
