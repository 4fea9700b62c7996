"""The schemas of timelines and explanations, as the API's description shows them."""

from typing import Any, get_args

from gateway.history import examples
from gateway.history.texts import EXPLANATIONS
from gateway.openapi.responses import DocumentedResponse, ref
from gateway.openapi.schemas import BOOLEAN, INTEGER, MOMENT, MOMENT_OR_NULL, TEXT, TEXT_OR_NULL, object_of
from malipo.contracts.events import Source
from malipo.contracts.failures import May
from malipo.contracts.outcomes import EXCHANGE_ERRORS

_FAILURE_OR_NULL: dict[str, Any] = {"anyOf": [ref("Failure"), {"type": "null"}]}


def _with(schema: dict[str, Any], **optional: object) -> dict[str, Any]:
    return schema | {"properties": schema["properties"] | optional}


def _array_of(name: str) -> dict[str, Any]:
    return {"type": "array", "items": ref(name)}


_STAND: dict[str, Any] = {
    "state": {"enum": sorted({state for _, state, _ in EXPLANATIONS})},
    "reason": {
        "enum": sorted({reason for _, _, reason in EXPLANATIONS}),
        "description": "What led there. New ones may come.",
    },
    "detail": TEXT_OR_NULL
    | {"description": "The reason's own code, such as that of a decline, or why the bank has opened a dispute."},
    "failure": _FAILURE_OR_NULL | {"description": "As in the payment or operation itself."},
    "since": MOMENT,
    "why": TEXT,
    "next": TEXT,
    "next_by": MOMENT_OR_NULL | {"description": "When the next thing happens at the latest; null at an end."},
    "you_may": {
        "type": "array",
        "items": object_of(code={"enum": list(get_args(May))}, text=TEXT),
        "description": "What is safe to do now.",
    },
    "obstacle": {
        "anyOf": [
            object_of(
                code=TEXT,
                detail=TEXT,
                tries=INTEGER,
                at=MOMENT,
                retry_at=MOMENT_OR_NULL | {"description": "null: within two minutes."},
            ),
            {"type": "null"},
        ],
        "description": "Why the operation could not be sent to the provider yet.",
    },
}
_ENTRIES: dict[str, Any] = {
    "status": TEXT,
    "complete": BOOLEAN
    | {
        "description": "Whether all entries are here; a very long timeline lacks its oldest, and one that is kept no longer what came before."
    },
    "entries": _array_of("TimelineEntry"),
}
TIMELINE = DocumentedResponse(
    ref("Timeline"),
    examples.TIMELINE,
    {
        "Timeline": object_of(
            payment_id=TEXT,
            **_ENTRIES,
        ),
        "TimelineEntry": _with(
            object_of(
                id=TEXT,
                kind={
                    "enum": [
                        "request",
                        "step",
                        "attempt",
                        "query",
                        "callback",
                        "reconciliation",
                        "postponed",
                        "refusal",
                        "webhook",
                    ],
                    "description": (
                        "`attempt`: an operation was sent to the provider. `query`: the provider was asked what became of one, "
                        "by reading or by the same request under the same key once more, which has no second effect. "
                        "`callback`: the provider reported of itself. `reconciliation`: a list of the account's transactions, which "
                        "Malipo fetches, has it. Of these two there is none that only repeats the success of an attempt."
                    ),
                },
                service=TEXT,
                at=MOMENT,
                trace_id=TEXT_OR_NULL,
                cause=TEXT_OR_NULL | {"description": "Which entry led to it; null for a request."},
                about={
                    "enum": [
                        "payment",
                        "setup",
                        "capture",
                        "cancel",
                        "refund",
                        "return_request",
                        "dispute",
                        "fraud_warning",
                        "detach",
                        "event",
                    ]
                },
                operation_id=TEXT_OR_NULL,
            ),
            method=TEXT | {"description": "`request`: what was asked of Malipo."},
            path=TEXT,
            request_id=TEXT,
            api_key_id=TEXT,
            step=INTEGER | {"description": "`step`: counts from 1 without gaps."},
            from_state=TEXT,
            to_state=TEXT,
            status=TEXT | {"description": "The status after it."},
            amount={"type": ["integer", "null"], "description": "Not of a method that is saved without a payment."},
            trigger=TEXT,
            source={"enum": list(get_args(Source))},
            contradiction=BOOLEAN | {"description": "The provider cannot mean both this and what it reported before."},
            sent=TEXT_OR_NULL | {"description": "What it sent to the provider."},
            deadline=MOMENT_OR_NULL | {"description": "When Malipo does the next thing at the latest."},
            respond_by=MOMENT_OR_NULL | {"description": "Until when you can answer the dispute at the provider."},
            event={"anyOf": [object_of(id=TEXT, type=TEXT, sequence=INTEGER), {"type": "null"}]},
            result=TEXT | {"description": "What the provider reported, or what became of the webhook."},
            code=TEXT_OR_NULL,
            reason=TEXT_OR_NULL | {"description": "Why the outcome is `unknown`, or `pending`."},
            detail=TEXT_OR_NULL,
            reference=TEXT_OR_NULL | {"description": "The provider's id of the object."},
            callback_id=TEXT_OR_NULL | {"description": "The provider's id of its callback, or of what was fetched."},
            tries=INTEGER | {"description": "How often it was tried; not each `postponed` try is listed."},
            exchanges=_array_of("Exchange"),
            effect={
                "enum": ["step", "none"],
                "description": "`none`: a repeated or late outcome, which changed nothing.",
            },
            retry_at=MOMENT,
            event_id=TEXT | {"description": "`webhook`: one attempt."},
            delivery_id=TEXT,
            endpoint_id=TEXT,
            attempt=INTEGER,
            http_status={"type": ["integer", "null"]},
            error=TEXT_OR_NULL,
            duration_ms=INTEGER,
            next_attempt_at=MOMENT_OR_NULL,
            later_events_wait_until=MOMENT_OR_NULL
            | {
                "description": "From then on later events of the payment go out, though this one is still to be delivered."
            },
        ),
        "Exchange": _with(
            object_of(at=MOMENT),
            method=TEXT,
            path=TEXT | {"description": "Without a query string."},
            status=INTEGER | {"description": "Not there when no answer came."},
            duration_ms=INTEGER | {"description": "Until the answer began."},
            request_id=TEXT | {"description": "The provider's own."},
            error={
                "enum": list(EXCHANGE_ERRORS),
                "description": "Why no answer came. "
                + "; ".join(f"`{error}`: {why}" for error, why in EXCHANGE_ERRORS.items()),
            },
        ),
    },
)
_CONTRADICTIONS: dict[str, Any] = {
    "type": "array",
    "items": object_of(
        id=TEXT | {"description": "The step in the timeline."},
        at=MOMENT,
        about=TEXT,
        operation_id=TEXT_OR_NULL,
        trigger=TEXT,
        source=TEXT,
        detail=TEXT_OR_NULL,
    ),
}
SETUP_TIMELINE = DocumentedResponse(
    ref("PaymentMethodTimeline"),
    examples.SETUP_TIMELINE,
    {
        "PaymentMethodTimeline": object_of(
            payment_method_id=TEXT,
            **_ENTRIES,
        ),
    },
)
SETUP_EXPLANATION = DocumentedResponse(
    ref("PaymentMethodExplanation"),
    examples.SETUP_EXPLANATION,
    {
        "PaymentMethodExplanation": object_of(
            payment_method_id=TEXT, status=TEXT, **_STAND, contradictions=_CONTRADICTIONS
        ),
    },
)
EXPLANATION = DocumentedResponse(
    ref("Explanation"),
    examples.EXPLANATION,
    {
        "Explanation": object_of(
            payment_id=TEXT,
            status=TEXT,
            **_STAND,
            contradictions=_CONTRADICTIONS,
            operations={
                "type": "array",
                "items": object_of(
                    id=TEXT,
                    kind=TEXT,
                    amount=INTEGER,
                    currency=TEXT,
                    respond_by=MOMENT_OR_NULL | {"description": "Until when you can answer a dispute at the provider."},
                    withdrawn={
                        "type": ["boolean", "null"],
                        "description": "Whether the bank has taken what is disputed; null if it is no dispute.",
                    },
                    **_STAND,
                ),
                "description": "The captures, cancels, refunds, return requests, disputes, warnings of fraud and detaches; `amount` in minor units of `currency`.",
            },
        ),
    },
)
