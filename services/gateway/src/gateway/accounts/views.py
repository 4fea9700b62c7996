"""What merchants see of what they have configured: never a secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.accounts.schemas import StripeCredentials
from malipo.contracts.commands import Mode

_LAST_SHOWN = 4
_SHORTEST_SHOWN = 16  # of a shorter secret four characters would give too much away


@dataclass(frozen=True)
class StoredCredential:
    """A credential as it may be shown: `masked` is what is left of its secrets."""

    id: str
    provider: str
    mode: Mode
    masked: dict[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class StoredEndpoint:
    """A webhook endpoint without its secret."""

    id: str
    mode: Mode
    url: str
    event_types: Sequence[str]
    description: str | None
    created_at: datetime


def masked(body: StripeCredentials) -> dict[str, Any]:
    """What is stored of the secrets to be shown."""
    kind = "_".join(body.secret_key.split("_")[:2]) + "_"
    webhook_secrets = [mask("whsec_", secret) for secret in body.webhook_secrets]
    return {"secret_key": mask(kind, body.secret_key), "webhook_secrets": webhook_secrets}


def mask(prefix: str, secret: str) -> str:
    """What may be shown of a secret: its public prefix, and the last characters of a long one."""
    return f"{prefix}...{secret[-_LAST_SHOWN:]}" if len(secret) - len(prefix) >= _SHORTEST_SHOWN else f"{prefix}..."


def shown_credential(stored: StoredCredential) -> dict[str, Any]:
    """The `ProviderCredential` of the API's description."""
    return {
        "id": stored.id,
        "provider": stored.provider,
        "mode": stored.mode,
        **stored.masked,
        "callback_path": f"/callbacks/{stored.provider}/{stored.id}",
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
    }


def shown_endpoint(stored: StoredEndpoint) -> dict[str, Any]:
    """The `WebhookEndpoint` of the API's description."""
    return {
        "id": stored.id,
        "mode": stored.mode,
        "url": stored.url,
        "event_types": stored.event_types,
        "description": stored.description,
        "created_at": stored.created_at,
    }
