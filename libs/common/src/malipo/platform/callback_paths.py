"""Where the callbacks of an account come to: known to the gateway, which shows it, and to the provider's service."""

from malipo.contracts.descriptor import ProviderDescriptor
from malipo.platform.secrets import KeyRing


def callback_path(
    provider: ProviderDescriptor, credential_id: str, key_ring: KeyRing, key_id: str | None = None
) -> str:
    """The path, on the address of the provider's service. Where callbacks are hints, a token ends it that nobody can guess.

    Behind the provider's word such a path is hexadecimal digits alone: Safaricom refuses addresses in which words like
    `query`, `cmd` or `exe` stand, as they may by chance in an id.

    The token is under the ring's first key, or that with `key_id`: see `KeyRing.token`. A path is good for as long as its
    key is on the ring.
    """
    if provider.callbacks == "signed":
        return f"{provider.callbacks_at}{credential_id}"
    token = key_ring.token(callback_owner(credential_id), key_id)
    return f"{provider.callbacks_at}{credential_id.encode().hex()}/{token}"


def read_account(provider: ProviderDescriptor, named: str) -> str:
    """The credential's id in the first part of `callback_path` behind the provider's word. Raises `ValueError`."""
    return named if provider.callbacks == "signed" else bytes.fromhex(named).decode()


def callback_owner(credential_id: str) -> str:
    """Whose token it is."""
    return f"callbacks/{credential_id}"


def own_path(credential_id: str, operation_id: str, request: str, key_ring: KeyRing, key_id: str | None = None) -> str:
    """What the address of one request's own callbacks ends with, behind the account's path: nobody can guess it.

    `request` is the provider's word for it. Both are in hexadecimal digits, as the account is in its path.
    """
    token = key_ring.token(own_callback_owner(credential_id, operation_id, request), key_id)
    return f"/{f'{operation_id}/{request}'.encode().hex()}/{token}"


def read_own_path(named: str) -> tuple[str, str]:
    """The operation's id and the word of the request in the first part of `own_path`. Raises `ValueError`."""
    operation_id, slash, request = bytes.fromhex(named).decode().partition("/")
    if not slash:
        msg = "names no request"
        raise ValueError(msg)
    return operation_id, request


def own_callback_owner(credential_id: str, operation_id: str, request: str) -> str:
    """Whose token it is."""
    return f"{callback_owner(credential_id)}/{operation_id}/{request}"
