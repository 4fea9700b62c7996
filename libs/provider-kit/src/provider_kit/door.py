"""Where a provider's reports come in, whoever brings them: a callback, or what we have fetched. Stored once, then told."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from functools import cached_property

from opentelemetry.trace import SpanKind

from malipo import ids
from malipo.contracts.identity import account_name
from malipo.contracts.outcomes import RESULTS, Unasked
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.database import Database
from malipo.messaging.group_commit import GroupCommit
from malipo.messaging.unit_of_work import UnitOfWork, outbox_row
from malipo.platform import logs, tracing
from provider_kit import knowledge, opened, opened_attempts, received, reminders, reports, unmatched
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.concealed import Concealed, has_texts
from provider_kit.credentials import Account
from provider_kit.errors import Misconfigured
from provider_kit.integrity import checked
from provider_kit.matching import (
    MatchedCallback,
    Originals,
    addressed,
    match,
    names_in,
    of_account,
    storable,
    unknown_charge,
)
from provider_kit.personal import PersonalKeys
from provider_kit.provider import Addressed, CallbackOutcome, ParsedCallback, Provider, Unmatched, fingerprint
from provider_kit.reports import Origin

_MOST_AT_ONCE = 100
_SPANS: Mapping[Unasked, tuple[str, SpanKind, str]] = {
    "callback": ("webhook receiver", SpanKind.SERVER, "WebhookReceiver"),
    "reconciliation": ("statement reader", SpanKind.INTERNAL, "StatementReader"),
}


@dataclass(frozen=True)
class _Report:
    """What may be stored, and the context that it came in: log lines and spans about it belong there."""

    origin: Origin
    parsed: ParsedCallback
    believed: bool
    about: str | None
    is_callback: bool = True
    context: Context = field(default_factory=copy_context, repr=False)

    @property
    def asks_anew(self) -> bool:
        """Whether it was fetched, and has us ask: by what it says, or by a dispute, of which an answer alone may go back."""
        disputed = any(one.kind == "dispute" for one in self.parsed.opened)
        return self.origin.source == "reconciliation" and (bool(self.parsed.ask) or disputed)

    @cached_property
    def message_id(self) -> str:
        """Ids of reports are unique within one account, and within what one operation's own address gets.

        A statement is the same by whichever label it is read; of a callback each label has its own, see decision 0047.
        """
        account = self.origin.account
        there = account_name(account.merchant_id, account.mode, account.fingerprint or account.label)
        within = account.id if self.is_callback else there
        return "/".join(filter(None, (within, self.about, self.origin.callback_id)))


class Door:
    """Stores what a provider reports of one account, each report once. What is fetched and has us ask is fetched again for as
    long as that has no answer, and asks each time. Safe to call for many reports at once; each is one statement's part.

    A success that the operation was answered with is stored and told nobody: the answer was reported as it was recorded.

    A report is believed only about an operation that was attempted for this merchant in this mode and account, be it under
    another label of it, and payment and trace are the attempt's. What it says of anything else is kept, too: see `unmatched`, `opened`, `received`.
    """

    def __init__(self, provider: Provider, database: Database, keys: PersonalKeys, nudge: Callable[[], None]) -> None:
        self._provider = provider
        self._name = provider.descriptor.name
        self._keys = keys
        self._database = database
        self._nudge = nudge
        self._inbox = GroupCommit(self._write, most=_MOST_AT_ONCE)

    async def take(
        self,
        account: Account,
        parsed: ParsedCallback,
        *,
        believed: bool = True,
        about: Addressed | None = None,
        source: Unasked = "callback",
        is_callback: bool = True,
    ) -> str:
        """`stored`, `duplicate` for what was taken before under this `callback_id`, `not_ours` for what goes on nowhere.

        `believed`: we have fetched it from the provider, or the provider has signed it; else it only makes us ask.
        `is_callback`: it is one of this label's, also if it was fetched; else what the account's labels have in common.
        Nothing is raised but what the database raises: then nothing is stored, and the same may be taken again.
        """
        parsed = storable(addressed(parsed, about))
        origin = Origin(self._name, self._known_at_provider(account), parsed.callback_id, source)
        return await self._keep(_Report(origin, parsed, believed, about and about.operation.operation_id, is_callback))

    async def find(self, account: Account, operation_id: str) -> OriginalAttempt | None:
        """The operation that an address of this account names, if it is one of the account's."""
        found = await knowledge.originals(self._database.reads, [operation_id])
        return next(iter(of_account(found.values(), self._known_at_provider(account))), None)

    def _known_at_provider(self, account: Account) -> Account:
        try:
            return replace(account, fingerprint=fingerprint(self._provider, account.credentials))
        except Misconfigured:
            return account  # then only the label says which operations are its

    async def _keep(self, one: _Report) -> str:
        if not any((one.parsed.ask, *_told(one.parsed))):
            return "not_ours"  # however often it comes: there is nothing to store
        return await self._inbox.add(one)

    async def _write(self, some: Sequence[_Report]) -> Sequence[str]:
        """Store the reports that are new; returns the result of each."""
        first: dict[str, _Report] = {}
        for one in some:
            first.setdefault(one.message_id, one)  # the same one may come twice at once
        results: dict[str, str] = {}

        async def store(unit: UnitOfWork, new: Sequence[_Report]) -> None:
            results.update(await self._apply(unit, new))

        stored = await self._database.apply_once("callbacks", first, store)
        await self._ask_anew([one for name, one in first.items() if name not in stored and one.asks_anew])
        return [
            results[one.message_id] if one.message_id in stored and first[one.message_id] is one else "duplicate"
            for one in some
        ]

    async def _ask_anew(self, some: Sequence[_Report]) -> None:
        """Ask once more what these have made us ask before, as far as that has no answer."""
        if not some:
            return
        async with self._database.begin() as unit:
            matched = await self._match(unit, some)
            asked = [(name, original) for name, found in matched.items() for original in found.asked]
            self._ask(unit, await knowledge.unheard_of(unit, asked))

    def _ask(self, unit: UnitOfWork, asked: Sequence[OriginalAttempt]) -> None:
        knowledge.ask(unit, asked)
        if asked:
            unit.after_commit(self._nudge)

    async def _apply(self, unit: UnitOfWork, some: Sequence[_Report]) -> dict[str, str]:
        """Put what these reports say into the unit of work; returns the result of each by its message id."""
        matched = await self._match(unit, some)
        ours = await unmatched.made_here(
            unit.reads, [other for found in matched.values() for other in _left_over(found)]
        )
        believed = [pair for found in matched.values() for pair in found.believed]
        concealed = await self._keys.concealed_of(
            original.operation for one, original in believed if has_texts(one.outcome)
        )
        for one in some:
            self._publish(unit, one, matched[one.message_id], ours, concealed)
        opened_attempts.keep_disputes(unit, self._name, [pair for found in matched.values() for pair in found.opened])
        money = [(one, found) for one in some for found in matched[one.message_id].received]
        received.keep(unit, [(one.origin, found) for one, found in money])
        for result, number in (("kept", len(money)), ("explained", sum(len(m.explained) for m in matched.values()))):
            if number:
                received.count(unit, self._name, result, number)
        self._ask(unit, [original for found in matched.values() for original in found.asked])
        await knowledge.claim(unit, [pair for found in matched.values() for pair in found.hinted])
        knowledge.learn(unit, believed)
        return {name: "stored" if found.is_ours else "not_ours" for name, found in matched.items()}

    async def _match(self, unit: UnitOfWork, some: Sequence[_Report]) -> dict[str, MatchedCallback]:
        names = [names_in(one.parsed) for one in some]
        operation_ids, named = (set[str]().union(*found) for found in zip(*names, strict=True))
        refunded = any(one.parsed.opened for one in some)
        nameless = await knowledge.nameless_refunds(unit.reads, sorted(named) if refunded else [])
        found = await knowledge.originals(unit.reads, sorted(operation_ids), sorted(named))
        originals = Originals(found.values())
        return {
            one.message_id: match(
                one.parsed,
                one.origin.account,
                originals.named_in(one.parsed),
                nameless,
                believe=one.believed,
                about=one.about,
            )
            for one in some
        }

    def _publish(
        self,
        unit: UnitOfWork,
        one: _Report,
        matched: MatchedCallback,
        ours: AbstractSet[tuple[str, str]],
        concealed: Mapping[str, Concealed],
    ) -> None:
        """Publish what is believed of one report, and keep what matches nothing."""
        for reported, original in matched.believed:
            shown = concealed.get(original.operation.operation_id, Concealed()).of(reported.outcome)
            one.context.run(self._send, unit, one.origin, replace(reported, outcome=shown), original)
        for refund, original in matched.opened:
            opened.publish(unit, one.origin, refund, original)
        unmatched.record(unit, one.origin, matched, ours)

    def _send(self, unit: UnitOfWork, origin: Origin, reported: CallbackOutcome, original: OriginalAttempt) -> None:
        """Publish one outcome, if it is news. It came without a trace, and joins that of the operation that it is about."""
        operation, (name, span_kind, component) = original.operation, _SPANS[origin.source]
        logs.bind_payment(operation.payment_id, original.headers)
        outcome = checked(operation, reported.outcome)
        if original.has_answered(outcome):
            return
        with tracing.span(
            f"{name} {reported.kind}",
            operation.payment_id,
            original.headers,
            span_kind,
            component=component,
            provider=self._name,
            operation_id=operation.operation_id,
            outcome=RESULTS[type(outcome)],
        ) as headers:
            report = reports.unasked(operation, outcome, origin)
            reminders.send_and_remind(unit, outbox_row(ids.new("msg"), OUTCOMES, operation.payment_id, report, headers))


def _told(parsed: ParsedCallback) -> Sequence[Sequence[object]]:
    """What it says by itself, whatever we find out when we ask."""
    return parsed.outcomes, parsed.confirmed, parsed.unmatched, parsed.opened, parsed.received


def _left_over(matched: MatchedCallback) -> Sequence[Unmatched]:
    return [*matched.unmatched, *map(unknown_charge, (*matched.unopened, *matched.waiting))]
