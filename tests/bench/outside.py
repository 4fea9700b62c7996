"""What the simulators of a stack know: the merchants' receivers and the providers."""

from collections.abc import Mapping
from typing import Any

import httpx

from malipo.contracts.providers import PROVIDERS
from malipo_local import Stack


class Outside:
    """The simulators, read through their control routes."""

    def __init__(self, stack: Stack) -> None:
        self._merchant = httpx.Client(base_url=stack.url("merchant-sim"), timeout=60)
        parts = {row.name for row in stack.plan.rows()}
        self._providers = {
            name: httpx.Client(base_url=stack.url(f"{name}-sim"), timeout=60)
            for name in PROVIDERS
            if f"{name}-sim" in parts
        }

    def webhooks(self) -> int:
        """How many requests the merchants' receivers have received so far, repeated and refused ones included."""
        return int(self._merchant.get("/_sim/health").raise_for_status().json()["received"])

    def callbacks_pending(self) -> int:
        """How many of the providers' callbacks are still on their way."""
        healths = [http.get("/_sim/health").raise_for_status().json() for http in self._providers.values()]
        return sum(int(health["webhooks"]["pending"]) for health in healths)

    def be_late(self, latency: Mapping[str, float] | None) -> None:
        """Have every provider answer as late as this distribution says, or at once."""
        for http in self._providers.values():
            path = "/_sim/latency"
            (http.delete(path) if latency is None else http.put(path, json=dict(latency))).raise_for_status()

    def effects(self, provider: str) -> list[dict[str, Any]]:
        """Everything that happened to money at a provider; nothing at one that is not there."""
        http = self._providers.get(provider)
        return http.get("/_sim/book").raise_for_status().json()["effects"] if http else []

    def close(self) -> None:
        """Close the connections."""
        for http in (self._merchant, *self._providers.values()):
            http.close()
