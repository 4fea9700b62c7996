"""Customers and their cards: saved with a payment or without, charged again and again, and given up."""

import pytest

pytestmark = pytest.mark.asyncio

BACK = {"return_url": "https://shop.example/back"}


async def customer_of(stripe, **data):
    response = await stripe.post("/v1/customers", data)
    assert response.status_code == 200, response.text
    return response.json()["id"]


async def setup(stripe, method="pm_card_visa", **data):
    """A customer, and a SetupIntent for him."""
    customer = await customer_of(stripe)
    given = {"customer": customer, "payment_method": method, "confirm": "true"} | BACK | data
    response = await stripe.post("/v1/setup_intents", given)
    assert response.status_code == 200, response.text
    return customer, response.json()


async def off_session(stripe, customer, method):
    return await stripe.pay(method, {"customer": customer, "off_session": "true"})


async def test_a_customer_can_be_found_by_email_changed_and_deleted(stripe):
    await stripe.listen("customer.updated", "customer.deleted")
    customer = await customer_of(stripe, **{"email": "a@shop.example", "name": "A", "metadata[ref]": "7"})
    changed = (await stripe.post(f"/v1/customers/{customer}", {"name": "B", "metadata[ref]": ""})).json()
    assert (changed["name"], changed["metadata"]) == ("B", {})
    found = (await stripe.get("/v1/customers", {"email": "a@shop.example"})).json()["data"]
    assert [one["id"] for one in found] == [customer]
    headers = {"authorization": "Bearer sk_test_merchantOne"}
    deleted = await stripe.http.delete(f"/v1/customers/{customer}", headers=headers)
    assert deleted.json() == {"id": customer, "object": "customer", "deleted": True}
    assert (await stripe.post(f"/v1/customers/{customer}", {"name": "C"})).status_code == 404
    assert (await stripe.pay(extra={"customer": customer})).json()["error"]["code"] == "resource_missing"
    await stripe.inbox.until("customer.updated", "customer.deleted")
    updated = next(one for one in stripe.inbox.events if one["type"] == "customer.updated")
    assert updated["data"]["previous_attributes"] == {"metadata": {"ref": "7"}, "name": "A"}


async def test_a_deleted_customers_cards_can_pay_no_more(stripe):
    customer, saved = await setup(stripe)
    headers = {"authorization": "Bearer sk_test_merchantOne"}
    await stripe.http.delete(f"/v1/customers/{customer}", headers=headers)
    assert (await stripe.pay(saved["payment_method"])).status_code == 400
    assert await stripe.effects() == []


async def test_a_card_saved_without_a_payment_can_be_charged_twice(stripe):
    await stripe.listen()
    customer, saved = await setup(stripe)
    assert (saved["status"], saved["usage"]) == ("succeeded", "off_session")
    for _ in range(2):
        assert (await off_session(stripe, customer, saved["payment_method"])).json()["status"] == "succeeded"
    assert await stripe.effects() == [("charge", 1000)] * 2
    await stripe.inbox.until("setup_intent.created", "setup_intent.succeeded", "payment_method.attached")


async def test_a_card_saved_while_paying_is_among_the_customers(stripe):
    customer = await customer_of(stripe)
    paid = await stripe.paid(extra={"customer": customer, "setup_future_usage": "off_session"})
    for path in (f"/v1/customers/{customer}/payment_methods", f"/v1/payment_methods?customer={customer}&type=card"):
        assert [one["id"] for one in (await stripe.get(path)).json()["data"]] == [paid["payment_method"]]
    one = await stripe.get(f"/v1/customers/{customer}/payment_methods/{paid['payment_method']}")
    assert one.json()["customer"] == customer


async def test_a_card_to_be_kept_can_be_given_to_a_customer_after_it_has_paid(stripe):
    paid = await stripe.paid(extra={"setup_future_usage": "off_session"})
    assert (await stripe.pay(paid["payment_method"])).status_code == 400
    customer = await customer_of(stripe)
    await stripe.post(f"/v1/payment_methods/{paid['payment_method']}/attach", {"customer": customer})
    assert (await off_session(stripe, customer, paid["payment_method"])).status_code == 200


async def test_a_payment_that_is_declined_saves_nothing(stripe):
    customer = await customer_of(stripe)
    extra = {"customer": customer, "setup_future_usage": "off_session"}
    assert (await stripe.pay("pm_card_chargeDeclined", extra)).status_code == 402
    assert (await stripe.get(f"/v1/customers/{customer}/payment_methods")).json()["data"] == []


async def test_the_card_of_somebody_else_cannot_be_charged(stripe):
    customer, saved = await setup(stripe)
    other = await customer_of(stripe)
    for whose in ({}, {"customer": other}):
        assert (await stripe.pay(saved["payment_method"], whose)).status_code == 400
    attached = await stripe.post(f"/v1/payment_methods/{saved['payment_method']}/attach", {"customer": other})
    assert attached.status_code == 400
    assert await stripe.effects() == []
    assert (await off_session(stripe, customer, saved["payment_method"])).status_code == 200


async def test_saving_with_3ds_waits_for_the_customer(stripe):
    customer, waiting = await setup(stripe, "pm_card_authenticationRequiredOnSetup")
    assert (waiting["status"], waiting["next_action"]["type"]) == ("requires_action", "redirect_to_url")
    assert (await stripe.http.get(waiting["next_action"]["redirect_to_url"]["url"])).status_code == 200
    decided = (await stripe.http.post(f"/_sim/3ds/{waiting['id']}/approve")).json()
    assert f"setup_intent={waiting['id']}" in decided["redirect_to"]
    assert (await off_session(stripe, customer, waiting["payment_method"])).json()["status"] == "succeeded"
    [attempt] = (await stripe.get("/v1/setup_attempts", {"setup_intent": waiting["id"]})).json()["data"]
    assert attempt["status"] == "succeeded"
    assert (await stripe.http.post(f"/_sim/3ds/{waiting['id']}/approve")).status_code == 409


async def test_saving_whose_3ds_was_refused_can_be_tried_with_another_card(stripe):
    customer, waiting = await setup(stripe, "pm_card_threeDSecure2Required")
    await stripe.http.post(f"/_sim/3ds/{waiting['id']}/refuse")
    failed = (await stripe.get(f"/v1/setup_intents/{waiting['id']}")).json()
    assert failed["last_setup_error"]["code"] == "setup_intent_authentication_failure"
    again = await stripe.post(f"/v1/setup_intents/{waiting['id']}/confirm", {"payment_method": "pm_card_visa"} | BACK)
    assert again.json()["status"] == "succeeded"
    assert len((await stripe.get(f"/v1/customers/{customer}/payment_methods")).json()["data"]) == 1


async def test_a_card_that_was_not_saved_for_it_needs_its_customer(stripe):
    response = await stripe.pay("pm_card_authenticationRequiredOnSetup", {"off_session": "true"})
    assert response.json()["error"]["code"] == "authentication_required"


async def test_a_card_that_always_authenticates_is_refused_off_session_and_completed_by_its_customer(stripe):
    customer, waiting = await setup(stripe, "pm_card_authenticationRequired")
    await stripe.http.post(f"/_sim/3ds/{waiting['id']}/approve")
    refused = (await off_session(stripe, customer, waiting["payment_method"])).json()["error"]
    assert (refused["code"], refused["payment_intent"]["status"]) == (
        "authentication_required",
        "requires_payment_method",
    )
    path = f"/v1/payment_intents/{refused['payment_intent']['id']}/confirm"
    confirmed = (await stripe.post(path, {"payment_method": waiting["payment_method"]} | BACK)).json()
    assert confirmed["status"] == "requires_action"
    await stripe.http.post(f"/_sim/3ds/{confirmed['id']}/approve")
    assert await stripe.effects() == [("charge", 1000)]


async def test_a_card_that_declines_cannot_be_saved(stripe):
    customer = await customer_of(stripe)
    attached = await stripe.post("/v1/payment_methods/pm_card_chargeDeclined/attach", {"customer": customer})
    assert (attached.status_code, attached.json()["error"]["code"]) == (402, "card_declined")
    saved = await stripe.post(
        "/v1/setup_intents",
        {"customer": customer, "payment_method": "pm_card_chargeDeclined", "confirm": "true"} | BACK,
    )
    error = saved.json()["error"]
    assert (saved.status_code, error["setup_intent"]["status"]) == (402, "requires_payment_method")


async def test_a_card_may_be_saved_and_decline_later(stripe):
    customer, saved = await setup(stripe, "pm_card_chargeCustomerFail")
    assert (await off_session(stripe, customer, saved["payment_method"])).status_code == 402


async def test_a_detached_card_can_neither_pay_nor_come_back(stripe):
    await stripe.listen("payment_method.detached")
    customer, saved = await setup(stripe)
    path = f"/v1/payment_methods/{saved['payment_method']}"
    assert (await stripe.post(f"{path}/detach")).json()["customer"] is None
    assert (await off_session(stripe, customer, saved["payment_method"])).status_code == 400
    assert (await stripe.post(f"{path}/attach", {"customer": customer})).status_code == 400
    assert (await stripe.post(f"{path}/detach")).status_code == 400
    await stripe.inbox.until("payment_method.detached")
    assert stripe.inbox.events[0]["data"]["previous_attributes"] == {"customer": customer}


async def test_a_setup_that_is_not_wanted_any_more_is_canceled(stripe):
    _, waiting = await setup(stripe, "pm_card_threeDSecure2Required")
    path = f"/v1/setup_intents/{waiting['id']}"
    canceled = (await stripe.post(f"{path}/cancel", {"cancellation_reason": "abandoned"})).json()
    assert (canceled["status"], canceled["cancellation_reason"]) == ("canceled", "abandoned")
    refused = await stripe.post(f"{path}/confirm", BACK)
    assert refused.json()["error"]["code"] == "setup_intent_unexpected_state"


async def test_a_setup_can_be_changed_before_it_is_confirmed(stripe):
    made = (await stripe.post("/v1/setup_intents", {"automatic_payment_methods[allow_redirects]": "never"})).json()
    assert made["status"] == "requires_payment_method"
    path = f"/v1/setup_intents/{made['id']}"
    customer = await customer_of(stripe)
    changed = {"customer": customer, "payment_method": "pm_card_visa", "metadata[a]": "b", "description": "later"}
    assert (await stripe.post(path, changed)).json()["status"] == "requires_confirmation"
    done = (await stripe.post(f"{path}/confirm")).json()
    assert (done["status"], done["customer"], done["metadata"]) == ("succeeded", customer, {"a": "b"})
    assert (await stripe.post(path, {"customer": customer})).status_code == 400
    listed = (await stripe.get("/v1/setup_intents", {"customer": customer})).json()["data"]
    assert [one["id"] for one in listed] == [made["id"]]


@pytest.mark.parametrize("extra", [{"off_session": "true"}, {"payment_method_types[]": "card"}, {"usage": "once"}])
async def test_a_setup_takes_only_what_it_has(stripe, extra):
    assert (await stripe.post("/v1/setup_intents", extra)).status_code == 400


async def test_a_payment_method_is_made_of_a_token_and_changed_once_it_is_a_customers(stripe):
    data = {"type": "card", "card[token]": "tok_mastercard", "billing_details[address][postal_code]": "00100"}
    made = (await stripe.post("/v1/payment_methods", data)).json()
    assert (made["card"]["brand"], made["card"]["checks"]["address_postal_code_check"]) == ("mastercard", "pass")
    path = f"/v1/payment_methods/{made['id']}"
    assert (await stripe.post(path, {"allow_redisplay": "always"})).status_code == 400
    customer = await customer_of(stripe, payment_method=made["id"])
    await stripe.post(f"/v1/customers/{customer}", {"invoice_settings[default_payment_method]": made["id"]})
    changed = (await stripe.post(path, {"allow_redisplay": "always", "card[exp_month]": "7"})).json()
    assert (changed["allow_redisplay"], changed["card"]["exp_month"]) == ("always", 7)
    shown = (await stripe.get(f"/v1/customers/{customer}")).json()
    assert shown["invoice_settings"]["default_payment_method"] == made["id"]


@pytest.mark.parametrize(
    ("card", "status"), [({"number": "4242424242424242"}, 402), ({"token": "tok_nobodys"}, 400), ({}, 400)]
)
async def test_card_numbers_and_unknown_tokens_are_refused(stripe, card, status):
    data = {"type": "card"} | {f"card[{name}]": value for name, value in card.items()}
    assert (await stripe.post("/v1/payment_methods", data)).status_code == status


async def test_another_account_sees_neither_customer_nor_card(stripe):
    customer, saved = await setup(stripe)
    for path in (f"/v1/customers/{customer}", f"/v1/payment_methods/{saved['payment_method']}"):
        assert (await stripe.get(path, authorization="Bearer sk_test_merchantTwo")).status_code == 404


async def test_the_bank_behind_a_saved_card_may_change_its_mind(stripe):
    customer, saved = await setup(stripe)
    method = saved["payment_method"]
    issuer = f"/_sim/payment_methods/{method}/issuer"
    minds = {"pm_card_visa_chargeDeclinedInsufficientFunds": "26", "pm_card_visa_chargeDeclinedLostCard": None}
    for card, network in minds.items():
        mind = {"as": card} | ({"network_advice_code": network} if network else {})
        assert (await stripe.http.put(issuer, json=mind)).status_code == 200
        error = (await off_session(stripe, customer, method)).json()["error"]
        assert (error["advice_code"], error["network_advice_code"]) == (
            ("try_again_later", "26") if network else ("do_not_try_again", "03")
        )
    await stripe.http.put(issuer, json={"as": "pm_card_visa"})
    assert (await off_session(stripe, customer, method)).json()["status"] == "succeeded"
    assert (await stripe.http.put(issuer, json={"as": "pm_card_nobody"})).status_code == 422
    unknown = await stripe.http.put("/_sim/payment_methods/pm_1/issuer", json={"as": "pm_card_visa"})
    assert unknown.status_code == 404


async def test_a_network_replaces_a_saved_card_and_tells_what_it_was(stripe):
    await stripe.listen("payment_method.automatically_updated")
    customer, saved = await setup(stripe)
    network = f"/_sim/payment_methods/{saved['payment_method']}/network"
    changed = await stripe.http.post(network, json={"last4": "1881", "exp_year": 2040})
    assert (changed.json()["card"]["last4"], changed.json()["card"]["exp_year"]) == ("1881", 2040)
    assert (await stripe.http.post(network, json={"last4": "1881"})).status_code == 200, "nothing is told of no change"
    await stripe.inbox.until("payment_method.automatically_updated")
    [event] = [one for one in stripe.inbox.events if one["type"] == "payment_method.automatically_updated"]
    before = event["data"]["previous_attributes"]["card"]
    assert (before["last4"], before["exp_year"], "exp_month" in before) == ("4242", 2034, False)
    assert before["fingerprint"] != event["data"]["object"]["card"]["fingerprint"]
    assert (await off_session(stripe, customer, saved["payment_method"])).json()["status"] == "succeeded"
    for body, status in (({"exp_month": 13}, 422), ({"number": "4242"}, 422)):
        assert (await stripe.http.post(network, json=body)).status_code == status


async def test_a_card_is_detached_in_the_dashboard_for_good(stripe):
    await stripe.listen("payment_method.detached")
    customer, saved = await setup(stripe)
    path = f"/_sim/payment_methods/{saved['payment_method']}"
    assert (await stripe.http.post(f"{path}/detach")).json()["customer"] is None
    assert (await stripe.http.post(f"{path}/detach")).status_code == 400
    assert (await stripe.http.post(f"{path}/network", json={"exp_year": 2040})).status_code == 409
    assert (await stripe.http.post("/_sim/payment_methods/pm_1/detach")).status_code == 404
    await stripe.inbox.until("payment_method.detached")
    assert (await off_session(stripe, customer, saved["payment_method"])).status_code == 400
