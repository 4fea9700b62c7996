"""Idempotency keys with Stripe's rules: replay, mismatch, in flight, forgotten after a day."""

from dataclasses import dataclass, replace

from malipo_simulators.kit.api.answers import Answer
from malipo_simulators.stripe.errors import key_in_use, key_reused

KEPT_SECONDS = 24 * 3600


@dataclass(slots=True)
class Record:
    fingerprint: bytes
    created: int
    request_id: str | None = None
    answer: Answer | None = None


class IdempotencyStore:
    """The keys of one account. Records are made in order of time, so the expired ones are the first."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}

    def begin(self, key: str, fingerprint: bytes, now: int, request_id: str | None = None) -> Answer | None:
        """The stored response if the key was used before, else None and the key is in flight.

        Raises 409 `idempotency_key_in_use` while the first request runs, and 400 `idempotency_error` when the
        request is not the one the key was first used with.
        """
        self._forget_old(now)
        record = self._records.get(key)
        if record is None:
            self._records[key] = Record(fingerprint, now, request_id)
            return None
        if record.fingerprint != fingerprint:
            raise key_reused(key)
        if record.answer is None:
            raise key_in_use(key)
        return replayed(record.answer, record.request_id)

    def end(self, key: str, answer: Answer | None) -> None:
        """The request under this key has ended: keep its response, or with None forget that the key was used."""
        if answer is None:
            self._records.pop(key, None)
        elif key in self._records:
            self._records[key].answer = answer

    def _forget_old(self, now: int) -> None:
        while self._records:
            key = next(iter(self._records))
            if self._records[key].created + KEPT_SECONDS > now:
                return
            del self._records[key]


def replayed(answer: Answer, original_request: str | None) -> Answer:
    """Not to be repeated once more, whatever it is: it would only be this again."""
    headers = {"Idempotent-Replayed": "true", "Stripe-Should-Retry": "false"}
    if original_request is not None:
        headers["Original-Request"] = original_request
    return replace(answer, headers=answer.headers | headers, is_replay=True)
