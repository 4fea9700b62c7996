"""What a rolling restart costs: each service of a card payment's path is replaced under load, and payments go on."""

import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

from bench import books, machine
from bench.balancer import Balancer, Replica
from bench.figures import percentile
from bench.load import Load, Shot, firing
from bench.stage import errors_of, wait_until
from bench.stages import Say
from bench.subject import Counts, Endings
from bench.system import MERCHANTS, Settings, System
from malipo import clock
from malipo_local import Stack
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until

PATH = ("gateway", "orchestrator", "provider-stripe", "webhook-dispatcher")
"""The services that a card payment passes."""
_CALLED = ("gateway", "provider-stripe")
_SIMULATORS = ("stripe-sim", "merchant-sim")
GOAL_SECONDS = 2.0
"""How much longer than otherwise a payment may take until its merchant is told."""
_AROUND_SECONDS = 3.0
"""So long before a restart and after it payments are part of what is measured."""
_LONGEST_SECONDS = 600.0
_SETTLE_SECONDS = 60.0
_READY_SECONDS = 60.0
_DRAIN_SECONDS = "5"  # as in production; the balancer learns of a replica four times a second, on a busy machine later

type Restart = Callable[["Rolling", str], None]
"""Restarts one service, replica by replica."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What payments met that were due while a service was restarted, in seconds; `told` is until the merchant's 2xx."""

    name: str
    restart_seconds: float
    payments: int
    errors: dict[str, int]
    create: Sequence[float]
    told: Sequence[float]

    @property
    def complaints(self) -> list[str]:
        """The errors as text."""
        return [f"{self.name}: {count} x {kind}" for kind, count in self.errors.items()]


@dataclass(frozen=True)
class Rolled:
    """All phases, the one without a restart first."""

    phases: Sequence[Phase]
    wrong: list[str]
    described: dict[str, str]

    @property
    def added(self) -> float:
        """The most that a restart has added to a payment's way, over the longest without one."""
        quiet, *restarts = self.phases
        return max(max(phase.told) for phase in restarts) - max(quiet.told)

    @property
    def failed(self) -> int:
        """What went wrong."""
        return sum(sum(phase.errors.values()) for phase in self.phases)


class Balanced(Stack):
    """A stack whose called services are each known by one address, as behind a load balancer."""

    balancers: Mapping[str, Balancer] = {}

    def url(self, name: str, index: int = 0) -> str:
        """The balancer's, if there is one."""
        return self.balancers[name].url if name in self.balancers else super().url(name, index)

    def urls(self, name: str) -> list[str]:
        """As `url`."""
        return [self.url(name)] if name in self.balancers else super().urls(name)


class Rolling(System):
    """A system whose services can be restarted under load."""

    def __init__(self, stack: Balanced, merchants: Sequence[DemoMerchant]) -> None:
        super().__init__(stack, merchants)
        self._balancers = stack.balancers

    def replace(self, service: str) -> None:
        """For each replica start another under a new name, and stop it once that one is ready: as Kubernetes does."""
        for name in self._names(service):
            self.stack.add_replica(service)
            self._balance(service)
            self.stack.remove_replica(name)
            self._balance(service)

    def restart(self, service: str) -> None:
        """Stop each replica and start it under the same name."""
        for name in self._names(service):
            self.stack.restart_service(name)
            self.stack.wait_ready(name, _READY_SECONDS)

    def _names(self, service: str) -> list[str]:
        return [unit.name for unit in self.stack.status() if unit.service == service]

    def _balance(self, service: str) -> None:
        if service in self._balancers:
            self._balancers[service].replicas = _replicas(self.stack, service)


WAYS: Mapping[str, Restart] = {"replaced": Rolling.replace, "restarted in place": Rolling.restart}


def run(rate: float, warm_up: float, seconds: float, settings: Settings, say: Say) -> Rolled:
    """Two replicas of each service: payments for some `seconds` without a restart, then for as long as each takes."""
    with tempfile.TemporaryDirectory() as folder, up(Path(folder) / "stack", settings) as system:
        during(system, "warm-up", rate, partial(_wait, warm_up))
        phases = [during(system, "no restart", rate, partial(_wait, seconds))]
        say(in_words(phases[0]))
        for (way, restart), service in product(WAYS.items(), PATH):
            phases.append(during(system, f"{service} {way}", rate, partial(restart, system, service)))
            say(in_words(phases[-1]))
        return Rolled(phases, books.differences(system), machine.describe(system, settings))


@contextmanager
def up(home: Path, settings: Settings, merchants: int = MERCHANTS) -> Generator[Rolling]:
    """What a card payment needs, two replicas of each service, as a system whose merchants are open."""
    only = {*PATH, *_SIMULATORS}
    settings = {service: {"HTTP_DRAIN_SECONDS": _DRAIN_SECONDS, **settings.get(service, {})} for service in PATH}
    with ExitStack() as opened, ThreadPoolExecutor(4) as pool:
        stack = opened.enter_context(
            Balanced(home, only=only, replicas=dict.fromkeys(PATH, 2), settings=settings, forked=True)
        )
        stack.balancers = {name: opened.enter_context(Balancer(_replicas(stack, name))) for name in _CALLED}
        opening = pool.map(DemoMerchant.open, [stack] * merchants)
        system = Rolling(stack, [opened.enter_context(merchant) for merchant in opening])
        opened.callback(system.close)
        yield system


def _replicas(stack: Stack, service: str) -> list[Replica]:
    units = [unit for unit in stack.status() if unit.service == service]
    return [Replica(unit.port, unit.admin_port) for unit in units if unit.port and unit.admin_port]


def during(system: Rolling, name: str, rate: float, restart: Callable[[], object]) -> Phase:
    """Have payments come while `restart` runs, and a little longer; returns when all has settled."""
    received = system.received()
    with firing(Load(targets=system.targets, rate=rate, seconds=_LONGEST_SECONDS)) as generator:
        wait_until(generator.began + _AROUND_SECONDS)
        began = clock.now().timestamp()
        restart()
        ended = clock.now().timestamp()
        wait_until(ended + _AROUND_SECONDS)
        generator.stop()
        shots = generator.shots()
    accepted = [shot.payment_id for shot in shots if shot.accepted]
    settled = _settle(system, min(accepted, default=""), len(accepted), received)
    endings = system.endings(min(accepted, default=""))
    return Phase(
        name=name,
        restart_seconds=ended - began,
        payments=len(shots),
        errors=errors_of(shots, endings, system.received() - received, Counts(), settled=settled),
        create=[shot.seconds for shot in shots if shot.accepted],
        told=_told(shots, endings),
    )


def _wait(seconds: float) -> None:
    wait_until(clock.now().timestamp() + seconds)


def _settle(system: Rolling, first: str, payments: int, received: int) -> bool:
    def settled() -> bool:
        return system.received() >= received + payments and system.settled(first, payments)

    return until(settled, _SETTLE_SECONDS, 0.2)


def _told(shots: Sequence[Shot], endings: Endings) -> list[float]:
    return [endings.delivered[shot.payment_id] - shot.due for shot in shots if shot.payment_id in endings.delivered]


def in_words(phase: Phase) -> str:
    """One line about a phase."""
    told = " ".join(
        f"{value:.2f}" for value in (percentile(phase.told, 0.5), percentile(phase.told, 0.99), max(phase.told))
    )
    errors = ", ".join(phase.complaints) or "no error"
    return f"{phase.name}: {phase.restart_seconds:.1f} s, told after p50 p99 longest {told} s, {errors}"
