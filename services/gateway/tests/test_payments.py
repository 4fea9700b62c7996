"""Creating payments: accepted once and for good, answered with the first state that means something."""

import asyncio
import json

import pytest
from msgspec.structs import replace

from malipo import clock
from malipo.contracts.commands import CreatePayment
from testkit.operations import card
from testkit.waiting import until


async def test_a_payment_is_accepted_before_any_other_service_has_seen_it(gateway, merchant):
    response = await merchant.pay()
    assert response.status_code == 202
    shown = response.json()
    assert shown["status"] == "processing"
    assert shown["amount"] == 1250
    assert response.headers["Location"] == f"/v1/payments/{shown['id']}"
    assert response.headers["Retry-After"] == "1"
    assert response.headers["Preference-Applied"] == "respond-async"
    assert (await merchant.get(response.headers["Location"])).json() == shown


async def test_its_command_carries_all_that_the_merchant_sent(gateway, merchant, make):
    body = make.payment | {
        "client_ref": "Bestellung ü 7",
        "description": "Two books",
        "metadata": {"cart": "9"},
        "capture": "manual",
        "return_url": "https://shop.example/back",
        "cancel_url": "https://shop.example/basket",
        "provider": "stripe",
    }
    shown = (await merchant.pay(body)).json()
    command = (await gateway.sent())[-1]
    assert isinstance(command, CreatePayment)
    assert command.payment_id == shown["id"]
    assert command.merchant_id == merchant.id
    assert command.mode == "test"
    assert (command.amount.amount_minor, command.amount.currency) == (1250, "USD")
    assert command.method == card("pm_card_visa")
    assert command.config_version == 1
    assert {name: getattr(command, name) for name in body if name not in ("amount", "currency", "method")} == {
        name: body[name] for name in body if name not in ("amount", "currency", "method")
    }
    headers = await gateway.pool.fetchval("SELECT headers FROM outbox ORDER BY id DESC LIMIT 1")
    assert headers["client-ref"] == "Bestellung ü 7"


async def test_a_post_waits_for_the_first_state_that_means_something(gateway, merchant):
    waiting = asyncio.create_task(merchant.pay(Prefer="wait=10"))
    payment = await newest_payment(gateway)
    await gateway.receive(gateway.step(merchant, payment, "processing"))
    await gateway.receive(gateway.step(merchant, payment, "completed"))
    response = await asyncio.wait_for(waiting, 3)
    assert response.status_code == 201
    assert response.json()["status"] == "completed"
    assert response.headers["Preference-Applied"] == "wait=10"


@pytest.mark.parametrize("state", ["requires_action", "authorized", "failed", "canceled"])
async def test_every_state_but_plain_processing_means_something(gateway, merchant, state):
    waiting = asyncio.create_task(merchant.pay(Prefer="wait=10"))
    await gateway.receive(gateway.step(merchant, await newest_payment(gateway), state))
    assert (await asyncio.wait_for(waiting, 3)).status_code == 201


async def test_doubt_is_answered_at_once_as_still_under_way(gateway, merchant):
    waiting = asyncio.create_task(merchant.pay(key="k", Prefer="wait=10"))
    payment = await newest_payment(gateway)
    await gateway.receive(gateway.step(merchant, payment, "processing", status_reason="awaiting_provider"))
    response = await asyncio.wait_for(waiting, 3)
    for answer in (response, await merchant.pay(key="k", Prefer="wait=10")):
        assert (answer.status_code, answer.json()["status_reason"]) == (202, "awaiting_provider")
        assert answer.headers["Retry-After"] == "1"


async def test_a_post_that_waited_in_vain_answers_202(gateway, merchant):
    started = clock.monotonic()
    response = await merchant.pay(Prefer="wait=1")
    assert response.status_code == 202
    assert 0.9 < clock.monotonic() - started < 3


async def test_the_wait_has_a_limit_that_the_answer_names(gateway, merchant):
    waiting = asyncio.create_task(merchant.pay(Prefer="wait=3600"))
    await gateway.receive(gateway.step(merchant, await newest_payment(gateway)))
    assert (await waiting).headers["Preference-Applied"] == "wait=10"


async def test_a_post_is_woken_by_what_another_replica_received(replica):
    here, there = await replica(), await replica()
    merchant = await here.merchant()
    waiting = asyncio.create_task(merchant.pay(Prefer="wait=10"))
    payment = await newest_payment(here)
    await there.receive(there.step(merchant, payment))
    response = await asyncio.wait_for(waiting, 3)
    assert response.json()["status"] == "completed"


async def test_a_lost_wake_costs_time_and_nothing_else(replica, gateway, merchant):
    cut_off = await replica(redis_url="redis://127.0.0.1:1/0")
    waiting = asyncio.create_task(merchant.on(cut_off).pay(Prefer="wait=1"))
    await gateway.receive(gateway.step(merchant, await newest_payment(gateway)))
    response = await waiting
    assert (response.status_code, response.json()["status"]) == (201, "completed")


async def test_more_requests_than_may_wait_are_answered_at_once(replica):
    gateway = await replica(max_waiting=1)
    merchant = await gateway.merchant()
    first = asyncio.create_task(merchant.pay(Prefer="wait=10"))
    payment = await newest_payment(gateway)
    started = clock.monotonic()
    assert (await merchant.pay(Prefer="wait=10")).status_code == 202
    assert clock.monotonic() - started < 2
    await gateway.receive(gateway.step(merchant, payment))
    assert (await first).status_code == 201


async def test_steps_that_come_twice_or_late_change_nothing(gateway, merchant):
    payment = (await merchant.pay()).json()
    early, late = gateway.step(merchant, payment, "processing"), gateway.step(merchant, payment, "completed")
    await gateway.receive(late, early, late)
    await gateway.receive(early)
    assert (await merchant.get(f"/v1/payments/{payment['id']}")).json()["status"] == "completed"
    timeline = (await merchant.get(f"/v1/payments/{payment['id']}/timeline")).json()
    assert [entry["step"] for entry in timeline["entries"] if entry["kind"] == "step"] == [1, 2]


async def test_a_read_model_that_was_lost_is_built_anew_from_the_orchestrators_steps(gateway, merchant):
    payment = (await merchant.pay()).json()
    await gateway.pool.execute("DELETE FROM payments")
    await gateway.receive(gateway.step(merchant, payment))
    assert (await merchant.get(f"/v1/payments/{payment['id']}")).json()["status"] == "completed"


async def test_without_credentials_nothing_is_accepted(gateway):
    merchant = await gateway.merchant(configured=False)
    response = await merchant.pay()
    assert (response.status_code, response.json()["code"]) == (422, "provider_not_configured")
    assert "PUT /v1/provider-credentials/stripe with a test key" in response.json()["detail"]
    assert await gateway.count("payments") == 0
    assert await gateway.count("idempotency_keys") == 0


async def test_payments_of_another_merchant_or_mode_are_not_there(gateway, merchant):
    payment = (await merchant.pay()).json()
    live = await gateway.key_of(merchant.id, mode="live")
    for other in (await gateway.merchant(), live):
        for path in ("", "/timeline", "/explain", "/refunds"):
            response = await other.get(f"/v1/payments/{payment['id']}{path}")
            assert (response.status_code, response.json()["code"]) == (404, "payment_not_found")
        for action in ("capture", "cancel", "refunds"):
            response = await other.post(f"/v1/payments/{payment['id']}/{action}")
            assert (response.status_code, response.json()["code"]) == (404, "payment_not_found")
        assert (await other.get("/v1/payments")).json()["data"] == []


@pytest.mark.parametrize(
    "made_up",
    [
        "x",
        "pay_x",
        "pay_" + "u" * 26,
        "pay_01m8cz7rvyfa5byx2eqhk87e9v",
        "ref_01m8cz7rvyfbsv43hw9daftsjx",
        "%00",
        "a%2Fb",
    ],
)
async def test_ids_that_do_not_exist_are_not_found(merchant, made_up):
    assert (await merchant.get(f"/v1/payments/{made_up}")).status_code == 404


async def newest_payment(gateway) -> dict:
    """The payment that a request which still waits has written."""

    async def find():
        view = await gateway.pool.fetchval("SELECT view::text FROM payments WHERE step = 0 ORDER BY id DESC LIMIT 1")
        return view and json.loads(view)

    return await until(find, what="a payment")


async def test_a_payment_names_the_account_and_the_customer_and_is_found_by_the_customer(gateway, merchant, make):
    asked = make.payment | {"account": "berlin", "customer_ref": "customer-7"}
    refused = await merchant.pay(asked)
    assert (refused.status_code, refused.json()["code"]) == (422, "provider_not_configured")
    assert "PUT /v1/provider-credentials/stripe/accounts/berlin" in refused.json()["detail"]
    await merchant.send("PUT", "/v1/provider-credentials/stripe/accounts/berlin", make.credentials)
    await merchant.pay()
    shown = (await merchant.pay(asked)).json()
    assert (shown["account"], shown["customer_ref"]) == ("berlin", "customer-7")
    found = (await merchant.get("/v1/payments?customer_ref=customer-7")).json()["data"]
    assert [one["id"] for one in found] == [shown["id"]]
    command = (await gateway.sent())[-1]
    assert (command.account, command.customer_ref, command.configured) == ("berlin", "customer-7", ("stripe",))


async def test_what_is_reported_under_a_payments_id_as_another_merchants_changes_nothing(gateway, merchant):
    made = (await merchant.pay()).json()
    await gateway.receive(replace(gateway.step(merchant, made), merchant_id="mer_other"))
    assert (await merchant.get(f"/v1/payments/{made['id']}")).json()["status"] == "processing"
