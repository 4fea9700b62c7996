"""Idempotency keys with Stripe's rules: replay, mismatch, in flight, forgotten after a day."""

import hashlib
import json
from dataclasses import dataclass

from malipo_simulators.stripe.answers import Answer
from malipo_simulators.stripe.errors import invalid, key_in_use, key_reused
from malipo_simulators.stripe.forms import Form

MAX_KEY_LENGTH = 255
KEPT_SECONDS = 24 * 3600


@dataclass(slots=True)
class Record:
    fingerprint: bytes
    created: int
    answer: Answer | None = None


class IdempotencyStore:
    """The keys of one account. Records are made in order of time, so the expired ones are the first."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}

    def begin(self, key: str, fingerprint: bytes, now: int) -> Answer | None:
        """The stored answer if the key was used before, else None and the key is in flight.

        Raises 409 `idempotency_key_in_use` while the first request runs, and 400 `idempotency_error` when the
        request is not the one the key was first used with.
        """
        self._forget_old(now)
        record = self._records.get(key)
        if record is None:
            self._records[key] = Record(fingerprint, now)
            return None
        if record.fingerprint != fingerprint:
            raise key_reused(key)
        if record.answer is None:
            raise key_in_use(key)
        return record.answer.replayed()

    def store(self, key: str, answer: Answer) -> None:
        if key in self._records:
            self._records[key].answer = answer

    def forget(self, key: str) -> None:
        self._records.pop(key, None)

    def _forget_old(self, now: int) -> None:
        while self._records:
            key = next(iter(self._records))
            if self._records[key].created + KEPT_SECONDS > now:
                return
            del self._records[key]


def checked_key(header: str | None) -> str | None:
    if header is None:
        return None
    if not 1 <= len(header) <= MAX_KEY_LENGTH:
        raise invalid(f"An idempotency key has 1 to {MAX_KEY_LENGTH} characters.")
    return header


def fingerprint_of(method: str, path: str, form: Form) -> bytes:
    """Two requests are the same when endpoint and parameters are; the order of parameters does not count."""
    canonical = json.dumps([method, path, form], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).digest()
