"""The way into this room: requests with their commands, and messages as they come, are recorded here for the timelines."""

from collections.abc import Sequence

from gateway.history.entries import entry_of, request_entry
from gateway.history.store import put_entries
from gateway.payments.acceptance import SentCommand
from malipo.contracts.config import ConfigurationMissed
from malipo.contracts.events import RollCalled
from malipo.contracts.message import Message
from malipo.contracts.outcomes import PersonalKeyDestroyed, UnmatchedReported
from malipo.messaging.subscription import Received
from malipo.messaging.unit_of_work import UnitOfWork

_NO_HISTORY = RollCalled | ConfigurationMissed | UnmatchedReported | PersonalKeyDestroyed
"""What is about no payment's history."""


def record_requests(unit: UnitOfWork, sent: Sequence[SentCommand]) -> None:
    """Put the requests that these commands came from into their payments' timelines: the `RecordRequests` of `payments`."""
    put_entries(unit, [request_entry(command.payment_id, message_id, origin) for command, message_id, origin in sent])


def record_messages(unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
    """Add these messages to the timelines of their payments. Raises `TypeError` for a type that has no entry."""
    entries = [
        entry_of(received.message, received.message_id, received.headers)
        for received in batch
        if not isinstance(received.message, _NO_HISTORY)
    ]
    put_entries(unit, entries)
