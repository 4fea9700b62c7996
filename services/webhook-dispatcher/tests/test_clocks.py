"""A machine whose clock is an hour off wastes no retries, floods no receiver and signs with the right time."""

from datetime import datetime, timedelta

import pytest

from malipo import clock
from testkit.clocks import put_wrong
from testkit.waiting import until
from webhook_dispatcher import scheduler

HOUR = 3600


@pytest.fixture(params=[HOUR, -HOUR], ids=["ahead", "behind"])
def jumped(request, monkeypatch):
    """The process's clock jumps; returns the true time."""
    return put_wrong(monkeypatch, timedelta(seconds=request.param))


async def test_the_signature_has_the_right_time_whatever_our_clock_shows(replica, receiver, kit, jumped):
    one = await replica()
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1))
    await one.until_states(delivered=1)
    (hook,) = receiver.hooks
    now = int(jumped().timestamp())
    assert kit.verify(kit.SECRET, hook.headers, hook.body, now=now, tolerance_seconds=30)


async def test_retries_keep_their_times(replica, receiver, kit, jumped):
    receiver.replies["/"] = [kit.status(500), kit.status(500), kit.status(200)]
    one = await replica(schedule=(0.5, 600))
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1))

    async def twice():
        return len(await one.rows("SELECT FROM attempts")) == 2

    await until(twice)
    (row,) = await one.rows("SELECT due_at, extract(epoch FROM due_at - now()) AS seconds FROM deliveries")
    assert 470 < row["seconds"] < 730  # of 600, with jitter
    assert len(receiver.hooks) == 2
    first, second = await one.reports()
    assert second["next_attempt_at"] == row["due_at"].isoformat().replace("+00:00", "Z")
    assert first["attempted_at"] < second["attempted_at"] < second["next_attempt_at"]
    (attempt,) = await one.rows("SELECT now() - max(attempted_at) AS age FROM attempts")
    assert timedelta() <= attempt["age"] < timedelta(seconds=60)


@pytest.mark.parametrize("dated", [True, False])
async def test_a_date_to_retry_after_counts_from_the_answers_date_or_the_databases_time(
    replica, receiver, kit, jumped, dated
):
    def line(name, moment):
        return moment.strftime(f"{name}: %a, %d %b %Y %H:%M:%S GMT")

    theirs = jumped() + timedelta(seconds=5 * HOUR if dated else 0)
    headers = [line("Retry-After", theirs + timedelta(seconds=300))] + [line("Date", theirs)] * dated
    receiver.replies["/"] = [kit.status(503, *headers)]
    one = await replica(schedule=(1,))
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(kit.transition("pay_1", 1))
    await until(one.reports)
    (row,) = await one.rows("SELECT extract(epoch FROM due_at - now()) AS seconds FROM deliveries")
    assert 270 < row["seconds"] <= 301


async def test_what_ends_unsent_is_dated_right(replica, kit, jumped):
    one = await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", "https://a.example/"))
    await one.receive(kit.transition("pay_1", 1))
    await one.configure(2)
    await scheduler.end_gone(one.database)
    (report,) = await one.reports()
    assert abs(jumped() - datetime.fromisoformat(report["attempted_at"])) < timedelta(seconds=60)


async def test_a_clock_that_jumps_while_webhooks_fail_floods_no_receiver(replica, receiver, kit, monkeypatch):
    receiver.replies["/"] = [kit.status(500)]
    one = await replica(schedule=(0.2, 900, 900, 900), overtake_after=HOUR / 2)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    await one.receive(*(kit.transition(f"pay_{i}", sequence) for i in range(5) for sequence in (1, 2)))
    await until(lambda: len(receiver.hooks) == 5)
    true_now = clock.now
    monkeypatch.setattr(clock, "now", lambda: true_now() + timedelta(hours=1))

    async def all_failed_twice():
        return len(await one.rows("SELECT FROM attempts")) == 10

    await until(all_failed_twice)
    assert await one.states() == {"pending": 10}
    assert await one.rows("SELECT FROM deliveries WHERE overtaken_at IS NOT NULL OR due_at <= now()") == []
