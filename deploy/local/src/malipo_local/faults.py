"""Has a provider's stand-in misbehave for a while, and tells how often it has."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx


@contextmanager
def fault(simulator: httpx.Client, name: str, **rule: Any) -> Generator[str]:
    """It misbehaves so while the block lasts; yields the rule's id."""
    made = simulator.post("/_sim/faults", json={"fault": name, **rule}).raise_for_status().json()
    try:
        yield made["id"]
    finally:
        simulator.delete(f"/_sim/faults/{made['id']}")


def strikes(simulator: httpx.Client, rule_id: str) -> int:
    """How often a fault has struck."""
    rules = simulator.get("/_sim/faults").raise_for_status().json()
    return next(rule["applied"] for rule in rules if rule["id"] == rule_id)
