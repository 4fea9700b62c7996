"""`/v1/provider-credentials`: a merchant's accounts at providers, sealed when they come and never shown again."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.accounts import configuration, store
from gateway.accounts.schemas import StripeCredentials
from gateway.accounts.views import StoredCredential, masked, shown_credential
from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.body import body_of
from gateway.edge.dependencies import DependenciesOf
from gateway.edge.idempotency import once
from gateway.edge.mutations import Mutation, mutation
from gateway.edge.problems import FieldError, Problem, of_fields
from gateway.edge.responses import respond
from gateway.edge.validation import shown
from gateway.openapi.description import spec
from gateway.openapi.responses import CREDENTIAL, CREDENTIALS
from malipo import ids
from malipo.contracts.config import Credential, secret_owner
from malipo.contracts.topics import PROVIDER_COMMANDS
from malipo.messaging.unit_of_work import UnitOfWork

router = APIRouter(prefix="/v1/provider-credentials", tags=["Provider credentials"])
_Reader = Annotated[MerchantClient, Depends(Admission("credentials:read"))]
_Writer = Annotated[Mutation, Depends(mutation("credentials:write"))]
_NOT_FOUND = ("provider_credentials_not_found",)


@router.put(
    "/stripe",
    **spec(
        "Set Stripe credentials",
        body=StripeCredentials,
        responses={200: CREDENTIAL, 201: CREDENTIAL},
        problems=("credential_mode_mismatch", "resource_gone"),
        changes=True,
    ),
)
async def put_stripe(
    mutation: _Writer, body: Annotated[StripeCredentials, Depends(body_of(StripeCredentials))]
) -> Response:
    """Adds or replaces them. The id, and with it `callback_path` to configure at Stripe, stays the same.

    Stripe is to send there the events that `python -m provider_stripe events` lists: refunds and disputes that were made at
    Stripe itself are reported by these alone.
    """
    client, dependencies = mutation.client, mutation.dependencies
    if body.secret_key.split("_")[1] != client.mode:
        mismatch = FieldError("/secret_key", "credential_mode_mismatch", f"must be a {client.mode} key, as yours is")
        raise of_fields([mismatch])

    async def write(unit: UnitOfWork) -> str:
        await configuration.change(unit, client.merchant_id)
        known = await store.list_credentials(unit.transaction, client.merchant_id, client.mode, "stripe")
        credential_id = known[0].id if known else ids.new("cred")
        owner = secret_owner(client.merchant_id, client.mode, credential_id)
        secrets = {"secret_key": body.secret_key, "webhook_secrets": body.webhook_secrets}
        sealed = dependencies.key_ring.seal(msgspec.json.encode(secrets), owner=owner)
        credential = Credential(id=credential_id, provider="stripe", mode=client.mode, ciphertext=sealed)
        await store.put_credential(unit.transaction, client.merchant_id, credential, masked(body))
        await configuration.publish(unit, client.merchant_id)
        return credential_id

    done = await once(dependencies.database, mutation.request, body, write)
    stored = await _find(dependencies, client, "stripe")
    if stored is None or stored.id != done.resource_id:  # others may have taken their place
        raise Problem("resource_gone", headers=mutation.headers(done))
    new = stored.created_at == stored.updated_at
    return respond(shown_credential(stored), 201 if new else 200, mutation.headers(done))


@router.put("/{provider}", include_in_schema=False)
async def put_unknown(_asked: _Writer, provider: str) -> Response:
    """Each provider has a route of its own, for its credentials have fields of their own."""
    raise Problem(
        "provider_unknown", f"There is no provider {shown(provider)!r}; there are: {', '.join(PROVIDER_COMMANDS)}."
    )


@router.get("", **spec("List provider credentials", responses={200: CREDENTIALS}))
async def list_credentials(dependencies: DependenciesOf, client: _Reader) -> Response:
    """One entry a provider, secrets masked."""
    stored = await store.list_credentials(dependencies.database.reads, client.merchant_id, client.mode)
    return respond({"data": [shown_credential(one) for one in stored], "has_more": False, "next_cursor": None})


@router.get("/{provider}", **spec("Read provider credentials", responses={200: CREDENTIAL}, problems=_NOT_FOUND))
async def read_credentials(dependencies: DependenciesOf, client: _Reader, provider: str) -> Response:
    """Secrets masked."""
    return respond(shown_credential(await _require(dependencies, client, provider)))


@router.delete(
    "/{provider}", **spec("Delete provider credentials", responses={204: None}, problems=_NOT_FOUND, changes=True)
)
async def delete_credentials(mutation: _Writer, provider: str) -> Response:
    """Payments that are under way can no longer be finished with them: wait for their end first."""
    client = mutation.client
    if not provider.isprintable():
        raise Problem("provider_credentials_not_found")

    async def write(unit: UnitOfWork) -> str:
        await configuration.change(unit, client.merchant_id)
        deleted = await store.delete_credential(unit.transaction, client.merchant_id, client.mode, provider)
        if deleted is None:
            raise Problem("provider_credentials_not_found")
        await configuration.publish(unit, client.merchant_id)
        return deleted

    done = await once(mutation.dependencies.database, mutation.request, None, write)
    return Response(status_code=204, headers=mutation.headers(done))


async def _require(dependencies: DependenciesOf, client: MerchantClient, provider: str) -> StoredCredential:
    found = await _find(dependencies, client, provider) if provider.isprintable() else None
    if found is None:
        raise Problem("provider_credentials_not_found")
    return found


async def _find(dependencies: DependenciesOf, client: MerchantClient, provider: str) -> StoredCredential | None:
    found = await store.list_credentials(dependencies.database.reads, client.merchant_id, client.mode, provider)
    return found[0] if found else None
