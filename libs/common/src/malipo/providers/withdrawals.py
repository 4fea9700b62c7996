"""Takes a provider's commands: orders and questions are recorded, and a charge that was never sent can be withdrawn."""

from collections.abc import Callable, Sequence

from malipo import clock
from malipo.contracts.message import Message
from malipo.contracts.outcomes import Canceled, OutcomeReported
from malipo.contracts.provider_commands import Withdraw
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.subscription import Received
from malipo.messaging.unit import Unit
from malipo.providers.attempts import Attempts


class Intake:
    """What comes in for one provider. `nudge` is called once it is committed."""

    def __init__(self, provider: str, attempts: Attempts, nudge: Callable[[], None]) -> None:
        self._provider = provider
        self._attempts = attempts
        self._nudge = nudge

    async def take(self, unit: Unit, batch: Sequence[Received[Message]]) -> None:
        """Handler of the provider's commands: nothing is sent before this is committed."""
        withdrawn = {one.message.operation_id: one for one in batch if isinstance(one.message, Withdraw)}
        orders = [one for one in batch if not isinstance(one.message, Withdraw)]
        if withdrawn:
            # A charge and its withdrawal may come at once, as after an outage: the one must be there to be stopped.
            arriving = sorted((one for one in orders if one.key in withdrawn), key=lambda one: one.key)
            ended = await self._attempts.withdraw(unit, list(withdrawn), arriving)
            orders = [one for one in orders if one.key not in withdrawn]
            for charge_id in sorted(ended):
                self._tell(unit, withdrawn[charge_id])
        await self._attempts.record(self._nudge, unit, orders)

    def _tell(self, unit: Unit, received: Received[Message]) -> None:
        withdraw = received.message
        assert isinstance(withdraw, Withdraw)
        report = OutcomeReported(
            payment_id=withdraw.payment_id,
            operation_id=withdraw.operation_id,
            kind="charge",
            provider=self._provider,
            outcome=Canceled(),
            source="answer",
            step=withdraw.step,
            observed_at=clock.now(),
        )
        unit.send(OUTCOMES, withdraw.payment_id, report, headers=received.headers)
