"""Answers that break a rule of HTTP: whatever follows it, the status line decides."""

import asyncio
import socket
import struct
from datetime import timedelta

import pytest

from malipo import clock
from webhook_dispatcher.sender import REST_SECONDS, Sender

NOW = clock.now()
OK = b"HTTP/1.1 200 OK\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
# What is sent after the status line, in one piece or one after another.
ODD_BODIES = {
    "a length that is never reached": b"Content-Length: 100\r\n\r\nshort",
    "no body where one was announced": b"Content-Length: 5\r\n\r\n",
    "more than was announced": b"Content-Length: 2\r\n\r\nmore than two",
    "a chunk whose size is no number": CHUNKED + b"zz\r\nno\r\n",
    "a chunk that is cut": CHUNKED + b"ff\r\ncut",
    "a chunk that is longer than its size": CHUNKED + b"1\r\ntoo long\r\n0\r\n\r\n",
    "no last chunk": CHUNKED + b"2\r\nok\r\n",
    "a chunk size beyond all numbers": CHUNKED + b"f" * 40 + b"\r\n",
    "an endless chunk size": CHUNKED + b"0" * 200_000,
    "a trailer that is no header": CHUNKED + b"2\r\nok\r\n0\r\nnonsense\r\n\r\n",
    "a compression that it is not": b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
    "a compression that does not exist": b"Content-Encoding: snake\r\nContent-Length: 2\r\n\r\nok",
    "a charset that does not exist": b"Content-Type: text/plain; charset=klingon\r\nContent-Length: 2\r\n\r\n\xff\xfe",
    "zeroes and half a letter": b"Content-Length: 4\r\n\r\n\0\0\0\xc3",
    "a body without any framing": b"\r\nok",
}
ODD_HEADERS = {
    "a header without a colon": b"nonsense\r\nContent-Length: 0\r\n\r\n",
    "a header without a name": b": value\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": b"X-A : b\r\nContent-Length: 0\r\n\r\n",
    "a name that is none": b"X\xc3\xa4(): b\r\nContent-Length: 0\r\n\r\n",
    "a folded header": b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a value that is not ASCII": b"X-A: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    "a zero in a value": b"X-A: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a bare carriage return": b"X-A: a\rb\r\nContent-Length: 0\r\n\r\n",
    "lines that end with a line feed only": b"X-A: b\nContent-Length: 2\n\nok",
    "a length that is no number": b"Content-Length: two\r\n\r\nok",
    "a length below zero": b"Content-Length: -2\r\n\r\nok",
    "a length beyond all numbers": b"Content-Length: " + b"9" * 30 + b"\r\n\r\nok",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a length and chunks": b"Content-Length: 2\r\n" + CHUNKED + b"0\r\n\r\n",
    "an encoding that does not exist": b"Transfer-Encoding: snake\r\n\r\nok",
    "a header of 100,000 bytes": b"X-A: " + b"y" * 100_000 + b"\r\n\r\n",
    "20,000 headers": b"X-A: y\r\n" * 20_000 + b"\r\n",
    "headers that are cut": b"X-A: b\r\nX-",
    "a date in a year beyond all numbers": b"Date: Mon, 01 Jan 99999999999 00:00:00 GMT\r\n\r\n",
    "a pause until a day beyond all numbers": b"Retry-After: Mon, 99999999999 Jan 2020 00:00:00 GMT\r\n\r\n",
    "no headers and no end of them": b"",
}


@pytest.fixture
async def sender():
    made = Sender(connections=10, attempt_seconds=5, allow_loopback=True)
    yield made
    await made.close()


def sends(*pieces: bytes, then=None):
    """Send the pieces one by one, each by itself, then hang up, or do `then`."""

    async def reply(_hook, writer):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02 if len(pieces) > 1 else 0)
        if then is not None:
            await then(writer)
        writer.close()

    return reply


async def for_ever(_writer):
    await asyncio.Event().wait()


async def reset(writer):
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def post(sender, receiver, reply):
    receiver.replies["/"] = [reply]
    return await sender.post(f"{receiver.url}/", {}, b"{}", NOW)


@pytest.mark.parametrize("rest", (ODD_BODIES | ODD_HEADERS).values(), ids=(ODD_BODIES | ODD_HEADERS).keys())
@pytest.mark.parametrize("split", [False, True], ids=["at once", "in pieces"])
async def test_the_status_line_decides_whatever_comes_after_it(sender, receiver, rest, split):
    response = await post(sender, receiver, sends(OK, rest) if split else sends(OK + rest))
    assert (response.status, response.error) == (200, None)


@pytest.mark.parametrize("rest", (ODD_BODIES | ODD_HEADERS).values(), ids=(ODD_BODIES | ODD_HEADERS).keys())
async def test_a_connection_that_is_reset_after_the_status_line_changes_nothing(sender, receiver, rest):
    response = await post(sender, receiver, sends(OK, rest, then=reset))
    assert (response.status, response.error) == (200, None)


@pytest.mark.parametrize(
    "rest",
    [b"X-A: ", b"Content-Length: 9\r\n\r\n", CHUNKED + b"9\r\nabc", b"\r\n"],
    ids=["head", "length", "chunk", "end"],
)
async def test_what_never_ends_after_the_status_line_is_left_after_a_moment(receiver, rest, sender):
    async def drip(writer):
        while True:  # a byte now and then: no pause between reads is ever long
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.05)

    started = clock.monotonic()
    response = await post(sender, receiver, sends(OK + rest, then=drip))
    assert (response.status, response.error) == (200, None)
    assert clock.monotonic() - started < REST_SECONDS + 2  # of the five that an attempt may take


async def test_a_status_line_just_before_the_deadline_counts(receiver):
    async def late(writer):
        await asyncio.sleep(0.3)
        writer.write(OK + b"Retry-After: 7\r\n")
        await writer.drain()
        await asyncio.sleep(0.5)
        writer.write(b"Content-Length: 2\r\n\r\nok")
        await writer.drain()

    short = Sender(connections=10, attempt_seconds=0.6, allow_loopback=True)
    response = await post(short, receiver, sends(then=late))
    await short.close()
    assert (response.status, response.body_start) == (200, "ok")


@pytest.mark.parametrize("rest", [ODD_BODIES["a length that is never reached"], b"nonsense\r\n\r\n", b""])
async def test_410_is_410_whatever_comes_after_it(sender, receiver, rest):
    assert (await post(sender, receiver, sends(b"HTTP/1.1 410 Gone\r\n" + rest))).status == 410


@pytest.mark.parametrize("odd", [b"", b"nonsense\r\n", b"X-A: " + b"y" * 10_000 + b"\r\n", b"Content-Length: 9\r\n"])
@pytest.mark.parametrize("split", [False, True], ids=["at once", "in pieces"])
async def test_retry_after_is_read_among_odd_headers(sender, receiver, odd, split):
    head = (b"HTTP/1.1 503 X\r\n" + odd, b"retry-after:  120 \r\n\r\n")
    response = await post(sender, receiver, sends(*head) if split else sends(b"".join(head)))
    assert (response.status, response.retry_after_seconds) == (503, 120)


async def test_retry_after_as_a_date_counts_from_the_answers_own_date(sender, receiver):
    theirs = NOW + timedelta(hours=5)  # a server whose clock is wrong

    def dated(moment):
        return moment.strftime("%a, %d %b %Y %H:%M:%S GMT").encode()

    until = b"Retry-After: " + dated(theirs + timedelta(seconds=90)) + b"\r\n"
    response = await post(
        sender, receiver, sends(b"HTTP/1.1 503 X\r\nDate: " + dated(theirs) + b"\r\n" + until + b"\r\n")
    )
    assert response.retry_after_seconds == 90
    response = await post(sender, receiver, sends(b"HTTP/1.1 503 X\r\nDate: soon\r\n" + until + b"\r\n"))
    assert response.retry_after_seconds == pytest.approx(5 * 3600 + 90, abs=2)


@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
async def test_an_interim_response_is_not_the_answer(sender, receiver, status):
    meanwhile = b"HTTP/1.1 " + status + b"\r\nLink: </a>\r\n\r\n"
    for pieces in ([meanwhile + meanwhile + OK + b"\r\n"], [meanwhile, meanwhile, OK, b"\r\n"]):
        assert (await post(sender, receiver, sends(*pieces))).status == 200
    response = await post(sender, receiver, sends(meanwhile))
    assert response.status is None
    assert response.error is not None


@pytest.mark.parametrize("header", ["Date", "Retry-After"])
async def test_a_date_beyond_all_numbers_is_none_also_where_it_counts(sender, receiver, header):
    dated = f"{header}: Mon, 01 Jan 99999999999 00:00:00 GMT\r\n\r\n".encode()
    response = await post(sender, receiver, sends(b"HTTP/1.1 503 X\r\n" + dated))
    assert (response.status, response.retry_after_seconds, response.error) == (503, None, None)


async def test_a_server_that_sends_interim_responses_for_ever_is_left_before_it_fills_the_memory(sender, receiver):
    sent = 0

    async def flood(writer):
        nonlocal sent
        while True:
            writer.write(CONTINUE * 2000)
            await writer.drain()
            sent += len(CONTINUE) * 2000

    started = clock.monotonic()
    response = await post(sender, receiver, sends(then=flood))
    assert response.status is None
    assert response.error is not None
    assert sent < 20_000_000  # the system's buffers hold some MB of it
    assert clock.monotonic() - started < 4  # of the five that an attempt may take


@pytest.mark.parametrize(
    "line", [b"HTTP/1.0 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 200 ", b"HTTP/1.1  200 OK", b"HTTP/2 200"]
)
async def test_a_status_line_may_be_old_or_bare(sender, receiver, line):
    assert (await post(sender, receiver, sends(line + b"\r\nContent-Length: 0\r\n\r\n"))).status == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK",  # cut in the middle of the line
        b"HTTP/1.1 20\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 -200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"200 OK\r\n\r\n",
        b"<html>200 OK</html>\r\n\r\n",
        b"x" * 100_000,
        b"\0" * 5000,
    ],
)
async def test_what_has_no_status_line_is_no_answer(sender, receiver, raw):
    response = await post(sender, receiver, sends(raw))
    assert response.status is None
    assert response.error is not None


async def test_a_connection_after_an_odd_answer_is_not_used_again(sender, receiver, kit):
    """What is left of the odd one must not count as the next webhook's answer."""
    smuggled = b"Content-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    receiver.replies["/"] = [sends(b"HTTP/1.1 500 X\r\n" + smuggled, then=for_ever), kit.status(503)]
    first = await sender.post(f"{receiver.url}/", {}, b"{}", NOW)
    second = await sender.post(f"{receiver.url}/", {}, b"{}", NOW)
    assert (first.status, second.status) == (500, 503)


async def test_a_connection_after_a_whole_answer_is_used_again(sender, receiver):
    ports = []

    async def note(_hook, writer):
        ports.append(writer.get_extra_info("peername")[1])
        writer.write(OK + CHUNKED + b"2\r\nok\r\n0\r\n\r\n")
        await writer.drain()

    receiver.replies["/"] = [note]
    for _ in range(3):
        assert (await sender.post(f"{receiver.url}/", {}, b"{}", NOW)).body_start == "ok"
    assert len(set(ports)) == 1


async def test_the_body_is_still_kept_for_the_merchants_engineers(sender, receiver):
    response = await post(sender, receiver, sends(OK + b"Content-Length: 100\r\n\r\nwhat there is"))
    assert response.body_start == "what there is"


async def test_what_a_server_says_unasked_is_no_answer_to_the_next_webhook(sender, receiver, kit):
    answered, said = asyncio.Event(), asyncio.Event()

    async def says_it_again(writer):
        await answered.wait()
        writer.write(OK + b"Content-Length: 0\r\n\r\n")
        await writer.drain()
        said.set()
        await for_ever(writer)

    first = await post(sender, receiver, sends(OK + b"Content-Length: 0\r\n\r\n", then=says_it_again))
    answered.set()
    await said.wait()
    for _ in range(3):  # the loop reads what has come
        await asyncio.sleep(0)
    second = await post(sender, receiver, kit.status(500))
    assert (first.status, second.status) == (200, 500)
