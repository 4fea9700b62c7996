"""A merchant's configuration as the gateway owns it, replicated to the services that need it, secrets as ciphertext only."""

import msgspec

from malipo.contracts.commands import DEFAULT_ACCOUNT, Mode
from malipo.contracts.message import Message


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant's account at a provider. `ciphertext` is bound to `secret_owner(...)` as associated data.

    A merchant may have several accounts at one provider, told apart by their `label`.
    """

    id: str
    provider: str
    mode: Mode
    ciphertext: str
    label: str = DEFAULT_ACCOUNT


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a merchant wants webhooks; an empty `event_types` means all."""

    id: str
    mode: Mode
    url: str
    secret_ciphertext: str
    event_types: tuple[str, ...] = ()


class MerchantConfigured(Message, frozen=True, kw_only=True):
    """The whole configuration of one merchant at `version`: a replica replaces what it has when it has less.

    Whole, because then one key holds it: compaction keeps the last, and a version seen is a version complete.
    """

    merchant_id: str
    version: int
    credentials: tuple[Credential, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()


class ConfigurationMissed(Message, frozen=True, kw_only=True):
    """A replica waits for a newer configuration of this merchant than it has: send it once more."""

    merchant_id: str


def secret_owner(merchant_id: str, mode: Mode, resource_id: str) -> str:
    """The associated data of a secret: a ciphertext moved to another owner does not open."""
    return f"{merchant_id}/{mode}/{resource_id}"
