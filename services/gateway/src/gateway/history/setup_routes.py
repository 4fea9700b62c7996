"""`/v1/payment-methods/{id}/timeline` and `/explain`: how a method that is saved without a payment came to be where it is."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.dependencies import Dependencies, DependenciesOf
from gateway.edge.problems import Problem
from gateway.edge.responses import respond
from gateway.history import store
from gateway.history.explain import explained_setup
from gateway.history.schemas import SETUP_EXPLANATION, SETUP_TIMELINE
from gateway.history.timeline import arranged, is_whole
from gateway.openapi.description import spec
from gateway.operations.store import list_operations
from gateway.payment_methods import charges
from gateway.payment_methods.store import get_method
from malipo import ids
from malipo.contracts.events import PaymentMethodView
from malipo.messaging.pool import time_of

router = APIRouter(prefix="/v1/payment-methods", tags=["Saved payment methods"])
_Reader = Annotated[MerchantClient, Depends(Admission("payments:read"))]
_PROBLEMS = ("payment_method_not_found",)


@router.get(
    "/{payment_method_id}/timeline",
    **spec("Read a saved payment method's timeline", responses={200: SETUP_TIMELINE}, problems=_PROBLEMS),
)
async def read_timeline(dependencies: DependenciesOf, client: _Reader, payment_method_id: str) -> Response:
    """What every service did to save it without a payment, in causal order. What a payment has saved is in that one's timeline: then
    this answers 404 (`payment_method_not_found`), and which one it is.
    """
    method = await _require_setup(dependencies, client, payment_method_id)
    entries = arranged(await store.timeline(dependencies.database.reads, method.id))
    complete = is_whole(entries) and len(entries) < store.MAX_ENTRIES
    named = {"payment_method_id": method.id, "status": method.status}
    return respond({**named, "complete": complete, "entries": entries})


@router.get(
    "/{payment_method_id}/explain",
    **spec("Explain a saved payment method", responses={200: SETUP_EXPLANATION}, problems=_PROBLEMS),
)
async def explain_method(dependencies: DependenciesOf, client: _Reader, payment_method_id: str) -> Response:
    """Of one that is saved without a payment: why it is in its state, since when, what happens next, and what you may safely do."""
    method = await _require_setup(dependencies, client, payment_method_id)
    reads = dependencies.database.reads
    entries = await store.explaining(reads, method.id)
    detaches = await list_operations(reads, method.id, client.merchant_id, client.mode, count=store.MAX_EXPLAINING)
    forbidden_by = (await charges.forbidden(reads, [method.id])).get(method.id)
    return respond(explained_setup(method, detaches, entries, await time_of(reads), forbidden_by=forbidden_by))


async def _require_setup(dependencies: Dependencies, client: MerchantClient, method_id: str) -> PaymentMethodView:
    """Raises `payment_method_not_found`, also for one of another merchant or mode, or that a payment has saved."""
    method = None
    if ids.is_id(method_id, "pm"):
        method = await get_method(dependencies.database.reads, method_id, client.merchant_id, client.mode)
    if method is None:
        raise Problem("payment_method_not_found")
    if method.payment_id is not None:
        detail = f"A payment has saved it: GET /v1/payments/{method.payment_id}/timeline and /explain have what became of it."
        raise Problem("payment_method_not_found", detail)
    return method
