"""What was published can be resent under the same ids, and no command is decided twice."""

from malipo import ids
from malipo.contracts.commands import RefundPayment, ResendEvents
from malipo.contracts.events import CommandRefused, PaymentTransitioned
from malipo.contracts.message import encode
from malipo.contracts.outcomes import Declined
from malipo.contracts.provider_commands import Charge, Refund
from malipo.contracts.topics import BY_NAME
from malipo.messaging.subscription import Received
from malipo.platform.retention_settings import INBOX_DAYS
from orchestrator import handlers, resending
from orchestrator.tables import RESENDABLE_DAYS

TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-00"


async def outbox(orchestrator) -> list[dict]:
    rows = await orchestrator.database.reads.fetch("SELECT * FROM outbox ORDER BY id")
    await orchestrator.sent()
    return [{name: row[name] for name in ("message_id", "shard", "topic", "key", "headers", "payload")} for row in rows]


async def handle(orchestrator, *messages) -> list[dict]:
    headers = {"traceparent": TRACEPARENT}
    batch = [Received(message, ids.new("msg"), "topic", message.payment_id, headers) for message in messages]
    async with orchestrator.database.begin() as unit:
        await handlers.handle_batch(unit, batch)
    return await outbox(orchestrator)


async def receive(orchestrator, **messages) -> list:
    """Handle the messages through the inbox, each under the id that is its keyword."""
    batch = {
        message_id: Received(message, message_id, "topic", message.payment_id)
        for message_id, message in messages.items()
    }
    await orchestrator.database.apply_once("orchestrator.payments", batch, handlers.handle_batch)
    return await orchestrator.sent()


async def grow_old(orchestrator, table: str, days: int) -> None:
    column = {"inbox": "received_at"}.get(table, "recorded_at")
    await orchestrator.database.write(f"UPDATE {table} SET {column} = {column} - make_interval(days => $1)", days)


def events(rows: list[dict]) -> list[dict]:
    return [row for row in rows if row["topic"] == "payments.events.v1"]


async def test_a_payment_that_is_created_again_has_its_messages_resent_byte_by_byte_and_is_not_charged_again(
    orchestrator, make
):
    create = make.create()
    published = events(await handle(orchestrator, create)) + events(
        await handle(orchestrator, make.paid(create.payment_id))
    )
    assert await handle(orchestrator, create) == published
    assert len(published) == 2


async def test_one_step_is_resent_when_it_alone_is_missing(orchestrator, make):
    create = make.create()
    _, paid = await handle(orchestrator, create), await handle(orchestrator, make.paid(create.payment_id))
    request = ResendEvents(payment_id=create.payment_id, steps=(2,))
    assert await handle(orchestrator, request, request) == paid
    assert await handle(orchestrator, ResendEvents(payment_id=create.payment_id, steps=(3,))) == []
    assert len(await handle(orchestrator, ResendEvents(payment_id=create.payment_id))) == 2


async def test_a_refund_that_is_requested_again_is_answered_again_and_sent_once(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.paid(create.payment_id))
    refund = RefundPayment(payment_id=create.payment_id, refund_id=ids.new("ref"))
    first, second = await orchestrator.handle(refund), await orchestrator.handle(refund)
    assert [type(message) for message in first] == [PaymentTransitioned, Refund]
    assert encode(second[-1]) == encode(first[0])
    assert not [message for message in second if isinstance(message, Refund | Charge)]


async def test_a_refund_that_was_refused_stays_refused_when_it_comes_again_though_it_could_be_granted_by_then(
    orchestrator, make
):
    create = make.create()
    await orchestrator.handle(create)
    refund = RefundPayment(payment_id=create.payment_id, refund_id=ids.new("ref"))
    [refused] = await handle(orchestrator, refund)
    await orchestrator.handle(make.paid(create.payment_id))
    assert await handle(orchestrator, refund) == [refused]
    assert isinstance(BY_NAME[refused["topic"]].decode(refused["payload"]), CommandRefused)


async def test_of_one_batch_a_refusal_is_final_as_well(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create)
    refund = RefundPayment(payment_id=create.payment_id, refund_id=ids.new("ref"))
    sent = await orchestrator.handle(refund, make.paid(create.payment_id), refund)
    assert [type(message) for message in sent] == [CommandRefused, PaymentTransitioned]


async def test_what_is_requested_again_in_the_batch_that_makes_it_is_published_once(orchestrator, make):
    create = make.create()
    sent = await orchestrator.handle(create, create, make.report(create.payment_id, Declined(code="x")))
    assert [type(message) for message in sent] == [PaymentTransitioned, Charge, PaymentTransitioned]


async def test_a_refusal_that_was_lost_is_resent_when_its_command_comes_again_under_its_own_id(orchestrator, make):
    create = make.create()
    refund = RefundPayment(payment_id=create.payment_id, refund_id=ids.new("ref"))
    await receive(orchestrator, msg_create=create)
    [refused] = await receive(orchestrator, msg_refund=refund)
    request = ResendEvents(payment_id=create.payment_id, operation_ids=(refund.refund_id,))
    assert await receive(orchestrator, msg_refund=refund, msg_resend=request) == [refused]


async def test_a_request_for_a_payments_creation_or_for_an_operation_gets_what_was_published_about_it_and_no_more(
    orchestrator, make
):
    create = make.create()
    refund = RefundPayment(payment_id=create.payment_id, refund_id=ids.new("ref"), amount_minor=1)
    [made, _] = await receive(orchestrator, msg_create=create)
    await receive(orchestrator, msg_paid=make.paid(create.payment_id))
    [started, _] = await receive(orchestrator, msg_refund=refund)
    request = ResendEvents(payment_id=create.payment_id, operation_ids=(create.payment_id,))
    assert await receive(orchestrator, msg_1=request) == [made]
    request = ResendEvents(payment_id=create.payment_id, operation_ids=(refund.refund_id,))
    assert await receive(orchestrator, msg_2=request) == [started]


async def test_what_was_published_longer_ago_than_an_inbox_remembers_is_not_resent(orchestrator, make):
    create = make.create()
    refund = RefundPayment(payment_id=create.payment_id, refund_id=ids.new("ref"))
    await receive(orchestrator, msg_create=create, msg_refund=refund)
    for table in ("history", "refusals"):
        await grow_old(orchestrator, table, RESENDABLE_DAYS - 1)
    assert len(await receive(orchestrator, msg_1=ResendEvents(payment_id=create.payment_id))) == 2
    for table in ("history", "refusals"):
        await grow_old(orchestrator, table, 1)
    assert await receive(orchestrator, msg_2=ResendEvents(payment_id=create.payment_id)) == []
    assert await resending.resend(orchestrator.database, create.payment_id) == 0
    assert RESENDABLE_DAYS < INBOX_DAYS
