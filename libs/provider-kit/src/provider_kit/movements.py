"""Movements of an account's balance, as a statement shows them: told once, with the payment whose money it was."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import msgspec
from prometheus_client import Counter

from malipo import clock
from malipo.contracts.identity import account_name
from malipo.contracts.movements import OF_PAYMENTS, Movement, MovementsReported
from malipo.contracts.topics import MOVEMENTS
from malipo.messaging.database import Database
from malipo.messaging.unit_of_work import UnitOfWork
from provider_kit.attempt_rows import ACCOUNT_THERE
from provider_kit.credentials import Account
from provider_kit.references import holdable

_OURS = f"attempts.kind <> 'query' AND (attempts.account = $3 OR {ACCOUNT_THERE} = $4)"
_FIND = f"""
SELECT id AS name, id, kind, payment_id FROM attempts WHERE id = ANY($1::text[]) AND {_OURS}
UNION SELECT known.reference, id, kind, payment_id FROM attempt_references AS known
    JOIN attempts ON attempts.id = known.attempt_id WHERE known.reference = ANY($2::text[]) AND {_OURS}
"""  # noqa: S608 - text of ours
_SHOWN = ("refund", "dispute")
"""Kinds of operations that a movement may be of; a charge's is of the payment itself."""

READ = Counter(
    "malipo_provider_movements",
    "Movements of accounts' balances: `told` with their payment, `unexplained` of no payment that is known yet, `other` that are"
    " no payment's, as payouts, or `duplicate` for what was told before.",
    ("provider", "result"),
)


@dataclass(frozen=True, slots=True)
class Moved:
    """A movement that a statement shows. What it is about is known by our operation's id, or by any of the provider's ids.

    The movement's own `reference` is one of these. Its payment and operation are left open.
    """

    movement: Movement
    operation_id: str | None = None
    references: Collection[str] = ()


class _Found(NamedTuple):
    """An operation that a name is of."""

    id: str
    kind: str
    payment_id: str


class Movements:
    """Tells the movements of one provider's accounts, a page in one message: each once, and again when more is known of it.

    Safe against whatever dies: what was not committed is told when the statement is read again.
    """

    def __init__(self, provider: str, database: Database) -> None:
        self._provider = provider
        self._database = database

    async def take(self, account: Account, page: Sequence[Moved]) -> None:
        """Tell those that are new. `account` has its fingerprint."""
        if not page:
            return
        found = await self._found(account, page)
        there = account_name(account.merchant_id, account.mode, account.fingerprint or account.label)
        explained = [_explained(one, found) for one in page]
        named = {_message_id(there, movement): movement for movement in explained}
        new = await self._database.apply_once("movements", named, partial(self._tell, account))
        self._count("duplicate", len(named) - len(new))
        for name in new:
            self._count(_result(named[name]), 1)

    async def _tell(self, account: Account, unit: UnitOfWork, some: Sequence[Movement]) -> None:
        report = MovementsReported(
            merchant_id=account.merchant_id,
            mode=account.mode,
            provider=self._provider,
            account=account.label,
            movements=tuple(some),
            observed_at=clock.now(),
        )
        unit.send(MOVEMENTS, account.merchant_id, report)

    async def _found(self, account: Account, page: Sequence[Moved]) -> Mapping[str, Sequence[_Found]]:
        """The operations of this account by each name that the page has of them."""
        operations = {one.operation_id for one in page if one.operation_id is not None}
        references = set[str]().union(*map(_names, page))
        place = account.merchant_id, account.mode
        whose = account_name(*place, account.label), account_name(*place, account.fingerprint or "")
        rows = await self._database.reads.fetch(_FIND, sorted(operations), sorted(references), *whose)
        found = defaultdict[str, list[_Found]](list)
        for row in rows:
            found[row["name"]].append(_Found(row["id"], row["kind"], row["payment_id"]))
        return found

    def _count(self, result: str, number: int) -> None:
        if number:
            READ.labels(self._provider, result).inc(number)


def _explained(one: Moved, found: Mapping[str, Sequence[_Found]]) -> Movement:
    """The movement with the payment that it is of, and the refund or dispute: what is named by several payments is of none."""
    named = [taken for name in (one.operation_id or "", *_names(one)) for taken in found.get(name, ())]
    payments = {taken.payment_id for taken in named}
    if len(payments) != 1:
        return one.movement
    own = {holdable(one.movement.reference or ""), one.operation_id}
    shown = {taken.id for name in own for taken in found.get(name or "", ()) if taken.kind in _SHOWN}
    operation_id = shown.pop() if len(shown) == 1 else None
    return msgspec.structs.replace(one.movement, payment_id=payments.pop(), operation_id=operation_id)


def _names(one: Moved) -> Iterable[str]:
    given = {*one.references, one.movement.reference or ""}
    return {holdable(name) for name in given if name}


def _message_id(there: str, movement: Movement) -> str:
    """Another one when more is known: then it is told again."""
    return f"{there}/{movement.id}/{movement.operation_id or movement.payment_id or ''}"


def _result(movement: Movement) -> str:
    if movement.payment_id is not None:
        return "told"
    return "unexplained" if movement.kind in OF_PAYMENTS else "other"
