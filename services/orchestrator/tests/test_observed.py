"""What is seen of payments from outside: their trace, and for how long they are in doubt."""

import re

from prometheus_client import REGISTRY
from starlette.requests import Request

from malipo import ids
from malipo.contracts.commands import RefundPayment
from malipo.contracts.outcomes import Reversed, Unknown
from malipo.messaging.subscription import Received
from malipo.platform.metrics import metrics_page
from orchestrator import handlers, scheduler, store
from orchestrator.states import State, Subject

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
SILENCE = Unknown(reason="timeout")


def doubts_ended(subject: str) -> float:
    return REGISTRY.get_sample_value("malipo_doubt_seconds_count", {"subject": subject}) or 0


def entered(status: str) -> float:
    return REGISTRY.get_sample_value("payment_status_total", {"status": status}) or 0


async def due_now(orchestrator) -> None:
    async with orchestrator.database.begin() as unit:
        await unit.transaction.execute("UPDATE timers SET due_at = now()")
    await scheduler.tick(orchestrator.database)


async def test_what_a_deadline_causes_goes_on_with_the_trace_and_reference_of_the_payments_creation(orchestrator, make):
    create = make.create()
    async with orchestrator.database.begin() as unit:
        received = Received(create, ids.new("msg"), "topic", create.payment_id, {"traceparent": TRACEPARENT})
        await handlers.handle_batch(unit, [received])
    await orchestrator.sent()
    await due_now(orchestrator)
    rows = await orchestrator.database.reads.fetch("SELECT headers FROM outbox")
    assert len(rows) == 3  # the transition, the command once more, and the query
    for row in rows:
        assert {"traceparent": TRACEPARENT, "client-ref": "order 7"}.items() <= row["headers"].items()


async def test_doubt_lasts_from_the_first_silence_until_an_outcome(orchestrator, make):
    payment_id = (create := make.create()).payment_id
    before = doubts_ended("payment")
    await orchestrator.handle(create, make.report(payment_id, SILENCE))
    since = (await orchestrator.payment(payment_id))["in_doubt_since"]
    assert since is not None
    await orchestrator.handle(make.report(payment_id, SILENCE))
    await due_now(orchestrator)
    assert (await orchestrator.payment(payment_id))["in_doubt_since"] == since
    number, oldest_seconds = (await store.doubts(orchestrator.database.reads))[Subject.PAYMENT]
    assert (number, oldest_seconds > 0) == (1, True)
    await orchestrator.handle(make.paid(payment_id))
    assert (await orchestrator.payment(payment_id))["in_doubt_since"] is None
    assert (await store.doubts(orchestrator.database.reads))[Subject.PAYMENT] == (0, 0)
    assert doubts_ended("payment") == before + 1


async def test_a_payment_counts_for_a_state_when_it_enters_it_however_often_it_is_queried_there(orchestrator, make):
    payment_id = (create := make.create()).payment_id
    before = {status: entered(status) for status in ("processing", "in_doubt", "completed")}
    await orchestrator.handle(create, make.report(payment_id, SILENCE))
    for _ in range(3):
        await due_now(orchestrator)
        await orchestrator.handle(make.report(payment_id, SILENCE))
    await orchestrator.handle(make.paid(payment_id))
    assert {status: entered(status) - count for status, count in before.items()} == dict.fromkeys(before, 1)


async def test_a_refund_in_doubt_is_counted_as_one(orchestrator, make):
    payment_id = (create := make.create()).payment_id
    refund_id = ids.new("ref")
    await orchestrator.handle(create, make.paid(payment_id))
    await orchestrator.handle(
        RefundPayment(payment_id=payment_id, refund_id=refund_id, amount_minor=100),
        make.report(payment_id, SILENCE, "refund", refund_id),
    )
    found = await store.doubts(orchestrator.database.reads)
    assert (found[Subject.PAYMENT][0], found[Subject.REFUND][0]) == (0, 1)


async def test_a_transition_shows_when_the_outcome_that_caused_it_was_received(orchestrator, make):
    create = make.create()
    paid = make.paid(create.payment_id)
    transitions = [one for one in await orchestrator.handle(create, paid) if hasattr(one, "cause")]
    assert [one.cause.observed_at for one in transitions] == [None, paid.observed_at]


async def test_each_payment_counts_once_as_initiated_and_once_for_each_state_that_it_enters(orchestrator, make):
    payment_id = (create := make.create()).payment_id
    before = {status: entered(status) for status in ("initiated", "processing", "completed", "returned")}
    paid, back = make.paid(payment_id), make.report(payment_id, Reversed(code="R02", reference="pi_1"))
    await orchestrator.handle(create)
    await orchestrator.handle(create, paid, paid, back, back, paid)
    assert {status: entered(status) - count for status, count in before.items()} == dict.fromkeys(before, 1)


async def test_a_scrape_shows_every_state_as_payment_status_total_before_any_payment_has_been_in_it():
    page = (await metrics_page(Request({"type": "http"}))).body.decode()
    assert set(re.findall(r'^payment_status_total\{status="(\w+)"\} ', page, re.MULTILINE)) == set(State)
