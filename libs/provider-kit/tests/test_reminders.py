"""The outcome of a callback reaches payments although Kafka loses it, and loses it again."""

import httpx
import pytest
from starlette.applications import Starlette

from malipo.contracts.outcomes import Pending, Succeeded
from malipo.money import Money
from malipo.platform.client import http_client
from provider_kit import reminders
from provider_kit.provider import CallbackOutcome, ParsedCallback

REPORTED = CallbackOutcome(
    operation_id="pay_1.1", kind="charge", outcome=Succeeded(amount=Money(1000, "USD"), reference="obj_1")
)


@pytest.fixture
async def call_back(kit, make):
    """A charge waits at the provider; posts the provider's callback about it."""
    kit.provider.script = [Pending(reference="obj_1")]
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()
    transport = httpx.ASGITransport(Starlette(routes=[kit.callbacks.route()]))
    async with http_client(timeout_seconds=5, base_url="http://service.test", transport=transport) as http:

        async def post(*outcomes: CallbackOutcome, callback_id: str = "evt_1") -> None:
            kit.provider.parsed = ParsedCallback(callback_id, outcomes)
            (await http.post("/callbacks/fake/cred_1", content=b"{}")).raise_for_status()

        yield post


async def lose(kit) -> list[tuple[str, bytes]]:
    """Kafka acknowledges what is in the outbox, and loses it."""
    query = "WITH gone AS (DELETE FROM outbox RETURNING *) SELECT message_id, payload FROM gone ORDER BY id"
    return [tuple(row) for row in await kit.database.reads.fetch(query)]


async def pass_time(kit, interval: str) -> None:
    await kit.sql(f"UPDATE reminders SET due_at = due_at - interval '{interval}'")
    await reminders.remind(kit.database)


async def test_an_outcome_is_sent_at_once_and_a_minute_and_an_hour_later_under_one_id_and_then_no_more(kit, call_back):
    await call_back(REPORTED)
    [first] = await lose(kit)
    for interval, sent in (
        ("50 seconds", []), ("10 seconds", [first]), ("58 minutes", []), ("1 minute", [first]), ("1 day", []),
    ):  # fmt: skip
        await pass_time(kit, interval)
        assert await lose(kit) == sent, interval
    assert await kit.database.reads.fetchval("SELECT count(*) FROM reminders") == 0


async def test_each_outcome_of_a_callback_is_sent_again_and_a_repeated_callback_is_not(kit, make, call_back):
    kit.provider.script = [Pending(reference="obj_1")]
    await kit.handle(make.charge(2))
    await kit.run()
    await kit.reports()
    await call_back(REPORTED, CallbackOutcome(operation_id="pay_2.1", kind="charge", outcome=REPORTED.outcome))
    sent = await lose(kit)
    await call_back(REPORTED)
    assert await lose(kit) == []
    await pass_time(kit, "1 minute")
    assert sorted(await lose(kit)) == sorted(sent)


async def test_after_an_outage_of_two_hours_both_reminders_go_out(kit, call_back):
    await call_back(REPORTED)
    [first] = await lose(kit)
    await pass_time(kit, "2 hours")
    assert await lose(kit) == [first, first]
