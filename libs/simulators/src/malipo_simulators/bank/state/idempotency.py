"""Idempotency keys: replay, another body, in flight, forgotten after seven days."""

from dataclasses import dataclass, replace

from malipo_simulators.bank.errors import key_in_flight, key_reused
from malipo_simulators.kit.api.answers import Answer


@dataclass(frozen=True, slots=True)
class Record:
    """`fingerprint` is of the request, `expires` in Unix seconds."""

    fingerprint: bytes
    expires: int
    answer: Answer


class IdempotencyStore:
    """Those of one customer. Only what had an effect is kept, so what was refused may be sent again."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._in_flight: set[str] = set()

    def begin(self, key: str, fingerprint: bytes, now: int) -> Answer | None:
        """The earlier answer; else it is in flight until `end`. Raises 409 if it is already, 422 if it was another request's."""
        if key in self._in_flight:
            raise key_in_flight()
        record = self._records.get(key)
        if record is not None and record.expires > now:
            if record.fingerprint != fingerprint:
                raise key_reused()
            return replayed(record.answer)
        self._records.pop(key, None)
        self._in_flight.add(key)
        return None

    def end(self, key: str) -> None:
        self._in_flight.discard(key)

    def keep(self, key: str, record: Record) -> None:
        """As the effect comes about: the answer may get lost, and is still the one that is replayed."""
        self._records[key] = record


def replayed(answer: Answer) -> Answer:
    return replace(answer, headers=answer.headers | {"Idempotent-Replayed": "true"}, is_replay=True)
