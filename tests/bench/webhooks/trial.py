"""The three stages of one run: healthy endpoints alone, the dispatcher killed, and beside an endpoint that hangs and one that refuses."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import machine
from bench.stages import Say
from bench.webhooks import delivering
from bench.webhooks.delivering import Delivering
from bench.webhooks.dispatcher import HANGING, REFUSING, SERVICE, Dispatcher
from malipo_local import Stack

_MORE = 1.5
"""Poisson's arrivals are more than their mean now and then, and bad endpoints have a share of their own."""


@dataclass(frozen=True)
class Trial:
    """What a run found."""

    alone: Delivering
    killed: Delivering
    beside: Delivering
    described: Mapping[str, str]

    @property
    def stages(self) -> list[Delivering]:
        """In their order."""
        return [self.alone, self.killed, self.beside]

    @property
    def ratio(self) -> float:
        """The healthy endpoints' p99 beside bad ones, times that without."""
        return self.beside.told[1] / self.alone.told[1]

    @property
    def wrong(self) -> list[str]:
        """Everything that went wrong."""
        return [text for stage in self.stages for text in stage.complaints]


def run(*, rate: float, warm_up: float, seconds: float, say: Say) -> Trial:
    """Start a stack of the one service, and measure the three stages after one that is not shown."""
    each = round(rate * (warm_up + seconds) * _MORE) + 1000
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", only={SERVICE, "merchant-sim"}) as stack,
    ):
        dispatcher = Dispatcher(stack)
        dispatcher.set_up()
        say("the dispatcher knows its merchants")
        measure = partial(delivering.run, dispatcher, rate=rate, warm_up=warm_up, seconds=seconds)
        measure("warm-up", first=3 * each)
        alone = measure("alone", first=0)
        say(in_words(alone))
        killed = measure("dispatcher killed", first=each, half_way=dispatcher.kill)
        say(in_words(killed))
        beside = measure("beside bad endpoints", first=2 * each, bad=(HANGING, REFUSING))
        say(in_words(beside))
        return Trial(alone, killed, beside, machine.hardware())


def in_words(found: Delivering) -> str:
    """A line of progress."""
    return (
        f"{found.name}: {found.events:,} events, told p50 {found.told[0]:.0f} ms, p99 {found.told[1]:.0f} ms; "
        f"{found.lost} lost, {found.repeated} requests more than events; {found.per_core:.0f} a second per core"
    )
