"""Which metrics and labels a query of Prometheus' names, and which there are: as much of the language as is used here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRAPED = frozenset({"job", "service", "instance"})
"""Labels that the scrape gives everything."""
_PROCESS: tuple[str, ...] = (
    "up",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
)
_WORDS = frozenset(
    [
        "sum",
        "max",
        "min",
        "count",
        "group",
        "by",
        "and",
        "or",
        "unless",
        "on",
        "absent",
        "present_over_time",
        "min_over_time",
        "resets",
        "rate",
        "increase",
        "deriv",
        "changes",
        "histogram_quantile",
        "time",
    ]
)
_GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")
_SELECTOR = re.compile(r"\b([a-zA-Z_]\w*)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"[^"]*"')
_RANGE = re.compile(r"\[[^\]]*\]")
_ROW = re.compile(r"^\| `(\w+)` \| (counter|gauge|histogram) \| ([^|]*) \|", re.MULTILINE)


@dataclass(frozen=True)
class Query:
    """What it selects, and what it groups by."""

    selected: Mapping[str, frozenset[str]]
    """The labels that it asks of each metric."""
    grouped: frozenset[str]


def read(expression: str) -> Query:
    """The query's metrics and labels."""
    grouped = frozenset(label.strip() for labels in _GROUPING.findall(expression) for label in labels.split(","))
    rest = _RANGE.sub("", _GROUPING.sub("", expression))
    selected: dict[str, frozenset[str]] = {}
    for name, matchers in _SELECTOR.findall(rest):
        if name not in _WORDS:
            selected[name] = selected.get(name, frozenset()) | frozenset(_MATCHER.findall(matchers))
    return Query(selected, grouped)


def declared() -> dict[str, frozenset[str]]:
    """The labels of every series that a service shows, by its name, as docs/metrics.md has them from the code."""
    series: dict[str, frozenset[str]] = dict.fromkeys(_PROCESS, SCRAPED)
    for name, kind, labels in _ROW.findall((ROOT / "docs/metrics.md").read_text("utf-8")):
        has = SCRAPED | frozenset(re.findall(r"`(\w+)`", labels))
        if kind == "histogram":
            series |= {f"{name}_bucket": has | {"le"}, f"{name}_count": has, f"{name}_sum": has}
        else:
            series[name] = has
    return series


def faults(expression: str, known: Mapping[str, frozenset[str]]) -> list[str]:
    """What the query names that is not there."""
    query = read(expression)
    unknown = [f"no metric {name}" for name in query.selected if name not in known]
    asked = {name: labels for name, labels in query.selected.items() if name in known}
    wrong = [f"{name} has no label {label}" for name, labels in asked.items() for label in labels - known[name]]
    lost = [f"{name} has no label {label}" for name in asked for label in query.grouped - known[name]]
    return [*unknown, *wrong, *lost] or ([] if query.selected else ["it selects nothing"])
