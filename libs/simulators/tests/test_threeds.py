"""The 3DS page: what the customer decides is what happens."""

from urllib.parse import parse_qs, urlsplit

import pytest

pytestmark = pytest.mark.asyncio

RETURN_URL = "https://shop.example/back?order=7"


async def challenged(stripe, method="pm_card_threeDSecure2Required", **extra):
    return await stripe.paid(method, {"return_url": RETURN_URL} | extra)


async def decide(stripe, intent, decision, **headers):
    return await stripe.http.post(f"/_sim/3ds/{intent['id']}/{decision}", headers=headers)


async def test_approving_completes_the_payment_and_leads_back_to_the_merchant(stripe):
    intent = await challenged(stripe)
    decided = (await decide(stripe, intent, "approve")).json()
    assert decided["status"] == "succeeded"
    assert parse_qs(urlsplit(decided["redirect_to"]).query) == {
        "order": ["7"],
        "payment_intent": [intent["id"]],
        "payment_intent_client_secret": [intent["client_secret"]],
        "redirect_status": ["succeeded"],
    }
    assert await stripe.effects() == [("charge", 1000)]


async def test_a_browser_is_redirected(stripe):
    intent = await challenged(stripe)
    response = await decide(stripe, intent, "approve", accept="text/html,*/*")
    assert response.status_code == 303
    assert response.headers["location"].startswith(RETURN_URL)


async def test_refusing_fails_the_payment(stripe):
    intent = await challenged(stripe)
    decided = (await decide(stripe, intent, "refuse")).json()
    assert decided["status"] == "requires_payment_method"
    assert "redirect_status=failed" in decided["redirect_to"]
    kept = (await stripe.get(f"/v1/payment_intents/{intent['id']}")).json()
    assert kept["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert await stripe.effects() == []


async def test_approving_a_manual_capture_only_authorizes(stripe):
    intent = await challenged(stripe, capture_method="manual")
    assert (await decide(stripe, intent, "approve")).json()["status"] == "requires_capture"
    assert await stripe.effects() == [("authorize", 1000)]


async def test_a_card_may_decline_after_authentication(stripe):
    intent = await challenged(stripe, "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")
    assert (await decide(stripe, intent, "approve")).json()["status"] == "requires_payment_method"
    kept = (await stripe.get(f"/v1/payment_intents/{intent['id']}")).json()
    assert kept["last_payment_error"]["decline_code"] == "insufficient_funds"


async def test_a_decision_is_made_once(stripe):
    intent = await challenged(stripe)
    await decide(stripe, intent, "approve")
    assert (await decide(stripe, intent, "refuse")).status_code == 409
    assert await stripe.effects() == [("charge", 1000)]


async def test_the_book_shows_the_key_of_the_request_that_made_the_payment(stripe):
    intent = await stripe.paid("pm_card_threeDSecure2Required", {"return_url": RETURN_URL}, idempotency_key="k-3ds")
    await decide(stripe, intent, "approve")
    assert [line["idempotency_key"] for line in (await stripe.book())["effects"]] == ["k-3ds"]


async def test_without_a_return_url_the_browser_code_of_stripe_takes_over(stripe):
    intent = await stripe.paid("pm_card_threeDSecure2Required")
    assert intent["next_action"]["type"] == "use_stripe_sdk"


async def test_an_unknown_payment_has_no_page(stripe):
    assert (await stripe.http.get("/_sim/3ds/pi_nobody")).status_code == 404


async def test_an_action_may_have_no_page_although_there_is_a_return_url(stripe):
    extra = {"return_url": "https://shop.example/back"}
    intent = await stripe.paid("pm_card_threeDSecure2Required", extra, x_sim_fault="action_without_page")
    assert (intent["status"], intent["next_action"]["type"]) == ("requires_action", "use_stripe_sdk")
