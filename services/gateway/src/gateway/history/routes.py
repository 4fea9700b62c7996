"""`/v1/payments/{id}/timeline` and `/explain`: how a payment came to be where it is, what comes next, and what may be done."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.dependencies import DependenciesOf
from gateway.edge.problems import Problem
from gateway.edge.responses import respond
from gateway.history import store
from gateway.history.explain import explained
from gateway.history.schemas import EXPLANATION, TIMELINE
from gateway.history.timeline import arranged, is_whole
from gateway.openapi.description import spec
from gateway.operations.store import list_operations
from gateway.payments.access import require_payment
from malipo.messaging.pool import time_of

router = APIRouter(prefix="/v1/payments", tags=["Payments"])
_Reader = Annotated[MerchantClient, Depends(Admission("payments:read"))]


@router.get(
    "/{payment_id}/timeline",
    **spec("Read a payment's timeline", responses={200: TIMELINE}, problems=("payment_not_found", "timeline_gone")),
)
async def read_timeline(dependencies: DependenciesOf, client: _Reader, payment_id: str) -> Response:
    """What every service did, in causal order: requests, transitions, what providers were asked and reported, webhooks.

    A cause stands before its effect, whatever the clocks of two machines show. `complete` is false while the cause of an
    entry is still on its way, which takes less than a second; of a payment with more entries than the newest
    thousand, which are shown; and of one whose timeline is kept no longer, and to which something happened since.
    """
    payment = await require_payment(dependencies, client, payment_id)
    entries = arranged(await store.timeline(dependencies.database.reads, payment_id))
    if not entries:
        raise Problem("timeline_gone")
    complete = is_whole(entries) and len(entries) < store.MAX_ENTRIES
    return respond({"payment_id": payment_id, "status": payment.status, "complete": complete, "entries": entries})


@router.get(
    "/{payment_id}/explain",
    **spec("Explain a payment", responses={200: EXPLANATION}, problems=("payment_not_found", "timeline_gone")),
)
async def explain_payment(dependencies: DependenciesOf, client: _Reader, payment_id: str) -> Response:
    """In plain words and as data: why it is in its state, since when, what happens next, and what you may safely do.

    The same of each capture, cancel, refund and whatever else is done with it, and until when a dispute can be answered.
    """
    payment = await require_payment(dependencies, client, payment_id)
    reads = dependencies.database.reads
    entries = await store.explaining(reads, payment_id)
    if not any(entry["operation_id"] is None for entry in entries):  # of the payment itself, how it came where it is
        raise Problem("timeline_gone")
    operations = await list_operations(reads, payment_id, client.merchant_id, client.mode, count=store.MAX_EXPLAINING)
    return respond(explained(payment, operations, entries, await time_of(reads)))
