"""Nobody says how late a transaction may show in a statement: all that is shown is read again and again."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from malipo.money import Money
from provider_kit.provider import ParsedCallback, ReceivedMoney

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
MONEY = ReceivedMoney(reference="tx_2", amount=Money(1000, "USD"), method="phone", received_at=AT)
BY_HAND = ParsedCallback("tx_2", received=[MONEY])


def late() -> float:
    labels = {"provider": "fake", "result": "late"}
    return REGISTRY.get_sample_value("malipo_provider_statement_transactions_total", labels) or 0


@pytest.mark.parametrize("ago", [timedelta(minutes=40), timedelta(hours=20), timedelta(hours=46)], ids=str)
async def test_a_transaction_that_shows_later_than_is_usual_is_found_within_the_hour_and_counted(kit, reader, ago):
    reader.statement.rows, reader.statement.ago = [], ago
    await reader.look()
    reader.statement.rows = [BY_HAND]
    before = late()
    with capture_logs() as lines:
        await reader.read_all_again()
    assert late() == before + 1
    assert [line["event"] for line in lines].count("transaction showed late") == 1
    assert await kit.database.reads.fetchval("SELECT count(*) FROM received_money") == 1
    await reader.read_all_again()
    assert late() == before + 1
