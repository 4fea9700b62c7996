"""Runs attempts: claims what is due, calls the provider, records the outcome or what has to be done next."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import inf
from typing import Any

import msgspec
from opentelemetry.trace import SpanKind

from malipo import ids
from malipo.contracts.descriptor import Method, Never
from malipo.contracts.outcomes import RESULTS, AttemptPostponed, Canceled, Declined, Outcome, OutcomeReported, Unknown
from malipo.contracts.provider_commands import Charge, Confirm, ProviderCommand, Query, Setup
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.database import Database
from malipo.messaging.group_commit import GroupCommit
from malipo.messaging.pool import when_back
from malipo.platform import logs, tracing
from malipo.platform.logs import log
from provider_kit import exchanges, opened_attempts, reports
from provider_kit.attempt_rows import ClaimedAttempt, FinishedAttempt, OriginalAttempt, PostponedAttempt
from provider_kit.attempts import Attempts, Expired, LeaseLost
from provider_kit.calls import Calls
from provider_kit.credentials import Account, CredentialStore
from provider_kit.obstacles import MISCONFIGURED, NOTHING_SENT, Obstacle, obstacle_of
from provider_kit.personal import MethodUnreadable, PersonalDataErased, PersonalKeys, personal_texts
from provider_kit.provider import (
    ACCOUNT_CHANGED,
    NOT_FOUND,
    Attempt,
    Provider,
    ProviderOperation,
    References,
    fingerprint,
    refusal,
)
from provider_kit.reasons import ARRIVING, NOT_SENT_YET
from provider_kit.restored import recall
from provider_kit.work import CONCURRENT_OPERATIONS, CONCURRENT_QUERIES, Work

CHARGE_PATIENCE_SECONDS = 60.0
"""A charge or confirm that could not be sent for this long is declined: the customer has left. One that nobody waits for
(`MethodRules.attended`) is tried until it expires.
"""
PATIENCE_SECONDS = 24 * 3600.0
"""Refunds, captures and cancels are owed: they keep trying for a day."""

EXPIRED = Declined(
    code="expired", message="The payment expired before it could be sent to the provider: nothing was sent."
)
"""The end of a charge or confirm that was not sent until it expired, and never will be."""

MAY_HAVE_BEEN_SENT = Unknown(reason="may_have_been_sent")
"""The outcome of an operation that an earlier try may have sent, at a provider that must not be sent it twice."""

ERASED = Declined(code="personal_data_erased", message="The personal data that it needs was erased: nothing was sent.")
"""The end of a charge that was not sent before its personal data was erased."""

UNREADABLE = Declined(
    code="method_unreadable", message="The provider's service cannot read the payment's method: nothing was sent."
)
"""The end of a charge that was not sent, because the provider's own model does not read its method."""


class AttemptRunner:
    """The runtime of one provider service.

    A try is committed as sent, and to which account, before it is sent, and then sent only while the lease is known to
    be ours and the operation has not expired. What may have reached the provider is tried again under the same key in the
    same account only; what certainly did not is tried again. After the patience of its kind, the former is in doubt and
    the latter declined. What has expired is declined; if it may have been sent, it is queried. Where a
    provider knows no keys (`repeat`), what may have been sent is never sent again: it is in doubt at once, and only queried.
    Nor is what a restored database has forgotten, under whichever key: it may have ended unsent.

    The provider's response is kept until it is written, however long the database is away.
    """

    def __init__(
        self,
        provider: Provider,
        attempts: Attempts,
        credentials: CredentialStore,
        keys: PersonalKeys,
        database: Database,
        *,
        lease_seconds: float,
    ) -> None:
        self._provider = provider
        self._name = provider.descriptor.name
        self._repeats = not isinstance(provider.descriptor.repeat, Never)
        self._attempts = attempts
        self._credentials = credentials
        self._keys = keys
        self._database = database
        self._calls = Calls(provider, lease_seconds=lease_seconds)
        self._ends = GroupCommit(self._write_ends, most=CONCURRENT_OPERATIONS + CONCURRENT_QUERIES)
        self.work = Work(self._name, attempts, self.run, lease_seconds=lease_seconds)

    async def run(self, claimed: ClaimedAttempt) -> None:
        """Run one claimed attempt as far as it goes now. In a task of its own: its log lines are about this payment."""
        command = claimed.command
        logs.bind_payment(command.payment_id, claimed.headers)
        span = tracing.span(
            f"provider client {type(command).__name__.lower()}",
            command.payment_id,
            claimed.headers,
            SpanKind.CLIENT,
            component=f"{self._name.capitalize()}Client",
            provider=self._name,
            operation_id=command.operation_id,
        )
        with span as headers, exchanges.recorded(*reports.lost(claimed)):
            await self._run(replace(claimed, headers=headers))

    async def _run(self, claimed: ClaimedAttempt) -> None:
        try:
            result = await self._outcome(claimed)
        except LeaseLost:
            if claimed.hold.wanted is None:  # else another process has claimed it before
                log.warning("lease lost before the call", provider=self._name)
            return
        except NOTHING_SENT as error:
            result = obstacle_of(error, claimed)
        if not await self._attempts.lease(claimed):
            return
        if isinstance(result, Obstacle):
            await self._could_not_send(claimed, result)
        else:
            await self._record(claimed, result)

    async def _outcome(self, claimed: ClaimedAttempt) -> Outcome:
        """The outcome that a query finds, or that an operation has: as the provider reports it, or unsent."""
        command = claimed.command
        if isinstance(command, Query):
            return await self._query(claimed, command, await self._account_of(claimed))
        if ended := await self._ended_before(claimed, command):
            return ended
        account = await self._account_of(claimed)
        if claimed.first_sent_at is None and (refused := refusal(self._provider.descriptor, command)):
            return refused
        try:
            return await self._send(claimed, command, account)
        except Expired:
            return EXPIRED if claimed.first_sent_at is None else await self._read_about(claimed, command, account)
        except PersonalDataErased:
            return ERASED if claimed.first_sent_at is None else await self._read_about(claimed, command, account)
        except MethodUnreadable:
            log.error("method cannot be read", provider=self._name, **logs.facts(command.payment_id, claimed.headers))
            return UNREADABLE if claimed.first_sent_at is None else await self._read_about(claimed, command, account)

    async def _ended_before(self, claimed: ClaimedAttempt, operation: ProviderOperation) -> Outcome | None:
        """How an operation ends that is not to be sent by this try, whether or not there are credentials."""
        if claimed.first_sent_at is None:
            return EXPIRED if claimed.ages.expired else None
        if claimed.account_fingerprint is None:
            await self._recall(claimed, operation)
        if not self._repeats:
            return MAY_HAVE_BEEN_SENT
        return await self._remembered(claimed, operation) if claimed.forgotten else None

    async def _remembered(self, claimed: ClaimedAttempt, operation: ProviderOperation) -> Outcome:
        """What the provider's book shows of an operation that was forgotten. That it shows nothing yet proves nothing."""
        account = await self._account_of(claimed)
        attempt = self._attempt(operation, account, claimed, claimed.references)
        seen = await self._only_read(claimed, operation, attempt)
        return MAY_HAVE_BEEN_SENT if isinstance(seen, Unknown) and seen.reason == NOT_FOUND else seen

    async def _recall(self, claimed: ClaimedAttempt, operation: ProviderOperation) -> None:
        """A restored database has forgotten the mark of what was perhaps sent: note that it went to the account as it is now."""
        account = await self._account_of(claimed)
        own = self._provider.descriptor.own_references(operation.operation_id)
        await recall(self._database, operation.operation_id, fingerprint(self._provider, account.credentials), own)

    async def _account_of(self, claimed: ClaimedAttempt) -> Account:
        """The merchant's account, read anew for an attempt that had to wait: new ones may have woken it."""
        command, anew = claimed.command, claimed.problem is not None
        return await self._credentials.of_merchant(
            command.merchant_id, command.mode, command.account, command.config_version, anew=anew
        )

    async def _send(self, claimed: ClaimedAttempt, operation: ProviderOperation, account: Account) -> Outcome:
        """Raises `Expired`, `PersonalDataErased` or `MethodUnreadable` when nothing was sent by this try for that reason."""
        attempt = self._attempt(operation, account, claimed, claimed.references)
        if isinstance(operation, Charge | Setup):
            method = await self._keys.open(operation.payment_id, operation.method)
            exchanges.conceal(personal_texts(method))
            attempt = replace(attempt, method=method)
        # Before the mark: what dies behind it was perhaps sent.
        self._calls.require_closed(operation)
        await self._calls.prepare(attempt)
        own = self._provider.descriptor.own_references(operation.operation_id)
        ages = await self._attempts.mark(claimed, attempt.account, own, self._credentials.address_key)
        if claimed.tries > 1:
            self._calls.count_retry(operation, claimed.tries)
        return await self._calls.call("execute", replace(attempt, ages=ages), claimed.hold)

    async def _read_about(self, claimed: ClaimedAttempt, operation: ProviderOperation, account: Account) -> Outcome:
        """The outcome of an operation that may not be sent any more, and that an earlier try may have sent."""
        attempt = self._attempt(operation, account, claimed, claimed.references)
        attempt = replace(attempt, ages=attempt.ages.ended(), method=await self._conceal(operation))
        self._calls.require_closed(operation)
        return await self._calls.call("query", attempt, claimed.hold)

    async def _query(self, claimed: ClaimedAttempt, query: Query, account: Account) -> Outcome:
        original = await self._original(claimed, query)
        if original is None:
            return Unknown(reason=NOT_FOUND) if query.only_read else await self._tombstone(query)
        if original.opened or query.only_read:
            return await self._only_read(claimed, original.operation, self._asked_about(original, claimed, account))
        never_sent = original.first_sent_at is None
        if isinstance(original.outcome, Declined | Canceled) and not original.success and (self._repeats or never_sent):
            return original.outcome  # decided; a query by replay could carry out what was never sent
        if never_sent:
            return Unknown(reason=NOT_SENT_YET)
        attempt = self._asked_about(original, claimed, account)
        if original.forgotten and self._repeats:
            if not isinstance(original.operation, Charge | Setup | Confirm):
                return await self._only_read(claimed, original.operation, attempt)
            # as of what has expired, the provider makes sure that nothing comes of it any more
            attempt = replace(attempt, ages=attempt.ages.ended(), forgotten=True)
        attempt = replace(attempt, method=await self._conceal(original.operation))
        self._calls.require_closed(original.operation)
        return await self._calls.call("query", attempt, claimed.hold)

    async def _conceal(self, operation: ProviderOperation) -> Method | None:
        """A charge's method, if it can be opened; what is personal in it is told nowhere from here on."""
        if not isinstance(operation, Charge | Setup):
            return None
        method = await self._keys.open_if_there(operation.payment_id, operation.method)
        exchanges.conceal(personal_texts(method))
        return method

    async def _original(self, claimed: ClaimedAttempt, query: Query) -> OriginalAttempt | None:
        """The attempt that the query is about; one that was begun at the provider is recorded by the first query of it."""
        original = await self._attempts.original(query.operation_id)
        if original is None and query.opened is not None and query.reference is not None:
            await opened_attempts.record(self._database, query, query.opened, query.reference, claimed.headers)
            original = await self._attempts.original(query.operation_id)
        return original

    def _asked_about(self, original: OriginalAttempt, claimed: ClaimedAttempt, account: Account) -> Attempt:
        """The original as the provider is asked about it by this query, with all ids that are known by now."""
        assert isinstance(claimed.command, Query)
        references = References(original.references, claimed.references.noted, original.claims)
        attempt = self._attempt(original.operation, account, original, references)
        return replace(attempt, reference=attempt.reference or claimed.command.reference)

    async def _only_read(self, claimed: ClaimedAttempt, operation: ProviderOperation, attempt: Attempt) -> Outcome:
        """What the provider's book shows; nothing is sent that could have an effect, and that it shows nothing proves nothing."""
        attempt = replace(attempt, same_account=False, method=await self._conceal(operation))
        self._calls.require_closed(operation)
        outcome = await self._calls.call("query", attempt, claimed.hold)
        if isinstance(outcome, Unknown) and outcome.reason == ACCOUNT_CHANGED:
            return msgspec.structs.replace(outcome, reason=NOT_FOUND)
        return outcome

    def _attempt(
        self,
        operation: ProviderOperation,
        account: Account,
        known: ClaimedAttempt | OriginalAttempt,
        references: References,
    ) -> Attempt:
        account_name = fingerprint(self._provider, account.credentials)
        same_account = known.account_fingerprint in (None, account_name)
        if not same_account:
            log.error("provider account changed", payment_id=operation.payment_id, client_ref=operation.client_ref)
        return Attempt(
            operation=operation,
            credentials=account.credentials,
            first_sent_at=known.first_sent_at,
            reference=known.reference,
            same_account=same_account,
            ages=known.ages,
            references=references,
            callback_path=self._credentials.callback_path(account, known.address_key),
            account=account_name,
            **self._own_address(account, operation, known.address_key),
        )

    def _own_address(self, account: Account, operation: ProviderOperation, address_key: str | None) -> dict[str, Any]:
        if not self._provider.descriptor.own_addresses:
            return {}
        url, operation_id = self._credentials.callback_url, operation.operation_id
        return {"own_address": partial(url, account, operation_id, address_key=address_key)}

    async def _tombstone(self, query: Query) -> Outcome:
        if self._attempts.restored.concerns(query.operation_id):
            return Unknown(reason=NOT_FOUND)  # it may have been sent, and that it was is what was lost
        if not await self._attempts.tombstone(query):
            return Unknown(reason=ARRIVING)
        return Declined(code="never_sent", message="The operation never reached the provider and never will.")

    async def _could_not_send(self, claimed: ClaimedAttempt, obstacle: Obstacle) -> None:
        """Nothing was sent by this try: try again later, or end the attempt by what is known of earlier tries.

        A query that was not sent says nothing about its operation: it waits as an operation does, unless a person has to act.
        """
        command = claimed.command
        if obstacle.for_a_person:
            facts = {"provider": self._name, "merchant_id": command.merchant_id, "payment_id": command.payment_id}
            log.error(obstacle.code.replace("_", " "), **facts)
        patience = self._patience_seconds(command)
        hopeless = obstacle.hopeless or (patience == CHARGE_PATIENCE_SECONDS and obstacle.code == MISCONFIGURED)
        if isinstance(command, Query) and obstacle.for_a_person:
            # the orchestrator queries again when its timer fires
            await self._record(claimed, Unknown(reason=obstacle.code))
        elif not hopeless and claimed.age.total_seconds() <= patience:
            tracing.annotate({"outcome": obstacle.code})
            obstacle = replace(obstacle, why=exchanges.concealed().without(obstacle.why))
            await when_back(partial(self._postpone, claimed, command, obstacle), "a try that has to wait")
        elif claimed.first_sent_at or isinstance(command, Query):
            await self._record(claimed, Unknown(reason=obstacle.code))
        else:
            await self._record(claimed, Declined(code=obstacle.code, message=obstacle.why))

    def _patience_seconds(self, command: ProviderCommand) -> float:
        if not isinstance(command, Charge | Setup | Confirm):
            return PATIENCE_SECONDS
        rules = self._provider.descriptor.rules_of(command.method.type) if isinstance(command, Charge | Setup) else None
        if rules is None or rules.attended:
            return CHARGE_PATIENCE_SECONDS
        return PATIENCE_SECONDS if command.expires_at is None else inf

    async def _postpone(self, claimed: ClaimedAttempt, command: ProviderCommand, obstacle: Obstacle) -> None:
        seconds, problem = obstacle.delay_seconds * ids.jitter(0.2), f"{obstacle.code}: {obstacle.why}"
        async with self._database.begin() as unit:
            postponed = await self._attempts.postpone(unit, claimed, seconds=seconds, problem=problem)
            if postponed is None:
                return  # the lease was lost: the process that has the attempt now will report its outcome
            if postponed.withdrawn_step is not None:
                unit.after_commit(self.work.nudge)  # an attempt that waited behind it may run now
            report = self._report_of(claimed, command, postponed, obstacle)
            if report is not None:
                unit.send(OUTCOMES, command.payment_id, report, headers=claimed.headers)

    def _report_of(
        self, claimed: ClaimedAttempt, operation: ProviderCommand, postponed: PostponedAttempt, obstacle: Obstacle
    ) -> OutcomeReported | AttemptPostponed | None:
        """The end of what was withdrawn meanwhile, or else what postponed the attempt. Of a query nothing is told."""
        if isinstance(operation, Query):
            return None
        if postponed.withdrawn_step is not None:
            step, also_answers = postponed.withdrawn_step, postponed.also_answers
            return reports.withdrawn(operation, self._name, step, also_answers, exchanges.made())
        return reports.postponed(
            claimed,
            operation,
            self._name,
            code=obstacle.code,
            detail=obstacle.why,
            retry_at=postponed.retry_at,
            exchanges=exchanges.made(),
        )

    async def _record(self, claimed: ClaimedAttempt, outcome: Outcome) -> None:
        command, outcome = claimed.command, exchanges.concealed().of(outcome)
        tracing.annotate({"outcome": RESULTS[type(outcome)]})
        reported = reports.outcome_of(claimed, self._name, outcome, exchanges.made())
        ours = await when_back(partial(self._ends.add, FinishedAttempt(claimed, reported)), "an attempt's end")
        if not ours and outcome.reference is not None:
            # The process that has the attempt now repeats it under the same key, and reports its outcome.
            await when_back(partial(self._attempts.keep_reference, claimed, outcome.reference), "a reference")
        write = log.info if ours else log.warning
        write(
            "provider answered" if ours else "provider answered after the lease was lost",
            payment_id=command.payment_id,
            client_ref=command.client_ref,
            kind=reported.kind,
            source=reported.source,
            result=RESULTS[type(outcome)],
            tries=claimed.tries,
        )

    async def _write_ends(self, ends: Sequence[FinishedAttempt]) -> Sequence[bool]:
        """Record and report the ends of attempts that are still ours; returns for each whether it was."""
        ours = await self._attempts.finish(ends)
        self.work.nudge_for(kind for kind in ours.values() if kind)  # what waited behind one of them may run now
        return [end.claimed.id in ours for end in ends]
