"""Operations that were begun at the provider itself: refunds, disputes, payments by hand. Recorded here, and only ever read about."""

from collections.abc import Mapping, Sequence

import msgspec

from malipo.contracts.commands import PaymentMethod
from malipo.contracts.identity import PREFIXES, charge_id, opened_id
from malipo.contracts.message import encode
from malipo.contracts.outcomes import PaymentReceived, Succeeded
from malipo.contracts.provider_commands import BaseCommand, Charge, OpenedOperation, Query, Refund
from malipo.messaging.database import Database
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write
from malipo.money import Money
from provider_kit.attempt_rows import OPENED, OriginalAttempt, account_of
from provider_kit.disputes import Dispute
from provider_kit.provider import Named, Opened, ReceivedMoney, kind_of
from provider_kit.references import KEEP, columns, in_order, rows
from provider_kit.tables import ATTEMPTS

# Done from the start, so that nothing ever claims it: a command to carry it out finds that it is there already.
_RECORD = f"""
WITH opened AS (
    INSERT INTO attempts (id, operation_id, payment_id, merchant_id, kind, command, account, headers, reference, outcome, problem, done_at)
    VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, '{OPENED}', now()) ON CONFLICT (id) DO NOTHING
)
{KEEP.text.format(names=KEEP.names, arrays=KEEP.arrays(10))}
"""  # noqa: S608 - text of ours
_KEEP_DISPUTES = Write(
    f"""INSERT INTO attempts ({{names}}, problem, done_at) SELECT new.*, '{OPENED}', now()
FROM unnest({{arrays}}) AS new ({{names}}) ON CONFLICT (id) DO NOTHING""",  # noqa: S608 - text of ours
    [
        ATTEMPTS.c[name]
        for name in (
            "id",
            "operation_id",
            "payment_id",
            "merchant_id",
            "kind",
            "command",
            "account",
            "headers",
            "reference",
        )
    ],
)


async def record(
    database: Database, query: Query, opened: OpenedOperation, reference: str, headers: Mapping[str, str]
) -> None:
    """Record the refund or dispute that the query is about under the provider's `reference` of it. A second time changes nothing."""
    operation = _opened(query, query.operation_id, opened.charge or "", opened.amount, dispute=query.kind == "dispute")
    await database.write(_RECORD, *_row(operation, reference, headers))


def keep_disputes(unit: UnitOfWork, provider: str, found: Sequence[tuple[Opened, OriginalAttempt]]) -> None:
    """Put these disputes, each with an operation of its payment, into the unit of work, so that their provider can be asked about
    them from now on. A second time changes nothing.
    """
    kept = dict(_dispute_row(provider, *one) for one in found if one[0].kind == "dispute")
    unit.put(_KEEP_DISPUTES, [row for _, row in sorted(kept.items())])
    unit.put(KEEP, in_order([named for name, row in kept.items() for named in rows(name, str(row[-1]), ())]))


def _dispute_row(provider: str, one: Opened, original: OriginalAttempt) -> tuple[str, Sequence[object]]:
    """The operation's id, and its row in the order of `_KEEP_DISPUTES`."""
    about = original.operation
    operation_id = opened_id(PREFIXES["dispute"], one.opened_at, about.payment_id, provider, one.reference)
    charge = next(iter(one.about.values()), "")
    assert one.amount is not None, "a dispute is over an amount"
    dispute = _opened(about, operation_id, charge, one.amount, dispute=True)
    owner = operation_id, operation_id, about.payment_id, about.merchant_id
    return operation_id, (*owner, "dispute", encode(dispute), account_of(dispute), original.headers, one.reference)


async def record_received(
    unit: UnitOfWork, report: PaymentReceived, money: ReceivedMoney, headers: Mapping[str, str]
) -> None:
    """Record the payment that this money is, so that what becomes of the money is known as the payment's, in its trace."""
    role = [(money.role, money.reference)] if money.role else []
    known = _row(_charge(report), money.reference, headers, *role, *money.references.items(), success=_success(report))
    await unit.transaction.execute(_RECORD, *known)


def _row(
    operation: Charge | Refund | Dispute,
    reference: str,
    headers: Mapping[str, str],
    *others: Named,
    success: Succeeded | None = None,
) -> list[object]:
    """The arguments of `_RECORD`."""
    owner = operation.operation_id, operation.payment_id, operation.merchant_id, kind_of(operation)
    outcome = success and msgspec.to_builtins(success)
    known = columns(rows(operation.operation_id, reference, others))
    return [*owner, encode(operation), account_of(operation), headers, reference, outcome, *known]


def _opened(about: BaseCommand, operation_id: str, charge: str, amount: Money, *, dispute: bool) -> Refund | Dispute:
    """The command that nobody has given: what a provider needs to know of an operation that it is asked about."""
    made = Dispute if dispute else Refund
    return made(
        payment_id=about.payment_id,
        operation_id=operation_id,
        merchant_id=about.merchant_id,
        mode=about.mode,
        config_version=about.config_version,
        step=about.step,
        account=about.account,
        client_ref=about.client_ref,
        reference=charge,
        amount=amount,
    )


def _charge(report: PaymentReceived) -> Charge:
    """The command that nobody has given. It relies on no configuration."""
    return Charge(
        payment_id=report.payment_id,
        operation_id=charge_id(report.payment_id, 1),
        merchant_id=report.merchant_id,
        mode=report.mode,
        config_version=0,
        step=1,
        account=report.account,
        client_ref=report.account_reference,
        amount=report.amount,
        method=PaymentMethod(type=report.method),
        capture="automatic",
    )


def _success(report: PaymentReceived) -> Succeeded:
    return Succeeded(amount=report.amount, reference=report.reference)
