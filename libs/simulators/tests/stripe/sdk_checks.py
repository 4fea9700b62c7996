"""Stripe's official Python SDK against the simulator. Not among the tests that always run, as the SDK is no dependency:

uv run --with stripe==16.1.0 pytest libs/simulators/tests/stripe/sdk_checks.py
"""

import json
import re
import subprocess
import sys
import time
import urllib.request

import pytest
import stripe as sdk

NO_REDIRECTS = {"enabled": True, "allow_redirects": "never"}
BACK = "https://shop.example/back"


@pytest.fixture(scope="session")
def url():
    command = [sys.executable, "-m", "malipo_simulators", "stripe", "--port", "0", "--seed", "sdk"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield re.search(r"http://\S+", process.stdout.readline())[0]
        process.terminate()


class Account:
    """An account of its own for each check: `v1` is the SDK's."""

    def __init__(self, url, name):
        self.url = url
        self.key = f"sk_test_{name}"
        self.v1 = sdk.StripeClient(self.key, base_addresses={"api": url}).v1

    def pay(self, method="pm_card_visa", **more):
        params = {"amount": 1000, "currency": "usd", "payment_method": method, "confirm": True}
        return self.v1.payment_intents.create(params | {"automatic_payment_methods": NO_REDIRECTS} | more)

    def control(self, path, body=None):
        request = urllib.request.Request(f"{self.url}/_sim/{path}", json.dumps(body or {}).encode())
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def refused(self, method, **more):
        with pytest.raises(sdk.CardError) as error:
            self.pay(method, **more)
        return error.value

    def events(self, kind):
        return self.v1.events.list({"type": kind}).data

    def until(self, read):
        deadline = time.monotonic() + 10
        while not (found := read()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return found


@pytest.fixture
def account(url, request):
    return Account(url, re.sub(r"\W", "", request.node.name)[-200:])


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


def test_money_that_bypasses_pending_is_available_at_once(account):
    account.pay("pm_card_bypassPending", capture_method="automatic")
    balance = account.v1.balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (941, 0)


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


def test_a_customer_is_made_changed_found_and_deleted(account):
    made = account.v1.customers.create({"email": "a@shop.example", "name": "A", "metadata": {"ref": "7"}})
    account.v1.customers.update(made.id, {"name": "B", "address": {"city": "Nairobi"}})
    [found] = account.v1.customers.list({"email": "a@shop.example"}).data
    assert (found.name, found.address.city, found.metadata.ref) == ("B", "Nairobi", "7")
    [event] = account.events("customer.updated")
    assert event.data.previous_attributes.to_dict() == {"address": None, "name": "A"}
    assert account.v1.customers.delete(made.id).deleted is True
    assert account.v1.customers.retrieve(made.id).deleted is True
    assert account.v1.customers.list({}).data == []


def saved(account, method="pm_card_visa", **more):
    """A customer, and what became of a SetupIntent for him."""
    customer = account.v1.customers.create({}).id
    params = {"customer": customer, "payment_method": method, "confirm": True, "return_url": BACK}
    return customer, account.v1.setup_intents.create(params | more)


def test_a_card_saved_without_a_payment_is_charged_twice_off_session(account):
    customer, setup = saved(account)
    assert setup.status == "succeeded"
    [method] = account.v1.customers.payment_methods.list(customer).data
    assert method.id == setup.payment_method
    for _ in range(2):
        assert account.pay(method.id, customer=customer, off_session=True).status == "succeeded"


def test_a_card_saved_while_paying_belongs_to_the_customer(account):
    customer = account.v1.customers.create({}).id
    paid = account.pay(customer=customer, setup_future_usage="off_session", expand=["payment_method"])
    assert paid.payment_method.customer == customer
    assert account.events("payment_method.attached")[0].data.object.id == paid.payment_method.id
    with pytest.raises(sdk.InvalidRequestError, match="belongs to the Customer"):
        account.pay(paid.payment_method.id)


def test_a_setup_with_3ds_waits_for_the_customer(account):
    customer, setup = saved(account, "pm_card_authenticationRequiredOnSetup")
    assert (setup.status, setup.next_action.type) == ("requires_action", "redirect_to_url")
    back = account.control(f"3ds/{setup.id}/approve")
    assert f"setup_intent={setup.id}" in back["redirect_to"]
    done = account.v1.setup_intents.retrieve(setup.id, {"expand": ["latest_attempt"]})
    assert done.latest_attempt.payment_method_details.card.three_d_secure.result == "authenticated"
    assert account.pay(done.payment_method, customer=customer, off_session=True).status == "succeeded"


def test_a_setup_whose_3ds_fails_says_so(account):
    _, setup = saved(account, "pm_card_threeDSecure2Required")
    account.control(f"3ds/{setup.id}/refuse")
    failed = account.v1.setup_intents.retrieve(setup.id)
    assert failed.last_setup_error.code == "setup_intent_authentication_failure"
    assert account.events("setup_intent.setup_failed")


def test_a_declining_card_cannot_be_saved(account):
    customer = account.v1.customers.create({}).id
    with pytest.raises(sdk.CardError) as error:
        account.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer})
    assert error.value.code == "card_declined"
    attached = account.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    assert account.refused(attached.id, customer=customer, off_session=True).error.decline_code == "generic_decline"


def test_off_session_may_need_the_customer_who_then_completes_it(account):
    customer, setup = saved(account, "pm_card_authenticationRequired")
    account.control(f"3ds/{setup.id}/approve")
    method = account.v1.setup_intents.retrieve(setup.id).payment_method
    error = account.refused(method, customer=customer, off_session=True).error
    assert (error.code, error.payment_intent.status) == ("authentication_required", "requires_payment_method")
    again = account.v1.payment_intents.confirm(error.payment_intent.id, {"payment_method": method, "return_url": BACK})
    assert again.status == "requires_action"
    account.control(f"3ds/{again.id}/approve")
    charge = account.v1.payment_intents.retrieve(again.id, {"expand": ["latest_charge"]}).latest_charge
    assert charge.payment_method_details.card.three_d_secure.authentication_flow == "challenge"


def test_a_detached_card_is_gone_for_good(account):
    customer, setup = saved(account)
    account.v1.payment_methods.detach(setup.payment_method)
    [event] = account.events("payment_method.detached")
    assert event.data.previous_attributes.to_dict() == {"customer": customer}
    with pytest.raises(sdk.InvalidRequestError, match="may not be used again"):
        account.v1.payment_methods.attach(setup.payment_method, {"customer": customer})
    with pytest.raises(sdk.InvalidRequestError, match="may not be used again"):
        account.pay(setup.payment_method, customer=customer)


def test_a_payment_method_is_made_of_a_token_and_updated(account):
    made = account.v1.payment_methods.create(
        {"type": "card", "card": {"token": "tok_visa"}, "allow_redisplay": "always", "billing_details": {"name": "A"}}
    )
    assert (made.allow_redisplay, made.billing_details.name) == ("always", "A")
    customer = account.v1.customers.create({"payment_method": made.id}).id
    changed = account.v1.payment_methods.update(made.id, {"card": {"exp_year": 2040}})
    assert (changed.customer, changed.card.exp_year) == (customer, 2040)
    with pytest.raises(sdk.CardError, match="generally unsafe"):
        account.v1.payment_methods.create({"type": "card", "card": {"number": "4242424242424242"}})


def disputed(account, method="pm_card_createDispute"):
    intent = account.pay(method)
    return intent, account.until(lambda: account.v1.disputes.list({"payment_intent": intent.id}).data)


def test_a_test_card_disputes_and_the_money_goes_with_a_fee(account):
    intent, [dispute] = disputed(account)
    assert (dispute.status, dispute.reason, dispute.is_charge_refundable) == ("needs_response", "fraudulent", False)
    [taken] = dispute.balance_transactions
    assert (taken.amount, taken.fee, taken.net, taken.reporting_category) == (-1000, 1500, -2500, "dispute")
    with pytest.raises(sdk.InvalidRequestError) as error:
        account.v1.refunds.create({"payment_intent": intent.id})
    assert error.value.code == "charge_disputed"
    assert account.events("charge.dispute.funds_withdrawn")


@pytest.mark.parametrize(("text", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_evidence_decides_a_dispute(account, text, status):
    _, [dispute] = disputed(account, "pm_card_createDisputeProductNotReceived")
    draft = account.v1.disputes.update(dispute.id, {"evidence": {"customer_name": "A"}, "submit": False})
    assert (draft.status, draft.evidence_details.submission_count) == ("needs_response", 0)
    sent = account.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}})
    assert (sent.status, sent.evidence_details.has_evidence) == ("under_review", True)
    closed = account.until(lambda: (one := account.v1.disputes.retrieve(dispute.id)).status == status and one)
    assert len(closed.balance_transactions) == (2 if status == "won" else 1)
    assert bool(account.events("charge.dispute.funds_reinstated")) == (status == "won")
    [event] = account.events("charge.dispute.closed")
    assert event.data.previous_attributes.status == "under_review"


def test_a_merchant_gives_in(account):
    _, [dispute] = disputed(account)
    assert account.v1.disputes.close(dispute.id).status == "lost"
    with pytest.raises(sdk.InvalidRequestError, match="already closed"):
        account.v1.disputes.close(dispute.id)


def test_an_inquiry_takes_nothing_until_it_escalates(account):
    _, [inquiry] = disputed(account, "pm_card_createDisputeInquiry")
    assert (inquiry.status, inquiry.balance_transactions, inquiry.is_charge_refundable) == (
        "warning_needs_response",
        [],
        True,
    )
    account.v1.disputes.update(inquiry.id, {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}})
    account.until(lambda: account.v1.disputes.retrieve(inquiry.id).status == "needs_response")
    assert account.events("charge.dispute.funds_withdrawn")


def test_a_charge_is_disputed_twice(account):
    _, disputes = disputed(account, "pm_card_createMultipleDisputes")
    assert [one.amount for one in disputes] == [500, 500]


def test_an_issuer_warns_early(account):
    intent = account.pay("pm_card_createIssuerFraudRecord")
    [warning] = account.until(lambda: account.v1.radar.early_fraud_warnings.list({"payment_intent": intent.id}).data)
    assert (warning.actionable, warning.charge) == (True, intent.latest_charge)
    account.v1.refunds.create({"payment_intent": intent.id})
    assert account.v1.radar.early_fraud_warnings.retrieve(warning.id).actionable is False


def test_the_balance_is_the_sum_of_its_movements(account):
    intent = account.pay(capture_method="automatic")
    account.v1.refunds.create({"payment_intent": intent.id, "amount": 300})
    moved = account.v1.balance_transactions.list({}).data
    assert [(one.type, one.amount, one.fee, one.net) for one in moved] == [
        ("refund", -300, 0, -300),
        ("charge", 1000, 59, 941),
    ]
    balance = account.v1.balance.retrieve()
    assert balance.available[0].amount + balance.pending[0].amount == sum(one.net for one in moved)
    [one] = account.v1.balance_transactions.list({"source": intent.latest_charge, "expand": ["data.source"]}).data
    assert one.source.payment_intent == intent.id


def test_a_payout_carries_what_is_available(account):
    for _ in range(2):
        account.pay("pm_card_bypassPending", capture_method="automatic")
    payout = account.control("payouts", {"api_key": account.key})
    carried = account.v1.balance_transactions.list({"payout": payout["id"]}).data
    assert payout["amount"] == sum(one.net for one in carried) == 2 * 941
    account.control(f"payouts/{payout['id']}/paid")
    assert account.v1.payouts.retrieve(payout["id"]).status == "paid"
    assert account.events("payout.paid")


def test_a_payout_is_asked_for_and_canceled(account):
    account.pay("pm_card_bypassPending", capture_method="automatic")
    payout = account.v1.payouts.create({"amount": 500, "currency": "usd", "metadata": {"a": "b"}})
    assert account.v1.payouts.cancel(payout.id).status == "canceled"
    assert account.v1.balance.retrieve().available[0].amount == 941
    with pytest.raises(sdk.InvalidRequestError) as error:
        account.v1.payouts.create({"amount": 5000, "currency": "usd"})
    assert error.value.code == "balance_insufficient"
