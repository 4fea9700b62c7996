"""What merchants see of what they have configured: never a secret."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from malipo.contracts.commands import Mode


@dataclass(frozen=True)
class StoredCredential:
    """A credential as it may be shown: `masked` is what is left of its secrets."""

    id: str
    provider: str
    label: str
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


def shown_credential(stored: StoredCredential) -> dict[str, Any]:
    """The `ProviderCredential` of the API's description."""
    return {
        "id": stored.id,
        "provider": stored.provider,
        "account": stored.label,
        "mode": stored.mode,
        "credentials": stored.masked,
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
