"""Puts a payment's entries into causal order, whatever the clocks of the machines showed that wrote them. Pure."""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any, get_args

from malipo.contracts.outcomes import Unasked

Json = dict[str, Any]

_UNASKED = frozenset(get_args(Unasked))
_OUTCOMES = frozenset({"attempt", "query", *_UNASKED})
"""Kinds of entries that may lead to a transition, or change nothing."""


def arranged(rows: Sequence[tuple[datetime, Json]]) -> list[Json]:
    """The entries, each after its `cause`; those of outcomes show whether they had an `effect`."""
    entries = {entry["id"]: entry for _, entry in rows}
    _name_causes(entries.values())
    _name_refunds(entries.values())
    causes = {entry["cause"] for entry in entries.values() if entry["kind"] == "step"}
    for entry in entries.values():
        if entry["kind"] in _OUTCOMES:
            entry["effect"] = "step" if entry["id"] in causes else "none"
    ordered = in_causal_order({entry["id"]: at for at, entry in rows}, _before_each(entries.values()))
    return [entries[entry_id] for entry_id in ordered]


def is_whole(entries: Sequence[Json]) -> bool:
    """Whether each cause is among them, and the first of the transitions.

    Entries come by several topics, a cause now and then after its effect; and the first ones may be kept no longer.
    """
    there = {None, *(entry["id"] for entry in entries)}
    first = min((entry["step"] for entry in entries if entry["kind"] == "step"), default=1)
    return first == 1 and all(entry["cause"] in there for entry in entries)


def in_causal_order(times: Mapping[str, datetime], before: Mapping[str, Collection[str]]) -> list[str]:
    """The ids of `times`, each after those that came before it, and of several that may come next the earliest first.

    What came before and has no time is not waited for. A cycle, which no true history has, comes last.
    """
    sorter = TopologicalSorter({name: times.keys() & set(before.get(name, ())) for name in times})
    with suppress(CycleError):  # all but the cycle is still returned
        sorter.prepare()
    ready: list[tuple[datetime, str]] = []
    ordered: list[str] = []
    while True:
        for name in sorter.get_ready():
            heapq.heappush(ready, (times[name], name))
        if not ready:
            return ordered + sorted(times.keys() - set(ordered), key=times.__getitem__)
        _, name = heapq.heappop(ready)
        ordered.append(name)
        sorter.done(name)


def _name_causes(entries: Iterable[Json]) -> None:
    """A webhook's cause is the transition with its event; a deadline's is the transition that set it."""
    steps = sorted((entry for entry in entries if entry["kind"] == "step"), key=lambda step: step["step"])
    published = {step["event"]["id"]: step["id"] for step in steps if step["event"]}
    last: dict[str | None, str] = {}
    before: str | None = None
    for step in steps:
        if step["source"] == "deadline":
            step["cause"] = last.get(step["operation_id"], before)
        before = last[step["operation_id"]] = step["id"]
    for entry in entries:
        entry["cause"] = published.get(entry["cause"], entry["cause"])


def _name_refunds(entries: Iterable[Json]) -> None:
    """A refund that others report is the one that the report has changed: one of ours, perhaps, under another id than others'.

    What is no step's operation does not exist here.
    """
    steps = sorted((entry for entry in entries if entry["kind"] == "step"), key=lambda step: -step["step"])
    changed = {step["cause"]: step["operation_id"] for step in steps}  # the first step that it caused is about it
    there = {step["operation_id"] for step in steps}
    for entry in entries:
        if entry["kind"] in _UNASKED and entry["about"] == "refund":
            reported = entry["operation_id"] if entry["operation_id"] in there else None
            entry["operation_id"] = changed.get(entry["id"], reported)


def _before_each(entries: Iterable[Json]) -> dict[str, set[str]]:
    """What comes before each entry: its cause, and the one before it among those that are counted."""
    before_each = {entry["id"]: {entry["cause"]} for entry in entries}
    chains: defaultdict[tuple[str, str | None], list[tuple[int, str]]] = defaultdict(list)
    for entry in entries:
        match entry["kind"]:
            case "step":
                chains["steps", None].append((entry["step"], entry["id"]))
            case "webhook":
                chains["deliveries", entry["delivery_id"]].append((entry["attempt"], entry["id"]))
            case "attempt" | "postponed":
                chains[f"tries of {entry['cause']}", entry["operation_id"]].append((entry["tries"], entry["id"]))
            case _:
                pass
    for chain in chains.values():
        for (_, before), (_, after) in pairwise(sorted(chain)):
            before_each[after].add(before)
    return before_each
