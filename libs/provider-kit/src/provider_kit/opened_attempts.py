"""Refunds that were begun at the provider itself: recorded by the first query of them, and only ever read about."""

from collections.abc import Mapping

from malipo.contracts.message import encode
from malipo.contracts.provider_commands import OpenedRefund, Query, Refund
from malipo.messaging.database import Database
from provider_kit.attempt_rows import OPENED, account_of
from provider_kit.references import rows

# Done from the start, so that nothing ever claims it: a command to carry it out finds that it is there already.
_RECORD = f"""
WITH opened AS (
    INSERT INTO attempts (id, operation_id, payment_id, merchant_id, kind, command, account, headers, reference, problem, done_at)
    VALUES ($1, $1, $2, $3, 'refund', $4, $5, $6, $7, '{OPENED}', now()) ON CONFLICT (id) DO NOTHING
)
INSERT INTO attempt_references (reference, attempt_id, role) VALUES ($8, $1, $9) ON CONFLICT DO NOTHING
"""  # noqa: S608 - text of ours


async def record(
    database: Database, query: Query, opened: OpenedRefund, reference: str, headers: Mapping[str, str]
) -> None:
    """Record the refund that the query is about under the provider's `reference` of it. A second time changes nothing."""
    refund = _refund(query, opened)
    row = refund.operation_id, refund.payment_id, refund.merchant_id, encode(refund), account_of(refund), headers
    [(kept, _, role)] = rows(refund.operation_id, reference, ())
    await database.write(_RECORD, *row, reference, kept, role)


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
