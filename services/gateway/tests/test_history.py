"""Lists and events: what happened, in order, with nothing missing."""

import asyncio
from urllib.parse import quote

import pytest

from malipo import clock
from malipo.contracts.events import event_body


async def paid(gateway, merchant, event: str = "payment.completed", body=None, **view):
    payment = (await (merchant.pay(body) if body else merchant.pay())).json()
    step = gateway.step(merchant, payment, event=event, **view)
    await gateway.receive(step)
    return payment, step


async def pages(merchant, path: str) -> list:
    seen, cursor = [], None
    for _ in range(20):
        page = (await merchant.get(path + (f"&cursor={cursor}" if cursor else ""))).json()
        seen += page["data"]
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
        if cursor is None:
            return seen
    raise AssertionError("the pages have no end")


async def test_payments_are_listed_newest_first_page_by_page(merchant):
    made = [(await merchant.pay()).json()["id"] for _ in range(7)]
    assert [payment["id"] for payment in await pages(merchant, "/v1/payments?limit=3")] == made[::-1]


async def test_payments_that_come_while_one_pages_shift_nothing(merchant):
    made = [(await merchant.pay()).json()["id"] for _ in range(4)]
    first = (await merchant.get("/v1/payments?limit=2")).json()
    await merchant.pay()
    second = (await merchant.get(f"/v1/payments?limit=2&cursor={first['next_cursor']}")).json()
    assert [payment["id"] for payment in first["data"] + second["data"]] == made[::-1]


async def test_each_filter_finds_what_it_says(gateway, merchant, make):
    small = make.payment | {"amount": 5, "client_ref": "a/1 ü"}
    euro = make.payment | {"currency": "EUR", "amount": 900}
    a, _ = await paid(gateway, merchant, body=small)
    middle = clock.now()
    b = (await merchant.pay(euro)).json()
    c, _ = await paid(gateway, merchant, provider="other")

    async def found(query: str) -> list[str]:
        answer = await merchant.get(f"/v1/payments?{query}")
        assert answer.status_code == 200, answer.text
        return [payment["id"] for payment in answer.json()["data"]]

    moment = quote(clock.iso(middle))
    assert await found("status=completed") == [c["id"], a["id"]]
    assert await found("status=processing") == [b["id"]]
    assert await found("provider=stripe") == [a["id"]]
    assert await found("currency=EUR") == [b["id"]]
    assert await found("amount_min=6") == [c["id"], b["id"]]
    assert await found("amount_max=900") == [b["id"], a["id"]]
    assert await found("amount_min=6&amount_max=900") == [b["id"]]
    assert await found(f"created_after={moment}") == [c["id"], b["id"]]
    assert await found(f"created_before={moment}") == [a["id"]]
    assert await found(f"client_ref={quote('a/1 ü')}") == [a["id"]]
    assert await found("client_ref='%20OR%20true--") == []
    assert await found("status=completed&currency=EUR") == []


async def test_events_are_the_bodies_of_the_webhooks(gateway, merchant):
    _, step = await paid(gateway, merchant)
    shown = (await merchant.get("/v1/events")).json()["data"]
    expected = event_body(step)
    assert shown[0]["type"] == "payment.completed"
    assert shown[0]["data"]["id"] == expected["data"]["id"]
    assert shown[0]["data"]["payment"]["status"] == "completed"
    assert shown[0].keys() == expected.keys()


async def test_events_are_listed_newest_first_and_filtered(gateway, merchant):
    published = [(await paid(gateway, merchant, "payment.completed" if n % 2 else "payment.failed")) for n in range(5)]
    newest = [step.public_event.id for _, step in published[::-1]]
    assert [event["data"]["id"] for event in await pages(merchant, "/v1/events?limit=2")] == newest
    one = (await merchant.get(f"/v1/events?payment_id={published[2][0]['id']}")).json()["data"]
    assert [event["data"]["id"] for event in one] == [published[2][1].public_event.id]
    failed = (await merchant.get("/v1/events?type=payment.failed")).json()["data"]
    assert [event["type"] for event in failed] == ["payment.failed"] * 3


async def test_what_did_i_miss_is_answered_oldest_first_without_an_end(gateway, merchant):
    published = [(await paid(gateway, merchant))[1].public_event.id for _ in range(5)]
    page = (await merchant.get("/v1/events?after=start&limit=3")).json()
    assert [event["data"]["id"] for event in page["data"]] == published[:3]
    assert (page["has_more"], page["next_cursor"]) == (True, published[2])
    page = (await merchant.get(f"/v1/events?after={published[2]}&limit=3")).json()
    assert [event["data"]["id"] for event in page["data"]] == published[3:]
    assert (page["has_more"], page["next_cursor"]) == (False, published[4])
    nothing_new = (await merchant.get(f"/v1/events?after={published[4]}")).json()
    assert nothing_new == {"data": [], "has_more": False, "next_cursor": published[4]}


async def test_an_event_is_never_added_before_one_that_was_read(replica, database_url, pool_of):
    """A reader sees a list that only grows at its end while others write."""
    writers = [await replica(), await replica()]
    merchant = await writers[0].merchant()
    payments = [(await merchant.pay()).json() for _ in range(24)]
    reader = await pool_of(database_url)
    seen: list[int] = []

    async def read_on() -> None:
        while len(seen) < len(payments):
            rows = await reader.fetch("SELECT position FROM events ORDER BY position")
            assert [row["position"] for row in rows][: len(seen)] == seen
            seen[:] = [row["position"] for row in rows]

    async def write(number: int, payment) -> None:
        writer = writers[number % 2]
        await writer.receive(writer.step(merchant, payment, event="payment.completed"))

    await asyncio.gather(read_on(), *(write(number, payment) for number, payment in enumerate(payments)))
    assert len(seen) == 24


@pytest.mark.parametrize(
    "made_up", ["x", "evt_x", "evt_01m8cz7rd9f2atvvth231gc5xb", "pay_01m8cz7rvyfa5byx2eqhk87e9v", "0", ""]
)
async def test_an_event_that_does_not_exist_is_no_place_to_start(merchant, made_up):
    response = await merchant.get(f"/v1/events?after={made_up}")
    assert (response.status_code, response.json()["code"]) == (400, "cursor_invalid")


async def test_events_of_another_merchant_or_mode_are_not_there(gateway, merchant):
    _, step = await paid(gateway, merchant)
    for other in (await gateway.merchant(), await gateway.key_of(merchant.id, mode="live")):
        assert (await other.get("/v1/events")).json()["data"] == []
        response = await other.get(f"/v1/events?after={step.public_event.id}")
        assert response.json()["code"] == "cursor_invalid"


async def test_events_come_once_however_often_they_are_received(gateway, merchant):
    _, step = await paid(gateway, merchant)
    await gateway.receive(step, step)
    assert len((await merchant.get("/v1/events")).json()["data"]) == 1


async def test_several_steps_of_one_payment_in_one_batch_are_all_applied(gateway, merchant, make):
    payment = (await merchant.pay()).json()
    refunds = [(await merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": n})).json() for n in (1, 2)]
    steps = [gateway.step(merchant, payment, "processing"), gateway.step(merchant, payment, event="payment.completed")]
    steps += [
        gateway.step(merchant, payment, operation=make.operation(one, status))
        for one in refunds
        for status in ("processing", "completed")
    ]
    await gateway.receive(*steps)
    assert (await merchant.get(f"/v1/payments/{payment['id']}")).json()["status"] == "completed"
    listed = (await merchant.get(f"/v1/payments/{payment['id']}/refunds")).json()["data"]
    assert [refund["status"] for refund in listed] == ["completed", "completed"]
    timeline = (await merchant.get(f"/v1/payments/{payment['id']}/timeline")).json()["entries"]
    assert [entry["step"] for entry in timeline if entry["kind"] == "step"] == [1, 2, 3, 4, 5, 6]


async def test_a_step_that_contradicts_an_event_is_dead_lettered_and_the_others_are_applied(gateway, merchant):
    payment, other = (await merchant.pay()).json(), (await merchant.pay()).json()
    await gateway.receive(gateway.step(merchant, payment, event="payment.completed"))
    gateway.steps[payment["id"]] = 0
    contradiction = gateway.step(merchant, payment, event="payment.failed")
    await gateway.receive(contradiction, gateway.step(merchant, other))
    assert (await merchant.get(f"/v1/payments/{other['id']}")).json()["status"] == "completed"
    assert await gateway.pool.fetchval("SELECT count(*) FROM outbox WHERE topic = 'payments.events.v1.dlq'") == 1
