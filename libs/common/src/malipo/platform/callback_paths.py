"""Where the callbacks of an account come to: known to the gateway, which shows it, and to the provider's service."""

from malipo.contracts.descriptor import ProviderDescriptor
from malipo.platform.secrets import KeyRing


def callback_path(provider: ProviderDescriptor, credential_id: str, key_ring: KeyRing) -> str:
    """The path, on the address of the provider's service. Where callbacks are hints, a token ends it that nobody can guess.

    The token changes with the ring's first key; the former path is good for as long as the former key is on the ring.
    """
    path = f"{provider.callbacks_at}{credential_id}"
    return path if provider.callbacks == "signed" else f"{path}/{key_ring.token(callback_owner(credential_id))}"


def callback_owner(credential_id: str) -> str:
    """Whose token it is."""
    return f"callbacks/{credential_id}"
