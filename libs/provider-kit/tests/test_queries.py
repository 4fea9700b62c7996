"""Queries about operations: what the provider is asked, what is answered without it, and how many wait."""

import asyncio

from malipo.contracts.outcomes import Declined, Succeeded, Unknown
from malipo.contracts.provider_commands import Charge
from malipo.money import Money
from provider_kit.errors import Misconfigured, NotReady, NotSent
from provider_kit.work import CONCURRENT_QUERIES
from testkit.waiting import until

DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
THREE_UNREACHABLE = [NotSent("no connection")] * 3  # one run tries quickly three times


async def test_a_query_is_about_the_original_operation_under_its_key(kit, make):
    kit.provider.script = [Unknown(reason="timeout", reference="obj_1"), DONE]
    await kit.handle(make.charge(), make.query())
    await kit.run()
    await kit.run()
    (queried,) = kit.provider.queried
    assert (queried.operation, queried.key_for("charge"), queried.reference) == (
        make.charge(),
        "malipo-pay_1.1-charge",
        "obj_1",
    )
    assert queried.first_sent_at is not None
    reports = await kit.reports()
    assert [(report.source, report.outcome) for report in reports[1:]] == [("query", DONE)]
    assert (reports[1].kind, reports[1].operation_id) == ("charge", "pay_1.1")


async def test_a_query_uses_the_reference_that_its_command_has_when_there_is_no_other(kit, make):
    kit.provider.script = [Unknown(reason="timeout")]
    await kit.handle(make.charge(), make.query(reference="obj_7"))
    await kit.run()
    await kit.run()
    assert kit.provider.queried[0].reference == "obj_7"


async def test_a_query_waits_for_the_operation_before_it(kit, make):
    kit.provider.script = [*THREE_UNREACHABLE]
    await kit.handle(make.charge(), make.query())
    await kit.run()
    assert await kit.run() == 0
    assert kit.provider.queried == []


async def test_what_was_declined_or_never_sent_is_not_queried_at_the_provider(kit, make):
    kit.provider.script = [*THREE_UNREACHABLE]
    await kit.handle(make.charge(), make.query())
    await kit.grow_old(seconds=61)
    await kit.run()
    await kit.run()
    executed, queried = await kit.outcomes()
    assert executed == queried == Declined(code="provider_unreachable", message="no connection")
    assert kit.provider.queried == []


async def test_a_query_that_overtook_its_operation_sends_nothing(kit, make):
    await kit.handle(make.query())
    (query,) = await kit.claim()
    await kit.handle(make.charge())
    await kit.runner.run(query)
    assert await kit.outcomes() == [Unknown(reason="not sent yet")]
    await kit.run()
    assert [type(attempt.operation) for attempt in kit.provider.executed] == [Charge]
    assert await kit.outcomes() == [DONE]


async def test_a_query_about_an_operation_that_never_came_reports_so_and_makes_it_final(kit, make):
    await kit.handle(make.query())
    await kit.run()
    (outcome,) = await kit.outcomes()
    assert (type(outcome), outcome.code) == (Declined, "never_sent")
    await kit.handle(make.charge(), make.query())
    await kit.run()
    assert [outcome.code for outcome in await kit.outcomes()] == ["never_sent"]
    assert kit.provider.executed == kit.provider.queried == []


async def test_a_query_that_cannot_be_sent_now_waits_and_tells_nothing_about_its_operation(kit, make):
    kit.provider.script = [Unknown(reason="timeout"), NotReady("it pauses", retry_after_seconds=2), *THREE_UNREACHABLE]
    await kit.handle(make.charge(), make.query())
    await kit.run()
    await kit.reports()
    for _ in range(2):
        await kit.run()
        assert (await kit.reports(), await open_queries(kit)) == ([], 1)
        await kit.make_due()
    await kit.run()
    assert (await kit.outcomes(), await open_queries(kit)) == ([DONE], 0)


async def test_a_query_that_could_not_be_sent_for_a_day_is_unknown(kit, make):
    kit.provider.script = [Unknown(reason="timeout"), *THREE_UNREACHABLE]
    await kit.handle(make.charge(), make.query())
    await kit.run()
    await kit.grow_old(hours=25)
    await kit.run()
    assert (await kit.outcomes())[1] == Unknown(reason="provider_unreachable")


async def test_a_query_that_waits_for_a_person_is_unknown_at_once(kit, make):
    kit.provider.script = [Unknown(reason="timeout"), Misconfigured("the key is refused")]
    await kit.handle(make.charge(), make.query())
    await kit.run()
    await kit.run()
    assert (await kit.outcomes())[1] == Unknown(reason="provider_misconfigured")


async def open_queries(kit) -> int:
    return await kit.database.reads.fetchval("SELECT count(*) FROM attempts WHERE kind = 'query' AND done_at IS NULL")


async def test_queries_about_an_operation_that_has_to_wait_do_not_pile_up_behind_it(kit, make):
    kit.provider.script = [*THREE_UNREACHABLE]
    await kit.handle(make.refund())
    await kit.run()
    for _ in range(20):
        await kit.handle(make.query("ref_1", "refund"))
    assert await open_queries(kit) == 0
    await kit.make_due()
    assert await kit.run() == 1
    assert await kit.outcomes() == [DONE]
    await kit.handle(make.query("ref_1", "refund"))
    await kit.run()
    assert await kit.outcomes() == [DONE]


async def test_of_several_queries_about_one_operation_that_have_not_run_yet_one_runs(kit, make):
    kit.provider.script = [Unknown(reason="timeout")]
    await kit.handle(make.charge())
    await kit.run()
    await kit.handle(make.query(), make.query(), make.query(step=7))
    await kit.handle(make.query(step=8))
    assert await open_queries(kit) == 1
    await kit.reports()
    assert await kit.run() == 1
    (report,) = await kit.reports()
    assert (report.step, len(kit.provider.queried)) == (7, 1)


async def test_a_query_about_another_operation_of_the_payment_is_one_of_its_own(kit, make):
    kit.provider.script = [Unknown(reason="timeout"), *THREE_UNREACHABLE]
    await kit.handle(make.charge())
    await kit.run()
    await kit.handle(make.refund())
    await kit.run()
    await kit.handle(make.query(), make.query("ref_1", "refund"))
    assert await open_queries(kit) == 1


async def test_thousands_of_old_queries_leave_a_new_charge_its_place(kit, make, monkeypatch):
    queried = asyncio.Event()

    async def hang(attempt):
        kit.provider.queried.append(attempt)
        queried.set()
        await asyncio.Event().wait()

    kit.provider.script = [Unknown(reason="timeout")] * 3000
    await kit.handle(*[make.charge(number) for number in range(1, 3001)])
    await kit.sql("""UPDATE attempts SET first_sent_at = now(), account_fingerprint = 'a', outcome = '{"result": "Unknown",
        "reason": "timeout"}', done_at = now()""")
    kit.provider.script = []
    await kit.handle(*[make.query(f"pay_{number}.1", payment_id=f"pay_{number}") for number in range(1, 3001)])
    await kit.sql("UPDATE attempts SET due_at = now() - interval '1 hour' WHERE kind = 'query'")
    monkeypatch.setattr(kit.provider, "query", hang)
    running = [
        asyncio.create_task(executor.run()) for executor in (kit.runner.work.operations, kit.runner.work.queries)
    ]
    await asyncio.wait_for(queried.wait(), 30)
    await kit.handle(make.charge(5000))
    kit.runner.work.nudge()
    await until(lambda: bool(kit.provider.executed), what="the new charge")
    assert [attempt.operation.operation_id for attempt in kit.provider.executed] == ["pay_5000.1"]
    assert len(kit.provider.queried) <= CONCURRENT_QUERIES
    for task in running:
        task.cancel()
    for task in (*kit.runner.work.operations._running.values(), *kit.runner.work.queries._running.values()):
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
