"""Where a payment's time goes: the time of each hop from its request to the merchant's 2xx, which add up to the whole.

Nothing is measured that is not recorded anyway: moments in the services' tables, and the times that producers give to Kafka's records.
"""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from bench import books, kafka, machine, stage
from bench.figures import percentile
from bench.kafka import Kept
from bench.load import Shot
from bench.stage import Stage
from bench.stages import Say
from bench.system import Settings, System, running
from malipo.contracts.outcomes import OutcomeReported
from malipo.contracts.providers import PROVIDERS
from malipo.contracts.topics import OUTCOMES, PAYMENT_COMMANDS, PAYMENT_EVENTS, PROVIDER_COMMANDS
from malipo_local import Stack

HOPS: Mapping[str, str] = {
    "accepting": "gateway: the request was due, until its statement begins",
    "accepted": "gateway: the statement, its commit, and the relay to payments.commands",
    "begun": "orchestrator: the record waits, is fetched, and decided",
    "charging": "orchestrator: written, and relayed to the provider's commands",
    "attempted": "provider: the record waits, is fetched, and its attempt written",
    "sending": "provider: the attempt is claimed, until it is marked as sent",
    "observed": "provider: the mark's commit, and the exchange until the outcome is there",
    "reported": "provider: the outcome is written, and relayed to providers.outcomes",
    "completed": "orchestrator: the record waits, is fetched, and decided",
    "published": "orchestrator: written, and relayed to payments.events",
    "known": "dispatcher: the record waits, is fetched, and its event written",
    "posting": "dispatcher: fanned out and claimed, until it is sent",
    "told": "merchant: the request and its 2xx",
}
"""Each moment by its name, in order, with what happens in the hop that ends there; the first begins when the request was due."""
KINDS: Mapping[str, tuple[str, ...]] = {
    "a statement, its commit, and the relay to Kafka": ("accepted", "charging", "reported", "published"),
    "a record waits in Kafka, is fetched, and decided": ("begun", "attempted", "completed", "known"),
    "a row is claimed by an executor": ("sending", "posting"),
    "a request and its answer": ("accepting", "observed", "told"),
}
"""The hops again by what they are: how many of each kind a payment passes explains the whole."""
_TOPICS = {
    topic.name: topic.partitions
    for topic in (PAYMENT_COMMANDS, OUTCOMES, PAYMENT_EVENTS, *(PROVIDER_COMMANDS[name] for name in PROVIDERS))
}

_ACCEPTING = "SELECT resource_id AS id, extract(epoch FROM created_at)::float8 AS at FROM idempotency_keys WHERE resource_id >= $1"
_STEPS = """
SELECT payment_id AS id, to_state, cause_message_id, message_id, extract(epoch FROM occurred_at)::float8 AS at FROM history
WHERE payment_id >= $1 AND operation_id IS NULL ORDER BY payment_id, step
"""
_ATTEMPTS = """
SELECT payment_id AS id, extract(epoch FROM created_at)::float8 AS created, extract(epoch FROM first_sent_at)::float8 AS sent
FROM attempts WHERE payment_id >= $1 AND kind = 'charge'
"""
_DELIVERIES = """
SELECT payment_id AS id, extract(epoch FROM e.created_at)::float8 AS known, extract(epoch FROM a.attempted_at)::float8 AS posting,
    a.duration_ms / 1000.0::float8 AS took
FROM attempts a JOIN deliveries d USING (delivery_id) JOIN events e USING (event_id, payment_id)
WHERE payment_id >= $1 AND e.type = 'payment.completed' AND a.result = 'delivered'
"""

type Moments = dict[str, float]
"""Of one payment: when it was `due`, and the moments of `HOPS` that are known, in Unix seconds."""


@dataclass(frozen=True)
class Hop:
    """One hop of all payments, in milliseconds."""

    what: str
    mean: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Hops:
    """All of them in order, and the whole. The means add up to the whole's; medians and percentiles of parts never do."""

    payments: int
    hops: Mapping[str, Hop]
    """By the moment that each ends with."""
    whole: Hop

    def mean_of(self, kind: str) -> float:
        """What all hops of a kind take together."""
        return sum(self.hops[name].mean for name in KINDS[kind])


@dataclass(frozen=True)
class Traced:
    """A stage with its hops."""

    stage: Stage
    hops: Hops
    wrong: list[str]
    described: dict[str, str]


def run(rate: float, warm_up: float, seconds: float, settings: Settings, say: Say) -> Traced:
    """One stage on a new stack, and the hops of its payments."""
    say(f"hops: {rate:.0f} payments a second for {warm_up + seconds:.0f} s")
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", settings=settings) as stack,
        running(stack) as system,
    ):
        trace = Trace(system)
        measured, shots = stage.with_shots(system, "hops", rate=rate, warm_up=warm_up, seconds=seconds)
        hops = spread(trace.of(shots))
        missing = measured.accepted - hops.payments
        lost = [f"of {missing} payments not every hop is recorded"] if missing else []
        wrong = [*measured.complaints, *lost, *books.differences(system)]
        return Traced(measured, hops, wrong, machine.describe(system, settings))


def spread(moments: Sequence[Moments]) -> Hops:
    """The hops of those payments of which every moment is known."""
    names = ("due", *HOPS)
    known = [one for one in moments if all(name in one for name in names)]
    parts = {
        after: _hop(HOPS[after], [1000 * (one[after] - one[before]) for one in known])
        for before, after in pairwise(names)
    }
    return Hops(len(known), parts, _hop("the whole", [1000 * (one["told"] - one["due"]) for one in known]))


def _hop(what: str, took: Sequence[float]) -> Hop:
    return Hop(what, fmean(took) if took else float("nan"), percentile(took, 0.5), percentile(took, 0.99))


class Trace:
    """What was recorded of the payments from now on."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._begun = asyncio.run(kafka.ends(system.stack.kafka, _TOPICS))

    def of(self, shots: Sequence[Shot]) -> list[Moments]:
        """The moments of these payments, once they have ended."""
        found: dict[str, Moments] = {shot.payment_id: {"due": shot.due} for shot in shots if shot.accepted}
        kept = asyncio.run(kafka.since(self._system.stack.kafka, self._begun))
        first = min(found, default="")
        for moments in (self._in_services(first), self._in_kafka(first, kept)):
            for payment_id, name, at in moments:
                if payment_id in found:
                    found[payment_id].setdefault(name, at)
        return list(found.values())

    def _in_services(self, first: str) -> list[tuple[str, str, float]]:
        rows = self._system.rows
        found = [(row["id"], "accepting", row["at"]) for row in rows("gateway", _ACCEPTING, first)]
        for row in rows("orchestrator", _STEPS, first):
            found.append((row["id"], "begun", row["at"]))  # the first one counts
            if row["to_state"] == "completed":
                found.append((row["id"], "completed", row["at"]))
        for provider in PROVIDERS:
            for row in rows(f"provider-{provider}", _ATTEMPTS, first):
                found.append((row["id"], "attempted", row["created"]))
                if row["sent"] is not None:
                    found.append((row["id"], "sending", row["sent"]))
        for row in rows("webhook-dispatcher", _DELIVERIES, first):
            found += [(row["id"], "known", row["known"]), (row["id"], "posting", row["posting"])]
            found.append((row["id"], "told", row["posting"] + row["took"]))
        return found

    def _in_kafka(self, first: str, kept: Sequence[Kept]) -> list[tuple[str, str, float]]:
        ends = [row for row in self._system.rows("orchestrator", _STEPS, first) if row["to_state"] == "completed"]
        causes = {row["cause_message_id"]: row["id"] for row in ends}
        events = {row["message_id"]: row["id"] for row in ends}
        found: list[tuple[str, str, float]] = []
        for record in kept:
            if record.topic == OUTCOMES.name:
                if payment_id := causes.get(record.message_id):
                    found += _of_outcome(payment_id, record)
            elif record.topic == PAYMENT_EVENTS.name:
                if payment_id := events.get(record.message_id):
                    found.append((payment_id, "published", record.at))
            else:
                name = "accepted" if record.topic == PAYMENT_COMMANDS.name else "charging"
                found.append((record.key, name, record.at))
        return found


def _of_outcome(payment_id: str, record: Kept) -> list[tuple[str, str, float]]:
    report = OUTCOMES.decode(record.value)
    if not isinstance(report, OutcomeReported):
        return []
    return [(payment_id, "observed", report.observed_at.timestamp()), (payment_id, "reported", record.at)]
