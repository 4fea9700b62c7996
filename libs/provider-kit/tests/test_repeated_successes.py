"""A success that the operation was answered with goes no further than here when the provider tells it of itself, too."""

from datetime import UTC, datetime

import pytest

from malipo.contracts.outcomes import Authorized, Declined, Outcome, Pending, Reversed, Succeeded, Unknown
from malipo.money import Money
from provider_kit.provider import CallbackOutcome, ParsedCallback, ReceivedMoney

USD_10 = Money(1000, "USD")
DONE = Succeeded(amount=USD_10, reference="obj_1")
HELD = Authorized(amount=USD_10, reference="obj_1")
MONEY = ReceivedMoney(
    reference="tx_2",
    amount=USD_10,
    method="phone",
    received_at=datetime(2026, 11, 28, tzinfo=UTC),
    account_reference="ORDER7",
    role="receipt",
)


async def answered(kit, command, outcome: Outcome) -> None:
    """The operation was carried out, and its answer reported."""
    kit.provider.script = [outcome]
    await kit.handle(command)
    await kit.run()
    await kit.reports()


async def take(kit, outcome: Outcome, operation_id: str = "pay_1.1", kind: str = "charge", **references: str) -> str:
    told = CallbackOutcome(operation_id=operation_id, kind=kind, outcome=outcome, references=references)
    return await kit.door.take(await kit.credentials.by_id("cred_1"), ParsedCallback("evt_1", [told]))


async def reminders(kit) -> int:
    return await kit.database.reads.fetchval("SELECT count(*) FROM reminders")


@pytest.mark.parametrize("answer", [DONE, HELD])
async def test_what_repeats_the_answer_is_stored_once_and_told_nobody_now_or_later(kit, make, answer):
    await answered(kit, make.charge(), answer)
    assert [await take(kit, answer), await take(kit, answer)] == ["stored", "duplicate"]
    assert (await kit.reports(), await reminders(kit)) == ([], 0)


async def test_of_a_refund_it_is_the_same(kit, make):
    refund = make.refund()
    await answered(kit, refund, Succeeded(amount=refund.amount, reference="re_1"))
    assert await take(kit, Succeeded(amount=refund.amount, reference="re_1"), refund.operation_id, "refund") == "stored"
    assert await kit.reports() == []


@pytest.mark.parametrize(
    ("answer", "news"),
    [
        (HELD, DONE),
        (DONE, Succeeded(amount=USD_10, reference="obj_1", payer="j...@example.com")),
        (DONE, Reversed(code="R01", reference="obj_1")),
        (Pending(reference="obj_1"), DONE),
        (Unknown(reason="timeout"), DONE),
        (Declined(code="no", reference="obj_1"), Declined(code="no", reference="obj_1")),
    ],
)
async def test_what_says_anything_else_is_told_and_so_is_every_end_without_money(kit, make, answer, news):
    await answered(kit, make.charge(), answer)
    assert await take(kit, news) == "stored"
    assert (await kit.outcomes(), await reminders(kit)) == ([news], 2)


async def test_another_amount_is_no_repeat(kit, make):
    await answered(kit, make.charge(), DONE)
    await take(kit, Succeeded(amount=Money(1001, "USD"), reference="obj_1"))
    assert await kit.outcomes() == [Unknown(reason="amount_mismatch", reference="obj_1")]


async def test_what_comes_before_the_answer_is_told_and_so_is_the_answer(kit, make):
    await kit.handle(make.charge())
    await kit.die_after_sending()
    assert await take(kit, DONE) == "stored"
    await kit.run()
    assert [(one.source, one.outcome) for one in await kit.reports()] == [("callback", DONE), ("attempt", DONE)]


async def test_a_repeat_is_stored_with_the_ids_that_only_it_gives(kit, make):
    await answered(kit, make.charge(), DONE)
    await take(kit, DONE, charge="ch_1")
    assert "ch_1" in (await kit.attempts.original("pay_1.1")).ids


async def test_where_the_answer_was_lost_on_its_way_the_query_finds_it_although_its_repeat_was_dropped(kit, make):
    await answered(kit, make.charge(), DONE)
    await take(kit, DONE)
    await kit.handle(make.charge(), make.query(step=2))  # as the orchestrator does when its deadline has passed
    await kit.run()
    assert [(one.source, one.step, one.outcome) for one in await kit.reports()] == [("query", 2, DONE)]
    assert len(kit.provider.executed) == 1


async def test_of_money_that_came_by_itself_no_answer_was_reported_so_that_its_success_is_told(kit):
    await kit.money_came(MONEY, "evt_0")
    (came,) = await kit.look_at_money(minutes=2)
    paid = Succeeded(amount=USD_10, reference="tx_2")
    assert await take(kit, paid, f"{came.payment_id}.1") == "stored"
    assert await kit.outcomes() == [paid]
