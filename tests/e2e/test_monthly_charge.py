"""Four months of a customer who pays by a saved card: charged alone, declined once, asked once, and in the end with another card."""

from datetime import timedelta

import pytest
from databases import execute
from monthly_charge import Bill, MonthlyCharge

from malipo import clock
from malipo_local import Stack
from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant, Json

AMOUNT = 1200
GOOD, POOR = "pm_card_visa", "pm_card_visa_chargeDeclinedInsufficientFunds"
ASKS, LOST = "pm_card_authenticationRequired", "pm_card_visa_chargeDeclinedLostCard"
AFTER_TWO_DAYS = "26"

_A_MONTH_PASSES = """
WITH older AS (UPDATE saved_charges SET accepted_at = accepted_at - interval '1 month' WHERE series = $1)
UPDATE series SET starts_at = starts_at - interval '1 month' WHERE id = $1
"""


@pytest.fixture(autouse=True)
def books_agree(merchant: DemoMerchant):
    """Whatever the story does, afterwards Malipo's book equals Stripe's."""
    yield
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []


def a_month_passes(stack: Stack, mandate: str) -> None:
    """All that the gateway knows of the mandate is a month older."""
    assert execute(stack, "gateway", _A_MONTH_PASSES, mandate) == "UPDATE 1"


def issuer_answers(merchant: DemoMerchant, like: str, network_advice_code: str | None = None) -> None:
    """From now on the bank of the customer's card answers as for this test card."""
    owner = (merchant.stripe_key, "")
    [customer] = merchant.stripe.get("/v1/customers", auth=owner).raise_for_status().json()["data"]
    [card, *_] = merchant.stripe.get(f"/v1/customers/{customer['id']}/payment_methods", auth=owner).json()["data"]
    mind = {"as": like} | ({"network_advice_code": network_advice_code} if network_advice_code else {})
    merchant.stripe.put(f"/_sim/payment_methods/{card['id']}/issuer", json=mind).raise_for_status()


def told(merchant: DemoMerchant, monthly: MonthlyCharge, bill: Bill, event_type: str) -> Json:
    """The webhook of the bill's payment, handed to the merchant's code as its endpoint does. By then the API shows it, too."""
    assert bill.payment_id is not None
    came = merchant.events(bill.payment_id, event_type)
    event: Json = next(one["body"] for one in came if one["type"] == event_type)
    monthly.take(bill, event, clock.now())
    payment: Json = event["data"]["payment"]
    merchant.wait(payment["id"], payment["status"])
    return payment


def used(merchant: DemoMerchant, mandate: str) -> int:
    return merchant.api.get(f"/v1/series/{mandate}").raise_for_status().json()["period"]["count"]


@pytest.fixture
def monthly(merchant: DemoMerchant) -> MonthlyCharge:
    """At the checkout the customer pays, has the card kept, and agrees to be charged each month."""
    kept = merchant.keep_card(amount=AMOUNT)
    monthly = MonthlyCharge(merchant.api, f"mandate-{kept['id']}", kept["customer_ref"], kept["id"], AMOUNT)
    monthly.agree(clock.now().date())
    return monthly


@pytest.mark.timeout(180)
def test_four_months_with_a_soft_decline_a_customer_who_is_asked_and_a_lost_card(stack, merchant, monthly):
    bill = Bill("2027-01", clock.now())
    monthly.run(bill, clock.now())
    monthly.run(bill, clock.now())  # the job runs twice
    assert told(merchant, monthly, bill, "payment.completed")["series"] == monthly.mandate
    assert (bill.state, used(merchant, monthly.mandate)) == ("paid", 1)

    a_month_passes(stack, monthly.mandate)
    is_declined_and_paid_two_days_later(merchant, monthly)

    a_month_passes(stack, monthly.mandate)
    is_paid_once_the_customer_was_asked(merchant, monthly)

    a_month_passes(stack, monthly.mandate)
    is_paid_by_another_card(merchant, monthly)


def is_declined_and_paid_two_days_later(merchant: DemoMerchant, monthly: MonthlyCharge) -> None:
    issuer_answers(merchant, POOR, AFTER_TWO_DAYS)
    bill = Bill("2027-02", clock.now())
    monthly.run(bill, clock.now())
    failed = told(merchant, monthly, bill, "payment.failed")
    assert (failed["failure"]["code"], failed["failure"]["retry"]["advice"]) == (
        "insufficient_funds",
        "try_again_later",
    )
    assert "may be charged again later" in merchant.explain(failed["id"])["next"]
    assert bill.state == "due"
    assert timedelta(days=1.9) < bill.try_at - clock.now() <= timedelta(days=2)
    monthly.run(bill, clock.now())
    assert bill.payment_id == failed["id"], "before its day nothing is charged"
    assert used(merchant, monthly.mandate) == 0, "what was declined counts no more"
    issuer_answers(merchant, GOOD)
    monthly.run(bill, bill.try_at)
    told(merchant, monthly, bill, "payment.completed")
    assert (bill.state, bill.tries, used(merchant, monthly.mandate)) == ("paid", 1, 1)


def is_paid_once_the_customer_was_asked(merchant: DemoMerchant, monthly: MonthlyCharge) -> None:
    issuer_answers(merchant, ASKS)
    bill = Bill("2027-03", clock.now())
    monthly.run(bill, clock.now())
    waiting = told(merchant, monthly, bill, "payment.requires_action")
    assert (bill.state, bill.page) == ("customer asked", waiting["action"]["url"])
    a_second_charge_is_refused(merchant, monthly)
    merchant.authenticate(waiting["id"], "approve")
    told(merchant, monthly, bill, "payment.completed")
    assert bill.state == "paid"
    issuer_answers(merchant, GOOD)


def a_second_charge_is_refused(merchant: DemoMerchant, monthly: MonthlyCharge) -> None:
    """Another run of the merchant's that has lost its bills: the month's charge waits for the customer, and counts."""
    lost = Bill("2027-03 again", clock.now())
    monthly.run(lost, clock.now())
    assert (lost.state, lost.payment_id) == ("due", None)
    assert timedelta(hours=23) < lost.try_at - clock.now() <= timedelta(days=1)


def is_paid_by_another_card(merchant: DemoMerchant, monthly: MonthlyCharge) -> None:
    issuer_answers(merchant, LOST)
    bill = Bill("2027-04", clock.now())
    monthly.run(bill, clock.now())
    failed = told(merchant, monthly, bill, "payment.failed")
    retry = failed["failure"]["retry"]
    assert (retry["advice"], retry["network_decline_code"]) == ("do_not_try_again", "41")
    assert "Do not charge this method again" in merchant.explain(failed["id"])["next"]
    assert bill.state == "another card wanted"
    stubborn = Bill("2027-04 once more", clock.now())
    monthly.run(stubborn, clock.now())
    assert (stubborn.state, stubborn.payment_id) == ("another card wanted", None), "its card is not charged again"
    other = merchant.keep_card("pm_card_mastercard", monthly.customer, amount=100)
    monthly.use(other["id"], bill, clock.now())
    monthly.run(bill, clock.now())
    assert told(merchant, monthly, bill, "payment.completed")["payment_method"] == other["id"]
    assert (bill.state, used(merchant, monthly.mandate)) == ("paid", 1)


def test_a_lost_cards_charge_can_be_insisted_upon(merchant, monthly):
    issuer_answers(merchant, LOST)
    failed = merchant.wait(merchant.pay_again(monthly.card)["id"], "failed")
    method = {"type": "saved", "id": monthly.card, "initiator": "merchant"}
    body = {"amount": AMOUNT, "currency": "USD", "method": method}
    refused = merchant.post("/v1/payments", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_method_declined")
    assert failed["id"] in refused.json()["detail"]
    issuer_answers(merchant, GOOD)
    insisted = merchant.post("/v1/payments", body | {"method": method | {"despite_decline": True}})
    merchant.wait(insisted.raise_for_status().json()["id"], "completed")
    merchant.wait(merchant.pay_again(monthly.card)["id"], "completed")


def test_of_many_that_are_asked_at_once_the_series_takes_one(merchant, monthly):
    method = {"type": "saved", "id": monthly.card, "initiator": "merchant", "series": monthly.mandate}
    body = {"amount": AMOUNT, "currency": "USD", "method": method}
    answers = [merchant.post("/v1/payments", body, Prefer="respond-async") for _ in range(5)]
    accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]
    merchant.wait(accepted[0], "completed")
    assert used(merchant, monthly.mandate) == 1
