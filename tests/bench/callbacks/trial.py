"""The three stages of one run: the receiver alone, beside heavy work whose other side is dead, and with PostgreSQL killed."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import machine
from bench.callbacks import reception
from bench.callbacks.heavy import Feed, sink
from bench.callbacks.reception import HalfWay, Reception
from bench.callbacks.senders import Sender
from bench.callbacks.service import Receiver
from bench.stages import Say
from malipo_local import Stack

_MORE = 1.2
"""Poisson's arrivals are more than their mean now and then."""


@dataclass(frozen=True)
class Trial:
    """What a run found. `complaints` are what went wrong beside the stages."""

    provider: str
    alone: Reception
    beside: Reception
    killed: Reception
    documents: int
    """What the heavy work had to post in the end, and could not."""
    described: Mapping[str, str]
    complaints: tuple[str, ...] = ()

    @property
    def stages(self) -> list[Reception]:
        """In their order."""
        return [self.alone, self.beside, self.killed]

    @property
    def ratio(self) -> float:
        """The receiver's p99 beside heavy work, times that without."""
        return self.beside.answered[1] / self.alone.answered[1]

    @property
    def wrong(self) -> list[str]:
        """Everything that went wrong."""
        return [*self.complaints, *(text for stage in self.stages for text in stage.complaints)]


def run(sender: Sender, *, rate: float, warm_up: float, seconds: float, say: Say) -> Trial:
    """Start a stack of the one service, and measure the three stages, each with callbacks about charges of its own.

    Events come at the callbacks' rate in the first stage, too: all that differs in the second is that somebody reads them.
    """
    each = round(rate * (warm_up + seconds) * _MORE) + 100
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", only={f"provider-{sender.provider}"}) as stack,
    ):
        receiver = Receiver(stack, sender)
        receiver.set_up(4 * each)
        say(f"{4 * each:,} charges wait for their callbacks")
        load = Load(receiver, each, rate, warm_up, seconds, say)
        with Feed(stack.kafka, rate) as feed:
            load.measure(
                "warm-up", 3
            )  # else the first stage pays for cold caches, and the second looks the better for it
            alone = load.measure("alone", 0)
            with sink(stack) as heavy:
                level = heavy.catch_up(feed)
                beside = load.measure("beside a dead ERP", 1, beside=[("erp-sink", heavy.pid)])
                documents = heavy.documents()
        killed = load.measure("PostgreSQL killed", 2, half_way=lambda: stack.kill("postgres"))
        complaints = () if level else ("erp-sink did not keep up with the events",)
        return Trial(sender.provider, alone, beside, killed, documents, machine.hardware(), complaints)


@dataclass(frozen=True)
class Load:
    """What all stages have in common."""

    receiver: Receiver
    charges: int
    rate: float
    warm_up: float
    seconds: float
    say: Say

    def measure(
        self, name: str, place: int, half_way: HalfWay = lambda: None, beside: Sequence[tuple[str, int]] = ()
    ) -> Reception:
        """The stage at this place, from 0."""
        found = reception.run(
            self.receiver,
            name,
            first=place * self.charges,
            rate=self.rate,
            warm_up=self.warm_up,
            seconds=self.seconds,
            half_way=half_way,
            beside=beside,
        )
        self.say(in_words(found))
        return found


def in_words(found: Reception) -> str:
    """A line of progress."""
    return (
        f"{found.name}: {found.callbacks:,} callbacks, answered p50 {found.answered[0]:.1f} ms, p99 {found.answered[1]:.1f} ms;"
        f" refused: {found.refusals}; {found.lost} lost, {found.untold} not told"
    )
