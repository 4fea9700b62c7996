"""Detaching saved methods: accepted once, refused to every payment from then on, shown as the orchestrator tells what came of it."""

import asyncio
from datetime import datetime

import msgspec
import pytest
from keeping import again, commands, keep
from msgspec.structs import replace

from malipo import clock
from malipo.contracts.commands import DetachMethod
from malipo.contracts.events import CardChange, Failure, OperationView, PaymentMethodView
from testkit.waiting import until


@pytest.fixture
async def merchant(gateway):
    return await gateway.merchant()


async def detach(merchant, method_id: str, key: str | None = None, prefer: str = "respond-async"):
    return await merchant.post(f"/v1/payment-methods/{method_id}/detach", {}, key=key, Prefer=prefer)


async def detaches(gateway) -> list[DetachMethod]:
    return [one for one in await gateway.sent() if isinstance(one, DetachMethod)]


async def tell(gateway, merchant, method: dict, event: str | None, status: str, step: int, **changes) -> None:
    """Have the orchestrator tell how its detach stands."""
    payment = (await merchant.get(f"/v1/payments/{method['payment_id']}")).json()
    view = to_view(method) | {"status": status} | changes
    transition = gateway.step(merchant, payment, event=event) if event else gateway.step(merchant, payment)
    await gateway.receive(replace(transition, step=step, payment_method=PaymentMethodView(**view)))


def to_view(method: dict) -> dict:
    """The fields of the method as the API shows it."""
    view = msgspec.convert(method, PaymentMethodView)
    return {name: getattr(view, name) for name in view.__struct_fields__}


async def test_it_is_accepted_shown_as_detaching_and_sent_to_the_orchestrator_once(gateway, merchant):
    kept = await keep(gateway, merchant)
    accepted = await detach(merchant, kept["id"])
    assert (accepted.status_code, accepted.json()["status"]) == (202, "detaching")
    assert accepted.headers["retry-after"] == "1"
    [command] = await detaches(gateway)
    assert (command.payment_id, command.detach_id[:4]) == (kept["payment_id"], "det_")
    read = (await merchant.get(f"/v1/payment-methods/{kept['id']}")).json()
    listed = (await merchant.get("/v1/payment-methods")).json()["data"]
    assert [read["status"], *(one["status"] for one in listed)] == ["detaching", "detaching"]


@pytest.mark.parametrize("key", ["k", None], ids=["the same key", "another key"])
async def test_a_second_request_changes_nothing(gateway, merchant, key):
    kept = await keep(gateway, merchant)
    first, second = await detach(merchant, kept["id"], key), await detach(merchant, kept["id"], key)
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert ("idempotent-replayed" in second.headers) is (key is not None)
    assert len(await detaches(gateway)) == 1


async def test_two_requests_at_once_are_one_detach(gateway, merchant):
    kept = await keep(gateway, merchant)
    answers = await asyncio.gather(*[detach(merchant, kept["id"]) for _ in range(5)])
    assert {one.status_code for one in answers} == {202}
    assert len(await detaches(gateway)) == 1


async def test_no_payment_is_accepted_with_it_from_then_on(gateway, merchant):
    kept = await keep(gateway, merchant)
    before = await merchant.pay(again(kept["id"]), key="before")
    await detach(merchant, kept["id"])
    refused = await merchant.pay(again(kept["id"]))
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_method_detached")
    replayed = await merchant.pay(again(kept["id"]), key="before")
    assert (replayed.status_code, replayed.json()["id"]) == (202, before.json()["id"])
    assert len(await commands(gateway)) == 2, "the one that saved it, and the one before"


async def test_of_payments_and_a_detach_at_once_each_payment_is_before_it_or_refused(gateway, merchant):
    kept = await keep(gateway, merchant)
    paid, *_ = await asyncio.gather(
        asyncio.gather(*[merchant.pay(again(kept["id"])) for _ in range(8)]), detach(merchant, kept["id"])
    )
    assert {one.status_code for one in paid} <= {202, 409}
    accepted = sum(one.status_code == 202 for one in paid)
    assert len(await commands(gateway)) == 1 + accepted
    assert (await merchant.pay(again(kept["id"]))).status_code == 409


@pytest.mark.parametrize("event", [None, "payment_method.updated"], ids=["a step", "a change"])
async def test_what_the_orchestrator_told_before_it_knew_makes_it_no_active_method(gateway, merchant, event):
    kept = await keep(gateway, merchant)
    await detach(merchant, kept["id"])
    await tell(gateway, merchant, kept, event, "active", step=7)
    assert (await merchant.get(f"/v1/payment-methods/{kept['id']}")).json()["status"] == "detaching"
    for status, listed in (("active", []), ("detaching", [kept["id"]])):
        found = (await merchant.get(f"/v1/payment-methods?status={status}")).json()["data"]
        assert [one["id"] for one in found] == listed
    assert (await merchant.pay(again(kept["id"]))).status_code == 409


async def test_once_it_is_detached_a_request_answers_200_as_it_is(gateway, merchant):
    kept = await keep(gateway, merchant)
    await detach(merchant, kept["id"], "k")
    now = clock.now()
    await tell(gateway, merchant, kept, "payment_method.detached", "detached", step=7, detached_at=now)
    for key in ("k", None):
        done = await detach(merchant, kept["id"], key)
        assert (done.status_code, done.json()["status"]) == (200, "detached")
        assert done.json()["detached_at"] is not None
    assert len(await detaches(gateway)) == 1
    assert (await merchant.pay(again(kept["id"]))).json()["code"] == "payment_method_detached"


async def test_one_that_was_detached_at_the_provider_is_never_sent(gateway, merchant):
    kept = await keep(gateway, merchant)
    await tell(gateway, merchant, kept, "payment_method.detached", "detached", step=7, detached_at=clock.now())
    assert (await detach(merchant, kept["id"])).status_code == 200
    assert await detaches(gateway) == []


async def test_one_that_failed_says_why_is_charged_no_more_and_may_be_asked_for_again(gateway, merchant):
    kept = await keep(gateway, merchant)
    await detach(merchant, kept["id"])
    failure = Failure("provider_unreachable", "It was away.")
    await tell(gateway, merchant, kept, "payment_method.detach_failed", "detach_failed", step=7, failure=failure)
    read = (await merchant.get(f"/v1/payment-methods/{kept['id']}")).json()
    assert (read["status"], read["failure"]["code"]) == ("detach_failed", "provider_unreachable")
    assert (await merchant.pay(again(kept["id"]))).json()["code"] == "payment_method_detached"
    second = await detach(merchant, kept["id"])
    assert (second.status_code, second.json()["status"], second.json()["failure"]) == (202, "detaching", None)
    assert len(await detaches(gateway)) == 2


async def test_a_request_that_waits_gets_what_came_of_it(gateway, merchant):
    kept = await keep(gateway, merchant)
    waiting = asyncio.create_task(detach(merchant, kept["id"], prefer="wait=10"))
    await until(lambda: detaches(gateway))
    await tell(gateway, merchant, kept, "payment_method.detached", "detached", step=7, detached_at=clock.now())
    assert (await waiting).status_code == 200


async def test_what_is_of_somebody_else_and_what_is_not_there_is_404(gateway, merchant):
    kept, other = await keep(gateway, merchant), await gateway.merchant()
    live = await gateway.key_of(merchant.id, mode="live")
    for stranger, method_id in ((other, kept["id"]), (live, kept["id"]), (merchant, "nothing")):
        refused = await detach(stranger, method_id)
        assert (refused.status_code, refused.json()["code"]) == (404, "payment_method_not_found")
    assert await detaches(gateway) == []


async def test_it_is_told_with_the_method_and_is_in_the_payments_timeline(gateway, merchant):
    kept = await keep(gateway, merchant)
    await detach(merchant, kept["id"])
    [command] = await detaches(gateway)
    now = clock.now()
    operation = OperationView(
        id=command.detach_id, payment_id=kept["payment_id"], kind="detach", status="completed", amount=0,
        currency="USD", created_at=now, updated_at=now,
    )  # fmt: skip
    payment = (await merchant.get(f"/v1/payments/{kept['payment_id']}")).json()
    method = PaymentMethodView(**to_view(kept) | {"status": "detached", "detached_at": now})
    step = gateway.step(merchant, payment, event="payment_method.detached")
    await gateway.receive(replace(step, step=7, operation=operation, payment_method=method))
    [event] = (await merchant.get("/v1/events?type=payment_method.detached")).json()["data"]
    assert (event["data"]["payment_method"]["status"], event["data"]["detach"]["id"]) == ("detached", command.detach_id)
    timeline = (await merchant.get(f"/v1/payments/{kept['payment_id']}/timeline")).json()["entries"]
    assert {one["about"] for one in timeline if one["operation_id"] == command.detach_id} == {"detach"}


async def test_a_card_past_its_last_month_says_so_whenever_it_is_read(gateway, merchant):
    over, good = await keep(gateway, merchant, exp_year=2020), await keep(gateway, merchant)
    assert (over["card"]["expired"], good["card"]["expired"]) == (True, False)
    listed = (await merchant.get("/v1/payment-methods")).json()["data"]
    assert [one["card"]["expired"] for one in listed] == [False, True]
    refused = await merchant.pay(again(over["id"]))
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_method_expired")


async def test_a_card_that_its_network_changed_shows_when_and_what_it_was_and_can_be_charged(gateway, merchant):
    kept = await keep(gateway, merchant, exp_year=2020)
    now = clock.now()
    card = replace(PaymentMethodView(**to_view(kept)).card, exp_year=2099, last_four="4444")
    changed = CardChange(at=now, exp_year=2020, last_four="4242")
    await tell(gateway, merchant, kept, "payment_method.updated", "active", step=7, card=card, changed=changed)
    read = (await merchant.get(f"/v1/payment-methods/{kept['id']}")).json()
    assert (read["card"]["last_four"], read["card"]["expired"]) == ("4444", False)
    told = {name: value for name, value in read["changed"].items() if value}
    assert datetime.fromisoformat(told.pop("at")) == now
    assert told == {"exp_year": 2020, "last_four": "4242"}
    assert (await merchant.pay(again(kept["id"]))).status_code == 202


async def test_a_provider_that_cannot_give_methods_up_and_an_account_without_credentials_refuse(gateway, merchant):
    kept, elsewhere = await keep(gateway, merchant), await keep(gateway, merchant)
    await tell(gateway, merchant, elsewhere, None, "active", step=7, provider="mpesa")
    refused = await detach(merchant, elsewhere["id"])
    assert (refused.status_code, refused.json()["code"]) == (422, "operation_unsupported")
    await merchant.send("DELETE", "/v1/provider-credentials/stripe")
    refused = await detach(merchant, kept["id"])
    assert (refused.status_code, refused.json()["code"]) == (422, "provider_not_configured")
    assert await detaches(gateway) == []
    assert (await merchant.get(f"/v1/payment-methods/{kept['id']}")).json()["status"] == "active"
