"""What a merchant's server has answered is recorded, however long PostgreSQL is away meanwhile."""

import pytest

from testkit.waiting import until


def away_while_answering(dispatcher, reply):
    """PostgreSQL goes away between the webhook's arrival and its answer."""

    async def answer(hook, writer):
        dispatcher.database.use(None)
        await reply(hook, writer)

    return answer


@pytest.mark.parametrize("lease", ["lasts", "has run out"])
async def test_what_was_delivered_while_postgresql_was_away_is_not_sent_again(replica, receiver, kit, lease):
    one = await replica()
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    receiver.replies["/"] = [away_while_answering(one, kit.status(200)), kit.status(200)]
    await one.receive(kit.transition("pay_1", 1))
    await until(lambda: receiver.hooks and receiver.open["/"] == 0, what="the answer")
    if lease == "has run out":
        await one.pool.execute("UPDATE deliveries SET lease_until = now() - interval '1 s'")
    assert await one.states() == {"pending": 1}
    one.database.use(one.pool)
    await one.until_states(delivered=1)
    assert len(receiver.hooks) == 1
    assert [report["attempt"] for report in await one.reports()] == [1]


async def test_what_failed_while_postgresql_was_away_counts_once_and_waits_as_planned(replica, receiver, kit):
    one = await replica(schedule=(600,))
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    receiver.replies["/"] = [away_while_answering(one, kit.status(500)), kit.status(500)]
    await one.receive(kit.transition("pay_1", 1))
    await until(lambda: receiver.hooks and receiver.open["/"] == 0, what="the answer")
    one.database.use(one.pool)
    await until(one.reports, what="the attempt is written")
    (row,) = await one.rows("SELECT attempts, extract(epoch FROM due_at - now()) AS seconds FROM deliveries")
    assert row["attempts"] == 1
    assert 400 < row["seconds"] <= 720
    assert len(receiver.hooks) == 1


async def test_what_another_replica_has_claimed_meanwhile_is_left_to_it(replica, receiver, kit):
    one, two = await replica(), await replica(started=False)
    await one.configure(1, kit.endpoint("mer_1", f"{receiver.url}/"))
    receiver.replies["/"] = [away_while_answering(one, kit.status(500)), kit.status(200)]
    await one.receive(kit.transition("pay_1", 1))
    await until(lambda: receiver.hooks and receiver.open["/"] == 0, what="the answer")
    await one.pool.execute("UPDATE deliveries SET lease_until = now() - interval '1 s'")
    two.start()
    await two.until_states(delivered=1)
    one.database.use(one.pool)
    await until(lambda: not one.executor._running, what="the first one lets go")
    assert [report["result"] for report in await two.reports()] == ["delivered"]
