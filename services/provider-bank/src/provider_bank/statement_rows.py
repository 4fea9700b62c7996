"""The bank's lists of payments and its statements of a day: what each row says that is not known here yet. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from malipo import clock
from malipo.contracts.bank_rails import BANK_TIME
from malipo.contracts.outcomes import Reversed
from provider_bank import amounts
from provider_bank.events import METHOD, described, told
from provider_bank.objects import PAYMENT, PAYMENTS, Entry, Payment, Statement
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.bodies import name_of_body
from provider_kit.credentials import Account
from provider_kit.matching import of_account
from provider_kit.provider import NamedOperation, ParsedCallback, ReceivedMoney, Unmatched, kind_of
from provider_kit.reading import moment
from provider_kit.references import holdable

READY = timedelta(hours=2)
"""How long after the end of its day, in the bank's time, a statement is asked for."""

IN_WORDS = "The bank's statement shows that the money came back."

type Known = Mapping[str, Sequence[OriginalAttempt]]
"""Attempts by each id that they are known by, ours and the bank's."""

type Passed = Literal["matched", "fee", "others"]
"""Why an entry says nothing new: it is known here, is the bank's own fee, or is of an account that tells it itself."""


@dataclass(frozen=True, slots=True)
class CameBack:
    """An entry by which the money of a charge of ours came back: the bank is to be asked why."""

    entry: Entry
    payment_id: str
    operation_id: str


def by_names(originals: Iterable[OriginalAttempt]) -> Known:
    """The charges among them, by each of their ids."""
    found = defaultdict[str, list[OriginalAttempt]](list)
    for one in originals:
        for name in one.ids if kind_of(one.operation) == "charge" else ():
            found[name].append(one)
    return found


def payments_in(rows: Iterable[msgspec.Raw]) -> tuple[list[Payment], list[ParsedCallback]]:
    """The payments of a page, and a report for a person of each row that is none: it must not keep waiting what the list
    shows beside and after it.
    """
    payments, unreadable = list[Payment](), list[ParsedCallback]()
    for row in rows:
        try:
            payments.append(PAYMENTS.decode(row))
        except ValueError:
            unreadable.append(_unreadable(f"payment/{name_of_body(bytes(row))}"))
    return payments, unreadable


def is_news(payment: Payment, known: Known, account: Account) -> bool:
    """Whether it says what is not known here: all but money of ours of which it is known that it moved, or that it
    waits. An answer to a return request is told in any case: each version of a payment is told once.
    """
    ours = _meant(payment.id, of_account(_named_by((payment.id, payment.end_to_end_id), known), account))
    match payment.status:
        case "completed":
            return payment.answers_request or not any(one.success is not None for one in ours)
        case "initiated" | "held":
            return not any(payment.id in one.given for one in ours)
        case _:
            return True


def report_of(payment: Payment) -> ParsedCallback:
    """What the list says of a payment: the same as a webhook would have. Each version of it is reported once.

    One of an amount that cannot be is for a person: it must not keep waiting what the list shows after it.
    """
    name = f"payment/{payment.id}/{payment.version}"
    try:
        return told(name, payment)
    except ValueError:
        return _unreadable(name)


def days_ready(since: datetime, until: datetime) -> list[date]:
    """The days whose statements are asked for in this time: each some time after it has ended, where the bank is."""
    day = (since - READY).astimezone(BANK_TIME).date() - timedelta(days=1)
    found: list[date] = []
    while (ready := _midnight(day + timedelta(days=1)) + READY) <= until:
        found += [day] if ready >= since else []
        day += timedelta(days=1)
    return found


def is_balanced(statement: Statement) -> bool:
    """Whether opening balance, entries and closing balance agree. Raises `ValueError` for amounts that cannot be."""
    for entry in statement.entries:
        amounts.read(entry.amount, entry.currency)
    if len({entry.currency for entry in statement.entries}) > 1:
        return False
    moved = sum(amounts.minor(entry.amount) * (1 if entry.direction == "credit" else -1) for entry in statement.entries)
    return amounts.minor(statement.opening_balance) + moved == amounts.minor(statement.closing_balance)


def names_in(entries: Iterable[Entry]) -> set[str]:
    """The ids by which attempts are to be looked for."""
    return holdable_names(name for entry in entries for name in (entry.payment_id, entry.end_to_end_id))


def holdable_names(names: Iterable[str | None]) -> set[str]:
    """The names among these as attempts are known by them: PostgreSQL takes no other, whoever has given one."""
    return {holdable(name) for name in names if name}


def booked_again(entries: Iterable[Entry]) -> set[str]:
    """The entries, by their ids, by which money left for a payment for which it had left before that day."""
    seen, again = set[str](), set[str]()
    for entry in filter(_is_sent, entries):
        if name := entry.payment_id or entry.end_to_end_id:
            again |= {entry.id} if name in seen else set()
            seen.add(name)
    return again


def judged(entry: Entry, known: Known, account: Account, *, again: bool = False) -> ParsedCallback | CameBack | Passed:
    """What the entry says, given the attempts that it names, of whichever account these are; `again`: see `booked_again`.

    Raises `ValueError` for an amount that cannot be.
    """
    if entry.kind == "fee":
        return "fee"
    named = _named_by((entry.payment_id, entry.end_to_end_id), known)
    own = of_account(named, account)
    ours = _meant(entry.payment_id, own)
    if not ours:
        return "others" if named and not own else _suspense(entry, again=again)
    if _is_sent(entry):
        return _for_a_person(entry, ours[0]) if again else _sent(entry, ours[0])
    if (entry.kind, entry.direction) == ("return", "credit"):
        return _came_back(entry, ours[0])
    return _suspense(entry, again=again)


def _is_sent(entry: Entry) -> bool:
    return (entry.kind, entry.direction) == ("transfer", "debit")


def _sent(entry: Entry, charge: OriginalAttempt) -> ParsedCallback | Passed:
    """Money of a charge. Whether it is known or not, that it is another amount is for a person."""
    if amounts.read(entry.amount, entry.currency) != getattr(charge.operation, "amount", None):
        return _for_a_person(entry, charge)
    return "matched" if charge.success is not None else ParsedCallback(_name(entry), ask=(_named(charge),))


def _came_back(entry: Entry, charge: OriginalAttempt) -> ParsedCallback | CameBack | Passed:
    if isinstance(charge.success, Reversed):
        return "matched"
    if amounts.read(entry.amount, entry.currency) != getattr(charge.operation, "amount", None):
        return _for_a_person(entry, charge)
    payment_id = entry.payment_id or charge.reference
    if payment_id is None:
        return ParsedCallback(_name(entry), ask=(_named(charge),))
    return CameBack(entry, payment_id, charge.operation.operation_id)


def _for_a_person(entry: Entry, charge: OriginalAttempt) -> ParsedCallback:
    """Money of another amount than the charge's, or once more; what the bank shows of the charge itself is asked as well."""
    about = {"entry": entry.id, PAYMENT: entry.payment_id or charge.reference or ""}
    named = {role: name for role, name in about.items() if name}
    amount = amounts.read(entry.amount, entry.currency)
    unmatched = Unmatched(f"statement.{entry.direction}", named, amount)
    return ParsedCallback(_name(entry), unmatched=(unmatched,), ask=(_named(charge),))


def _suspense(entry: Entry, *, again: bool) -> ParsedCallback:
    """Money that no payment here explains. Of what left the account by a payment, webhooks tell by the same reference, once."""
    is_payment = _is_sent(entry) and not again
    money = ReceivedMoney(
        reference=(entry.payment_id if is_payment else None) or entry.id,
        amount=amounts.read(entry.amount, entry.currency),
        method=METHOD,
        received_at=moment(entry.booked_at) or clock.now(),
        description=described(entry.direction, entry.end_to_end_id),
    )
    return ParsedCallback(_name(entry), received=(money,))


def _named_by(names: Iterable[str | None], known: Known) -> Sequence[OriginalAttempt]:
    return [one for name in names if name for one in known.get(holdable(name), ())]


def _meant(payment_id: str | None, named: Iterable[OriginalAttempt]) -> Sequence[OriginalAttempt]:
    """Those of which it may be the payment: one that the bank has named otherwise it is not, whatever name of ours it bears."""
    return [one for one in named if payment_id is None or not one.given or payment_id in one.given]


def _named(charge: OriginalAttempt) -> NamedOperation:
    return NamedOperation(kind="charge", operation_id=charge.operation.operation_id)


def _name(entry: Entry) -> str:
    return f"entry/{entry.id}"


def _unreadable(name: str) -> ParsedCallback:
    return ParsedCallback(name, unmatched=(Unmatched("payment.unreadable", {}),))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=BANK_TIME)


def returned(came_back: CameBack) -> Reversed:
    """What is told where the bank's book has the money back, and the payment does not say so."""
    return Reversed(code="NARR", message=IN_WORDS, reference=came_back.payment_id)
