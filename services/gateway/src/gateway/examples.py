"""Examples of what the API answers."""

from typing import Any

from malipo.contracts.explanations import EXPLANATIONS, MAY

_AT = "2026-11-21T09:30:00.000000Z"

PAYMENT: dict[str, Any] = {
    "id": "pay_0001kbw4x3e7v8r2m5n9q4t6yz",
    "status": "completed",
    "amount": 1250,
    "currency": "USD",
    "amount_captured": 1250,
    "amount_refunded": 0,
    "capture": "automatic",
    "method": "card",
    "created_at": _AT,
    "updated_at": _AT,
    "status_reason": None,
    "provider": "stripe",
    "provider_reference": "pi_3P0",
    "client_ref": "order-1001",
    "description": None,
    "metadata": {},
    "return_url": None,
    "action": None,
    "failure": None,
    "expires_at": "2026-11-21T09:45:00.000000Z",
}
REFUND: dict[str, Any] = {
    "id": "ref_0001kbw4x9d2f6h8j3k5m7p1qr",
    "payment_id": PAYMENT["id"],
    "kind": "refund",
    "status": "completed",
    "amount": 250,
    "currency": "USD",
    "created_at": _AT,
    "updated_at": _AT,
    "reason": "one item returned",
    "failure": None,
}
PAYMENT_UNDER_WAY = PAYMENT | {
    "status": "processing",
    "amount_captured": 0,
    "provider": None,
    "provider_reference": None,
}
REFUND_UNDER_WAY = REFUND | {"status": "processing"}
EVENT: dict[str, Any] = {
    "type": "payment.completed",
    "timestamp": "2026-11-21T09:30:00.000Z",
    "data": {
        "id": "evt_0001kbw4x5a1b2c3d4e5f6g7h8",
        "payment_id": PAYMENT["id"],
        "sequence": 1,
        "mode": "test",
        "payment": PAYMENT,
    },
}
_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def _entry(entry_id: str, kind: str, service: str, cause: str | None, **details: object) -> dict[str, Any]:
    common: dict[str, Any] = {"id": entry_id, "kind": kind, "service": service, "at": _AT, "trace_id": _TRACE}
    return common | {"cause": cause, "about": "payment", "operation_id": None} | details


def _step(number: int, cause: str, before: str, after: str, **details: object) -> dict[str, Any]:
    moved = {"step": number, "from_state": before, "to_state": after, "status": after, "amount": PAYMENT["amount"]}
    unless_said = {"detail": None, "contradiction": False, "sent": None, "deadline": None, "event": None}
    return _entry(f"step-{number}", "step", "orchestrator", cause, **moved | unless_said | details)


_EXCHANGE: dict[str, Any] = {
    "at": _AT,
    "method": "POST",
    "path": "/v1/payment_intents",
    "status": 200,
    "duration_ms": 412,
    "request_id": "req_8Wf0",
}
_ENDPOINT_ID = "ep_0001kbw4x7c3d4e5f6g7h8j9k0"
_DELIVERY_ID = "del_0001kbw4x6b2c3d4e5f6g7h8j9"
_COMMAND_ID, _ANSWER_ID = "msg_0001kbw4x1a1b2c3d4e5f6g7h8", "msg_0001kbw4x2a1b2c3d4e5f6g7h8"
_EVENT_TOLD = {"id": EVENT["data"]["id"], "type": "payment.completed", "sequence": 1}
_ENTRIES: list[dict[str, Any]] = [
    _entry(
        _COMMAND_ID,
        "request",
        "gateway",
        None,
        method="POST",
        path="/v1/payments",
        request_id="req_0001kbw4x0a1b2c3d4e5f6g7h8",
        api_key_id="key_0001kbw4w0a1b2c3d4e5f6g7h8",
    ),
    _step(
        1, _COMMAND_ID, "initiated", "processing", trigger="dispatched", source="merchant", sent="charge", deadline=_AT
    ),
    _entry(
        _ANSWER_ID,
        "attempt",
        "provider-stripe",
        "step-1",
        result="succeeded",
        code=None,
        reason=None,
        reference=PAYMENT["provider_reference"],
        callback_id=None,
        tries=1,
        exchanges=[_EXCHANGE],
        effect="step",
    ),
    _step(2, _ANSWER_ID, "processing", "completed", trigger="succeeded", source="answer", event=_EVENT_TOLD),
    _entry(
        f"{_DELIVERY_ID}-1",
        "webhook",
        "webhook-dispatcher",
        "step-2",
        about="event",
        event_id=EVENT["data"]["id"],
        delivery_id=_DELIVERY_ID,
        endpoint_id=_ENDPOINT_ID,
        attempt=1,
        result="delivered",
        http_status=200,
        error=None,
        duration_ms=41,
        next_attempt_at=None,
        later_events_wait_until=None,
    ),
]
TIMELINE: dict[str, Any] = {
    "payment_id": PAYMENT["id"],
    "status": "completed",
    "complete": True,
    "entries": _ENTRIES,
}
_DOUBT = EXPLANATIONS["payment", "in_doubt", "unknown"]
EXPLANATION: dict[str, Any] = {
    "payment_id": PAYMENT["id"],
    "status": "processing",
    "state": "in_doubt",
    "reason": "unknown",
    "detail": "timeout",
    "failure": None,
    "since": _AT,
    "why": _DOUBT.why,
    "next": _DOUBT.next,
    "next_by": _AT,
    "you_may": [{"code": code, "text": MAY[code]} for code in _DOUBT.may],
    "obstacle": None,
    "contradictions": [],
    "operations": [],
}
CREDENTIAL: dict[str, Any] = {
    "id": "cred_0001kbw4x8d4e5f6g7h8j9k0m1",
    "provider": "stripe",
    "mode": "test",
    "secret_key": "sk_test_...9f3a",
    "webhook_secrets": ["whsec_...77c1"],
    "callback_path": "/callbacks/stripe/cred_0001kbw4x8d4e5f6g7h8j9k0m1",
    "created_at": _AT,
    "updated_at": _AT,
}
ENDPOINT: dict[str, Any] = {
    "id": _ENDPOINT_ID,
    "mode": "test",
    "url": "https://shop.example/webhooks/malipo",
    "event_types": [],
    "description": None,
    "created_at": _AT,
}
