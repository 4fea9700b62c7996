"""A command of which nothing came back is sent again ahead of the query, for as long as it may be carried out."""

import pytest

from malipo import ids
from malipo.contracts.commands import CapturePayment, RefundPayment
from malipo.contracts.outcomes import Authorized, Unknown
from malipo.contracts.provider_commands import Capture, Charge, ProviderCommand, Query, Refund
from malipo.money import Money
from orchestrator import scheduler

USD_10 = Money(1000, "USD")


async def overdue(orchestrator) -> list[ProviderCommand]:
    await orchestrator.database.write("UPDATE timers SET due_at = now()")
    await scheduler.tick(orchestrator.database)
    return [message for message in await orchestrator.sent() if isinstance(message, ProviderCommand)]


async def test_a_charge_without_an_answer_is_sent_again_ahead_of_each_query(orchestrator, make):
    create = make.create()
    [first] = [message for message in await orchestrator.handle(create) if isinstance(message, Charge)]
    for _ in range(3):
        [repeated, query] = await overdue(orchestrator)
        assert isinstance(query, Query)
        assert {**fields(repeated), "step": 0} == {**fields(first), "step": 0}


async def test_a_charge_is_not_repeated_once_its_intent_has_expired(orchestrator, make):
    await orchestrator.handle(make.create())
    await orchestrator.database.write("UPDATE payments SET expires_at = now() - interval '1 second'")
    assert [type(message) for message in await overdue(orchestrator)] == [Query]


@pytest.mark.parametrize(("seconds", "sent"), [(3500, [Refund, Query]), (3601, [Query])])
async def test_a_refund_is_repeated_for_an_hour(orchestrator, make, seconds, sent):
    create = make.create()
    refund = RefundPayment(payment_id=create.payment_id, refund_id=ids.new("ref"))
    await orchestrator.handle(create, make.paid(create.payment_id), refund)
    await orchestrator.database.write(
        "UPDATE operations SET dispatched_at = dispatched_at - make_interval(secs => $1)", float(seconds)
    )
    assert [type(message) for message in await overdue(orchestrator)] == sent


async def test_a_capture_in_doubt_is_repeated_too_and_an_authorized_payment_is_not(orchestrator, make):
    create = make.create(capture="manual")
    held = Authorized(amount=USD_10, reference="pi_1")
    await orchestrator.handle(create, make.report(create.payment_id, held))
    assert [type(message) for message in await overdue(orchestrator)] == [Query]
    capture = CapturePayment(payment_id=create.payment_id, capture_id=ids.new("cap"))
    await orchestrator.handle(capture)
    await orchestrator.handle(make.report(create.payment_id, Unknown(reason="timeout"), "capture", capture.capture_id))
    repeated = await overdue(orchestrator)
    about_capture = [m for m in repeated if m.operation_id == capture.capture_id]
    assert [type(message) for message in about_capture] == [Capture, Query]


def fields(command) -> dict:
    return {name: getattr(command, name) for name in command.__struct_fields__}
