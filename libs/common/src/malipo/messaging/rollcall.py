"""Notices what Kafka has lost of the events of payments: compares a roll call with the inbox, and asks for the rest."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

from malipo.contracts.commands import ResendEvents
from malipo.contracts.events import PublishedTransition, RollCalled
from malipo.contracts.message import Message
from malipo.contracts.topics import PAYMENT_COMMANDS, PAYMENT_EVENTS
from malipo.messaging.database import applied
from malipo.messaging.subscription import Received
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.platform import metrics
from malipo.platform.logs import log

metrics.SENT_AGAIN.labels(PAYMENT_EVENTS.name)  # an alert on the first needs a zero before it
_SHOWN = 5


async def answer(
    unit: UnitOfWork,
    consumer: str,
    batch: Sequence[Received[Message]],
    wanted: Callable[[PublishedTransition], bool] = lambda _: True,
) -> None:
    """Request from the orchestrator the `wanted` transitions that the batch's roll calls name and `consumer` has not applied.

    A transition is applied when its message is in the inbox, or in this very batch. An alarm for nothing (another replica is
    just applying it) costs a repeat, which the inbox drops.
    """
    called = [
        one for received in batch if isinstance(received.message, RollCalled) for one in received.message.transitions
    ]
    requested = {one.message_id: one for one in called if wanted(one)}
    if not requested:
        return
    here = {received.message_id for received in batch} | await applied(unit.reads, consumer, requested)
    missing = defaultdict[str, list[int]](list)
    for message_id, one in requested.items():
        if message_id not in here:
            missing[one.payment_id].append(one.step)
    for payment_id, steps in missing.items():
        unit.send(PAYMENT_COMMANDS, payment_id, ResendEvents(payment_id=payment_id, steps=tuple(steps)))
    if missing:
        unit.after_commit(partial(_alert, consumer, missing))


def _alert(consumer: str, missing: dict[str, list[int]]) -> None:
    number = sum(map(len, missing.values()))
    metrics.SENT_AGAIN.labels(PAYMENT_EVENTS.name).inc(number)
    log.error("events missing", consumer=consumer, messages=number, payment_ids=list(missing)[:_SHOWN])
