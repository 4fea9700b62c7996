"""Writes `docs/crash-matrix.md`: what was crashed, how often, and with which result."""

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psutil

from chaos import red
from chaos.matrix import Result
from chaos.storms import StormResult
from chaos.system import SERVICES

PAGE = Path(__file__).parents[2] / "docs" / "crash-matrix.md"

_HEAD = """# Crash matrix

Each line of the tables below was run, none was written by hand: `make crash-matrix` records where a service can be
crashed during an operation (before and after each commit in PostgreSQL, each message to Kafka, each commit of an offset,
each HTTP request, each call of Redis, each answer), then runs the operation once more for each of those crossings with
`kill -9` exactly there (or, after a poll of Kafka, has the batch vanish that was fetched, as it does when a record cannot
be read), lets the supervisor start the service again, waits until the system is at rest, and checks from
outside, in databases, topics and the provider's own book:

* the provider's book holds exactly the effects that were requested, and Malipo shows what is in the book;
* the merchant received and confirmed every event, in order, its numbers without a gap; the read model agrees with the
  payment, and its timeline has every step and every webhook;
* no message was applied twice or dead-lettered; no payment, attempt, delivery or outbox row is open; every topic is read to its end;
* the same request with the same idempotency key answers with the same resource.

`make test` runs a fixed sample: each seam of each service, its sides by turns. `tests/chaos/test_broken_builds.py` switches off
rules, several in one build if they are of different services, and shows that the matrix turns red for each.

What no operation reaches is not here: changes of a merchant's configuration, deadlines that pass, dead letters, what is
postponed. These have tests of their own, and random chaos reaches most. Of "four at once", "STK timed out" and "Pull window",
which take another path in each run, only the first crossing at each place is here.

M-Pesa may not be sent twice what it was perhaps sent. Where a service dies between its mark and the request, the payment stays
in doubt, and the run ends with the decision of a person who finds nothing in M-Pesa's book: it has to be told as failed.
"""


@dataclass
class Findings:
    """Everything that one run of the matrix found."""

    command: str
    seconds: float
    results: Sequence[Result]
    replicated: Sequence[Result]
    storms: Sequence[StormResult]

    @property
    def crashed(self) -> list[Result]:
        """Without those that were reached by chance and not again."""
        return [one for one in self.results if not one.passed]

    @property
    def passed(self) -> list[Result]:
        """Those that were reached by chance and not again."""
        return [one for one in self.results if one.passed]

    @property
    def green(self) -> bool:
        """Whether anything was crashed, and every cell and every storm kept the promise."""
        kept = all(one.green for one in (*self.crashed, *self.replicated)) and not any(s.broken for s in self.storms)
        return kept and bool(self.crashed)

    @property
    def conclusion(self) -> str:
        """Whether the promise was kept, as text."""
        if self.green:
            return "the promise was kept"
        if any(one.broken for one in (*self.crashed, *self.replicated, *self.storms)):
            return "the promise was BROKEN"
        return "NOT PROVEN, as not every crossing was reached"


def page(findings: Findings) -> str:
    """The whole page as Markdown."""
    parts = [_HEAD, _summary(findings), _by_service(findings.crashed), _once(findings.crashed)]
    parts += [_by_seam(findings.crashed)]
    parts += [_replicas(findings.replicated), _storms(findings.storms), _red(findings), _passed(findings.passed)]
    parts += [_places(findings.crashed)]
    return "\n".join(part for part in parts if part)


def _summary(findings: Findings) -> str:
    cells, green = len(findings.crashed), sum(one.green for one in findings.crashed)
    machine = f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB"
    return (
        f"\n**{green} of {cells} crossings green**, {len(_operations(findings.crashed))} operations, {len(SERVICES)} services. "
        f"`{findings.command}`, {date.today().isoformat()}, "  # noqa: DTZ011 - the day where it is run
        f"{findings.seconds / 60:.0f} minutes on {machine}, {platform.python_implementation()} {platform.python_version()}.\n"
    )


def _operations(results: Sequence[Result]) -> set[str]:
    return {one.cell.operation.name for one in results}


def _by_service(results: Sequence[Result]) -> str:
    rows = [
        [name, *(_count(one for one in of if one.cell.crossing.service == service) for service in SERVICES), _count(of)]
        for name, of in _grouped(results, lambda one: one.cell.operation.name).items()
    ]
    return "## Operations x services\n\n" + table(["operation", *SERVICES, "all"], rows)


def _once(results: Sequence[Result]) -> str:
    """What is not crashed anew in an operation, because it takes another one's way there."""
    operations = {one.cell.operation.name: one.cell.operation for one in results}
    rows = [[name, service, like] for name, one in operations.items() for service, like in one.like.items()]
    head = (
        "## Crashed once\n\nWhat gateway and dispatcher do depends neither on the provider nor on what a step is about: each "
        "crossing there is crashed in the first operation that reaches it, unless the merchant is what is tested. Of the "
        "providers' services the same is true of what their kit does for all of them: taking commands, having callbacks stored "
        "that are signed, or that are not, and passing outcomes on. What sends and reads a provider's requests is crashed in "
        "each operation of each provider, and so is the orchestrator, unless the payment is the same for it, as the table "
        "tells: then only where the other does not come by. What the clock of another provider's service has it do meanwhile "
        "belongs to no operation; a place that is reached by chance is crashed once.\n\n"
    )
    return head + table(["operation", "service", "takes the way of"], rows) if rows else ""


def _by_seam(results: Sequence[Result]) -> str:
    seams = _grouped(results, lambda one: f"{one.cell.crossing.moment} {one.cell.crossing.seam}")
    rows = [
        [name, *(_count(one for one in of if one.cell.crossing.service == service) for service in SERVICES), _count(of)]
        for name, of in sorted(seams.items(), key=lambda entry: entry[0].split(" ")[::-1])
    ]
    return "## Seams x services\n\n" + table(["killed", *SERVICES, "all"], rows)


def _replicas(results: Sequence[Result]) -> str:
    if not results:
        return ""
    rows = [[str(one.cell.crossing), one.cell.operation.name, "green" if one.green else "RED"] for one in results]
    return "## Two of every service, one of the two killed\n\n" + table(["killed", "during", "result"], rows)


def _storms(storm_results: Sequence[StormResult]) -> str:
    if not storm_results:
        return ""
    rows = [
        [
            one.name,
            str(one.ledger.wanted),
            str(one.ended),
            f"{one.rest_seconds:.0f} s",
            "green" if not one.broken else "RED",
        ]
        for one in storm_results
    ]
    head = ["fault", "payments requested", "accepted and ended", "at rest after the last", "result"]
    return "## Stores that fail while 20 payments a second arrive\n\n" + table(head, rows)


def _red(findings: Findings) -> str:
    lines = [
        f"* {red.described(one)}  \n  `{red.repeat(one, replicas=replicas)}`"
        for results, replicas in ((findings.crashed, False), (findings.replicated, True))
        for one in results
        if not one.green
    ]
    lines += [f"* {one.name}: {'; '.join(one.broken)}" for one in findings.storms if one.broken]
    return "## Red\n\n" + "\n".join(lines) + "\n" if lines else ""


def _passed(results: Sequence[Result]) -> str:
    if not results:
        return ""
    head = (
        "## Reached by chance\n\nEach operation is recorded twice. These were reached in one of the two recordings, as the "
        "renewal of a lease in a slow run, and not again while they were to be crashed. They are not counted above.\n\n"
    )
    return head + "\n".join(f"* {one.cell.operation.name}: {one.cell.crossing}" for one in results) + "\n"


def _places(results: Sequence[Result]) -> str:
    """Every place where a service was killed, with how often over all operations."""
    found = Counter(
        (one.cell.crossing.service, one.cell.crossing.seam, one.cell.crossing.place, one.cell.crossing.moment)
        for one in results
        if one.green
    )
    rows = [[service, f"{moment} {seam}", f"`{place}`", str(n)] for (service, seam, place, moment), n in found.items()]
    head = "## Every place\n\nA place is a function, a topic, a consumer group, a route or a command.\n\n"
    return head + table(["service", "killed", "at", "times"], sorted(rows))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def _grouped(results: Iterable[Result], name: Callable[[Result], str]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for one in results:
        groups.setdefault(name(one), []).append(one)
    return groups


def _count(results: Iterable[Result]) -> str:
    of = list(results)
    green = sum(one.green for one in of)
    return "" if not of else str(green) if green == len(of) else f"**{green} of {len(of)}**"
