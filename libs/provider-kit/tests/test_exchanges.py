"""What is kept of HTTP exchanges: enough to explain them, nothing that is secret."""

import asyncio
from functools import partial

import aiohttp
import httpx
import msgspec
import pytest

from malipo.contracts.outcomes import EXCHANGE_ERRORS
from malipo.platform.client import http_client
from provider_kit.exchanges import MAX_EXCHANGES, Recording, conceal, made, recorded
from testkit.transports import Hanging, Reply, answer, broken

REPLY = Reply({"card": "secret-answer"}, 402, {"Request-Id": "req_1"})


def client(transport=None):
    return http_client(
        timeout_seconds=1,
        base_url="https://provider.test",
        transport=transport or answer(REPLY),
        around=partial(Recording, request_id_header="Request-Id"),
    )


async def test_an_exchange_is_kept_with_the_providers_name_for_it_and_nothing_secret():
    with recorded():
        async with client() as http:
            await http.post(
                "/v1/things/pm_secretcard?email=secret-query",
                headers={"Authorization": "Bearer secret-header"},
                data={"metadata": "secret-body"},
            )
        (exchange,) = made()
    assert (exchange.method, exchange.status, exchange.request_id) == ("POST", 402, "req_1")
    assert exchange.path == "/v1/things/[redacted]"
    assert exchange.duration_ms >= 0
    assert b"secret" not in msgspec.json.encode(exchange)


@pytest.mark.parametrize("odd", ["r" * 8_000, "two\twords", "r\x01", "r\xe9", ""])
async def test_what_can_be_no_id_of_a_request_is_not_kept(odd):
    reply = Reply({}, headers={"Request-Id": odd.encode("latin-1")})
    with recorded():
        async with client(answer(reply)) as http:
            await http.get("/v1/things")
        (exchange,) = made()
    assert (exchange.status, exchange.request_id) == (200, None)


async def test_nothing_personal_is_kept_as_the_id_of_a_request():
    with recorded():
        conceal(["000123456789"])
        async with client(answer(Reply({}, headers={"Request-Id": "acct-000123456789"}))) as http:
            await http.get("/v1/things")
        (exchange,) = made()
    assert exchange.request_id == "acct-[redacted]"


@pytest.mark.parametrize(
    ("error", "cause", "name"),
    [
        (httpx.ConnectTimeout("to 10.0.0.1 with secrets"), aiohttp.ServerDisconnectedError(), "connection_broken"),
        (httpx.ConnectError("broken"), aiohttp.ClientOSError(104, "reset"), "connection_broken"),
        (httpx.ReadError("broken"), aiohttp.ClientPayloadError(), "connection_broken"),
        (httpx.ConnectError("refused"), None, "no_connection"),
        (httpx.ConnectTimeout("slow"), aiohttp.ConnectionTimeoutError(), "no_connection"),
        (httpx.ReadTimeout("slow"), aiohttp.SocketTimeoutError(), "timeout"),
        (httpx.ReadTimeout("slow"), None, "timeout"),
        (httpx.DecodingError("odd"), None, "other"),
    ],
)
async def test_without_a_response_a_documented_error_tells_why(error, cause, name):
    with recorded():
        async with client(broken(error, cause)) as http:
            with pytest.raises(type(error)):
                await http.get("/v1/things")
        (exchange,) = made()
    assert (exchange.status, exchange.error, exchange.path) == (None, name, "/v1/things")
    assert exchange.error in EXCHANGE_ERRORS


async def test_an_exchange_that_is_cancelled_is_kept():
    with recorded():
        async with client(Hanging()) as http:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await http.get("/v1/things")
        (exchange,) = made()
    assert (exchange.status, exchange.error) == (None, "given_up")


async def test_what_two_tasks_exchange_is_kept_apart():
    async def get(path: str) -> list[str | None]:
        with recorded():
            async with client() as http:
                await http.get(path)
            return [exchange.path for exchange in made()]

    assert await asyncio.gather(get("/a"), get("/b")) == [["/a"], ["/b"]]


async def test_nothing_is_kept_outside_a_recorded_block_and_never_more_than_the_limit():
    async with client() as http:
        await http.get("/v1/things")
        assert made() == ()
        with recorded():
            for _ in range(MAX_EXCHANGES + 1):
                await http.get("/v1/things")
            assert len(made()) == MAX_EXCHANGES
