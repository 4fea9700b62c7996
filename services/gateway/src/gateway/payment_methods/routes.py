"""`/v1/payment-methods`: read what payments have saved, and list it by customer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from msgspec import to_builtins
from starlette.responses import Response

from gateway.edge import cursors
from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.dependencies import DependenciesOf
from gateway.edge.problems import Problem
from gateway.edge.responses import page, respond
from gateway.openapi.description import spec
from gateway.openapi.responses import PAYMENT_METHOD_READ, PAYMENT_METHODS
from gateway.payment_methods import charges, store
from gateway.payment_methods.schemas import MethodFilters
from malipo import ids

router = APIRouter(prefix="/v1/payment-methods", tags=["Saved payment methods"])
_Reader = Annotated[MerchantClient, Depends(Admission("payments:read"))]


@router.get("", **spec("List saved payment methods", responses={200: PAYMENT_METHODS}, query=True))
async def list_methods(
    dependencies: DependenciesOf,
    client: Annotated[MerchantClient, Depends(Admission("payments:read", MethodFilters))],
    filters: Annotated[MethodFilters, Query()],
) -> Response:
    """Newest first, one page at a time: all of them, or a customer's."""
    before_id = cursors.decode(filters.cursor, "pm") if filters.cursor is not None else None
    reads, count = dependencies.database.reads, filters.limit + 1
    entries = await store.list_methods(
        reads, client.merchant_id, client.mode, filters, before_id=before_id, count=count
    )
    return respond(page(entries, filters.limit, cursors.encode))


@router.get(
    "/{payment_method_id}",
    **spec("Read a saved payment method", responses={200: PAYMENT_METHOD_READ}, problems=("payment_method_not_found",)),
)
async def read_method(dependencies: DependenciesOf, client: _Reader, payment_method_id: str) -> Response:
    """What a payment with `save_method` has saved, or what is saved without one. Once it is `active`, pay with it with `{"type": "saved",
    "id": ...}` as the `method`. With `declined_by`, the payment whose decline has said `do_not_try_again`, it is refused, unless
    you insist.
    """
    method, reads = None, dependencies.database.reads
    if ids.is_id(payment_method_id, "pm"):
        method = await store.get_method(reads, payment_method_id, client.merchant_id, client.mode)
    if method is None:
        raise Problem("payment_method_not_found")
    declined_by = (await charges.forbidden(reads, [method.id])).get(method.id)
    return respond(to_builtins(method) | {"declined_by": declined_by} if declined_by else method)
