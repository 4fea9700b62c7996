"""What Kafka has lost on its way here is noticed and requested, and is delivered when it comes at last."""

import asyncio
import itertools

from malipo import ids
from malipo.contracts.commands import ResendEvents
from malipo.contracts.config import ConfigurationMissed
from malipo.contracts.events import PublishedTransition, RollCalled
from malipo.contracts.topics import BY_NAME
from malipo.messaging.runtime import sweep
from malipo.messaging.unit_of_work import MESSAGE_ID
from testkit.waiting import until
from webhook_dispatcher import handlers, scheduler
from webhook_dispatcher.subscriptions import subscriptions


async def requested(dispatcher, kind) -> list:
    rows = await dispatcher.rows("SELECT topic, payload FROM outbox ORDER BY id")
    messages = [BY_NAME[row["topic"]].decode(row["payload"]) for row in rows]
    return [message for message in messages if isinstance(message, kind)]


def message_id(record) -> str:
    return dict(record.headers)[MESSAGE_ID].decode()


async def test_public_events_that_never_came_are_requested_and_others_are_not(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    [came] = await one.receive(kit.transition("pay_1", 2))
    called = (
        PublishedTransition("pay_1", 1, ids.new("msg"), public=False),
        PublishedTransition("pay_1", 2, message_id(came), public=True),
        PublishedTransition("pay_1", 3, ids.new("msg"), public=True),
        PublishedTransition("pay_2", 1, ids.new("msg"), public=True),
    )
    await one.receive(RollCalled(transitions=called))
    assert await requested(one, ResendEvents) == [
        ResendEvents(payment_id="pay_1", steps=(3,)), ResendEvents(payment_id="pay_2", steps=(1,))
    ]  # fmt: skip


async def test_an_event_that_was_lost_and_comes_behind_a_later_one_is_delivered_too(replica, kit, receiver):
    one = await replica()
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 2))
    await one.until_states(delivered=1)
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 3))
    await one.until_states(delivered=3)


async def test_a_configuration_that_events_wait_for_in_vain_is_requested(replica, kit):
    one = await replica(started=False)
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 2))
    await one.pool.execute("UPDATE events SET created_at = created_at - interval '10 seconds'")
    loop = asyncio.create_task(sweep(one.database, 1, scheduler._ask_and_wait))

    async def is_requested() -> bool:
        return await requested(one, ConfigurationMissed) == [ConfigurationMissed(merchant_id="mer_1")]

    await until(is_requested, what="the configuration is requested")
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


async def pass_time(one, seconds: float) -> None:
    await one.pool.execute("UPDATE events SET created_at = created_at - make_interval(secs => $1)", seconds)
    await one.pool.execute("UPDATE merchants SET asked_at = asked_at - make_interval(secs => $1)", seconds)


async def test_a_configuration_that_does_not_come_is_requested_at_doubled_waits_up_to_a_quarter_of_an_hour(
    replica, kit
):
    one = await replica(started=False)
    await one.receive(kit.transition("pay_1", 1))
    requested_at = [0]
    for seconds in range(5, 3700, 5):  # as often as the sweep runs
        await pass_time(one, 5)
        if await scheduler.ask(one.database):
            requested_at.append(seconds)
    waits = [later - earlier for earlier, later in itertools.pairwise(requested_at)]
    assert waits[0] == 5
    assert all(earlier <= later <= 2 * earlier + 10 for earlier, later in itertools.pairwise(waits))
    assert waits[-1] in (900, 905)
    assert len(waits) < 12


async def test_a_merchant_who_lacks_a_configuration_again_later_does_not_wait_for_it_as_long_as_before(replica, kit):
    one = await replica(started=False)
    await one.receive(kit.transition("pay_1", 1))
    await pass_time(one, 3600)
    assert await scheduler.ask(one.database) == 1
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    await one.receive(kit.transition("pay_2", 1, config_version=2))
    await pass_time(one, 6)
    assert await scheduler.ask(one.database) == 1


async def test_of_two_replicas_that_sweep_at_once_one_requests(replica, kit):
    one, other = await replica(started=False), await replica(started=False)
    await one.receive(kit.transition("pay_1", 1))
    await pass_time(one, 6)
    assert sum(await asyncio.gather(*[scheduler.ask(each.database) for each in (one, other) * 2])) == 1
    assert await requested(one, ConfigurationMissed) == [ConfigurationMissed(merchant_id="mer_1")]


def test_roll_calls_are_compared_with_the_inbox_under_the_name_that_events_have_there():
    events, _ = subscriptions(lambda: None)
    assert f"webhook-dispatcher.{events.name}" == handlers.CONSUMER
