"""Crossings: the moments at which a service can be killed, how they are recorded, and how a kill is planned."""

import json
import re
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from malipo.contracts.providers import PROVIDERS

KIT: str = "provider kit"
DOOR: str = "callbacks' door"
"""What all providers' services have in common and what knows no provider: it takes commands and passes on outcomes (the kit),
and stores what callbacks report (its door). What is sent to a provider, and what is read of it, is neither's."""
BLIND: frozenset[str] = frozenset({"gateway", "webhook-dispatcher", KIT, DOOR})
"""What knows neither the provider nor what happens: the gateway shows whatever step the orchestrator has published, the
dispatcher sends whatever event, kit and door pass on whatever they are given."""
_KITS_SEAMS = ("kafka poll", "kafka produce", "offset commit")
_KITS_COMMITS = re.compile(
    r"(batch_consumer\.BatchConsumer\._apply_together|relay\.Relay\._move|attempts\.Attempts\._claim)\b"
)
_COMMANDS = re.compile(r"^providers\.[a-z]+\.commands")
_DOORS = re.compile(r"door\.Door\._write$|POST /callbacks/[^/]+")


@dataclass(frozen=True, order=True)
class Crossing:
    """The nth time that a service reaches one side of one of its seams, at one place of its code, topic or route."""

    service: str
    seam: str
    moment: str
    place: str
    nth: int

    @property
    def kills(self) -> bool:
        """Whether the service dies there; at a poll it loses what it has fetched, and lives on."""
        return self.seam != "kafka poll"

    @property
    def provider(self) -> str | None:
        """The provider whose service it is; None for a service that works for all of them."""
        name = self.service.removeprefix("provider-")
        return name if name in PROVIDERS else None

    @property
    def common(self) -> "Crossing | None":
        """The same as it is called for every provider; None for what is one provider's own.

        What stores a callback is the same only where both providers sign theirs, or neither does.
        """
        provider = PROVIDERS.get(self.service.removeprefix("provider-"))
        if provider is None:
            return replace(self, place=_COMMANDS.sub("providers.*.commands", self.place))
        if door := _DOORS.match(self.place):
            kind = "stored" if self.seam == "postgresql commit" else "answered"
            return replace(self, service=DOOR, place=f"{kind} {provider.callbacks}{self.place[door.end() :]}")
        if self.seam in _KITS_SEAMS or _KITS_COMMITS.match(self.place):
            return replace(self, service=KIT, place=self.place.replace(self.service, "provider"))
        return None

    @property
    def part(self) -> str:
        """The part of the system that it is of: a service, or what all providers' services have in common."""
        return (self.common or self).service

    def __str__(self) -> str:
        """As the progress line and the report name it."""
        return f"{self.service}: {self.moment} {self.seam} {self.nth} of {self.place}"


_SIDES = {
    "postgresql commit": ("before", "after"),
    "kafka produce": ("before", "after"),
    "offset commit": ("before", "after"),
    "kafka poll": ("after",),
    "redis call": ("before", "after"),
    "answer": ("before", "after"),
    "http request": ("before sending", "after sending", "after the answer"),
}
_STORES = ("postgresql commit", "kafka produce", "offset commit", "kafka poll")
_SEAMS_OF = {
    "gateway": (*_STORES, "redis call", "answer"),
    "orchestrator": _STORES,
    **{f"provider-{name}": (*_STORES, "http request", "answer") for name in PROVIDERS},
    "webhook-dispatcher": (*_STORES, "http request"),
}
SEAMS = [(service, seam, moment) for service, seams in _SEAMS_OF.items() for seam in seams for moment in _SIDES[seam]]
"""Every side of every seam that a service has: (service, seam, moment). One that is not recorded is not patched."""


class Plans:
    """The folder that services under test read at each crossing; see `testkit.failpoints`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._plan = folder / "plan.json"

    def record(self) -> None:
        """Have every service record its crossings, from now on."""
        for file in self._folder.glob("*.crossings"):
            file.unlink()
        self._write({"record": True, "kill": None})

    def arm(self, crossing: Crossing) -> None:
        """Have one service die at `crossing`, counted from now on."""
        self._write({"record": False, "kill": asdict(crossing)})

    def disarm(self) -> bool:
        """Withdraw the plan; returns whether it had not been carried out."""
        try:
            self._plan.unlink()
        except FileNotFoundError:
            return False
        return True

    @property
    def carried_out(self) -> bool:
        """Whether the service of the plan has removed it, and so has died."""
        return not self._plan.exists()

    def count(self) -> int:
        """How many crossings are recorded so far."""
        return sum(len(file.read_text().splitlines()) for file in self._folder.glob("*.crossings"))

    def recorded(self) -> list[Crossing]:
        """What was recorded, by service in the order in which it was reached."""
        found: list[Crossing] = []
        for file in sorted(self._folder.glob("*.crossings")):
            seen = Counter[str]()
            for line in file.read_text().splitlines():
                seen[line] += 1
                seam, moment, place = line.split("\t")
                found.append(Crossing(file.stem, seam, moment, place, seen[line]))
        return found

    def _write(self, plan: dict[str, Any]) -> None:
        draft = self._folder / "plan.draft"
        draft.write_text(json.dumps({"run": uuid.uuid4().hex, **plan}))
        draft.replace(self._plan)
