"""Reads and writes saved methods as merchants see them, always within one merchant and mode."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Text, and_, bindparam, case, func, or_, select

from gateway.payment_methods.schemas import MethodFilters
from gateway.payment_methods.views import shown
from gateway.tables import PAYMENT_METHODS, same_owner
from malipo import clock
from malipo.contracts.commands import Mode
from malipo.contracts.events import PaymentMethodView, PaymentTransitioned
from malipo.messaging.pool import Queries, Row
from malipo.messaging.queries import CompiledQuery
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import insert, json_text

type Owned = tuple[str, Mode, str]
"""A saved method's id behind its merchant and mode."""

_TOLD = [one for one in PAYMENT_METHODS.columns if one is not PAYMENT_METHODS.c.detach_id]
_PUT = insert(
    PAYMENT_METHODS,
    f"""ON CONFLICT (id) DO UPDATE SET {same_owner(PAYMENT_METHODS)}, step = excluded.step, view = excluded.view
WHERE payment_methods.step < excluded.step""",
    _TOLD,
)
_OWN = PAYMENT_METHODS.c.merchant_id == bindparam("merchant_id"), PAYMENT_METHODS.c.mode == bindparam("mode")
_SEEN = PAYMENT_METHODS.c.view, PAYMENT_METHODS.c.detach_id
_GET = CompiledQuery(select(*_SEEN).where(PAYMENT_METHODS.c.id == bindparam("id"), *_OWN))
_STATUS = bindparam("status", type_=Text)
_TOLD_STATUS = func.json_extract_path_text(PAYMENT_METHODS.c.view, "status")
_SHOWN_STATUS = case(
    (and_(PAYMENT_METHODS.c.detach_id.is_not(None), _TOLD_STATUS == "active"), "detaching"), else_=_TOLD_STATUS
)
"""As `views.shown` has it."""
_CUSTOMER, _BEFORE = bindparam("customer_ref", type_=Text), bindparam("before_id", type_=Text)
_LIST = CompiledQuery(
    select(PAYMENT_METHODS.c.id, *_SEEN)
    .where(
        *_OWN,
        or_(_CUSTOMER.is_(None), PAYMENT_METHODS.c.customer_ref == _CUSTOMER),
        or_(_STATUS.is_(None), _SHOWN_STATUS == _STATUS),
        or_(_BEFORE.is_(None), PAYMENT_METHODS.c.id < _BEFORE),
    )
    .order_by(PAYMENT_METHODS.c.id.desc())
    .limit(bindparam("count"))
)
# The lock makes a payment and a detach that are accepted at once come one after the other: the later one knows of the first.
_NAMED = """
SELECT m.merchant_id, m.mode, m.id, m.view, m.detach_id FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (merchant_id, mode, id)
JOIN payment_methods AS m USING (merchant_id, mode, id) ORDER BY m.id FOR SHARE OF m
"""
_LOCK = """
SELECT view, detach_id FROM payment_methods WHERE (id, merchant_id, mode) = ($1, $2, $3) FOR NO KEY UPDATE
"""
_DETACH = "UPDATE payment_methods SET detach_id = $2, view = $3 WHERE id = $1"
_ADD = insert(PAYMENT_METHODS, columns=_TOLD)
_method = msgspec.json.Decoder(PaymentMethodView)


class Locked(NamedTuple):
    """A saved method that nothing else can be done with until the unit of work ends, and the detach of it that was accepted last."""

    method: PaymentMethodView
    detach_id: str | None


def add_method(unit: UnitOfWork, merchant_id: str, mode: Mode, method: PaymentMethodView) -> None:
    """Write a method that is to be saved without a payment, as it was just accepted."""
    unit.put(_ADD, [_row(merchant_id, mode, 0, method)])


def put_methods(unit: UnitOfWork, transitions: Sequence[PaymentTransitioned]) -> None:
    """Bring saved methods to these transitions; a row that is further already stays as it is."""
    about = sorted(((one.step, one) for one in transitions if one.payment_method), key=lambda pair: pair[0])
    latest = {one.payment_method.id: (one, one.payment_method) for _, one in about if one.payment_method}
    ordered = [latest[method_id] for method_id in sorted(latest)]
    unit.put(_PUT, [_row(one.merchant_id, one.mode, one.step, method) for one, method in ordered])


async def get_method(source: Queries, method_id: str, merchant_id: str, mode: Mode) -> PaymentMethodView | None:
    """The saved method as it is now, if this merchant has it in this mode."""
    row = await source.fetchrow(*_GET.of(id=method_id, merchant_id=merchant_id, mode=mode))
    return None if row is None else _seen(row)


async def lock(unit: UnitOfWork, method_id: str, merchant_id: str, mode: Mode) -> Locked | None:
    """The saved method, if this merchant has it in this mode, locked until the unit's end."""
    row = await unit.transaction.fetchrow(_LOCK, method_id, merchant_id, mode)
    return None if row is None else Locked(_seen(row), row["detach_id"])


async def begin_detach(unit: UnitOfWork, method: PaymentMethodView, detach_id: str) -> None:
    """Write that the detach of a saved method that is locked was accepted."""
    detaching = msgspec.structs.replace(method, status="detaching", failure=None)
    await unit.transaction.execute(_DETACH, method.id, detach_id, json_text(detaching))


async def named(unit: UnitOfWork, asked: Collection[Owned]) -> dict[Owned, PaymentMethodView]:
    """Those of these saved methods that are there, none of which is detached before the unit's end. Costs nothing where none is asked for."""
    if not asked:
        return {}
    rows = await unit.transaction.fetch(_NAMED, *map(list, zip(*sorted(asked), strict=True)))
    return {(row["merchant_id"], row["mode"], row["id"]): _seen(row) for row in rows}


async def list_methods(
    source: Queries, merchant_id: str, mode: Mode, filters: MethodFilters, *, before_id: str | None, count: int
) -> list[tuple[str, PaymentMethodView]]:
    """Ids and views, newest first."""
    asked = {"customer_ref": filters.customer_ref, "status": filters.status, "before_id": before_id, "count": count}
    rows = await source.fetch(*_LIST.of(merchant_id=merchant_id, mode=mode, **asked))
    return [(row["id"], _seen(row)) for row in rows]


def _seen(row: Row) -> PaymentMethodView:
    return shown(_method.decode(row["view"]), row["detach_id"], clock.now())


def _row(merchant_id: str, mode: Mode, step: int, method: PaymentMethodView) -> Sequence[object]:
    """In the order of `_TOLD`."""
    return method.id, merchant_id, mode, method.customer_ref, step, json_text(method)
