"""Which alerts a test says that it causes, and what their rules ask for."""

import re
from collections.abc import Callable
from functools import wraps

from observability.promql import read
from observability.promtool import alerts

RULES: dict[str, str] = {rule["alert"]: rule["expr"] for rule in alerts()}
CAUSED: set[str] = set()
"""What the tests that were imported say to cause."""
FOLLOWED: set[str] = set()
"""Whose pages were followed until now."""
_LIMIT = re.compile(r"> ([\d.]+)(?=$| (?!\*))")

type _Test = Callable[..., None]


def causes(*names: str) -> Callable[[_Test], _Test]:
    """Mark a test as one that causes these alerts' conditions; it fails unless it follows the page of each."""
    assert set(names) <= RULES.keys(), f"no rule has an alert {set(names) - RULES.keys()}"
    CAUSED.update(names)

    def mark(test: _Test) -> _Test:
        @wraps(test)
        def following(**fixtures: object) -> None:
            test(**fixtures)
            assert set(names) <= FOLLOWED, f"not followed: {set(names) - FOLLOWED}"

        return following

    return mark


def limit_of(alert: str) -> float:
    """Above how much it rings, if that is a number of its rule."""
    found = _LIMIT.search(RULES[alert])
    assert found, f"{alert} has no limit of its own: {RULES[alert]}"
    return float(found[1])


def is_about(alert: str, metric: str, labels: set[str]) -> bool:
    """Whether its rule selects this metric, and asks for or groups by these labels."""
    query = read(RULES[alert])
    return metric in query.selected and labels <= query.selected[metric] | query.grouped
