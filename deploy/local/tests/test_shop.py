"""The merchant of the demo, against a gateway that answers as told."""

from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from malipo_local.demo.tour import timeline_lines
from malipo_local.shop import NeverHappened, Shop


def step(*results: str) -> dict[str, Any]:
    return {
        "at": "2026-01-01T10:00:00.000Z",
        "cause": {"trigger": "outcome", "source": "provider", "detail": None},
        "operation": None,
        "from_state": "processing",
        "to_state": "completed",
        "event": {"type": "payment.completed"},
        "webhooks": [{"result": result, "duration_ms": 7} for result in results],
    }


def shop(*timelines: list[dict[str, Any]]) -> Shop:
    """Its gateway answers with one timeline after the other; the last one stays."""
    left = list(timelines)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"steps": left.pop(0) if len(left) > 1 else left[0]})

    made = Shop(SimpleNamespace(url=lambda _: "http://gateway"), "shop", "key")
    made.api = httpx.Client(base_url="http://gateway", transport=httpx.MockTransport(answer))
    return made


def test_a_timeline_is_shown_once_it_tells_how_long_each_delivery_took() -> None:
    untold = step() | {"event": None}
    steps = shop([untold, step()], [untold, step("retrying")], [untold, step("retrying", "delivered")]).reported(
        "pay_1"
    )
    assert list(timeline_lines(steps))[-1].endswith("webhook payment.completed retrying in 7 ms, delivered in 7 ms")


def test_a_delivery_that_is_never_reported_is_named() -> None:
    with pytest.raises(NeverHappened, match=r"pay_1 without a report .*payment\.completed"):
        shop([step("retrying")]).reported("pay_1", seconds=0.1)
