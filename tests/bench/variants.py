"""The same load on stacks that differ in one thing: the number of replicas, or the share of traces that is kept."""

import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import books, stage
from bench.load import TESTS
from bench.rolling import PATH
from bench.stage import Stage
from bench.stages import Say
from bench.system import SERVICES, Settings, running
from malipo_local import Stack


@dataclass(frozen=True)
class Variant:
    """A stack that differs in `settings` or `replicas`."""

    name: str
    settings: Settings = field(default_factory=dict[str, Mapping[str, str]])
    replicas: Mapping[str, int] = field(default_factory=dict[str, int])


def replicas() -> list[Variant]:
    """One, two and four of every service on a card payment's path."""
    return [Variant(f"{count} of each", replicas=dict.fromkeys(PATH, count)) for count in (1, 2, 4)]


@contextmanager
def traces() -> Generator[list[Variant]]:
    """No trace, a tenth, and all of them, sent to a collector that forgets them."""
    command = [sys.executable, "-m", "bench.collector"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=TESTS) as collector:
        assert collector.stdout is not None
        endpoint = collector.stdout.readline().strip()
        try:
            yield [_traced(endpoint, ratio) for ratio in ("0", "0.1", "1")]
        finally:
            collector.terminate()


def measure(
    variants: list[Variant], *, rate: float, warm_up: float, seconds: float, base: Settings, say: Say
) -> tuple[list[Stage], list[str]]:
    """One stage of each, each on a new stack; and what went wrong."""
    measured: list[Stage] = []
    wrong: list[str] = []
    for variant in variants:
        say(f"{variant.name}: {rate:.0f} payments a second for {warm_up + seconds:.0f} s")
        settings = {
            name: {**base.get(name, {}), **variant.settings.get(name, {})} for name in {*base, *variant.settings}
        }
        with (
            tempfile.TemporaryDirectory() as folder,
            Stack(Path(folder) / "stack", settings=settings, replicas=variant.replicas) as stack,
            running(stack) as system,
        ):
            measured.append(stage.run(system, variant.name, rate=rate, warm_up=warm_up, seconds=seconds))
            wrong += [*measured[-1].complaints, *books.differences(system)]
    return measured, wrong


def _traced(endpoint: str, ratio: str) -> Variant:
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "TRACE_RATIO": ratio}
    return Variant(f"{float(ratio):.0%} traced", settings=dict.fromkeys(SERVICES, settings))
