"""One post to one server: what it refuses, what it reads, when it gives up."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator

import pytest

from http_limits.addresses import AddressRefused
from malipo import clock
from malipo_local.authority import Authority
from webhook_dispatcher.resolver import CheckedResolver
from webhook_dispatcher.sender import BODY_BYTES, KEPT_BYTES, Sender

NOW = clock.now()
NO_NAME = "the host is no name: labels have letters, digits and hyphens, and none is empty, nor the last"
PUBLIC, PRIVATE, LOOPBACK = "93.184.215.14", "10.0.0.7", "127.0.0.1"


def answers(*addresses):
    """A name server that always gives these addresses."""

    def look_up(_host, port, **_options):
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    return look_up


@pytest.fixture
async def sender() -> AsyncGenerator:
    made = []

    def make(**options):
        made.append(Sender(**{"connections": 10, "attempt_seconds": 5, "allow_loopback": True} | options))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def resolve(look_up, *, allow_loopback=False):
    resolver = CheckedResolver(threads=2, allow_loopback=allow_loopback, look_up=look_up)
    try:
        return [found["host"] for found in await resolver.resolve("hooks.example", 443)]
    finally:
        await resolver.close()


async def test_public_addresses_are_returned_as_they_are():
    assert await resolve(answers(PUBLIC, "2606:4700::1111")) == [PUBLIC, "2606:4700::1111"]


@pytest.mark.parametrize("mixed", [(PUBLIC, PRIVATE), (PRIVATE, PUBLIC), (PUBLIC, "::1"), (PUBLIC, "::ffff:10.0.0.1")])
async def test_one_private_address_among_public_ones_refuses_the_whole_name(mixed):
    with pytest.raises(AddressRefused):
        await resolve(answers(*mixed))


async def test_an_address_with_a_scope_is_refused():
    def look_up(_host, port, **_options):
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2606:4700::1111", port, 0, 3))]

    with pytest.raises(AddressRefused):
        await resolve(look_up)


async def test_a_name_is_looked_up_again_for_every_attempt(sender, receiver):
    given = [LOOPBACK, PRIVATE]
    rebinding = sender(look_up=lambda host, port, **_: answers(given.pop(0))(host, port))
    port = receiver.url.rpartition(":")[2]
    receiver.replies["/"] = [close_after]
    first = await rebinding.post(f"http://rebind.example:{port}/", {}, b"{}", NOW)
    second = await rebinding.post(f"http://rebind.example:{port}/", {}, b"{}", NOW)
    assert (first.status, second.status, second.error) == (
        200,
        None,
        "the address is not a public one: private use (RFC 1918)",
    )
    assert len(receiver.hooks) == 1


async def test_a_name_that_is_listed_may_lead_to_a_private_address_and_no_other_name_may(sender, receiver):
    listed = sender(allow_loopback=False, allow_hosts={"merchant"}, look_up=answers(LOOPBACK))
    port = receiver.url.rpartition(":")[2]
    receiver.replies["/"] = [close_after]
    assert (await listed.post(f"http://merchant:{port}/", {}, b"{}", NOW)).status == 200
    assert (await listed.post("https://hooks.example/", {}, b"{}", NOW)).status is None
    assert len(receiver.hooks) == 1


async def close_after(_hook, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def test_without_the_setting_nothing_is_sent_to_this_machine(sender, receiver):
    strict = sender(allow_loopback=False, look_up=answers(LOOPBACK))
    for url in (receiver.url, "https://127.0.0.1/", "https://[::1]/", "https://inside.example/"):
        response = await strict.post(url, {}, b"{}", NOW)
        assert response.status is None
        assert response.error in (
            "the address is not a public one: loopback (RFC 1122)",
            "the address is not a public one: loopback (RFC 4291)",
            "the URL must be https on port 443",
        )
    assert receiver.hooks == []


async def test_a_redirect_is_an_answer_and_is_not_followed(sender, receiver, kit):
    receiver.replies["/old"] = [kit.status(307, f"Location: {receiver.url}/new")]
    response = await sender().post(f"{receiver.url}/old", {}, b"{}", NOW)
    assert response.status == 307
    assert [hook.path for hook in receiver.hooks] == ["/old"]


async def test_the_body_goes_out_as_it_is_with_our_headers(sender, receiver):
    body = '{"name":"Zoë"}'.encode()
    await sender().post(f"{receiver.url}/hooks?a=b", {"webhook-id": "evt_1"}, body, NOW)
    (hook,) = receiver.hooks
    assert hook.body == body
    assert hook.path == "/hooks?a=b"
    assert hook.headers["content-type"] == "application/json"
    assert hook.headers["user-agent"] == "Malipo-Webhooks/1"
    assert hook.headers["webhook-id"] == "evt_1"


async def test_the_start_of_the_answer_is_kept_as_text_for_the_database(sender, receiver, kit):
    receiver.replies["/"] = [kit.status(500, body=b"a\0b\xff" + b"x" * 5000)]
    response = await sender().post(f"{receiver.url}/", {}, b"{}", NOW)
    assert response.body_start == "a�b�" + "x" * (KEPT_BYTES - 4)


async def test_an_endless_answer_is_read_up_to_the_limit_only(sender, receiver):
    written = 0

    async def endless(_hook, writer):
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            await writer.drain()
            written += 1024

    receiver.replies["/"] = [endless]
    response = await sender().post(f"{receiver.url}/", {}, b"{}", NOW)
    assert response.status == 200
    assert len(response.body_start) == KEPT_BYTES
    assert written < BODY_BYTES + 8 * 1024 * 1024  # what the sockets on the way hold, and then it is cut


@pytest.mark.parametrize("part", ["nothing", "half a line"])
async def test_one_deadline_spans_the_exchange_up_to_the_status_line(sender, receiver, part):
    async def drip(_hook, writer):
        writer.write(b"" if part == "nothing" else b"HTTP/1.1 200 ")
        while True:  # a byte now and then: no pause between reads is ever long
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(b"" if part == "nothing" else b"a")

    receiver.replies["/"] = [drip]
    started = clock.monotonic()
    response = await sender(attempt_seconds=0.5).post(f"{receiver.url}/", {}, b"x" * 500_000, NOW)
    assert clock.monotonic() - started < 2
    assert (response.status, response.error) == (None, "no answer within 0.5 seconds")


@pytest.mark.filterwarnings("ignore:Sending a large body")
async def test_a_server_that_answers_without_reading_has_not_received_it(sender, listen):
    async def deaf(_reader, writer):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        await asyncio.Event().wait()

    started = clock.monotonic()
    more_than_sockets_hold = b"x" * 20_000_000
    url = f"http://127.0.0.1:{await listen(deaf)}/"
    response = await sender(attempt_seconds=0.5).post(url, {}, more_than_sockets_hold, NOW)
    assert clock.monotonic() - started < 2
    assert response.status is None


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.1:1/", "no connection"),
        ("http://no-such-name.invalid.example/", "the name does not resolve"),
        ("http://" + "a" * 70 + ".example/", NO_NAME),
        ("http://exa mple/", NO_NAME),
        ("http://[::1/", "the URL cannot be used"),
        ("nonsense", "the URL cannot be used"),
        ("", "the URL cannot be used"),
    ],
)
async def test_a_post_that_reaches_no_server_says_why(sender, url, error):
    response = await sender().post(url, {}, b"{}", NOW)
    assert (response.status, response.error) == (None, error)


async def test_a_name_without_addresses_says_so(sender):
    def unknown(_host, _port, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    response = await sender(look_up=unknown).post("http://no.example/", {}, b"{}", NOW)
    assert (response.status, response.error) == (None, "the name does not resolve")


async def test_a_server_without_a_certificate_that_we_trust_says_so(sender, receiver, listen, tmp_path):
    port = await listen(receiver.serve, ssl=of_an_unknown_authority(tmp_path))
    response = await sender().post(f"https://127.0.0.1:{port}/", {}, b"{}", NOW)
    assert (response.status, response.error) == (None, "no trusted TLS connection")
    assert receiver.hooks == []


def of_an_unknown_authority(folder):
    shown = Authority(folder).server("receiver")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.certificate, shown.key)
    return context


async def test_cookies_of_one_merchant_are_not_kept_for_another(sender, receiver, kit):
    receiver.replies["/a"] = [kit.status(200, "Set-Cookie: session=a; Path=/")]
    one = sender()
    await one.post(f"{receiver.url}/a", {}, b"{}", NOW)
    await one.post(f"{receiver.url}/b", {}, b"{}", NOW)
    assert "cookie" not in receiver.on("/b")[0].headers


async def test_names_whose_servers_hang_do_not_hold_up_the_others(sender, receiver):
    import threading

    release = threading.Event()

    def look_up(host, port, **_options):
        if host == "hanging.example":
            release.wait(10)
        return answers(LOOPBACK)(host, port)

    one = sender(connections=20, attempt_seconds=2, look_up=look_up)
    port = receiver.url.rpartition(":")[2]
    hanging = [asyncio.create_task(one.post(f"http://hanging.example:{port}/", {}, b"{}", NOW)) for _ in range(10)]
    response = await one.post(f"http://healthy.example:{port}/", {}, b"{}", NOW)
    assert response.status == 200
    assert not any(task.done() for task in hanging)
    release.set()
    await asyncio.gather(*hanging)
