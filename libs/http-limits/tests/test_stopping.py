"""What clients see of a server that is told to stop: nothing that they have begun is lost."""

import asyncio
import signal

from testkit.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: malipo\r\n\r\n"


async def told_to_stop(service):
    """Tells it, and returns a connection that was opened afterwards, while it drains."""
    service.process.send_signal(signal.SIGTERM)

    async def knows() -> bool:
        return (await service.request(GET)).json["stopping"]

    await until(knows, what="it knows")
    return await service.connect()


async def test_it_serves_on_for_a_while_and_each_answer_ends_its_connection(draining):
    service = draining(30)
    old = await service.connect()
    before = await old.request(GET)
    assert (before.json["stopping"], before.headers.get("connection")) == (False, None)
    new = await told_to_stop(service)
    for client in (old, new):
        answer = await client.request(GET)
        assert (answer.status, answer.json["stopping"], answer.headers["connection"]) == (200, True, "close")
        assert await client.ended()


async def test_what_has_begun_before_the_end_is_answered_and_who_waits_for_nothing_is_disconnected(draining):
    service = draining(0)
    idle, answered, slow, begun, posting = [await service.connect() for _ in range(5)]
    assert (await answered.request(GET)).status == 200
    await slow.send(b"GET /slower HTTP/1.1\r\nHost: malipo\r\n\r\n")
    await begun.send(GET[:20])
    await posting.send(b"POST / HTTP/1.1\r\nHost: malipo\r\nContent-Length: 10\r\n\r\n12345")
    assert (await (await service.connect()).request(GET)).status == 200  # by now it has read what came before
    service.process.send_signal(signal.SIGTERM)
    assert await idle.ended()
    assert await answered.ended()
    await begun.send(GET[20:])
    await posting.send(b"67890")
    answers = [await client.response() for client in (slow, begun, posting)]
    assert [(answer.status, answer.headers["connection"]) for answer in answers] == [(200, "close")] * 3
    assert answers[2].json["length"] == 10
    assert await asyncio.to_thread(service.process.wait, 15) == -signal.SIGTERM
