"""What the HTTP server beneath every service refuses, how long it waits, and whose address is the client's."""

import asyncio
from contextlib import suppress

import pytest

from http_limits.remote import client_of, network_of, networks
from testkit.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: malipo\r\n"
POST = b"POST / HTTP/1.1\r\nHost: malipo\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
PROXY = "127.0.0.100"


async def test_requests_of_one_connection_are_answered_in_order_also_when_they_come_at_once(strict):
    client = await strict.connect()
    paths = [f"/{number}" for number in range(200)]
    await client.send(b"".join(b"GET %s HTTP/1.1\r\nHost: malipo\r\n\r\n" % path.encode() for path in paths))
    assert [(await client.response()).json["path"] for _ in paths] == paths
    assert (await client.request(GET + b"\r\n")).status == 200


async def test_a_body_in_small_pieces_arrives_whole_and_the_next_request_behind_it(strict):
    client = await strict.connect()
    pieces = b"".join(b"64\r\n" + b"x" * 100 + b"\r\n" for _ in range(5000))
    await client.send(CHUNKED + pieces + b"0\r\n\r\n" + GET + b"\r\n")
    assert (await client.response()).json["length"] == 500_000
    assert (await client.response()).json["length"] == 0


async def test_a_body_that_expects_100_continue_gets_it(strict):
    client = await strict.connect()
    await client.send(POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    assert await client.reader.readline() == b"HTTP/1.1 100 Continue\r\n"
    await client.reader.readline()
    assert (await client.request(b"abc")).json["length"] == 3


async def test_headers_up_to_the_limit_are_accepted(strict):
    value = b"x" * (4096 - len(GET) - len(b"X-Long: \r\n\r\n"))
    response = await strict.request(GET + b"X-Long: " + value + b"\r\n\r\n")
    assert response.status == 200
    assert ["x-long", value.decode()] in response.json["headers"]


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X-Long: " + b"x" * 13_000,
        GET + b"X-Long: " + b"x" * 13_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 13_000,
        GET + b"a: b\r\n" * 30,
        b"\r\n" * 7_000,
        CHUNKED + b"1\r\nx\r\n0\r\nX-Long: " + b"x" * 13_000,
        CHUNKED + b"1\r\nx\r\n0\r\n" + b"a: b\r\n" * 30,
        CHUNKED + b"1;x=" + b"x" * 13_000,
    ],
    ids=["a header", "a whole header", "a target", "headers", "empty lines", "a trailer", "trailers", "an extension"],
)
async def test_what_is_too_large_is_answered_431_and_the_connection_ends(strict, head):
    client = await strict.connect()
    response = await client.request(head)
    assert (response.status, response.headers["connection"]) == (431, "close")
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.json["status"], response.json["code"]) == (431, "headers_too_large")
    assert response.json["retry"] == {"safe": False, "after_seconds": None, "same_key": True}
    assert await client.ended()


async def test_headers_that_take_too_long_are_answered_408_however_steadily_they_come(strict):
    client = await strict.connect()
    await client.send(GET + b"X-Slow: ")

    async def trickle() -> None:
        with suppress(ConnectionError):
            while True:
                await client.send(b"a")
                await asyncio.sleep(0.05)

    trickling = asyncio.ensure_future(trickle())
    assert (await client.response()).status == 408
    assert await client.ended()
    trickling.cancel()


async def test_a_client_that_sends_nothing_is_disconnected_also_after_a_response_and_after_empty_lines(strict):
    silent, answered, trickling = [await strict.connect() for _ in range(3)]
    assert (await answered.request(GET + b"\r\n")).status == 200
    assert (await trickling.request(GET + b"\r\n")).status == 200
    await trickling.send(b"\r\n")
    assert await silent.ended()
    assert await answered.ended()
    assert (await trickling.response()).status == 408
    assert await trickling.ended()


async def test_the_rest_of_a_body_that_is_not_read_is_not_waited_for(strict):
    client = await strict.connect()
    assert (
        await client.request(b"POST /unread HTTP/1.1\r\nHost: malipo\r\nContent-Length: 100\r\n\r\nx")
    ).status == 200
    assert await client.ended()


async def test_a_client_that_sends_all_of_a_long_body_that_is_not_read_gets_its_answer_and_the_next_one(usual):
    client = await usual.connect()
    head = b"POST /unread HTTP/1.1\r\nHost: malipo\r\nContent-Length: 10000000\r\n\r\n"
    assert (await client.request(head + b"x" * 10_000_000)).status == 200
    assert (await client.request(GET + b"\r\n")).status == 200


async def test_a_client_that_does_not_read_its_response_does_not_keep_its_place(strict):
    clients = [await strict.connect() for _ in range(8)]
    for client in clients:
        client.writer.transport.pause_reading()
        await client.send(b"GET /large HTTP/1.1\r\nHost: malipo\r\nConnection: close\r\n\r\n")
    await until(lambda: is_answered(strict), what="a place is free")


@pytest.mark.parametrize(
    "behind", [b"GET / HTTP/1.1\r\nHost: malipo\r\n\r\n", b"GET / HT"], ids=["a request", "a part of one"]
)
async def test_nor_does_a_client_that_has_sent_more_after_it(strict, behind):
    await fill(strict, b"GET /large HTTP/1.1\r\nHost: malipo\r\n\r\n" + behind)
    await until(lambda: is_answered(strict), what="a place is free")


async def test_nor_does_a_client_that_reads_none_of_very_many_small_responses(strict):
    await fill(strict, (GET + b"X-Long: " + b"x" * 3000 + b"\r\n\r\n") * 2000)  # more than the system buffers
    await until(lambda: is_answered(strict), seconds=60, what="a place is free")


async def fill(service, data: bytes) -> None:
    """Every place of one address is taken by a client that sends and does not read."""
    for _ in range(8):
        client = await service.connect()
        client.writer.transport.pause_reading()
        client.writer.write(data)


async def test_a_client_that_reads_slowly_gets_all_of_its_responses(strict):
    client = await strict.connect()
    await client.send(b"GET /large HTTP/1.1\r\nHost: malipo\r\n\r\n" + GET + b"\r\n")
    await client.reader.readuntil(b"\r\n\r\n")
    for _ in range(50):  # for longer than the server looks at it twice
        await client.reader.readexactly(1_000_000)
        await asyncio.sleep(0.08)
    assert (await client.response()).status == 200


async def is_answered(service) -> bool:
    try:
        return (await service.request(GET + b"\r\n")).status == 200
    except (ConnectionError, asyncio.IncompleteReadError):
        return False


async def test_one_address_holds_only_so_many_connections_and_a_place_is_given_back(strict):
    held = [await strict.connect("127.0.0.9") for _ in range(8)]
    for client in held:
        assert (await client.request(GET + b"\r\n")).status == 200
    refused = await (await strict.connect("127.0.0.9")).response()
    assert (refused.status, refused.headers["connection"]) == (503, "close")
    assert (refused.json["code"], refused.headers["retry-after"]) == ("too_many_connections", "1")
    assert refused.json["retry"] == {"safe": True, "after_seconds": 1, "same_key": True}
    assert (await strict.request(GET + b"\r\n", "127.0.0.10")).status == 200
    held[0].writer.close()
    await until(lambda: has_place(strict, "127.0.0.9"), what="there is a place again")


async def has_place(service, source: str) -> bool:
    client = await service.connect(source)
    await client.send(GET + b"\r\n")
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        return (await client.response()).status == 200
    return False


async def test_a_trusted_proxy_holds_more_connections_but_not_more_than_there_are(strict):
    for _ in range(12):
        assert (await strict.request(GET + b"\r\n", PROXY)).status == 200
    assert (await (await strict.connect(PROXY)).response()).status == 503


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        POST + b"Content-Length: 1, 1\r\n\r\nx",
        POST + b"Content-Length: +1\r\n\r\nx",
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 40\r\n\r\nGET /smuggled HTTP/1.1\r\n",
        b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_what_two_servers_could_read_in_two_ways_is_answered_400_and_the_connection_ends(strict, head):
    client = await strict.connect()
    response = await client.request(head)
    assert (response.status, response.headers["connection"]) == (400, "close")
    assert await client.ended()


async def test_other_versions_of_http_are_answered_505(strict):
    assert (await strict.request(b"GET / HTTP/2.0\r\nHost: a\r\n\r\n")).status == 505


async def test_a_target_in_absolute_form_is_accepted_when_it_names_the_same_host(strict):
    response = await strict.request(b"GET http://MALIPO:80/path?q=http://x HTTP/1.1\r\nHost: malipo:80\r\n\r\n")
    assert response.json["path"] == "/path"


async def test_an_upgrade_is_not_followed_and_hides_nothing_that_comes_after_it(strict):
    client = await strict.connect()
    await client.send(GET + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\nGET /next HTTP/1.1\r\nHost: malipo\r\n\r\n")
    assert [(await client.response()).json["path"] for _ in range(2)] == ["/", "/next"]


async def test_a_trailer_never_becomes_a_header(strict):
    response = await strict.request(CHUNKED + b"1\r\nx\r\n0\r\nX-API-Key: k\r\n\r\n")
    assert "x-api-key" not in dict(response.json["headers"])


async def test_a_bad_request_after_a_good_one_does_not_take_its_response(strict):
    client = await strict.connect()
    await client.send(b"GET /slow HTTP/1.1\r\nHost: malipo\r\n\r\n" + GET + b"\r\n" + b"nonsense\r\n\r\n")
    assert [(await client.response()).json["path"] for _ in range(2)] == ["/slow", "/"]
    assert await client.ended()


async def test_a_body_that_turns_out_to_be_nonsense_after_a_good_request_does_not_take_its_response(strict):
    client = await strict.connect()
    await client.send(b"GET /slow HTTP/1.1\r\nHost: malipo\r\n\r\n" + CHUNKED + b"nonsense\r\n")
    assert (await client.response()).json["path"] == "/slow"
    assert await client.ended()


# Whose address is the client's


async def test_x_forwarded_for_is_believed_of_trusted_proxies_and_of_no_other_peer(strict):
    forwarded = GET + b"X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\n\r\n"
    assert (await strict.request(forwarded, PROXY)).json["client"] == "198.51.100.7"
    assert (await strict.request(forwarded)).json["client"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["2001:DB8:0::1"], "2001:db8::1"),
        ("10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("fd00::1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["x" * 10_000 + ", 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, "], "10.0.0.1"),
        ("10.0.0.1", ["fe80::1%eth0"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.256"], "10.0.0.1"),
        ("10.0.0.1", ["\u0661.1.1.1"], "10.0.0.1"),
        ("10.0.0.1", ["1" * 10_000], "10.0.0.1"),
        ("a socket", ["203.0.113.9"], "a socket"),
    ],
)
def test_the_client_is_the_right_most_address_that_is_no_trusted_proxy_and_else_the_peer(peer, forwarded, client):
    assert client_of(peer, forwarded, networks("10.0.0.0/8, fd00::/8")) == client


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy", "10.0.0.0/33", "*"])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(ValueError, match=text.partition("/")[0].replace("*", r"\*")):
        networks(f"192.0.2.0/24,{text}")


def test_a_subscriber_of_ipv6_is_one_however_many_addresses_it_uses():
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:10.0.0.1") == network_of("10.0.0.1") == "10.0.0.1"
    assert network_of("unknown") == "unknown"
