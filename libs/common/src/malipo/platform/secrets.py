"""Secrets at rest: AES-256-GCM envelopes under a key ring, bound to their owner."""

import base64
import binascii
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from malipo import ids

KEY_BYTES = 32
"""Of each key on a ring."""
_LEAST_DIFFERENT_BYTES = 16  # of 32 drawn at random some 30 are different; so few never are
_NONCE_BYTES = 12  # the size that NIST SP 800-38D recommends for GCM
_VERSION = "v1"


class SecretUnreadable(Exception):
    """The ciphertext is damaged, belongs to another owner, or its key is not on the ring."""


class KeyRing:
    """Encrypts under the ring's first key, decrypts under any.

    An envelope is `v1.<key id>.<wrapped data key>.<sealed secret>`: each secret has a data key of its own, so that
    rotating the ring re-wraps 32 bytes a record. The owner is associated data of both layers.
    """

    def __init__(self, keys: dict[str, bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
            msg = f"a key ring needs at least one key, each of {KEY_BYTES} bytes"
            raise ValueError(msg)
        self._raw = dict(keys)
        self._keys = {name: AESGCM(key) for name, key in keys.items()}
        self._active = next(iter(keys))

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """A ring from `id:base64,id:base64`. Raises `ValueError` without repeating the text."""
        try:
            pairs = (entry.split(":", 1) for entry in text.split(","))
            return cls({name.strip(): base64.b64decode(key, validate=True) for name, key in pairs})
        except (ValueError, binascii.Error):
            msg = "must be `id:base64,id:base64` with 32 bytes a key"
            raise ValueError(msg) from None

    def seal(self, secret: bytes, *, owner: str) -> str:
        """The envelope of `secret`, openable only with the same `owner`."""
        data_key = ids.random_bytes(KEY_BYTES)
        wrapped = _encrypt(self._keys[self._active], data_key, owner)
        return ".".join((_VERSION, self._active, wrapped, _encrypt(AESGCM(data_key), secret, owner)))

    def open(self, envelope: str, *, owner: str) -> bytes:
        """The secret in `envelope`. Raises `SecretUnreadable`."""
        try:
            version, key_id, wrapped, sealed = envelope.split(".")
            if version != _VERSION:
                raise SecretUnreadable
            data_key = _decrypt(self._keys[key_id], wrapped, owner)
            return _decrypt(AESGCM(data_key), sealed, owner)
        except (ValueError, KeyError, InvalidTag):
            raise SecretUnreadable from None

    def resealed(self, envelope: str, *, owner: str) -> str | None:
        """The envelope of the same secret under the ring's first key; None if that is this one's. Raises `SecretUnreadable`."""
        if envelope.split(".")[1:2] == [self._active]:
            return None
        return self.seal(self.open(envelope, owner=owner), owner=owner)

    @property
    def first(self) -> str:
        """The id of the ring's first key."""
        return self._active

    @property
    def all(self) -> tuple[str, ...]:
        """The ids of all keys, the first one first."""
        return tuple(self._keys)

    @property
    def guessable(self) -> tuple[str, ...]:
        """The ids of keys that no random generator has made: text, as in examples, or the same few bytes again and again."""
        return tuple(name for name, key in self._raw.items() if _is_text(key) or len(set(key)) < _LEAST_DIFFERENT_BYTES)

    def token(self, owner: str, key_id: str | None = None) -> str:
        """A token that cannot be guessed, the same for ever under one key: 256 bits as hexadecimal digits.

        It is under the ring's first key, or under the one with this id, as long as that is on the ring.
        """
        return _token(self._raw.get(key_id or "", self._raw[self._active]), owner)

    def knows(self, token: str, owner: str) -> bool:
        """Whether this is the owner's token under any key of the ring, so that a rotation changes no address at once."""
        known = [_token(key, owner) for key in self._raw.values()]
        return any(hmac.compare_digest(token.encode(errors="replace"), one.encode()) for one in known)

    def digests(self, text: bytes) -> tuple[bytes, ...]:
        """What the text is known again by, and cannot be guessed from: under each key of the ring, its first one first."""
        return tuple(hmac.digest(key, b"digest/" + text, "sha256") for key in self._raw.values())


def _is_text(key: bytes) -> bool:
    return key.isascii() and key.decode().isprintable()


def _token(key: bytes, owner: str) -> str:
    return hmac.digest(key, f"token/{owner}".encode(), "sha256").hex()


def _encrypt(cipher: AESGCM, plain: bytes, owner: str) -> str:
    nonce = ids.random_bytes(_NONCE_BYTES)
    return base64.urlsafe_b64encode(nonce + cipher.encrypt(nonce, plain, owner.encode())).decode()


def _decrypt(cipher: AESGCM, text: str, owner: str) -> bytes:
    raw = base64.urlsafe_b64decode(text)
    return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode())
