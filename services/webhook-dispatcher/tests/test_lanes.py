"""Lanes: what one endpoint gets about one payment comes and ends at the same moment, and nothing of it is left behind."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from malipo.contracts.config import MerchantConfigured
from malipo.contracts.topics import MERCHANT_CONFIG, PAYMENT_EVENTS
from malipo.messaging.executor import Lease
from malipo.messaging.subscription import Received
from testkit.waiting import until
from webhook_dispatcher import handlers, queue, recorder, scheduler


@pytest.mark.parametrize("first", ["the end", "the event"])
async def test_an_event_that_comes_while_its_predecessor_ends_is_due_afterwards(replica, kit, first):
    """Both orders of the race that a stored `due_at` has to win, with the loser held at its lock."""
    one, two = await replica(started=False), await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/", id="ep_a"))
    await one.receive(kit.transition("pay_1", 1))
    (head,) = await queue.claim(one.database, Lease("run_1", 6), 1, [], 10)

    async def end(unit):
        queue.end(unit, [recorder._end(kit.delivered(head), None, timedelta(minutes=10))], lambda _: None)

    async def come(unit):
        transition = kit.transition("pay_1", 2)
        await handlers.fan_out(lambda: None, unit, [Received(transition, "msg_2", PAYMENT_EVENTS.name, "pay_1")])

    works = [end, come]
    first_work, second_work = works if first == "the end" else reversed(works)
    async with kit.written(one, first_work):
        loser = asyncio.create_task(two.database.transact(second_work))
        await until(lambda: kit.wait_for_locks(one, 1), what="the second transaction waits for the first")
    await loser
    assert await one.rows("SELECT state FROM deliveries WHERE due_at IS NOT NULL ORDER BY sequence DESC LIMIT 1") == [
        {"state": "pending"}
    ]


async def test_what_a_configuration_brings_while_its_predecessor_ends_is_due_afterwards(replica, kit):
    one, two = await replica(started=False), await replica(started=False)
    endpoint = kit.endpoint("mer_1", "https://a.example/", id="ep_a")
    await one.configure(1, endpoint)
    await one.receive(kit.transition("pay_1", 1))
    (head,) = await queue.claim(one.database, Lease("run_1", 6), 1, [], 10)
    await one.receive(kit.transition("pay_1", 2, config_version=2))
    configured = MerchantConfigured(merchant_id="mer_1", version=2, endpoints=(endpoint,))

    async def configuration_comes(unit):
        await handlers.replicate(lambda: None, unit, [Received(configured, "msg_3", MERCHANT_CONFIG.name, "mer_1")])

    async with kit.written(one, configuration_comes):
        ending = asyncio.create_task(two.recorder.record(kit.delivered(head)))
        await until(lambda: kit.wait_for_locks(one, 1), what="the end waits for the configuration")
    assert await ending is True
    assert await one.rows("SELECT state FROM deliveries WHERE due_at IS NOT NULL AND sequence = 2") == [
        {"state": "pending"}
    ]


@pytest.mark.parametrize("result", ["delivered", "endpoint_gone"])
async def test_ends_and_events_of_the_same_payments_do_not_deadlock(replica, kit, result):
    """Both lock the same two deliveries, whose ids are in the other order than their payments'."""
    one, two = await replica(started=False), await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/", id="ep_a"))
    await one.receive(kit.transition("pay_2", 1))
    await one.pool.execute("UPDATE deliveries SET delivery_id = 'del_0'")
    await one.receive(kit.transition("pay_1", 1))
    heads = await queue.claim(one.database, Lease("run_1", 6), 2, [], 10)
    batch = [
        Received(kit.transition(payment_id, 2), f"msg_{payment_id}", PAYMENT_EVENTS.name, payment_id)
        for payment_id in ("pay_1", "pay_2")
    ]

    async def end():
        async with one.database.begin() as unit:
            attempts = [kit.delivered(head)._replace(result=result) for head in heads]
            queue.end(unit, [recorder._end(attempt, None, timedelta()) for attempt in attempts], lambda _: None)

    async def come():
        async with two.database.begin() as unit:
            await handlers.fan_out(lambda: None, unit, batch)

    ended, came = await kit.in_turn(one, "SELECT FROM deliveries WHERE payment_id = 'pay_1' FOR UPDATE", end, come)
    assert ended is None
    assert isinstance(came, asyncpg.SerializationError), came  # and so are decided anew, behind the ends
    await come()
    assert len(await one.rows("SELECT FROM deliveries WHERE sequence = 2 AND due_at IS NOT NULL")) == (
        2 if result == "delivered" else 0
    )


async def test_a_configuration_and_endpoints_that_are_gone_do_not_deadlock(replica, kit):
    """Both change the same two endpoints, of which the configuration lists the second alone."""
    one, two = await replica(started=False), await replica(started=False)
    removed, listed = (kit.endpoint("mer_1", f"https://{name}.example/", id=f"ep_{name}") for name in "ab")
    await one.configure(1, removed, listed)
    await one.receive(kit.transition("pay_1", 1))
    heads = await queue.claim(one.database, Lease("run_1", 6), 2, [], 10)
    configured = MerchantConfigured(merchant_id="mer_1", version=2, endpoints=(listed,))

    async def end():
        async with one.database.begin() as unit:
            attempts = [kit.delivered(head)._replace(result="endpoint_gone") for head in heads]
            queue.end(unit, [recorder._end(attempt, None, timedelta()) for attempt in attempts], lambda _: None)

    async def configuration_comes():
        async with two.database.begin() as unit:
            await handlers.replicate(lambda: None, unit, [Received(configured, "msg_3", MERCHANT_CONFIG.name, "mer_1")])

    assert await kit.in_turn(
        one, "SELECT FROM endpoints WHERE endpoint_id = 'ep_a' FOR UPDATE", end, configuration_comes
    ) == [None, None]
    assert await one.states() == {"endpoint_gone": 2}


async def test_ends_that_make_a_late_event_due_do_not_deadlock_with_events_behind_it(replica, kit):
    """The late one is the first of its payment by now: the new event locks it, and the ends come to it last."""
    one, two = await replica(started=False), await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/", id="ep_a"))
    await one.receive(kit.transition("pay_1", 2), kit.transition("pay_2", 1))
    await one.receive(kit.transition("pay_1", 1))
    heads = await queue.claim(one.database, Lease("run_1", 6), 2, [], 10)
    batch = [
        Received(kit.transition(payment_id, 3), f"msg_{payment_id}", PAYMENT_EVENTS.name, payment_id)
        for payment_id in ("pay_1", "pay_2")
    ]

    async def end():
        async with one.database.begin() as unit:
            attempts = [recorder._end(kit.delivered(head), None, timedelta()) for head in heads]
            queue.end(unit, attempts, lambda _: None)

    async def come():
        async with two.database.begin() as unit:
            await handlers.fan_out(lambda: None, unit, batch)

    ended, came = await kit.in_turn(one, "SELECT FROM deliveries WHERE payment_id = 'pay_2' FOR UPDATE", end, come)
    assert isinstance(ended, asyncpg.SerializationError), ended  # and so are decided anew, behind the events
    assert came is None
    await end()
    due = await one.rows("SELECT payment_id, sequence FROM deliveries WHERE due_at IS NOT NULL AND state = 'pending'")
    assert sorted(tuple(row.values()) for row in due) == [("pay_1", 1), ("pay_2", 3)]


async def test_two_ends_of_an_endpoint_that_is_gone_do_not_deadlock_beside_new_deliveries_to_it(replica, kit):
    """Both wait for a configuration, which changes the endpoint while the new delivery's transaction refers to it."""
    one, two = await replica(started=False), await replica(started=False)
    endpoint = kit.endpoint("mer_1", "https://a.example/", id="ep_a")
    await one.configure(1, endpoint)
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_2", 1))
    heads = await queue.claim(one.database, Lease("run_1", 6), 2, [], 10)
    configured = MerchantConfigured(merchant_id="mer_1", version=1, endpoints=(endpoint,))

    async def come(unit):
        transition = kit.transition("pay_3", 1)
        await handlers.fan_out(lambda: None, unit, [Received(transition, "msg_2", PAYMENT_EVENTS.name, "pay_3")])

    async def configuration_comes(unit):
        await handlers.replicate(lambda: None, unit, [Received(configured, "msg_3", MERCHANT_CONFIG.name, "mer_1")])

    async def end(head):
        async with one.database.begin() as unit:
            gone = kit.delivered(head)._replace(result="endpoint_gone")
            queue.end(unit, [recorder._end(gone, None, timedelta())], lambda _: None)

    async with kit.written(one, come):
        async with kit.written(two, configuration_comes):
            ending = [asyncio.create_task(end(heads[0]))]
            await until(lambda: kit.wait_for_locks(two, 1), what="one end waits for the configuration")
            ending.append(asyncio.create_task(end(heads[1])))
            await until(lambda: kit.wait_for_locks(two, 2), what="the other one, too")
        await asyncio.gather(*ending)
    assert await one.states() == {"endpoint_gone": 2, "pending": 1}
    assert await one.rows("SELECT gone_because FROM endpoints") == [{"gone_because": "answered 410"}]


async def test_a_delivery_and_one_that_was_overtaken_end_together_and_the_next_one_is_due(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    await one.receive(*(kit.transition("pay_1", sequence) for sequence in (1, 2, 3)))
    await one.pool.execute("UPDATE deliveries SET failing_since = now() - interval '1 hour' WHERE sequence = 1")
    await scheduler.overtake(one.database, 600)
    both = await queue.claim(one.database, Lease("run_1", 6), 100, [], 10)
    assert len(both) == 2
    assert True in await asyncio.gather(*(one.recorder.record(kit.delivered(delivery)) for delivery in both))
    (last,) = await queue.claim(one.database, Lease("run_1", 6), 100, [], 10)
    assert await one.recorder.record(kit.delivered(last)) is False
    assert await one.states() == {"delivered": 3}


async def test_a_delivery_that_fails_stays_the_first_of_its_lane_though_an_overtaken_one_ends_beside_it(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    await one.receive(*(kit.transition("pay_1", sequence) for sequence in (1, 2, 3)))
    await one.pool.execute("UPDATE deliveries SET failing_since = now() - interval '1 hour' WHERE sequence = 1")
    await scheduler.overtake(one.database, 600)
    overtaken, first = sorted(
        await queue.claim(one.database, Lease("run_1", 6), 100, [], 10), key=lambda one: one.still_retried or 0
    )
    again = kit.failed(first)._replace(result="retrying", wait_seconds=60)
    await asyncio.gather(one.recorder.record(kit.delivered(overtaken)), one.recorder.record(again))
    due = await one.rows(
        "SELECT sequence, due_at IS NOT NULL AS due FROM deliveries WHERE state = 'pending' ORDER BY 1"
    )
    assert [tuple(row.values()) for row in due] == [(2, True), (3, False)]


async def test_deliveries_come_and_end_at_once_and_none_is_left_behind(replica, receiver, kit):
    """The race that a stored `due_at` has to win: an event comes for a payment just as its predecessor ends."""
    one, two = await replica(), await replica()
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/a"), kit.endpoint("mer_1", f"{receiver.url}/b"))
    for sequence in range(1, 31):
        await (one, two)[sequence % 2].receive(*(kit.transition(f"pay_{i}", sequence) for i in range(5)))
        await asyncio.sleep(0.001 * (sequence % 7))
    await one.until_states(delivered=300, seconds=30)
    for path in ("/a", "/b"):
        for i in range(5):
            assert [h.place[1] for h in receiver.on(path) if h.place[0] == f"pay_{i}"] == list(range(1, 31))
