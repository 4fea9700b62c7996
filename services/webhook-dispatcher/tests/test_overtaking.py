"""An event that keeps failing holds up later events of its payment for a while, and not for days."""

import asyncio
from datetime import datetime, timedelta

import pytest

from malipo.messaging.executor import Lease
from testkit import in_production
from testkit.waiting import until
from webhook_dispatcher import queue, scheduler
from webhook_dispatcher.recorder import DeliveryAttempt
from webhook_dispatcher.result import ReceiverResponse
from webhook_dispatcher.settings import Settings


def poisoned(kit, *sequences, code=500):
    """A receiver that fails at these events and accepts all others."""

    async def reply(hook, writer):
        await kit.status(code if hook.place[1] in sequences else 200)(hook, writer)

    return reply


def order(receiver):
    return list(dict.fromkeys(hook.place[1] for hook in receiver.hooks))


async def test_later_events_wait_for_a_while_and_then_go_past_the_one_that_fails(replica, receiver, kit):
    receiver.replies["/"] = [poisoned(kit, 1)]
    one = await replica(schedule=(3600, 3600), overtake_after=1.5)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(*(kit.transition("pay_1", sequence) for sequence in (1, 2, 3)))
    await one.until_states(pending=1, delivered=2)
    assert order(receiver) == [1, 2, 3]
    (row,) = await one.rows("SELECT overtaken_at - failing_since AS held, due_at > now() AS retried FROM deliveries"
                            " WHERE state = 'pending'")  # fmt: skip
    assert row["held"] >= timedelta(seconds=1.5)
    assert row["retried"]


async def test_within_that_time_nothing_goes_past(replica, receiver, kit):
    receiver.replies["/"] = [poisoned(kit, 1), poisoned(kit, 1), kit.status(200)]
    one = await replica(schedule=(0.2, 0.2), overtake_after=600)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(*(kit.transition("pay_1", sequence) for sequence in (1, 2, 3)))
    await one.until_states(delivered=3)
    assert [hook.place[1] for hook in receiver.hooks] == [1, 1, 1, 2, 3]


async def test_a_server_that_requests_a_day_holds_up_later_events_no_longer(replica, receiver, kit):
    async def requests_a_day(hook, writer):
        await (kit.status(503, "Retry-After: 86400") if hook.place[1] == 1 else kit.status(200))(hook, writer)

    receiver.replies["/"] = [requests_a_day]
    one = await replica(overtake_after=1)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 2))
    await one.until_states(pending=1, delivered=1)
    assert order(receiver) == [1, 2]


async def test_what_was_overtaken_comes_late_and_the_webhook_shows_what_is_lacking(replica, receiver, kit):
    receiver.replies["/"] = [poisoned(kit, 1)]
    one = await replica(schedule=(3600, 3600), overtake_after=1)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(
        kit.transition("pay_1", 1), kit.transition("pay_1", 2), kit.transition("pay_2", 1), kit.transition("pay_2", 2)
    )
    await one.until_states(pending=2, delivered=2)
    receiver.replies["/"] = [kit.status(200)]
    await one.receive(kit.transition("pay_1", 3))
    await one.pool.execute("UPDATE deliveries SET due_at = now() WHERE state = 'pending'")
    await one.until_states(delivered=5)
    hints = {hook.place: hook.headers.get("malipo-still-retried") for hook in receiver.hooks}
    assert (hints["pay_1", 1], hints["pay_1", 2], hints["pay_2", 2]) == (None, "1", "1")


async def test_the_reports_show_until_when_later_events_wait(replica, receiver, kit):
    receiver.replies["/"] = [poisoned(kit, 1)]
    one = await replica(schedule=(0.1, 0.1), overtake_after=600)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1))
    await one.until_states(exhausted=1)
    (row,) = await one.rows("SELECT failing_since + interval '600 s' AS until FROM deliveries")
    reported = [report.get("later_events_wait_until") for report in await one.reports()]
    assert [moment and datetime.fromisoformat(moment) for moment in reported] == [row["until"], row["until"], None]


async def test_order_stays_among_those_that_are_not_overtaken(replica, receiver, kit):
    receiver.replies["/"] = [poisoned(kit, 2, 4)]
    one = await replica(schedule=(0.3,) * 30, overtake_after=1)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(*(kit.transition("pay_1", sequence) for sequence in range(1, 7)))
    await one.until_states(pending=2, delivered=4)
    assert order(receiver) == [1, 2, 3, 4, 5, 6]
    receiver.replies["/"] = [kit.status(200)]
    await one.until_states(delivered=6)


async def test_an_event_that_comes_after_one_was_overtaken_goes_out_at_once(replica, receiver, kit):
    receiver.replies["/"] = [poisoned(kit, 1)]
    one = await replica(schedule=(3600,), overtake_after=1)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1))
    await until(lambda: one.rows("SELECT FROM deliveries WHERE overtaken_at IS NOT NULL"), what="it is overtaken")
    await one.receive(kit.transition("pay_1", 2))
    await one.until_states(pending=1, delivered=1)


async def test_an_event_that_arrives_late_goes_out_at_once_behind_its_successors(replica, receiver, kit):
    one = await replica()
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 3))
    await one.until_states(delivered=2)
    await one.receive(kit.transition("pay_1", 2))
    await one.until_states(delivered=3)
    assert order(receiver) == [1, 3, 2]


async def test_what_we_cannot_send_through_a_fault_of_ours_holds_up_later_events_no_longer(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 2))
    (first,) = await queue.claim(one.database, Lease("run_1", 6), 100, [], 10)
    await queue.postpone(one.database, first, 300)
    assert await queue.claim(one.database, Lease("run_1", 6), 100, [], 10) == []
    await one.pool.execute("UPDATE deliveries SET failing_since = failing_since - interval '601 s'")
    assert not await scheduler.overtake(one.database, 600)
    (second,) = await queue.claim(one.database, Lease("run_1", 6), 100, [], 10)
    assert (second.event_id != first.event_id, second.still_retried) == (True, 1)


async def test_an_attempt_that_is_under_way_when_it_is_overtaken_counts(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 2))
    await one.pool.execute("UPDATE deliveries SET failing_since = now() - interval '1 hour' WHERE due_at IS NOT NULL")
    (first,) = await queue.claim(one.database, Lease("run_1", 6), 100, [], 10)
    await scheduler.overtake(one.database, 600)
    (second,) = await queue.claim(one.database, Lease("run_1", 6), 100, [], 10)
    for delivery in (first, second):
        await one.recorder.record(
            DeliveryAttempt(delivery, delivery.now(), 1, ReceiverResponse(status=200), "delivered", None)
        )
    assert await one.states() == {"delivered": 2}


async def test_two_replicas_overtake_once_and_none_of_the_later_ones_is_left_behind(replica, receiver, kit):
    receiver.replies["/"] = [poisoned(kit, 1)]
    one, two = await replica(schedule=(3600,), overtake_after=1), await replica(schedule=(3600,), overtake_after=1)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(*(kit.transition(f"pay_{i}", 1) for i in range(20)))
    for sequence in range(2, 12):  # while the sweeps of both run
        await (one, two)[sequence % 2].receive(*(kit.transition(f"pay_{i}", sequence) for i in range(20)))
        await asyncio.sleep(0.15)
    await one.until_states(pending=20, delivered=200, seconds=30)
    for i in range(20):
        seen = [hook.place[1] for hook in receiver.hooks if hook.place[0] == f"pay_{i}"]
        assert seen == list(range(1, 12))


async def test_more_than_one_slice_is_overtaken(replica, kit, monkeypatch):
    monkeypatch.setattr(scheduler, "OVERTAKE_SLICE", 7)
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    await one.receive(*(kit.transition(f"pay_{i}", sequence) for i in range(15) for sequence in (1, 2)))
    await one.pool.execute("UPDATE deliveries SET failing_since = now() - interval '1 hour' WHERE due_at IS NOT NULL")
    slices = [await scheduler.overtake(one.database, 600) for _ in range(3)]
    assert slices == [True, True, False]
    assert len(await one.rows("SELECT FROM deliveries WHERE due_at IS NOT NULL")) == 30
    assert (await queue.backlog(one.database)).overtaken == 15


@pytest.mark.parametrize("seconds", ["0", "never"])
def test_the_time_must_be_one(seconds):
    with pytest.raises(ValueError, match="overtake_after_seconds"):
        Settings(**in_production.SETTINGS, overtake_after_seconds=seconds)
