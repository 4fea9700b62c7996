"""What merchants see of payments whose month is gone, and what keeps a month of timelines."""

from datetime import timedelta

import asyncpg
import pytest

from gateway import tables
from gateway.events.store import forget
from malipo import ids
from malipo.platform import partitions
from malipo.platform.months import Month, monthly
from malipo.platform.retention import Keeper
from testkit.owning import owners

(timeline,) = monthly([tables.TIMELINE])
PAYMENT = """
INSERT INTO payments (id, merchant_id, mode, step, status, currency, amount, view)
VALUES ($1, 'mer', 'test', 1, $2, 'USD', 100, '{}')
"""


@pytest.fixture
async def old(gateway, merchant) -> dict:
    """A payment that has completed, and whose month is gone."""
    payment = (await merchant.pay()).json()
    await gateway.receive(
        gateway.step(merchant, payment, "processing"), gateway.step(merchant, payment, event="payment.completed")
    )
    await gateway.pool.execute("DELETE FROM timeline")
    return payment


async def test_a_timeline_that_is_kept_no_longer_is_said_to_be_gone_and_its_payment_stays(merchant, old):
    for path in ("timeline", "explain"):
        answer = await merchant.get(f"/v1/payments/{old['id']}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (410, "timeline_gone")
        assert "may have an archive" in answer.json()["detail"]
    assert (await merchant.get(f"/v1/payments/{old['id']}")).json()["status"] == "completed"
    assert [one["id"] for one in (await merchant.get("/v1/payments")).json()["data"]] == [old["id"]]
    assert len((await merchant.get("/v1/events")).json()["data"]) == 1


async def test_what_happens_after_a_month_is_gone_is_shown_alone_and_is_not_complete(gateway, merchant, old):
    refund = await merchant.post(f"/v1/payments/{old['id']}/refunds", {"amount": 100})
    assert refund.status_code == 202
    explained = await merchant.get(f"/v1/payments/{old['id']}/explain")
    assert explained.json()["code"] == "timeline_gone"  # a refund does not say where its payment stands
    await gateway.receive(gateway.step(merchant, old))
    shown = (await merchant.get(f"/v1/payments/{old['id']}/timeline")).json()
    assert [entry["kind"] for entry in shown["entries"]] == ["request", "step"]
    assert not shown["complete"]
    assert (await merchant.get(f"/v1/payments/{old['id']}/explain")).status_code == 200


async def test_a_month_of_timelines_stays_while_a_payment_of_it_has_not_ended_or_something_happened_lately(
    new_database,
):
    connection = await asyncpg.connect(owners(new_database("gateway")))
    try:
        long_ago = Month.of(await connection.fetchval("SELECT now()")).plus(-20)
        await partitions.make(connection, timeline, long_ago)
        open_id, ended_id = (ids.new("pay", long_ago.begins) for _ in range(2))
        await connection.execute(PAYMENT, open_id, "authorized")
        await connection.execute(PAYMENT, ended_id, "failed")
        put = "INSERT INTO timeline VALUES ($1, $2, 'step', $3, '{}')"
        await connection.execute(put, open_id, "step-1", long_ago.begins)
        told: list[str] = []
        keeper = Keeper(connection, "gateway", [timeline], {"timeline": 400})
        assert not await keeper.retire(told.append)
        assert told.pop() == f"timeline {long_ago} stays: payments of it have not ended: {open_id}"

        await connection.execute("UPDATE payments SET status = 'completed'")
        await connection.execute("INSERT INTO timeline SELECT $1, 'step-9', 'step', now(), '{}'", ended_id)
        assert not await keeper.retire(told.append)
        assert told.pop().endswith(f"within the last 90 days: {ended_id}")

        await connection.execute("UPDATE timeline SET at = at - interval '91 days'")
        assert await keeper.retire(told.append)
        assert told == [f"timeline {long_ago} is gone"]
        assert await connection.fetchval("SELECT count(*) FROM timeline") == 0
    finally:
        await connection.close()


async def test_events_are_forgotten_by_the_age_that_their_ids_tell(gateway, merchant):
    payment = (await merchant.pay()).json()
    await gateway.receive(gateway.step(merchant, payment, event="payment.completed"))
    database = gateway.dependencies.database
    assert not await forget(database, 30)
    made = ids.made_at(await gateway.pool.fetchval("SELECT id FROM events"))
    await gateway.pool.execute("UPDATE events SET id = $1", ids.new("evt", made - timedelta(days=31)))
    assert not await forget(database, 30)
    assert (await merchant.get("/v1/events")).json()["data"] == []
