"""What can be changed of what is there, and that events say what it was before."""

import pytest

pytestmark = pytest.mark.asyncio


async def told(stripe, kind):
    await stripe.inbox.until(kind)
    return next(one for one in stripe.inbox.events if one["type"] == kind)["data"].get("previous_attributes")


async def test_a_capture_says_what_the_charge_was(stripe):
    await stripe.listen("charge.captured", "charge.refunded", "payment_intent.succeeded")
    held = await stripe.paid(extra={"capture_method": "manual"})
    await stripe.post(f"/v1/payment_intents/{held['id']}/capture")
    await stripe.post("/v1/refunds", {"payment_intent": held["id"]})
    before = await told(stripe, "charge.captured")
    assert (before["captured"], before["amount_captured"], before["balance_transaction"]) == (False, 0, None)
    assert await told(stripe, "charge.refunded") == {"amount_refunded": 0, "refunded": False}
    assert await told(stripe, "payment_intent.succeeded") is None


async def test_a_refund_has_its_metadata_changed_and_is_never_canceled(stripe):
    await stripe.listen("refund.updated")
    paid = await stripe.paid()
    refund = (await stripe.post("/v1/refunds", {"payment_intent": paid["id"]})).json()
    changed = (await stripe.post(f"/v1/refunds/{refund['id']}", {"metadata[why]": "late"})).json()
    assert changed["metadata"] == {"why": "late"}
    assert await told(stripe, "refund.updated") == {"metadata": {"why": None}}
    assert (await stripe.post(f"/v1/refunds/{refund['id']}/cancel")).status_code == 400


async def test_charges_are_listed_by_payment_and_customer_and_can_be_annotated(stripe):
    customer = (await stripe.post("/v1/customers")).json()["id"]
    mine, other = await stripe.paid(extra={"customer": customer}), await stripe.paid()
    for wanted in ({"payment_intent": mine["id"]}, {"customer": customer}):
        assert [one["id"] for one in (await stripe.get("/v1/charges", wanted)).json()["data"]] == [
            mine["latest_charge"]
        ]
    assert len((await stripe.get("/v1/charges")).json()["data"]) == 2
    data = {"metadata[a]": "b", "description": "shoes", "fraud_details[user_report]": "fraudulent"}
    changed = (await stripe.post(f"/v1/charges/{other['latest_charge']}", data)).json()
    assert (changed["metadata"], changed["fraud_details"]) == ({"a": "b"}, {"user_report": "fraudulent"})
    assert (await stripe.get(f"/v1/payment_intents/{other['id']}")).json()["metadata"] == {}


async def test_an_endpoint_moves_chooses_other_events_and_is_switched_off(stripe, until):
    made = await stripe.listen("payment_intent.created")
    path = f"/v1/webhook_endpoints/{made['id']}"
    data = {"url": "http://elsewhere.test/hook", "enabled_events[]": "payment_intent.succeeded"}
    changed = (await stripe.post(path, data)).json()
    assert (changed["url"], changed["status"]) == ("http://elsewhere.test/hook", "enabled")
    await stripe.paid()
    await stripe.inbox.until("payment_intent.succeeded")
    assert [request.url.host for request in stripe.inbox.requests] == ["elsewhere.test"]
    assert (await stripe.post(path, {"disabled": "true"})).json()["status"] == "disabled"
    await stripe.paid()
    assert (await stripe.post(path, {"disabled": "false"})).json()["status"] == "enabled"
    await stripe.paid()
    await until(lambda: len(stripe.inbox.events) == 2, "the second event")


@pytest.mark.parametrize("name", ["unicorn.seen", "charge.*", "payment_intent"])
async def test_an_endpoint_asks_only_for_events_that_there_are(stripe, name):
    data = {"url": "http://receiver.test", "enabled_events[]": ["charge.succeeded", name]}
    refused = await stripe.post("/v1/webhook_endpoints", data)
    error = refused.json()["error"]
    assert (refused.status_code, error["param"]) == (400, "enabled_events[1]")
    made = await stripe.listen()
    assert (await stripe.post(f"/v1/webhook_endpoints/{made['id']}", data)).status_code == 400


async def test_types_of_payment_methods_can_be_excluded_as_long_as_cards_are_left(stripe):
    shown = await stripe.paid(extra={"excluded_payment_method_types[]": "klarna"})
    assert shown["excluded_payment_method_types"] == ["klarna"]
    both = {"excluded_payment_method_types[]": "klarna", "allowed_payment_method_types[]": "card"}
    assert (await stripe.pay(extra=both)).status_code == 400
    assert (await stripe.pay(extra={"allowed_payment_method_types[]": "klarna"})).status_code == 400


async def test_a_statement_shows_the_prefix_and_the_suffix_of_a_card_payment_cut_off_at_22(stripe):
    plain = await stripe.paid()
    assert await on_the_statement(stripe, plain) == "MALIPO SIMULATOR"
    paid = await stripe.paid(extra={"statement_descriptor_suffix": "Tea"})
    assert paid["statement_descriptor_suffix"] == "Tea"
    assert await on_the_statement(stripe, paid) == "MALIPO* Tea"
    long = await stripe.paid(extra={"statement_descriptor_suffix": "Order №7 of the corner"})
    assert await on_the_statement(stripe, long) == "MALIPO* Order 7 of the"


async def test_a_capture_may_say_what_the_statement_shows(stripe):
    held = await stripe.paid(extra={"capture_method": "manual", "statement_descriptor_suffix": "Tea"})
    await stripe.post(f"/v1/payment_intents/{held['id']}/capture", {"statement_descriptor_suffix": "Cake"})
    assert await on_the_statement(stripe, held) == "MALIPO* Cake"


@pytest.mark.parametrize(
    "wrong",
    [
        {"statement_descriptor": "Corner shop"},
        {"statement_descriptor_suffix": "x" * 23},
        {"statement_descriptor_suffix": "1234"},
        {"statement_descriptor_suffix": ""},
        *({"statement_descriptor_suffix": f"Tea{one}"} for one in "<>\\'\"*"),
    ],
)
async def test_what_no_statement_of_a_card_shows_is_refused_at_creation_update_and_capture(stripe, wrong):
    held = await stripe.paid(extra={"capture_method": "manual"})
    open_one = (await stripe.post("/v1/payment_intents", {"amount": "701", "currency": "usd"})).json()
    for path, form in (
        ("/v1/payment_intents", {"amount": "701", "currency": "usd"}),
        (f"/v1/payment_intents/{open_one['id']}", {}),
        (f"/v1/payment_intents/{held['id']}/capture", {}),
    ):
        refused = await stripe.post(path, form | wrong)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, *wrong)


async def on_the_statement(stripe, intent):
    charge = await stripe.get(f"/v1/charges/{intent['latest_charge']}")
    return charge.json()["calculated_statement_descriptor"]
