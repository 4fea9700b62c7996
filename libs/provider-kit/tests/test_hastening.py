"""A callback that nobody signed is a reason to look at the account's statement: soon, and not too often."""

import httpx
import pytest
from starlette.applications import Starlette

from malipo.platform.client import http_client
from provider_kit.callbacks import Callbacks
from provider_kit.errors import NotSent
from provider_kit.provider import ParsedCallback

HINT = ParsedCallback("evt_1", hastens=True, reply={"ResultCode": 0})


@pytest.fixture
async def hint(kit, reader):
    """Posts a callback that hints at news in the statement of `cred_1`, which has just been read."""
    await reader.look()
    kit.provider.parsed = HINT
    route = Callbacks(kit.provider, kit.credentials, kit.door, hasten=reader.statements.hasten).route()
    transport = httpx.ASGITransport(Starlette(routes=[route]))
    async with http_client(timeout_seconds=5, base_url="http://service.test", transport=transport) as http:

        async def send():
            response = await http.post("/callbacks/fake/cred_1", content=b"{}")
            return response.status_code, response.json()

        yield send


async def due_in(kit) -> float:
    return float(await kit.database.reads.fetchval("SELECT extract(epoch FROM due_at - now()) FROM statements"))


async def test_the_account_is_looked_at_soon_and_the_sender_gets_its_reply(kit, hint):
    assert await due_in(kit) > 40
    assert await hint() == (200, {"ResultCode": 0})
    assert await due_in(kit) <= 10


async def test_however_many_come_there_is_a_pause_between_two_looks(kit, reader, hint):
    for _ in range(3):
        await hint()
    assert await reader.read_due() == 0
    await kit.sql("UPDATE statements SET looked_at = looked_at - interval '10 seconds'")
    await hint()
    assert await reader.read_due() == 1
    await hint()
    assert await reader.read_due() == 0


async def test_one_that_comes_during_a_look_causes_another_one(kit, reader, hint):
    await reader.make_due()
    (cursor,) = await reader.claim()
    await hint()
    await reader.statements.look(cursor)
    assert 0 < await due_in(kit) <= 10


async def test_a_look_that_came_after_it_answers_it(kit, reader, hint):
    await hint()
    await kit.sql("UPDATE statements SET due_at = now()")
    await reader.read_due()
    assert await due_in(kit) > 40


async def test_while_the_provider_refuses_nobody_makes_us_ask_sooner(kit, reader, hint):
    reader.statement.rows = [NotSent("quota", retry_after_seconds=600)]
    await reader.make_due()
    await reader.read_due()
    await hint()
    assert await due_in(kit) > 500


async def test_where_no_statement_is_read_a_hint_changes_nothing(kit, hint):
    await kit.sql("DELETE FROM statements")
    assert await hint() == (200, {"ResultCode": 0})
