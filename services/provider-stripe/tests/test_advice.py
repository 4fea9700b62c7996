"""What a decline says of charging the same card again: Stripe's word, the network's time, and nothing where nothing is said."""

import json

import pytest
import stripe_samples as samples

from malipo.contracts.outcomes import Declined
from malipo.contracts.retry import RetryAdvice
from provider_stripe.mapping import outcome_of_response
from provider_stripe.objects import StripeResponse
from testkit.operations import capture, charge

DAY = 86_400


def said(body: dict, operation=None) -> RetryAdvice | None:
    outcome = outcome_of_response(operation or charge(), StripeResponse(402, json.dumps(body).encode()))
    assert isinstance(outcome, Declined)
    return outcome.retry


@pytest.mark.parametrize(
    ("told", "means"),
    [
        ({"advice_code": "try_again_later"}, RetryAdvice(advice="try_again_later")),
        ({"advice_code": "confirm_card_data"}, RetryAdvice(advice="check_details")),
        ({"advice_code": "do_not_try_again"}, RetryAdvice(advice="do_not_try_again")),
        ({"decline_code": "authentication_required"}, RetryAdvice(advice="ask_customer")),
        ({}, None),
        ({"advice_code": "a word of tomorrow"}, None),
        ({"advice_code": None, "network_decline_code": "05"}, RetryAdvice(network_decline_code="05")),
        (
            {"network_advice_code": "25"},
            RetryAdvice(advice="try_again_later", after_seconds=DAY, network_advice_code="25"),
        ),
        (
            {"advice_code": "try_again_later", "network_advice_code": "30"},
            RetryAdvice(advice="try_again_later", after_seconds=10 * DAY, network_advice_code="30"),
        ),
        (
            {"advice_code": "do_not_try_again", "network_advice_code": "24"},
            RetryAdvice(advice="do_not_try_again", network_advice_code="24"),
        ),
        ({"network_decline_code": "\u0000", "network_advice_code": "x" * 200}, None),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_decline_means(told, means):
    assert said(samples.error("card_error", "card_declined", **told)) == means


def test_the_intent_inside_the_error_says_it_too():
    assert said(samples.card_error()) == samples.LATER


def test_what_is_no_decline_of_a_card_says_nothing():
    assert said(samples.error("invalid_request_error", "amount_too_large"), capture()) is None
