"""A command without an answer is sent again; one that is answered, or has not left yet, is not."""

import asyncio

import pytest
from structlog.testing import capture_logs

from gateway import projections, scheduler
from gateway.accounts import configuration
from gateway.payments import unanswered
from gateway.subscriptions import subscriptions
from malipo import clock, ids
from malipo.contracts.commands import CreatePayment, RefundPayment, ResendEvents
from malipo.contracts.config import ConfigurationMissed, MerchantConfigured
from malipo.contracts.events import PublishedTransition, RollCalled
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import AttemptPostponed
from malipo.contracts.topics import BY_NAME, DELIVERIES, OUTCOMES, PAYMENT_COMMANDS
from malipo.messaging.database import Database
from malipo.platform.retention_settings import INBOX_DAYS
from testkit.owning import as_owner


@pytest.fixture(autouse=True)
def by_hand(monkeypatch) -> None:
    """The gateway's own sweeps do not run while a test sweeps: not even once, as they start."""

    async def rest(_first_wait_seconds: float, _database: Database) -> None:
        """Nothing is looked for."""

    monkeypatch.setattr(scheduler, "_send_again", rest)
    monkeypatch.setattr(scheduler, "_LOOK_SECONDS", 3600.0)


async def lose(gateway) -> list[tuple[str, object]]:
    """Kafka gets what is in the outbox and loses it; returns the messages with their ids."""
    rows = await gateway.pool.fetch("WITH gone AS (DELETE FROM outbox RETURNING *) SELECT * FROM gone ORDER BY id")
    return [(row["message_id"], BY_NAME[row["topic"]].decode(row["payload"])) for row in rows]


async def pass_time(gateway, seconds: float = 31) -> None:
    await gateway.pool.execute(
        "UPDATE unanswered SET sent_at = sent_at - make_interval(secs => $1), "
        "waits_from = waits_from - make_interval(secs => $1)",
        seconds,
    )


async def sweep(gateway) -> list[tuple[str, object]]:
    await unanswered.send_again(gateway.dependencies.database, 30)
    return await lose(gateway)


async def test_a_payment_that_was_lost_on_its_way_is_sent_again_under_its_id_with_a_request_to_resend(
    gateway, merchant
):
    await lose(gateway)
    payment = (await merchant.pay()).json()
    [command] = await lose(gateway)
    assert await sweep(gateway) == []
    await pass_time(gateway)
    [again, asked] = await sweep(gateway)
    assert again == command
    assert asked[1] == ResendEvents(payment_id=payment["id"], operation_ids=(payment["id"],))


async def test_a_refund_that_was_lost_is_sent_again_behind_its_payment(gateway, merchant):
    payment = (await merchant.pay()).json()
    await merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 1})
    await lose(gateway)
    await pass_time(gateway)
    assert [type(message) for _, message in await sweep(gateway)] == [CreatePayment, ResendEvents]
    await gateway.receive(gateway.step(merchant, payment))
    assert [type(message) for _, message in await sweep(gateway)] == [RefundPayment, ResendEvents]


async def test_each_wait_is_twice_the_one_before(gateway, merchant):
    await merchant.pay()
    await lose(gateway)
    await pass_time(gateway)
    assert await sweep(gateway)
    await pass_time(gateway, 45)
    assert await sweep(gateway) == []
    await pass_time(gateway, 30)
    assert await sweep(gateway)
    assert await gateway.pool.fetchval("SELECT tries FROM unanswered") == 3


async def test_a_command_that_was_tried_a_thousand_times_does_not_stop_the_others(gateway, merchant):
    await merchant.pay()
    await lose(gateway)
    await gateway.pool.execute("UPDATE unanswered SET tries = 1020")
    await pass_time(gateway)
    await merchant.pay()
    await lose(gateway)
    await pass_time(gateway)
    assert [type(message) for _, message in await sweep(gateway)] == [CreatePayment] * 2 + [ResendEvents] * 2
    assert len(await gateway.pool.fetch("SELECT FROM unanswered WHERE waits_from > now()")) == 2


async def test_of_two_changes_of_one_payment_the_answers_are_asked_for_in_one_message(gateway, merchant):
    payment = (await merchant.pay()).json()
    await gateway.receive(gateway.step(merchant, payment))
    refunds = [
        (await merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": amount})).json()["id"]
        for amount in (1, 2)
    ]
    await lose(gateway)
    await pass_time(gateway)
    [*_, (_, asked)] = await sweep(gateway)
    assert asked == ResendEvents(payment_id=payment["id"], operation_ids=tuple(sorted(refunds)))


async def test_a_command_without_an_answer_is_sent_ever_less_often_and_given_up_long_before_inboxes_forget_it(
    gateway, merchant
):
    await merchant.pay()
    await lose(gateway)
    await gateway.pool.execute("UPDATE unanswered SET tries = 500, accepted_at = now() - interval '24 days'")
    await pass_time(gateway)
    assert await sweep(gateway)
    hours = "SELECT extract(epoch FROM waits_from - now())::float8 / 3600 FROM unanswered"
    assert 18 < await gateway.pool.fetchval(hours) < 30
    await pass_time(gateway, 31 * 3600)
    await gateway.pool.execute("UPDATE unanswered SET accepted_at = now() - interval '61 days'")
    with capture_logs() as lines:
        assert [await sweep(gateway) for _ in range(2)] == [[], []]
        assert [await unanswered.give_up(gateway.dependencies.database) for _ in range(2)] == [1, 0]
        assert await sweep(gateway) == []
    assert [line["event"] for line in lines].count("command given up") == 1
    assert unanswered.GIVEN_UP_DAYS + 14 < INBOX_DAYS


async def test_a_sweep_reads_only_what_it_sends_again_however_many_commands_wait(gateway):
    await add_waiting(gateway, 20_000, 1)
    await as_owner(gateway.dependencies.settings.database_url.get_secret_value(), "ANALYZE unanswered")
    plan = await gateway.pool.fetch(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT TEXT) {unanswered._LOST}",
        30.0, 100, PAYMENT_COMMANDS.name, unanswered.GIVEN_UP_DAYS,
    )  # fmt: skip
    plan = "\n".join(row[0] for row in plan)
    assert "unanswered_waiting" in plan
    assert "Seq Scan on unanswered" not in plan
    assert "Rows Removed" not in plan


async def add_waiting(gateway, number: int, tries: int) -> None:
    await gateway.pool.execute(
        """INSERT INTO unanswered (operation_id, payment_id, message_id, headers, payload, tries, sent_at, waits_from)
        SELECT 'pay_' || $2 || g, 'pay_' || $2 || g, 'msg_' || g, '{}', '', $3, now() - interval '1 hour',
            now() - interval '1 hour' FROM generate_series(1, $1) AS g""",
        number,
        f"{tries}_",
        tries,
    )


async def test_while_the_orchestrator_is_away_a_few_commands_are_sent_again_and_all_once_it_is_back(gateway):
    await add_waiting(gateway, 1000, 1)
    sent = [await unanswered.send_again(gateway.dependencies.database, 30) for _ in range(8)]
    assert sent == [100] * 5 + [10] * 3
    await gateway.pool.execute("DELETE FROM unanswered WHERE tries > 1")
    assert await unanswered.send_again(gateway.dependencies.database, 30) == 100


async def test_nothing_is_sent_again_while_commands_wait_for_long_in_the_own_outbox(gateway, merchant):
    await merchant.pay()
    await lose(gateway)
    await pass_time(gateway, 3600)
    await merchant.pay()
    await gateway.pool.execute("UPDATE outbox SET created_at = created_at - interval '31 seconds'")
    assert await unanswered.send_again(gateway.dependencies.database, 30) == 0
    await gateway.pool.execute("UPDATE outbox SET created_at = now()")
    assert await unanswered.send_again(gateway.dependencies.database, 30) == 1


async def test_what_is_still_in_the_outbox_is_not_sent_again_however_long_kafka_is_away(gateway, merchant):
    await merchant.pay()
    await gateway.pool.execute(
        "UPDATE unanswered SET sent_at = sent_at - interval '1 hour', waits_from = waits_from - interval '1 hour'"
    )
    await gateway.pool.execute("UPDATE outbox SET created_at = created_at - interval '1 hour'")
    before = await gateway.count("outbox")
    assert await unanswered.send_again(gateway.dependencies.database, 30) == 0
    assert await gateway.count("outbox") == before


async def test_a_command_is_answered_by_the_first_step_of_its_operation_or_by_a_refusal(gateway, merchant, make):
    payment = (await merchant.pay()).json()
    await gateway.receive(gateway.step(merchant, payment))
    assert await gateway.count("unanswered") == 0
    refused = (await merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 1})).json()
    granted = (await merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 2})).json()
    assert await gateway.count("unanswered") == 2
    await gateway.receive(make.refusal(merchant.id, refused, "refund_exceeds_captured"))
    await gateway.receive(gateway.step(merchant, payment, operation=make.operation(granted)))
    assert await gateway.count("unanswered") == 0


async def test_two_replicas_that_look_at_once_send_it_once(gateway, merchant):
    await merchant.pay()
    await lose(gateway)
    await pass_time(gateway)
    await asyncio.gather(*[unanswered.send_again(gateway.dependencies.database, 30) for _ in range(4)])
    assert [type(message) for _, message in await lose(gateway)] == [CreatePayment, ResendEvents]


async def test_steps_that_a_roll_call_names_and_that_never_came_are_asked_for_and_no_others(gateway, merchant):
    payment = (await merchant.pay()).json()
    first, second, third = (ids.new("msg") for _ in range(3))
    await gateway.receive(gateway.step(merchant, payment, "processing"), message_id=first)
    gateway.step(merchant, payment, "processing")  # is lost
    await lose(gateway)
    called = [
        PublishedTransition(payment["id"], step, named, False) for step, named in enumerate((first, second, third), 1)
    ]
    await gateway.receive(RollCalled(transitions=tuple(called)), gateway.step(merchant, payment), message_id=third)
    assert [message for _, message in await lose(gateway)] == [ResendEvents(payment_id=payment["id"], steps=(2,))]


async def test_a_configuration_goes_out_once_more_after_its_change_and_again_when_a_replica_lacks_it(gateway, merchant):
    payment = (await merchant.pay()).json()
    await lose(gateway)
    database = gateway.dependencies.database
    while await configuration.send_echo(database):
        pass
    await lose(gateway)
    await gateway.pool.execute("UPDATE config_echoes SET due_at = due_at - interval '10 seconds'")
    assert await configuration.send_echo(database)
    assert [type(message) for _, message in await lose(gateway)] == [MerchantConfigured]
    assert not await configuration.send_echo(database)
    postponed = AttemptPostponed(
        payment_id=payment["id"], operation_id=charge_id(payment["id"], 1), kind="charge", provider="stripe", step=1,
        code="configuration_behind", detail="", tries=1, retry_at=clock.now(), observed_at=clock.now(),
    )  # fmt: skip
    await gateway.receive(postponed, topic=OUTCOMES)
    await gateway.receive(ConfigurationMissed(merchant_id=merchant.id), topic=DELIVERIES)
    assert await configuration.send_echo(database)
    assert not await configuration.send_echo(database)
    assert [message.merchant_id for _, message in await lose(gateway)] == [merchant.id]


def test_the_inbox_knows_the_events_by_the_name_that_roll_calls_are_compared_under(gateway):
    payments, *_ = subscriptions(gateway.dependencies.waiting)
    assert f"gateway.{payments.name}" == projections.CONSUMER
