"""A bounded log of API requests received, without credentials, bodies or query strings."""

from collections import deque
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

from malipo_simulators.kit.shapes import Json


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """`status` is that of the response, or None when the connection was dropped without one."""

    seq: int
    at: int
    request_id: str
    account: str | None
    method: str
    path: str
    idempotency_key: str | None
    status: int | None
    fault: str | None
    replayed: bool

    def as_json(self) -> Json:
        return asdict(self)


class RequestLog:
    def __init__(self, limit: int) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=limit)
        self.count = 0

    def add(self, entry: LoggedRequest) -> None:
        self._entries.append(entry)

    def next_seq(self) -> int:
        self.count += 1
        return self.count

    def latest(self, limit: int, wanted: "LogFilter") -> list[Json]:
        """The newest matching entries, oldest of them first."""
        found = [entry for entry in self._entries if wanted.takes(entry)]
        return [entry.as_json() for entry in found[-limit:]]


@dataclass(frozen=True, slots=True)
class LogFilter:
    method: str | None = None
    path: str | None = None
    idempotency_key: str | None = None

    def takes(self, entry: LoggedRequest) -> bool:
        return (
            self.method in (None, entry.method)
            and (self.path is None or fnmatchcase(entry.path, self.path))
            and self.idempotency_key in (None, entry.idempotency_key)
        )
