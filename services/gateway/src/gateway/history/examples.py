"""Examples of a timeline and of an explanation."""

from typing import Any

from gateway.history.texts import EXPLANATIONS
from gateway.history.words import MAY
from gateway.openapi.examples import AT, ENDPOINT, EVENT, PAYMENT, PAYMENT_METHOD

_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def _entry(entry_id: str, kind: str, service: str, cause: str | None, **details: object) -> dict[str, Any]:
    common: dict[str, Any] = {"id": entry_id, "kind": kind, "service": service, "at": AT, "trace_id": _TRACE}
    return common | {"cause": cause, "about": "payment", "operation_id": None} | details


def _step(number: int, cause: str, before: str, after: str, **details: object) -> dict[str, Any]:
    moved = {"step": number, "from_state": before, "to_state": after, "status": after, "amount": PAYMENT["amount"]}
    defaults = {"detail": None, "contradiction": False, "sent": None, "deadline": None, "event": None}
    return _entry(f"step-{number}", "step", "orchestrator", cause, **moved | defaults | details)


_EXCHANGE: dict[str, Any] = {
    "at": AT,
    "method": "POST",
    "path": "/v1/payment_intents",
    "status": 200,
    "duration_ms": 412,
    "request_id": "req_8Wf0",
}
_DELIVERY_ID = "del_0001kbw4x6b2c3d4e5f6g7h8j9"
_COMMAND_ID, _ANSWER_ID = "msg_0001kbw4x1a1b2c3d4e5f6g7h8", "msg_0001kbw4x2a1b2c3d4e5f6g7h8"
_PUBLIC_EVENT = {"id": EVENT["data"]["id"], "type": "payment.completed", "sequence": 1}
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
        1, _COMMAND_ID, "initiated", "processing", trigger="dispatched", source="merchant", sent="charge", deadline=AT
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
    _step(2, _ANSWER_ID, "processing", "completed", trigger="succeeded", source="attempt", event=_PUBLIC_EVENT),
    _entry(
        f"{_DELIVERY_ID}-1",
        "webhook",
        "webhook-dispatcher",
        "step-2",
        about="event",
        event_id=EVENT["data"]["id"],
        delivery_id=_DELIVERY_ID,
        endpoint_id=ENDPOINT["id"],
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
SETUP_TIMELINE: dict[str, Any] = {
    "payment_method_id": PAYMENT_METHOD["id"],
    "status": "active",
    "complete": True,
    "entries": [_ENTRIES[0] | {"about": "setup", "path": "/v1/payment-methods"}],
}
_WAITS = EXPLANATIONS["setup", "requires_action", "action_required"]
SETUP_EXPLANATION: dict[str, Any] = {
    "payment_method_id": PAYMENT_METHOD["id"],
    "status": "requires_action",
    "state": "requires_action",
    "reason": "action_required",
    "detail": None,
    "failure": None,
    "since": AT,
    "why": _WAITS.why,
    "next": _WAITS.next,
    "next_by": AT,
    "you_may": [{"code": code, "text": MAY[code]} for code in _WAITS.may],
    "obstacle": None,
    "contradictions": [],
}
_DOUBT = EXPLANATIONS["payment", "in_doubt", "unknown"]
EXPLANATION: dict[str, Any] = {
    "payment_id": PAYMENT["id"],
    "status": "processing",
    "state": "in_doubt",
    "reason": "unknown",
    "detail": "timeout",
    "failure": None,
    "since": AT,
    "why": _DOUBT.why,
    "next": _DOUBT.next,
    "next_by": AT,
    "you_may": [{"code": code, "text": MAY[code]} for code in _DOUBT.may],
    "obstacle": None,
    "contradictions": [],
    "operations": [],
}
