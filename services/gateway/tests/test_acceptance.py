"""Payments that are requested at once: they share a transaction, and nothing else."""

import asyncio
from contextlib import asynccontextmanager

from opentelemetry.trace import NonRecordingSpan, SpanContext, use_span

from malipo.contracts.commands import CreatePayment
from malipo.platform.tracing import trace_id_of
from testkit.owning import as_owner
from testkit.waiting import until


async def together(gateway, *requests) -> list:
    """The answers to requests that are accepted by one transaction, in this order."""
    group = gateway.app.state.acceptance._asked
    tasks = []
    async with group._turn:
        for number, request in enumerate(requests, start=1):
            tasks.append(asyncio.create_task(request))
            await until(lambda n=number: group._open and len(group._open.items) == n, what="a request to come")
    return await asyncio.gather(*tasks)


def result(response) -> tuple[int, str | None]:
    return response.status_code, response.json().get("code")


async def created(gateway) -> list[CreatePayment]:
    return [message for message in await gateway.sent() if isinstance(message, CreatePayment)]


async def test_many_at_once_are_each_accepted_once(replica, make):
    gateways = [await replica(), await replica()]
    merchants = [await gateways[0].merchant(), await gateways[0].merchant(mode="live")]

    async def pay(number: int):
        merchant = merchants[number % 2].on(gateways[number // 2 % 2])
        return await merchant.pay(make.payment | {"amount": 100 + number}, key=f"order {number}")

    answers = await asyncio.gather(*(pay(number) for number in range(120)))
    assert [(answer.status_code, answer.json()["amount"]) for answer in answers] == [(202, 100 + n) for n in range(120)]
    commands = {command.payment_id: command for command in await created(gateways[0])}
    for number, shown in enumerate(answer.json() for answer in answers):
        command = commands.pop(shown["id"])
        assert (command.merchant_id, command.mode) == (merchants[number % 2].id, ["test", "live"][number % 2])
        assert (command.amount.amount_minor, command.config_version) == (100 + number, 1)
    assert not commands
    assert await gateways[0].count("payments") == await gateways[0].count("timeline") == 120
    repeats = await asyncio.gather(*(pay(number) for number in range(120)))
    assert [repeat.json()["id"] for repeat in repeats] == [answer.json()["id"] for answer in answers]
    assert await gateways[0].count("payments") == 120


async def test_each_keeps_its_own_trace_and_request(gateway, merchant, make):
    async def pay(number: int):
        context = SpanContext(trace_id=number, span_id=1, is_remote=False)
        with use_span(NonRecordingSpan(context)):
            return await merchant.pay(make.payment | {"client_ref": f"order {number}"})

    answers = await together(gateway, pay(1), pay(2), pay(3))
    for number, response in enumerate(answers, start=1):
        payment_id = response.json()["id"]
        headers = await gateway.pool.fetchval("SELECT headers FROM outbox WHERE key = $1", payment_id)
        [entry] = (await merchant.get(f"/v1/payments/{payment_id}/timeline")).json()["entries"]
        assert headers["client-ref"] == f"order {number}"
        assert entry["request_id"] == response.headers["X-Request-Id"]
        assert entry["trace_id"] == trace_id_of(headers) == f"{number:032x}"


async def test_a_refused_one_does_not_affect_the_others(gateway, merchant, make):
    bare = await gateway.merchant(configured=False)
    known = await merchant.pay(key="known")
    elsewhere = make.payment | {"amount": 7}
    answers = await together(
        gateway,
        merchant.pay(key="a"),
        bare.pay(key="a"),
        merchant.pay(key="a"),
        merchant.pay(elsewhere, key="known"),
        merchant.pay(key="known"),
        merchant.pay(key="b"),
    )
    assert [result(answer) for answer in answers] == [
        (202, None),
        (422, "provider_not_configured"),
        (409, "idempotency_key_in_flight"),
        (422, "idempotency_key_reused"),
        (202, None),
        (202, None),
    ]
    assert answers[4].json()["id"] == known.json()["id"]
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, None, None, None, "true", None]
    accepted = {answers[n].json()["id"] for n in (0, 4, 5)}
    assert {command.payment_id for command in await created(gateway)} == accepted
    assert await gateway.count("payments") == await gateway.count("idempotency_keys") == 3
    assert (await merchant.pay(key="a")).json()["id"] == answers[0].json()["id"]


async def test_one_that_the_database_refuses_does_not_affect_the_others(gateway, merchant, make, database_url):
    unlucky = make.payment | {"amount": 13}
    async with without_thirteen(database_url):
        answers = await together(gateway, merchant.pay(key="a"), merchant.pay(unlucky, key="b"), merchant.pay(key="c"))
    assert [result(answer) for answer in answers] == [(202, None), (500, "internal_error"), (202, None)]
    assert await gateway.count("payments") == len(await created(gateway)) == 2
    assert (await merchant.pay(unlucky, key="b")).status_code == 202


async def test_the_same_key_twice_at_once_makes_one_payment(gateway, merchant):
    first, second = await together(gateway, merchant.pay(key="k"), merchant.pay(key="k"))
    assert [result(first), result(second)] == [(202, None), (409, "idempotency_key_in_flight")]
    assert await gateway.count("payments") == len(await created(gateway)) == 1
    repeats = await together(gateway, merchant.pay(key="k"), merchant.pay(key="k"))
    assert [repeat.json()["id"] for repeat in repeats] == [first.json()["id"]] * 2


async def test_different_bodies_under_one_key_at_once_make_one_payment(gateway, merchant, make):
    other = make.payment | {"amount": 7}
    first, second = await together(gateway, merchant.pay(key="k"), merchant.pay(other, key="k"))
    assert [result(first), result(second)] == [(202, None), (409, "idempotency_key_in_flight")]
    assert result(await merchant.pay(other, key="k")) == (422, "idempotency_key_reused")
    [command] = await created(gateway)
    assert (command.payment_id, command.amount.amount_minor) == (first.json()["id"], 1250)


async def test_the_key_of_a_refused_one_is_free_for_another_body(gateway, make):
    bare = await gateway.merchant(configured=False)
    refused = await together(gateway, bare.pay(key="k"), bare.pay(key="j"))
    assert {result(answer) for answer in refused} == {(422, "provider_not_configured")}
    await bare.send("PUT", "/v1/provider-credentials/stripe", make.credentials)
    assert (await bare.pay(make.payment | {"amount": 7}, key="k")).status_code == 202


async def test_merchants_and_modes_do_not_share_what_is_configured(gateway, make):
    bare, live = await gateway.merchant(configured=False), await gateway.merchant(mode="live")
    mixed = await gateway.key_of(live.id, mode="test")
    await live.send("PUT", "/v1/provider-credentials/stripe", make.credentials | {"secret_key": "sk_live_51Malipo9f3a"})
    answers = await together(gateway, *(one.pay(key="k") for one in (bare, mixed, live)))
    assert [answer.status_code for answer in answers] == [422, 422, 202]
    assert "test credentials" in answers[1].json()["detail"]
    [command] = await created(gateway)
    assert (command.merchant_id, command.mode, command.config_version) == (live.id, "live", 2)


async def test_a_request_that_goes_away_does_not_affect_the_others(gateway, merchant):
    group = gateway.app.state.acceptance._asked
    async with group._turn:
        gone, stays = (asyncio.create_task(merchant.pay(key=key)) for key in ("gone", "stays"))
        await until(lambda: group._open and len(group._open.items) == 2, what="two requests to come")
        gone.cancel()
    assert (await stays).status_code == 202
    again = await merchant.pay(key="gone")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert await gateway.count("payments") == 2


async def test_a_database_that_goes_away_meanwhile_accepts_none_of_them(replica, database_url, line, gateway, merchant):
    url, wire = await line(database_url)
    there = await replica(database_url=url)
    await until(lambda: there.dependencies.database._pool is not None, what="a pool")
    away = merchant.on(there)
    keys = [f"order {number}" for number in range(5)]

    async def is_waiting() -> bool:
        return await gateway.pool.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'payments'::regclass)"
        )

    async with gateway.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE payments IN EXCLUSIVE MODE")
        sending = asyncio.create_task(together(there, *(away.pay(key=key) for key in keys)))
        await until(is_waiting, what="the payments to be written")
        wire.cut()
    assert [result(answer) for answer in await sending] == [(503, "database_unavailable")] * 5
    assert await gateway.count("payments") == len(await created(gateway)) == 0
    wire.mend()

    async def accepted(key: str) -> bool:
        return (await away.pay(key=key)).status_code == 202

    for key in keys:
        await until(lambda key=key: accepted(key), what="a payment to be accepted")
        assert (await merchant.pay(key=key)).headers["Idempotent-Replayed"] == "true"
    assert await gateway.count("payments") == len(await created(gateway)) == 5


@asynccontextmanager
async def without_thirteen(database_url):
    """An unforeseen fault: the table refuses an amount."""
    await as_owner(database_url, "ALTER TABLE payments ADD CONSTRAINT unlucky CHECK (amount <> 13)")
    try:
        yield
    finally:
        await as_owner(database_url, "ALTER TABLE payments DROP CONSTRAINT unlucky")
