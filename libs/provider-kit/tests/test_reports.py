"""What a provider service reports of each try: its exchanges, a try whose process died, and obstacles."""

from functools import partial

import pytest

from malipo.contracts.outcomes import AttemptPostponed, Pending, Succeeded
from malipo.money import Money
from malipo.platform.client import http_client
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.exchanges import Recording
from provider_kit.provider import CallbackOutcome, ParsedCallback
from testkit.transports import Reply, answer

DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
UNREACHABLE = [NotSent("no connection")] * 3  # one run tries quickly three times
NEVER = "answer_never_recorded"


@pytest.fixture
def over_http(kit, monkeypatch):
    """Has the provider call its API over HTTP."""

    async def call(attempt):
        reply = Reply({}, headers={"Request-Id": "req_1"})
        async with http_client(
            timeout_seconds=1,
            transport=answer(reply),
            base_url="https://p.test",
            around=partial(Recording, request_id_header="Request-Id"),
        ) as http:
            await http.post("/v1/charges?secret=1")
        return DONE

    monkeypatch.setattr(kit.provider, "execute", call)
    monkeypatch.setattr(kit.provider, "query", call)


@pytest.mark.usefixtures("over_http")
async def test_an_outcome_names_the_step_that_requested_it_and_what_was_exchanged(kit, make):
    await kit.handle(make.charge(step=1), make.query(step=4))
    await kit.run()
    await kit.run()
    charged, queried = await kit.reports()
    assert (charged.step, charged.source, charged.tries) == (1, "attempt", 1)
    assert (queried.step, queried.source) == (4, "query")
    for report in (charged, queried):
        (exchange,) = report.exchanges
        assert (exchange.method, exchange.path, exchange.status) == ("POST", "/v1/charges", 200)
        assert exchange.request_id == "req_1"


@pytest.mark.usefixtures("over_http")
async def test_a_try_whose_process_died_is_reported_with_the_next_one(kit, make):
    await kit.handle(make.charge())
    await kit.die_after_sending()
    sent_at = (await kit.row("pay_1.1"))["first_sent_at"]
    await kit.run()
    (report,) = await kit.reports()
    died, answered = report.exchanges
    assert (died.at, died.error, died.status) == (sent_at, NEVER, None)
    assert answered.status == 200
    assert report.tries == 2


async def test_a_try_whose_process_died_is_reported_once_however_often_the_attempt_is_postponed_then(kit, make):
    await kit.handle(make.refund())
    await kit.die_after_sending()
    kit.provider.script = [*UNREACHABLE, *UNREACHABLE, DONE]
    for _ in range(3):
        await kit.run()
        await kit.make_due()
    reports = await kit.reports()
    assert [error for report in reports for error in [one.error for one in report.exchanges]] == [NEVER]


async def test_a_process_that_dies_after_a_postponed_try_is_reported_too(kit, make):
    kit.provider.script = [*UNREACHABLE]
    await kit.handle(make.refund())
    await kit.run()
    await kit.make_due()
    await kit.die_after_sending()
    await kit.run()
    postponed, answered = await kit.reports()
    assert postponed.exchanges == ()
    assert [one.error for one in answered.exchanges] == [NEVER]


async def test_an_operation_that_could_not_be_sent_is_reported_with_its_obstacle_and_the_next_try(kit, make):
    kit.provider.script = [*UNREACHABLE]
    await kit.handle(make.charge(step=3))
    await kit.run()
    (report,) = await kit.reports()
    assert isinstance(report, AttemptPostponed)
    obstacle = report.code, report.detail
    assert (report.step, report.kind, *obstacle) == (3, "charge", "provider_unreachable", "no connection")
    assert report.retry_at == (await kit.row("pay_1.1"))["due_at"]


async def test_the_same_obstacle_is_reported_at_each_doubling_and_another_one_at_once(kit, make):
    await kit.handle(make.refund())
    kit.provider.script = [*UNREACHABLE * 9, Misconfigured("the key was refused")]
    for _ in range(10):
        kit.runner._calls._breaker.succeeded("mer_1/test/default")
        await kit.run()
        await kit.make_due()
    reported = [(report.tries, report.code) for report in await kit.reports()]
    unreachable = [(tries, "provider_unreachable") for tries in (1, 2, 4, 8)]
    assert reported == [*unreachable, (10, "provider_misconfigured")]


async def test_a_process_that_has_lost_the_lease_reports_no_obstacle(kit, make, monkeypatch):
    async def slow(attempt):
        monkeypatch.undo()
        await kit.end_leases()
        await kit.another_replica().run()
        raise NotSent("no connection", retry_after_seconds=1)

    monkeypatch.setattr(kit.provider, "execute", slow)
    await kit.handle(make.charge())
    await kit.run()
    assert await kit.outcomes() == [DONE]


async def test_the_outcome_of_a_callback_names_the_callback_and_the_step_of_its_operation(kit, make):
    kit.provider.script = [Pending(reference="obj_1")]
    await kit.handle(make.charge(step=5))
    await kit.run()
    await kit.reports()
    kit.provider.parsed = ParsedCallback(
        "evt_1", [CallbackOutcome(operation_id="pay_1.1", kind="charge", outcome=DONE)]
    )
    merchant = await kit.credentials.by_id("cred_1")
    assert await kit.door.take(merchant, kit.provider.parsed) == "stored"
    (report,) = await kit.reports()
    assert (report.callback_id, report.step, report.source) == ("evt_1", 5, "callback")
