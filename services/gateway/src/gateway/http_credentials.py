"""`/v1/provider-credentials`: a merchant's accounts at providers, sealed when they come and never shown again."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway import store_config
from gateway.auth import Caller
from gateway.http_edge import Command, Gate, answer, body_of, command
from gateway.idempotency import once
from gateway.openapi import CREDENTIAL, CREDENTIALS, spec
from gateway.parts import PartsOf
from gateway.problems import FieldError, Problem, of_fields
from gateway.schemas import StripeCredentials
from gateway.store_config import StoredCredential
from gateway.validation import shown
from malipo import ids
from malipo.contracts.config import Credential, secret_owner
from malipo.contracts.topics import PROVIDER_COMMANDS
from malipo.messaging.unit import Unit

_LAST_SHOWN = 4
_SHORTEST_SHOWN = 16  # of a shorter secret four characters would give too much away

router = APIRouter(prefix="/v1/provider-credentials", tags=["Provider credentials"])
_Reader = Annotated[Caller, Depends(Gate("credentials:read"))]
_Writer = Annotated[Command, Depends(command("credentials:write"))]
_NOT_FOUND = ("provider_credentials_not_found",)


@router.put(
    "/stripe",
    **spec(
        "Set Stripe credentials",
        body=StripeCredentials,
        answers={200: CREDENTIAL, 201: CREDENTIAL},
        problems=("credential_mode_mismatch", "resource_gone"),
        changes=True,
    ),
)
async def put_stripe(
    asked: _Writer, body: Annotated[StripeCredentials, Depends(body_of(StripeCredentials))]
) -> Response:
    """Adds or replaces them. The id, and with it `callback_path` to configure at Stripe, stays the same.

    Stripe is to send there the events that `python -m provider_stripe events` lists: refunds and disputes that were made at
    Stripe itself are told by these alone.
    """
    caller, parts = asked.caller, asked.parts
    if body.secret_key.split("_")[1] != caller.mode:
        mismatch = FieldError("/secret_key", "credential_mode_mismatch", f"must be a {caller.mode} key, as yours is")
        raise of_fields([mismatch])

    async def write(unit: Unit) -> str:
        await store_config.change(unit, caller.merchant_id)
        known = await store_config.list_credentials(unit.transaction, caller.merchant_id, caller.mode, "stripe")
        credential_id = known[0].id if known else ids.new("cred")
        owner = secret_owner(caller.merchant_id, caller.mode, credential_id)
        secrets = {"secret_key": body.secret_key, "webhook_secrets": body.webhook_secrets}
        sealed = parts.ring.seal(msgspec.json.encode(secrets), owner=owner)
        credential = Credential(id=credential_id, provider="stripe", mode=caller.mode, ciphertext=sealed)
        await store_config.put_credential(unit.transaction, caller.merchant_id, credential, _masked(body))
        await store_config.publish(unit, caller.merchant_id)
        return credential_id

    done = await once(parts.units, asked.sending, body, write)
    stored = await _find(parts, caller, "stripe")
    if stored is None or stored.id != done.resource_id:  # others may have taken their place
        raise Problem("resource_gone", headers=asked.headers(done))
    new = stored.created_at == stored.updated_at
    return answer(_shown(stored), 201 if new else 200, asked.headers(done))


@router.put("/{provider}", include_in_schema=False)
async def put_unknown(_asked: _Writer, provider: str) -> Response:
    """Each provider has a route of its own, for its credentials have fields of their own."""
    raise Problem(
        "provider_unknown", f"There is no provider {shown(provider)!r}; there are: {', '.join(PROVIDER_COMMANDS)}."
    )


@router.get("", **spec("List provider credentials", answers={200: CREDENTIALS}))
async def list_credentials(parts: PartsOf, caller: _Reader) -> Response:
    """One entry a provider, secrets masked."""
    stored = await store_config.list_credentials(parts.units.reads, caller.merchant_id, caller.mode)
    return answer({"data": [_shown(one) for one in stored], "has_more": False, "next_cursor": None})


@router.get("/{provider}", **spec("Read provider credentials", answers={200: CREDENTIAL}, problems=_NOT_FOUND))
async def read_credentials(parts: PartsOf, caller: _Reader, provider: str) -> Response:
    """Secrets masked."""
    return answer(_shown(await _require(parts, caller, provider)))


@router.delete(
    "/{provider}", **spec("Delete provider credentials", answers={204: None}, problems=_NOT_FOUND, changes=True)
)
async def delete_credentials(asked: _Writer, provider: str) -> Response:
    """Payments that are under way can no longer be finished with them: wait for their end first."""
    caller = asked.caller
    if not provider.isprintable():
        raise Problem("provider_credentials_not_found")

    async def write(unit: Unit) -> str:
        await store_config.change(unit, caller.merchant_id)
        deleted = await store_config.delete_credential(unit.transaction, caller.merchant_id, caller.mode, provider)
        if deleted is None:
            raise Problem("provider_credentials_not_found")
        await store_config.publish(unit, caller.merchant_id)
        return deleted

    done = await once(asked.parts.units, asked.sending, None, write)
    return Response(status_code=204, headers=asked.headers(done))


async def _require(parts: PartsOf, caller: Caller, provider: str) -> StoredCredential:
    found = await _find(parts, caller, provider) if provider.isprintable() else None
    if found is None:
        raise Problem("provider_credentials_not_found")
    return found


async def _find(parts: PartsOf, caller: Caller, provider: str) -> StoredCredential | None:
    found = await store_config.list_credentials(parts.units.reads, caller.merchant_id, caller.mode, provider)
    return found[0] if found else None


def _masked(body: StripeCredentials) -> dict[str, Any]:
    kind = "_".join(body.secret_key.split("_")[:2]) + "_"
    webhook_secrets = [mask("whsec_", secret) for secret in body.webhook_secrets]
    return {"secret_key": mask(kind, body.secret_key), "webhook_secrets": webhook_secrets}


def mask(prefix: str, secret: str) -> str:
    """What may be shown of a secret: its public prefix, and the last characters of a long one."""
    return f"{prefix}...{secret[-_LAST_SHOWN:]}" if len(secret) - len(prefix) >= _SHORTEST_SHOWN else f"{prefix}..."


def _shown(stored: StoredCredential) -> dict[str, Any]:
    return {
        "id": stored.id,
        "provider": stored.provider,
        "mode": stored.mode,
        **stored.masked,
        "callback_path": f"/callbacks/{stored.provider}/{stored.id}",
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
    }
