"""What the simulators of a stack know: the merchants' receivers and Stripe."""

from typing import Any

import httpx

from malipo_local import Stack


class Outside:
    """The two simulators, read through their control routes."""

    def __init__(self, stack: Stack) -> None:
        self._merchant = httpx.Client(base_url=stack.url("merchant-sim"), timeout=60)
        self._stripe = httpx.Client(base_url=stack.url("stripe-sim"), timeout=60)

    def webhooks(self) -> int:
        """How many requests the merchants' receivers have received so far, repeated and refused ones included."""
        return int(self._merchant.get("/_sim/health").raise_for_status().json()["received"])

    def callbacks_pending(self) -> int:
        """How many of Stripe's callbacks are still on their way."""
        return int(self._stripe.get("/_sim/health").raise_for_status().json()["webhooks"]["pending"])

    def effects(self) -> list[dict[str, Any]]:
        """Everything that happened to money at Stripe."""
        return self._stripe.get("/_sim/book").raise_for_status().json()["effects"]

    def close(self) -> None:
        """Close the connections."""
        self._merchant.close()
        self._stripe.close()
