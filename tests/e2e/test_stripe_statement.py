"""Stories of Stripe's webhooks that are lost, and of what has moved the account's balance: a day that balances, with its fees.

On a stack of their own: in it what Stripe shows of each account is read every two seconds, which other stories have no need of.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import pytest
from operating import run_command

from malipo_local import Stack
from malipo_local.demo import books
from malipo_local.faults import fault, strikes
from malipo_local.merchant import DemoMerchant, Json
from malipo_local.services import Kind, names
from malipo_local.waiting import until

SECONDS = 60
_ONLY = {"gateway", "orchestrator", "provider-stripe", "webhook-dispatcher", "merchant-sim"} | set(
    names(Kind.SIMULATOR)
)
_OFTEN = {"provider-stripe": {"STRIPE_STATEMENT_SECONDS": "2"}, "stripe-sim": {"SETTLES_IN": "usd"}}
_OTHERS = ("payout",)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Generator[DemoMerchant]:
    """The merchant of all of this file's stories. Whatever they do, afterwards Malipo's book equals Stripe's."""
    home = tmp_path_factory.mktemp("stripe")
    with (
        Stack(home=home, only=_ONLY, settings=_OFTEN, keep=False, forked=True) as stack,
        DemoMerchant.open(stack, running=run_command) as opened,
    ):
        yield opened
        assert books.differences(opened) == []
        assert books.double_charges(opened) == []


@contextmanager
def dropping(shop: DemoMerchant, **rule: object) -> Iterator[Callable[[], int]]:
    """Stripe's webhooks are lost; yields how to ask how many were."""
    with fault(shop.stripe, "webhook_drop", **rule) as rule_id:
        yield partial(strikes, shop.stripe, rule_id)


def at_stripe(shop: DemoMerchant, payment: Json, what: str, **fields: object) -> Json:
    """What is done there without Malipo: `refunds` in the dashboard, `disputes` at the customer's bank."""
    path = f"/_sim/payment_intents/{payment['provider_reference']}/{what}"
    return shop.stripe.post(path, json=fields).raise_for_status().json()


def approved(shop: DemoMerchant, amount: int) -> Json:
    """A payment whose customer has approved it at the bank's page."""
    payment = shop.pay("pm_card_threeDSecure2Required", amount=amount, return_url="https://shop.example/back")
    payment = shop.wait(payment["id"], "requires_action")
    shop.stripe.post(f"/_sim/3ds/{payment['provider_reference']}/approve", json={}).raise_for_status()
    return payment


def balance(shop: DemoMerchant) -> list[Json]:
    """All balance transactions of the account, as Stripe shows them to the account's owner."""
    found: list[Json] = []
    query: dict[str, str] = {"limit": "100", "expand[]": "data.source"}
    while True:
        answer = shop.stripe.get("/v1/balance_transactions", params=query, auth=(shop.stripe_key, ""))
        page = answer.raise_for_status().json()
        found += page["data"]
        if not page["has_more"]:
            return found
        query["starting_after"] = found[-1]["id"]


def days(shop: DemoMerchant, since: datetime) -> list[Json]:
    """The reports of the day, or of two if midnight was in between."""
    asked = sorted({f"{at:%Y-%m-%d}" for at in (since, datetime.now(UTC))})  # noqa: TID251 - the reports' own days
    return [shop.api.get("/v1/reports/daily", params={"day": day}).raise_for_status().json() for day in asked]


def reported(shop: DemoMerchant, since: datetime) -> Counter[str]:
    """The sums of these reports, by group and name."""
    sums = Counter[str]()
    for account in (account for day in days(shop, since) for account in day["accounts"]):
        for group in ("matched", "suspense", "others", "total"):
            sums.update({f"{group} {name}": number for name, number in account[group].items()})
    return sums


def test_a_refund_in_the_dashboard_of_which_no_webhook_tells_is_found_in_the_events(shop):
    paid = shop.wait(shop.pay()["id"], "completed")
    with dropping(shop):
        at_stripe(shop, paid, "refunds", amount=250)
        assert until(lambda: shop.payment(paid["id"])["amount_refunded"] == 250, SECONDS)
    assert until(lambda: "reconciliation" in {one["kind"] for one in shop.timeline(paid["id"])}, SECONDS)


def test_a_payment_shows_what_stripe_has_kept_of_it(shop):
    paid = shop.wait(shop.pay(amount=10_000)["id"], "completed")
    assert until(lambda: "settled" in shop.payment(paid["id"]), SECONDS)
    assert shop.payment(paid["id"])["settled"] == [{"currency": "USD", "amount": 10_000, "fee": 320, "net": 9_680}]
    refund = shop.post(f"/v1/payments/{paid['id']}/refunds", {"amount": 4_000}).raise_for_status().json()
    shop.wait_refund(refund["id"])

    def moved() -> list[tuple[str, str | None, int]]:
        shown = shop.api.get(f"/v1/payments/{paid['id']}/movements").raise_for_status().json()["movements"]
        return [(one["kind"], one["operation_id"], one["net"]) for one in shown]

    assert until(lambda: moved() == [("charge", None, 9_680), ("refund", refund["id"], -4_000)], SECONDS), moved()


def test_what_is_paid_in_another_currency_shows_what_came_of_it_and_the_rate(shop):
    paid = shop.wait(shop.pay(amount=10_000, currency="EUR")["id"], "completed")
    assert until(lambda: "settled" in shop.payment(paid["id"]), SECONDS)
    assert shop.payment(paid["id"])["settled"] == [{"currency": "USD", "amount": 10_850, "fee": 347, "net": 10_503}]
    (moved,) = shop.api.get(f"/v1/payments/{paid['id']}/movements").raise_for_status().json()["movements"]
    assert float(moved["exchange_rate"]) == 1.085


@pytest.mark.timeout(300)
def test_a_day_of_which_one_webhook_in_twenty_is_lost_balances_with_its_fees(shop):
    since = datetime.now(UTC)  # noqa: TID251 - the reports' own days
    earlier = len(balance(shop))
    with dropping(shop, probability=0.05) as dropped:
        began = time.monotonic()
        payments = [KINDS[number % len(KINDS)](shop, 20_000 + number) for number in range(80)]
        for payment in payments:
            shop.wait(payment["id"], "completed", "failed", seconds=SECONDS)
        assert until(lambda: books.differences(shop) == [], SECONDS), books.differences(shop)
        seconds = time.monotonic() - began
        lost = dropped()
    outside = made_elsewhere(shop)

    def at_stripe_itself() -> dict[str, int]:
        shown = balance(shop)
        return {
            "total count": len(shown),
            "total net": sum(one["net"] for one in shown),
            "total fee": sum(one["fee"] for one in shown),
            "suspense count": 1,
            "suspense amount": outside["amount"],
            "others count": sum(one["reporting_category"] in _OTHERS for one in shown),
        }

    def sums() -> dict[str, int]:
        return {name: reported(shop, since)[name] for name in at_stripe_itself()}

    # What was made elsewhere is captured a little later, and has no balance transaction before.
    assert until(lambda: sums() == at_stripe_itself(), SECONDS), (sums(), at_stripe_itself())
    shown = balance(shop)
    for day in days(shop, since):
        assert (day["differing"], day["awaiting"]) == ([], 0)
    nets = Counter[str]()
    for one in shown:
        nets[one["source"].get("payment_intent") or ""] += one["net"]
    for payment in payments:
        found = shop.payment(payment["id"])
        assert sum(one["net"] for one in found.get("settled", ())) == nets[found["provider_reference"]]
    assert lost, "no webhook was dropped"
    figures = {
        "webhooks lost": lost,
        "payments": len(payments),
        "movements": len(shown) - earlier,
        "seconds": round(seconds, 1),
    }
    print("\na day of Stripe's:", json.dumps(figures | dict(sums())))  # noqa: T201


def made_elsewhere(shop: DemoMerchant) -> Json:
    """Another system of the merchant's charges a card with the same account."""
    form = {"amount": "777", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
    form |= {"metadata[other_system]": "till"}
    form |= {"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never"}
    answer = shop.stripe.post("/v1/payment_intents", data=form, auth=(shop.stripe_key, ""))
    return answer.raise_for_status().json()


type Kind = Callable[[DemoMerchant, int], Json]
"""A customer of a day: pays this amount, or does not; returns the payment."""


def paying(shop: DemoMerchant, amount: int) -> Json:
    return shop.pay(amount=amount)


def declined(shop: DemoMerchant, amount: int) -> Json:
    return shop.pay("pm_card_chargeDeclined", amount=amount)


def shipping(shop: DemoMerchant, amount: int) -> Json:
    payment = shop.wait(shop.pay(amount=amount, capture="manual")["id"], "authorized")
    shop.post(f"/v1/payments/{payment['id']}/capture", {"amount": 15_000}).raise_for_status()
    return payment


def refunding(shop: DemoMerchant, amount: int) -> Json:
    payment = shop.wait(shop.pay(amount=amount)["id"], "completed")
    shop.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 5_000}).raise_for_status()
    return payment


def refunding_there(shop: DemoMerchant, amount: int) -> Json:
    payment = shop.wait(shop.pay(amount=amount)["id"], "completed")
    at_stripe(shop, payment, "refunds", amount=1_000)
    return payment


def disputed(shop: DemoMerchant, amount: int) -> Json:
    payment = shop.wait(shop.pay(amount=amount)["id"], "completed")
    at_stripe(shop, payment, "disputes")
    return payment


def abroad(shop: DemoMerchant, amount: int) -> Json:
    return shop.pay(amount=amount, currency="EUR")


KINDS: tuple[Kind, ...] = (paying, declined, approved, shipping, refunding, refunding_there, disputed, abroad)
