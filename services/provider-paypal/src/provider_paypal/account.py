"""A merchant's app at PayPal, as its credentials describe it."""

import msgspec

from provider_kit.errors import Misconfigured
from provider_kit.provider import Credentials


class PaypalAccount(msgspec.Struct, frozen=True):
    """The app: `client_id` names it, and `webhook_ids` are what its webhooks are signed for."""

    client_id: str
    client_secret: str
    webhook_ids: tuple[str, ...] = ()


def read_account(credentials: Credentials) -> PaypalAccount:
    """The app of these credentials. Raises `Misconfigured`."""
    try:
        account = msgspec.convert(credentials, PaypalAccount)
    except msgspec.ValidationError:
        account = None
    if account is None or not account.client_id or not account.client_secret:
        raise Misconfigured("PayPal's credentials are a client_id, a client_secret and a list of webhook_ids.")
    return account
