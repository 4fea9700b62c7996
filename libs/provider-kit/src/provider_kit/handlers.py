"""Handles a provider's commands: operations and queries are recorded; what was never sent can be withdrawn."""

from collections.abc import Sequence
from functools import partial

from malipo.contracts.config import MerchantConfigured
from malipo.contracts.message import Message
from malipo.contracts.provider_commands import Query, Withdraw
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.subscription import Received
from malipo.messaging.unit_of_work import UnitOfWork
from provider_kit import reports
from provider_kit.attempts import Attempts
from provider_kit.credentials import CredentialStore
from provider_kit.personal import PersonalKeys
from provider_kit.work import Work


async def handle_batch(
    provider: str, attempts: Attempts, work: Work, unit: UnitOfWork, batch: Sequence[Received[Message]]
) -> None:
    """Handler of one provider's commands: nothing is sent before this is committed. Then `work` begins."""
    withdrawn = {one.message.operation_id: (one.message, one) for one in batch if isinstance(one.message, Withdraw)}
    operations = _without_repeated_queries([one for one in batch if not isinstance(one.message, Withdraw)])
    if withdrawn:
        # An operation and its withdrawal may come in one batch, as after an outage: it must be there to be stopped.
        payments = {withdraw.payment_id for withdraw, _ in withdrawn.values()}
        arriving = sorted((one for one in operations if one.key in payments), key=lambda one: one.key)
        ended = await attempts.withdraw(unit, [withdraw for withdraw, _ in withdrawn.values()], arriving)
        operations = [one for one in operations if one.key not in payments]
        for operation_id, also_answers in sorted(ended.items()):
            withdraw, received = withdrawn[operation_id]
            report = reports.withdrawn(withdraw, provider, withdraw.step, also_answers)
            unit.send(OUTCOMES, withdraw.payment_id, report, headers=received.headers)
        if ended or arriving:
            unit.after_commit(work.nudge)  # also for attempts that waited behind one of them
    await attempts.record(unit, operations)
    unit.after_commit(partial(work.begin, operations))


async def replicate(
    credentials: CredentialStore,
    keys: PersonalKeys,
    work: Work,
    unit: UnitOfWork,
    batch: Sequence[Received[Message]],
) -> None:
    """Handler of what the gateway publishes for providers: merchants' configurations, and keys to personal data."""
    configured = [one for one in batch if isinstance(one.message, MerchantConfigured)]
    if configured:
        await credentials.replicate(work.nudge, unit, configured)
    if len(configured) < len(batch):
        await keys.replicate(
            work.operations.nudge, unit, [one for one in batch if not isinstance(one.message, MerchantConfigured)]
        )


def _without_repeated_queries(batch: Sequence[Received[Message]]) -> Sequence[Received[Message]]:
    """All operations, and of several queries about one operation the last."""
    last = {one.message.operation_id: one for one in batch if isinstance(one.message, Query)}
    return [one for one in batch if not isinstance(one.message, Query) or last[one.message.operation_id] is one]
