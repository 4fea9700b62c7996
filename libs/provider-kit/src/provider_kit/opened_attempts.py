"""Operations that were begun at the provider itself: refunds, and payments by hand. Recorded here, and only ever read about."""

from collections.abc import Mapping

import msgspec

from malipo.contracts.commands import PaymentMethod
from malipo.contracts.identity import charge_id
from malipo.contracts.message import encode
from malipo.contracts.outcomes import PaymentReceived, Succeeded
from malipo.contracts.provider_commands import Charge, OpenedRefund, Query, Refund
from malipo.messaging.database import Database
from malipo.messaging.unit_of_work import UnitOfWork
from provider_kit.attempt_rows import OPENED, account_of
from provider_kit.provider import Named, ReceivedMoney, kind_of
from provider_kit.references import KEEP, columns, rows

# Done from the start, so that nothing ever claims it: a command to carry it out finds that it is there already.
_RECORD = f"""
WITH opened AS (
    INSERT INTO attempts (id, operation_id, payment_id, merchant_id, kind, command, account, headers, reference, outcome, problem, done_at)
    VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, '{OPENED}', now()) ON CONFLICT (id) DO NOTHING
)
{KEEP.text.format(names=KEEP.names, arrays=KEEP.arrays(10))}
"""  # noqa: S608 - text of ours


async def record(
    database: Database, query: Query, opened: OpenedRefund, reference: str, headers: Mapping[str, str]
) -> None:
    """Record the refund that the query is about under the provider's `reference` of it. A second time changes nothing."""
    await database.write(_RECORD, *_row(_refund(query, opened), reference, headers))


async def record_received(unit: UnitOfWork, report: PaymentReceived, money: ReceivedMoney) -> None:
    """Record the payment that this money is, so that what becomes of the money is known as the payment's."""
    role = [(money.role, money.reference)] if money.role else []
    known = _row(_charge(report), money.reference, {}, *role, *money.references.items(), success=_success(report))
    await unit.transaction.execute(_RECORD, *known)


def _row(
    operation: Charge | Refund,
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


def _refund(query: Query, opened: OpenedRefund) -> Refund:
    """The command that nobody has given: what a provider needs to know of an operation that it is asked about."""
    return Refund(
        payment_id=query.payment_id,
        operation_id=query.operation_id,
        merchant_id=query.merchant_id,
        mode=query.mode,
        config_version=query.config_version,
        step=query.step,
        account=query.account,
        client_ref=query.client_ref,
        reference=opened.charge or "",
        amount=opened.amount,
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
