"""Money that the provider reports beside its answers: which operation it belongs to, or that none of ours explains it.

Only the id of its transaction explains money, of an operation whose money is known to have moved. A purpose may be given by
anybody, and twice: whom it names is asked about, and the money is looked at again once the answer is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import msgspec
from prometheus_client import Counter

from malipo import ids
from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
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
from malipo.messaging.pool import Row
from malipo.messaging.unit_of_work import UnitOfWork, outbox_row
from malipo.messaging.writes import Write
from malipo.platform import tracing
from provider_kit import knowledge, opened_attempts, reminders, reports
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.credentials import Account
from provider_kit.integrity import checked
from provider_kit.looking import Judged
from provider_kit.matching import is_known, meant, of_account, purpose, taker_of, transactions
from provider_kit.provider import ReceivedMoney
from provider_kit.reports import Origin
from provider_kit.tables import RECEIVED_MONEY

LOOK_SECONDS = 5.0

_IN_FLIGHT = timedelta(minutes=1)
"""How long an answer of ours may be under way that has the transaction's id."""
_UNDECIDED = timedelta(hours=1)
"""How long a charge may go on waiting for its customer before money for it is taken as theirs."""
_UNANSWERED = timedelta(days=1)
"""How long a provider may leave us without an answer about a charge before a person looks at money for it."""

_FORGET, _REST, _LATER = Judged("forget"), Judged("rest"), Judged("later")

_KEEP = Write(
    """INSERT INTO received_money ({names}, look_at)
SELECT {names}, now() + interval '10 seconds' FROM unnest({arrays}) AS new ({names}) ON CONFLICT DO NOTHING""",
    [column for column in RECEIVED_MONEY.columns if column.name not in ("received_at", "look_at")],
)
RECEIVED = Counter(
    "malipo_provider_received_money",
    "Money that a provider reported beside its answers: `kept` at first, then `explained` by its transaction, told as what a"
    " `charge` has taken, told as a `payment` of its own, or left in `suspense` for a person.",
    ("provider", "result"),
)


@dataclass(frozen=True, slots=True)
class _Money:
    """Money that is looked at, where it was reported, and for how long it has been known."""

    money: ReceivedMoney
    origin: Origin
    row: Row

    @property
    def age(self) -> timedelta:
        return self.row["age"]


def keep(unit: UnitOfWork, found: Sequence[tuple[Origin, ReceivedMoney]]) -> None:
    """Keep what no operation explains so far, by the account and the report that it came from."""
    rows = [
        (
            origin.account.id,
            origin.account.merchant_id,
            origin.account.mode,
            origin.account.label,
            one.reference,
            origin.callback_id,
            msgspec.to_builtins(one),
            origin.account.fingerprint,
            origin.source,
        )
        for origin, one in found
    ]
    unit.put(_KEEP, sorted(rows, key=lambda row: row[1:5]))  # two that write the same must not deadlock


class Explaining:
    """Judges money, until it is known what it is."""

    table = RECEIVED_MONEY
    alert = "money cannot be read"
    longest = timedelta(hours=1)
    at_once = 100

    def __init__(self, provider: str) -> None:
        self.provider = provider

    async def prepare(self, unit: UnitOfWork, rows: Sequence[Row]) -> None:
        """Two rows about one operation are judged one after the other."""
        await knowledge.lock(unit, sorted(set[str]().union(*map(self._names_in, rows))))

    async def judge(self, unit: UnitOfWork, row: Row) -> Judged:
        """What the money is, as far as it is known by now."""
        one = self._read(row)
        originals = await knowledge.originals(unit.transaction, [], sorted(_all_names(one.money)))
        ours = of_account(originals.values(), one.origin.account)
        if is_known(one.money, ours):
            count(unit, self.provider, "explained")
            return _FORGET
        if named := meant(one.money, ours):
            return await self._judge_with(unit, one, named)
        return _LATER if one.age < _IN_FLIGHT else await self._report(unit, one)

    async def _judge_with(self, unit: UnitOfWork, one: _Money, named: Sequence[OriginalAttempt]) -> Judged:
        """These are named: the money is what one of them takes, or somebody's who has paid once more."""
        taker = taker_of(one.money, named)
        if len({original.operation.payment_id for original in named}) > 1 or taker is None:
            return await self._report(unit, one, named)
        heard = await _heard(unit, one, taker)
        if _has_to_wait(heard, taker, one.age):
            return Judged("later", [taker])
        if _lacks_its_transaction(one.money, heard, taker):
            return await self._name(unit, one, taker, heard)
        if _is_without_money(heard, one.money, taker) and _is_its_money(one.money, taker):
            return await self._succeeds(unit, one, taker)
        return await self._report(unit, one, named)

    async def _name(self, unit: UnitOfWork, one: _Money, taker: OriginalAttempt, heard: Outcome | None) -> Judged:
        """Write down the transaction of a success, and report the name if it was told without any: a refund waits for it."""
        await knowledge.take(unit, taker, one.money)
        if isinstance(heard, Succeeded) and heard.reference is None:
            self._tell(unit, one, taker, _success(one, taker))
        count(unit, self.provider, "explained")
        return _FORGET

    async def _succeeds(self, unit: UnitOfWork, one: _Money, taker: OriginalAttempt) -> Judged:
        """Report that the charge has its money after all."""
        outcome = _success(one, taker)
        await knowledge.take(unit, taker, one.money, outcome)
        self._tell(unit, one, taker, outcome)
        count(unit, self.provider, "charge")
        return _FORGET

    def _tell(self, unit: UnitOfWork, one: _Money, taker: OriginalAttempt, outcome: Outcome) -> None:
        report = reports.unasked(taker.operation, outcome, one.origin)
        row = outbox_row(ids.new("msg"), OUTCOMES, report.payment_id, report, taker.headers)
        reminders.send_and_remind(unit, row)

    async def _report(self, unit: UnitOfWork, one: _Money, named: Sequence[OriginalAttempt] = ()) -> Judged:
        """Report money that nothing explains, though its purpose may name operations of ours."""
        payments = sorted({original.operation.payment_id for original in named})
        found = reports.received(one.money, one.origin, points_at=payments)
        if isinstance(found, PaymentReceived):
            headers = tracing.begun(
                f"{self.provider} payment received",
                found.payment_id,
                found.account_reference,
                component="MoneyReceiver",
            )
            await opened_attempts.record_received(unit, found, one.money, headers)
            reminders.send_and_remind(unit, outbox_row(ids.new("msg"), OUTCOMES, found.payment_id, found, headers))
            count(unit, self.provider, "payment")
            return _FORGET
        reminders.send_and_remind(unit, outbox_row(ids.new("msg"), OUTCOMES, found.id, found, {}))
        count(unit, self.provider, "suspense")
        return _REST

    def _read(self, row: Row) -> _Money:
        place = row["credential_id"], row["merchant_id"], row["mode"], row["label"]
        account = Account(*place, {}, row["account_fingerprint"])
        origin = Origin(self.provider, account, row["callback_id"], row["source"])
        return _Money(msgspec.convert(row["report"], ReceivedMoney), origin, row)

    def _names_in(self, row: Row) -> set[str]:
        """None in what cannot be read: that is alerted when it is judged."""
        try:
            return _all_names(self._read(row).money)
        except msgspec.MsgspecError:
            return set()


def count(unit: UnitOfWork, provider: str, result: str, number: int = 1) -> None:
    """Count money once the unit is committed."""
    unit.after_commit(partial(RECEIVED.labels(provider, result).inc, number))


def _all_names(money: ReceivedMoney) -> set[str]:
    return transactions(money) | purpose(money)


async def _heard(unit: UnitOfWork, one: _Money, taker: OriginalAttempt) -> Outcome | None:
    """How the charge stands: that its money moved, or what the provider has answered since the money was reported."""
    return taker.success or await knowledge.heard_since(unit, taker.operation.operation_id, one.row["received_at"])


def _has_to_wait(heard: Outcome | None, taker: OriginalAttempt, age: timedelta) -> bool:
    """Whether the answer is still to come, or the customer or the provider may decide yet."""
    if heard is None:
        return age < _UNANSWERED
    waits = isinstance(heard, ActionRequired | Pending | Approved)
    return waits and not taker.ages.expired and age < _UNDECIDED


def _is_without_money(heard: Outcome | None, money: ReceivedMoney, taker: OriginalAttempt) -> bool:
    """Whether the provider has answered, and not that money moved, is held, or is of another amount than the charge's.

    That amount is only claimed where it comes without the id of a transaction: money for that very purpose says more.
    """
    if heard is None or isinstance(heard, Succeeded | Authorized | Reversed):
        return False
    if isinstance(heard, Unknown) and heard.reason == AMOUNT_MISMATCH:
        return heard.reference is None and bool(purpose(money) & taker.ids)
    return True


def _is_its_money(money: ReceivedMoney, taker: OriginalAttempt) -> bool:
    """Whether it is of the charge's amount, and the charge is not known by another transaction."""
    others = {name for role, name in taker.references if role == money.role} - {money.reference}
    return getattr(taker.operation, "amount", None) == money.amount and not others


def _success(one: _Money, taker: OriginalAttempt) -> Outcome:
    return checked(taker.operation, Succeeded(amount=one.money.amount, reference=one.money.reference))


def _lacks_its_transaction(money: ReceivedMoney, heard: Outcome | None, taker: OriginalAttempt) -> bool:
    """Whether the success was reported without the id of its transaction, which this one then is."""
    known = {role for role, _ in taker.references}
    lacks = isinstance(heard, Succeeded | Reversed) and money.role is not None and money.role not in known
    return lacks and _is_its_money(money, taker)
