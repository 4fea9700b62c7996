"""What the runtime makes of a provider's outcomes and silences."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from malipo.contracts.outcomes import ActionRequired, Authorized, Declined, Pending, Redirect, Succeeded, Unknown
from malipo.money import Money
from provider_kit import calls
from provider_kit.errors import BadSignature, Misconfigured, NotReady, NotSent
from provider_kit.provider import fingerprint
from testkit.waiting import until

DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
UNREACHABLE = NotSent("no connection")
THREE_UNREACHABLE = [UNREACHABLE] * 3  # one run tries quickly three times


async def test_an_outcome_is_reported_with_the_headers_of_its_command(kit, make):
    await kit.handle(make.charge(), headers={"traceparent": "00-1-2-01"})
    await kit.run()
    (row,) = await kit.database.reads.fetch("SELECT key, headers FROM outbox")
    assert (row["key"], row["headers"]["traceparent"]) == ("pay_1", "00-1-2-01")
    (report,) = await kit.reports()
    assert (report.operation_id, report.kind, report.source, report.outcome) == ("pay_1.1", "charge", "attempt", DONE)


@pytest.mark.parametrize(
    "outcome",
    [
        DONE,
        Authorized(amount=Money(1000, "USD"), reference="obj_1"),
        Declined(code="insufficient_funds", message="No.", reference="obj_1"),
        Pending(reference="obj_1"),
        ActionRequired(action=Redirect("https://bank.example"), reference="obj_1"),
        Unknown(reason="timeout"),
    ],
)
async def test_every_outcome_ends_its_attempt_and_is_reported_as_it_is(kit, make, outcome):
    kit.provider.script = [outcome]
    await kit.handle(make.charge())
    await kit.run()
    assert await kit.outcomes() == [outcome]
    assert await kit.run() == 0


async def test_what_could_not_be_sent_is_sent_later_under_the_same_key_as_if_for_the_first_time(kit, make):
    kit.provider.script = [*THREE_UNREACHABLE, DONE]
    await kit.handle(make.charge())
    await kit.run()
    assert await kit.outcomes() == []
    await kit.make_due()
    await kit.run()
    assert await kit.outcomes() == [DONE]
    assert {attempt.key_for("charge") for attempt in kit.provider.executed} == {"malipo-pay_1.1-charge"}
    assert {attempt.first_sent_at for attempt in kit.provider.executed} == {None}


async def test_a_retry_after_of_the_provider_is_respected_within_bounds(kit, make):
    for seconds, least, most in ((20, 15, 25), (10**9, 40, 75)):
        kit.provider.script = [NotSent("rate limited", retry_after_seconds=seconds)]
        await kit.handle(make.charge(seconds))
        await kit.run()
        wait = await kit.database.reads.fetchval(
            "SELECT extract(epoch FROM due_at - now())::float FROM attempts WHERE id = $1", f"pay_{seconds}.1"
        )
        assert least < wait < most


async def test_a_charge_that_could_not_be_sent_for_a_minute_is_declined(kit, make):
    kit.provider.script = [*THREE_UNREACHABLE]
    await kit.handle(make.charge())
    await kit.grow_old(seconds=61)
    await kit.run()
    (outcome,) = await kit.outcomes()
    assert (type(outcome), outcome.code) == (Declined, "provider_unreachable")


async def test_a_charge_that_may_have_been_sent_before_is_never_declined_for_want_of_a_connection(kit, make):
    await kit.handle(make.charge())
    await kit.die_after_sending()
    await kit.grow_old(seconds=61)
    kit.provider.script = [*THREE_UNREACHABLE]
    other = kit.another_replica()
    await other.run()
    assert await kit.outcomes() == [Unknown(reason="provider_unreachable")]


async def test_a_refund_keeps_trying_for_a_day_and_is_then_declined(kit, make):
    kit.provider.script = [*THREE_UNREACHABLE] * 2
    await kit.handle(make.refund())
    await kit.grow_old(hours=23)
    await kit.run()
    assert await kit.outcomes() == []
    await kit.grow_old(hours=2)
    await kit.make_due()
    await kit.run()
    (outcome,) = await kit.outcomes()
    assert (type(outcome), outcome.code) == (Declined, "provider_unreachable")


@pytest.mark.parametrize("problem", [UNREACHABLE, Misconfigured("the key was refused")])
async def test_a_refund_that_may_have_been_sent_keeps_trying_for_a_day_and_is_then_in_doubt(kit, make, problem):
    kit.provider.script = [problem] * 6
    await kit.handle(make.refund(1), make.refund(2))
    await kit.die_after_sending()
    await kit.grow_old(hours=23)
    await kit.run()
    assert await kit.outcomes() == []
    assert (await kit.row("ref_1"))["first_sent_at"] is not None
    await kit.grow_old(hours=2)
    await kit.make_due()
    await kit.run()
    (outcome,) = await kit.outcomes()
    assert (type(outcome), outcome.reason[:9]) == (Unknown, "provider_")
    assert [one.id for one in await kit.claim()] == ["ref_2"]


async def test_thousands_of_tries_do_not_wear_an_attempt_out(kit, make):
    await kit.handle(make.refund())
    await kit.sql("UPDATE attempts SET tries = 5000")
    kit.provider.script = [*THREE_UNREACHABLE]
    await kit.run()
    row = await kit.row("ref_1")
    assert (row["first_sent_at"], row["lease_token"]) == (None, None)


async def test_an_undeclared_command_is_refused_before_it_is_sent(kit, make):
    await kit.handle(make.cancel())
    await kit.run()
    (outcome,) = await kit.outcomes()
    assert outcome.code == "provider_unsupported"
    assert kit.provider.executed == []


async def test_an_amount_that_the_provider_does_not_take_is_refused_before_it_is_sent(kit, make):
    for number, amount in enumerate((Money(5125, "KWD"), Money(1000, "GHS")), 1):
        await kit.handle(
            make.charge(number, amount=amount), make.refund(number, payment_id=f"ref_{number}", amount=amount)
        )
    await kit.run()
    assert {outcome.code for outcome in await kit.outcomes()} == {"amount_unsupported"}
    assert kit.provider.executed == []


async def test_what_was_perhaps_sent_is_never_refused_for_a_limit_that_is_new(kit, make):
    await kit.handle(make.charge())
    await kit.die_after_sending()
    kit.provider.descriptor = replace(kit.provider.descriptor, operations={})
    await kit.run()
    assert (len(kit.provider.executed), await kit.outcomes()) == (1, [DONE])


async def test_what_a_provider_calls_an_account_by_is_the_same_for_each_of_its_attempts_and_no_secret(kit, make):
    await kit.handle(make.charge(), make.refund(payment_id="pay_2"))
    await kit.run()
    (account,) = {attempt.account for attempt in kit.provider.executed}
    assert account == fingerprint(kit.provider, {"secret": "s"})


@pytest.mark.parametrize("bug", [ZeroDivisionError(), KeyError("status"), BadSignature("here?"), TimeoutError()])
async def test_a_bug_of_ours_is_unknown(kit, make, bug):
    kit.provider.script = [bug]
    await kit.handle(make.charge())
    await kit.run()
    assert await kit.outcomes() == [Unknown(reason="internal_error")]


async def test_a_provider_that_never_comes_back_is_unknown(kit, make, monkeypatch):
    async def hang(attempt):
        await asyncio.Event().wait()

    monkeypatch.setattr(calls, "_CALL_LIMIT_SECONDS", 0.05)
    monkeypatch.setattr(kit.provider, "execute", hang)
    await kit.handle(make.charge())
    await kit.run()
    assert await kit.outcomes() == [Unknown(reason="internal_error")]


@pytest.mark.parametrize("moved", [Money(1001, "USD"), Money(999, "USD"), Money(1000, "EUR")])
async def test_another_amount_than_the_operations_is_unknown_by_answer_and_by_query(kit, make, moved):
    mismatch = Succeeded(amount=moved, reference="obj_1")
    kit.provider.script = [mismatch, mismatch]
    await kit.handle(make.refund(), make.query("ref_1", "refund"))
    await kit.run()
    await kit.run()
    assert await kit.outcomes() == [Unknown(reason="amount_mismatch", reference="obj_1")] * 2


async def test_a_charge_that_was_authorized_may_be_captured_in_part(kit, make):
    part = Succeeded(amount=Money(600, "USD"), reference="obj_1")
    kit.provider.script = [part]
    await kit.handle(make.charge(capture="manual"))
    await kit.run()
    assert await kit.outcomes() == [part]


async def test_a_killed_process_leaves_its_charge_to_another_that_uses_the_same_key(kit, make):
    entered = asyncio.Event()

    async def hang(attempt):
        entered.set()
        await asyncio.Event().wait()

    execute, kit.provider.execute = kit.provider.execute, hang
    await kit.handle(make.charge())
    killed = asyncio.create_task(kit.run())
    await entered.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    kit.provider.execute = execute
    await kit.end_leases()
    assert await kit.another_replica().run() == 1
    assert await kit.outcomes() == [DONE]
    (attempt,) = kit.provider.executed
    assert attempt.key_for("charge") == "malipo-pay_1.1-charge"
    assert attempt.first_sent_at is not None


async def test_nothing_is_sent_after_the_lease_is_lost(kit, make):
    await kit.handle(make.charge())
    (claimed,) = await kit.claim()
    await kit.end_leases()
    other = kit.another_replica()
    await other.run()
    await kit.runner.run(claimed)
    assert len(kit.provider.executed) == 1
    assert await kit.outcomes() == [DONE]


async def test_an_attempt_that_cannot_be_read_stops_no_other_and_is_not_tried_over_and_over(kit, make):
    await kit.handle(make.charge(1), make.charge(2), make.charge(3))
    await kit.sql("UPDATE attempts SET command = '{' WHERE id = 'pay_2.1'")
    running = asyncio.create_task(kit.runner.work.operations.run())

    async def two_reported() -> bool:
        return await kit.database.reads.fetchval("SELECT count(*) FROM outbox") == 2

    await until(two_reported, what="the outcomes of the others")
    for _ in range(20):
        kit.runner.work.operations.nudge()
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert {attempt.operation.operation_id for attempt in kit.provider.executed} == {"pay_1.1", "pay_3.1"}
    assert (await kit.row("pay_2.1"))["tries"] == 1


async def test_of_calls_that_end_together_all_but_those_with_a_lost_lease_are_reported(kit, make, monkeypatch):
    all_called = asyncio.Barrier(3)

    async def slow(attempt):
        if attempt.operation.operation_id == "pay_2.1":
            await kit.sql("UPDATE attempts SET lease_token = 'another process' WHERE id = 'pay_2.1'")
        await all_called.wait()
        return DONE

    monkeypatch.setattr(kit.provider, "execute", slow)
    for number in (1, 2, 3):
        await kit.handle(make.charge(number, client_ref=f"order {number}"), headers={"client-ref": f"order {number}"})
    with capture_logs() as events:
        await asyncio.gather(*[kit.runner.run(one) for one in await kit.claim()])
    assert {report.payment_id for report in await kit.reports()} == {"pay_1", "pay_3"}
    logged = {(event["payment_id"], event["client_ref"]) for event in events if event["event"] == "provider answered"}
    assert logged == {("pay_1", "order 1"), ("pay_3", "order 3")}


async def test_an_outcome_that_cannot_be_written_affects_none_that_is_written_with_it(kit, make, monkeypatch):
    all_called = asyncio.Barrier(3)

    async def endless(attempt):
        await all_called.wait()
        return (
            Declined(code="no", message="too long" * 200_000) if attempt.operation.operation_id == "pay_2.1" else DONE
        )

    monkeypatch.setattr(kit.provider, "execute", endless)
    monkeypatch.setattr(calls, "checked", lambda operation, outcome: outcome)  # which cuts it
    await kit.handle(*[make.charge(number) for number in (1, 2, 3)])
    results = await asyncio.gather(*[kit.runner.run(one) for one in await kit.claim()], return_exceptions=True)
    assert {one.payment_id for one in await kit.reports()} == {"pay_1", "pay_3"}
    assert [result is None for result in results] == [True, False, True]


async def test_an_answer_that_comes_after_the_lease_is_lost_is_not_reported_twice(kit, make, monkeypatch):
    async def slow(attempt):
        monkeypatch.undo()
        await kit.end_leases()
        await kit.another_replica().run()
        return Unknown(reason="timeout")

    monkeypatch.setattr(kit.provider, "execute", slow)
    await kit.handle(make.charge())
    await kit.run()
    assert await kit.outcomes() == [DONE]


async def test_the_executor_runs_what_it_is_nudged_about(kit, make):
    running = asyncio.create_task(kit.runner.work.operations.run())
    await kit.handle(*[make.charge(number) for number in range(1, 31)])
    kit.runner.work.operations.nudge()

    async def all_reported() -> bool:
        return await kit.database.reads.fetchval("SELECT count(*) FROM outbox") == 30

    await until(all_reported, what="thirty outcomes")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(kit.provider.executed) == 30


async def test_what_waits_behind_an_attempt_runs_once_that_has_ended(kit, make, monkeypatch):
    executors = (kit.runner.work.operations, kit.runner.work.queries)
    for executor in executors:
        monkeypatch.setattr(executor, "_poll_seconds", 60)
    await kit.handle(make.charge(), make.refund(), make.query())
    running = [asyncio.create_task(executor.run()) for executor in executors]

    async def all_reported() -> bool:
        return await kit.database.reads.fetchval("SELECT count(*) FROM outbox") == 3

    await until(all_reported, what="three outcomes")
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_silence_in_a_row_opens_the_circuit_of_that_merchant_only(kit, make):
    await kit.configure(make.configured(merchant_id="mer_2", id="cred_2"))
    kit.provider.script = [Unknown(reason="timeout", silent=True)] * 5
    await kit.handle(*[make.charge(number) for number in range(1, 6)])
    await kit.run()
    await kit.handle(make.charge(6), make.charge(7, merchant_id="mer_2"))
    await kit.run()
    assert [attempt.operation.operation_id for attempt in kit.provider.executed][5:] == ["pay_7.1"]
    assert "circuit open" in (await kit.row("pay_6.1"))["problem"]
    assert (await kit.row("pay_6.1"))["first_sent_at"] is None


async def test_sixty_odd_outcomes_hold_up_no_other_payment_of_the_merchant(kit, make):
    doubts = [Unknown(reason="unreadable answer"), Succeeded(amount=Money(9, "USD")), Unknown(reason="http 409")]
    kit.provider.script = doubts * 20
    await kit.handle(*[make.charge(number) for number in range(1, 71)])
    while await kit.run():
        pass
    outcomes = await kit.outcomes()
    assert [type(outcome) for outcome in outcomes] == [Unknown] * 60 + [Succeeded] * 10


async def test_a_rate_limit_in_a_row_makes_the_merchants_payments_wait(kit, make):
    kit.provider.script = [NotSent("rate limited", retry_after_seconds=1)] * 5
    await kit.handle(*[make.charge(number) for number in range(1, 7)])
    await kit.run()
    assert len(kit.provider.executed) == 5
    assert "circuit open" in (await kit.row("pay_6.1"))["problem"]


async def test_what_we_could_not_send_for_a_reason_of_our_own_opens_no_circuit(kit, make):
    kit.provider.script = [NotReady("database away", retry_after_seconds=1)] * 5
    await kit.handle(*[make.charge(number) for number in range(1, 7)])
    await kit.run()
    assert await kit.outcomes() == [DONE]
    assert [(await kit.row(f"pay_{number}.1"))["first_sent_at"] for number in range(1, 6)] == [None] * 5


async def test_a_text_that_postgresql_cannot_hold_is_stored_without_what_it_cannot(kit, make):
    kit.provider.script = [Declined(code="card_declined", message="a\0b", reference="pi_1")]
    await kit.handle(make.charge())
    assert await kit.run() == 1
    assert await kit.outcomes() == [Declined(code="card_declined", message="a\ufffdb", reference="pi_1")]


async def test_a_decline_with_a_huge_text_is_a_decline_with_the_beginning_of_it(kit, make):
    kit.provider.script = [Declined(code="card_declined", message="x" * 2_000_000, reference="pi_1")]
    await kit.handle(make.charge())
    assert await kit.run() == 1
    assert await kit.outcomes() == [Declined(code="card_declined", message="x" * 1_000, reference="pi_1")]


async def test_an_outcome_that_no_message_can_hold_is_unknown(kit, make):
    kit.provider.script = [ActionRequired(action=Redirect("https://bank.example/" + "x" * 2_000_000))]
    await kit.handle(make.charge())
    assert await kit.run() == 1
    assert await kit.outcomes() == [Unknown(reason="answer_too_large")]
