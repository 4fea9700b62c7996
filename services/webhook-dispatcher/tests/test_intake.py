"""From batches to deliveries: which endpoint gets which event, once, and not before the configuration is there."""

import asyncio

import asyncpg
import pytest

from malipo import ids
from malipo.contracts.config import MerchantConfigured
from malipo.contracts.topics import MERCHANT_CONFIG, PAYMENT_EVENTS
from malipo.messaging.runtime import purge, sweep
from malipo.messaging.subscription import Received
from testkit.waiting import until
from webhook_dispatcher import handlers, scheduler, store


async def deliveries(dispatcher):
    return await dispatcher.rows(
        "SELECT endpoint_id, payment_id, sequence, due_at IS NOT NULL AS due FROM deliveries ORDER BY 1, 2, 3"
    )


async def test_an_event_becomes_one_delivery_for_each_endpoint_that_wants_it(replica, kit):
    one = await replica(started=False)
    wanting = kit.endpoint("mer_1", "https://a.example/", id="ep_a")
    listed = kit.endpoint("mer_1", "https://b.example/", id="ep_b", event_types=("payment.completed",))
    other_type = kit.endpoint("mer_1", "https://c.example/", id="ep_c", event_types=("refund.completed",))
    live = kit.endpoint("mer_1", "https://d.example/", id="ep_d", mode="live")
    await one.configure(1, wanting, listed, other_type, live)
    await one.configure(1, kit.endpoint("mer_2", "https://e.example/", id="ep_e"), merchant_id="mer_2")
    await one.receive(kit.transition("pay_1", 1, type="payment.completed"))
    assert [row["endpoint_id"] for row in await deliveries(one)] == ["ep_a", "ep_b"]


async def test_each_delivery_has_an_id_of_its_own_that_is_as_old_as_its_event(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"), kit.endpoint("mer_1", "https://b.example/"))
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 2))
    found = await one.rows("SELECT delivery_id, event_id FROM deliveries")
    assert len({row["delivery_id"] for row in found}) == 4
    assert all(ids.is_id(row["delivery_id"], "del") for row in found)
    assert all(ids.made_at(row["delivery_id"]) == ids.made_at(row["event_id"]) for row in found)


async def test_a_redelivered_batch_adds_nothing(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"), kit.endpoint("mer_1", "https://b.example/"))
    batch = await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 2), kit.transition("pay_2", 1))
    await one.redeliver(batch)
    assert len(await deliveries(one)) == 6


async def test_an_event_that_is_published_again_in_a_new_message_adds_nothing(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    transition = kit.transition("pay_1", 1)
    await one.receive(transition, transition)
    await one.receive(transition)
    assert len(await deliveries(one)) == 1


async def test_transitions_without_a_public_event_leave_no_trace(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    await one.receive(kit.transition("pay_1", 1, public_event=None))
    assert await one.rows("SELECT FROM events") == []


async def test_only_the_first_delivery_of_an_endpoint_and_payment_is_due(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/", id="ep_a"))
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 2), kit.transition("pay_2", 1))
    await one.receive(kit.transition("pay_1", 3))
    due = [(row["payment_id"], row["sequence"], row["due"]) for row in await deliveries(one)]
    assert due == [("pay_1", 1, True), ("pay_1", 2, False), ("pay_1", 3, False), ("pay_2", 1, True)]


async def test_an_event_ahead_of_the_configuration_waits_and_then_flows(replica, kit):
    one = await replica(started=False)
    await one.receive(kit.transition("pay_1", 1, config_version=2), kit.transition("pay_1", 2, config_version=2))
    await one.configure(1, kit.endpoint("mer_1", "https://old.example/", id="ep_old"))
    assert await deliveries(one) == []
    await one.configure(2, kit.endpoint("mer_1", "https://new.example/", id="ep_new"))
    assert [(row["endpoint_id"], row["sequence"]) for row in await deliveries(one)] == [("ep_new", 1), ("ep_new", 2)]


async def test_a_later_event_does_not_overtake_one_of_its_payment_that_waits(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/", id="ep_a"))
    await one.receive(kit.transition("pay_1", 1, config_version=2))
    await one.receive(kit.transition("pay_1", 2, config_version=1), kit.transition("pay_2", 1, config_version=1))
    assert [row["payment_id"] for row in await deliveries(one)] == ["pay_2"]
    await one.configure(2, kit.endpoint("mer_1", "https://a.example/", id="ep_a"))
    due = [(row["payment_id"], row["sequence"], row["due"]) for row in await deliveries(one)]
    assert due == [("pay_1", 1, True), ("pay_1", 2, False), ("pay_2", 1, True)]


async def test_an_event_that_waits_holds_up_no_other_payment_in_its_batch(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/", id="ep_a"))
    await one.receive(
        kit.transition("pay_1", 1, merchant_id="mer_unknown"),
        kit.transition("pay_2", 1),
        kit.transition("pay_3", 1, config_version=2),
        kit.transition("pay_3", 2, config_version=1),
        kit.transition("pay_2", 2),
    )
    due = [(row["payment_id"], row["sequence"], row["due"]) for row in await deliveries(one)]
    assert due == [("pay_2", 1, True), ("pay_2", 2, False)]
    await one.configure(1, kit.endpoint("mer_unknown", "https://b.example/"), merchant_id="mer_unknown")
    await one.configure(2, kit.endpoint("mer_1", "https://a.example/", id="ep_a"))
    assert [row["payment_id"] for row in await deliveries(one) if row["due"]].count("pay_3") == 1
    assert await one.rows("SELECT FROM events WHERE NOT fanned_out") == []


async def test_only_a_batch_that_makes_something_due_wakes_the_deliveries(replica, kit):
    one = await replica(started=False)
    nudges = []

    async def handle_one(handler, topic, message):
        async with one.database.begin() as unit:
            await handler(lambda: nudges.append(message), unit, [Received(message, ids.new("msg"), topic.name, "k")])
            assert message not in nudges, "woken before the commit"
        return message in nudges

    def configured(version):
        return MerchantConfigured(
            merchant_id="mer_1", version=version, endpoints=(kit.endpoint("mer_1", "https://a.example/", id="ep_a"),)
        )

    assert not await handle_one(handlers.replicate, MERCHANT_CONFIG, configured(1))
    assert not await handle_one(handlers.fan_out, PAYMENT_EVENTS, kit.transition("pay_1", 1, config_version=2))
    assert not await handle_one(handlers.fan_out, PAYMENT_EVENTS, kit.transition("pay_2", 1, mode="live"))
    assert await handle_one(handlers.fan_out, PAYMENT_EVENTS, kit.transition("pay_3", 1))
    assert await handle_one(handlers.replicate, MERCHANT_CONFIG, configured(2))


@pytest.mark.parametrize("first", ["the event", "the configuration"])
async def test_an_event_that_comes_while_its_configuration_arrives_is_delivered(replica, kit, first):
    """Both orders of the race, with the second one held at the lock on the merchant."""
    one, two = await replica(started=False), await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://old.example/", id="ep_old"))
    event = kit.transition("pay_1", 1, config_version=2)
    endpoints = (kit.endpoint("mer_1", "https://new.example/", id="ep_new"),)
    configured = MerchantConfigured(merchant_id="mer_1", version=2, endpoints=endpoints)
    event_received = Received(event, "msg_1", PAYMENT_EVENTS.name, "pay_1")
    configuration_received = Received(configured, "msg_2", MERCHANT_CONFIG.name, "mer_1")

    async def event_comes(unit):
        await handlers.fan_out(lambda: None, unit, [event_received])

    async def configuration_comes(unit):
        await handlers.replicate(lambda: None, unit, [configuration_received])

    works = [event_comes, configuration_comes]
    first_work, second_work = works if first == "the event" else reversed(works)
    async with kit.written(one, first_work):
        other = asyncio.create_task(two.database.transact(second_work))
        await until(lambda: kit.wait_for_locks(one, 1), what="the second transaction waits for the first")
    await other
    assert await deliveries(one) == [{"endpoint_id": "ep_new", "payment_id": "pay_1", "sequence": 1, "due": True}]


@pytest.mark.parametrize("first", ["the event", "the configuration"])
async def test_an_event_of_a_merchant_who_becomes_known_at_the_same_moment_is_delivered(replica, kit, first):
    one, two = await replica(started=False), await replica(started=False)
    event, endpoint = kit.transition("pay_1", 1), kit.endpoint("mer_1", "https://a.example/", id="ep_a")
    configured = MerchantConfigured(merchant_id="mer_1", version=1, endpoints=(endpoint,))

    async def event_comes(unit):
        await handlers.fan_out(lambda: None, unit, [Received(event, "msg_1", PAYMENT_EVENTS.name, "pay_1")])

    async def configuration_comes(unit):
        received = Received(configured, "msg_2", MERCHANT_CONFIG.name, "mer_1")
        await handlers.replicate(lambda: None, unit, [received])

    works = [event_comes, configuration_comes]
    first_work, second_work = works if first == "the event" else reversed(works)
    async with kit.written(one, first_work):
        other = asyncio.create_task(two.database.transact(second_work))
        await until(lambda: kit.wait_for_locks(one, 1), what="the second transaction waits for the first")
    await other
    assert await deliveries(one) == [{"endpoint_id": "ep_a", "payment_id": "pay_1", "sequence": 1, "due": True}]


async def test_events_and_configurations_of_a_known_merchant_and_a_new_one_do_not_deadlock(replica, kit):
    one, two = await replica(started=False), await replica(started=False)
    await one.configure(1, merchant_id="mer_1")
    merchants = ("mer_1", "mer_2")
    events = [kit.transition(f"pay_{name}", 1, merchant_id=name, config_version=2) for name in merchants]
    configured = [
        MerchantConfigured(
            merchant_id=name, version=2, endpoints=(kit.endpoint(name, "https://a.example/", id=f"ep_{name}"),)
        )
        for name in merchants
    ]

    async def configurations_come():
        async with one.database.begin() as unit:
            received = [Received(found, "msg_2", MERCHANT_CONFIG.name, found.merchant_id) for found in configured]
            await handlers.replicate(lambda: None, unit, received)

    async def events_come():
        async with two.database.begin() as unit:
            received = [Received(found, "msg_1", PAYMENT_EVENTS.name, found.payment_id) for found in events]
            await handlers.fan_out(lambda: None, unit, received)

    done, came = await kit.in_turn(
        one, "SELECT FROM merchants WHERE merchant_id = 'mer_1' FOR UPDATE", configurations_come, events_come
    )
    assert done is None
    assert isinstance(came, asyncpg.SerializationError), came  # and so are decided anew, behind the configurations
    await events_come()
    assert [row["endpoint_id"] for row in await deliveries(one)] == ["ep_mer_1", "ep_mer_2"]


async def test_an_event_whose_configuration_is_here_waits_for_no_newer_one_that_arrives(replica, kit):
    one, two = await replica(started=False), await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://old.example/", id="ep_old"))
    newer = MerchantConfigured(
        merchant_id="mer_1", version=2, endpoints=(kit.endpoint("mer_1", "https://new.example/", id="ep_new"),)
    )
    async with one.database.begin() as unit:
        await handlers.replicate(lambda: None, unit, [Received(newer, "msg_1", MERCHANT_CONFIG.name, "mer_1")])
        await two.receive(kit.transition("pay_1", 1))
    assert [row["endpoint_id"] for row in await deliveries(one)] == ["ep_old"]
    task = asyncio.create_task(sweep(one.database, 1, scheduler.end_gone))
    await one.until_states(endpoint_gone=1)
    task.cancel()


async def test_more_events_than_one_slice_wait_and_flow(replica, kit, monkeypatch):
    monkeypatch.setattr("webhook_dispatcher.store.SLICE", 7)
    one = await replica(started=False)
    await one.receive(*(kit.transition(f"pay_{i % 3}", i, config_version=1) for i in range(30)))
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    found = await deliveries(one)
    assert len(found) == 30
    assert [row["sequence"] for row in found if row["due"]] == [0, 1, 2]


async def test_an_older_configuration_changes_nothing(replica, kit):
    one = await replica(started=False)
    await one.configure(2, kit.endpoint("mer_1", "https://new.example/", id="ep_1"))
    await one.configure(1, kit.endpoint("mer_1", "https://old.example/", id="ep_1"))
    assert await one.rows("SELECT url, gone_at FROM endpoints") == [{"url": "https://new.example/", "gone_at": None}]


async def test_the_same_configuration_again_repairs_a_damaged_replica(replica, kit):
    one = await replica(started=False)
    both = [kit.endpoint("mer_1", f"https://{name}.example/", id=f"ep_{name}") for name in ("a", "b")]
    await one.configure(2**31, *both)
    await one.pool.execute("DELETE FROM endpoints WHERE endpoint_id = 'ep_a'")
    await one.pool.execute("UPDATE endpoints SET url = 'https://wrong.example/'")
    await one.configure(2**31, *both)
    assert await one.rows("SELECT url FROM endpoints ORDER BY 1") == [
        {"url": "https://a.example/"},
        {"url": "https://b.example/"},
    ]


async def test_the_same_configuration_again_does_not_bring_back_an_endpoint_that_answered_410(replica, kit):
    one = await replica(started=False)
    gone = kit.endpoint("mer_1", "https://a.example/", id="ep_a")
    await one.configure(1, gone)
    await one.pool.execute("UPDATE endpoints SET gone_at = now(), gone_because = 'answered 410'")
    await one.configure(1, gone)
    assert await one.rows("SELECT gone_because FROM endpoints") == [{"gone_because": "answered 410"}]
    await one.receive(kit.transition("pay_1", 1))
    assert await deliveries(one) == []


async def test_an_endpoint_never_changes_its_merchant(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://mine.example/", id="ep_1"))
    await one.configure(1, kit.endpoint("mer_2", "https://theirs.example/", id="ep_1"), merchant_id="mer_2")
    assert await one.rows("SELECT merchant_id, url FROM endpoints") == [
        {"merchant_id": "mer_1", "url": "https://mine.example/"}
    ]


async def test_an_endpoint_that_is_no_longer_listed_is_gone_and_its_deliveries_end(replica, kit):
    one = await replica(started=False)
    kept, dropped = (kit.endpoint("mer_1", f"https://{name}.example/", id=f"ep_{name}") for name in ("kept", "dropped"))
    await one.configure(1, kept, dropped)
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 2))
    await one.pool.execute("UPDATE deliveries SET attempts = 1 WHERE endpoint_id = 'ep_dropped' AND sequence = 1")
    await one.configure(2, kept)
    task = asyncio.create_task(sweep(one.database, 1, scheduler.end_gone))
    await one.until_states(pending=2, endpoint_gone=2)
    task.cancel()
    # Each has a number of its own: the report of the attempt that was made keeps its place beside it.
    assert sorted((r["endpoint_id"], r["result"], r["attempt"]) for r in await one.reports()) == [
        ("ep_dropped", "endpoint_gone", 1),
        ("ep_dropped", "endpoint_gone", 2),
    ]
    await one.receive(kit.transition("pay_2", 1))
    assert await one.states() == {"pending": 3, "endpoint_gone": 2}


async def test_events_and_configuration_at_once_lose_no_event(replica, kit):
    one, two = await replica(started=False), await replica(started=False)
    for version in range(1, 21):
        await asyncio.gather(
            one.receive(kit.transition(f"pay_{version}", 1, config_version=version)),
            two.configure(version, kit.endpoint("mer_1", "https://a.example/", id="ep_a")),
        )
    assert len(await deliveries(one)) == 20
    assert await one.rows("SELECT FROM events WHERE NOT fanned_out") == []


async def test_what_ended_long_ago_is_deleted_and_nothing_else(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    await one.receive(*(kit.transition(f"pay_{i}", 1) for i in range(4)))
    await one.receive(kit.transition("pay_4", 1, config_version=9))
    await one.pool.execute("UPDATE events SET created_at = now() - interval '90 days'")
    await one.pool.execute("UPDATE deliveries SET state = 'delivered', ended_at = now() WHERE payment_id < 'pay_3'")
    await one.pool.execute("UPDATE deliveries SET ended_at = now() - interval '31 days' WHERE payment_id < 'pay_2'")
    await one.pool.execute(
        "INSERT INTO attempts SELECT delivery_id, 1, now(), 1, 'delivered', 200, NULL, '' FROM deliveries"
    )
    while await purge(one.database, store.PURGE, 30, rows=1):
        pass
    left = await one.rows("SELECT payment_id FROM events ORDER BY 1")
    assert [row["payment_id"] for row in left] == ["pay_2", "pay_3", "pay_4"]
    assert len(await one.rows("SELECT FROM attempts")) == 2
