"""The official SDK: payments, their charges and refunds, lists, declines, test cards, webhook endpoints."""

import pytest
import stripe as sdk
from sdk_account import BACK

pytest_plugins = ["sdk_account"]


def test_search_pages_come_to_an_end(account):
    made = [account.pay(metadata={"batch": "a"}).id for _ in range(7)]
    page = account.v1.payment_intents.search({"query": "metadata['batch']:'a'", "limit": 3})
    assert [one.id for one in page.auto_paging_iter()] == made[::-1]


@pytest.mark.parametrize(
    "name",
    [
        "payment_intents",
        "charges",
        "refunds",
        "events",
        "customers",
        "balance_transactions",
        "payment_methods",
        "setup_intents",
    ],
)
def test_lists_are_read_to_their_end(account, name):
    for _ in range(5):
        account.v1.refunds.create({"payment_intent": account.pay(capture_method="automatic").id})
        account.v1.customers.create({"name": "A"})
        account.v1.setup_intents.create({})
    read = list(getattr(account.v1, name).list({"limit": 2}).auto_paging_iter())
    ids = [one.id for one in read]
    assert len(ids) >= 5
    assert len(ids) == len(set(ids))


def test_capture_is_asynchronous_by_default(account):
    intent = account.pay(expand=["latest_charge"])
    assert (intent.capture_method, intent.latest_charge.balance_transaction) == ("automatic_async", None)
    charge = account.until(
        lambda: (one := account.v1.charges.retrieve(intent.latest_charge.id)).balance_transaction and one
    )
    [event] = account.events("charge.updated")
    assert event.data.previous_attributes.to_dict() == {"balance_transaction": None}
    assert event.data.object.balance_transaction == charge.balance_transaction


def test_a_payment_method_is_used_once_without_a_customer(account):
    method = account.pay().payment_method
    with pytest.raises(sdk.InvalidRequestError, match="may not be used again"):
        account.pay(method)


def test_unknown_event_types_are_refused(account):
    params = {"url": "https://shop.example/hook", "enabled_events": ["charge.succeeded", "unicorn.seen"]}
    with pytest.raises(sdk.InvalidRequestError, match="must be one of") as error:
        account.v1.webhook_endpoints.create(params)
    assert error.value.param == "enabled_events[1]"


def test_an_endpoint_is_updated(account):
    made = account.v1.webhook_endpoints.create({"url": "https://shop.example/a", "enabled_events": ["*"]})
    params = {"url": "https://shop.example/b", "enabled_events": ["charge.failed"], "disabled": True}
    changed = account.v1.webhook_endpoints.update(made.id, params)
    assert (changed.url, changed.enabled_events, changed.status) == (params["url"], ["charge.failed"], "disabled")


DECLINES = {
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline", "try_again_later"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds", "try_again_later"),
    "pm_card_visa_chargeDeclinedLostCard": ("card_declined", "lost_card", "do_not_try_again"),
    "pm_card_visa_chargeDeclinedStolenCard": ("card_declined", "stolen_card", "do_not_try_again"),
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded": ("card_declined", "card_velocity_exceeded", "try_again_later"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", None, "confirm_card_data"),
    "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", None, "confirm_card_data"),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", None, "try_again_later"),
    "pm_card_chargeDeclinedFraudulent": ("card_declined", "fraudulent", "do_not_try_again"),
    "pm_card_radarBlock": ("card_declined", "fraudulent", "do_not_try_again"),
}


@pytest.mark.parametrize(("method", "told"), DECLINES.items())
def test_a_decline_tells_why_and_what_to_do(account, method, told):
    refused = account.refused(method)
    error = refused.error
    assert (error.code, getattr(error, "decline_code", None), error.advice_code) == told
    assert refused.headers["stripe-should-retry"] == "false"
    outcome = account.v1.charges.retrieve(error.charge).outcome
    assert outcome.advice_code == told[2]
    assert outcome.type == ("blocked" if told[1] == "fraudulent" else "issuer_declined")


def test_every_network_decline_has_the_networks_code(account):
    codes = {account.refused(name).error.network_decline_code for name in list(DECLINES)[:8]}
    assert len(codes) == 8


def test_a_replay_names_its_original_request(account):
    params = {"amount": 1000, "currency": "usd"}
    first = account.v1.payment_intents.create(params, {"idempotency_key": "k"})
    again = account.v1.payment_intents.create(params, {"idempotency_key": "k"})
    headers = again.last_response.headers
    assert headers["original-request"] == first.last_response.headers["request-id"]
    assert (headers["idempotent-replayed"], headers["stripe-should-retry"]) == ("true", "false")


@pytest.mark.parametrize(
    ("method", "brand", "country", "funding"),
    [
        ("pm_card_visa", "visa", "US", "credit"),
        ("pm_card_mastercard_prepaid", "mastercard", "US", "prepaid"),
        ("pm_card_discover", "discover", "US", "credit"),
        ("pm_card_diners", "diners", "US", "credit"),
        ("pm_card_jcb", "jcb", "US", "credit"),
        ("pm_card_unionpay", "unionpay", "US", "credit"),
        ("pm_card_amex", "amex", "US", "credit"),
        ("pm_card_de", "visa", "DE", "credit"),
        ("pm_card_br", "visa", "BR", "credit"),
        ("pm_card_jp", "visa", "JP", "credit"),
        ("pm_card_gb_debit", "visa", "GB", "debit"),
    ],
)
def test_a_test_card_is_of_its_brand_and_country(account, method, brand, country, funding):
    card = account.pay(method, expand=["payment_method"]).payment_method.card
    assert (card.brand, card.display_brand, card.country, card.funding) == (brand, brand, country, funding)
    assert card.networks.available == [brand]


@pytest.mark.parametrize(
    ("method", "level", "checks"),
    [
        ("pm_card_riskLevelElevated", "elevated", ("pass", None, None)),
        ("pm_card_cvcCheckFail", "normal", ("fail", None, None)),
        ("pm_card_avsFail", "normal", ("pass", "fail", "fail")),
        ("pm_card_avsZipFail", "normal", ("pass", None, "fail")),
        ("pm_card_avsLine1Fail", "normal", ("pass", "fail", None)),
        ("pm_card_avsUnchecked", "normal", ("pass", "unavailable", "unavailable")),
        ("pm_card_threeDSecureOptional", "normal", ("pass", None, None)),
    ],
)
def test_risks_and_checks_are_shown_on_the_charge(account, method, level, checks):
    charge = account.pay(method, expand=["latest_charge"]).latest_charge
    shown = charge.payment_method_details.card.checks
    assert charge.outcome.risk_level == level
    assert (shown.cvc_check, shown.address_line1_check, shown.address_postal_code_check) == checks


def test_the_highest_risk_is_blocked(account):
    charge = account.v1.charges.retrieve(account.refused("pm_card_riskLevelHighest").error.charge)
    assert (charge.outcome.risk_level, charge.outcome.type, charge.outcome.network_status) == (
        "highest",
        "blocked",
        "not_sent_to_network",
    )


def test_an_authorization_tells_until_when_it_can_be_captured(account):
    intent = account.pay(capture_method="manual", expand=["latest_charge"])
    card = intent.latest_charge.payment_method_details.card
    assert (card.amount_authorized, card.network, card.three_d_secure) == (1000, "visa", None)
    assert card.capture_before == intent.latest_charge.created + 7 * 86_400
    account.v1.payment_intents.capture(intent.id, {"amount_to_capture": 400})
    [event] = account.events("charge.captured")
    assert event.data.previous_attributes.amount_captured == 0


def test_excluded_types_are_shown_and_cards_cannot_be_excluded(account):
    intent = account.v1.payment_intents.create(
        {"amount": 1000, "currency": "usd", "excluded_payment_method_types": ["klarna"]}
    )
    assert intent.excluded_payment_method_types == ["klarna"]
    with pytest.raises(sdk.InvalidRequestError, match="No valid payment method types"):
        account.v1.payment_intents.create(
            {"amount": 1000, "currency": "usd", "excluded_payment_method_types": ["card"]}
        )


def test_an_intent_is_updated_and_then_confirmed(account):
    intent = account.v1.payment_intents.create({"amount": 1000, "currency": "usd"})
    account.v1.payment_intents.update(intent.id, {"amount": 1200, "metadata": {"order": "7"}})
    done = account.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa", "return_url": BACK})
    assert (done.amount_received, done.metadata.order) == (1200, "7")


def test_refunds_are_updated_and_no_cards_refund_is_canceled(account):
    refund = account.v1.refunds.create({"payment_intent": account.pay().id})
    assert account.v1.refunds.update(refund.id, {"metadata": {"why": "late"}}).metadata.why == "late"
    [event] = account.events("refund.updated")
    assert event.data.previous_attributes.to_dict() == {"metadata": {"why": None}}
    with pytest.raises(sdk.InvalidRequestError, match="requires_action"):
        account.v1.refunds.cancel(refund.id)


def test_charges_are_listed_and_annotated(account):
    mine, _ = account.pay(), account.pay()
    [charge] = account.v1.charges.list({"payment_intent": mine.id}).data
    changed = account.v1.charges.update(charge.id, {"metadata": {"a": "b"}, "fraud_details": {"user_report": "safe"}})
    assert (changed.metadata.a, changed.fraud_details.user_report) == ("b", "safe")
