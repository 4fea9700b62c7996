"""Statements: read by one process at a time, and known as far as all is stored that is in them, whatever dies when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from malipo.contracts.config import MerchantConfigured
from malipo.contracts.outcomes import (
    Declined,
    OperationOpened,
    OutcomeReported,
    PaymentReceived,
    Succeeded,
    Unknown,
)
from malipo.messaging.executor import Lease
from malipo.money import Money
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.looking import LookingAgain
from provider_kit.opened import OpenedOperations
from provider_kit.provider import CallbackOutcome, Opened, ParsedCallback, ReceivedMoney
from provider_kit.statement import Stretch

USD_10 = Money(1000, "USD")
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
PAID = Succeeded(amount=USD_10, reference="tx_1")
REPORT = ParsedCallback("tx_1", [CallbackOutcome(kind="charge", operation_id="pay_1.1", outcome=PAID)])
BY_HAND = ParsedCallback(
    "tx_2", received=[ReceivedMoney(reference="tx_2", amount=USD_10, method="phone", received_at=AT)]
)


@pytest.fixture
def kit(kit):
    """A provider whose callbacks are hints."""
    kit.provider.descriptor = replace(kit.provider.descriptor, callbacks="hint")
    kit.__post_init__()
    return kit


@pytest.fixture
def reader(reader):
    """A process that reads a statement of two transactions."""
    reader.statement.rows = [REPORT, BY_HAND]
    return reader


async def in_doubt(kit, make) -> None:
    kit.provider.script = [Unknown(reason="silence")]
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()


async def ages(kit) -> list[float]:
    """In minutes, by the accounts' names."""
    rows = await kit.database.reads.fetch(
        "SELECT extract(epoch FROM now() - covered_until) AS age FROM statements ORDER BY account"
    )
    return [round(float(row["age"]) / 60) for row in rows]


async def due_in(kit) -> float:
    return float(await kit.database.reads.fetchval("SELECT extract(epoch FROM due_at - now()) FROM statements"))


def shown_age() -> float:
    return REGISTRY.get_sample_value("malipo_provider_statement_age_seconds", {"provider": "fake"}) or 0


def gaps() -> float:
    return REGISTRY.get_sample_value("malipo_provider_statement_gaps_total", {"provider": "fake"}) or 0


def labelled(make, **others: bytes | None) -> MerchantConfigured:
    """The merchant's account `default`, and others under these labels."""
    more = [
        make.credential(id=f"cred_{label}", label=label, credentials=credentials)
        for label, credentials in others.items()
    ]
    return MerchantConfigured(merchant_id="mer_1", version=2, credentials=(make.credential(), *more))


async def test_each_transaction_is_taken_once_however_often_it_is_read(kit, make, reader):
    await in_doubt(kit, make)
    assert await reader.look() == 1
    (told,) = await kit.reports()
    assert isinstance(told, OutcomeReported)
    assert (told.operation_id, told.outcome, told.source) == ("pay_1.1", PAID, "reconciliation")
    assert await kit.database.reads.fetchval("SELECT count(*) FROM received_money") == 1
    await reader.make_due()
    assert await reader.look() == 1
    assert await kit.reports() == []


async def test_what_is_read_is_believed_though_a_callback_of_the_same_id_was_a_hint(kit, make, reader):
    await in_doubt(kit, make)
    await kit.door.take(await kit.credentials.by_id("cred_1"), REPORT, believed=False)
    assert await kit.reports() == []
    await reader.look()
    assert await kit.outcomes() == [PAID]


async def test_what_is_read_is_told_as_such_also_when_it_is_known_only_later_what_it_is(kit, make, reader):
    purpose = replace(BY_HAND.received[0], account_reference="order 7")
    ours = replace(purpose, reference="tx_3", account_reference="P1")
    refund = Opened(
        event_type="refund", reference="re_1", about={"object": "tx_1"}, amount=USD_10, opened_at=AT,
        outcome=Succeeded(amount=USD_10, reference="re_1"),
    )  # fmt: skip
    kit.provider.descriptor = replace(kit.provider.descriptor, own_references=lambda _: ("P1",))
    kit.__post_init__()
    await in_doubt(kit, make)
    reader.statement.rows = [ParsedCallback("tx_2", received=[purpose, ours]), ParsedCallback("re_1", opened=[refund])]
    await reader.look()
    kit.provider.script = [Declined(code="1037")]
    await kit.run()
    await kit.reports()
    await kit.sql("UPDATE unmatched SET look_at = now()")
    await kit.sql("INSERT INTO attempt_references VALUES ('tx_1', 'pay_1.1', 'object')")
    await LookingAgain(OpenedOperations("fake"), lambda: None).look(kit.database)
    told = {type(one): one.source for one in await kit.look_at_money(minutes=2)}
    assert told == dict.fromkeys((OutcomeReported, PaymentReceived, OperationOpened), "reconciliation")


async def test_a_new_account_begins_as_far_back_as_a_transaction_may_show_late(kit, reader):
    await reader.look()
    ((_, stretch),) = reader.statement.asked
    late = stretch.until - stretch.since
    assert late.total_seconds() == pytest.approx(reader.statement.terms.lateness.total_seconds(), abs=20)
    assert await ages(kit) == [30]
    assert 50 < await due_in(kit) <= 60


async def test_what_breaks_off_half_way_is_read_again_and_taken_once(kit, make, reader):
    await in_doubt(kit, make)
    reader.statement.rows = [REPORT, NotSent("away"), BY_HAND]
    await reader.look()
    await reader.cover(hours=2)
    await reader.look()
    assert await kit.outcomes() == [PAID]
    assert await ages(kit) == [120]
    assert await kit.database.reads.fetchval("SELECT count(*) FROM received_money") == 0
    reader.statement.rows = [REPORT, BY_HAND]
    await reader.make_due()
    await reader.look()
    assert await kit.outcomes() == []
    assert await ages(kit) == [30]
    assert await kit.database.reads.fetchval("SELECT count(*) FROM received_money") == 1


async def test_a_process_that_dies_before_it_says_how_far_it_came_is_followed_by_one_that_reads_the_same(
    kit, make, reader
):
    await in_doubt(kit, make)
    await reader.statements.admit(kit.database)
    (cursor,) = await reader.claim()
    await reader.statements._read(await kit.credentials.by_id("cred_1"), Stretch(AT, AT, AT), proved=False)
    other = reader.another([REPORT])
    assert await other.look() == 0
    await kit.sql("UPDATE statements SET lease_until = now() - interval '1 second'")
    assert await other.look() == 1
    assert other.statement.asked[0][1].since == cursor.known.covered_until
    assert await kit.outcomes() == [PAID]


async def test_two_replicas_read_an_account_one_at_a_time(kit, reader):
    other = reader.another()
    await reader.statements.admit(kit.database)
    await other.statements.admit(kit.database)
    claimed = [await reader.claim(), await other.claim()]
    assert [len(some) for some in claimed] == [1, 0]
    await kit.sql("UPDATE statements SET lease_until = now() + interval '1 second'")
    await reader.statements._cursors.renew(Lease("run_1", 60), ["mer_1/test/" + claimed[0][0].account_fingerprint])
    assert await kit.database.reads.fetchval("SELECT lease_until > now() + interval '30 seconds' FROM statements")


async def test_a_process_that_lost_its_lease_moves_nothing_on(kit, reader):
    await reader.statements.admit(kit.database)
    await reader.cover(hours=2)
    (slow,) = await reader.claim()
    await kit.sql("UPDATE statements SET lease_token = 'another process'")
    await reader.statements.look(slow)
    assert await ages(kit) == [120]


async def test_an_outage_of_thirty_hours_is_caught_up_with_in_stretches(kit, reader):
    await reader.statements.admit(kit.database)
    await reader.cover(hours=30)
    looks = 0
    while await reader.read_due():
        looks += 1
        assert await due_in(kit) <= (10 if looks < 5 else 60)
        await kit.sql("UPDATE statements SET due_at = now() WHERE covered_until < now() - interval '31 minutes'")
    stretches = [stretch for _, stretch in reader.statement.asked]
    assert looks == len(stretches) == 5
    assert all(one.until - one.since <= reader.statement.terms.longest for one in stretches)
    assert all(one.until >= following.since for one, following in pairwise(stretches))
    assert await ages(kit) == [30]


async def test_the_age_of_a_statement_is_shown_and_alerted_before_anything_can_be_missed(kit, reader):
    await reader.statements.admit(kit.database)
    levels = []
    for hours in (23, 25, 25, 37):
        await reader.cover(hours=hours)
        with capture_logs() as lines:
            await reader.statements.admit(kit.database)
            await reader.statements.admit(kit.database)
        levels.append([line["log_level"] for line in lines if line["event"] == "statement not read"])
        assert shown_age() == pytest.approx(hours * 3600, abs=60)
        if hours == 25 and len(levels) == 3:
            await kit.sql("UPDATE statements SET alerted_at = now() - interval '2 hours'")
    assert levels == [[], ["warning"], [], ["error"]]
    while await reader.read_due():
        await kit.sql("UPDATE statements SET due_at = now() WHERE covered_until < now() - interval '31 minutes'")
    await reader.statements.admit(kit.database)
    assert shown_age() == pytest.approx(1800, abs=60)


async def test_what_the_provider_shows_no_more_is_counted_and_named(kit, reader):
    await reader.statements.admit(kit.database)
    await reader.cover(hours=50)
    before = gaps()
    with capture_logs() as lines:
        await reader.read_due()
    (missed,) = [line for line in lines if line["event"] == "statement missed"]
    gap = datetime.fromisoformat(missed["until"]) - datetime.fromisoformat(missed["since"])
    assert gap.total_seconds() == pytest.approx(2 * 3600, abs=60)
    assert gaps() == before + 1


async def test_an_account_that_cannot_be_read_stops_no_other_and_is_tried_again_later(kit, make, reader):
    await kit.configure(labelled(make, till=b'{"secret": "t"}'))
    reader.statement.rows = [Misconfigured("no such short code")]
    with capture_logs() as lines:
        assert await reader.look() == 2
    assert [line["error"] for line in lines if line["log_level"] == "warning"] == ["no such short code"] * 2
    waits = []
    for _ in range(6):
        waits.append(await kit.database.reads.fetchval("SELECT max(due_at) - now() FROM statements"))
        await reader.make_due()
        await reader.look()
    assert [round(wait.total_seconds() / 60) for wait in waits] == [1, 2, 4, 8, 15, 15]
    reader.statement.rows = []
    await reader.make_due()
    await reader.look()
    assert await ages(kit) == [30, 30]


async def test_an_account_is_left_alone_for_as_long_as_its_provider_demands(kit, reader):
    reader.statement.rows = [NotSent("quota", retry_after_seconds=300)]
    await reader.look()
    assert 290 < await due_in(kit) <= 300


async def test_what_is_refused_each_time_is_asked_less_and_less_often_however_soon_its_provider_would_be_asked(
    kit, reader
):
    for _ in range(4):
        reader.statement.rows = [NotSent("two access tokens refused", retry_after_seconds=5)]
        await reader.make_due()
        await reader.look()
    assert await due_in(kit) > 300


async def test_a_bug_in_a_statement_is_an_error_whose_text_nobody_logs(kit, reader):
    reader.statement.rows = [ValueError("0712 345 678")]
    with capture_logs() as lines:
        await reader.look()
    assert [(line["log_level"], line["error"]) for line in lines] == [("error", "ValueError")]


async def test_labels_of_one_account_at_the_provider_are_read_once(kit, make, reader):
    await kit.configure(labelled(make, shop=None))
    assert await reader.look() == 1
    assert [label for label, _ in reader.statement.asked] == ["default"]
    await kit.configure(
        MerchantConfigured(merchant_id="mer_1", version=3, credentials=(make.credential(id="cred_shop", label="shop"),))
    )
    await reader.make_due()
    assert await reader.look() == 1
    assert [label for label, _ in reader.statement.asked] == ["default", "shop"]
    assert await ages(kit) == [30]


async def test_what_was_read_by_one_label_is_no_news_when_another_one_is_read(kit, make, reader):
    await reader.look()
    shop = make.credential(id="cred_shop", label="shop")
    await kit.configure(MerchantConfigured(merchant_id="mer_1", version=3, credentials=(shop,)))
    await reader.make_due()
    assert await reader.look() == 1
    labels = await kit.database.reads.fetch("SELECT label FROM received_money")
    assert [row["label"] for row in labels] == ["default"]


@pytest.mark.parametrize("purpose", ["P1", None])
async def test_what_one_label_reads_is_no_second_payment_where_another_label_of_the_account_was_paid(
    kit, make, reader, purpose
):
    kit.provider.descriptor = replace(kit.provider.descriptor, own_references=lambda _: ("P1",))
    kit.__post_init__()
    await kit.configure(labelled(make, till=None))
    kit.provider.script = [PAID]
    await kit.handle(make.charge(account="till"))
    await kit.run()
    await kit.reports()
    money = replace(BY_HAND.received[0], reference="tx_1", account_reference=purpose, role="receipt")
    reader.statement.rows = [ParsedCallback("tx_1", received=[money])]
    assert await reader.look() == 1
    assert [label for label, _ in reader.statement.asked] == ["default"]
    assert await kit.look_at_money(minutes=2) == []


async def test_a_label_that_is_of_another_account_by_now_does_not_move_the_former_one_on(kit, make, reader):
    await reader.statements.admit(kit.database)
    await reader.cover(hours=3)
    await kit.configure(make.configured(version=2, credentials=b'{"secret": "of another"}'))
    await reader.read_due()
    assert await ages(kit) == [180]
    assert reader.statement.asked == []
    await reader.look()
    assert sorted(await ages(kit)) == [30, 180]
    assert shown_age() < 3600


async def test_an_account_without_a_statement_is_not_read(kit, make, reader):
    await kit.configure(make.configured(version=2, credentials=b'{"secret": "s", "statement": false}'))
    assert await reader.look() == 0
    assert shown_age() == 0


async def test_an_account_that_was_deleted_and_comes_back_goes_on_where_it_was(kit, make, reader):
    await reader.look()
    await kit.configure(MerchantConfigured(merchant_id="mer_1", version=2))
    await reader.look()
    await reader.cover(hours=5)
    assert await reader.look() == 0
    assert shown_age() == 0
    await kit.configure(make.configured(version=3))
    await reader.statements.admit(kit.database)
    assert await ages(kit) == [300]


async def test_one_that_comes_back_after_what_was_missed_shows_no_more_begins_anew(kit, make, reader):
    await reader.look()
    await kit.configure(MerchantConfigured(merchant_id="mer_1", version=2))
    await reader.look()
    await reader.cover(hours=50)
    await kit.configure(make.configured(version=3))
    await reader.statements.admit(kit.database)
    assert await ages(kit) == [30]


async def test_credentials_that_cannot_be_opened_go_on_ageing(kit, reader):
    await reader.look()
    await reader.cover(hours=26)
    await kit.sql("UPDATE credentials SET ciphertext = 'k9:none'")
    kit.credentials._forget()
    await reader.look()
    assert shown_age() == pytest.approx(26 * 3600, abs=60)


async def test_what_cannot_be_read_once_more_holds_up_nothing_new(kit, reader):
    await reader.look()
    await kit.sql("UPDATE statements SET covered_since = now() - interval '3 days'")
    reader.statement.rows, reader.statement.ago = [NotSent("away")], timedelta(hours=47, minutes=30)
    await reader.cover(minutes=35)
    with capture_logs() as lines:
        await reader.read_due()
    assert [line["event"] for line in lines] == ["statement cannot be read"]
    assert await ages(kit) == [30]
    assert 50 < await due_in(kit) <= 60


async def test_what_was_written_down_by_a_clock_that_was_ahead_is_not_waited_for(kit, reader):
    await reader.look()
    ahead = "now() + interval '3 hours'"
    await kit.sql(f"UPDATE statements SET covered_until = {ahead}, due_at = {ahead}, looked_at = {ahead}")
    with capture_logs() as lines:
        assert await reader.read_due() == 1
    assert [(line["event"], line["log_level"]) for line in lines] == [("statement read anew", "error")]
    assert await ages(kit) == [30]
