"""`/v1/webhook-endpoints`: where a merchant wants its webhooks."""

import base64
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.accounts import configuration, store
from gateway.accounts.schemas import NewWebhookEndpoint
from gateway.accounts.views import StoredEndpoint, shown_endpoint
from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.body import body_of
from gateway.edge.dependencies import Dependencies, DependenciesOf
from gateway.edge.idempotency import Done
from gateway.edge.mutations import Mutation, mutation
from gateway.edge.problems import FieldError, Problem, of_fields
from gateway.edge.responses import respond
from gateway.openapi.description import spec
from gateway.openapi.responses import ENDPOINT, ENDPOINT_WITH_SECRET, ENDPOINTS
from http_limits.addresses import AddressRefused, check_url
from malipo import ids
from malipo.contracts.config import Endpoint, secret_owner
from malipo.messaging.pool import Statements

MAX_ENDPOINTS = 20
"""Of one merchant in one mode."""

_SECRET_BYTES = 32  # Standard Webhooks asks for 24 to 64

router = APIRouter(prefix="/v1/webhook-endpoints", tags=["Webhooks"])
_Reader = Annotated[MerchantClient, Depends(Admission("webhooks:read"))]
_Writer = Annotated[Mutation, Depends(mutation("webhooks:write"))]
_Creator = Annotated[Mutation, Depends(mutation("webhooks:write", key_required=True))]
_NOT_FOUND = ("webhook_endpoint_not_found",)


@router.post(
    "",
    **spec(
        "Create a webhook endpoint",
        body=NewWebhookEndpoint,
        responses={201: ENDPOINT_WITH_SECRET},
        problems=("url_not_https", "url_not_public", "webhook_endpoint_limit", "resource_gone"),
        changes=True,
        key_required=True,
        read_at="/v1/webhook-endpoints/{endpoint_id}",
    ),
)
async def create_endpoint(
    mutation: _Creator, body: Annotated[NewWebhookEndpoint, Depends(body_of(NewWebhookEndpoint))]
) -> Response:
    """`secret` verifies the webhooks' signatures. It is shown in this response alone, and in a replay of it."""
    client, dependencies = mutation.client, mutation.dependencies
    _require_reachable(dependencies, client, body.url)

    async def add(transaction: Statements) -> str:
        if len(await store.list_endpoints(transaction, client.merchant_id, client.mode)) >= MAX_ENDPOINTS:
            raise Problem("webhook_endpoint_limit", f"There are {MAX_ENDPOINTS} already: delete one first.")
        endpoint = _new_endpoint(dependencies, client, body)
        await store.add_endpoint(transaction, client.merchant_id, endpoint, body.description)
        return endpoint.id

    return await _created(mutation, await configuration.change(mutation, body, add))


@router.get("", **spec("List webhook endpoints", responses={200: ENDPOINTS}))
async def list_endpoints(dependencies: DependenciesOf, client: _Reader) -> Response:
    """Oldest first; there are at most twenty."""
    stored = await store.list_endpoints(dependencies.database.reads, client.merchant_id, client.mode)
    return respond({"data": [shown_endpoint(one) for one in stored], "has_more": False, "next_cursor": None})


@router.get("/{endpoint_id}", **spec("Read a webhook endpoint", responses={200: ENDPOINT}, problems=_NOT_FOUND))
async def read_endpoint(dependencies: DependenciesOf, client: _Reader, endpoint_id: str) -> Response:
    """Without its secret."""
    return respond(shown_endpoint(await _require(dependencies, client, endpoint_id)))


@router.delete(
    "/{endpoint_id}", **spec("Delete a webhook endpoint", responses={204: None}, problems=_NOT_FOUND, changes=True)
)
async def delete_endpoint(mutation: _Writer, endpoint_id: str) -> Response:
    """Nothing more is sent there, not even what was due."""
    client = mutation.client
    if not ids.is_id(endpoint_id, "ep"):
        raise Problem("webhook_endpoint_not_found")

    async def delete(transaction: Statements) -> str:
        if not await store.delete_endpoint(transaction, endpoint_id, client.merchant_id, client.mode):
            raise Problem("webhook_endpoint_not_found")
        return endpoint_id

    done = await configuration.change(mutation, None, delete)
    return Response(status_code=204, headers=mutation.headers(done))


def _require_reachable(dependencies: Dependencies, client: MerchantClient, url: str) -> None:
    """Refuse now what the dispatcher would refuse at each attempt. It checks a name's addresses itself: they change."""
    settings, test = dependencies.settings, client.mode == "test"
    try:
        check_url(
            url,
            allow_loopback=settings.allow_loopback and test,
            allow_hosts=settings.allowed_hosts if test else (),
        )
    except AddressRefused as refused:
        raise of_fields([FieldError("/url", refused.code, str(refused))]) from None


def _new_endpoint(dependencies: Dependencies, client: MerchantClient, body: NewWebhookEndpoint) -> Endpoint:
    endpoint_id = ids.new("ep")
    secret = "whsec_" + base64.b64encode(ids.random_bytes(_SECRET_BYTES)).decode()
    owner = secret_owner(client.merchant_id, client.mode, endpoint_id)
    return Endpoint(
        id=endpoint_id,
        mode=client.mode,
        url=body.url,
        secret_ciphertext=dependencies.key_ring.seal(secret.encode(), owner=owner),
        event_types=tuple(body.event_types),
    )


async def _created(mutation: Mutation, done: Done) -> Response:
    client, dependencies = mutation.client, mutation.dependencies
    stored = await _find(dependencies, client, done.resource_id)
    sealed = await store.endpoint_secret(dependencies.database.reads, done.resource_id, client.merchant_id, client.mode)
    if stored is None or sealed is None:
        raise Problem("resource_gone", headers=mutation.headers(done))
    secret = dependencies.key_ring.open(sealed, owner=secret_owner(client.merchant_id, client.mode, stored.id)).decode()
    headers = mutation.headers(done, {"Location": f"/v1/webhook-endpoints/{stored.id}", "Cache-Control": "no-store"})
    return respond(shown_endpoint(stored) | {"secret": secret}, 201, headers)


async def _require(dependencies: Dependencies, client: MerchantClient, endpoint_id: str) -> StoredEndpoint:
    found = await _find(dependencies, client, endpoint_id) if ids.is_id(endpoint_id, "ep") else None
    if found is None:
        raise Problem("webhook_endpoint_not_found")
    return found


async def _find(dependencies: Dependencies, client: MerchantClient, endpoint_id: str) -> StoredEndpoint | None:
    found = await store.list_endpoints(dependencies.database.reads, client.merchant_id, client.mode, endpoint_id)
    return found[0] if found else None
