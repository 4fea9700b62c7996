"""`/v1/settings`: what a merchant wants done where there is a choice, in each mode."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.accounts import store
from gateway.accounts.schemas import MerchantSettings
from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.body import body_of
from gateway.edge.dependencies import Dependencies, DependenciesOf
from gateway.edge.idempotency import once
from gateway.edge.mutations import Mutation, mutation
from gateway.edge.responses import respond
from gateway.openapi.description import spec
from gateway.openapi.responses import SETTINGS
from malipo.messaging.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1/settings", tags=["Settings"])


@router.get("", **spec("Read settings", responses={200: SETTINGS}))
async def read_settings(
    dependencies: DependenciesOf, client: Annotated[MerchantClient, Depends(Admission("settings:read"))]
) -> Response:
    """Those of the key's mode."""
    return await _shown(dependencies, client)


@router.put("", **spec("Replace settings", body=MerchantSettings, responses={200: SETTINGS}, changes=True))
async def put_settings(
    mutation: Annotated[Mutation, Depends(mutation("settings:write"))],
    body: Annotated[MerchantSettings, Depends(body_of(MerchantSettings))],
) -> Response:
    """They hold for payments that are created from now on, in the key's mode; what is left out is as at first."""
    client = mutation.client

    async def put(unit: UnitOfWork) -> str:
        await store.put_settings(unit.transaction, client.merchant_id, client.mode, body.late_payments)
        return client.merchant_id

    done = await once(mutation.dependencies.database, mutation.request, body, put)
    response = await _shown(mutation.dependencies, client)
    response.headers.update(mutation.headers(done))
    return response


async def _shown(dependencies: Dependencies, client: MerchantClient) -> Response:
    late_payments = await store.late_payments(dependencies.database.reads, client.merchant_id, client.mode)
    return respond({"late_payments": late_payments})
