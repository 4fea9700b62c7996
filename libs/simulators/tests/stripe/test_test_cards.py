"""The test cards: each with its brand, country, checks, risk, and its decline in its own words."""

import pytest

from malipo_simulators.stripe.objects.card_table import TEST_CARDS

pytestmark = pytest.mark.asyncio

# Code, decline code, message, advice, network's code.
DECLINES = {
    "pm_card_chargeDeclined": ("card_declined", "generic_decline", "Your card was declined.", "try_again_later", "01"),
    "pm_card_chargeDeclinedInsufficientFunds": (
        "card_declined",
        "insufficient_funds",
        "Your card has insufficient funds.",
        "try_again_later",
        "51",
    ),
    "pm_card_chargeDeclinedLostCard": (
        "card_declined",
        "lost_card",
        "Your card was declined.",
        "do_not_try_again",
        "41",
    ),
    "pm_card_chargeDeclinedStolenCard": (
        "card_declined",
        "stolen_card",
        "Your card was declined.",
        "do_not_try_again",
        "43",
    ),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", None, "Your card has expired.", "confirm_card_data", "54"),
    "pm_card_chargeDeclinedIncorrectCvc": (
        "incorrect_cvc",
        None,
        "Your card's security code is incorrect.",
        "confirm_card_data",
        "N7",
    ),
    "pm_card_chargeDeclinedProcessingError": (
        "processing_error",
        None,
        "An error occurred while processing your card. Try again in a little bit.",
        "try_again_later",
        "96",
    ),
    "pm_card_radarBlock": ("card_declined", "fraudulent", "Your card was declined.", "do_not_try_again", None),
}
TOLD = ("code", "decline_code", "message", "advice_code", "network_decline_code")


@pytest.mark.parametrize(("method", "told"), DECLINES.items())
async def test_a_decline_says_the_same_in_the_error_the_intent_and_the_charge(stripe, method, told):
    error = (await stripe.pay(method)).json()["error"]
    assert tuple(error.get(name) for name in TOLD) == told
    last = error["payment_intent"]["last_payment_error"]
    assert tuple(last.get(name) for name in TOLD) == told
    charge = (await stripe.get(f"/v1/charges/{error['charge']}")).json()
    assert (charge["failure_code"], charge["failure_message"]) == (told[0], told[2])
    assert (charge["outcome"]["advice_code"], charge["outcome"]["network_decline_code"]) == told[3:]


@pytest.mark.parametrize("method", sorted(TEST_CARDS))
async def test_every_test_id_can_be_used_and_is_the_card_that_it_says(stripe, method):
    response = await stripe.pay(method, {"return_url": "https://shop.example/back"})
    body = response.json()
    assert response.status_code in (200, 402)
    intent = body if response.status_code == 200 else body["error"]["payment_intent"]
    held = intent["payment_method"] or intent["last_payment_error"]["payment_method"]["id"]
    card = (await stripe.get(f"/v1/payment_methods/{held}")).json()["card"]
    expected = TEST_CARDS[method]
    assert (card["brand"], card["country"], card["funding"], card["last4"]) == (
        expected.brand,
        expected.country,
        expected.funding,
        expected.last4,
    )


@pytest.mark.parametrize(
    ("method", "risk", "checks"),
    [
        ("pm_card_riskLevelElevated", "elevated", ("pass", None, None)),
        ("pm_card_cvcCheckFail", "normal", ("fail", None, None)),
        ("pm_card_avsFail", "normal", ("pass", "fail", "fail")),
        ("pm_card_avsUnchecked", "normal", ("pass", "unavailable", "unavailable")),
    ],
)
async def test_risks_and_failed_checks_are_shown_and_do_not_stop_a_payment(stripe, method, risk, checks):
    charge = (await stripe.paid(method, {"expand[]": "latest_charge"}))["latest_charge"]
    shown = charge["payment_method_details"]["card"]["checks"]
    assert (charge["outcome"]["risk_level"], charge["paid"]) == (risk, True)
    assert tuple(shown[name] for name in ("cvc_check", "address_line1_check", "address_postal_code_check")) == checks


async def test_what_radar_blocks_never_reaches_the_network(stripe):
    error = (await stripe.pay("pm_card_riskLevelHighest")).json()["error"]
    outcome = (await stripe.get(f"/v1/charges/{error['charge']}")).json()["outcome"]
    assert (outcome["type"], outcome["network_status"], outcome["risk_level"]) == (
        "blocked",
        "not_sent_to_network",
        "highest",
    )


@pytest.mark.parametrize("method", ["pm_card_threeDSecureOptional", "pm_card_amex_threeDSecureNotSupported"])
async def test_a_card_that_need_not_authenticate_is_charged_at_once(stripe, method):
    assert (await stripe.paid(method))["status"] == "succeeded"


async def test_a_charge_shows_what_was_authorized_and_until_when(stripe):
    held = await stripe.paid(extra={"capture_method": "manual", "expand[]": "latest_charge"})
    card = held["latest_charge"]["payment_method_details"]["card"]
    assert (card["amount_authorized"], card["network"], card["three_d_secure"]) == (1000, "visa", None)
    assert card["capture_before"] == held["latest_charge"]["created"] + 7 * 86_400


async def test_a_charge_shows_that_the_customer_was_authenticated(stripe):
    intent = await stripe.paid("pm_card_threeDSecure2Required", {"return_url": "https://shop.example"})
    await stripe.http.post(f"/_sim/3ds/{intent['id']}/approve")
    shown = await stripe.get(f"/v1/payment_intents/{intent['id']}", {"expand[]": "latest_charge"})
    secured = shown.json()["latest_charge"]["payment_method_details"]["card"]["three_d_secure"]
    assert (secured["result"], secured["authentication_flow"]) == ("authenticated", "challenge")
