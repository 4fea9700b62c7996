"""What others have begun, and what persons decide, against a real database."""

from datetime import timedelta
from functools import partial

import pytest
from asyncpg import NotNullViolationError
from msgspec.structs import replace
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from typer.testing import CliRunner

from malipo import clock, ids
from malipo.contracts.commands import RefundPayment
from malipo.contracts.events import PaymentTransitioned, event_body
from malipo.contracts.identity import opened_id
from malipo.contracts.outcomes import (
    Declined,
    OperationOpened,
    PaymentReceived,
    Pending,
    Succeeded,
    Unknown,
    UnmatchedReported,
)
from malipo.contracts.provider_commands import Charge, Refund
from malipo.money import Money
from orchestrator import console, decisions, scheduler

USD_10 = Money(1000, "USD")
AT = clock.now()


def received(reference: str = "QK1") -> PaymentReceived:
    return PaymentReceived(
        payment_id=opened_id("pay", AT, "mer_1/test/till", "stripe", reference), merchant_id="mer_1", mode="test", provider="stripe",
        account="till", method="card", reference=reference, amount=USD_10, account_reference="order 7",
        received_at=AT, observed_at=AT,
    )  # fmt: skip


def unmatched(reference: str = "QK1", **changes) -> UnmatchedReported:
    base = UnmatchedReported(
        id=opened_id("sus", AT, "mer_1/test/till", "stripe", reference), merchant_id="mer_1", mode="test", provider="stripe",
        account="till", reference=reference, amount=USD_10, description="by hand", received_at=AT, observed_at=AT,
    )  # fmt: skip
    return replace(base, **changes)


async def test_money_that_came_without_a_payment_is_one_completed_payment_however_often_it_is_reported(orchestrator):
    report = received()
    [done] = await orchestrator.handle(report, report)
    assert await orchestrator.handle(report) == []
    assert (done.payment.status, done.payment.amount_captured, done.payment.client_ref) == (
        "completed",
        1000,
        "order 7",
    )
    assert (done.payment.account, done.payment.provider_reference) == ("till", "QK1")
    assert done.public_event.type == "payment.completed"
    refund = RefundPayment(payment_id=report.payment_id, refund_id=ids.new("ref"))
    [command] = [one for one in await orchestrator.handle(refund) if isinstance(one, Refund)]
    assert (command.account, command.reference, command.amount) == ("till", "QK1", USD_10)


async def test_a_refund_of_one_payment_never_takes_the_row_of_another(orchestrator, make):
    first, second = make.create(), make.create()
    for create in (first, second):
        await orchestrator.handle(create, make.paid(create.payment_id))
    theirs = OperationOpened(
        payment_id=first.payment_id, kind="refund", provider="stripe", reference="re_1", amount=Money(400, "USD"),
        outcome=Pending(reference="re_1"), opened_at=AT, observed_at=AT,
    )  # fmt: skip
    squatted = replace(theirs, payment_id=second.payment_id, amount=Money(1, "USD"))
    await orchestrator.handle(theirs)
    await orchestrator.handle(squatted)
    rows = await orchestrator.database.reads.fetch("SELECT payment_id, amount_minor FROM operations")
    assert {row["payment_id"]: row["amount_minor"] for row in rows} == {first.payment_id: 400, second.payment_id: 1}


async def test_a_refund_made_at_the_provider_is_kept_and_asked_about_while_it_is_pending(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.paid(create.payment_id))
    report = OperationOpened(
        payment_id=create.payment_id, kind="refund", provider="stripe", reference="re_1", amount=Money(400, "USD"),
        outcome=Pending(reference="re_1", check_after=3600), opened_at=AT, observed_at=AT,
    )  # fmt: skip
    opened, pending = await orchestrator.handle(report, report)
    assert (opened.public_event.type, opened.operation.opened_by) == ("refund.opened", "provider")
    assert event_body(opened)["data"]["refund"]["provider_reference"] == "re_1"
    assert pending.to_state == "pending"
    wait = "SELECT round(extract(epoch FROM due_at - now()))::int FROM timers WHERE subject_id = $1"
    assert await orchestrator.database.reads.fetchval(wait, opened.operation.id) == pytest.approx(3600, abs=60)
    [done] = await orchestrator.handle(replace(report, outcome=Succeeded(amount=Money(400, "USD"), reference="re_1")))
    assert (done.public_event.type, done.payment.amount_refunded) == ("refund.completed", 400)


async def test_a_refund_made_at_the_provider_that_is_reported_of_another_amount_is_a_contradiction(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.paid(create.payment_id))
    report = OperationOpened(
        payment_id=create.payment_id, kind="refund", provider="stripe", reference="re_1", amount=Money(400, "USD"),
        outcome=Succeeded(amount=Money(400, "USD"), reference="re_1"), opened_at=AT, observed_at=AT,
    )  # fmt: skip
    await orchestrator.handle(report)
    assert await orchestrator.handle(report) == [], "a repeat"
    other = replace(report, amount=Money(300, "USD"), outcome=Succeeded(amount=Money(300, "USD"), reference="re_1"))
    [denied] = await orchestrator.handle(other)
    assert (denied.contradiction, denied.payment.amount_refunded) == (True, 400)


async def test_money_in_suspense_ends_the_payment_that_a_person_assigns_it_to_once(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, Declined(code="x")), unmatched(), unmatched())
    [money] = await decisions.in_suspense(orchestrator.database)
    assert (money.amount, money.reference, money.account) == (USD_10, "QK1", "till")
    assign = decisions.assign(orchestrator.database, money.id, create.payment_id, "The till's receipt names it.", "Jo")
    assert await assign == "completed"
    [corrected] = await orchestrator.sent()
    assert (corrected.public_event.type, corrected.cause.source) == ("payment.corrected", "operator")
    assert (corrected.payment.provider_reference, corrected.payment.failure) == ("QK1", None)
    assert await decisions.in_suspense(orchestrator.database) == []
    with pytest.raises(decisions.Impossible, match="in suspense"):
        await decisions.assign(orchestrator.database, money.id, create.payment_id, "Once more.", "Jo")


async def test_money_in_suspense_is_counted_by_provider_and_by_age_until_it_is_assigned(orchestrator, make):
    def shown() -> tuple[float | None, float | None]:
        names = ("malipo_suspense_open", "malipo_suspense_oldest_seconds")
        number, age = (REGISTRY.get_sample_value(name, {"provider": "stripe"}) for name in names)
        return number, age

    await scheduler.watch(orchestrator.database)
    assert shown() == (0, 0)  # a zero before the first: an alert needs one
    create = make.create()
    old = unmatched("QK1", received_at=clock.now() - timedelta(hours=2))
    await orchestrator.handle(create, make.report(create.payment_id, Declined(code="x")), old, unmatched("QK2"))
    await scheduler.watch(orchestrator.database)
    number, age = shown()
    assert (number, age) == (2, pytest.approx(7200, abs=300))
    for money in await decisions.in_suspense(orchestrator.database):
        await decisions.settle(orchestrator.database, money.id, "Given back at the till.", "Jo")
    await scheduler.watch(orchestrator.database)
    assert shown() == (0, 0)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"merchant_id": "mer_2"}, "another merchant"),
        ({"amount": Money(999, "USD")}, "same amount"),
        ({"mode": "live"}, "another mode"),
    ],
)
async def test_money_in_suspense_is_not_assigned_to_what_it_does_not_fit(orchestrator, make, changes, why):
    create = make.create()
    money = unmatched(**changes)
    await orchestrator.handle(create, make.report(create.payment_id, Declined(code="x")), money)
    await orchestrator.sent()
    with pytest.raises(decisions.Impossible, match=why):
        await decisions.assign(orchestrator.database, money.id, create.payment_id, "Why not.", "Jo")
    assert len(await decisions.in_suspense(orchestrator.database)) == 1
    assert await orchestrator.sent() == []


async def test_a_person_decides_a_doubt_that_no_report_ends_and_a_later_report_of_money_corrects_that(
    orchestrator, make
):
    create = make.create()
    await orchestrator.handle(create, make.report(create.payment_id, Unknown(reason="timeout")))
    with pytest.raises(decisions.Impossible, match="may still be sent"):
        await decisions.decide(orchestrator.database, create.payment_id, "failed", "Not in the book.", "Jo")
    answer = make.report(create.payment_id, Unknown(reason="not_in_the_book"), source="query", step=2)
    await orchestrator.handle(answer)
    assert (
        await decisions.decide(orchestrator.database, create.payment_id, "failed", "Not in the book.", "Jo") == "failed"
    )
    [decided] = [one for one in await orchestrator.sent() if isinstance(one, PaymentTransitioned)]
    assert (decided.payment.failure.message, decided.public_event.type) == ("Not in the book.", "payment.failed")
    assert await orchestrator.database.reads.fetchval("SELECT count(*) FROM timers") == 0
    [corrected] = await orchestrator.handle(make.paid(create.payment_id))
    assert (corrected.payment.status, corrected.public_event.type) == ("completed", "payment.corrected")


async def test_a_decision_about_what_is_under_way_is_refused_with_what_is_possible(orchestrator, make):
    create = make.create()
    sent = await orchestrator.handle(create)
    assert [one for one in sent if isinstance(one, Charge)]
    with pytest.raises(decisions.Impossible, match="it is processing: a person decides of a payment that is canceled"):
        await decisions.decide(orchestrator.database, create.payment_id, "failed", "Too slow.", "Jo")
    with pytest.raises(decisions.Impossible, match="there is no payment or operation pay_none"):
        await decisions.decide(orchestrator.database, "pay_none", "failed", "Too slow.", "Jo")
    await orchestrator.handle(make.paid(create.payment_id))
    with pytest.raises(decisions.Impossible, match="only --as failed is possible"):
        await decisions.decide(orchestrator.database, create.payment_id, "completed", "It is.", "Jo")


async def test_money_that_the_provider_has_reported_has_failed_only_if_the_person_says_that_this_is_meant(
    orchestrator, make
):
    create = make.create()
    await orchestrator.handle(create, make.paid(create.payment_id))
    decide = partial(decisions.decide, orchestrator.database, create.payment_id, "failed", "Not in the book.", "Jo")
    with pytest.raises(decisions.Impossible, match=r"has reported its money, as pi_1: .* --against-report"):
        await decide()
    assert await decide(against_report=True) == "failed"


@pytest.mark.parametrize(
    ("outcome", "told"), [(Declined(code="x"), []), (Succeeded(amount=Money(1000, "USD"), reference="pi_0"), [True])]
)
async def test_an_older_attempt_changes_nothing_and_money_that_moved_there_is_alerted(
    orchestrator, make, outcome, told
):
    create = make.create()
    await orchestrator.handle(create)
    await orchestrator.database.write("UPDATE payments SET attempt = 2")
    with capture_logs() as logs:
        sent = await orchestrator.handle(make.report(create.payment_id, outcome))
    assert [one.contradiction for one in sent] == told
    assert [one["event"] for one in logs if one["log_level"] == "error"] == ["provider contradicts itself"] * len(told)
    assert (await orchestrator.payment(create.payment_id))["state"] == "processing"


def test_a_decision_needs_a_reason_and_a_name():
    from orchestrator.__main__ import cli

    done = CliRunner().invoke(cli, ("decide", "pay_1", "--as", "failed", "--because", " ", "--by", "Jo"))
    assert done.exit_code == 2
    assert f"at most {console._MOST_CHARS} characters" in done.output


async def test_an_operation_of_one_payment_is_never_changed_by_another(orchestrator, make):
    first, second, refund_id = make.create(), make.create(), ids.new("ref")
    for create in (first, second):
        await orchestrator.handle(create, make.paid(create.payment_id))
    await orchestrator.handle(RefundPayment(payment_id=first.payment_id, refund_id=refund_id, amount_minor=400))
    with pytest.raises(NotNullViolationError):
        await orchestrator.handle(RefundPayment(payment_id=second.payment_id, refund_id=refund_id))
    of = "SELECT payment_id, amount_minor FROM operations WHERE id = $1"
    assert tuple(await orchestrator.database.reads.fetchrow(of, refund_id)) == (first.payment_id, 400)
