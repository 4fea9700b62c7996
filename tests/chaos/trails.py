"""What the orchestrator, the gateway and the merchant each have of the same payments, side by side."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from chaos.onlooker import Onlooker, Row
from malipo_local.merchant import Json

_ENDED = ("completed", "returned", "failed", "canceled")
_CORRECTED = "payment.corrected"
_ENDS = (*(f"payment.{status}" for status in _ENDED), _CORRECTED)
_OF_SETUPS = {
    "payment_method.saved": "payment.completed",
    "payment_method.failed": "payment.failed",
    "payment_method.expired": "payment.canceled",
}
"""The ends of methods that are saved without a payment, as those of payments."""
_AFTER_AN_END = {_CORRECTED, "payment.returned"}
_OWNED = """
SELECT id AS payment_id, CASE WHEN state IN ('initiated', 'pending', 'in_doubt') THEN 'processing' ELSE state END AS status, step
FROM payments WHERE id = ANY($1::text[])
"""
_SHOWN = """
SELECT id AS payment_id, view->>'status' AS status, step FROM payments WHERE id = ANY($1::text[])
UNION ALL SELECT id, CASE view->>'status' WHEN 'active' THEN 'completed' WHEN 'expired' THEN 'canceled' WHEN 'pending' THEN 'processing'
    ELSE view->>'status' END, step FROM payment_methods WHERE id = ANY($1::text[])
"""
"""Of a method that is saved without a payment, as the orchestrator calls it."""
_OPEN = """
SELECT payment_id, kind || ' ' || id AS operation FROM operations
WHERE payment_id = ANY($1::text[]) AND view->>'status' = 'processing' ORDER BY id
"""
_PUBLISHED = """
SELECT payment_id, event_sequence AS sequence, event_type AS type, event_id AS id FROM history
WHERE payment_id = ANY($1::text[]) AND event_id IS NOT NULL ORDER BY event_sequence
"""
_LISTED = "SELECT payment_id, sequence, type, id FROM events WHERE payment_id = ANY($1::text[]) ORDER BY position"
_CONTRADICTED = "SELECT payment_id, trigger FROM history WHERE payment_id = ANY($1::text[]) AND contradiction"
_REPEATED = """
SELECT payment_id, cause_message_id AS message_id, trigger, count(*) AS times FROM history
WHERE payment_id = ANY($1::text[]) AND source <> 'deadline'
GROUP BY payment_id, cause_message_id, coalesce(operation_id, ''), trigger HAVING count(*) > 1
"""


class Standing(NamedTuple):
    """The state of a payment: its public status, after so many steps."""

    status: str
    step: int

    def __str__(self) -> str:
        """As a violation names it."""
        return f"{self.status} at step {self.step}"


class Event(NamedTuple):
    """One event of a payment."""

    sequence: int
    type: str
    id: str

    def __str__(self) -> str:
        """As a violation names it."""
        return f"{self.sequence} {self.type} ({self.id})"


@dataclass
class Trail:
    """What is known of one payment; None or empty where it is unknown."""

    of_setup: bool = False
    """Whether it is a method that is saved without a payment."""
    owned: Standing | None = None
    """By the orchestrator."""
    shown: Standing | None = None
    """By the gateway."""
    open: list[str] = field(default_factory=list[str])
    """The captures, cancels and refunds that the gateway shows as processing."""
    published: list[Event] = field(default_factory=list[Event])
    """The orchestrator's events, by their numbers."""
    listed: list[Event] = field(default_factory=list[Event])
    """The gateway's events, as `GET /v1/events` lists them, the oldest first."""
    received: list[Event] = field(default_factory=list[Event])
    """The merchant's events, in order of first arrival: merchants know that one may come again."""

    @property
    def ended(self) -> bool:
        """Whether it has ended, and the gateway shows that."""
        return self.owned is not None and self.owned.status in _ENDED and self.owned == self.shown


def read(onlooker: Onlooker, payment_ids: Collection[str], webhooks: Iterable[Json]) -> dict[str, Trail]:
    """The trails of these payments, by their ids. Raises what asyncpg raises.

    `webhooks` are those that the merchant has accepted, in order of arrival.
    """
    trails = {payment_id: Trail(payment_id.startswith("pm_")) for payment_id in payment_ids}
    for row in onlooker.rows("orchestrator", _OWNED, list(trails)):
        trails[row["payment_id"]].owned = Standing(row["status"], row["step"])
    for row in onlooker.rows("gateway", _SHOWN, list(trails)):
        trails[row["payment_id"]].shown = Standing(row["status"], row["step"])
    for row in onlooker.rows("gateway", _OPEN, list(trails)):
        trails[row["payment_id"]].open.append(row["operation"])
    for row in onlooker.rows("orchestrator", _PUBLISHED, list(trails)):
        trails[row["payment_id"]].published.append(_event(row))
    for row in onlooker.rows("gateway", _LISTED, list(trails)):
        trails[row["payment_id"]].listed.append(_event(row))
    for webhook in webhooks:
        trail, event = trails.get(webhook["payment_id"]), _event(webhook)
        if trail is not None and event not in trail.received:
            trail.received.append(event)
    return trails


def differences(trail: Trail, *, delivered: bool = True) -> Iterable[str]:
    """What is wrong with a payment that should have ended, as text; without `delivered` no webhook could arrive."""
    yield from _standing(trail)
    yield from (f"the gateway shows {operation} as processing" for operation in trail.open)
    yield from _events(trail, trail.published if delivered else [])


def contradicted(onlooker: Onlooker, payment_ids: Collection[str]) -> list[str]:
    """Every outcome that came when the opposite had been decided, as text. Raises what asyncpg raises.

    It changed nothing; that it was reported at all is the nearest miss there is.
    """
    return [
        f"{row['payment_id']}: {row['trigger']} came after the end, and contradicts it"
        for row in onlooker.rows("orchestrator", _CONTRADICTED, list(payment_ids))
    ]


def repeated(onlooker: Onlooker, payment_ids: Collection[str]) -> list[str]:
    """Every message that was applied to one of these payments more than once, as text. Raises what asyncpg raises."""
    return [
        f"{row['payment_id']}: message {row['message_id']} was applied {row['times']} times ({row['trigger']})"
        for row in onlooker.rows("orchestrator", _REPEATED, list(payment_ids))
    ]


def _event(row: Row) -> Event:
    return Event(row["sequence"], row["type"], row["id"])


def _standing(trail: Trail) -> Iterable[str]:
    if trail.owned is None:
        yield "the payment was accepted and the orchestrator does not know it: the gateway's message is lost"
        return
    if trail.owned.status not in _ENDED:
        yield f"the payment has not ended, it is {trail.owned}"
    if trail.shown != trail.owned:
        yield f"the gateway shows the payment {trail.shown or 'nowhere'}, the orchestrator has it {trail.owned}"


def _events(trail: Trail, wanted: list[Event]) -> Iterable[str]:
    numbers = [event.sequence for event in trail.published]
    if not numbers:
        yield "nothing was ever published"
    told = [_OF_SETUPS.get(event.type, event.type) if trail.of_setup else event.type for event in trail.published]
    ends = [one for one in told if one in _ENDS]
    if numbers and trail.owned and trail.owned.status in _ENDED and not _lead_to(trail.owned.status, ends):
        yield f"the payment is {trail.owned.status}, and the ends published were {ends}"
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the published events are numbered {numbers}"
    if trail.listed != trail.published:
        yield f"GET /v1/events lists {_text(trail.listed)}; published were {_text(trail.published)}"
    if trail.received != wanted:
        yield f"the merchant received {_text(trail.received)}, and should have received {_text(wanted)}"


def _lead_to(status: str, ends: list[str]) -> bool:
    """Whether a payment is in this status after these ends: one, and then only what corrects it or returns its money."""
    return bool(ends) and set(ends[1:]) <= _AFTER_AN_END and ends[-1] in (f"payment.{status}", _CORRECTED)


def _text(events: Iterable[Event]) -> str:
    return ", ".join(map(str, events)) or "nothing"
