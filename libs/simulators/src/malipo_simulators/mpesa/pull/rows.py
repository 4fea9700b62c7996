"""The rows of Pull Transactions: which payments of a shortcode show now, and how one is written."""

from collections.abc import Iterator
from datetime import UTC, datetime

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.money import as_text
from malipo_simulators.mpesa.state.ledger import Transaction
from malipo_simulators.mpesa.state.shortcodes import organisation
from malipo_simulators.mpesa.state.world import MpesaWorld
from malipo_simulators.mpesa.times import in_east_africa

KEPT_SECONDS = 48 * 3_600
WRITTEN = "%Y-%m-%dT%H:%M:%SZ"


def rows_between(world: MpesaWorld, code: str, start: int, end: int, missing_seconds: float) -> Iterator[Transaction]:
    """What customers have paid to this shortcode from `start` to `end` (Unix seconds, inclusive), oldest first.

    Nothing older than 48 hours shows, nothing that a test holds back, and nothing of the last `missing_seconds`.
    """
    now = world.clock.now()
    earliest = max(start, now - KEPT_SECONDS)
    latest = min(end, now - max(world.settings.pull_lag_seconds, missing_seconds))
    for one in world.ledger.of_shortcode(code):
        if one.incoming and earliest <= one.at <= latest and world.ledger.shows_from(one.receipt) <= now:
            yield one


def write_row(one: Transaction, *, in_utc: bool) -> Json:
    """`trxDate` is East Africa's time, although it ends in Z. Only what was paid to a PayBill has a reference."""
    at = datetime.fromtimestamp(one.at, UTC) if in_utc else in_east_africa(one.at)
    return {
        "transactionId": one.receipt,
        "trxDate": at.strftime(WRITTEN),
        "msisdn": int(one.msisdn.removeprefix("254")),
        "sender": "MPESA",
        "transactiontype": "c2b-buy-goods-debit" if one.to_till else "c2b-pay-bill-debit",
        "billreference": "" if one.to_till else one.reference,
        "amount": as_text(one.amount),
        "organizationname": organisation(one.credited),
    }
