"""What merchants see of what they have configured: never a secret."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from malipo.contracts.accounts import AccountRegistered, Registration
from malipo.contracts.commands import Mode
from malipo.contracts.descriptor import MethodRules, ProviderDescriptor, StatementDescriptor


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
    registered: AccountRegistered | None = None

    @property
    def registrations(self) -> Sequence[Registration]:
        """What is registered of the account that these credentials are of; nothing of one that they were of before."""
        if self.registered is None or not self.registered.about.items() <= self.masked.items():
            return ()
        return self.registered.registrations


@dataclass(frozen=True)
class StoredEndpoint:
    """A webhook endpoint without its secret."""

    id: str
    mode: Mode
    url: str
    event_types: Sequence[str]
    description: str | None
    created_at: datetime


def shown_credential(stored: StoredCredential, callback_path: str) -> dict[str, Any]:
    """The `ProviderCredential` of the API's description."""
    return {
        "id": stored.id,
        "provider": stored.provider,
        "account": stored.label,
        "mode": stored.mode,
        "credentials": stored.masked,
        "callback_path": callback_path,
        "registered": [{"name": one.name, "registered_at": one.registered_at} for one in stored.registrations],
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


def shown_provider(provider: ProviderDescriptor, labels: Sequence[str]) -> dict[str, Any]:
    """The `Provider` of the API's description; `labels` are the merchant's accounts there."""
    return {
        "provider": provider.name,
        "title": provider.title,
        "configured": bool(labels),
        "accounts": labels,
        "methods": [_shown_method(rules) for rules in provider.methods],
        "operations": [{"operation": kind, **asdict(rules)} for kind, rules in provider.operations.items()],
        "disputes": provider.disputes,
    }


def _shown_method(rules: MethodRules) -> dict[str, Any]:
    return {
        "type": rules.type,
        "captures": rules.captures,
        "actions": rules.actions,
        "needs": rules.needs,
        "statement_descriptor": rules.statement and _shown_statement(rules.statement),
        "saves": rules.saves,
        "life_seconds": rules.life.total_seconds(),
        "shortest_life_seconds": rules.shortest_life.total_seconds(),
        "longest_life_seconds": rules.longest_life.total_seconds(),
        "currencies": [
            {"currency": currency, "step": rule.step, "least": rule.least, "most": rule.most}
            for currency, rule in rules.currencies.items()
        ],
    }


def _shown_statement(statement: StatementDescriptor) -> dict[str, Any]:
    return {"max_length": statement.longest, "pattern": statement.regex, "characters": statement.must}
