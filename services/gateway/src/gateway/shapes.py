"""The schemas of answers that are no message type of their own, and words for fields whose names do not say it all."""

from typing import Any

from malipo.contracts.explanations import EXPLANATIONS, MAY
from malipo.contracts.failures import OWN_FAILURES
from malipo.contracts.outcomes import EXCHANGE_ERRORS

DESCRIPTIONS: dict[str, dict[str, str]] = {
    "PaymentView": {
        "amount": "Minor units of `currency`, as all amounts.",
        "amount_captured": "What was taken.",
        "amount_refunded": "What was given back of it.",
        "status_reason": "Why it is still `processing`, when that is not simply under way.",
        "provider": "Who carries it out; null until that is decided.",
        "provider_reference": "Its id there.",
        "action": "With `requires_action`: the URL to send the customer to; `other` is what Malipo cannot show him.",
        "expires_at": "Nothing that takes the customer's money is sent after it.",
        "failure": "With `failed`: a stable code, and words.",
    },
    "OperationView": {
        "amount": "Minor units of `currency`. What was asked for; left out then, what the payment had left, and 0 until that is known.",
        "failure": "With `failed`: a stable code, and words.",
    },
    "Failure": {
        "code": f"Malipo's own: {', '.join(f'`{code}`' for code in OWN_FAILURES)}; that of a problem, if Malipo refused a "
        "command; any other is the provider's.",
        "message": "The provider's words, or Malipo's.",
    },
}
"""Of the fields of views."""

_TEXT = {"type": "string"}
_BOOLEAN = {"type": "boolean"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_INTEGER = {"type": "integer"}
_MOMENT = {"type": "string", "format": "date-time"}
_MOMENT_OR_NULL = {"type": ["string", "null"], "format": "date-time"}
_TEXTS = {"type": "array", "items": _TEXT}
_FAILURE_OR_NULL: dict[str, Any] = {"anyOf": [{"$ref": "#/components/schemas/Failure"}, {"type": "null"}]}


def _object(**properties: object) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _with(schema: dict[str, Any], **optional: object) -> dict[str, Any]:
    return schema | {"properties": schema["properties"] | optional}


def _list_of(name: str) -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}


_STAND: dict[str, Any] = {
    "state": {"enum": sorted({state for _, state, _ in EXPLANATIONS})},
    "reason": {
        "enum": sorted({reason for _, _, reason in EXPLANATIONS}),
        "description": "What led there. New ones may come.",
    },
    "detail": _TEXT_OR_NULL | {"description": "The reason's own code, such as that of a decline."},
    "failure": _FAILURE_OR_NULL | {"description": "As in the payment or operation itself."},
    "since": _MOMENT,
    "why": _TEXT,
    "next": _TEXT,
    "next_by": _MOMENT_OR_NULL | {"description": "When the next thing happens at the latest; null at an end."},
    "you_may": {
        "type": "array",
        "items": _object(code={"enum": list(MAY)}, text=_TEXT),
        "description": "What is safe to do now.",
    },
    "obstacle": {
        "anyOf": [
            _object(
                code=_TEXT,
                detail=_TEXT,
                tries=_INTEGER,
                at=_MOMENT,
                retry_at=_MOMENT_OR_NULL | {"description": "null: within two minutes."},
            ),
            {"type": "null"},
        ],
        "description": "Why the order could not be sent to the provider yet.",
    },
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "Timeline": _object(
        payment_id=_TEXT,
        status=_TEXT,
        complete=_BOOLEAN | {"description": "Whether all entries are here; a very long timeline lacks its oldest."},
        entries=_list_of("TimelineEntry"),
    ),
    "TimelineEntry": _with(
        _object(
            id=_TEXT,
            kind={
                "enum": ["request", "step", "attempt", "query", "callback", "postponed", "refusal", "webhook"],
                "description": (
                    "`attempt`: an order was sent to the provider. `query`: the provider was asked what became of one, by "
                    "reading or by the same request under the same key once more, which has no second effect."
                ),
            },
            service=_TEXT,
            at=_MOMENT,
            trace_id=_TEXT_OR_NULL,
            cause=_TEXT_OR_NULL | {"description": "Which entry led to it; null for a request."},
            about={"enum": ["payment", "capture", "cancel", "refund", "event"]},
            operation_id=_TEXT_OR_NULL,
        ),
        method=_TEXT | {"description": "`request`: what was asked of Malipo."},
        path=_TEXT,
        request_id=_TEXT,
        api_key_id=_TEXT,
        step=_INTEGER | {"description": "`step`: counts from 1 without gaps."},
        from_state=_TEXT,
        to_state=_TEXT,
        status=_TEXT | {"description": "The status after it."},
        amount=_INTEGER,
        trigger=_TEXT,
        source={"enum": ["merchant", "answer", "query", "callback", "deadline"]},
        contradiction=_BOOLEAN | {"description": "The provider cannot mean both this and what it said before."},
        sent=_TEXT_OR_NULL | {"description": "What it sent to the provider."},
        deadline=_MOMENT_OR_NULL | {"description": "When the next thing happens at the latest."},
        event={"anyOf": [_object(id=_TEXT, type=_TEXT, sequence=_INTEGER), {"type": "null"}]},
        result=_TEXT | {"description": "What the provider said, or what became of the webhook."},
        code=_TEXT_OR_NULL,
        reason=_TEXT_OR_NULL | {"description": "Why the provider's word is `unknown`."},
        detail=_TEXT_OR_NULL,
        reference=_TEXT_OR_NULL | {"description": "The provider's id of the object."},
        callback_id=_TEXT_OR_NULL | {"description": "The provider's id of its callback."},
        tries=_INTEGER | {"description": "How often the order was taken up; of `postponed` ones, not each is told."},
        exchanges=_list_of("Exchange"),
        effect={"enum": ["step", "none"], "description": "`none`: a repeat or late word, which changed nothing."},
        retry_at=_MOMENT,
        event_id=_TEXT | {"description": "`webhook`: one attempt."},
        delivery_id=_TEXT,
        endpoint_id=_TEXT,
        attempt=_INTEGER,
        http_status={"type": ["integer", "null"]},
        error=_TEXT_OR_NULL,
        duration_ms=_INTEGER,
        next_attempt_at=_MOMENT_OR_NULL,
        later_events_wait_until=_MOMENT_OR_NULL
        | {"description": "From then on later events of the payment go out, though this one is still to be delivered."},
    ),
    "Exchange": _with(
        _object(at=_MOMENT),
        method=_TEXT,
        path=_TEXT | {"description": "Without a query string."},
        status=_INTEGER | {"description": "Not there when no answer came."},
        duration_ms=_INTEGER | {"description": "Until the answer began."},
        request_id=_TEXT | {"description": "The provider's own."},
        error={
            "enum": list(EXCHANGE_ERRORS),
            "description": "Why no answer came. "
            + "; ".join(f"`{word}`: {why}" for word, why in EXCHANGE_ERRORS.items()),
        },
    ),
    "Explanation": _object(
        payment_id=_TEXT,
        status=_TEXT,
        **_STAND,
        contradictions={
            "type": "array",
            "items": _object(
                id=_TEXT | {"description": "The step in the timeline."},
                at=_MOMENT,
                about=_TEXT,
                operation_id=_TEXT_OR_NULL,
                trigger=_TEXT,
                source=_TEXT,
                detail=_TEXT_OR_NULL,
            ),
        },
        operations={
            "type": "array",
            "items": _object(id=_TEXT, kind=_TEXT, amount=_INTEGER, **_STAND),
            "description": "The captures, cancels and refunds; `amount` in minor units of the payment's currency.",
        },
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
