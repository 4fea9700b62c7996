"""What merchants' servers see: everything, signed, in order, each endpoint at its own pace."""

import asyncio

import pytest

from malipo import clock
from malipo.messaging.executor import Lease
from testkit.waiting import until
from webhook_dispatcher import queue


async def test_an_event_arrives_signed_at_both_endpoints_and_is_reported(replica, receiver, kit):
    one = await replica()
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/a"), kit.endpoint("mer_1", f"{receiver.url}/b"))
    await one.receive(kit.transition("pay_1", 1, type="payment.completed"))
    await one.until_states(delivered=2)
    assert sorted(hook.path for hook in receiver.hooks) == ["/a", "/b"]
    for hook in receiver.hooks:
        assert kit.verify(kit.SECRET, hook.headers, hook.body, now=clock.unix_seconds())
        assert hook.event["type"] == "payment.completed"
        assert hook.event["data"]["id"] == hook.id
        assert hook.headers["malipo-attempt"] == "1"
    for report in await one.reports():
        assert (report["result"], report["http_status"], report["attempt"]) == ("delivered", 200, 1)
        assert report["key"] == report["endpoint_id"]
        assert report["headers"]["client-ref"] == "order-7"


async def test_an_attempt_that_fails_is_recorded_and_made_again_with_the_same_id(replica, receiver, kit):
    receiver.replies["/"] = [kit.status(500, body=b"out of order"), kit.status(200)]
    one = await replica()
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1))
    await one.until_states(delivered=1)
    first, second = receiver.hooks
    assert (first.id, first.body) == (second.id, second.body)
    assert [hook.headers["malipo-attempt"] for hook in receiver.hooks] == ["1", "2"]
    attempts = await one.rows("SELECT attempt, http_status, result, response FROM attempts ORDER BY attempt")
    assert [tuple(attempt.values()) for attempt in attempts] == [
        (1, 500, "retrying", "out of order"),
        (2, 200, "delivered", "ok"),
    ]
    assert [report["result"] for report in await one.reports()] == ["retrying", "delivered"]
    assert (await one.reports())[0]["next_attempt_at"]


async def test_a_delivery_that_never_succeeds_is_given_up_and_the_next_event_goes_out(replica, receiver, kit):
    receiver.replies["/"] = [kit.status(500)] * 3 + [kit.status(200)]
    one = await replica(schedule=(0.05, 0.05))
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 2))
    await one.until_states(exhausted=1, delivered=1)
    assert [hook.place for hook in receiver.hooks] == [("pay_1", 1)] * 3 + [("pay_1", 2)]
    assert [r["result"] for r in await one.reports()] == ["retrying", "retrying", "exhausted", "delivered"]


async def test_events_of_one_payment_arrive_in_order_though_the_first_fails(replica, receiver, kit):
    receiver.replies["/"] = [kit.status(500), kit.status(503), kit.status(200)]
    one = await replica()
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 2))
    await one.receive(kit.transition("pay_1", 3))
    await one.until_states(delivered=3)
    assert [hook.place[1] for hook in receiver.hooks] == [1, 1, 1, 2, 3]


async def test_events_of_one_payment_follow_each_other_without_waiting_for_a_poll(replica, receiver, kit):
    one = await replica()
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(*(kit.transition("pay_1", sequence) for sequence in range(1, 61)))
    await one.until_states(delivered=60, seconds=10)  # 15 seconds of polls
    assert [hook.place[1] for hook in receiver.hooks] == list(range(1, 61))


async def test_an_endpoint_at_its_cap_gets_the_next_one_as_soon_as_one_has_ended(replica, receiver, kit):
    one = await replica(per_endpoint=1)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(*(kit.transition(f"pay_{i}", 1) for i in range(60)))
    await one.until_states(delivered=60, seconds=10)  # 15 seconds of polls
    assert receiver.most_open["/"] == 1


async def test_the_end_of_a_delivery_shows_whether_others_are_due(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 2), kit.transition("pay_2", 1))
    for more_due in (True, True, False):  # the one that had no room, the next of its payment, nothing
        (delivery,) = await queue.claim(one.database, Lease("run_1", 6), 100, [], 1)
        assert await one.recorder.record(kit.delivered(delivery)) is more_due


async def test_a_payment_that_is_stuck_does_not_hold_up_other_payments(replica, receiver, kit):
    async def stuck(hook, writer):
        await kit.status(500 if hook.place[0] == "pay_stuck" else 200)(hook, writer)

    receiver.replies["/"] = [stuck]
    one = await replica(schedule=(60,))
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(
        kit.transition("pay_stuck", 1),
        kit.transition("pay_stuck", 2),
        *(kit.transition(f"pay_{i}", 1) for i in range(30)),
    )
    await one.until_states(pending=2, delivered=30)


async def test_a_hanging_endpoint_holds_only_its_cap_while_twenty_healthy_ones_get_everything(replica, receiver, kit):
    receiver.replies["/hanging"] = [kit.hang]
    one = await replica(limit=30, per_endpoint=10, attempt_seconds=30)
    healthy = [kit.endpoint("mer_1", f"{receiver.url}/{i}") for i in range(20)]
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/hanging"), *healthy)
    await one.receive(*(kit.transition(f"pay_{i}", 1) for i in range(25)))
    await one.until_states(delivered=500, pending=25)
    assert receiver.most_open["/hanging"] == 10
    assert all(len(receiver.on(f"/{i}")) == 25 for i in range(20))


async def test_410_ends_the_endpoint_and_all_that_waits_for_it(replica, receiver, kit):
    receiver.replies["/gone"] = [kit.status(410)]
    one = await replica()
    gone, kept = kit.endpoint("mer_1", f"{receiver.url}/gone", id="ep_gone"), kit.endpoint("mer_1", f"{receiver.url}/")
    await one.configure(1, gone, kept)
    await one.receive(*(kit.transition("pay_1", sequence) for sequence in range(1, 6)))
    await one.until_states(endpoint_gone=5, delivered=5)
    assert len(receiver.on("/gone")) == 1
    assert await one.rows("SELECT gone_because FROM endpoints WHERE endpoint_id = 'ep_gone'") == [
        {"gone_because": "answered 410"}
    ]
    await one.configure(2, gone, kept)  # another change of the merchant's does not bring it back
    await one.receive(kit.transition("pay_2", 1))
    await one.until_states(endpoint_gone=5, delivered=6)
    statuses = [r.get("http_status") for r in await one.reports() if r["endpoint_id"] == "ep_gone"]
    assert sorted(statuses, key=str) == [410, None, None, None, None]


@pytest.mark.parametrize(
    ("status", "requested", "least", "most"), [(429, 100, 100, 100), (503, 1, 8, 12), (500, 100, 8, 12)]
)
async def test_retry_after_is_honoured_for_429_and_503(replica, receiver, kit, status, requested, least, most):
    receiver.replies["/"] = [kit.status(status, f"Retry-After: {requested}")]
    one = await replica(schedule=(10,))
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1))
    (report,) = await until(one.reports)
    (row,) = await one.rows("SELECT due_at, extract(epoch FROM due_at - now()) AS seconds FROM deliveries")
    assert least - 2 < row["seconds"] <= most
    assert report["next_attempt_at"] == row["due_at"].isoformat().replace("+00:00", "Z")


async def test_a_redirect_is_a_failure_and_its_target_is_never_visited(replica, receiver, kit):
    receiver.replies["/"] = [kit.status(308, f"Location: {receiver.url}/elsewhere")]
    one = await replica(schedule=(0.01,))
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1))
    await one.until_states(exhausted=1)
    assert [hook.path for hook in receiver.hooks] == ["/", "/"]


async def test_an_attempt_that_takes_too_long_is_a_failure(replica, receiver, kit):
    receiver.replies["/"] = [kit.hang, kit.status(200)]
    one = await replica(attempt_seconds=0.3)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1))
    await one.until_states(delivered=1)
    errors = [row["error"] for row in await one.rows("SELECT error FROM attempts ORDER BY attempt")]
    assert errors == ["no answer within 0.3 seconds", None]


async def test_an_address_inside_is_never_called_and_the_report_shows_why(replica, receiver, kit):
    one = await replica(allow_loopback=False, schedule=(0.01,))
    await one.configure(1, kit.endpoint("mer_1", "https://127.0.0.1/"), kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1))
    await one.until_states(exhausted=2)
    assert receiver.hooks == []
    assert {report["error"] for report in await one.reports()} == {
        "the address is not a public one: loopback (RFC 1122)",
        "the URL must be https on port 443",
    }


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64!", "plain words"])
async def test_with_a_secret_that_cannot_sign_nothing_is_sent_and_the_delivery_waits(replica, receiver, kit, secret):
    one = await replica()
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/", secret=secret))
    await one.receive(kit.transition("pay_1", 1))
    await until(lambda: postponed(one))
    assert receiver.hooks == []
    assert await one.reports() == []


async def test_a_secret_sealed_for_another_endpoint_signs_nothing(replica, receiver, kit):
    one = await replica()
    other = kit.endpoint("mer_1", f"{receiver.url}/", id="ep_other")
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/", id="ep_1"))
    await one.pool.execute("UPDATE endpoints SET secret_ciphertext = $1", other.secret_ciphertext)
    await one.receive(kit.transition("pay_1", 1))
    await until(lambda: postponed(one))
    assert receiver.hooks == []


async def postponed(dispatcher):
    return await dispatcher.rows(
        "SELECT FROM deliveries WHERE state = 'pending' AND attempts = 0 AND lease_token IS NULL "
        "AND due_at > now() + interval '4 minutes'"
    )


async def test_two_replicas_deliver_each_event_once_and_share_the_cap(replica, receiver, kit):
    async def slow(hook, writer):
        await asyncio.sleep(0.02)
        await kit.status(200)(hook, writer)

    receiver.replies["/"] = [slow]
    one, two = await replica(per_endpoint=5), await replica(per_endpoint=5)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await asyncio.gather(
        *(
            (one, two)[i % 2].receive(*(kit.transition(f"pay_{i}_{j}", s) for j in range(10) for s in (1, 2, 3)))
            for i in range(10)
        )
    )
    await one.until_states(delivered=300, seconds=30)
    assert len(receiver.hooks) == len({hook.id for hook in receiver.hooks}) == 300
    assert receiver.most_open["/"] <= 5
    seen: dict[str, list[int]] = {}
    for hook in receiver.hooks:
        seen.setdefault(hook.place[0], []).append(hook.place[1])
    assert all(sequences == [1, 2, 3] for sequences in seen.values())


async def test_two_claims_at_the_same_moment_share_the_cap(replica, kit):
    one, two = await replica(started=False), await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_2", 1))

    async with one.database.begin() as unit:
        assert len(await unit.transaction.fetch(queue._CLAIM, "run_1", 100, 1, 6, [])) == 1
        other = asyncio.create_task(queue.claim(two.database, Lease("run_2", 6), 100, [], 1))
        await until(lambda: kit.wait_for_locks(one, 1), what="the second claim waits for the first")
    assert await other == []


async def test_what_a_dead_process_had_claimed_is_claimed_by_another(replica, receiver, kit):
    dead, alive = await replica(started=False), await replica(started=False)
    await alive.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await alive.receive(*(kit.transition(f"pay_{i}", 1) for i in range(3)))
    claimed = await queue.claim(dead.database, Lease("run_dead", 6), 100, [], 10)
    assert len(claimed) == 3
    alive.start()
    await alive.until_states(delivered=3)
    assert len(receiver.hooks) == 3
    # The dead one was only slow, and comes back with an answer: the record stands as it is.
    too_late = dead.recorder
    assert await asyncio.gather(*(too_late.record(kit.failed(delivery)) for delivery in claimed)) == [False] * 3
    assert await alive.states() == {"delivered": 3}
    assert [report["result"] for report in await alive.reports()] == ["delivered"] * 3


async def test_a_slow_attempt_keeps_its_lease_and_is_not_made_twice(replica, receiver, kit):
    async def slow(hook, writer):
        await asyncio.sleep(8)  # longer than a lease that is not renewed
        await kit.status(200)(hook, writer)

    receiver.replies["/"] = [slow]
    one, _two = await replica(attempt_seconds=15), await replica(attempt_seconds=15)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1))
    await one.until_states(delivered=1)
    assert len(receiver.hooks) == 1


async def test_a_process_that_lost_a_lease_makes_no_second_attempt_while_the_first_one_lasts(replica, receiver, kit):
    answering = asyncio.Event()

    async def held(hook, writer):
        await answering.wait()
        await kit.status(200)(hook, writer)

    receiver.replies["/held"] = [held]
    one = await replica(attempt_seconds=30)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/held"), kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1))
    await one.until_states(pending=1, delivered=1)
    await until(lambda: receiver.on("/held"))
    await one.pool.execute("UPDATE deliveries SET lease_token = NULL, lease_until = NULL WHERE state = 'pending'")
    await one.receive(kit.transition("pay_1", 2))
    await one.until_states(pending=2, delivered=2)  # it has claimed again meanwhile
    assert len(receiver.on("/held")) == 1
    answering.set()
    await one.until_states(delivered=4)
    # The answer to the first attempt was not recorded: its lease was lost. It is made again, and then comes the next.
    assert [hook.place[1] for hook in receiver.on("/held")] == [1, 1, 2]


async def test_an_attempt_that_cannot_be_recorded_does_not_stop_those_beside_it(replica, kit):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    await one.receive(*(kit.transition(f"pay_{i}", 1) for i in range(5)))
    claimed = await queue.claim(one.database, Lease("run_1", 6), 100, [], 10)
    bad = next(delivery for delivery in claimed if delivery.payment_id == "pay_2")
    await one.pool.execute("INSERT INTO attempts VALUES ($1, 1, now(), 1, 'retrying', 500, NULL, '')", bad.id)
    results = await asyncio.gather(
        *(one.recorder.record(kit.delivered(each)) for each in claimed), return_exceptions=True
    )
    assert [type(result).__name__ for result in results if result is not False] == ["UniqueViolationError"]
    assert await one.states() == {"delivered": 4, "pending": 1}
    assert sorted(report["payment_id"] for report in await one.reports()) == ["pay_0", "pay_1", "pay_3", "pay_4"]


async def test_an_endpoint_removed_while_an_attempt_is_under_way_gets_nothing_more(replica, receiver, kit):
    answering = asyncio.Event()

    async def held(hook, writer):
        await answering.wait()
        await kit.status(500)(hook, writer)

    receiver.replies["/"] = [held]
    one = await replica()
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1), kit.transition("pay_1", 2))
    await until(lambda: receiver.hooks)
    await one.configure(2)
    await one.until_states(pending=1, endpoint_gone=1)
    answering.set()
    await one.until_states(endpoint_gone=2)
    assert len(receiver.hooks) == 1
    assert [r["result"] for r in await one.reports()] == ["endpoint_gone", "retrying", "endpoint_gone"]
