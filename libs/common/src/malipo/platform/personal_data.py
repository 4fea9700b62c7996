"""What is about a person, sealed under a key of its payment: the gateway makes the envelope, a provider's service opens it."""

from collections.abc import Mapping

import msgspec

from malipo import ids
from malipo.contracts.personal import key_owner
from malipo.platform.secrets import KEY_BYTES, KeyRing, SecretUnreadable

_PERSONAL = "personal"  # the name of the one key on a payment's own ring


def seal_texts(texts: Mapping[str, str], payment_id: str, key_ring: KeyRing) -> tuple[str, str]:
    """The texts as ciphertext, and the new key that opens it, wrapped by the key ring. The two travel apart."""
    key = ids.random_bytes(KEY_BYTES)
    ciphertext = KeyRing({_PERSONAL: key}).seal(msgspec.json.encode(texts), owner=payment_id)
    return ciphertext, key_ring.seal(key, owner=key_owner(payment_id))


def open_texts(ciphertext: str, wrapped: str, payment_id: str, key_ring: KeyRing) -> dict[str, str]:
    """The texts that were sealed for this payment. Raises `SecretUnreadable`."""
    key = key_ring.open(wrapped, owner=key_owner(payment_id))
    try:
        return msgspec.json.decode(KeyRing({_PERSONAL: key}).open(ciphertext, owner=payment_id), type=dict[str, str])
    except ValueError:
        raise SecretUnreadable from None  # without a cause: it would quote the data
