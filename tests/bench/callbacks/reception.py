"""One stage: callbacks at a fixed rate for a while, and everything that was measured of them."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from bench import cpu
from bench.callbacks.campaign import Campaign, Sent
from bench.callbacks.service import Receiver
from bench.figures import percentile, ratio
from bench.load import working
from bench.stage import Spread, wait_until
from malipo import clock

type HalfWay = Callable[[], None]
"""What is done in the middle of a stage."""


@dataclass(frozen=True, kw_only=True)
class Reception:
    """What was measured between the end of the warm-up and the end of the load; what was lost is of the whole stage."""

    name: str
    rate: float
    seconds: float
    callbacks: int
    """Sent in all, the warm-up included, each counted once however often it was sent."""
    answered: Spread = (math.nan, math.nan)
    """From the moment at which a callback was due to its first answer, in milliseconds."""
    longest_seconds: float = 0
    """From when a callback was due until it was taken."""
    refused: dict[str, int] = field(default_factory=dict[str, int])
    """Tries that were not answered with 2xx, by status."""
    sent_again: int = 0
    """Callbacks that were sent more than once."""
    repeated: int = 0
    """Those of them that had been taken the first time: only the answer was lost."""
    lost: int = 0
    """Callbacks that were never answered with 2xx, or are not in the service's table."""
    untold: int = 0
    """Callbacks whose outcome is not on the topic."""
    late_p99: float = 0
    """How late the generator was, in milliseconds."""
    processors: float = 0
    """How many were busy, with everything that ran on the machine."""
    cpu: dict[str, float] = field(default_factory=dict[str, float])
    """Milliseconds of one callback, by process."""

    @property
    def refusals(self) -> str:
        """The tries that were refused, as text."""
        return ", ".join(f"{count} x {status}" for status, count in self.refused.items()) or "none"

    @property
    def complaints(self) -> list[str]:
        """What went wrong, as text."""
        found = {"lost": self.lost, "not told": self.untold}
        return [f"{self.name}: {count} callbacks {what}" for what, count in found.items() if count]


def run(
    receiver: Receiver,
    name: str,
    *,
    first: int,
    rate: float,
    warm_up: float,
    seconds: float,
    half_way: HalfWay = lambda: None,
    beside: Sequence[tuple[str, int]] = (),
) -> Reception:
    """Send callbacks about the charges from number `first` on, and look for each of them once all are taken.

    `half_way` is done in the middle of what is measured. `beside` are processes, by name and id, that are measured, too.
    """
    provider = receiver.sender.provider
    campaign = Campaign(provider=provider, url=receiver.url, first=first, rate=rate, seconds=warm_up + seconds)
    with working("bench.callbacks.generator", campaign) as generator:
        roots = receiver.roots | {name: [pid] for name, pid in (("generator", generator.pid), *beside)}
        wait_until(generator.began + warm_up)
        used, busy, began = cpu.read(roots), cpu.machine_seconds(), clock.now().timestamp()
        wait_until(generator.began + warm_up + seconds / 2)
        half_way()
        wait_until(generator.began + warm_up + seconds)
        spent, busy = cpu.spent(used, cpu.read(roots)), cpu.machine_seconds() - busy
        ended = clock.now().timestamp()
        sent = generator.result(list[Sent])
    window = [one for one in sent if began <= one.due < ended]
    numbers = [one.number for one in sent]
    taken = sum(one.taken is not None for one in sent)
    found = Reception(
        name=name,
        rate=rate,
        seconds=ended - began,
        callbacks=len(sent),
        lost=len(sent) - min(taken, receiver.stored(numbers)),
        untold=len(sent) - receiver.told(numbers),
        processors=busy / (ended - began),
        cpu={part: 1000 * ratio(total, len(window)) for part, total in sorted(spent.items())},
    )
    return with_window(found, window)


def with_window(found: Reception, window: Sequence[Sent]) -> Reception:
    """The same with what follows from the callbacks that were due while it was measured."""
    answered = [one.answered * 1000 for one in window]
    refused = Counter(str(status) if status else "no answer" for one in window for status in one.refused)
    return replace(
        found,
        answered=(percentile(answered, 0.5), percentile(answered, 0.99)),
        longest_seconds=max((one.taken for one in window if one.taken is not None), default=0.0),
        refused=dict(sorted(refused.items())),
        sent_again=sum(bool(one.refused) for one in window),
        repeated=sum(one.repeated for one in window),
        late_p99=percentile([one.late * 1000 for one in window], 0.99),
    )
