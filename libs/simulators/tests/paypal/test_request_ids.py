"""PayPal-Request-Id at the simulated PayPal: replays, for how long, and two at once."""

import asyncio

import pytest

pytestmark = pytest.mark.asyncio

HOUR, DAY = 3_600, 86_400
FULL = "return=representation"


async def test_a_replay_gives_the_same_order_as_it_is_by_now_with_200(paypal, usd):
    order = await paypal.created(key="once")
    await paypal.approve(order)
    again = await paypal.create(key="once", unit={"amount": usd("99.00")})
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (200, order, "APPROVED")
    assert len((await paypal.http.get("/_sim/orders")).json()) == 1


async def test_a_replayed_capture_shows_what_has_been_refunded_since(paypal):
    order = await paypal.approved()
    first = await paypal.pay(order, key="pay")
    capture = first.json()["purchase_units"][0]["payments"]["captures"][0]["id"]
    await paypal.refund(capture, key="back")
    again = await paypal.pay(order, key="pay")
    assert again.status_code == 200
    assert again.json()["purchase_units"][0]["payments"]["captures"][0]["status"] == "REFUNDED"
    assert (await paypal.refund(capture, key="back")).status_code == 200
    assert await paypal.effects() == [("capture", 1000), ("refund", 1000)]


async def test_the_same_id_in_another_call_is_another_id(paypal):
    order = await paypal.created(key="same")
    await paypal.approve(order)
    assert (await paypal.pay(order, key="same")).status_code == 201


async def test_what_was_refused_may_be_sent_again_under_the_same_id(paypal, issues):
    order = await paypal.created()
    assert issues(await paypal.pay(order, key="pay")) == [422, "ORDER_NOT_APPROVED"]
    await paypal.approve(order)
    assert (await paypal.pay(order, key="pay")).status_code == 201


async def test_the_ids_of_orders_are_known_for_six_hours(paypal, issues):
    order = await paypal.approved()
    await paypal.pay(order, key="pay")
    await paypal.later(6 * HOUR - 1)
    assert (await paypal.pay(order, key="pay")).status_code == 200
    await paypal.later(1)
    assert issues(await paypal.pay(order, key="pay")) == [422, "ORDER_ALREADY_CAPTURED"]


async def test_the_ids_of_payments_are_known_for_45_days(paypal, usd):
    capture = await paypal.captured()
    part = {"amount": usd("1.00")}
    await paypal.refund(capture["id"], part, key="back")
    await paypal.later(45 * DAY - 60)
    paypal.token = await paypal.new_token()
    assert (await paypal.refund(capture["id"], part, key="back")).status_code == 200
    await paypal.later(60)
    assert (await paypal.refund(capture["id"], part, key="back")).status_code == 201
    assert await paypal.effects() == [("capture", 1000), ("refund", 100), ("refund", 100)]


async def test_of_two_at_once_the_second_is_told_that_the_first_is_in_progress(paypal, issues):
    capture = await paypal.captured()
    first = asyncio.create_task(paypal.refund(capture["id"], key="back", fault="slow:0.3"))
    await asyncio.sleep(0.1)
    assert issues(await paypal.refund(capture["id"], key="back")) == [409, "PREVIOUS_REQUEST_IN_PROGRESS"]
    assert (await first).status_code == 201
    assert (await paypal.refund(capture["id"], key="back")).status_code == 200


async def test_without_an_id_paypal_does_it_again(paypal, usd):
    capture = await paypal.captured()
    for _ in range(2):
        assert (await paypal.refund(capture["id"], {"amount": usd("1.00")})).status_code == 201
    assert await paypal.effects() == [("capture", 1000), ("refund", 100), ("refund", 100)]


async def test_an_order_with_a_payment_source_needs_an_id(paypal, issues):
    body = {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "USD", "value": "1.00"}}]}
    assert (await paypal.post("/v2/checkout/orders", body)).status_code == 201
    answer = await paypal.post("/v2/checkout/orders", body | {"payment_source": {"paypal": {}}})
    assert issues(answer) == [400, "PAYPAL_REQUEST_ID_REQUIRED"]


async def test_an_id_has_at_most_108_characters(paypal, issues):
    assert (await paypal.create(key="k" * 108)).status_code == 201
    assert issues(await paypal.create(key="k" * 109)) == [400, "INVALID_STRING_LENGTH"]
