"""What a statement does not show: an operation that is asked about is told for how long after it the statement is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from malipo.contracts.outcomes import Unknown
from malipo.money import Money
from provider_kit.provider import ParsedCallback, ReceivedMoney

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
NAME = "OURNAMEOFIT1"


@pytest.fixture
async def asked(kit, make, reader):
    """A charge that was sent an hour ago to an account whose statement is known from three hours ago to half an hour ago."""
    kit.provider.descriptor = replace(kit.provider.descriptor, callbacks="hint", own_references=lambda _: (NAME,))
    kit.__post_init__()
    await reader.statements.admit(kit.database)
    await kit.sql("UPDATE statements SET covered_since = now() - interval '3 hours', proved_at = now()")
    await kit.handle(make.charge())
    await kit.die_after_sending()
    await kit.age_keys(hours=1)
    kit.provider.script = [Unknown(reason="no name")] * 2

    async def ask() -> timedelta | None:
        await kit.run()
        await kit.handle(make.query())
        await kit.run()
        return kit.provider.queried[-1].ages.statement_for

    return ask


async def test_the_statement_is_known_from_the_charge_to_where_it_was_read(asked):
    assert (await asked()).total_seconds() == pytest.approx(1800, abs=30)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE statements SET covered_since = now() - interval '50 minutes'",
        "UPDATE statements SET credential_id = NULL",
        "UPDATE attempts SET account_fingerprint = 'of another account'",
        "DELETE FROM statements",
        "UPDATE statements SET proved_at = NULL",
    ],
    ids=[
        "it was not read then",
        "it is read no more",
        "the charge went to another account",
        "there is none",
        "it has named nothing of ours",
    ],
)
async def test_of_what_was_not_read_nothing_is_known(kit, asked, change):
    await kit.sql(change)
    assert await asked() is None


async def test_money_that_names_the_charge_is_judged_first(kit, asked):
    money = ReceivedMoney(
        reference="tx_1", amount=Money(1000, "USD"), method="phone", received_at=AT, account_reference=NAME
    )
    await kit.money_came(money, "fetched/tx_1")
    assert await asked() is None


async def test_where_a_statement_has_a_gap_it_is_known_from_there_on(kit, reader, asked):
    await reader.cover(hours=50)
    await reader.read_due()
    gap_ended = await kit.database.reads.fetchval("SELECT now() - covered_since FROM statements")
    assert gap_ended.total_seconds() == pytest.approx(48 * 3600, abs=60)
    await kit.age_keys(hours=48)
    assert await asked() is None


async def shown(kit, reader, purpose: str | None) -> None:
    """The statement shows a payment with this purpose."""
    money = ReceivedMoney(
        reference="tx_1", amount=Money(1000, "USD"), method="phone", received_at=AT, account_reference=purpose
    )
    reader.statement.rows = [ParsedCallback("tx_1", received=[money])]
    await reader.make_due()
    await reader.read_due()


async def proved(kit) -> bool:
    return await kit.database.reads.fetchval("SELECT proved_at IS NOT NULL FROM statements")


async def test_a_statement_is_known_to_work_once_it_has_named_a_payment_of_ours(kit, reader, asked):
    await kit.sql("UPDATE statements SET proved_at = NULL")
    for purpose in (None, "order 7", "OURNAMEOFIT2"):
        await shown(kit, reader, purpose)
        assert not await proved(kit)
    await shown(kit, reader, NAME)
    assert await proved(kit)
    await shown(kit, reader, None)
    assert await proved(kit)


async def test_what_was_read_no_more_has_to_be_proved_anew(kit, make, reader, asked):
    await kit.configure(make.configured(version=2, credentials=b'{"secret": "s", "statement": false}'))
    other = reader.another()
    await other.look()
    await kit.configure(make.configured(version=3))
    await other.statements.admit(kit.database)
    assert not await proved(kit)


async def test_money_that_shows_when_its_charge_was_declined_for_want_of_it_is_found(kit, reader, asked):
    """The charge was sent an hour ago, and paid at once; the provider shows it only now."""
    reader.statement.ago = timedelta(minutes=59)
    await reader.make_due()
    await reader.read_due()
    assert await asked() > timedelta(minutes=20)
    money = ReceivedMoney(
        reference="tx_1", amount=Money(1000, "USD"), method="phone", received_at=AT, account_reference=NAME
    )
    reader.statement.rows = [ParsedCallback("tx_1", received=[money])]
    await reader.read_all_again()
    assert await kit.database.reads.fetchval("SELECT count(*) FROM received_money") == 1
