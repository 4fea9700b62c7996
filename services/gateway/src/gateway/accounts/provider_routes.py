"""`/v1/providers`: what each provider can do, and whether the merchant has accounts there."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.accounts import store
from gateway.accounts.views import shown_provider
from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.dependencies import DependenciesOf
from gateway.edge.responses import respond
from gateway.openapi.description import spec
from gateway.openapi.responses import PROVIDERS as SHOWN
from malipo.contracts.providers import PROVIDERS

router = APIRouter(prefix="/v1/providers", tags=["Providers"])


@router.get("", **spec("List providers", responses={200: SHOWN}))
async def list_providers(
    dependencies: DependenciesOf, client: Annotated[MerchantClient, Depends(Admission("payments:read"))]
) -> Response:
    """Methods with their currencies, `step`, `least` and `most` in minor units; operations; your accounts in this mode."""
    stored = await store.list_credentials(dependencies.database.reads, client.merchant_id, client.mode)
    shown = [
        shown_provider(provider, [one.label for one in stored if one.provider == provider.name])
        for provider in PROVIDERS.values()
    ]
    return respond({"data": shown, "has_more": False, "next_cursor": None})
