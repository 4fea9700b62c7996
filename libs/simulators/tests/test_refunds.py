"""Refunds: whole, in parts, never too much, and those that change after they were made."""

import re

import pytest

pytestmark = pytest.mark.asyncio


async def refund(stripe, intent, data=None, **headers):
    return await stripe.post("/v1/refunds", {"payment_intent": intent["id"]} | (data or {}), **headers)


async def test_a_payment_can_be_refunded_in_parts_up_to_what_was_captured(stripe):
    intent = await stripe.paid()
    first = (await refund(stripe, intent, {"amount": "300", "reason": "duplicate", "metadata[why]": "twice"})).json()
    assert (first["status"], first["amount"], first["reason"]) == ("succeeded", 300, "duplicate")
    too_much = await refund(stripe, intent, {"amount": "701"})
    assert (too_much.status_code, too_much.json()["error"]["code"]) == (400, "amount_too_large")
    rest = (await refund(stripe, intent)).json()
    assert rest["amount"] == 700
    nothing_left = await refund(stripe, intent)
    assert nothing_left.json()["error"]["code"] == "charge_already_refunded"
    assert await stripe.effects() == [("charge", 1000), ("refund", 300), ("refund", 700)]


async def test_the_charge_shows_how_much_went_back(stripe):
    intent = await stripe.paid()
    await refund(stripe, intent, {"amount": "400"})
    charge = (await stripe.get(f"/v1/charges/{intent['latest_charge']}", {"expand[]": "refunds"})).json()
    assert (charge["amount_refunded"], charge["refunded"]) == (400, False)
    assert [one["amount"] for one in charge["refunds"]["data"]] == [400]


async def test_only_what_was_captured_of_an_authorization_can_be_refunded(stripe):
    intent = await stripe.paid(extra={"capture_method": "manual"})
    assert (await refund(stripe, intent)).status_code == 400
    await stripe.post(f"/v1/payment_intents/{intent['id']}/capture", {"amount_to_capture": "400"})
    assert (await refund(stripe, intent, {"amount": "401"})).status_code == 400
    assert (await refund(stripe, intent)).json()["amount"] == 400


async def test_a_failed_payment_has_nothing_to_refund(stripe):
    intent = (await stripe.pay("pm_card_visa_chargeDeclined")).json()["error"]["payment_intent"]
    assert (await refund(stripe, intent)).status_code == 400


async def test_refunds_are_listed_for_one_payment_newest_first(stripe):
    intent, other = await stripe.paid(), await stripe.paid()
    made = [(await refund(stripe, intent, {"amount": str(amount)})).json()["id"] for amount in (1, 2, 3)]
    await refund(stripe, other)
    page = (await stripe.get("/v1/refunds", {"payment_intent": intent["id"], "limit": "2"})).json()
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([made[2], made[1]], True)
    assert len((await stripe.get("/v1/refunds")).json()["data"]) == 4


async def test_a_card_with_slow_refunds_goes_from_pending_to_succeeded(stripe):
    await stripe.listen("refund.updated", "refund.failed")
    intent = await stripe.paid("pm_card_pendingRefund")
    made = (await refund(stripe, intent)).json()
    assert (made["status"], made["pending_reason"]) == ("pending", "processing")
    assert made["balance_transaction"].startswith("txn_"), "the balance is debited at once"
    await stripe.inbox.until("refund.updated")
    assert (await stripe.get(f"/v1/refunds/{made['id']}")).json()["status"] == "succeeded"
    assert stripe.inbox.events[0]["data"]["previous_attributes"] == {
        "pending_reason": "processing",
        "status": "pending",
    }


async def test_a_refund_that_succeeded_may_fail_later_and_the_money_comes_back(stripe):
    await stripe.listen("refund.failed")
    intent = await stripe.paid("pm_card_refundFail")
    made = (await refund(stripe, intent, {"amount": "600"})).json()
    assert made["status"] == "succeeded"
    await stripe.inbox.until("refund.failed")
    failed = (await stripe.get(f"/v1/refunds/{made['id']}")).json()
    assert (failed["status"], failed["failure_reason"]) == ("failed", "lost_or_stolen_card")
    taken, given_back = failed["balance_transaction"], failed["failure_balance_transaction"]
    assert (taken, "failure_balance_transaction" in made) == (made["balance_transaction"], False)
    assert re.fullmatch(r"txn_\w{24}", given_back)
    assert taken != given_back
    book = await stripe.book()
    assert [(line["kind"], line["amount"]) for line in book["effects"]][1:] == [("refund", 600), ("refund_failed", 600)]
    assert book["payment_intents"][0]["refunded"] == 0
    assert (await refund(stripe, intent)).json()["amount"] == 1000


async def test_a_rule_can_make_any_refund_fail_and_a_test_can_decide_when(stripe):
    await stripe.fault("refund_pending_then_fails", match={"amount": 77}, delay_seconds=3600)
    intent = await stripe.paid()
    assert (await refund(stripe, intent, {"amount": "78"})).json()["status"] == "succeeded"
    made = (await refund(stripe, intent, {"amount": "77"})).json()
    assert made["status"] == "pending"
    ended = await stripe.http.post(f"/_sim/refunds/{made['id']}/fail")
    assert ended.json() == {"id": made["id"], "status": "failed"}
    assert (await stripe.http.post(f"/_sim/refunds/{made['id']}/succeed")).status_code == 409
