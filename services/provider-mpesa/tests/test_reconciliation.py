"""What no callback has told, the statement does: doubts end, ends are corrected, money by hand is told, each once."""

import asyncio
from datetime import timedelta

import pytest
from mpesa_replica import Replica

from malipo.contracts.outcomes import (
    ActionRequired,
    Declined,
    OutcomeReported,
    PaymentReceived,
    Succeeded,
    Unknown,
    UnmatchedReported,
)
from malipo.contracts.providers.mpesa import own_reference
from malipo.messaging.database import Database
from malipo.money import Money
from testkit.waiting import until

PAYS, CANCELS, PAYS_LATE = "254700000000", "254700000001", "254700000030"
KES_10 = Money(1000, "KES")
PULL = "/pulltransactions/v1/query"


@pytest.fixture
async def replica(new_database, pool_of, mpesa) -> Replica:
    database = Database()
    database.use(await pool_of(new_database("provider_mpesa")))
    replica = Replica(mpesa, database)
    await replica.configure()
    await replica.statements.admit(database)
    return replica


async def paid(replica: Replica, phone: str = PAYS):
    """A prompt that its customer pays, and whose callback is lost; returns the operation and the receipt."""
    await replica.mpesa.fault("webhook_drop")
    operation = await replica.charge(phone)
    await until(replica.mpesa.book, what="the payment")
    (prompt,) = await replica.mpesa.prompts()
    return operation, prompt["receipt"]


async def settle(replica: Replica) -> None:
    """The statement is read, and what it says is looked at until it is known what it is."""
    await replica.read()
    await replica.explain()


async def kept(replica: Replica) -> list[str]:
    """The receipts of money that is looked at."""
    return [row["reference"] for row in await replica.database.reads.fetch("SELECT reference FROM received_money")]


async def asked(replica: Replica) -> int:
    """How many pages of statements M-Pesa has been asked for."""
    return len((await replica.mpesa.http.get("/_sim/requests", params={"path": PULL})).json())


async def test_a_silent_prompt_that_was_paid_is_completed_by_the_statement(replica, mpesa):
    await mpesa.fault("answer_lost", match={"path": "/mpesa/stkpush/v1/processrequest"})
    operation, receipt = await paid(replica)
    assert [one.silent for one in await replica.outcomes(operation)] == [True]
    await replica.ask(operation)
    assert [one.reason for one in await replica.outcomes(operation)] == ["M-Pesa's name of the prompt is not known"]
    await settle(replica)
    reports = [one for one in await replica.reports() if isinstance(one, OutcomeReported)]
    assert [(one.outcome, one.source) for one in reports if one.source != "query"] == [
        (Succeeded(amount=KES_10, reference=receipt), "reconciliation")
    ]


async def test_a_success_without_a_receipt_is_named_by_the_statement(replica):
    operation, receipt = await paid(replica)
    await replica.ask(operation)
    waiting, success = await replica.outcomes(operation)
    assert (type(waiting), success) == (ActionRequired, Succeeded(amount=KES_10))
    await settle(replica)
    assert await replica.outcomes(operation) == [Succeeded(amount=KES_10, reference=receipt)]
    await replica.cover(hours=1)
    await settle(replica)
    assert await replica.reports() == []


async def test_what_was_declined_and_paid_after_all_is_corrected(replica):
    operation = await replica.charge(CANCELS)
    await replica.ask(operation)
    await until(lambda: ended(replica, operation), what="the end")
    await replica.reports()
    receipt = await replica.by_hand(10, own_reference(operation.operation_id))
    await settle(replica)
    assert (await replica.outcomes(operation))[-1] == Succeeded(amount=KES_10, reference=receipt)


async def ended(replica: Replica, operation) -> bool:
    await replica.ask(operation)
    return any(isinstance(one, Declined) for one in await replica.outcomes(operation))


async def test_a_prompt_that_timed_out_and_was_paid_all_the_same_succeeds(replica, mpesa):
    operation = await replica.charge(PAYS_LATE)
    assert await until(lambda: doubted(replica, operation), what="the doubt") == "result 1037"
    await until(mpesa.book, seconds=20, what="the late payment")
    await settle(replica)
    (prompt,) = await mpesa.prompts()
    assert (await replica.outcomes(operation))[-1] == Succeeded(amount=KES_10, reference=prompt["receipt"])


async def doubted(replica: Replica, operation) -> str | None:
    await replica.ask(operation)
    doubts = [one.reason for one in await replica.outcomes(operation) if isinstance(one, Unknown)]
    return doubts[-1] if doubts else None


async def test_money_by_hand_is_told_under_what_the_customer_typed(replica):
    receipt = await replica.by_hand(25, "INV-204")
    await settle(replica)
    assert await replica.reports() == []  # an answer of ours may be under way that has the receipt
    await replica.grow_old(minutes=2)
    await replica.explain()
    told = [one for one in await replica.reports() if isinstance(one, PaymentReceived)]
    assert [(one.account_reference, one.reference, one.amount) for one in told] == [
        ("INV-204", receipt, Money(2500, "KES"))
    ]
    await replica.cover(hours=1)
    await settle(replica)
    assert await replica.reports() == []


async def test_another_amount_under_a_payments_reference_is_for_a_person(replica):
    operation, _ = await paid(replica)
    await replica.ask(operation)
    await settle(replica)
    await replica.reports()
    await replica.by_hand(7, own_reference(operation.operation_id))
    await settle(replica)
    told = [one for one in await replica.reports() if isinstance(one, UnmatchedReported)]
    assert [(one.points_at, one.amount) for one in told] == [(operation.payment_id, Money(700, "KES"))]


async def test_a_payment_that_was_told_by_its_callback_is_no_second_one(replica, mpesa):
    operation = await replica.charge(PAYS)
    await until(lambda: mpesa.receiver.posted, what="the callback")
    (prompt,) = await mpesa.prompts()
    await replica.sql(
        "INSERT INTO attempt_references (reference, attempt_id, role) VALUES ($1, $2, 'receipt')",
        prompt["receipt"],
        operation.operation_id,
    )
    await replica.ask(operation)
    await replica.reports()
    await settle(replica)
    await replica.grow_old(minutes=2)
    await settle(replica)
    assert await replica.reports() == []


async def test_a_payment_that_shows_late_is_found_within_the_half_hour_that_is_read_again(replica, mpesa):
    receipt = await replica.by_hand(30, "INV-9")
    await mpesa.control(f"transactions/{receipt}/hold_back", seconds=1200)
    await settle(replica)
    assert await kept(replica) == []
    await mpesa.control(f"transactions/{receipt}/hold_back", seconds=0)
    await settle(replica)
    assert await kept(replica) == [receipt]


async def test_what_a_till_was_paid_is_taken_once_its_prompts_callback_has_had_its_time(replica, monkeypatch):
    receipt = await replica.by_hand(5, reference=None)
    await replica.read()
    assert await kept(replica) == []
    monkeypatch.setattr("provider_mpesa.statement_rows.NAMELESS_WAITS", timedelta())
    await replica.read()
    assert await kept(replica) == [receipt]
    await replica.grow_old(minutes=2)
    await replica.explain()
    told = [one for one in await replica.reports() if isinstance(one, UnmatchedReported)]
    assert [(one.reference, one.points_at) for one in told] == [(receipt, None)]


async def test_an_outage_of_thirty_hours_is_caught_up_with(replica, mpesa):
    receipts = [await replica.by_hand(amount, f"INV-{amount}") for amount in range(1, 4)]
    await replica.cover(hours=30)
    looks = await replica.read()
    assert looks == 15
    assert sorted(await kept(replica)) == sorted(receipts)


@pytest.mark.parametrize("quirk", ["pull_empty_as_error", "pull_flat", "pull_spaced_keys", "pull_utc"])
async def test_however_m_pesa_writes_its_statements_they_are_read(replica, mpesa, quirk):
    receipt = await replica.by_hand()
    await mpesa.fault(quirk, times=2, match={"path": PULL})
    await settle(replica)
    assert await kept(replica) == [receipt]
    assert await replica.database.reads.fetchval("SELECT failures FROM statements") == 0


async def test_a_used_up_quota_is_waited_for_by_all_and_alerts_nobody_yet(replica, mpesa):
    await mpesa.fault("quota_violation", match={"path": PULL})
    await replica.read()
    row = await replica.database.reads.fetchrow("SELECT failures, due_at - now() AS wait FROM statements")
    assert row["failures"] == 1
    assert 50 < row["wait"].total_seconds() <= 60
    before = await asked(replica)
    assert before == 1
    await replica.sql("UPDATE statements SET due_at = now()")
    other = replica.another()
    (cursor,) = await other.statements._cursors.claim(other.lease, 10, [])
    await other.statements.look(cursor)
    assert await asked(replica) == before


async def test_a_process_that_dies_between_two_pages_is_followed_by_one_that_reads_all(replica, mpesa):
    receipts = [await replica.by_hand(1, f"INV-{number}") for number in range(130)]
    (cursor,) = await replica.claim()
    replica.statement._pause_seconds = 3600
    reading = asyncio.create_task(replica.statements.look(cursor))
    await until(lambda: at_least(replica, 100), what="the first page")
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await replica.sql("UPDATE pauses SET next_turn_at = now()")
    other = replica.another()
    assert await other.read() == 0
    await other.sql("UPDATE statements SET lease_until = now() - interval '1 second'")
    assert await other.read() == 1
    assert sorted(await kept(other)) == sorted(receipts)


async def at_least(replica: Replica, number: int) -> bool:
    return len(await kept(replica)) >= number
