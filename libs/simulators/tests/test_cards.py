"""Every test card gives the result Stripe documents for it."""

import pytest

pytestmark = pytest.mark.asyncio

DECLINES = {
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": ("card_declined", "card_velocity_exceeded"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", None),
    "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", None),
    "pm_card_chargeDeclinedFraudulent": ("card_declined", "fraudulent"),
    "pm_card_radarBlock": ("card_declined", "fraudulent"),
    "pm_card_chargeCustomerFail": ("card_declined", "generic_decline"),
}
CHALLENGED = [
    "pm_card_authenticationRequiredOnSetup",
    "pm_card_authenticationRequired",
    "pm_card_authenticationRequiredSetupForOffSession",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
    "pm_card_threeDSecure2Required",
]


@pytest.mark.parametrize(("method", "reason"), DECLINES.items())
async def test_a_declining_card_answers_402_and_leaves_an_intent_behind(stripe, method, reason):
    response = await stripe.pay(method)
    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (402, "card_error")
    assert (error["code"], error.get("decline_code")) == reason
    assert error["payment_intent"]["status"] == "requires_payment_method"
    kept = (await stripe.get(f"/v1/payment_intents/{error['payment_intent']['id']}")).json()
    assert kept["last_payment_error"]["code"] == reason[0]
    assert kept["latest_charge"] == error["charge"]
    assert await stripe.effects() == []


@pytest.mark.parametrize("method", CHALLENGED)
async def test_a_card_that_needs_3ds_sends_the_customer_to_a_page(stripe, method):
    intent = await stripe.paid(method, {"return_url": "https://shop.example/back"})
    assert intent["status"] == "requires_action"
    action = intent["next_action"]
    assert action["type"] == "redirect_to_url"
    assert action["redirect_to_url"]["return_url"] == "https://shop.example/back"
    assert (await stripe.http.get(action["redirect_to_url"]["url"])).status_code == 200
    assert await stripe.effects() == []


async def test_off_session_no_customer_can_authenticate(stripe):
    response = await stripe.pay("pm_card_authenticationRequired", {"off_session": "true"})
    assert (response.status_code, response.json()["error"]["code"]) == (402, "authentication_required")
    intent = response.json()["error"]["payment_intent"]
    again = await stripe.post(
        f"/v1/payment_intents/{intent['id']}/confirm",
        {"payment_method": "pm_card_authenticationRequired", "return_url": "https://shop.example/back"},
    )
    assert again.json()["status"] == "requires_action"


async def test_a_card_set_up_for_it_pays_off_session(stripe):
    intent = await stripe.paid("pm_card_authenticationRequiredSetupForOffSession", {"off_session": "true"})
    assert intent["status"] == "succeeded"


async def test_error_on_requires_action_turns_a_challenge_into_a_decline(stripe):
    response = await stripe.pay("pm_card_threeDSecure2Required", {"error_on_requires_action": "true"})
    assert (response.status_code, response.json()["error"]["code"]) == (402, "authentication_required")


async def test_a_declined_intent_can_be_confirmed_with_another_card(stripe):
    declined = (await stripe.pay("pm_card_visa_chargeDeclined")).json()["error"]["payment_intent"]
    path = f"/v1/payment_intents/{declined['id']}/confirm"
    confirmed = (await stripe.post(path, {"payment_method": "pm_card_visa"})).json()
    assert (confirmed["status"], confirmed["last_payment_error"]) == ("succeeded", None)


async def test_an_unknown_payment_method_leaves_nothing_behind(stripe):
    response = await stripe.pay("pm_card_fromAnotherPlanet")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "resource_missing")
    assert (await stripe.get("/v1/payment_intents")).json()["data"] == []


async def test_a_payment_method_that_paid_without_a_customer_cannot_be_used_again(stripe):
    first = await stripe.paid()
    assert first["payment_method"] != "pm_card_visa"
    refused = await stripe.pay(first["payment_method"])
    error = refused.json()["error"]
    assert (refused.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["message"].startswith("The provided PaymentMethod was previously used with a PaymentIntent without")
    assert [intent["id"] for intent in (await stripe.get("/v1/payment_intents")).json()["data"]] == [first["id"]]
    customer = (await stripe.post("/v1/customers")).json()
    attached = await stripe.post(f"/v1/payment_methods/{first['payment_method']}/attach", {"customer": customer["id"]})
    assert attached.json()["error"]["message"].endswith("and may not be used again.")


async def test_a_payment_method_that_was_declined_may_try_again(stripe):
    method = (await stripe.post("/v1/payment_methods", {"type": "card", "card[token]": "tok_chargeDeclined"})).json()
    assert (await stripe.pay(method["id"])).status_code == 402
    assert (await stripe.pay(method["id"])).status_code == 402
