"""What the timeline keeps of each message and request: service, time, trace, cause, and result. Pure.

No body, query string, credential, token or idempotency key, and nothing that the merchant wrote about the customer.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from gateway.edge.origin import Origin
from malipo.contracts.deliveries import DeliveryReported
from malipo.contracts.events import CommandRefused, PaymentTransitioned
from malipo.contracts.identity import PREFIXES, opened_id
from malipo.contracts.message import Message
from malipo.contracts.outcomes import (
    RESULTS,
    AttemptPostponed,
    Declined,
    OperationOpened,
    OutcomeReported,
    PaymentReceived,
    Pending,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.platform.tracing import trace_id_of

Kind = Literal["request", "step", "attempt", "query", "callback", "reconciliation", "postponed", "refusal", "webhook"]

_WITHOUT_MESSAGE = frozenset({"deadline", "operator"})
"""Sources of transitions that no message has caused."""
_ABOUT = {prefix: kind for kind, prefix in PREFIXES.items()}


class TimelineEntry(NamedTuple):
    """One entry. Written again under the same `id`, it changes nothing.

    `body["cause"]` names the entry, or the event, that led to it; a deadline's transition leaves it open, see `timeline`.
    """

    payment_id: str
    id: str
    kind: Kind
    at: datetime
    body: dict[str, Any]


def entry_of(message: Message, message_id: str, headers: Mapping[str, str]) -> TimelineEntry:
    """The entry of a message. Raises `TypeError` for one that is no part of a payment's history."""
    match message:
        case PaymentTransitioned() as transition:
            return _transition(transition, headers)
        case CommandRefused() as refusal:
            return _refusal(refusal, message_id, headers)
        case OutcomeReported() as report:
            return _outcome(report, message_id, headers)
        case AttemptPostponed() as report:
            return _postponed(report, message_id, headers)
        case OperationOpened() | PaymentReceived() as report:
            return _from_outside(report, message_id, headers)
        case DeliveryReported() as delivery:
            return _webhook(delivery, headers)
        case other:
            raise TypeError(type(other).__name__)


def request_entry(payment_id: str, message_id: str, origin: Origin) -> TimelineEntry:
    """A request that was accepted. Its id is that of the command that it became, as what follows names its cause."""
    method, _, path = origin.route.partition(" ")
    return _entry(
        payment_id,
        "request",
        message_id,
        service="gateway",
        at=origin.at,
        headers=origin.headers,
        cause=None,
        about=_about(payment_id, origin.operation_id),
        operation_id=origin.operation_id,
        method=method,
        path=path,
        request_id=origin.request_id,
        api_key_id=origin.key_id,
    )


def _transition(transition: PaymentTransitioned, headers: Mapping[str, str]) -> TimelineEntry:
    operation, cause = transition.operation, transition.cause
    return _entry(
        transition.payment_id,
        "step",
        f"step-{transition.step}",
        service="orchestrator",
        at=transition.occurred_at,
        headers=headers,
        cause=None if cause.source in _WITHOUT_MESSAGE else cause.message_id,
        about=operation.kind if operation else _main(transition.payment_id),
        operation_id=operation and operation.id,
        step=transition.step,
        from_state=transition.from_state,
        to_state=transition.to_state,
        status=_status_of(transition),
        trigger=cause.trigger,
        source=cause.source,
        detail=cause.detail,
        amount=_amount_of(transition),
        contradiction=transition.contradiction,
        sent=transition.sent,
        deadline=transition.deadline,
        event=transition.public_event,
        **({"respond_by": operation.respond_by} if operation and operation.kind == "dispute" else {}),
    )


def _outcome(report: OutcomeReported, message_id: str, headers: Mapping[str, str]) -> TimelineEntry:
    outcome = report.outcome
    return _by_provider(
        report,
        report.source,
        message_id,
        headers,
        result=RESULTS[type(outcome)],
        code=outcome.code if isinstance(outcome, Declined | Reversed) else None,
        reason=outcome.reason if isinstance(outcome, Unknown | Pending) else None,
        reference=outcome.reference,
        callback_id=report.callback_id,
    )


def _postponed(report: AttemptPostponed, message_id: str, headers: Mapping[str, str]) -> TimelineEntry:
    details = {"code": report.code, "detail": report.detail, "retry_at": report.retry_at}
    return _by_provider(report, "postponed", message_id, headers, **details)


def _by_provider(
    report: OutcomeReported | AttemptPostponed,
    kind: Kind,
    message_id: str,
    headers: Mapping[str, str],
    **details: object,
) -> TimelineEntry:
    charge = report.kind in ("charge", "confirm", "setup")
    return _entry(
        report.payment_id,
        kind,
        message_id,
        service=f"provider-{report.provider}",
        at=report.observed_at,
        headers=headers,
        cause=f"step-{report.step}",
        about=_main(report.payment_id) if charge else report.kind,
        operation_id=None if charge else report.operation_id,
        **details,
        tries=report.tries,
        exchanges=report.exchanges,
    )


def _from_outside(
    report: OperationOpened | PaymentReceived, message_id: str, headers: Mapping[str, str]
) -> TimelineEntry:
    """What somebody did at the provider, which nothing here has caused."""
    opened = report if isinstance(report, OperationOpened) else None
    return _entry(
        report.payment_id,
        report.source,
        message_id,
        service=f"provider-{report.provider}",
        at=report.observed_at,
        headers=headers,
        cause=None,
        about=opened.kind if opened else "payment",
        operation_id=opened
        and opened_id(PREFIXES[opened.kind], opened.opened_at, opened.payment_id, opened.provider, opened.reference),
        result=_result_of(opened),
        code=opened.outcome.code if opened and isinstance(opened.outcome, Declined | Reversed) else None,
        reason=opened.outcome.reason if opened and isinstance(opened.outcome, Unknown | Pending) else None,
        reference=report.reference,
        callback_id=opened and opened.callback_id,
        tries=1,
        exchanges=(),
    )


def _result_of(opened: OperationOpened | None) -> str:
    """How what was opened stands, or what it is; money that came without a payment has moved."""
    if opened is not None and opened.outcome is None:
        return opened.kind
    return RESULTS[type(opened.outcome) if opened and opened.outcome else Succeeded]


def _refusal(refusal: CommandRefused, message_id: str, headers: Mapping[str, str]) -> TimelineEntry:
    return _entry(
        refusal.payment_id,
        "refusal",
        message_id,
        service="orchestrator",
        at=refusal.occurred_at,
        headers=headers,
        cause=refusal.command_id,
        about=_about(refusal.payment_id, refusal.operation_id),
        operation_id=refusal.operation_id,
        code=refusal.code,
        detail=refusal.detail,
    )


def _webhook(delivery: DeliveryReported, headers: Mapping[str, str]) -> TimelineEntry:
    return _entry(
        delivery.payment_id,
        "webhook",
        f"{delivery.delivery_id}-{delivery.attempt}",
        service="webhook-dispatcher",
        at=delivery.attempted_at,
        headers=headers,
        cause=delivery.event_id,
        about="event",
        operation_id=None,
        event_id=delivery.event_id,
        delivery_id=delivery.delivery_id,
        endpoint_id=delivery.endpoint_id,
        attempt=delivery.attempt,
        result=delivery.result,
        http_status=delivery.http_status,
        error=delivery.error,
        duration_ms=delivery.duration_ms,
        next_attempt_at=delivery.next_attempt_at,
        later_events_wait_until=delivery.later_events_wait_until,
    )


def _entry(
    payment_id: str,
    kind: Kind,
    entry_id: str,
    *,
    service: str,
    at: datetime,
    headers: Mapping[str, str],
    cause: str | None,
    about: str,
    operation_id: str | None,
    **details: object,
) -> TimelineEntry:
    body: dict[str, Any] = {
        "id": entry_id,
        "kind": kind,
        "service": service,
        "at": at,
        "trace_id": trace_id_of(headers),
        "cause": cause,
        "about": about,
        "operation_id": operation_id,
    }
    return TimelineEntry(payment_id, entry_id, kind, at, body | details)


def _about(payment_id: str, operation_id: str | None) -> str:
    """The kind of an operation, by the id that the gateway gave it."""
    return _main(payment_id) if operation_id is None else _ABOUT[operation_id[:3]]


def _main(payment_id: str) -> str:
    """What is no operation: a payment, or a method that is saved without one."""
    return "setup" if payment_id.startswith("pm_") else "payment"


def _status_of(transition: PaymentTransitioned) -> str | None:
    shown = transition.operation or transition.payment or transition.payment_method
    return shown and shown.status


def _amount_of(transition: PaymentTransitioned) -> int | None:
    shown = transition.operation or transition.payment
    return shown and shown.amount
