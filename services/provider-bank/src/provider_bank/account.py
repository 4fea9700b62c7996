"""A merchant's account at a partner bank, as its credentials describe it, and the partner that they are for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from malipo.contracts.commands import Mode
from provider_bank.partners import WAYS, Partner
from provider_kit.errors import Misconfigured
from provider_kit.provider import Credentials


class OAuth(msgspec.Struct, frozen=True):
    """A client's credentials for access tokens."""

    client_id: str
    client_secret: str


class Certificate(msgspec.Struct, frozen=True):
    """A client certificate and its key, as PEM, and the id by which the bank knows that key."""

    certificate: str
    private_key: str
    key_id: str


class WebhookKey(msgspec.Struct, frozen=True):
    """A key that the bank signs webhooks with."""

    id: str
    secret: str


class BankAccount(msgspec.Struct, frozen=True, kw_only=True):
    """The account that is debited; one of `oauth`, `certificate` and `api_key` is what opens it."""

    debtor_account_id: str
    partner: str = "default"
    oauth: OAuth | None = None
    certificate: Certificate | None = None
    api_key: str | None = None
    webhook_keys: tuple[WebhookKey, ...] = ()

    @property
    def identity(self) -> str:
        """What names the account, whoever opens it and with what: keys and `end_to_end_id`s are the account's."""
        return f"{self.partner}/{self.debtor_account_id}"


@dataclass(frozen=True, slots=True)
class Access:
    """An account, and its partner, whose way of authentication the account has credentials for."""

    account: BankAccount = field(repr=False)
    partner: Partner


def read_account(credentials: Credentials) -> BankAccount:
    """The account of these credentials. Raises `Misconfigured`."""
    try:
        return msgspec.convert(credentials, BankAccount)
    except msgspec.ValidationError:
        raise Misconfigured("The bank's credentials cannot be read: PUT them again.") from None


def access_of(credentials: Credentials, mode: Mode, partners: Mapping[str, Partner]) -> Access:
    """The account, and its partner. Raises `Misconfigured` where they do not fit together."""
    account = read_account(credentials)
    name, partner = account.partner, partners.get(account.partner)
    if partner is None:
        msg = f"Malipo's operator has set up no partner bank `{name}`: PUT the credentials with another `partner`, or ask."
        raise Misconfigured(msg)
    if partner.mode != mode:
        msg = f"The partner bank `{name}` is for {partner.mode} mode: PUT the credentials with another `partner`."
        raise Misconfigured(msg)
    if getattr(account, way := WAYS[partner.authentication]) is None:
        msg = f"The partner bank `{name}` authenticates by `{way}`: PUT the credentials with that."
        raise Misconfigured(msg)
    if not (account.api_key or "").isascii():
        raise Misconfigured("The `api_key` holds characters that no header takes: PUT the credentials once more.")
    return Access(account, partner)
