"""Money that the provider reports beside its answers: which operation it belongs to, or that none of ours explains it.

Only the id of its transaction explains money, of an operation whose money is known to have moved. A purpose may be given by
anybody, and twice: whom it names is asked about, and the money is looked at again once the answer is there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from malipo import ids
from malipo.contracts.outcomes import (
    ActionRequired,
    Approved,
    Authorized,
    Outcome,
    PaymentReceived,
    Pending,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.database import Database
from malipo.messaging.pool import Row
from malipo.messaging.unit_of_work import UnitOfWork, outbox_row
from malipo.messaging.writes import Write
from malipo.platform.logs import log
from provider_kit import knowledge, reminders, reports
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.credentials import Account
from provider_kit.integrity import checked
from provider_kit.matching import is_known, meant, of_account, purpose, taker_of, transactions
from provider_kit.provider import AMOUNT_MISMATCH, ReceivedMoney
from provider_kit.tables import RECEIVED_MONEY

LOOK_SECONDS = 5.0
AT_ONCE = 100

_IN_FLIGHT = timedelta(minutes=1)
"""How long an answer of ours may be under way that has the transaction's id."""
_UNDECIDED = timedelta(hours=1)
"""How long a charge may go on waiting for its customer before money for it is taken as theirs."""
_UNANSWERED = timedelta(days=1)
"""How long a provider may leave us without an answer about a charge before a person looks at money for it."""

_KEEP = Write(
    """INSERT INTO received_money ({names}, look_at)
SELECT {names}, now() + interval '10 seconds' FROM unnest({arrays}) AS new ({names}) ON CONFLICT DO NOTHING""",
    [column for column in RECEIVED_MONEY.columns if column.name not in ("received_at", "look_at")],
)
_DUE = "SELECT EXISTS (SELECT FROM received_money WHERE look_at <= now())"
_LOOK = """
SELECT *, now() - received_at AS age FROM received_money
WHERE look_at <= now() ORDER BY look_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_HERE = """
WHERE (merchant_id, mode, label, reference) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]))
"""
_FORGET = f"DELETE FROM received_money {_HERE}"  # noqa: S608 - text of ours
_LATER = f"""
UPDATE received_money
SET look_at = now() + least(greatest(interval '10 seconds', now() - received_at), interval '1 hour') {_HERE}
"""  # noqa: S608 - text of ours


@dataclass(frozen=True, slots=True)
class _Money:
    """Money that is looked at, and for how long it has been known."""

    account: Account
    money: ReceivedMoney
    callback_id: str
    row: Row

    @property
    def age(self) -> timedelta:
        return self.row["age"]


def keep(unit: UnitOfWork, found: Sequence[tuple[Account, str, ReceivedMoney]]) -> None:
    """Keep what no operation explains so far, by the account and the callback that it came from."""
    rows = [
        (
            account.id,
            account.merchant_id,
            account.mode,
            account.label,
            one.reference,
            callback_id,
            msgspec.to_builtins(one),
        )
        for account, callback_id, one in found
    ]
    unit.put(_KEEP, sorted(rows, key=lambda row: row[1:5]))  # two that write the same must not deadlock


class Explaining:
    """Looks at money again, until it is known what it is."""

    def __init__(self, provider: str, nudge: Callable[[], None]) -> None:
        self._provider = provider
        self._nudge = nudge

    async def look_again(self, database: Database) -> bool:
        """Settle what can be settled by now, and put off the rest; returns whether there may be more.

        A row that cannot be read stops no other: it is alerted and put off.
        """
        if not await database.reads.fetchval(_DUE):
            return False
        async with database.begin() as unit:
            due = await unit.transaction.fetch(_LOOK, AT_ONCE)
            readable = [money for row in due if (money := self._read(row))]
            await knowledge.lock(unit, await _named(unit, readable))
            judged = [(one, await self._judge(unit, one)) for one in readable]
            settled = {_key(one.row) for one, asked in judged if asked is None}
            for query, some in ((_FORGET, settled), (_LATER, {*map(_key, due)} - settled)):
                if some:
                    await unit.transaction.execute(query, *zip(*sorted(some), strict=True))
            knowledge.ask(unit, [original for _, asked in judged for original in asked or ()])
            unit.after_commit(self._nudge)
        return len(due) == AT_ONCE

    def _read(self, row: Row) -> _Money | None:
        account = Account(row["credential_id"], row["merchant_id"], row["mode"], row["label"], {})
        try:
            return _Money(account, msgspec.convert(row["report"], ReceivedMoney), row["callback_id"], row)
        except msgspec.MsgspecError:
            log.error("money cannot be read", provider=self._provider, merchant_id=account.merchant_id)
            return None

    async def _judge(self, unit: UnitOfWork, one: _Money) -> Sequence[OriginalAttempt] | None:
        """None once the money is settled; else what is to be asked about before it is looked at again."""
        names = sorted(_names(one))
        originals = await knowledge.originals(unit.transaction, [], names)
        ours = of_account(originals.values(), one.account)
        if is_known(one.money, ours):
            return None
        if named := meant(one.money, ours):
            return await self._judge_with(unit, one, named)
        return () if one.age < _IN_FLIGHT else self._report(unit, one)

    async def _judge_with(
        self, unit: UnitOfWork, one: _Money, named: Sequence[OriginalAttempt]
    ) -> Sequence[OriginalAttempt] | None:
        """The purpose names these: the money is what one of them takes, or somebody's who has paid once more."""
        taker = taker_of(one.money, named)
        if len({original.operation.payment_id for original in named}) > 1 or taker is None:
            return self._report(unit, one, named)
        heard = await _heard(unit, one, taker)
        if _has_to_wait(heard, taker, one.age):
            return (taker,)
        if _lacks_its_transaction(one.money, heard, taker):
            return await knowledge.take(unit, taker, one.money)
        if _is_without_money(heard) and _is_its_money(one.money, taker):
            return await self._succeeds(unit, one, taker)
        return self._report(unit, one, named)

    async def _succeeds(self, unit: UnitOfWork, one: _Money, taker: OriginalAttempt) -> None:
        """Report that the charge has its money after all."""
        operation, money = taker.operation, one.money
        outcome = checked(operation, Succeeded(amount=money.amount, reference=money.reference))
        report = reports.from_callback(operation, self._provider, outcome, one.callback_id)
        row = outbox_row(ids.new("msg"), OUTCOMES, operation.payment_id, report, taker.headers)
        reminders.send_and_remind(unit, row)
        await knowledge.take(unit, taker, money, outcome)

    def _report(self, unit: UnitOfWork, one: _Money, named: Sequence[OriginalAttempt] = ()) -> None:
        """Report money that nothing explains, though its purpose may name operations of ours."""
        payments = sorted({original.operation.payment_id for original in named})
        found = reports.received(one.money, one.account, self._provider, points_at=payments)
        key = found.payment_id if isinstance(found, PaymentReceived) else found.id
        reminders.send_and_remind(unit, outbox_row(ids.new("msg"), OUTCOMES, key, found, {}))


def _names(one: _Money) -> set[str]:
    return transactions(one.money) | purpose(one.money)


def _key(row: Row) -> tuple[str, ...]:
    return row["merchant_id"], row["mode"], row["label"], row["reference"]


async def _named(unit: UnitOfWork, some: Sequence[_Money]) -> list[str]:
    """All operations that may be meant: two rows about one of them are judged one after the other."""
    names = set[str]().union(*map(_names, some))
    return sorted(await knowledge.originals(unit.transaction, [], sorted(names)))


async def _heard(unit: UnitOfWork, one: _Money, taker: OriginalAttempt) -> Outcome | None:
    """How the charge stands: that its money moved, or what the provider has answered since the money was reported."""
    return taker.success or await knowledge.heard_since(unit, taker.operation.operation_id, one.row["received_at"])


def _has_to_wait(heard: Outcome | None, taker: OriginalAttempt, age: timedelta) -> bool:
    """Whether the answer is still to come, or the customer or the provider may decide yet."""
    if heard is None:
        return age < _UNANSWERED
    waits = isinstance(heard, ActionRequired | Pending | Approved)
    return waits and not taker.ages.expired and age < _UNDECIDED


def _is_without_money(heard: Outcome | None) -> bool:
    """Whether the provider has answered, and not that money moved, is held, or is of another amount than the charge's."""
    if heard is None or isinstance(heard, Succeeded | Authorized | Reversed):
        return False
    return not (isinstance(heard, Unknown) and heard.reason == AMOUNT_MISMATCH)


def _is_its_money(money: ReceivedMoney, taker: OriginalAttempt) -> bool:
    """Whether it is of the charge's amount, and the charge is not known by another transaction."""
    others = {name for role, name in taker.references if role == money.role} - {money.reference}
    return getattr(taker.operation, "amount", None) == money.amount and not others


def _lacks_its_transaction(money: ReceivedMoney, heard: Outcome | None, taker: OriginalAttempt) -> bool:
    """Whether the success was reported without the id of its transaction, which this one then is."""
    known = {role for role, _ in taker.references}
    lacks = isinstance(heard, Succeeded | Reversed) and money.role is not None and money.role not in known
    return lacks and _is_its_money(money, taker)
