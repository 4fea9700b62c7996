"""The steps of the trial, each of which fails by itself or goes on to the next."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import httpx

from bench.figures import percentile
from compose.load import Load, Shot
from compose.merchant import ComposeMerchant
from compose.project import Project
from malipo_local.merchant import NeverHappened
from malipo_local.waiting import until

type Say = Callable[[str], None]

_STORES = ("postgres", "kafka", "redis")
_BACK_SECONDS = 120.0


class TrialFailed(AssertionError):
    """Something was not as users are promised; the text says what."""


@dataclass
class Trial:
    """One project on which everything is tried, in order. `say` is told each step's end and its seconds; `rate` is in payments a second."""

    project: Project
    say: Say
    rate: float = 5.0
    _began: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Raises `TrialFailed`, `EngineFailed` or `NeverHappened`; nothing of the project is left, whatever happens."""
        try:
            self._start()
            with closing(ComposeMerchant.on(self.project)) as merchant:
                self._pay(merchant, "one replica of each service")
                self._scale()
                self._pay(merchant, "two replicas of each service")
                self._upgrade(merchant)
                self._lose_the_stores(merchant)
        except BaseException:
            self.say(self.project.run("docker", "compose", "logs", "--tail", "15", "--no-color", check=False))
            raise
        finally:
            self._end()

    def _start(self) -> None:
        with self._step("the file is valid"):
            self.project.compose("config", "--quiet")
        with self._step("images are built"):
            self.project.compose("build", "--quiet")
        with self._step("everything is up and healthy"):
            self.project.compose("up", "--detach", "--no-build", "--wait")

    def _pay(self, merchant: ComposeMerchant, when: str) -> None:
        for provider, pay in merchant.ways().items():
            with self._step(f"a payment by {provider}, and its webhook: {when}"):
                pay()

    def _scale(self) -> None:
        services = self.project.services()
        with self._step("two replicas of each service"):
            scales = [word for service in services for word in ("--scale", f"{service}=2")]
            self.project.compose("up", "--detach", "--no-build", "--no-recreate", "--wait", *scales)
        for service in services:
            if len(self.project.containers(service)) != 2:
                message = f"there are not two replicas of {service}"
                raise TrialFailed(message)

    def _upgrade(self, merchant: ComposeMerchant) -> None:
        with Load(merchant, self.rate) as load:
            for service in self.project.services():
                before, began = set(self.project.containers(service)), load.now()
                with self._step(f"{service} is upgraded under load", lambda begun=began: _shown(load.shots, begun)):
                    self.project.run("deploy/upgrade", "--no-build", service)
                after = set(self.project.containers(service))
                if len(after) != len(before) or after & before:
                    message = f"{service} has not been replaced: {before} before, {after} after"
                    raise TrialFailed(message)
        self._all_completed(merchant, load.shots)

    def _all_completed(self, merchant: ComposeMerchant, shots: Sequence[Shot]) -> None:
        with self._step(f"all {len(shots)} payments of that time complete"):
            if failed := [shot for shot in shots if shot.failure]:
                message = f"{len(failed)} of {len(shots)} payments were not accepted: {failed[0].failure}"
                raise TrialFailed(message)
            for shot in shots:
                merchant.wait(shot.payment_id, "completed", seconds=60)

    def _lose_the_stores(self, merchant: ComposeMerchant) -> None:
        with self._step("the stores stop and start, and payments go on by themselves"):
            self.project.compose("stop", *_STORES)
            self.project.compose("start", *_STORES)
            if not until(lambda: _is_paid(merchant.by_stripe), _BACK_SECONDS, poll_seconds=0.5):
                message = f"no payment completes {_BACK_SECONDS:.0f} s after the stores came back"
                raise TrialFailed(message)

    def _end(self) -> None:
        with self._step("nothing is left"):
            if left := self.project.end():
                message = f"this is left of {self.project.name}: {left}"
                raise TrialFailed(message)

    @contextmanager
    def _step(self, what: str, more: Callable[[], str] = str) -> Generator[None]:
        began = time.monotonic()
        yield
        now = time.monotonic()
        self.say(f"{now - self._began:5.0f} s  {what} ({now - began:.1f} s{more()})")


def _is_paid(pay: Callable[[], None]) -> bool:
    try:
        pay()
    except (httpx.HTTPError, NeverHappened):
        return False
    return True


def _shown(shots: Sequence[Shot], since: float) -> str:
    those = [shot for shot in shots if shot.at >= since]
    took = [shot.seconds for shot in those]
    failed = sum(bool(shot.failure) for shot in those)
    return (
        f"; {len(those)} payments, {failed} failed; half within {percentile(took, 0.5):.2f} s, 99 % within "
        f"{percentile(took, 0.99):.2f} s, the slowest {percentile(took, 1):.2f} s"
    )
