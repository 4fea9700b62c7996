"""Captures, cancels and refunds: what the orchestrator answers is what the merchant gets, now and on a repeat."""

import asyncio
import json
from dataclasses import replace

import pytest

from malipo import ids
from malipo.contracts.commands import CancelPayment, CapturePayment, RefundPayment
from malipo.contracts.providers import PROVIDERS
from testkit.waiting import until


@pytest.fixture
async def payment(gateway, merchant):
    made = (await merchant.pay()).json()
    await gateway.receive(gateway.step(merchant, made))
    return (await merchant.get(f"/v1/payments/{made['id']}")).json()


async def begun(gateway) -> dict:
    async def find():
        view = await gateway.pool.fetchval("SELECT view::text FROM operations WHERE step = 0 ORDER BY id DESC LIMIT 1")
        return view and json.loads(view)

    return await until(find, what="an operation")


async def test_a_refund_that_ends_in_time_is_the_answer(gateway, merchant, payment, make):
    path = f"/v1/payments/{payment['id']}/refunds"
    waiting = asyncio.create_task(merchant.post(path, {"amount": 250, "reason": "one book"}, Prefer="wait=10"))
    refund = await begun(gateway)
    step = gateway.step(
        merchant, payment, operation=make.operation(refund), amount_refunded=250, event="refund.completed"
    )
    await gateway.receive(step)
    response = await asyncio.wait_for(waiting, 3)
    assert response.status_code == 201
    assert response.json()["status"] == "completed"
    assert response.json()["amount"] == 250
    assert response.json()["reason"] == "one book"
    assert response.headers["Location"] == f"/v1/refunds/{refund['id']}"
    assert (await merchant.get(f"/v1/refunds/{refund['id']}")).json() == response.json()
    assert (await merchant.get(path)).json()["data"] == [response.json()]
    assert (await merchant.get(f"/v1/payments/{payment['id']}")).json()["amount_refunded"] == 250


async def test_a_refund_that_takes_longer_is_accepted(gateway, merchant, payment):
    response = await merchant.post(f"/v1/payments/{payment['id']}/refunds")
    assert response.status_code == 202
    assert response.headers["Retry-After"] == "1"
    shown = response.json()
    assert (shown["status"], shown["amount"], shown["currency"]) == ("processing", 1250, "USD")
    assert (await merchant.get(response.headers["Location"])).json() == shown


async def test_commands_name_the_operation_and_carry_the_merchants_reference(gateway, merchant, make):
    payment = (await merchant.pay(make.payment | {"client_ref": "order 7"})).json()
    made = [
        (await merchant.post(f"/v1/payments/{payment['id']}/{path}", body)).json()
        for path, body in (("capture", {"amount": 5}), ("cancel", None), ("refunds", {"amount": 3, "reason": "r"}))
    ]
    sent = (await gateway.sent())[-3:]
    assert sent == [
        CapturePayment(payment_id=payment["id"], capture_id=made[0]["id"], amount_minor=5),
        CancelPayment(payment_id=payment["id"], cancel_id=made[1]["id"]),
        RefundPayment(payment_id=payment["id"], refund_id=made[2]["id"], amount_minor=3, reason="r"),
    ]
    assert [one["kind"] for one in made] == ["capture", "cancel", "refund"]
    headers = await gateway.pool.fetch("SELECT headers FROM outbox ORDER BY id DESC LIMIT 3")
    assert {row["headers"]["client-ref"] for row in headers} == {"order 7"}


async def test_a_refund_of_a_payment_that_is_still_processing_shows_the_payments_amount(merchant):
    payment = (await merchant.pay()).json()
    refund = (await merchant.post(f"/v1/payments/{payment['id']}/refunds")).json()
    assert refund["amount"] == payment["amount"] == 1250


@pytest.mark.parametrize(
    ("action", "code", "status"),
    [
        ("refunds", "refund_exceeds_captured", 409),
        ("refunds", "payment_not_refundable", 409),
        ("capture", "payment_not_capturable", 409),
        ("capture", "capture_exceeds_authorized", 409),
        ("capture", "capture_in_progress", 409),
        ("cancel", "payment_not_cancelable", 409),
        ("cancel", "a_code_from_the_future", 409),
    ],
)
async def test_a_refusal_is_an_answer_and_a_repeat_gets_it_again(
    gateway, merchant, payment, make, action, code, status
):
    path, key = f"/v1/payments/{payment['id']}/{action}", ids.new("key")
    waiting = asyncio.create_task(merchant.post(path, {}, key=key, Prefer="wait=10"))
    await gateway.receive(make.refusal(merchant.id, await begun(gateway), code))
    first = await asyncio.wait_for(waiting, 3)
    again = await merchant.post(path, {}, key=key)
    for response in (first, again):
        assert response.headers["Content-Type"] == "application/problem+json"
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.json()["detail"] == "100 is left"
        assert response.json()["retry"] == {"safe": False, "after_seconds": None, "same_key": False}
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


async def test_a_refused_refund_is_listed_as_failed(gateway, merchant, payment, make):
    path = f"/v1/payments/{payment['id']}/refunds"
    await merchant.post(path, {"amount": 99_999})
    await gateway.receive(make.refusal(merchant.id, await begun(gateway), "refund_exceeds_captured"))
    listed = (await merchant.get(path)).json()["data"]
    assert [(one["status"], one["failure"]["code"]) for one in listed] == [("failed", "refund_exceeds_captured")]


@pytest.mark.parametrize("together", [True, False])
async def test_a_refusal_does_not_undo_a_step_that_comes_with_it_or_came_before(
    gateway, merchant, payment, make, together
):
    refund = (await merchant.post(f"/v1/payments/{payment['id']}/refunds")).json()
    step = gateway.step(merchant, payment, operation=make.operation(refund))
    refusal = make.refusal(merchant.id, refund, "refund_exceeds_captured")
    for batch in [(refusal, step)] if together else [(step,), (refusal,)]:
        await gateway.receive(*batch)
    shown = (await merchant.get(f"/v1/refunds/{refund['id']}")).json()
    assert (shown["status"], shown["failure"]) == ("completed", None)


async def test_a_cancel_that_came_too_late_says_so(gateway, merchant, payment, make):
    waiting = asyncio.create_task(merchant.post(f"/v1/payments/{payment['id']}/cancel", Prefer="wait=10"))
    cancel = await begun(gateway)
    failed = make.operation(cancel, "failed", failure={"code": "payment_completed", "message": ""})
    await gateway.receive(gateway.step(merchant, payment, operation=failed))
    response = await asyncio.wait_for(waiting, 3)
    assert (response.status_code, response.json()["status"]) == (201, "failed")
    assert response.json()["failure"]["code"] == "payment_completed"


async def test_an_older_step_does_not_undo_a_refunds_end(gateway, merchant, payment, make):
    refund = (await merchant.post(f"/v1/payments/{payment['id']}/refunds")).json()
    begins = gateway.step(merchant, payment, operation=make.operation(refund, "processing"))
    ends = gateway.step(merchant, payment, operation=make.operation(refund))
    await gateway.receive(ends, begins)
    await gateway.receive(begins, make.refusal(merchant.id, refund, "refund_exceeds_captured"))
    assert (await merchant.get(f"/v1/refunds/{refund['id']}")).json()["status"] == "completed"


async def test_refunds_are_listed_page_by_page(gateway, merchant, payment):
    path = f"/v1/payments/{payment['id']}/refunds"
    made = [(await merchant.post(path, {"amount": n})).json()["id"] for n in range(1, 6)]
    await merchant.post(f"/v1/payments/{payment['id']}/capture")
    seen, cursor = [], ""
    while cursor is not None:
        page = (await merchant.get(f"{path}?limit=2{cursor and '&cursor=' + cursor}")).json()
        seen += [refund["id"] for refund in page["data"]]
        cursor = page["next_cursor"]
    assert seen == made[::-1]


async def test_a_refund_of_another_merchant_is_not_there(gateway, merchant, payment):
    refund = (await merchant.post(f"/v1/payments/{payment['id']}/refunds")).json()
    capture = (await merchant.post(f"/v1/payments/{payment['id']}/capture")).json()
    other = await gateway.merchant()
    for client, made in ((other, refund), (merchant, capture), (merchant, {"id": "ref_x"})):
        response = await client.get(f"/v1/refunds/{made['id']}")
        assert (response.status_code, response.json()["code"]) == (404, "refund_not_found")


async def test_a_capture_that_leaves_more_to_capture_is_refused_where_the_provider_does_one(gateway, merchant, payment):
    await gateway.receive(gateway.step(merchant, payment, "authorized"))
    refused = await merchant.post(f"/v1/payments/{payment['id']}/capture", {"amount": 5, "final": False})
    assert (refused.status_code, refused.json()["code"]) == (422, "operation_unsupported")
    assert refused.json()["errors"][0]["field"] == "/final"


async def test_a_capture_after_another_one_is_of_what_is_left(gateway, merchant, payment):
    await gateway.receive(gateway.step(merchant, payment, "authorized", amount_captured=1000))
    capture = (await merchant.post(f"/v1/payments/{payment['id']}/capture")).json()
    assert (capture["amount"], capture["final"]) == (250, True)


@pytest.mark.parametrize("action", ["capture", "refunds"])
async def test_what_a_payment_may_not_have_its_captures_and_refunds_may_not_either(gateway, merchant, make, action):
    payment = (await merchant.pay(make.payment | {"currency": "KWD", "amount": 1250})).json()
    response = await merchant.post(f"/v1/payments/{payment['id']}/{action}", {"amount": 15})
    assert (response.status_code, response.json()["code"]) == (422, "amount_not_representable")
    assert response.json()["errors"][0]["field"] == "/amount"
    assert (await merchant.post(f"/v1/payments/{payment['id']}/{action}", {"amount": 20})).status_code == 202
    assert (await merchant.post(f"/v1/payments/{payment['id']}/{action}")).status_code == 202


async def test_without_credentials_there_is_nothing_to_capture_or_refund_with_but_a_repeat_is_answered(
    merchant, payment
):
    path, key = f"/v1/payments/{payment['id']}/refunds", ids.new("key")
    first = await merchant.post(path, {"amount": 5}, key=key)
    await merchant.send("DELETE", "/v1/provider-credentials/stripe")
    for action in ("refunds", "capture"):
        response = await merchant.post(f"/v1/payments/{payment['id']}/{action}", {"amount": 5})
        assert (response.status_code, response.json()["code"]) == (422, "provider_not_configured")
    assert (await merchant.post(path, {"amount": 5}, key=key)).json() == first.json()
    assert (await merchant.post(f"/v1/payments/{payment['id']}/cancel")).status_code == 202


@pytest.mark.parametrize(("status", "code"), [("requires_action", 422), ("authorized", 422), ("processing", 202)])
async def test_a_cancel_that_the_provider_does_not_have_is_refused_before_it_is_accepted(
    gateway, merchant, monkeypatch, status, code
):
    stripe = PROVIDERS["stripe"]
    operations = {kind: rules for kind, rules in stripe.operations.items() if kind != "cancel"}
    monkeypatch.setitem(PROVIDERS, "stripe", replace(stripe, operations=operations))
    made = (await merchant.pay()).json()
    await gateway.receive(gateway.step(merchant, made, status))
    answer = await merchant.post(f"/v1/payments/{made['id']}/cancel")
    assert answer.status_code == code, answer.text
    assert answer.json().get("code") == ("operation_unsupported" if code == 422 else None)
