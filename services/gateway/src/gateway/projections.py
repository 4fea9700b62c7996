"""Applies what other services report to the read models, one batch in one statement."""

from collections.abc import Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from gateway.accounts import configuration
from gateway.accounts.store import register
from gateway.edge.waiting import Waiting
from gateway.events.store import add_events
from gateway.history.recording import record_messages
from gateway.movements.store import put_movements
from gateway.operations.store import put_operations, refuse, untouched
from gateway.operations.views import Operation, Refusal
from gateway.payment_methods.store import put_methods
from gateway.payments import personal, unanswered
from gateway.payments.store import put_payments
from malipo.contracts.accounts import AccountRegistered
from malipo.contracts.config import ConfigurationMissed
from malipo.contracts.events import CommandRefused, Failure, OperationView, PaymentTransitioned
from malipo.contracts.message import Message
from malipo.contracts.movements import MovementsReported
from malipo.contracts.outcomes import AttemptPostponed, PersonalKeyDestroyed
from malipo.messaging import rollcall
from malipo.messaging.subscription import Received
from malipo.messaging.unit_of_work import UnitOfWork

CONSUMER = "gateway.payments"
"""Under which name the inbox knows what was projected."""
_BEHIND = "configuration_behind"
_KEY_BEHIND = "personal_data_behind"


async def project(waiting: Waiting, unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
    """Apply transitions and refusals to the read models, and after the commit wake the requests that wait for them.

    Each ends the resending of its command. What a roll call names and the inbox lacks is requested.

    Applying the same message again, or an older one, changes nothing.
    """
    transitions = [received.message for received in batch if isinstance(received.message, PaymentTransitioned)]
    refusals = [received.message for received in batch if isinstance(received.message, CommandRefused)]
    operations = latest_operations(transitions)
    touched = {view.id for _, view in operations}  # of two writes of one row PostgreSQL would keep either
    add_events(unit, transitions)
    await _refuse(unit, {one.operation_id: one for one in refusals if one.operation_id not in touched})
    put_payments(unit, latest_transitions(transitions))
    put_operations(unit, operations)
    put_methods(unit, transitions)
    unanswered.forget(unit, touched | {one.payment_id for one in transitions} | {one.operation_id for one in refusals})
    await add_to_timelines(unit, batch)
    await rollcall.answer(unit, CONSUMER, batch)
    changed = {one.payment_id for one in transitions} | {view.id for _, view in operations}
    changed |= {one.payment_method.id for one in transitions if one.payment_method}
    unit.after_commit(partial(waiting.wake, changed | {refusal.operation_id for refusal in refusals}))


async def add_to_timelines(unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
    """Add these messages to the timelines of their payments; what replicas lack goes to them once more: configurations,
    and keys to personal data. A provider's service that has destroyed one is not told so again.
    """
    record_messages(unit, batch)
    messages = [received.message for received in batch]
    postponed = [one for one in messages if isinstance(one, AttemptPostponed)]
    configuration.echo_to_payments(unit, {one.payment_id for one in postponed if one.code == _BEHIND})
    configuration.echo(unit, {one.merchant_id for one in messages if isinstance(one, ConfigurationMissed)})
    await personal.publish_again(unit, {(one.payment_id, one.provider) for one in postponed if one.code == _KEY_BEHIND})
    personal.confirm(unit, [one for one in messages if isinstance(one, PersonalKeyDestroyed)])


async def project_accounts(unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
    """Show with merchants' credentials what is registered of their accounts, and what has moved the balances of these. An
    older message changes nothing.
    """
    register(unit, [one.message for one in batch if isinstance(one.message, AccountRegistered)])
    put_movements(unit, [one.message for one in batch if isinstance(one.message, MovementsReported)])


async def _refuse(unit: UnitOfWork, refusals: Mapping[str, CommandRefused]) -> None:
    if refusals:
        found = await untouched(unit.reads, list(refusals))
        refuse(unit, [refused(view, refusals[view.id]) for view in found])


def latest_transitions(transitions: Sequence[PaymentTransitioned]) -> list[PaymentTransitioned]:
    """The last transition of each payment: a batch may hold several, and one statement writes each row once."""
    return list({one.payment_id: one for one in _in_order(transitions)}.values())


def latest_operations(transitions: Sequence[PaymentTransitioned]) -> list[tuple[PaymentTransitioned, OperationView]]:
    """The last transition of each refund, capture and cancel."""
    about = [(one, one.operation) for one in _in_order(transitions) if one.operation]
    return list({view.id: (one, view) for one, view in about}.values())


def refused(view: OperationView, refusal: CommandRefused) -> Operation:
    """The operation after the orchestrator refused it."""
    failure = Failure(refusal.code, refusal.detail)
    failed = replace(view, status="failed", failure=failure, updated_at=refusal.occurred_at)
    return Operation(failed, Refusal(refusal.code, refusal.detail))


def _in_order(transitions: Sequence[PaymentTransitioned]) -> list[PaymentTransitioned]:
    return sorted(transitions, key=lambda one: one.step)
