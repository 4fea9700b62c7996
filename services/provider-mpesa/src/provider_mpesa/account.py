"""A merchant's account at M-Pesa as its credentials describe it, and what its requests are signed with. Pure."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import ValidationError

from malipo.contracts.commands import Mode
from malipo.contracts.providers.mpesa import MpesaCredentials
from provider_kit.errors import Lacking, Misconfigured
from provider_kit.provider import Credentials
from provider_mpesa.certificate import encrypted


@dataclass(frozen=True)
class MpesaAccount:
    """A PayBill or a till, in test or live mode."""

    mode: Mode
    keys: MpesaCredentials = field(repr=False)

    @cached_property
    def app(self) -> str:
        """What names the app at Daraja: its access tokens and its limits are shared by all of its accounts. A secret."""
        return f"{self.mode}/{self.keys.consumer_key}:{self.keys.consumer_secret}"

    @property
    def basic(self) -> str:
        """The app's name and secret, for a request for an access token."""
        return _base64(f"{self.keys.consumer_key}:{self.keys.consumer_secret}")

    @property
    def paid(self) -> str:
        """The number that customers pay to."""
        return self.keys.till_number or self.keys.shortcode

    def password(self, stamp: str) -> str:
        """What signs a prompt, and a query of it, at this timestamp."""
        return _base64(f"{self.keys.shortcode}{self.keys.passkey}{stamp}")


class Certificates:
    """The keys of Safaricom's certificates, by mode."""

    def __init__(self, keys: Mapping[Mode, RSAPublicKey]) -> None:
        self._keys = keys

    def credential(self, account: MpesaAccount) -> str:
        """The initiator's password as a `SecurityCredential`. Raises `Misconfigured` without what it is made of."""
        key, password = self._keys.get(account.mode), account.keys.initiator_password
        if password is None:
            raise Lacking("Nothing is reversed without an initiator and its initiator_password.")
        if key is None:
            raise Misconfigured("Nothing is reversed without Safaricom's certificate: see MPESA_CERTIFICATE_FILE.")
        try:
            return encrypted(key, password)
        except ValueError:
            raise Misconfigured("The initiator_password is too long for Safaricom's certificate.") from None


def read_keys(credentials: Credentials) -> MpesaCredentials:
    """The credentials as their descriptor has them. Raises `Misconfigured`."""
    try:
        return MpesaCredentials.model_validate(dict(credentials))
    except ValidationError:
        raise Misconfigured("M-Pesa's credentials are not whole: save them again.") from None


def read_account(credentials: Credentials, mode: Mode) -> MpesaAccount:
    """The account of these credentials. Raises `Misconfigured`."""
    return MpesaAccount(mode, read_keys(credentials))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
