"""What Kafka has lost on its way here is noticed and asked for, and is delivered when it comes at last."""

import asyncio

from malipo import ids
from malipo.contracts.commands import TellAgain
from malipo.contracts.config import ConfigurationMissed
from malipo.contracts.events import RollCalled, ToldStep
from malipo.contracts.topics import BY_NAME
from malipo.messaging.unit import MESSAGE_ID
from malipo.testing.waiting import until
from webhook_dispatcher import clockwork, handlers
from webhook_dispatcher.subscriptions import subscriptions


async def asked(dispatcher, kind) -> list:
    rows = await dispatcher.rows("SELECT topic, payload FROM outbox ORDER BY id")
    messages = [BY_NAME[row["topic"]].decode(row["payload"]) for row in rows]
    return [message for message in messages if isinstance(message, kind)]


def message_id(record) -> str:
    return dict(record.headers)[MESSAGE_ID].decode()


async def test_announced_steps_that_never_came_are_asked_for_and_others_are_not(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    [came] = await one.announce(kit.step("pay_1", 2))
    called = (
        ToldStep("pay_1", 1, ids.new("msg"), announced=False),
        ToldStep("pay_1", 2, message_id(came), announced=True),
        ToldStep("pay_1", 3, ids.new("msg"), announced=True),
        ToldStep("pay_2", 1, ids.new("msg"), announced=True),
    )
    await one.announce(RollCalled(steps=called))
    assert await asked(one, TellAgain) == [
        TellAgain(payment_id="pay_1", steps=(3,)), TellAgain(payment_id="pay_2", steps=(1,))
    ]  # fmt: skip


async def test_an_event_that_was_lost_and_comes_behind_a_later_one_is_delivered_too(replica, kit, receiver):
    one = await replica()
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.announce(kit.step("pay_1", 2))
    await one.until_states(delivered=1)
    await one.announce(kit.step("pay_1", 1), kit.step("pay_1", 3))
    await one.until_states(delivered=3)


async def test_events_that_wait_for_a_configuration_that_does_not_come_have_it_asked_for(replica, kit):
    one = await replica(started=False)
    await one.announce(kit.step("pay_1", 1), kit.step("pay_1", 2))
    await one.pool.execute("UPDATE events SET created_at = created_at - interval '10 seconds'")
    loop = asyncio.create_task(clockwork.ask_for_configurations(one.units))

    async def told() -> bool:
        return await asked(one, ConfigurationMissed) == [ConfigurationMissed(merchant_id="mer_1")]

    await until(told, what="the configuration is asked for")
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


def test_the_inbox_knows_the_events_by_the_name_that_roll_calls_are_compared_under():
    events, _ = subscriptions(lambda: None)
    assert f"webhook-dispatcher.{events.name}" == handlers.CONSUMER
