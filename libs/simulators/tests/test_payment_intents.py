"""PaymentIntents: created, confirmed, captured, canceled, and refused."""

import pytest

pytestmark = pytest.mark.asyncio

MANUAL = {"capture_method": "manual"}


async def test_a_confirmed_card_payment_succeeds_and_is_in_the_book(stripe):
    intent = await stripe.paid(extra={"metadata[malipo_payment_id]": "pay_1", "expand[]": "latest_charge"})
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 1000)
    assert intent["latest_charge"]["captured"] is True
    assert intent["client_secret"].startswith(intent["id"] + "_secret_")
    assert await stripe.effects() == [("charge", 1000)]


async def test_without_confirm_nothing_moves_until_it_is_confirmed(stripe):
    created = (await stripe.pay(extra={"confirm": None})).json()
    assert created["status"] == "requires_confirmation"
    assert await stripe.effects() == []
    confirmed = (await stripe.post(f"/v1/payment_intents/{created['id']}/confirm")).json()
    assert confirmed["status"] == "succeeded"


async def test_without_a_payment_method_it_waits_for_one(stripe):
    created = (await stripe.pay(None, {"confirm": None})).json()
    assert created["status"] == "requires_payment_method"
    path = f"/v1/payment_intents/{created['id']}/confirm"
    refused = await stripe.post(path)
    assert refused.json()["error"]["code"] == "payment_intent_unexpected_state"
    assert (await stripe.post(path, {"payment_method": "pm_card_visa"})).json()["status"] == "succeeded"


async def test_part_of_an_authorization_can_be_captured_and_the_rest_is_released(stripe):
    held = await stripe.paid(extra=MANUAL)
    assert (held["status"], held["amount_capturable"], held["amount_received"]) == ("requires_capture", 1000, 0)
    response = await stripe.post(f"/v1/payment_intents/{held['id']}/capture", {"amount_to_capture": "400"})
    captured = response.json()
    assert (captured["status"], captured["amount_capturable"], captured["amount_received"]) == ("succeeded", 0, 400)
    assert await stripe.effects() == [("authorize", 1000), ("capture", 400), ("release", 600)]


async def test_no_more_than_was_authorized_can_be_captured(stripe):
    held = await stripe.paid(extra=MANUAL)
    response = await stripe.post(f"/v1/payment_intents/{held['id']}/capture", {"amount_to_capture": "1001"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "amount_too_large")
    assert await stripe.effects() == [("authorize", 1000)]


async def test_a_second_capture_is_refused_with_the_intent_inside(stripe):
    held = await stripe.paid(extra=MANUAL)
    path = f"/v1/payment_intents/{held['id']}/capture"
    await stripe.post(path)
    error = (await stripe.post(path)).json()["error"]
    assert error["code"] == "payment_intent_unexpected_state"
    assert error["payment_intent"]["status"] == "succeeded"


async def test_canceling_an_authorization_releases_it(stripe):
    held = await stripe.paid(extra=MANUAL)
    path = f"/v1/payment_intents/{held['id']}/cancel"
    canceled = (await stripe.post(path, {"cancellation_reason": "requested_by_customer"})).json()
    assert (canceled["status"], canceled["cancellation_reason"]) == ("canceled", "requested_by_customer")
    assert canceled["canceled_at"] >= held["created"]
    assert await stripe.effects() == [("authorize", 1000), ("release", 1000)]


async def test_a_payment_that_succeeded_cannot_be_canceled(stripe):
    paid = await stripe.paid()
    response = await stripe.post(f"/v1/payment_intents/{paid['id']}/cancel")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "payment_intent_unexpected_state")


async def test_an_authorization_lapses_after_seven_days_of_the_simulators_clock(stripe):
    held = await stripe.paid(extra=MANUAL)
    moved = await stripe.http.post("/_sim/clock", json={"advance_seconds": 7 * 86_400})
    assert moved.json()["lapsed"] == 1
    intent = (await stripe.get(f"/v1/payment_intents/{held['id']}")).json()
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "automatic")
    assert await stripe.effects() == [("authorize", 1000), ("release", 1000)]


async def test_a_server_side_confirmation_needs_a_return_url_unless_nothing_can_redirect(stripe):
    open_to_redirects = {"automatic_payment_methods[enabled]": None, "automatic_payment_methods[allow_redirects]": None}
    refused = await stripe.pay(extra=open_to_redirects)
    assert refused.status_code == 400
    assert "return_url" in refused.json()["error"]["message"]
    with_url = await stripe.pay(extra=open_to_redirects | {"return_url": "https://shop.example/back"})
    assert with_url.status_code == 200
    assert (await stripe.pay(extra=open_to_redirects | {"off_session": "true"})).status_code == 200


@pytest.mark.parametrize("name", ["return_url", "off_session", "error_on_requires_action"])
async def test_confirmation_parameters_are_refused_without_confirm(stripe, name):
    response = await stripe.pay(extra={"confirm": None, name: "true"})
    assert (response.status_code, response.json()["error"]["param"]) == (400, name)


async def test_capture_is_asynchronous_unless_asked_otherwise_and_the_balance_transaction_comes_afterwards(stripe):
    await stripe.listen("charge.succeeded", "charge.updated")
    intent = await stripe.paid(extra={"expand[]": "latest_charge"})
    assert (intent["capture_method"], intent["latest_charge"]["balance_transaction"]) == ("automatic_async", None)
    await stripe.inbox.until("charge.succeeded", "charge.updated")
    told = {event["type"]: event["data"] for event in stripe.inbox.events}
    assert told["charge.succeeded"]["object"]["balance_transaction"] is None
    assert told["charge.updated"]["object"]["balance_transaction"].startswith("txn_")
    assert told["charge.updated"]["previous_attributes"] == {"balance_transaction": None}


async def test_a_synchronous_capture_has_its_balance_transaction_at_once(stripe):
    intent = await stripe.paid(extra={"capture_method": "automatic", "expand[]": "latest_charge.balance_transaction"})
    transaction = intent["latest_charge"]["balance_transaction"]
    assert (transaction["amount"], transaction["fee"], transaction["net"]) == (1000, 59, 941)
    assert (transaction["type"], transaction["status"], transaction["source"]) == (
        "charge",
        "pending",
        intent["latest_charge"]["id"],
    )


async def test_an_intent_can_be_changed_until_it_is_confirmed(stripe):
    created = (await stripe.pay(None, {"confirm": None})).json()
    path = f"/v1/payment_intents/{created['id']}"
    changed = (await stripe.post(path, {"amount": "1200", "payment_method": "pm_card_visa", "metadata[a]": "b"})).json()
    assert (changed["amount"], changed["status"], changed["metadata"]) == (1200, "requires_confirmation", {"a": "b"})
    assert (await stripe.post(f"{path}/confirm")).json()["amount_received"] == 1200
    late = await stripe.post(path, {"amount": "1300"})
    assert late.json()["error"]["code"] == "payment_intent_unexpected_state"
    assert (await stripe.post(path, {"description": "shoes"})).json()["description"] == "shoes"
    assert await stripe.effects(**{"metadata[a]": "b"}) == [("charge", 1200)]


async def test_an_account_sees_only_its_own_payments(stripe):
    paid = await stripe.paid()
    response = await stripe.get(f"/v1/payment_intents/{paid['id']}", authorization="Bearer sk_test_merchantTwo")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "resource_missing")


async def test_charges_less_fees_are_pending_for_two_days_and_refunds_go_out_at_once(stripe):
    paid = await stripe.paid()
    await stripe.post("/v1/refunds", {"payment_intent": paid["id"], "amount": "250"})
    balance = (await stripe.get("/v1/balance")).json()
    assert (balance["pending"][0]["amount"], balance["available"][0]["amount"]) == (941, -250)
    await stripe.http.post("/_sim/clock", json={"advance_seconds": 2 * 86_400})
    balance = (await stripe.get("/v1/balance")).json()
    assert (balance["pending"][0]["amount"], balance["available"][0]["amount"]) == (0, 691)


async def test_a_payment_can_be_found_by_its_own_reference(stripe):
    wanted = await stripe.paid(extra={"metadata[malipo_payment_id]": "pay_7"})
    await stripe.paid(extra={"metadata[malipo_payment_id]": "pay_8"})
    query = {"query": "metadata['malipo_payment_id']:'pay_7'"}
    found = (await stripe.get("/v1/payment_intents/search", query)).json()
    assert [intent["id"] for intent in found["data"]] == [wanted["id"]]
    assert (found["has_more"], found["next_page"]) == (False, None)
