"""Which operation of ours a callback's reports are about: by our id of it, or by any id of the provider's. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import is_

from malipo.contracts.provider_commands import Refund
from provider_kit.attempt_rows import OriginalAttempt
from provider_kit.credentials import Account
from provider_kit.provider import (
    Addressed,
    CallbackOutcome,
    NamedOperation,
    Opened,
    ParsedCallback,
    ProviderOperation,
    ReceivedMoney,
    Unmatched,
    kind_of,
)
from provider_kit.references import MAIN, OWN, holdable

_MAX_REFERENCES = 20
_TAKE_MONEY = ("charge", "confirm", "capture")


@dataclass(frozen=True, slots=True)
class MatchedCallback:
    """What a callback reports, by what is to be done about it.

    `believed` are outcomes and the operations that they are about; `hinted` is what is not believed of others, and `asked` are
    operations to query; `opened` refunds and disputes, each with an operation of its payment; `unopened` those whose payment is not found;
    `waiting` those that a refund of ours may turn out to be; `received` money that no operation explains so far, `explained` money that one does.
    """

    believed: list[tuple[CallbackOutcome, OriginalAttempt]] = field(default_factory=list)
    hinted: list[tuple[NamedOperation, OriginalAttempt]] = field(default_factory=list)
    asked: list[OriginalAttempt] = field(default_factory=list)
    opened: list[tuple[Opened, OriginalAttempt]] = field(default_factory=list)
    unopened: list[Opened] = field(default_factory=list)
    waiting: list[Opened] = field(default_factory=list)
    received: list[ReceivedMoney] = field(default_factory=list)
    explained: list[ReceivedMoney] = field(default_factory=list)
    unmatched: list[Unmatched] = field(default_factory=list)

    @property
    def is_ours(self) -> bool:
        """Whether there is anything in it that goes on from here."""
        return any((self.believed, self.asked, self.opened, self.waiting, self.received, self.explained))


def storable(parsed: ParsedCallback) -> ParsedCallback:
    """The callback, as far as it can be stored: an id that cannot be is none of ours, and its hash is kept."""
    return _with(
        parsed,
        callback_id=holdable(parsed.callback_id),
        outcomes=_each(parsed.outcomes, _storable_outcome),
        confirmed=_each(parsed.confirmed, _storable_name),
        ask=_each(parsed.ask, _storable_name),
        opened=_each(parsed.opened, _storable_refund),
        received=_each(parsed.received, _storable_money),
        unmatched=_each(parsed.unmatched, _storable_unmatched),
    )


def addressed(parsed: ParsedCallback, about: Addressed | None) -> ParsedCallback:
    """The callback, with the operation named whose own address it came to, where it names none itself."""
    if about is None:
        return parsed
    return replace(
        parsed,
        outcomes=[_named(one, about.operation) for one in parsed.outcomes],
        confirmed=[_named(one, about.operation) for one in parsed.confirmed],
        ask=[_named(one, about.operation) for one in parsed.ask],
    )


def names_in(parsed: ParsedCallback) -> tuple[set[str], set[str]]:
    """The operation ids, and the provider's ids, by which attempts are to be looked for."""
    named = [*parsed.outcomes, *parsed.confirmed, *parsed.ask]
    operation_ids = {one.operation_id for one in named if one.operation_id is not None}
    references = {reference for one in named if one.operation_id is None for reference in _names_of(one)}
    references |= {reference for one in parsed.opened for reference in (one.reference, *one.about.values(), *one.own)}
    references |= {reference for one in parsed.received for reference in transactions(one) | purpose(one)}
    return operation_ids, references


class Originals:
    """The operations that several reports are about, by all that names them: each report is matched with those alone that it
    names, as if it had come by itself, and a hundred together cost a hundred times what one does.
    """

    def __init__(self, found: Iterable[OriginalAttempt]) -> None:
        self._by_id: dict[str, OriginalAttempt] = {}
        self._by_reference: defaultdict[str, list[str]] = defaultdict(list)
        for one in found:
            operation_id = one.operation.operation_id
            self._by_id[operation_id] = one
            for reference in one.ids | {claimed for _, claimed in one.claims}:
                self._by_reference[reference].append(operation_id)

    def named_in(self, parsed: ParsedCallback) -> dict[str, OriginalAttempt]:
        """Those that this one names, by operation id."""
        operation_ids, references = names_in(parsed)
        named = operation_ids.union(*(self._by_reference.get(one, ()) for one in references))
        return {one: self._by_id[one] for one in sorted(named & self._by_id.keys())}


def match(
    parsed: ParsedCallback,
    account: Account,
    originals: Mapping[str, OriginalAttempt],
    nameless_refunds: Sequence[OriginalAttempt] = (),
    *,
    believe: bool,
    about: str | None = None,
) -> MatchedCallback:
    """What the callback of this account reports of `originals`; without `believe`, outcomes only make us ask.

    `about` is the operation whose own address it came to: what is confirmed of that one is believed in any case.

    A refund that may be one of `nameless_refunds` waits until these are known.
    """
    ours = of_account(originals.values(), account)
    matched = MatchedCallback(unmatched=list(parsed.unmatched))
    for reported in (*parsed.outcomes, *parsed.confirmed):
        addressed = about is not None and reported.operation_id == about
        original = _found(reported, ours)
        if original is None or not (addressed or _may_be_about(reported, original)):
            _keep_unknown(matched, reported, ours)
        elif (believe or (addressed and reported in parsed.confirmed)) and not _is_of_another_amount(
            reported, original
        ):
            matched.believed.append((reported, original))
        else:
            matched.hinted.append((reported, original))
            matched.asked.append(original)
    for one in parsed.ask:
        found = _meant(one, ours)
        matched.hinted.extend((one, original) for original in found)
        matched.asked.extend(found)
        if not (found or one.perhaps):
            matched.unmatched.append(unknown_operation(one))
    for opened in parsed.opened:
        _match_opened(matched, opened, ours, nameless_refunds)
    for money in parsed.received:
        _match_money(matched, money, ours)
    return matched


def of_account(originals: Iterable[OriginalAttempt], account: Account) -> list[OriginalAttempt]:
    """Those of this account, and those of the same merchant that went to the same account at the provider under another label."""
    return [one for one in originals if _is_of(one, account)]


def is_known(money: ReceivedMoney, ours: Iterable[OriginalAttempt]) -> bool:
    """Whether it is the money of an operation of which it is known that its money moved.

    Where the provider may tell of a success without the transaction's id, it is known by that id alone.
    """
    named = {money.reference} if money.role else transactions(money)
    return any(_takes_money(one) and one.success is not None and named & one.given for one in ours)


def meant(money: ReceivedMoney, ours: Iterable[OriginalAttempt]) -> list[OriginalAttempt]:
    """The operations that take money and are named by the transaction or the purpose; else those of any kind that have the
    transaction; else those of which a hint has claimed that. Names of our own are purposes, which anybody may give.
    """
    ours = list(ours)
    takers = [one for one in ours if _takes_money(one) and (has_transaction(money, one) or purpose(money) & one.ids)]
    having = [one for one in ours if has_transaction(money, one)]
    return takers or having or [one for one in ours if _takes_money(one) and _is_claimed(money, one)]


def taker_of(money: ReceivedMoney, named: Sequence[OriginalAttempt]) -> OriginalAttempt | None:
    """Of these operations of one payment that are `meant`, the one that takes the money: the latest, for what confirms a
    charge or captures it comes after it. A purpose is a charge's: it says nothing of captures.
    """
    having = [one for one in named if has_transaction(money, one) and _takes_money(one)]
    takers = having or [one for one in named if kind_of(one.operation) in ("charge", "confirm")]
    return max(takers, key=lambda one: one.position, default=None)


def has_transaction(money: ReceivedMoney, original: OriginalAttempt) -> bool:
    """Whether the provider has named the operation by an id of this transaction."""
    return bool(transactions(money) & original.given)


def _is_claimed(money: ReceivedMoney, original: OriginalAttempt) -> bool:
    return bool(transactions(money) & {reference for _, reference in original.claims})


def transactions(money: ReceivedMoney) -> set[str]:
    """The provider's ids of the transaction."""
    return {money.reference, *money.references.values()}


def purpose(money: ReceivedMoney) -> set[str]:
    """What the customer gave as the purpose, if anything."""
    return {holdable(money.account_reference)} if money.account_reference else set()


def unknown_operation(reported: NamedOperation) -> Unmatched:
    """What is kept of a report about an operation that is none of ours."""
    main = reported.outcome.reference if isinstance(reported, CallbackOutcome) else None
    named = {"operation": reported.operation_id, MAIN: main, OWN: reported.own, **reported.references}
    known = {name: reference for name, reference in named.items() if reference}
    return Unmatched(f"malipo.{reported.kind}", _holdable(known))


def unknown_charge(opened: Opened) -> Unmatched:
    """What is kept of a refund or dispute whose charge is not found."""
    return Unmatched(opened.event_type, _holdable({**opened.about, opened.kind: opened.reference}), opened.amount)


def _keep_unknown(matched: MatchedCallback, reported: CallbackOutcome, ours: Sequence[OriginalAttempt]) -> None:
    """Keep the money that moved, or else the ids alone."""
    if reported.otherwise is None:
        matched.unmatched.append(unknown_operation(reported))
    else:
        _match_money(matched, reported.otherwise, ours)


def _match_money(matched: MatchedCallback, money: ReceivedMoney, ours: Sequence[OriginalAttempt]) -> None:
    known = is_known(money, ours)
    (matched.explained if known else matched.received).append(money)
    matched.asked.extend([] if known else [one for one in meant(money, ours) if one.success is None])


def _match_opened(
    matched: MatchedCallback, opened: Opened, ours: Sequence[OriginalAttempt], nameless: Sequence[OriginalAttempt]
) -> None:
    known = _by_references(opened.kind, [opened.reference, *opened.own], ours)
    own = [one for one in known if not one.opened]
    payments = {one.operation.payment_id: one for one in _by_references(None, opened.about.values(), ours)}
    perhaps = [one for one in nameless if one.operation.payment_id in payments and _may_be(one, opened)]
    if own:
        matched.asked.extend(own)  # a refund of ours after all, whose answer was perhaps lost
    elif perhaps:
        matched.asked.extend(perhaps)
        matched.waiting.append(opened)
    elif len(payments) == 1:
        if opened.kind == "dispute":  # reports overtake each other: what is true is asked
            matched.asked.extend(known)
        matched.opened.append((opened, next(iter(payments.values()))))
    else:
        matched.unopened.append(opened)


def _found(named: NamedOperation, ours: Sequence[OriginalAttempt]) -> OriginalAttempt | None:
    """The one operation that is meant; None for none, and for several."""
    if named.operation_id is None:
        found = _by_references(named.kind, _names_of(named), ours)
    else:
        found = [
            one
            for one in ours
            if (one.operation.operation_id, kind_of(one.operation)) == (named.operation_id, named.kind)
        ]
    return found[0] if len(found) == 1 else None


def _meant(named: NamedOperation, ours: Sequence[OriginalAttempt]) -> list[OriginalAttempt]:
    """The one operation to ask about; of what is perhaps ours all, as two payments may have saved the same method."""
    if named.perhaps:
        return _by_references(named.kind, named.references.values(), ours)
    original = _found(named, ours)
    return [original] if original else []


def _names_of(named: NamedOperation) -> set[str]:
    return {*named.references.values(), *filter(None, [named.own])}


def _by_references(
    kind: str | None, references: Iterable[str], ours: Iterable[OriginalAttempt]
) -> list[OriginalAttempt]:
    wanted = set(references)
    return [one for one in ours if kind in (None, kind_of(one.operation)) and wanted & one.ids]


def _may_be_about(reported: CallbackOutcome, original: OriginalAttempt) -> bool:
    """An operation whose object is known is not about another one, nor is one that we have called otherwise."""
    if reported.own is not None and (OWN, reported.own) not in original.references:
        return False
    reference = reported.outcome.reference
    named = {reference and holdable(reference), *reported.references.values()}
    return not original.given or bool(original.given & named)


def _is_of_another_amount(reported: CallbackOutcome, original: OriginalAttempt) -> bool:
    """Whether it is not of what was ordered: the answer to a query says what that means."""
    told = {reported.amount, reported.otherwise and reported.otherwise.amount} - {None}
    return bool(told - {getattr(original.operation, "amount", None)})


def _takes_money(original: OriginalAttempt) -> bool:
    return kind_of(original.operation) in _TAKE_MONEY


def _may_be(original: OriginalAttempt, opened: Opened) -> bool:
    return (
        opened.kind == "refund"
        and isinstance(original.operation, Refund)
        and original.operation.amount == opened.amount
    )


def _is_of(original: OriginalAttempt, account: Account) -> bool:
    operation = original.operation
    if (operation.merchant_id, operation.mode) != (account.merchant_id, account.mode):
        return False
    there = account.fingerprint is not None and original.account_fingerprint == account.fingerprint
    return there or operation.account == account.label


def _named[N: NamedOperation](named: N, operation: ProviderOperation) -> N:
    nameless = named.operation_id is None and named.kind == kind_of(operation)
    return replace(named, operation_id=operation.operation_id) if nameless else named


def _with[T: ParsedCallback | NamedOperation | ReceivedMoney](one: T, **storable: object) -> T:
    """The same object if it is storable as it is, as nearly all are: a copy of each, of which it is made, would be felt."""
    return one if all(getattr(one, name) == value for name, value in storable.items()) else replace(one, **storable)


def _each[T](some: Sequence[T], storable: Callable[[T], T]) -> Sequence[T]:
    found = [storable(one) for one in some]
    return some if all(map(is_, found, some)) else found


def _storable_name[N: NamedOperation](named: N) -> N:
    operation_id = None if named.operation_id is None else holdable(named.operation_id)
    own = None if named.own is None else holdable(named.own)
    return _with(named, operation_id=operation_id, references=_holdable(named.references), own=own)


def _storable_refund(one: Opened) -> Opened:
    own = [holdable(name) for name in one.own]
    return replace(one, reference=holdable(one.reference), about=_holdable(one.about), own=own)


def _storable_unmatched(one: Unmatched) -> Unmatched:
    return replace(one, event_type=holdable(one.event_type), references=_holdable(one.references))


def _storable_outcome(reported: CallbackOutcome) -> CallbackOutcome:
    otherwise = reported.otherwise and _storable_money(reported.otherwise)
    return _with(_storable_name(reported), otherwise=otherwise)


def _storable_money(money: ReceivedMoney) -> ReceivedMoney:
    given = money.account_reference
    return _with(
        money,
        reference=holdable(money.reference),
        references=_holdable(money.references),
        account_reference=given if given and holdable(given) == given else None,
        description=money.description if holdable(money.description) == money.description else "",
    )


def _holdable(references: Mapping[str, str]) -> dict[str, str]:
    some = list(references.items())[:_MAX_REFERENCES]
    return {holdable(name): holdable(reference) for name, reference in some}
