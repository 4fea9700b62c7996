"""`/v1/payments/{id}/erase`, `/v1/customers/{ref}/erase`: what is about a person is destroyed; payments and their books stay."""

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.edge.idempotency import once
from gateway.edge.mutations import Mutation, mutation
from gateway.edge.responses import respond
from gateway.edge.validation import require_utf_8
from gateway.openapi.description import spec
from gateway.openapi.responses import ERASURE
from gateway.payments import personal
from gateway.payments.access import require_payment
from malipo.contracts.methods import PRINTABLE
from malipo.messaging.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1", tags=["Personal data"])
_Eraser = Annotated[Mutation, Depends(mutation("personal:erase", key_required=True))]


@router.post(
    "/payments/{payment_id}/erase",
    **spec(
        "Erase a payment's personal data",
        responses={202: ERASURE},
        problems=("payment_not_found",),
        changes=True,
        key_required=True,
    ),
)
async def erase_payment(mutation: _Eraser, payment_id: str) -> Response:
    """Destroys the key to what the payment holds about a person, such as a phone number: nobody can read it any more.
    The key of the API needs the scope `personal:erase`.

    What was masked, amounts, events and the audit log stay, and so do `client_ref`, `customer_ref`, `description` and
    `metadata`, as they were sent: put nothing personal there. A payment that is under way is erased when it has ended;
    one that holds nothing personal, as one by card, is counted nowhere. Send the request again with another
    `Idempotency-Key` to see how far it is.

    Within 30 hours the encrypted key has left the message broker, too. What it opens stays there for 7 days, of messages
    that could not be applied for 90, and in the services' tables: nobody can read it.
    """
    payment = await require_payment(mutation.dependencies, mutation.client, payment_id)
    return await _erase(mutation, "payment_id", payment.id)


@router.post(
    "/customers/{customer_ref:path}/erase",
    **spec(
        "Erase a customer's personal data",
        responses={202: ERASURE},
        problems=("parameter_invalid",),
        changes=True,
        key_required=True,
    ),
)
async def erase_customer(mutation: _Eraser, request: Request, customer_ref: str) -> Response:
    """The same for all payments with this `customer_ref` until now; those under way are erased when they have ended.

    The `customer_ref` itself stays. 202 with nothing counted is also the answer where no payment has it, or none of these
    holds anything personal.
    """
    # The framework reads other bytes as U+FFFD, and so another customer, of whom there is nothing to erase.
    require_utf_8("customer_ref", request.scope["raw_path"])
    if not re.fullmatch(PRINTABLE, customer_ref):  # no payment has it, and no statement could ask for it
        return respond(personal.Erasure(0, 0)._asdict(), 202)
    return await _erase(mutation, "customer_ref", customer_ref)


async def _erase(mutation: Mutation, column: Literal["payment_id", "customer_ref"], value: str) -> Response:
    database = mutation.dependencies.database
    whose = personal.Whose(mutation.client.merchant_id, mutation.client.mode, column, value)

    async def write(unit: UnitOfWork) -> str:
        await personal.request_erasure(unit, whose)
        return value

    done = await once(database, mutation.request, None, write)
    return respond((await personal.erasure(database.reads, whose))._asdict(), 202, mutation.headers(done))
