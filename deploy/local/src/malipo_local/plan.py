"""What a stack is to be: which programs, how many of each, which settings."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from malipo_local.errors import StackError
from malipo_local.services import MIGRATES, OBSERVERS, SERVICES, Kind, Service, select

MAX_REPLICAS = 16
CONSUMERS = "KAFKA_CONSUMERS"
"""The setting of the topics step that names consumers of one's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The options of one `up`, checked whole before anything starts."""

    only: tuple[str, ...] | None = None
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    replicas: Mapping[str, int] = field(default_factory=dict[str, int])
    temporary: bool = False
    """The home is removed when the stack ends, however it ends."""
    secure: bool = False
    """Every store speaks TLS alone, and knows each service by a password of its own, as in production."""
    observe: bool = False
    """Prometheus runs beside it, and reads the metrics of every service."""
    forked: bool = False
    """Python programs are forked out of one process that has the libraries already; see `nursery`."""

    def __post_init__(self) -> None:
        """Refuse names that are not in the table, and consumers that cannot be read."""
        _check_names("--only", self.only or (), (row.name for row in SERVICES))
        _check_names("--set", self.settings, (row.name for row in SERVICES))
        _check_names("--replicas", self.replicas, (row.name for row in SERVICES if row.kind is Kind.SERVICE))
        for name, count in self.replicas.items():
            if not 1 <= count <= MAX_REPLICAS:
                message = f"--replicas {name}={count}: give a number from 1 to {MAX_REPLICAS}."
                raise StackError(message)
        self.consumers()

    def rows(self) -> tuple[Service, ...]:
        """The rows of the table that run."""
        return (*select(self.only), *(OBSERVERS if self.observe else ()))

    def count(self, name: str) -> int:
        """How many processes a service runs as."""
        return self.replicas.get(name, 1)

    def overrides(self, row: Service) -> Mapping[str, str]:
        """The settings from outside; a migration shares those of its service."""
        return self.settings.get(row.name.removeprefix(MIGRATES), {})

    def told(self, name: str, settings: Mapping[str, str]) -> "Plan":
        """The same, with settings of one service beside those that it has."""
        return replace(self, settings={**self.settings, name: {**self.settings.get(name, {}), **settings}})

    def consumers(self) -> tuple[str, ...]:
        """Consumers of one's own that Kafka is to let in, as the topics step is told."""
        return tuple(_consumers(self.settings.get("topics", {}).get(CONSUMERS, "{}")))

    def has(self, requested: "Plan") -> bool:
        """Whether all that was requested is part of this plan; what was left open is part of any."""
        return (
            {row.name for row in self.rows()}.issuperset(requested.only or ())
            and (self.secure or not requested.secure)
            and (self.observe or not requested.observe)
            and all(self.count(name) == count for name, count in requested.replicas.items())
            and all(
                values.items() <= self.settings.get(name, {}).items() for name, values in requested.settings.items()
            )
        )

    def lacks(self) -> tuple[str, ...]:
        """What the table has, and this plan does not."""
        running = {row.name for row in self.rows()}
        return tuple(row.name for row in SERVICES if row.name not in running)

    def save(self, path: Path) -> None:
        """Write it where the supervisor reads it, everything by its name: the table may get more while the stack runs."""
        only = [row.name for row in SERVICES] if self.only is None else self.only
        path.write_text(json.dumps(asdict(self) | {"only": only}, indent=2))

    @classmethod
    def load(cls, path: Path) -> "Plan":
        """Read what `save` wrote, of what the table still has."""
        saved: dict[str, Any] = json.loads(path.read_text())
        there = {row.name for row in SERVICES}
        return cls(only=tuple(name for name in saved.pop("only") if name in there), **saved)


def _consumers(text: str) -> Iterable[str]:
    try:
        match json.loads(text):
            case {**consumers}:
                return map(str, consumers)
            case _:
                pass
    except ValueError:
        pass
    message = f'--set topics.{CONSUMERS}={text}: write it as {{"erp-sink": ["payments.events.v1"]}}.'
    raise StackError(message)


def _check_names(option: str, names: Iterable[str], valid: Iterable[str]) -> None:
    known = list(valid)
    for name in names:
        if name not in known:
            message = f"{option}: there is no '{name}'. Choose from: {', '.join(known)}."
            raise StackError(message)
