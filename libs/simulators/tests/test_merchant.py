"""The merchant: verifies, remembers, and misbehaves on request."""

import asyncio
import json
import time

import httpx
import pytest

from malipo_simulators.merchant.receivers import Mailbox, Received
from malipo_simulators.merchant.signature import sign

pytestmark = pytest.mark.asyncio

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT = {
    "type": "payment.completed",
    "timestamp": "2026-11-21T00:00:00Z",
    "data": {"id": "evt_1", "payment_id": "pay_1", "sequence": 3},
}


def now():
    return int(time.time())


async def send(merchant, event=EVENT, *, secret=SECRET, name="shop", timeout=5):
    body = json.dumps(event).encode()
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(now()),
        "webhook-signature": sign(secret, "evt_1", now(), body),
    }
    return await merchant.post(f"/hooks/{name}", content=body, headers=headers, timeout=timeout)


async def configured(merchant, **behaviour):
    await merchant.put("/_sim/receivers/shop", json={"secret": SECRET})
    if behaviour:
        response = await merchant.put("/_sim/receivers/shop/behaviour", json=behaviour)
        assert response.status_code == 200, response.text


async def received(merchant, **filters):
    return (await merchant.get("/_sim/received", params=filters)).json()


async def test_a_signed_event_is_accepted_and_remembered(merchant):
    await configured(merchant)
    assert (await send(merchant)).status_code == 200
    [one] = await received(merchant, name="shop", payment_id="pay_1")
    assert (one["id"], one["type"], one["sequence"], one["payment_id"]) == ("evt_1", "payment.completed", 3, "pay_1")
    assert (one["verified"], one["answered"], one["body"]) == (True, 200, EVENT)
    assert one["headers"]["webhook-id"] == "evt_1"
    assert await received(merchant, payment_id="pay_2") == []
    assert await received(merchant, name="other") == []


async def test_an_event_that_does_not_verify_is_refused_but_remembered(merchant):
    await configured(merchant)
    assert (await send(merchant, secret="whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")).status_code == 400
    [one] = await received(merchant)
    assert (one["verified"], one["refused_because"]) == (False, "no signature fits")


async def test_nothing_verifies_before_a_secret_is_set(merchant):
    assert (await send(merchant)).status_code == 400


async def test_two_secrets_verify_while_they_are_rotated(merchant):
    await merchant.put("/_sim/receivers/shop", json={"secrets": ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", SECRET]})
    assert (await send(merchant)).status_code == 200


@pytest.mark.parametrize("body", [b"", b"not json", b"[1]", b'{"data": 5}', b'{"data": {"sequence": "x"}}', b"\xff"])
async def test_a_body_that_is_no_event_is_remembered_all_the_same(merchant, body):
    assert (await merchant.post("/hooks/shop", content=body)).status_code == 400
    [one] = await received(merchant)
    assert (one["payment_id"], one["sequence"], one["verified"]) == (None, None, False)


@pytest.mark.parametrize(
    ("behaviour", "status", "header"),
    [
        ({"kind": "fail"}, 500, None),
        ({"kind": "fail", "status": 503}, 503, None),
        ({"kind": "gone"}, 410, None),
        ({"kind": "too_many", "seconds": 7}, 429, ("retry-after", "7")),
        ({"kind": "redirect", "location": "http://elsewhere.test/"}, 302, ("location", "http://elsewhere.test/")),
        ({"kind": "redirect", "status": 308}, 308, ("location", "/hooks/somewhere-else")),
        ({"kind": "slow", "seconds": 0.01}, 200, None),
    ],
)
async def test_it_answers_by_its_behaviour(merchant, behaviour, status, header):
    await configured(merchant, **behaviour)
    response = await send(merchant)
    assert response.status_code == status
    if header:
        assert response.headers[header[0]] == header[1]
    [one] = await received(merchant)
    assert (one["verified"], one["answered"]) == (True, status)


async def test_after_so_many_times_it_is_well_again(merchant):
    await configured(merchant, kind="fail", times=2)
    assert [(await send(merchant)).status_code for _ in range(4)] == [500, 500, 200, 200]


async def test_an_unknown_behaviour_is_refused(merchant):
    response = await merchant.put("/_sim/receivers/shop/behaviour", json={"kind": "explode"})
    assert response.status_code == 422


async def test_a_hanging_receiver_sends_nothing_and_notices_when_the_sender_leaves(live_merchant):
    await configured(live_merchant, kind="hang", seconds=60, times=1)
    with pytest.raises(httpx.ReadTimeout):
        await send(live_merchant, timeout=0.1)
    [one] = await received(live_merchant)
    assert one["answered"] is None
    assert (await send(live_merchant)).status_code == 200


async def test_a_receiver_that_hangs_long_enough_drops_the_connection(live_merchant):
    await configured(live_merchant, kind="hang", seconds=0.05)
    with pytest.raises(httpx.RemoteProtocolError):
        await send(live_merchant)


async def test_one_slow_receiver_does_not_hold_up_another(merchant):
    await configured(merchant, kind="slow", seconds=0.5)
    await merchant.put("/_sim/receivers/quick", json={"secret": SECRET})
    slow = asyncio.create_task(send(merchant))
    assert (await send(merchant, name="quick")).status_code == 200
    assert not slow.done()
    assert (await slow).status_code == 200


async def test_a_reset_forgets_everything(merchant):
    await configured(merchant)
    await send(merchant)
    await merchant.post("/_sim/reset")
    assert await received(merchant) == []
    health = (await merchant.get("/_sim/health")).json()
    assert health == {"status": "ok", "receivers": 0, "received": 0, "dropped": 0}


async def test_the_oldest_are_dropped_and_counted_when_there_are_too_many():
    mailbox = Mailbox(limit=2)
    for number in range(5):
        mailbox.add(note(f"pay_{number % 2}", number))
    assert (mailbox.count, mailbox.dropped) == (5, 3)
    assert [one.sequence for one in mailbox.find(None, None)] == [3, 4]
    assert [one.sequence for one in mailbox.find(None, "pay_1")] == [3]


def note(payment_id, sequence):
    return Received(
        name="shop",
        id=None,
        type=None,
        sequence=sequence,
        payment_id=payment_id,
        verified=True,
        refused_because=None,
        received_at="",
        headers={},
        body=None,
    )
