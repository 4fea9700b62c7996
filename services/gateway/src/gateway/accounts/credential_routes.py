"""`/v1/provider-credentials`: a merchant's accounts at providers, sealed when they come and never shown again."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.accounts import configuration, store
from gateway.accounts.views import StoredCredential, shown_credential
from gateway.edge.admission import Admission
from gateway.edge.authentication import MerchantClient
from gateway.edge.body import body_of
from gateway.edge.dependencies import Dependencies, DependenciesOf
from gateway.edge.fields import AccountLabel, no_credentials
from gateway.edge.mutations import Mutation, mutation
from gateway.edge.problems import FieldError, Problem, of_fields
from gateway.edge.responses import respond
from gateway.edge.validation import pointer, shown
from gateway.openapi.description import spec
from gateway.openapi.responses import CREDENTIAL, CREDENTIALS
from malipo import ids
from malipo.contracts.commands import DEFAULT_ACCOUNT
from malipo.contracts.config import Credential, secret_owner
from malipo.contracts.descriptor import Details, ProviderDescriptor
from malipo.contracts.identity import account_name
from malipo.contracts.marks import modes_shown, without_secrets
from malipo.contracts.providers import PROVIDERS
from malipo.messaging.pool import Statements
from malipo.platform.callback_paths import callback_path

MAX_ACCOUNTS = 20
"""Of one merchant at one provider in one mode."""

router = APIRouter(prefix="/v1/provider-credentials", tags=["Provider credentials"])
_Reader = Annotated[MerchantClient, Depends(Admission("credentials:read"))]
_Writer = Annotated[Mutation, Depends(mutation("credentials:write"))]
_NOT_FOUND = ("provider_credentials_not_found",)
_OF_ACCOUNT = (*_NOT_FOUND, "parameter_invalid")


def add_provider(router: APIRouter, provider: ProviderDescriptor) -> None:
    """Add the routes that take this provider's credentials, which have fields of their own."""
    read_body = body_of(provider.credentials)
    described = spec(
        f"Set {provider.title} credentials",
        body=provider.credentials,
        responses={200: CREDENTIAL, 201: CREDENTIAL},
        problems=("credential_mode_mismatch", "resource_gone", "provider_account_limit", "parameter_invalid"),
        changes=True,
    )
    text = f"""Adds or replaces those of the account `{{}}`. The id, and with it `callback_path` to configure at
{provider.title}, stays the same, also after they were deleted.\n\n{provider.setup}"""

    @router.put(f"/{provider.name}", description=text.format(DEFAULT_ACCOUNT), **described)
    async def put(mutation: _Writer, body: Annotated[Details, Depends(read_body)]) -> Response:
        return await _put(mutation, provider, DEFAULT_ACCOUNT, body)

    @router.put(f"/{provider.name}/accounts/{{label}}", description=text.format("label"), **described)
    async def put_account(
        mutation: _Writer, label: AccountLabel, body: Annotated[Details, Depends(read_body)]
    ) -> Response:
        return await _put(mutation, provider, label, body)


for _provider in PROVIDERS.values():
    add_provider(router, _provider)


@router.put("/{provider}", include_in_schema=False)
@router.put("/{provider}/accounts/{_label}", include_in_schema=False)
async def put_unknown(_asked: _Writer, provider: str, _label: str = "") -> Response:
    """Each provider has routes of its own."""
    raise Problem("provider_unknown", _no_provider(provider))


@router.get("", **spec("List provider credentials", responses={200: CREDENTIALS}))
async def list_credentials(dependencies: DependenciesOf, client: _Reader) -> Response:
    """One entry an account, by provider, secrets masked."""
    stored = await store.list_credentials(dependencies.database.reads, client.merchant_id, client.mode)
    return respond({"data": [_shown(dependencies, one) for one in stored], "has_more": False, "next_cursor": None})


@router.get("/{provider}", **spec("Read provider credentials", responses={200: CREDENTIAL}, problems=_NOT_FOUND))
async def read_credentials(dependencies: DependenciesOf, client: _Reader, provider: str) -> Response:
    """Of the account `default`, secrets masked."""
    return await _read(dependencies, client, provider, DEFAULT_ACCOUNT)


@router.get(
    "/{provider}/accounts/{label}",
    **spec("Read an account's credentials", responses={200: CREDENTIAL}, problems=_OF_ACCOUNT),
)
async def read_account(dependencies: DependenciesOf, client: _Reader, provider: str, label: AccountLabel) -> Response:
    """Secrets masked."""
    return await _read(dependencies, client, provider, label)


@router.delete(
    "/{provider}", **spec("Delete provider credentials", responses={204: None}, problems=_NOT_FOUND, changes=True)
)
async def delete_credentials(mutation: _Writer, provider: str) -> Response:
    """Of the account `default`. Payments that are under way can no longer be finished with them: wait for their end.

    What the provider reports from then on, as a refund that is made there, is refused with 404 until they are set again.
    """
    return await _delete(mutation, provider, DEFAULT_ACCOUNT)


@router.delete(
    "/{provider}/accounts/{label}",
    **spec("Delete an account's credentials", responses={204: None}, problems=_OF_ACCOUNT, changes=True),
)
async def delete_account(mutation: _Writer, provider: str, label: AccountLabel) -> Response:
    """Payments that are under way can no longer be finished with them: wait for their end.

    What the provider reports from then on, as a refund that is made there, is refused with 404 until they are set again.
    """
    return await _delete(mutation, provider, label)


async def _put(mutation: Mutation, provider: ProviderDescriptor, label: str, body: Details) -> Response:
    client, dependencies = mutation.client, mutation.dependencies
    _require_mode(client, body)

    async def put(transaction: Statements) -> str:
        known = await store.list_credentials(transaction, client.merchant_id, client.mode, provider.name)
        if all(one.label != label for one in known) and len(known) >= MAX_ACCOUNTS:
            raise Problem("provider_account_limit", f"There are {MAX_ACCOUNTS} accounts already: delete one first.")
        credential_id = _id_of(client, provider.name, label)
        credential = _sealed(dependencies, client, credential_id, provider.name, body, label=label)
        await store.put_credential(transaction, client.merchant_id, credential, without_secrets(body))
        return credential_id

    done = await configuration.change(mutation, body, put)
    stored = await _find(dependencies, client, provider.name, label)
    if stored is None or stored.id != done.resource_id:  # others may have taken their place
        raise Problem("resource_gone", headers=mutation.headers(done))
    new = stored.created_at == stored.updated_at
    return respond(_shown(dependencies, stored), 201 if new else 200, mutation.headers(done))


def _id_of(client: MerchantClient, provider: str, label: str) -> str:
    """The same whenever the label is set again: the provider goes on sending to the address that is made of it."""
    account = account_name(client.merchant_id, client.mode, label)
    return ids.derived("cred", ids.made_at(client.merchant_id), f"{account}/{provider}")


def _require_mode(client: MerchantClient, body: Details) -> None:
    wrong = [path for path, mode in modes_shown(body) if mode != client.mode]
    if wrong:
        detail = f"must be of {client.mode} mode, as your key is"
        raise of_fields([FieldError(pointer(path), "credential_mode_mismatch", detail) for path in wrong])


def _sealed(
    dependencies: Dependencies, client: MerchantClient, credential_id: str, provider: str, body: Details, *, label: str
) -> Credential:
    owner = secret_owner(client.merchant_id, client.mode, credential_id)
    sealed = dependencies.key_ring.seal(body.model_dump_json().encode(), owner=owner)
    return Credential(id=credential_id, provider=provider, mode=client.mode, ciphertext=sealed, label=label)


async def _read(dependencies: Dependencies, client: MerchantClient, provider: str, label: str) -> Response:
    found = await _find(dependencies, client, provider, label) if provider in PROVIDERS else None
    if found is None:
        raise _not_found(client, provider, label)
    return respond(_shown(dependencies, found))


async def _delete(mutation: Mutation, provider: str, label: str) -> Response:
    client = mutation.client
    if provider not in PROVIDERS:
        raise _not_found(client, provider, label)

    async def delete(transaction: Statements) -> str:
        if not await store.delete_credential(transaction, client.merchant_id, client.mode, provider, label):
            raise _not_found(client, provider, label)
        return f"{provider}/{label}"

    done = await configuration.change(mutation, None, delete)
    return Response(status_code=204, headers=mutation.headers(done))


def _not_found(client: MerchantClient, provider: str, label: str) -> Problem:
    known = provider in PROVIDERS
    detail = no_credentials(provider, label, client.mode) if known else _no_provider(provider)
    return Problem("provider_credentials_not_found", detail)


def _no_provider(name: str) -> str:
    return f"There is no provider {shown(name)!r}; there are: {', '.join(PROVIDERS)}."


async def _find(
    dependencies: Dependencies, client: MerchantClient, provider: str, label: str
) -> StoredCredential | None:
    found = await store.list_credentials(dependencies.database.reads, client.merchant_id, client.mode, provider)
    return next((one for one in found if one.label == label), None)


def _shown(dependencies: Dependencies, stored: StoredCredential) -> dict[str, Any]:
    return shown_credential(stored, callback_path(PROVIDERS[stored.provider], stored.id, dependencies.key_ring))
