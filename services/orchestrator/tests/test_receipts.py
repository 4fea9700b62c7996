"""Money under one id of the provider's is one payment's, in whatever ways and order it is reported. Real database."""

from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec.structs import replace as changed
from structlog.testing import capture_logs

from malipo import clock, ids
from malipo.contracts.commands import RefundPayment
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.identity import opened_id
from malipo.contracts.outcomes import Declined, PaymentReceived, Succeeded, Unknown, UnmatchedReported
from malipo.contracts.provider_commands import Refund
from malipo.contracts.providers import PROVIDERS
from malipo.money import Money
from orchestrator import decisions, suspense

USD_10, AT = Money(1000, "USD"), clock.now()
MONEY = {
    "merchant_id": "mer_1", "mode": "test", "provider": "stripe", "account": "default", "reference": "QK1",
    "amount": USD_10, "received_at": AT, "observed_at": AT,
}  # fmt: skip
RECEIVED = PaymentReceived(
    payment_id=opened_id("pay", AT, "mer_1/test/default", "stripe", "QK1"),
    method="card",
    account_reference="order 7",
    **MONEY,
)
UNMATCHED = UnmatchedReported(
    id=opened_id("sus", AT, "mer_1/test/default", "stripe", "QK1"), description="by hand", **MONEY
)
PAID = Succeeded(amount=USD_10, reference="QK1")


@pytest.fixture(autouse=True)
def receives(monkeypatch):
    """A provider that reports money of itself."""
    monkeypatch.setitem(PROVIDERS, "stripe", replace(PROVIDERS["stripe"], receives=True))


async def in_suspense(orchestrator) -> int:
    return len(await decisions.in_suspense(orchestrator.database))


async def test_money_of_a_charge_that_is_reported_in_other_ways_too_is_counted_once(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, PAID))
    assert await orchestrator.handle(RECEIVED, UNMATCHED) == []
    assert await in_suspense(orchestrator) == 0
    assert await orchestrator.database.reads.fetchval("SELECT count(*) FROM payments") == 1


@pytest.mark.parametrize("source", ["callback", "reconciliation"])
async def test_the_history_of_a_payment_by_hand_says_how_its_money_was_reported(orchestrator, source):
    [step] = await orchestrator.handle(changed(RECEIVED, source=source))
    assert (step.cause.source, step.payment.status) == (source, "completed")


async def test_money_in_suspense_is_explained_by_the_charge_that_reports_it(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, UNMATCHED)
    assert await in_suspense(orchestrator) == 1
    [done] = await orchestrator.handle(make.report(create.payment_id, PAID))
    assert done.payment.status == "completed"
    assert await in_suspense(orchestrator) == 0
    row = await orchestrator.database.reads.fetchrow("SELECT assigned_to, settled_by FROM suspense")
    assert tuple(row) == (create.payment_id, "malipo")


async def test_money_that_is_reported_in_both_ways_at_once_is_not_left_in_suspense(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create)
    await orchestrator.handle(make.report(create.payment_id, PAID), UNMATCHED)
    assert await in_suspense(orchestrator) == 0
    assert (await suspense.counted(orchestrator.database.reads))["stripe"] == (0, 0.0)


async def test_a_second_payment_of_one_charge_is_not_its_money_and_stays_in_suspense(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, PAID))
    second = changed(UNMATCHED, id="sus_second", reference="QK2")
    await orchestrator.handle(second)
    [told] = await orchestrator.handle(make.report(create.payment_id, changed(PAID, reference="QK2")))
    assert (told.contradiction, told.payment.amount_captured) == (True, 1000)
    assert [one.reference for one in await decisions.in_suspense(orchestrator.database)] == ["QK2"]


async def test_a_charge_that_reports_the_money_of_another_payment_is_a_contradiction(orchestrator, make):
    create = make.create()
    await orchestrator.handle(RECEIVED, create, make.report(create.payment_id, Unknown(reason="timeout")))
    for _ in range(2):
        [told] = await orchestrator.handle(make.report(create.payment_id, PAID, source="query", step=2))
        assert (told.contradiction, told.payment.status) == (True, "processing")
    await decisions.decide(orchestrator.database, create.payment_id, "failed", "The money is another's.", "Jo")
    assert [told.payment.status for told in await orchestrator.sent()] == ["failed"]


async def test_money_that_a_person_has_assigned_is_no_other_payments(orchestrator, make):
    create, other = make.create(), make.create()
    for one in (create, other):
        await orchestrator.handle(one, make.report(one.payment_id, Declined(code="x")))
    await orchestrator.handle(UNMATCHED)
    await decisions.assign(orchestrator.database, UNMATCHED.id, create.payment_id, "The receipt names it.", "Jo")
    await orchestrator.sent()
    assert await orchestrator.handle(RECEIVED) == []
    [told] = await orchestrator.handle(make.report(other.payment_id, PAID))
    assert (told.contradiction, told.payment.status) == (True, "failed")


async def test_money_that_a_payment_has_cannot_be_assigned_to_another(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, Declined(code="x")), UNMATCHED)
    await orchestrator.handle(RECEIVED)
    with pytest.raises(decisions.Impossible, match=r"there is no sus_\w+ in suspense"):
        await decisions.assign(orchestrator.database, UNMATCHED.id, create.payment_id, "It fits.", "Jo")


async def test_another_report_under_the_same_id_is_a_contradiction_and_no_repeat(orchestrator):
    await orchestrator.handle(RECEIVED, changed(UNMATCHED, id="sus_other", reference="QK2"))
    [told] = await orchestrator.handle(changed(RECEIVED, amount=Money(500, "USD")))
    assert (told.contradiction, told.payment.amount_captured) == (True, 1000)
    with capture_logs() as logs:
        await orchestrator.handle(changed(UNMATCHED, id="sus_other", reference="QK2", amount=Money(500, "USD")))
    assert [one["event"] for one in logs if one["log_level"] == "error"] == ["provider contradicts itself"]


async def test_money_that_a_person_settles_without_a_payment_is_no_longer_in_suspense(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, Declined(code="x")), UNMATCHED)
    await decisions.settle(orchestrator.database, UNMATCHED.id, "Given back at the till.", "Jo")
    await orchestrator.handle(UNMATCHED)
    assert await in_suspense(orchestrator) == 0
    assert (await suspense.counted(orchestrator.database.reads))["stripe"] == (0, 0.0)
    with pytest.raises(decisions.Impossible, match=r"there is no sus_\w+ in suspense"):
        await decisions.settle(orchestrator.database, UNMATCHED.id, "Once more.", "Jo")
    with pytest.raises(decisions.Impossible, match=r"there is no sus_\w+ in suspense"):
        await decisions.assign(orchestrator.database, UNMATCHED.id, create.payment_id, "It fits.", "Jo")


async def test_a_wrong_assignment_is_undone_by_deciding_that_the_payment_failed(orchestrator, make):
    wrong, right = make.create(), make.create()
    for one in (wrong, right):
        await orchestrator.handle(one, make.report(one.payment_id, Declined(code="x")))
    await orchestrator.handle(UNMATCHED)
    await decisions.assign(orchestrator.database, UNMATCHED.id, wrong.payment_id, "The receipt names it.", "Jo")
    await decisions.decide(orchestrator.database, wrong.payment_id, "failed", "The receipt names another.", "Jo")
    assert await in_suspense(orchestrator) == 1
    assigned = decisions.assign(orchestrator.database, UNMATCHED.id, right.payment_id, "This one.", "Jo")
    assert await assigned == "completed"
    assert await in_suspense(orchestrator) == 0


async def test_money_that_the_provider_has_reported_stays_the_payments_whatever_a_person_decides(orchestrator, make):
    create, other = make.create(), make.create()
    await orchestrator.handle(create, UNMATCHED, make.report(create.payment_id, PAID), other)
    await decisions.decide(
        orchestrator.database, create.payment_id, "failed", "It is not in the book.", "Jo", against_report=True
    )
    await orchestrator.sent()
    [told] = await orchestrator.handle(make.report(other.payment_id, PAID))
    assert told.contradiction
    assert await in_suspense(orchestrator) == 0


@pytest.mark.parametrize("way", ["received", "unmatched", "kept"])
async def test_another_amount_under_the_same_reference_is_a_contradiction_at_whatever_time_it_came(
    orchestrator, make, way
):
    create, later = make.create(), AT + timedelta(seconds=1)
    first = UNMATCHED if way == "kept" else make.report(create.payment_id, PAID)
    await orchestrator.handle(create, first)
    kind, field = ("pay", "payment_id") if way == "received" else ("sus", "id")
    later_id = opened_id(kind, later, "mer_1/test/default", "stripe", "QK1")
    report = RECEIVED if way == "received" else UNMATCHED
    again = changed(report, received_at=later, **{field: later_id})
    for amount, errors in ((USD_10, []), (Money(500, "USD"), ["provider contradicts itself"])):
        with capture_logs() as logs:
            assert await orchestrator.handle(changed(again, amount=amount)) == []
        assert [one["event"] for one in logs if one["log_level"] == "error"] == errors
    assert await in_suspense(orchestrator) == (way == "kept")


async def test_a_payment_that_reports_the_money_of_another_as_soon_as_it_is_made_is_told_as_a_contradiction(
    orchestrator, make
):
    create = make.create()
    await orchestrator.handle(RECEIVED)
    *_, told = await orchestrator.handle(create, make.report(create.payment_id, PAID))
    assert (told.contradiction, told.payment.status) == (True, "processing")


async def test_a_payment_that_was_paid_without_a_name_gets_it_with_its_money_and_its_refund_goes_out(
    orchestrator, make
):
    create, nameless = make.create(), Succeeded(amount=USD_10)
    await orchestrator.handle(create, UNMATCHED, make.report(create.payment_id, nameless, source="query"))
    refund = RefundPayment(payment_id=create.payment_id, refund_id=ids.new("ref"))
    assert not [one for one in await orchestrator.handle(refund) if isinstance(one, Refund)]
    named = make.report(create.payment_id, PAID, source="callback")
    sent = await orchestrator.handle(named)
    [out] = [one for one in sent if isinstance(one, Refund)]
    assert (out.operation_id, out.reference) == (refund.refund_id, "QK1")
    [step, _] = [one for one in sent if isinstance(one, PaymentTransitioned)]
    assert (step.cause.trigger, step.payment.provider_reference, step.public_event) == ("named", "QK1", None)
    assert await in_suspense(orchestrator) == 0
    assert await orchestrator.handle(named, make.report(create.payment_id, nameless, source="query")) == []
    assert (await orchestrator.payment(create.payment_id))["reference"] == "QK1"


async def test_a_name_that_is_another_payments_is_none_of_a_payment_that_lacks_its_own(orchestrator, make):
    first, second = make.create(), make.create()
    await orchestrator.handle(first, second, make.report(first.payment_id, PAID))
    await orchestrator.handle(make.report(second.payment_id, Succeeded(amount=USD_10), source="query"))
    [step] = await orchestrator.handle(make.report(second.payment_id, PAID))
    assert (step.contradiction, step.payment.provider_reference) == (True, None)
