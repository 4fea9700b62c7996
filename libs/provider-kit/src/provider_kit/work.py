"""Who runs a provider's attempts: one executor for operations and one for queries, each woken by what is due for it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from malipo.contracts.message import Message
from malipo.contracts.provider_commands import Charge, Query, Setup
from malipo.messaging.executor import Executor
from malipo.messaging.subscription import Received
from provider_kit.attempt_rows import ClaimedAttempt, unclaimed
from provider_kit.attempts import Attempts
from provider_kit.bulkhead import ClaimWithout, Shares

CONCURRENT_OPERATIONS = 48
CONCURRENT_QUERIES = 16
"""Queries have a limit of their own: thousands that are due at once, as after an outage, take no room from operations."""
_QUERY = "query"


class Work:
    """The executors of one provider service: `operations` and `queries`. `run` runs one attempt of either.

    Who knows what has come wakes the one that it is for: a look that finds nothing costs as much as one that finds something.
    """

    def __init__(
        self, name: str, attempts: Attempts, run: Callable[[ClaimedAttempt], Awaitable[None]], *, lease_seconds: float
    ) -> None:
        self._name = name
        self._attempts = attempts
        self._run = run
        self._lease_seconds = lease_seconds
        self._shares, self.operations = self._executor("operations", attempts.claim_operations, CONCURRENT_OPERATIONS)
        _, self.queries = self._executor("queries", attempts.claim_queries, CONCURRENT_QUERIES)

    def nudge(self) -> None:
        """Anything may be due: look now."""
        self.operations.nudge()
        self.queries.nudge()

    def nudge_for(self, kinds: Iterable[str]) -> None:
        """Attempts of these kinds may be due."""
        found = set(kinds)
        if _QUERY in found:
            self.queries.nudge()
        if found - {_QUERY}:
            self.operations.nudge()

    def begin(self, recorded: Sequence[Received[Message]]) -> None:
        """These commands were just recorded. What begins a payment is run without a claim if there is room: nothing comes before it."""
        left = [one for one in recorded if not (isinstance(one.message, Charge | Setup) and self._take(one))]
        self.nudge_for(_QUERY if isinstance(one.message, Query) else "operation" for one in left)

    def _take(self, recorded: Received[Message]) -> bool:
        return self._shares.take(unclaimed(recorded, self.operations.lease), self.operations.take)

    def _executor(self, what: str, claim: ClaimWithout, limit: int) -> tuple[Shares, Executor[ClaimedAttempt]]:
        shares = Shares(limit, claim, self._run)
        executor = Executor(
            f"{self._name} {what}",
            claim=shares.claim,
            run=shares.run,
            renew=self._attempts.renew,
            limit=limit,
            lease_seconds=self._lease_seconds,
        )
        shares.nudge = executor.nudge
        return shares, executor
