"""The monthly charge that merchants copy, against a stand-in of the API: it comes to an end whatever its process or a webhook loses."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from monthly_charge import Bill, MonthlyCharge

from malipo import clock

NOW = clock.now()
LATER = NOW + timedelta(days=3)
FAILURE = {"code": "insufficient_funds", "retry": {"advice": "try_again_later"}}


class Api:
    """Accepts each payment once by its key, and answers a repeat with the payment as it is."""

    def __init__(self) -> None:
        self.by_key: dict[str, dict[str, Any]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=self.payments[int(request.url.path[-1])])
        new = {"id": f"pay_{len(self.by_key)}", "status": "processing", "failure": None}
        return httpx.Response(202, json=self.by_key.setdefault(request.headers["Idempotency-Key"], new))

    @property
    def payments(self) -> list[dict[str, Any]]:
        return list(self.by_key.values())


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def monthly(api: Api) -> MonthlyCharge:
    client = httpx.Client(transport=httpx.MockTransport(api), base_url="https://malipo.test")
    return MonthlyCharge(client, "mandate-7", "customer-7", "pm_1", 1200)


def test_a_job_that_died_before_it_wrote_the_payment_down_finds_how_that_stands(api, monthly):
    monthly.run(Bill("2027-01", NOW), NOW)
    api.payments[0]["status"] = "completed"  # its webhook found no bill
    bill = Bill("2027-01", NOW)
    monthly.run(bill, NOW)
    assert (bill.state, bill.payment_id, len(api.payments)) == ("paid", "pay_0", 1)


def test_a_webhook_that_never_came_leaves_no_bill_under_way(api, monthly):
    bill = Bill("2027-01", NOW)
    monthly.run(bill, NOW)
    monthly.run(bill, NOW)
    assert (bill.state, len(api.payments)) == ("under way", 1)
    api.payments[0]["status"] = "completed"
    monthly.run(bill, NOW)
    assert (bill.state, len(api.payments)) == ("paid", 1)


def test_a_decline_that_is_told_twice_is_one_try(api, monthly):
    bill = Bill("2027-01", NOW)
    monthly.run(bill, NOW)
    for _ in range(2):
        monthly.take(bill, {"data": {"payment": {"id": "pay_0", "status": "failed", "failure": FAILURE}}}, NOW)
    assert (bill.state, bill.tries) == ("due", 1)


def test_a_card_that_is_used_once_more_is_charged_once_more(api, monthly):
    bill = Bill("2027-01", NOW)
    monthly.run(bill, NOW)
    api.payments[0] |= {"status": "failed", "failure": {"code": "lost_card", "retry": {"advice": "do_not_try_again"}}}
    monthly.run(bill, NOW)
    assert bill.state == "another card wanted"
    monthly.use("pm_1", bill, LATER)  # the customer has had it unlocked
    monthly.run(bill, LATER)
    assert (bill.state, bill.payment_id, len(api.payments)) == ("under way", "pay_1", 2)


def test_money_of_a_charge_that_had_failed_pays_its_bill(api, monthly):
    bill = Bill("2027-01", NOW)
    monthly.run(bill, NOW)
    for status in ("failed", "completed"):
        monthly.take(bill, {"data": {"payment": {"id": "pay_0", "status": status, "failure": FAILURE}}}, NOW)
    monthly.run(bill, LATER)
    assert (bill.state, len(api.payments)) == ("paid", 1)
