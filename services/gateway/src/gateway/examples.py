"""Examples of what the API answers, and the schemas of answers that are no message type of their own."""

from typing import Any

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
_WEBHOOK: dict[str, Any] = {
    "delivery_id": "del_0001kbw4x6b2c3d4e5f6g7h8j9",
    "endpoint_id": "ep_0001kbw4x7c3d4e5f6g7h8j9k0",
    "attempt": 1,
    "at": _AT,
    "result": "delivered",
    "http_status": 200,
    "error": None,
    "duration_ms": 41,
    "next_attempt_at": None,
}
_STEP: dict[str, Any] = {
    "step": 2,
    "at": _AT,
    "from_state": "processing",
    "to_state": "completed",
    "status": "completed",
    "cause": {"trigger": "succeeded", "source": "answer", "detail": None},
    "operation": None,
    "event": {"id": EVENT["data"]["id"], "type": "payment.completed", "sequence": 1},
    "webhooks": [_WEBHOOK],
}
TIMELINE: dict[str, Any] = {"payment_id": PAYMENT["id"], "status": "completed", "steps": [_STEP]}
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
    "id": _WEBHOOK["endpoint_id"],
    "mode": "test",
    "url": "https://shop.example/webhooks/malipo",
    "event_types": [],
    "description": None,
    "created_at": _AT,
}

DESCRIPTIONS: dict[str, dict[str, str]] = {
    "PaymentView": {
        "amount": "Minor units of `currency`, as all amounts.",
        "amount_captured": "What was taken.",
        "amount_refunded": "What was given back of it.",
        "status_reason": "Why it is still `processing`, when that is not simply under way.",
        "provider": "Who carries it out; null until that is decided.",
        "provider_reference": "Its id there.",
        "action": "With `requires_action`: the URL to send the customer to.",
        "failure": "With `failed`: a stable code, and the provider's own words.",
    },
    "OperationView": {
        "amount": "Minor units of `currency`. What was asked for; left out then, what the payment had left.",
        "failure": "With `failed`: a stable code, and the provider's own words.",
    },
}
"""Of the fields of views, where their names do not say it all."""

_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_INTEGER = {"type": "integer"}
_MOMENT = {"type": "string", "format": "date-time"}
_TEXTS = {"type": "array", "items": _TEXT}


def _object(**properties: object) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


SCHEMAS: dict[str, dict[str, Any]] = {
    "Timeline": _object(
        payment_id=_TEXT,
        status=_TEXT,
        steps={"type": "array", "items": {"$ref": "#/components/schemas/TimelineStep"}},
    ),
    "TimelineStep": _object(
        step=_INTEGER,
        at=_MOMENT,
        from_state=_TEXT,
        to_state=_TEXT,
        status=_TEXT | {"description": "The payment's status after the step."},
        cause=_object(trigger=_TEXT, source=_TEXT, detail=_TEXT_OR_NULL),
        operation={"anyOf": [{"$ref": "#/components/schemas/OperationView"}, {"type": "null"}]},
        event={"anyOf": [_object(id=_TEXT, type=_TEXT, sequence=_INTEGER), {"type": "null"}]},
        webhooks={"type": "array", "items": {"$ref": "#/components/schemas/WebhookAttempt"}},
    ),
    "WebhookAttempt": _object(
        delivery_id=_TEXT,
        endpoint_id=_TEXT,
        attempt=_INTEGER,
        at=_MOMENT,
        result={"enum": ["delivered", "retrying", "exhausted", "endpoint_gone"]},
        http_status={"type": ["integer", "null"]},
        error=_TEXT_OR_NULL,
        duration_ms=_INTEGER,
        next_attempt_at={"type": ["string", "null"], "format": "date-time"},
    ),
    "Event": _object(
        type=_TEXT,
        timestamp=_MOMENT,
        data={
            "type": "object",
            "required": ["id", "payment_id", "sequence", "mode", "payment"],
            "properties": {
                "id": _TEXT,
                "payment_id": _TEXT,
                "sequence": _INTEGER | {"description": "Counts from 1 without gaps per payment."},
                "mode": {"enum": ["test", "live"]},
                "payment": {"$ref": "#/components/schemas/PaymentView"},
                "refund": {"$ref": "#/components/schemas/OperationView"},
                "capture": {"$ref": "#/components/schemas/OperationView"},
                "cancel": {"$ref": "#/components/schemas/OperationView"},
            },
        },
    ),
    "ProviderCredential": _object(
        id=_TEXT,
        provider=_TEXT,
        mode={"enum": ["test", "live"]},
        secret_key=_TEXT | {"description": "Masked."},
        webhook_secrets=_TEXTS | {"description": "Masked."},
        callback_path=_TEXT | {"description": "Configure it at the provider, on the address of its service."},
        created_at=_MOMENT,
        updated_at=_MOMENT,
    ),
    "WebhookEndpoint": _object(
        id=_TEXT,
        mode={"enum": ["test", "live"]},
        url=_TEXT,
        event_types=_TEXTS,
        description=_TEXT_OR_NULL,
        created_at=_MOMENT,
    ),
}
