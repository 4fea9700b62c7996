"""A success may be told without a name of the provider's: its money names it, whoever tells of that, and once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from malipo.contracts.outcomes import (
    ActionRequired,
    Declined,
    OutcomeReported,
    Pending,
    PhonePrompt,
    Succeeded,
    Unknown,
    UnmatchedReported,
)
from malipo.money import Money
from provider_kit.looking import LookingAgain
from provider_kit.provider import CallbackOutcome, ParsedCallback, ReceivedMoney
from provider_kit.received import Explaining

USD_10 = Money(1000, "USD")
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
BY_HAND = ReceivedMoney(
    reference="tx_2", amount=USD_10, method="phone", received_at=AT, account_reference="ORDER7", role="receipt"
)


@pytest.fixture
def kit(kit):
    """A provider whose requests name an operation by a purpose of ours."""
    kit.provider.descriptor = replace(kit.provider.descriptor, own_references=lambda _: ("ORDER7",))
    kit.__post_init__()
    return kit


async def charged(kit, make, *script) -> None:
    kit.provider.script = list(script)
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()


async def kept(kit) -> int:
    """How much is still looked at."""
    return await kit.database.reads.fetchval("SELECT count(*) FROM received_money WHERE look_at IS NOT NULL")


async def test_a_success_that_was_told_without_any_name_is_named_once_by_its_money(kit, make):
    prompt = ActionRequired(action=PhonePrompt("2547*****12"))
    await charged(kit, make, prompt, Succeeded(amount=USD_10))
    await kit.handle(make.query())
    await kit.run()
    assert await kit.outcomes() == [Succeeded(amount=USD_10)]
    await kit.money_came(BY_HAND, "evt_1")
    (named,) = await kit.look_at_money()
    assert (named.operation_id, named.outcome) == ("pay_1.1", Succeeded(amount=USD_10, reference="tx_2"))
    assert (await kit.attempts.original("pay_1.1")).reference == "tx_2"
    await kit.money_came(BY_HAND, "evt_2")
    assert (await kit.look_at_money(), await kept(kit)) == ([], 0)
    await kit.money_came(replace(BY_HAND, reference="tx_3"), "evt_3")
    (told,) = await kit.look_at_money()
    assert (told.reference, told.points_at) == ("tx_3", "pay_1")


async def test_two_rows_that_could_name_one_success_name_it_once_also_where_two_replicas_judge_them(kit, make):
    await charged(kit, make, Succeeded(amount=USD_10))
    await kit.money_came(BY_HAND, "evt_1")
    await kit.money_came(replace(BY_HAND, reference="tx_3"), "evt_2")
    await kit.sql("UPDATE received_money SET look_at = now()")
    judges = [LookingAgain(Explaining("fake"), lambda: None) for _ in range(2)]
    for judge in judges:
        judge._look = judge._look.replace("LIMIT $1", "LIMIT least($1, 1)")
    await asyncio.gather(*(judge.look(kit.database) for judge in judges))
    told = {type(one) for one in await kit.reports()}
    assert told == {OutcomeReported, UnmatchedReported}


async def test_a_success_whose_name_a_claim_has_told_before_is_named_by_its_money_no_second_time(
    kit, make, monkeypatch
):
    async def query(attempt):
        attempt.references.note("receipt", "tx_2")
        return Succeeded(amount=USD_10, reference="tx_2")

    await charged(kit, make, Succeeded(amount=USD_10))
    monkeypatch.setattr(kit.provider, "query", query)
    await kit.handle(make.query())
    await kit.run()
    assert await kit.outcomes() == [Succeeded(amount=USD_10, reference="tx_2")]
    await kit.money_came(BY_HAND, "evt_1")
    assert (await kit.look_at_money(), await kept(kit)) == ([], 0)


NAMELESS = replace(BY_HAND, account_reference=None)


async def claimed(kit, receipt: str = "tx_2", operation_id: str = "pay_1.1") -> None:
    """A hint says that this receipt is the operation's."""
    hint = CallbackOutcome(kind="charge", operation_id=operation_id, references={"receipt": receipt}, outcome=Pending())
    parsed = ParsedCallback(f"hint/{operation_id}", [hint])
    await kit.door.take(await kit.credentials.by_id("cred_1"), parsed, believed=False)


@pytest.mark.parametrize("purpose", [None, "the number of a till"])
async def test_money_whose_id_a_hint_has_claimed_for_a_charge_ends_its_doubt(kit, make, purpose):
    await charged(kit, make, Unknown(reason="silence"), Declined(code="1037"), Declined(code="1037"))
    await claimed(kit)
    await kit.run()
    await kit.reports()
    await kit.money_came(replace(NAMELESS, account_reference=purpose), "evt_1")
    assert await kit.look_at_money() == []
    await kit.run()
    await kit.reports()
    (told,) = await kit.look_at_money()
    assert (told.operation_id, told.outcome) == ("pay_1.1", Succeeded(amount=USD_10, reference="tx_2"))


async def test_a_claim_alone_names_nothing(kit, make):
    await charged(kit, make, Succeeded(amount=USD_10), Succeeded(amount=USD_10))
    await claimed(kit)
    await kit.run()
    assert await kit.outcomes() == [Succeeded(amount=USD_10)]
    await kit.money_came(NAMELESS, "evt_1")
    (told,) = await kit.look_at_money()
    assert told.outcome.reference == "tx_2"


@pytest.mark.parametrize(("amount", "points_at"), [(999, "pay_1"), (1000, None)])
async def test_claimed_money_of_another_amount_or_for_two_payments_is_for_a_person(kit, make, amount, points_at):
    await charged(kit, make, Declined(code="1037"))
    await claimed(kit)
    if points_at is None:
        kit.provider.script = [Declined(code="1037")] * 3
        await kit.handle(make.charge(2))
        await kit.run()
        await claimed(kit, operation_id="pay_2.1")
    while await kit.run():
        await kit.reports()
    await kit.money_came(replace(NAMELESS, amount=Money(amount, "USD")), "evt_1")
    while await kit.run():
        await kit.reports()
    (told,) = await kit.look_at_money(minutes=2)
    assert isinstance(told, UnmatchedReported)
    assert told.points_at == points_at
