"""Nobody says how late a transaction may show in a statement: all that is shown is read again and again."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from malipo.contracts.outcomes import Pending, Succeeded, Unknown
from malipo.money import Money
from provider_kit.provider import CallbackOutcome, NamedOperation, ParsedCallback, ReceivedMoney

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


async def test_a_row_about_an_operation_whose_question_was_not_answered_asks_again_when_it_is_read_again(
    kit, reader, make
):
    done = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
    kit.provider.script = [Unknown(reason="silence"), Unknown(reason="http 500", silent=True), done]
    await kit.handle(make.charge())
    await kit.run()
    reader.statement.rows = [ParsedCallback("tx_1", ask=[NamedOperation(kind="charge", operation_id="pay_1.1")])]
    for _ in range(2):
        await reader.look()
        assert await kit.run() == 1
        await reader.make_due()
    assert (await kit.outcomes())[-1] == done


async def test_a_row_that_tells_an_outcome_and_asks_for_more_asks_again_until_that_is_answered(kit, reader, make):
    done = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
    kit.provider.script = [Unknown(reason="silence"), Unknown(reason="http 500", silent=True), done]
    await kit.handle(make.charge())
    await kit.run()
    told = CallbackOutcome(kind="charge", operation_id="pay_1.1", outcome=done)
    ask = NamedOperation(kind="charge", operation_id="pay_1.1")
    reader.statement.rows = [ParsedCallback("tx_1", outcomes=[told], ask=[ask])]
    for queries in (1, 1, 0):
        await reader.look()
        assert await kit.run() == queries
        await reader.make_due()
    sources = [one.source for one in await kit.reports()]
    assert sources == ["attempt", "reconciliation", "query", "query"], "the outcome is told once"


async def test_a_row_whose_question_was_answered_asks_no_more_so_that_the_next_row_may(kit, reader, make):
    kit.provider.script = [Unknown(reason="silence"), *[Pending(reference="obj_1")] * 2]
    await kit.handle(make.charge())
    await kit.run()
    ask = [NamedOperation(kind="charge", operation_id="pay_1.1")]
    for row, queries in (("tx_1/P", 1), ("tx_1/P", 0), ("tx_1/P", 0), ("tx_1/D", 1), ("tx_1/D", 0)):
        reader.statement.rows = [ParsedCallback(row, ask=ask)]
        await reader.look()
        assert await kit.run() == queries
        await reader.make_due()


async def test_a_row_about_no_operation_of_ours_is_kept_and_alerted_once_however_often_it_is_read(kit, reader):
    reader.statement.rows = [ParsedCallback("tx_1", ask=[NamedOperation(kind="charge", operation_id="pay_9.1")])]
    with capture_logs() as lines:
        for _ in range(2):
            await reader.look()
            await reader.make_due()
    assert [line["event"] for line in lines].count("unmatched callback") == 1
    assert await kit.run() == 0
