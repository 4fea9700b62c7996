"""Idempotency keys, with Stripe's rules."""

import asyncio

import httpx
import pytest

pytestmark = pytest.mark.asyncio


async def test_the_same_request_again_is_answered_from_memory_and_moves_no_money(stripe):
    first = await stripe.pay(idempotency_key="k")
    again = await stripe.pay(idempotency_key="k")
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["request-id"] != first.headers["request-id"]
    assert await stripe.effects() == [("charge", 1000)]


async def test_the_order_of_parameters_does_not_make_another_request(stripe):
    await stripe.post("/v1/payment_intents", {"amount": "1000", "currency": "usd"}, idempotency_key="k")
    again = await stripe.post("/v1/payment_intents", {"currency": "usd", "amount": "1000"}, idempotency_key="k")
    assert again.headers["idempotent-replayed"] == "true"


async def test_another_request_under_the_same_key_is_refused(stripe):
    await stripe.pay(idempotency_key="k")
    response = await stripe.pay(extra={"amount": "1001"}, idempotency_key="k")
    assert (response.status_code, response.json()["error"]["type"]) == (400, "idempotency_error")


async def test_a_key_belongs_to_its_account(stripe):
    first = await stripe.paid(idempotency_key="k")
    second = await stripe.paid(idempotency_key="k", authorization="Bearer sk_test_merchantTwo")
    assert first["id"] != second["id"]


async def test_a_decline_is_remembered(stripe):
    first = await stripe.pay("pm_card_visa_chargeDeclined", idempotency_key="k")
    again = await stripe.pay("pm_card_visa_chargeDeclined", idempotency_key="k")
    assert (again.status_code, again.content) == (402, first.content)


@pytest.mark.parametrize(
    ("fault", "effects"), [("error_before_effect", []), ("error_after_effect", [("charge", 1000)])]
)
async def test_a_500_is_remembered_whether_or_not_money_moved(stripe, fault, effects):
    first = await stripe.pay(idempotency_key="k", x_sim_fault=fault)
    again = await stripe.pay(idempotency_key="k")
    assert (first.status_code, again.status_code) == (500, 500)
    assert again.headers["idempotent-replayed"] == "true"
    assert await stripe.effects() == effects


async def test_an_error_may_be_reconciled_later_and_its_stored_answer_stays(stripe):
    await stripe.listen()
    await stripe.pay(idempotency_key="k", x_sim_fault="error_reconciled:0.05")
    assert await stripe.effects() == []
    await stripe.inbox.until("payment_intent.succeeded")
    assert (await stripe.pay(idempotency_key="k")).status_code == 500
    assert await stripe.effects() == [("charge", 1000)]


async def test_a_charge_that_is_declined_when_it_is_reconciled_is_reported_by_a_webhook_only(stripe):
    await stripe.listen()
    await stripe.pay("pm_card_visa_chargeDeclined", idempotency_key="k", x_sim_fault="error_reconciled:0")
    await stripe.inbox.until("payment_intent.payment_failed")
    assert await stripe.effects() == []


@pytest.mark.parametrize("fault", ["rate_limited", "lock_timeout", "html_error"])
async def test_what_never_reached_the_endpoint_is_not_remembered(stripe, fault):
    assert (await stripe.pay(idempotency_key="k", x_sim_fault=fault)).status_code in (429, 502)
    assert (await stripe.pay(idempotency_key="k")).status_code == 200


async def test_refused_parameters_and_credentials_are_not_remembered(stripe):
    assert (await stripe.pay(extra={"currency": "xxx"}, idempotency_key="k")).status_code == 400
    assert (await stripe.pay(idempotency_key="k", authorization="Bearer nonsense")).status_code == 401
    assert (await stripe.pay(idempotency_key="k")).status_code == 200


async def test_while_the_first_request_runs_the_second_is_refused_and_may_come_again(stripe):
    slow = asyncio.create_task(stripe.pay(idempotency_key="k", x_sim_fault="slow:0.6"))
    await asyncio.sleep(0.05)
    conflict = await stripe.pay(idempotency_key="k")
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    first = await slow
    assert (await stripe.pay(idempotency_key="k")).content == first.content
    assert await stripe.effects() == [("charge", 1000)]


async def late(stripe, **extra):
    with pytest.raises(httpx.ReadError):
        await stripe.pay(extra=extra, idempotency_key="k", x_sim_fault="request_late:0.05")


async def test_a_request_that_was_long_on_its_way_has_its_effect_when_it_comes_and_its_key_remembers_it(stripe, until):
    await late(stripe)
    assert await stripe.effects() == []
    await until(stripe.effects, "the late request")
    assert (await stripe.pay(idempotency_key="k")).headers["idempotent-replayed"] == "true"
    assert await stripe.effects() == [("charge", 1000)]


async def test_a_late_request_whose_key_was_used_for_another_one_meanwhile_has_no_effect(stripe):
    await late(stripe)
    fence = {"amount": "1000", "currency": "usd"}
    assert (await stripe.post("/v1/payment_intents", fence, idempotency_key="k")).status_code == 200
    await asyncio.sleep(0.2)
    assert await stripe.effects() == []
    assert (await stripe.post("/v1/payment_intents", fence, idempotency_key="k")).headers["idempotent-replayed"]


async def test_a_late_request_that_is_refused_leaves_its_key_free(stripe):
    await late(stripe, currency="xxx")
    await asyncio.sleep(0.2)
    assert (await stripe.pay(idempotency_key="k")).status_code == 200


async def test_keys_expire_after_a_day_of_the_simulators_clock(stripe):
    first = await stripe.paid(idempotency_key="k")
    await stripe.http.post("/_sim/clock", json={"advance_seconds": 86_400 - 60})
    assert (await stripe.paid(idempotency_key="k"))["id"] == first["id"]
    await stripe.http.post("/_sim/clock", json={"advance_seconds": 60})
    assert (await stripe.paid(idempotency_key="k"))["id"] != first["id"]


async def test_a_key_may_have_255_characters(stripe):
    assert (await stripe.pay(idempotency_key="k" * 255)).status_code == 200
    assert (await stripe.pay(idempotency_key="k" * 256)).status_code == 400
