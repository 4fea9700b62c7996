"""Disputes: by test card or by a person, answered with evidence, won and lost; and what issuers report early."""

import pytest

pytestmark = pytest.mark.asyncio


async def disputed(stripe, until, method="pm_card_createDispute"):
    """A payment and its first dispute, once there is one."""
    intent = await stripe.paid(method)

    async def there():
        return (await stripe.get("/v1/disputes", {"payment_intent": intent["id"]})).json()["data"]

    await until(there, "the dispute")
    return intent, (await there())[-1]


async def status_of(stripe, dispute):
    return (await stripe.get(f"/v1/disputes/{dispute['id']}")).json()["status"]


async def test_a_disputed_payment_loses_its_money_and_a_fee(stripe, until):
    await stripe.listen()
    intent, dispute = await disputed(stripe, until)
    assert (dispute["amount"], dispute["status"], dispute["reason"]) == (1000, "needs_response", "fraudulent")
    [taken] = dispute["balance_transactions"]
    assert (taken["amount"], taken["fee"], taken["net"]) == (-1000, 1500, -2500)
    assert (await stripe.book())["effects"][-1]["fee"] == 1500
    assert await stripe.effects() == [("charge", 1000), ("dispute", 1000)]
    charge = (await stripe.get(f"/v1/charges/{intent['latest_charge']}")).json()
    assert charge["disputed"] is True
    assert (await stripe.post("/v1/refunds", {"payment_intent": intent["id"]})).status_code == 400
    await stripe.inbox.until("charge.dispute.created", "charge.dispute.funds_withdrawn")


@pytest.mark.parametrize(
    ("text", "status", "more"),
    [("winning_evidence", "won", [("dispute_won", 1000)]), ("losing_evidence", "lost", [])],
)
async def test_evidence_that_decides_in_test_mode_decides_here(stripe, until, text, status, more):
    await stripe.listen("charge.dispute.updated", "charge.dispute.closed")
    _, dispute = await disputed(stripe, until)
    path = f"/v1/disputes/{dispute['id']}"
    draft = (await stripe.post(path, {"evidence[customer_name]": "A", "submit": "false"})).json()
    assert (draft["status"], draft["evidence_details"]["has_evidence"]) == ("needs_response", True)
    sent = (await stripe.post(path, {"evidence[uncategorized_text]": text})).json()
    assert (sent["status"], sent["evidence_details"]["submission_count"]) == ("under_review", 1)
    assert (await stripe.post(path, {"evidence[customer_name]": "B"})).status_code == 400

    async def decided():
        return await status_of(stripe, dispute) == status

    await until(decided, "the verdict")
    assert await stripe.effects() == [("charge", 1000), ("dispute", 1000), *more]
    await stripe.inbox.until("charge.dispute.updated", "charge.dispute.closed")


async def test_other_evidence_waits_for_a_person_who_plays_the_bank(stripe, until):
    _, dispute = await disputed(stripe, until)
    await stripe.post(f"/v1/disputes/{dispute['id']}", {"evidence[uncategorized_text]": "He signed for it."})
    assert dispute["id"] in (await stripe.http.get("/_sim/disputes")).text
    won = await stripe.http.post(f"/_sim/disputes/{dispute['id']}/won")
    assert won.json()["status"] == "won"
    assert dispute["id"] not in (await stripe.http.get("/_sim/disputes")).text


async def test_a_person_disputes_on_the_page(stripe):
    paid = await stripe.paid()
    page = (await stripe.http.get("/_sim/disputes")).text
    assert f'action="payment_intents/{paid["id"]}/disputes"' in page
    form = {"content-type": "application/x-www-form-urlencoded"}
    made = await stripe.http.post(f"/_sim/payment_intents/{paid['id']}/disputes?inquiry=true", headers=form)
    assert (made.status_code, made.json()["status"]) == (201, "warning_needs_response")
    path = f"/_sim/disputes/{made.json()['id']}/lost"
    in_a_browser = await stripe.http.post(path, headers=form | {"accept": "text/html,*/*"})
    assert (in_a_browser.status_code, in_a_browser.headers["location"]) == (303, "/_sim/disputes")
    assert await stripe.effects() == [("charge", 1000), ("dispute", 1000)]


async def test_an_inquiry_may_be_over_a_part(stripe):
    paid = await stripe.paid()
    path = f"/_sim/payment_intents/{paid['id']}/disputes?inquiry=true"
    made = (await stripe.http.post(path, json={"amount": 400})).json()
    assert (made["status"], made["amount"]) == ("warning_needs_response", 400)


async def test_a_merchant_who_closes_a_dispute_has_lost_it(stripe, until):
    _, dispute = await disputed(stripe, until)
    assert (await stripe.post(f"/v1/disputes/{dispute['id']}/close")).json()["status"] == "lost"
    assert (await stripe.post(f"/v1/disputes/{dispute['id']}/close")).status_code == 400


async def test_an_inquiry_takes_nothing_and_can_be_refunded(stripe, until):
    intent, inquiry = await disputed(stripe, until, "pm_card_createDisputeInquiry")
    assert (inquiry["status"], inquiry["is_charge_refundable"]) == ("warning_needs_response", True)
    assert inquiry["payment_method_details"]["card"]["case_type"] == "inquiry"
    assert await stripe.effects() == [("charge", 1000)]
    assert (await stripe.post("/v1/refunds", {"payment_intent": intent["id"]})).status_code == 200


async def test_an_inquiry_that_is_won_is_closed_and_one_that_escalates_takes_the_money(stripe, until):
    await stripe.listen("charge.dispute.funds_withdrawn")
    _, inquiry = await disputed(stripe, until, "pm_card_createDisputeInquiry")
    assert (await stripe.http.post(f"/_sim/disputes/{inquiry['id']}/won")).json()["status"] == "warning_closed"
    _, other = await disputed(stripe, until, "pm_card_createDisputeInquiry")
    await stripe.post(f"/v1/disputes/{other['id']}", {"evidence[uncategorized_text]": "escalate_inquiry_evidence"})
    await stripe.inbox.until("charge.dispute.funds_withdrawn")
    assert await status_of(stripe, other) == "needs_response"
    assert await stripe.effects() == [("charge", 1000), ("charge", 1000), ("dispute", 1000)]


async def test_a_charge_can_be_disputed_twice_but_never_for_more_than_it_took(stripe, until):
    intent, _ = await disputed(stripe, until, "pm_card_createMultipleDisputes")
    assert await stripe.effects() == [("charge", 1000), ("dispute", 500), ("dispute", 500)]
    more = await stripe.http.post(f"/_sim/payment_intents/{intent['id']}/disputes", json={"amount": 1})
    assert more.status_code == 400


async def test_a_bank_that_converts_currencies_may_take_more_than_was_paid(stripe):
    paid = await stripe.paid()
    body = {"amount": 1030, "at_most": 1100}
    taken = await stripe.http.post(f"/_sim/payment_intents/{paid['id']}/disputes", json=body)
    assert taken.json()["amount"] == 1030
    assert await stripe.effects() == [("charge", 1000), ("dispute", 1030)]


async def test_a_payment_that_was_refunded_is_not_disputed(stripe, until):
    await stripe.listen("refund.created", "charge.updated")
    intent = await stripe.paid("pm_card_createDispute", {"capture_method": "automatic"})
    await stripe.post("/v1/refunds", {"payment_intent": intent["id"]})
    await stripe.paid()
    await stripe.inbox.until("charge.updated")
    assert (await stripe.get("/v1/disputes")).json()["data"] == []


async def test_an_issuer_reports_fraud_before_anybody_disputes(stripe):
    await stripe.listen("radar.early_fraud_warning.created")
    intent = await stripe.paid("pm_card_createIssuerFraudRecord")
    await stripe.inbox.until("radar.early_fraud_warning.created")
    path = "/v1/radar/early_fraud_warnings"
    [warning] = (await stripe.get(path, {"payment_intent": intent["id"]})).json()["data"]
    assert (warning["charge"], warning["actionable"]) == (intent["latest_charge"], True)
    await stripe.http.post(f"/_sim/payment_intents/{intent['id']}/disputes", json={})
    assert (await stripe.get(f"{path}/{warning['id']}")).json()["actionable"] is False


async def test_a_person_reports_fraud(stripe):
    paid = await stripe.paid()
    body = {"fraud_type": "made_with_stolen_card"}
    made = await stripe.http.post(f"/_sim/payment_intents/{paid['id']}/early_fraud_warnings", json=body)
    assert (made.status_code, made.json()["fraud_type"]) == (201, "made_with_stolen_card")


async def test_evidence_has_names_and_a_length(stripe, until):
    _, dispute = await disputed(stripe, until)
    path = f"/v1/disputes/{dispute['id']}"
    assert (await stripe.post(path, {"evidence[alibi]": "x"})).json()["error"]["code"] == "parameter_unknown"
    assert (await stripe.post(path, {"evidence[uncategorized_text]": "x" * 20_001})).status_code == 400
