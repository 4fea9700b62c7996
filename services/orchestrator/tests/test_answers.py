"""What the provider's service has answered is kept, also where that makes no step. Real database."""

import pytest

from malipo import ids
from malipo.contracts.commands import CancelPayment, CapturePayment, RefundPayment
from malipo.contracts.outcomes import ActionRequired, Approval, Authorized, Pending, Unknown
from malipo.contracts.provider_commands import Query
from malipo.messaging.subscription import Received
from malipo.money import Money
from orchestrator import decisions, scheduler
from orchestrator.subscriptions import subscriptions

CAP_1, REF_1 = ids.new("cap"), ids.new("ref")
HELD = Authorized(amount=Money(1000, "USD"), reference="pi_1")
TO_APPROVE = ActionRequired(action=Approval("https://pay.test"), reference="pi_1")
UNKNOWN = Unknown(reason="timeout")


async def capture_in_doubt(orchestrator, make) -> str:
    """A payment whose capture was asked about in step 4."""
    create = make.create(capture="manual")
    await orchestrator.handle(create, make.report(create.payment_id, HELD))
    await orchestrator.handle(CapturePayment(payment_id=create.payment_id, capture_id=CAP_1))
    await orchestrator.handle(make.report(create.payment_id, UNKNOWN, "capture", CAP_1))
    return create.payment_id


async def unanswered(orchestrator) -> bool:
    return await orchestrator.database.reads.fetchval("SELECT unanswered FROM operations")


async def test_an_answer_that_is_no_news_is_an_answer(orchestrator, make):
    payment_id = await capture_in_doubt(orchestrator, make)
    with pytest.raises(decisions.Impossible, match=f"{CAP_1} may still be sent"):
        await decisions.decide(orchestrator.database, CAP_1, "failed", "The book shows none.", "Jo")
    same = make.report(payment_id, HELD, "capture", CAP_1, source="query", step=4)
    await orchestrator.handle(same)
    assert not await unanswered(orchestrator)
    await decisions.decide(orchestrator.database, CAP_1, "failed", "The book shows none.", "Jo")


@pytest.mark.parametrize("source", ["callback", "reconciliation"])
async def test_what_the_provider_was_not_asked_is_no_answer(orchestrator, make, source):
    payment_id = await capture_in_doubt(orchestrator, make)
    await orchestrator.handle(make.report(payment_id, HELD, "capture", CAP_1, source=source, step=4))
    assert await unanswered(orchestrator)


async def test_an_answer_about_a_pending_payment_that_is_no_news_is_an_answer(orchestrator, make):
    create = make.create()
    pending = make.report(create.payment_id, Pending(reference="pi_1"), source="callback")
    await orchestrator.handle(create, pending)
    assert (await orchestrator.payment(create.payment_id))["unanswered"]
    assert await orchestrator.handle(make.report(create.payment_id, UNKNOWN)) == []
    assert not (await orchestrator.payment(create.payment_id))["unanswered"]


async def test_an_answer_that_comes_while_another_replica_makes_a_step_is_kept(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, Pending(reference="pi_1"), source="callback"))
    cancel = CancelPayment(payment_id=create.payment_id, cancel_id=ids.new("can"))
    [subscription] = subscriptions()
    async with orchestrator.database.begin() as unit:  # reads, and then writes what it has read
        await subscription.handle(unit, [Received(cancel, ids.new("msg"), "topic", create.payment_id)])
        await orchestrator.handle(make.report(create.payment_id, UNKNOWN))
    payment = await orchestrator.payment(create.payment_id)
    assert (payment["step"], payment["unanswered"]) == (3, False)


async def test_what_waited_at_the_providers_service_can_be_decided_once_it_has_ended(orchestrator, make):
    create = make.create()
    refund = RefundPayment(payment_id=create.payment_id, refund_id=REF_1, amount_minor=None)
    await orchestrator.handle(create, make.paid(create.payment_id), refund)
    await orchestrator.database.write("UPDATE timers SET due_at = now()")
    await scheduler.tick(orchestrator.database)
    [query] = [message for message in await orchestrator.sent() if isinstance(message, Query)]
    with pytest.raises(decisions.Impossible, match=f"{REF_1} may still be sent"):
        await decisions.decide(orchestrator.database, REF_1, "failed", "The book shows none.", "Jo")
    end = make.report(create.payment_id, UNKNOWN, "refund", REF_1, step=query.step - 1, also_answers=query.step)
    await orchestrator.handle(end)
    await decisions.decide(orchestrator.database, REF_1, "failed", "The book shows none.", "Jo")


@pytest.mark.parametrize(
    ("meanwhile", "shown"), [(HELD, "authorized"), (TO_APPROVE, "requires_action")], ids=["held", "wants the customer"]
)
async def test_that_an_answer_was_lost_changes_nothing_of_what_was_told_meanwhile_but_has_the_provider_asked(
    orchestrator, make, meanwhile, shown
):
    create = make.create(capture="manual")
    await orchestrator.handle(create, make.report(create.payment_id, meanwhile, source="callback"))
    assert await orchestrator.handle(make.report(create.payment_id, UNKNOWN)) == []
    row = await orchestrator.payment(create.payment_id)
    assert (row["state"], row["unanswered"]) == (shown, False)
    await scheduler.tick(orchestrator.database)
    assert [one for one in await orchestrator.sent() if isinstance(one, Query)]
    await orchestrator.handle(make.report(create.payment_id, UNKNOWN, source="query"))
    assert (await orchestrator.payment(create.payment_id))["state"] == "in_doubt"
