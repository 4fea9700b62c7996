"""The merchant of the demo, against a gateway with scripted answers."""

from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from malipo_local.demo.tour import timeline_lines
from malipo_local.merchant import DemoMerchant, NeverHappened

COMMON = {"at": "2026-01-01T10:00:00.000Z", "about": "payment", "cause": None}
STEP = COMMON | {
    "id": "step-1",
    "kind": "step",
    "service": "orchestrator",
    "from_state": "processing",
    "to_state": "completed",
    "trigger": "succeeded",
    "source": "attempt",
    "detail": None,
    "event": {"type": "payment.completed"},
}


def webhook(result: str) -> dict[str, Any]:
    sent = {"kind": "webhook", "service": "webhook-dispatcher", "cause": "step-1", "attempt": 1}
    return COMMON | sent | {"result": result, "duration_ms": 7}


def merchant(*timelines: list[dict[str, Any]]) -> DemoMerchant:
    """Its gateway answers with one timeline after the other; the last one stays."""
    left = list(timelines)

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"complete": True, "entries": left.pop(0) if len(left) > 1 else left[0]})

    made = DemoMerchant(SimpleNamespace(url=lambda _: "http://gateway"), "merchant", "key")
    made.api = httpx.Client(base_url="http://gateway", transport=httpx.MockTransport(answer))
    return made


def test_a_timeline_is_shown_once_it_has_the_duration_of_each_delivery() -> None:
    without_event = STEP | {"id": "step-0", "event": None}
    retried, delivered = webhook("retrying"), webhook("delivered")
    entries = merchant(
        [without_event, STEP], [without_event, STEP, retried], [without_event, STEP, retried, delivered]
    ).reported("pay_1")
    assert list(timeline_lines(entries))[-1].endswith("webhook payment.completed: delivered in 7 ms")


def test_a_delivery_that_is_never_reported_is_named() -> None:
    with pytest.raises(NeverHappened, match=r"pay_1 without a report .*payment\.completed"):
        merchant([STEP, webhook("retrying")]).reported("pay_1", seconds=0.1)


def test_every_kind_of_entry_has_a_line() -> None:
    lost = {"method": "POST", "path": "/v1/payment_intents", "error": "connection_broken", "duration_ms": 31}
    outcome = {"code": None, "reason": "timeout", "result": "unknown", "effect": "none"}
    attempt = COMMON | outcome | {"kind": "attempt", "service": "provider-stripe"}
    entries = [
        COMMON | {"kind": "request", "service": "gateway", "method": "POST", "path": "/v1/payments"},
        attempt | {"exchanges": [{"error": "answer_never_recorded"}, lost]},
        COMMON | {"kind": "postponed", "service": "provider-stripe", "code": "provider_unreachable", "exchanges": []},
        COMMON | {"kind": "refusal", "service": "orchestrator", "code": "payment_not_refundable", "about": "refund"},
    ]
    assert [line[33:] for line in timeline_lines(entries)] == [
        "POST /v1/payments",
        "attempt: unknown (timeout), no effect",
        "an earlier try: answer never recorded",
        "POST /v1/payment_intents: connection broken in 31 ms",
        "postponed: provider_unreachable",
        "refund refusal: payment_not_refundable",
    ]
