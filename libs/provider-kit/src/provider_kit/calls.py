"""One call of a provider: a circuit breaker before it, a limit of time around it, and a few fast tries where nothing was sent."""

import asyncio
import traceback
from functools import partial
from typing import Literal

from prometheus_client import Counter, Gauge, Histogram
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from malipo import clock
from malipo.contracts.outcomes import RESULTS, Outcome, Unknown
from malipo.platform.logs import log
from provider_kit.attempt_rows import LeaseHold, account_of
from provider_kit.attempts import Expired, LeaseLost
from provider_kit.breaker import Breaker, CircuitState
from provider_kit.errors import Misconfigured, NotReady, NotSent
from provider_kit.integrity import checked
from provider_kit.provider import Attempt, Provider, ProviderOperation, kind_of
from provider_kit.reasons import INTERNAL_ERROR

_CALL_LIMIT_SECONDS = 120.0  # above each provider's own timeouts; a query may read several pages
_QUICK_TRIES = 3

CALLS = Counter(
    "malipo_provider_calls",
    "Calls of a provider: `execute` carries out an operation of this kind, `query` asks for its outcome; by result.",
    ("provider", "verb", "kind", "result"),
)
CALL_SECONDS = Histogram(
    "malipo_provider_call_duration_seconds", "Time of one call of a provider.", ("provider", "verb", "kind")
)
# A counter's sample would be `payment_retry_count_total`, and a gauge no counter: a histogram's `_count` is both, and its
# buckets tell how often something was tried.
RETRIES = Histogram(
    "payment_retry",
    "Tries of an operation at a provider after its first: `payment_retry_count` is how many, each is observed with its number"
    " (the second try is 2); the exemplar is the payment's id.",
    ("provider", "kind"),
    buckets=(2, 3, 5, 10, 20, 50, 100),
)
TOKENS = Counter(
    "malipo_provider_tokens",
    "Access tokens that were fetched from a provider; far more than their life explains means that they are refused.",
    ("provider",),
)
CIRCUITS = Gauge(
    "malipo_provider_circuits",
    "Accounts that are not called for now (`open`), or only by one call that probes (`half_open`).",
    ("provider", "state"),
)

Verb = Literal["execute", "query"]
"""The verbs of a provider that send it something."""


class Calls:
    """Calls of one provider. Each raises `NotSent`, `Misconfigured`, `LeaseLost` or `Expired`, after which nothing was sent
    by it, or returns an outcome.
    """

    def __init__(self, provider: Provider, *, lease_seconds: float) -> None:
        self._provider = provider
        self._name = provider.descriptor.name
        self._lease_seconds = lease_seconds
        self._breaker = Breaker()
        for kind in provider.descriptor.operations:
            RETRIES.labels(self._name, kind)  # so that zeros are shown
        for state in CircuitState:
            CIRCUITS.labels(self._name, state).set_function(partial(self._breaker.count, state))

    def require_closed(self, operation: ProviderOperation) -> None:
        """Raise `NotSent` while the account's circuit is open. Once before each call: one that passes may be the probe."""
        if wait := self._breaker.wait_seconds(account_of(operation)):
            raise NotSent("circuit open", retry_after_seconds=wait)

    async def prepare(self, attempt: Attempt) -> None:
        """Have the provider get what the operation's requests need. Raises `NotSent` or `Misconfigured`."""
        try:
            async with asyncio.timeout(_CALL_LIMIT_SECONDS):
                await self._provider.prepare(attempt)
        except (NotReady, Misconfigured):
            raise
        except NotSent:
            self._breaker.failed(account_of(attempt.operation))
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours, before anything was sent
            self._log(error, attempt)
            raise NotReady(INTERNAL_ERROR) from None

    async def call(self, verb: Verb, attempt: Attempt, hold: LeaseHold) -> Outcome:
        """The outcome, checked. `hold` must still be known to be ours when something is sent."""
        kind = kind_of(attempt.operation)
        with CALL_SECONDS.labels(self._name, verb, kind).time():
            outcome = await self._guarded(verb, attempt, hold)
        CALLS.labels(self._name, verb, kind, RESULTS[type(outcome)]).inc()
        return outcome

    def count_retry(self, operation: ProviderOperation, number: int) -> None:
        """Count a try after the first, by its number."""
        about = {"payment_id": operation.payment_id}
        RETRIES.labels(self._name, kind_of(operation)).observe(number, exemplar=about)

    async def _guarded(self, verb: Verb, attempt: Attempt, hold: LeaseHold) -> Outcome:
        account = account_of(attempt.operation)
        try:
            async with asyncio.timeout(_CALL_LIMIT_SECONDS):
                outcome = checked(attempt.operation, await self._quickly(verb, attempt, hold))
        except (NotReady, Misconfigured, LeaseLost, Expired):
            raise
        except NotSent:
            self._breaker.failed(account)
            raise
        except Exception as error:  # noqa: BLE001 - a bug of ours, after which it is not known what was sent
            self._log(error, attempt)
            return Unknown(reason=INTERNAL_ERROR)
        silent = isinstance(outcome, Unknown) and outcome.silent
        record = self._breaker.failed if silent else self._breaker.succeeded
        record(account)
        return outcome

    async def _quickly(self, verb: Verb, attempt: Attempt, hold: LeaseHold) -> Outcome:
        """A few fast tries, only where nothing can have been sent."""
        call = self._provider.execute if verb == "execute" else self._provider.query
        async for one_try in AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, NotSent) and error.retry_after_seconds is None),
            stop=stop_after_attempt(_QUICK_TRIES),
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            before_sleep=lambda failed: self.count_retry(attempt.operation, failed.attempt_number + 1),
            reraise=True,
        ):
            with one_try:
                self._require(hold)
                if verb == "execute" and attempt.ages.expired:
                    raise Expired
                return await call(attempt)
        raise AssertionError

    def _log(self, error: Exception, attempt: Attempt) -> None:
        """Without the error's text, which may quote what is personal, or the provider's answer."""
        where = "".join(traceback.format_tb(error.__traceback__))
        facts = {"provider": self._name, "payment_id": attempt.operation.payment_id}
        log.error("provider raised", error=type(error).__name__, where=where, **facts)

    def _require(self, hold: LeaseHold) -> None:
        """Raise `LeaseLost` unless the lease is known to be ours still: since the mark the process may have slept a day.

        A process that freezes between this check and the write to the socket is not caught here. A provider whose keys
        expire checks `Ages.key_age_now` before each request with an effect; after that nothing is checked.
        """
        if clock.since_boot() - hold.since > self._lease_seconds:
            raise LeaseLost
