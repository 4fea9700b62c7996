"""One stage: a fixed rate for a while, and everything that was measured of it."""

import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench import cpu, fullness, gauge
from bench.figures import BACKLOG_SECONDS, backlog_growth, percentile, ratio
from bench.fullness import Held
from bench.load import Load, Shot, firing
from bench.methods import CARD
from bench.subject import Counts, Endings, Subject
from malipo import clock
from malipo_local.waiting import until

CREATE_P99_MS = 100.0
SETTLE_SECONDS = 60.0

Spread = tuple[float, float]
"""p50 and p99, in milliseconds."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What was measured between the end of the warm-up and the end of the load. Times in milliseconds unless named."""

    name: str
    rate: float
    seconds: float
    accepted: int
    delivered: int
    """Payments, each once, of which the merchant was notified in this time."""
    errors: dict[str, int]
    create: Spread
    """From the moment at which the request was due to the end of its answer."""
    added: Spread
    """From when it was due to the transition to completed, less the time of the exchanges with the provider."""
    webhook: Spread
    """From when it was due to the merchant's 2xx, the provider's time included."""
    provider_ms: float
    cpu: dict[str, float]
    """Of one payment, by process; PostgreSQL by database."""
    processors: float
    """How many were busy, with everything that ran on the machine."""
    late_p99: float
    """How late the generator itself was."""
    backlog: float
    """How many more waited for their webhook at the end than at the beginning."""
    work: Counts
    """Of all payments of the stage, its warm-up included."""
    payments: int
    """The number of those."""
    peak_mb: dict[str, float]
    loop_ms: float
    """The machine's speed just before: the processor time of a fixed piece of work (`gauge`)."""
    shares: dict[str, float] = field(default_factory=dict[str, float])
    """How full each resource was, by its name."""
    held: dict[str, Held] = field(default_factory=dict[str, Held])
    """What was held of that of which there is only so much: connections, executors' slots."""

    @property
    def fullest(self) -> tuple[str, float]:
        """The resource that would saturate first, and how full it was."""
        return fullness.fullest(self.shares)

    @property
    def holds(self) -> bool:
        """Whether this could go on for ever: fast answers, no error, nothing that piles up."""
        return not self.errors and self.create[1] <= CREATE_P99_MS and self.keeps_up

    @property
    def keeps_up(self) -> bool:
        """Whether merchants were notified of payments about as fast as these were accepted."""
        return self.backlog <= BACKLOG_SECONDS * self.rate

    @property
    def complaints(self) -> list[str]:
        """The errors as text."""
        return [f"{self.name}: {count} x {kind}" for kind, count in self.errors.items()]

    @property
    def per_second(self) -> float:
        """Payments a second of which the merchant was notified."""
        return self.delivered / self.seconds

    def cpu_of(self, processes: Sequence[str]) -> float:
        """Of one payment, in these processes together."""
        return sum(cpu.by_process(self.cpu).get(name, 0.0) for name in processes)


@dataclass(frozen=True)
class _Before:
    """What had been done when the stage began."""

    work: Counts
    received: int
    loop_ms: float


@dataclass(frozen=True)
class _Look:
    """A reading of what counts upwards while the load is on."""

    at: float
    cpu: cpu.Reading
    machine: float
    disks: Mapping[str, float]


def run(
    subject: Subject,
    name: str,
    *,
    rate: float,
    warm_up: float,
    seconds: float,
    seed: int = 1,
    methods: Sequence[str] = (CARD,),
) -> Stage:
    """Load `subject` and measure the last `seconds` of it; returns when everything has settled."""
    return with_shots(subject, name, rate=rate, warm_up=warm_up, seconds=seconds, seed=seed, methods=methods)[0]


def with_shots(
    subject: Subject,
    name: str,
    *,
    rate: float,
    warm_up: float,
    seconds: float,
    seed: int = 1,
    methods: Sequence[str] = (CARD,),
) -> tuple[Stage, list[Shot]]:
    """The same, and the payments that were due while it was measured."""
    before = _Before(subject.counts(), subject.received(), gauge.loop_ms())
    load = Load(targets=subject.targets, rate=rate, seconds=warm_up + seconds, seed=seed, methods=list(methods))
    with firing(load) as generator, subject.watched() as watch:
        roots = {**subject.roots, "generator": [generator.pid]}
        wait_until(generator.began + warm_up)
        watch.begin()
        first = _look(roots)
        wait_until(generator.began + warm_up + seconds)
        last, held = _look(roots), watch.held()
        shots = generator.shots()
    settled = _settle(subject, before.received, [shot.payment_id for shot in shots if shot.accepted])
    measured = _measured(subject, name, rate, (first, last), shots, before, settled=settled)
    window = [shot for shot in shots if first.at <= shot.due < last.at]
    return replace(measured, held=held, shares=_shares(first, last, held)), window


def wait_until(moment: float) -> None:
    """Wait for a Unix second."""
    threading.Event().wait(max(0.0, moment - clock.now().timestamp()))


def _look(roots: cpu.Roots) -> _Look:
    at, machine, disks = clock.now().timestamp(), cpu.machine_seconds(), fullness.disks()
    return _Look(at, cpu.read(roots), machine, disks)


def _shares(first: _Look, last: _Look, held: Mapping[str, Held]) -> dict[str, float]:
    seconds = last.at - first.at
    return {
        "the machine's processors": (last.machine - first.machine) / seconds / (os.cpu_count() or 1),
        **fullness.of_processes(first.cpu, last.cpu, seconds),
        **fullness.of_disks(first.disks, last.disks, seconds),
        **{name: one.share for name, one in held.items()},
    }


def _settle(subject: Subject, received_before: int, payment_ids: Sequence[str]) -> bool:
    """Wait until the merchants have been notified of all these; returns whether they were, in time."""
    first, expected = min(payment_ids, default=""), received_before + len(payment_ids)
    return until(
        lambda: subject.received() >= expected and subject.settled(first, len(payment_ids)), SETTLE_SECONDS, 0.2
    )


def _measured(
    subject: Subject,
    name: str,
    rate: float,
    looks: tuple[_Look, _Look],
    shots: Sequence[Shot],
    before: _Before,
    *,
    settled: bool,
) -> Stage:
    first, last = looks
    window = [shot for shot in shots if first.at <= shot.due < last.at]
    endings = subject.endings(min((shot.payment_id for shot in shots if shot.accepted), default=""))
    delivered = sum(first.at <= at < last.at for at in endings.delivered.values())
    requests = subject.received() - before.received
    work = subject.counts().since(before.work)
    used = cpu.spent(first.cpu, last.cpu)
    return Stage(
        name=name,
        rate=rate,
        seconds=last.at - first.at,
        accepted=sum(shot.accepted for shot in window),
        delivered=delivered,
        errors=errors_of(shots, endings, requests, work, settled=settled),
        create=_spread([shot.seconds * 1000 for shot in window if shot.accepted]),
        added=_spread(_took(window, endings.completed, less=endings.provider_ms)),
        webhook=_spread(_took(window, endings.delivered)),
        provider_ms=ratio(sum(endings.provider_ms.values()), len(endings.provider_ms)),
        cpu={part: 1000 * ratio(seconds, delivered) for part, seconds in sorted(used.items())},
        processors=(last.machine - first.machine) / (last.at - first.at),
        late_p99=percentile([shot.late * 1000 for shot in window], 0.99),
        backlog=_backlog(shots, endings, first.at, last.at),
        work=work,
        payments=sum(shot.accepted for shot in shots),
        peak_mb=cpu.peak_mb(subject.roots),
        loop_ms=before.loop_ms,
    )


def errors_of(shots: Sequence[Shot], endings: Endings, requests: int, work: Counts, *, settled: bool) -> dict[str, int]:
    """What went wrong, by kind.

    Also a payment that never came to its end, a webhook that took more than one request, and, by its name, a process
    that ended, though another has replaced it.
    """
    found = Counter(f"HTTP {shot.status}" if shot.status else "no answer" for shot in shots if not shot.accepted)
    ids = {shot.payment_id for shot in shots if shot.accepted}
    if endings.completed:
        found["never completed"] = len(ids - endings.completed.keys())
    found["never notified"] = len(ids - endings.delivered.keys())
    found["webhook repeated or refused"] = max(0, requests - endings.webhooks)
    found["never settled"] = int(not settled)
    found.update({f"{name} ended": count for name, count in work.ends.items()})
    return {kind: count for kind, count in found.items() if count}


def _took(shots: Sequence[Shot], ended: Mapping[str, float], less: Mapping[str, float] | None = None) -> list[float]:
    """Milliseconds from when each payment was due to its end, `less` those of the provider."""
    others = less or {}
    return [
        1000 * (ended[shot.payment_id] - shot.due) - others.get(shot.payment_id, 0.0)
        for shot in shots
        if shot.payment_id in ended
    ]


def _backlog(shots: Sequence[Shot], endings: Endings, since: float, until_: float) -> float:
    begun = [shot.due for shot in shots if shot.accepted]
    return backlog_growth(begun, list(endings.delivered.values()), since, until_)


def _spread(values: Sequence[float]) -> Spread:
    return percentile(values, 0.5), percentile(values, 0.99)
