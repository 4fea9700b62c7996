"""One stage: events at a fixed rate for a while, and everything that was measured of their deliveries."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench import cpu, gauge
from bench.callbacks.reception import HalfWay
from bench.callbacks.senders import event_id
from bench.cpu import by_process
from bench.figures import percentile, ratio
from bench.load import working
from bench.stage import Spread, wait_until
from bench.webhooks.dispatcher import HEALTHY, SERVICE, Dispatcher
from bench.webhooks.feed import Fed, Order
from malipo import clock
from malipo_local.waiting import until

_SETTLE_SECONDS = 120.0
_STORES = ("postgres", "kafka")


@dataclass(frozen=True, kw_only=True)
class Delivering:
    """What was measured between the end of the warm-up and the end of the load; what was lost is of the whole stage.

    All of it is of the healthy endpoints, but for the CPU, which is divided by their deliveries.
    """

    name: str
    rate: float
    seconds: float
    events: int
    """Of healthy endpoints, the warm-up's included."""
    delivered: int = 0
    told: Spread = (math.nan, math.nan)
    """From the moment at which an event was due in Kafka to the endpoint's 2xx, in milliseconds."""
    longest_seconds: float = 0
    lost: int = 0
    """Events that were never answered with 2xx."""
    repeated: int = 0
    """Requests more than there were events, where no endpoint is bad."""
    late_p99: float = 0
    """How late the generator was, in milliseconds."""
    processors: float = 0
    loop_ms: float = 0
    cpu: dict[str, float] = field(default_factory=dict[str, float])
    """Milliseconds of one delivery, by process."""

    @property
    def per_core(self) -> float:
        """Deliveries a second that the dispatcher's CPU would do on one whole core; NaN where it was killed, and its account with it."""
        return self._per_second_of((SERVICE,))

    @property
    def per_core_with_stores(self) -> float:
        """The same with what PostgreSQL and Kafka use for it."""
        return self._per_second_of((SERVICE, *_STORES))

    def _per_second_of(self, parts: Sequence[str]) -> float:
        total = by_process(self.cpu)
        return ratio(1000, sum(total.get(name, math.nan) for name in parts)) if total.get(SERVICE) else math.nan

    @property
    def complaints(self) -> list[str]:
        """What went wrong, as text."""
        return [f"{self.name}: {self.lost} events lost"] if self.lost else []


def run(
    dispatcher: Dispatcher,
    name: str,
    *,
    first: int,
    rate: float,
    warm_up: float,
    seconds: float,
    bad: Sequence[str] = (),
    half_way: HalfWay = lambda: None,
) -> Delivering:
    """Feed `rate` events a second to the healthy endpoints, each bad one getting as many as one of them, and await their deliveries.

    `half_way` is done in the middle of what is measured.
    """
    merchants = [*HEALTHY, *bad]
    whole = rate * len(merchants) / len(HEALTHY)
    order = Order(
        bootstrap=dispatcher.stack.kafka, merchants=merchants, first=first, rate=whole, seconds=warm_up + seconds
    )
    received, loop_ms = dispatcher.received(), gauge.loop_ms()
    with working("bench.webhooks.generator", order) as generator:
        roots = dispatcher.roots | {"generator": [generator.pid]}
        wait_until(generator.began + warm_up)
        used, busy, began = cpu.read(roots), cpu.machine_seconds(), clock.now().timestamp()
        wait_until(generator.began + warm_up + seconds / 2)
        half_way()
        wait_until(generator.began + warm_up + seconds)
        spent, busy = cpu.spent(used, cpu.read(roots)), cpu.machine_seconds() - busy
        ended = clock.now().timestamp()
        fed = [one for one in generator.result(list[Fed]) if one.merchant in HEALTHY]
    delivered = _settled(dispatcher, fed)
    found = Delivering(
        name=name,
        rate=rate,
        seconds=ended - began,
        events=len(fed),
        lost=sum(event_id(one.number) not in delivered for one in fed),
        repeated=0 if bad else dispatcher.received() - received - len(fed),
        processors=busy / (ended - began),
        loop_ms=loop_ms,
    )
    return with_window(found, [one for one in fed if began <= one.due < ended], delivered, spent)


def _settled(dispatcher: Dispatcher, fed: Sequence[Fed]) -> Mapping[str, float]:
    """When each was delivered, once all are, or are given up."""
    found: dict[str, float] = {}

    def all_there() -> bool:
        found.update(dispatcher.delivered(fed[0].number, fed[-1].number))
        return all(event_id(one.number) in found for one in fed)

    until(all_there, _SETTLE_SECONDS, 0.5)
    return found


def with_window(
    found: Delivering, window: Sequence[Fed], delivered: Mapping[str, float], spent: Mapping[str, float]
) -> Delivering:
    """The same with what follows from the events that were due while it was measured, and the CPU of that time."""
    known = [(one, delivered[event_id(one.number)]) for one in window if event_id(one.number) in delivered]
    took = [1000 * (at - one.due) for one, at in known]
    return replace(
        found,
        delivered=len(known),
        told=(percentile(took, 0.5), percentile(took, 0.99)),
        longest_seconds=max(took, default=0.0) / 1000,
        late_p99=percentile([one.late * 1000 for one in window], 0.99),
        cpu={part: 1000 * ratio(total, len(known)) for part, total in sorted(spent.items())},
    )
