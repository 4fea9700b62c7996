"""The account's money: each movement with its fee, what can be paid out, and payouts."""

import pytest

pytestmark = pytest.mark.asyncio

KEY = {"api_key": "sk_test_merchantOne"}
AT_ONCE = {"capture_method": "automatic"}


async def movements(stripe, **wanted):
    data = (await stripe.get("/v1/balance_transactions", wanted)).json()["data"]
    return [(one["type"], one["amount"], one["fee"], one["net"]) for one in data]


async def balance(stripe):
    shown = (await stripe.get("/v1/balance")).json()
    return shown["available"][0]["amount"], shown["pending"][0]["amount"]


async def test_every_movement_has_its_fee_and_they_add_up_to_the_balance(stripe):
    paid = await stripe.paid(extra=AT_ONCE)
    await stripe.post("/v1/refunds", {"payment_intent": paid["id"], "amount": "300"})
    await stripe.http.post(f"/_sim/payment_intents/{paid['id']}/disputes", json={})
    assert await movements(stripe) == [
        ("adjustment", -700, 1500, -2200),
        ("refund", -300, 0, -300),
        ("charge", 1000, 59, 941),
    ]
    assert sum(await balance(stripe)) == 941 - 300 - 2200
    assert await movements(stripe, type="refund") == [("refund", -300, 0, -300)]
    assert await movements(stripe, source=paid["latest_charge"]) == [("charge", 1000, 59, 941)]


async def test_the_book_has_the_fees_that_the_balance_has(stripe):
    await stripe.paid(extra=AT_ONCE)
    held = await stripe.paid(extra={"capture_method": "manual"})
    await stripe.post(f"/v1/payment_intents/{held['id']}/capture", {"amount_to_capture": "400"})
    assert sum(line["fee"] for line in (await stripe.book())["effects"]) == 59 + 42
    assert [fee for _, _, fee, _ in await movements(stripe)] == [42, 59]


async def test_a_refund_of_a_charge_that_is_not_settled_yet_settles_it(stripe):
    paid = await stripe.paid()
    await stripe.post("/v1/refunds", {"payment_intent": paid["id"]})
    assert [kind for kind, *_ in await movements(stripe)] == ["refund", "charge"]


async def test_an_automatic_payout_carries_what_is_available_and_names_it(stripe):
    await stripe.listen("payout.created", "payout.paid")
    assert (await stripe.http.post("/_sim/payouts", json=KEY)).status_code == 409
    await stripe.paid("pm_card_bypassPending", AT_ONCE)
    await stripe.paid(extra=AT_ONCE)
    payout = (await stripe.http.post("/_sim/payouts", json=KEY)).json()
    assert (payout["amount"], payout["automatic"]) == (941, True)
    assert await movements(stripe, payout=payout["id"]) == [("charge", 1000, 59, 941)]
    assert await balance(stripe) == (0, 941)
    await stripe.http.post("/_sim/clock", json={"advance_seconds": 86_400})
    assert (await stripe.get(f"/v1/payouts/{payout['id']}")).json()["status"] == "paid"
    await stripe.inbox.until("payout.created", "payout.paid")


async def test_a_payout_that_comes_back_is_in_the_balance_again(stripe):
    await stripe.paid("pm_card_bypassPending", AT_ONCE)
    payout = (await stripe.post("/v1/payouts", {"amount": "500", "currency": "usd"})).json()
    assert await balance(stripe) == (441, 0)
    failed = (await stripe.http.post(f"/_sim/payouts/{payout['id']}/failed")).json()
    assert (failed["status"], failed["failure_code"]) == ("failed", "account_closed")
    assert await balance(stripe) == (941, 0)
    assert (await stripe.http.post(f"/_sim/payouts/{payout['id']}/paid")).status_code == 409
    assert (await stripe.http.post("/_sim/payouts/po_nobodys/paid")).status_code == 404


async def test_a_payout_can_be_annotated_and_canceled_while_it_is_pending(stripe):
    await stripe.paid("pm_card_bypassPending", AT_ONCE)
    payout = (await stripe.post("/v1/payouts", {"amount": "500", "currency": "usd"})).json()
    path = f"/v1/payouts/{payout['id']}"
    assert (await stripe.post(path, {"metadata[a]": "b"})).json()["metadata"] == {"a": "b"}
    assert (await stripe.post(f"{path}/cancel")).json()["status"] == "canceled"
    assert (await stripe.post(f"{path}/cancel")).status_code == 400
    assert await balance(stripe) == (941, 0)
    assert [one["id"] for one in (await stripe.get("/v1/payouts", {"status": "canceled"})).json()["data"]] == [
        payout["id"]
    ]


async def test_no_more_than_is_available_is_paid_out(stripe):
    await stripe.paid(extra=AT_ONCE)
    refused = await stripe.post("/v1/payouts", {"amount": "500", "currency": "usd"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "balance_insufficient")


@pytest.mark.parametrize("path", ["/v1/balance", "/v1/balance_transactions"])
async def test_a_restricted_key_may_lack_the_permission_to_read_the_balance(stripe, path):
    refused = await stripe.get(path, authorization="Bearer rk_test_without_balance")
    assert (refused.status_code, "required permissions" in refused.json()["error"]["message"]) == (403, True)
    assert (await stripe.get("/v1/events", authorization="Bearer rk_test_without_balance")).status_code == 200
