"""What webhooks are signed with: secrets that an endpoint and its receiver share, or the bank's own keys."""

import hashlib
import hmac
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from itertools import count
from typing import override

from malipo_simulators.bank.jws import Algorithm, new_key, public_jwk, sign
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.tls.certificates import PrivateKey

# More than any receiver has to look through.
MOST_PUBLISHED = 8
UNKNOWN_KEY_ID = "nobody-knows-this-key"
WRONG_SECRET = "this is the secret of no endpoint"  # noqa: S105 (a forger's)


class Keys(ABC):
    """Signs deliveries."""

    @abstractmethod
    def sign(self, message: bytes, *, forged: bool, unknown: bool) -> tuple[str, str]:
        """The key's id and the signature. `forged`: under a good id, by a stranger; `unknown`: under an id that is nobody's."""


@dataclass(slots=True)
class SharedKey:
    id: str
    secret: str = field(repr=False)


@dataclass(slots=True)
class SharedKeys(Keys):
    """One, or two while the older is exchanged: then they sign in turn, as a bank's machines do not change all at once."""

    keys: list[SharedKey]
    _turn: "count[int]" = field(default_factory=count)

    @override
    def sign(self, message: bytes, *, forged: bool, unknown: bool) -> tuple[str, str]:
        key = self.keys[next(self._turn) % len(self.keys)]
        secret = WRONG_SECRET if forged else key.secret
        digest = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
        return UNKNOWN_KEY_ID if unknown else key.id, f"v1={digest}"

    def rotate(self, fresh: SharedKey, *, keep_old: bool) -> None:
        """At most the latest one is kept."""
        self.keys = [fresh, *self.keys[: 1 if keep_old else 0]]


class OwnKeys(Keys):
    """The bank's: made when the first is needed; the latest signs, those before stay published."""

    def __init__(self) -> None:
        self._keys: list[tuple[Json, PrivateKey]] = []

    @override
    def sign(self, message: bytes, *, forged: bool, unknown: bool) -> tuple[str, str]:
        jwk, key = self._latest
        key_id = UNKNOWN_KEY_ID if unknown else str(jwk["kid"])
        return key_id, sign(message, new_key(Algorithm.ES256) if forged or unknown else key, key_id)

    def rotate(self, algorithm: Algorithm, *, keep_old: bool) -> str:
        """Sign with a new key from now on. Its id."""
        key = new_key(algorithm)
        fresh = public_jwk(key.public_key())
        self._keys = [(fresh, key), *self._keys[: MOST_PUBLISHED - 1 if keep_old else 0]]
        return str(fresh["kid"])

    def published(self) -> Json:
        """The key set (RFC 7517)."""
        latest = self._latest
        return {"keys": [jwk for jwk, _ in (latest, *self._keys[1:])]}

    @property
    def _latest(self) -> tuple[Json, PrivateKey]:
        if not self._keys:
            self.rotate(Algorithm.RS256, keep_old=False)
        return self._keys[0]
