"""What was never sent can be withdrawn; what may have been sent cannot."""

import pytest
from msgspec.structs import replace

from malipo import ids
from malipo.contracts.outcomes import Canceled, OutcomeReported
from malipo.contracts.provider_commands import Withdraw
from malipo.messaging.subscription import Received
from provider_kit.attempts import LeaseLost
from provider_kit.errors import NotSent
from provider_kit.handlers import handle_batch

WITHDRAW = Withdraw(
    payment_id="pay_1", operation_id="pay_1.1", merchant_id="mer_1", mode="test", config_version=1, step=4
)


async def handle(kit, *messages) -> None:
    async with kit.database.begin() as unit:
        batch = [Received(one, ids.new("msg"), "topic", one.payment_id) for one in messages]
        await handle_batch("fake", kit.attempts, kit.runner.work, unit, batch)


async def withdrawn(kit) -> list[OutcomeReported]:
    return [report for report in await kit.reports() if getattr(report, "outcome", None) == Canceled()]


async def test_a_charge_that_waits_for_a_provider_that_is_away_is_withdrawn_and_never_sent(kit, make):
    await handle(kit, make.charge())
    (claimed,) = await kit.claim()
    await kit.postpone(claimed, seconds=60)
    await handle(kit, WITHDRAW)
    [report] = await withdrawn(kit)
    assert (report.payment_id, report.operation_id, report.kind, report.step) == ("pay_1", "pay_1.1", "charge", 4)
    await kit.make_due()
    assert await kit.claim() == []


async def test_a_charge_and_its_withdrawal_that_come_together_end_unsent_and_others_are_recorded(kit, make):
    await handle(kit, make.charge(), make.charge(2), WITHDRAW)
    assert len(await withdrawn(kit)) == 1
    assert [claimed.id for claimed in await kit.claim()] == ["pay_2.1"]


async def test_a_charge_that_a_process_is_about_to_send_is_withdrawn_before_it_is_marked_as_sent(kit, make):
    await handle(kit, make.charge())
    (claimed,) = await kit.claim()
    await handle(kit, WITHDRAW)
    with pytest.raises(LeaseLost):
        await kit.mark(claimed)
    assert len(await withdrawn(kit)) == 1


async def test_what_may_have_been_sent_is_not_withdrawn(kit, make):
    await handle(kit, make.charge())
    (claimed,) = await kit.claim()
    await kit.mark(claimed)
    await handle(kit, WITHDRAW)
    assert await withdrawn(kit) == []
    assert (await kit.row("pay_1.1"))["done_at"] is None


@pytest.fixture
def withdrawn_while_it_is_sent(kit, monkeypatch):
    """The provider cannot be reached, and meanwhile the customer changes his mind."""

    async def execute(attempt):
        await handle(kit, WITHDRAW)
        raise NotSent("no connection", retry_after_seconds=1)

    monkeypatch.setattr(kit.provider, "execute", execute)


@pytest.mark.usefixtures("withdrawn_while_it_is_sent")
async def test_a_charge_that_is_withdrawn_during_a_try_that_was_not_sent_is_not_tried_again(kit, make):
    await handle(kit, make.charge(), make.refund())
    await kit.run()
    [report] = await kit.reports()
    assert (report.outcome, report.operation_id, report.kind, report.step) == (Canceled(), "pay_1.1", "charge", 4)
    row = await kit.row("pay_1.1")
    assert (row["outcome"], row["first_sent_at"], row["problem"]) == (
        {"result": "Canceled"},
        None,
        None,
    )
    await kit.make_due()
    assert [claimed.id for claimed in await kit.claim()] == ["ref_1"]  # what waited behind it
    await handle(kit, WITHDRAW)
    assert await kit.reports() == []


@pytest.mark.usefixtures("withdrawn_while_it_is_sent")
async def test_a_charge_that_an_earlier_try_may_have_sent_goes_on_although_this_one_was_not_sent(kit, make):
    await handle(kit, make.charge())
    await kit.die_after_sending()
    await kit.run()
    assert await withdrawn(kit) == []
    row = await kit.row("pay_1.1")
    assert (row["done_at"], row["withdrawn_step"]) == (None, 4)
    await kit.make_due()
    assert [claimed.id for claimed in await kit.claim()] == ["pay_1.1"]


async def test_a_withdrawal_that_comes_twice_or_of_an_unknown_charge_is_reported_once(kit, make):
    await handle(kit, WITHDRAW)
    assert await withdrawn(kit) == []
    await handle(kit, make.charge(), WITHDRAW)
    await handle(kit, WITHDRAW)
    assert len(await withdrawn(kit)) == 1


async def test_a_charge_that_comes_again_after_its_withdrawal_is_not_sent(kit, make):
    await handle(kit, make.charge())
    await handle(kit, WITHDRAW)
    await handle(kit, make.charge())
    assert await kit.claim() == []


async def test_a_confirm_that_waits_for_a_provider_that_is_away_is_withdrawn_and_never_sent(kit, make):
    await handle(kit, make.charge())
    await kit.run()
    await kit.reports()
    await handle(kit, make.confirm())
    (claimed,) = await kit.claim()
    await kit.postpone(claimed, seconds=60)
    await handle(kit, replace(WITHDRAW, operation_id="pay_1.1.c1", kind="confirm"))
    [report] = await withdrawn(kit)
    assert (report.payment_id, report.operation_id, report.kind, report.step) == ("pay_1", "pay_1.1.c1", "confirm", 4)
    await kit.make_due()
    await handle(kit, make.confirm())
    assert await kit.claim() == []


async def test_a_confirm_that_may_have_been_sent_is_not_withdrawn(kit, make):
    await handle(kit, make.confirm())
    (claimed,) = await kit.claim()
    await kit.mark(claimed)
    await handle(kit, replace(WITHDRAW, operation_id="pay_1.1.c1", kind="confirm"))
    assert await withdrawn(kit) == []
    assert (await kit.row("pay_1.1.c1"))["done_at"] is None


async def test_a_refund_of_the_payment_is_no_charge_and_stays(kit, make):
    await handle(kit, make.refund(1))
    await handle(kit, replace(WITHDRAW, operation_id="ref_1"))
    assert [claimed.id for claimed in await kit.claim()] == ["ref_1"]


async def test_a_refund_that_waits_for_a_provider_that_is_away_is_withdrawn_and_never_sent(kit, make):
    await handle(kit, make.refund())
    (claimed,) = await kit.claim()
    await kit.postpone(claimed, seconds=60)
    await handle(kit, replace(WITHDRAW, operation_id="ref_1", kind="refund"))
    [report] = await withdrawn(kit)
    assert (report.operation_id, report.kind, report.step) == ("ref_1", "refund", 4)
    await kit.make_due()
    assert await kit.claim() == []
