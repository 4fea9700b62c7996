"""Processor time and memory of the processes under test, read from the kernel's own accounts."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

_BACKEND = re.compile(r"postgres: \S+ malipo_(\w+) ")

Roots = Mapping[str, Iterable[int]]
"""The first processes of each part of the system, by its name."""


Reading = Mapping[tuple[str, int], float]
"""Seconds used so far, by part and process id."""


def read(roots: Roots) -> Reading:
    """What each process of these parts has used so far, its children that have ended included.

    PostgreSQL is split by the database that a backend serves: `postgres/gateway`; what serves none is `postgres`.
    """
    used: dict[tuple[str, int], float] = {}
    for name, pids in roots.items():
        for process in family(pids):
            with suppress(psutil.Error):
                used[_part(name, process), process.pid] = sum(process.cpu_times()[:4])
    return used


def spent(before: Reading, after: Reading) -> dict[str, float]:
    """Seconds used between two readings, by part; a part whose first process ended in between counts as nothing.

    What a backend had used before the first reading is its parent's by the second if it has ended since, and is taken
    off there again.
    """
    used: dict[str, float] = {}
    for (part, pid), seconds in after.items():
        used[part] = used.get(part, 0.0) + seconds - before.get((part, pid), 0.0)
    for (part, pid), seconds in before.items():
        if (part, pid) not in after:
            parent = part.partition("/")[0]
            used[parent] = used.get(parent, 0.0) - seconds
    return {part: max(0.0, seconds) for part, seconds in used.items()}


def by_process(parts: Mapping[str, float]) -> dict[str, float]:
    """The same with the parts of one process added up: `postgres/gateway` belongs to `postgres`."""
    total: dict[str, float] = {}
    for name, seconds in parts.items():
        process = name.partition("/")[0]
        total[process] = total.get(process, 0.0) + seconds
    return total


def machine_seconds() -> float:
    """What all processes of this machine have used so far."""
    times: Any = psutil.cpu_times()
    return sum(times[:7]) - times.idle - times.iowait  # the rest is others' or counted already


def memory_mb(roots: Roots) -> dict[str, float]:
    """The resident memory of each part now; what processes share with the first of them is counted once."""
    return {name: sum(_resident_mb(pid) for pid in pids) for name, pids in roots.items()}


def peak_mb(roots: Roots) -> dict[str, float]:
    """The most memory that each part has ever held; what processes share with the first of them is counted once."""
    return {name: sum(_peak(pid) for pid in pids) for name, pids in roots.items()}


def family(pids: Iterable[int]) -> Iterator[psutil.Process]:
    """These processes and all their children."""
    for pid in pids:
        with suppress(psutil.Error):
            first = psutil.Process(pid)
            yield from (first, *first.children(recursive=True))


def _part(name: str, process: psutil.Process) -> str:
    if name != "postgres":
        return name
    found = _BACKEND.match(" ".join(process.cmdline()))
    return f"{name}/{found[1].replace('_', '-')}" if found else name


def _peak(pid: int) -> float:
    members = list(family([pid]))
    own = sum(_told_mb(process.pid, "VmHWM") for process in members[:1])
    return own + sum(_private_mb(process) for process in members[1:])


def _resident_mb(pid: int) -> float:
    members = list(family([pid]))
    own = sum(_told_mb(process.pid, "VmRSS") for process in members[:1])
    return own + sum(_private_mb(process) for process in members[1:])


def _told_mb(pid: int, what: str) -> float:
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024
    return 0.0


def _private_mb(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        memory = process.memory_info()
        return (memory.rss - getattr(memory, "shared", 0)) / 2**20
    return 0.0
