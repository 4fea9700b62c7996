"""Stories of saved cards that are given up, by the merchant or at Stripe itself, and of those that their network replaces."""

import pytest

from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until

BACK = "https://shop.example/thanks"
ASKS = "pm_card_authenticationRequired"


@pytest.fixture(autouse=True)
def books_agree(merchant: DemoMerchant):
    """Whatever a story does, afterwards Malipo's book equals Stripe's."""
    yield
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []


def at_stripe(merchant, path: str = "", **params) -> dict:
    """What Stripe shows to the merchant."""
    return merchant.stripe.get(f"/v1/{path}", auth=(merchant.stripe_key, ""), params=params).raise_for_status().json()


def held(merchant) -> dict:
    """The card that was kept last, as Stripe has it."""
    return at_stripe(merchant, "payment_methods", limit=1)["data"][0]


def method(merchant, kept: dict) -> dict:
    return merchant.api.get(f"/v1/payment-methods/{kept['id']}").raise_for_status().json()


def detach(merchant, kept: dict, key: str | None = None, prefer: str = "wait=10"):
    return merchant.post(f"/v1/payment-methods/{kept['id']}/detach", key=key, Prefer=prefer)


def told(merchant, kept: dict, event_type: str) -> list[dict]:
    """What the events of this type say about the payment that has kept the card, the oldest first, once one has come."""
    merchant.events(kept["payment_id"], event_type)
    listed = merchant.api.get("/v1/events", params={"type": event_type, "limit": 100}).raise_for_status().json()["data"]
    return [one["data"] for one in reversed(listed) if one["data"]["payment_id"] == kept["payment_id"]]


def is_refused(merchant, kept: dict) -> bool:
    named = {"type": "saved", "id": kept["id"], "initiator": "merchant"}
    answer = merchant.post("/v1/payments", {"amount": 700, "currency": "USD", "method": named})
    return (answer.status_code, answer.json().get("code")) == (409, "payment_method_detached")


def stands_at_stripe(merchant, payment_id: str) -> str:
    """How Stripe has the payment."""
    intent = at_stripe(merchant, f"payment_intents/{merchant.payment(payment_id)['provider_reference']}")
    return "completed" if intent["status"] == "succeeded" else "failed"


def test_a_card_that_is_detached_is_nobodys_at_stripe_and_is_charged_no_more(merchant):
    kept = merchant.keep_card()
    done = detach(merchant, kept, "once").raise_for_status()
    assert (done.status_code, done.json()["status"]) == (200, "detached")
    assert held(merchant)["customer"] is None
    assert is_refused(merchant, kept)
    received = merchant.events(kept["payment_id"], "payment_method.detached")
    assert [one["type"] for one in received] == [
        "payment.completed",
        "payment_method.saved",
        "payment_method.detached",
    ]
    [event] = told(merchant, kept, "payment_method.detached")
    assert (event["payment_method"]["status"], event["detach"]["opened_by"]) == ("detached", "merchant")
    for key in ("once", None):
        again = detach(merchant, kept, key)
        assert (again.status_code, again.json()["detached_at"]) == (200, done.json()["detached_at"])


def test_stripes_own_event_of_our_detach_has_the_card_looked_at_and_tells_nothing_twice(merchant):
    kept = merchant.keep_card()
    before = looks(merchant, kept)
    detach(merchant, kept).raise_for_status()
    merchant.events(kept["payment_id"], "payment_method.detached")
    assert until(lambda: looks(merchant, kept) > before, 20)
    received = [one["type"] for one in merchant.received(kept["payment_id"])]
    assert received.count("payment_method.detached") == 1


def looks(merchant, kept: dict) -> int:
    """How often Stripe was asked about the payment that has kept the card."""
    return sum(one["kind"] == "query" for one in merchant.timeline(kept["payment_id"]))


def test_what_stripe_calls_a_detached_card_is_shown_nowhere(merchant):
    kept = merchant.keep_card()
    name = held(merchant)["id"]
    detach(merchant, kept).raise_for_status()
    merchant.events(kept["payment_id"], "payment_method.detached")
    paths = [f"/v1/payments/{kept['payment_id']}{end}" for end in ("", "/timeline", "/explain")]
    shown = "".join(merchant.api.get(path).text for path in (*paths, "/v1/payment-methods", "/v1/events?limit=100"))
    assert "/detach" in shown
    assert name not in shown


def test_a_detach_whose_answer_is_lost_is_asked_about_and_told(merchant):
    kept = merchant.keep_card()
    merchant.stripe_fault("answer_lost", match={"path": "/v1/payment_methods/*/detach"}, times=1)
    assert detach(merchant, kept, prefer="respond-async").status_code == 202
    assert is_refused(merchant, kept)
    merchant.events(kept["payment_id"], "payment_method.detached")
    assert held(merchant)["customer"] is None


def test_while_stripe_takes_no_requests_the_card_is_detaching_and_charged_no_more(merchant):
    kept = merchant.keep_card()
    merchant.stripe_fault("rate_limited", match={"path": "/v1/payment_methods/*/detach"}, times=3)
    waiting = detach(merchant, kept, prefer="respond-async")
    assert (waiting.status_code, waiting.json()["status"]) == (202, "detaching")
    assert is_refused(merchant, kept)
    merchant.events(kept["payment_id"], "payment_method.detached", seconds=60)
    assert method(merchant, kept)["status"] == "detached"


def test_a_card_that_is_detached_in_stripes_dashboard_is_told_and_charged_no_more(merchant):
    kept = merchant.keep_card()
    merchant.stripe.post(f"/_sim/payment_methods/{held(merchant)['id']}/detach").raise_for_status()
    [event] = told(merchant, kept, "payment_method.detached")
    assert event["detach"]["opened_by"] == "provider"
    assert until(lambda: is_refused(merchant, kept), 10)
    assert detach(merchant, kept).json()["status"] == "detached"


def test_a_customer_who_is_deleted_at_stripe_takes_the_cards_along(merchant):
    kept = merchant.keep_card()
    customer = held(merchant)["customer"]
    merchant.stripe.delete(f"/v1/customers/{customer}", auth=(merchant.stripe_key, "")).raise_for_status()
    merchant.events(kept["payment_id"], "payment_method.detached")
    assert until(lambda: is_refused(merchant, kept), 10)


def test_a_charge_that_waits_for_its_customer_when_the_card_is_detached_ends_as_stripe_says(merchant):
    kept = merchant.keep_card(ASKS)
    payment = merchant.pay_again(kept["id"], return_url=BACK)
    merchant.wait(payment["id"], "requires_action")
    detach(merchant, kept).raise_for_status()
    merchant.authenticate(payment["id"], "approve")
    ended = merchant.wait(payment["id"], "completed", "failed")
    assert ended["status"] == stands_at_stripe(merchant, payment["id"])


def test_a_card_that_its_network_replaces_is_told_shown_and_charged(merchant):
    kept = merchant.keep_card()
    network = f"/_sim/payment_methods/{held(merchant)['id']}/network"
    merchant.stripe.post(network, json={"last4": "1881", "exp_year": 2040}).raise_for_status()
    [event] = told(merchant, kept, "payment_method.updated")
    card, changed = event["payment_method"]["card"], event["payment_method"]["changed"]
    assert (card["last_four"], card["exp_year"]) == ("1881", 2040)
    assert (changed["last_four"], changed["exp_year"], changed["exp_month"]) == ("4242", 2034, None)
    assert until(lambda: method(merchant, kept)["card"]["last_four"] == "1881", 10)
    assert card["fingerprint"] != kept["card"]["fingerprint"]
    payment = merchant.pay_again(kept["id"])
    merchant.wait(payment["id"], "completed")


def test_events_that_overtake_each_other_or_come_twice_leave_the_card_as_it_is(merchant):
    kept = merchant.keep_card()
    merchant.stripe_fault(
        "webhook_late", match={"event_type": "payment_method.automatically_updated"}, times=1, delay_seconds=2
    )
    merchant.stripe_fault("webhook_duplicate", match={"event_type": "payment_method.automatically_updated"}, times=5)
    name = held(merchant)["id"]
    for year in (2040, 2041, 2042):
        merchant.stripe.post(f"/_sim/payment_methods/{name}/network", json={"exp_year": year}).raise_for_status()
    assert until(lambda: method(merchant, kept)["card"]["exp_year"] == 2042, 20)
    years = [one["payment_method"]["card"]["exp_year"] for one in told(merchant, kept, "payment_method.updated")]
    assert years == sorted(set(years))


def test_an_expired_card_says_so_and_is_refused_until_its_network_tells_of_a_new_one(merchant):
    kept = merchant.keep_card()
    network = f"/_sim/payment_methods/{held(merchant)['id']}/network"
    merchant.stripe.post(network, json={"exp_year": 2020}).raise_for_status()
    assert until(lambda: method(merchant, kept)["card"]["expired"], 20)
    named = {"type": "saved", "id": kept["id"], "initiator": "merchant"}
    refused = merchant.post("/v1/payments", {"amount": 700, "currency": "USD", "method": named})
    assert (refused.status_code, refused.json()["code"]) == (409, "payment_method_expired")
    merchant.stripe.post(network, json={"exp_year": 2040}).raise_for_status()
    assert until(lambda: not method(merchant, kept)["card"]["expired"], 20)
    merchant.wait(merchant.pay_again(kept["id"])["id"], "completed")


def test_of_a_card_that_another_system_has_saved_nobody_hears(merchant):
    owner = {"auth": (merchant.stripe_key, ""), "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
    customer = merchant.stripe.post("/v1/customers", content="", **owner).raise_for_status().json()["id"]
    form = {"auth": (merchant.stripe_key, ""), "data": {"customer": customer}}
    other = merchant.stripe.post("/v1/payment_methods/pm_card_visa/attach", **form).raise_for_status().json()["id"]
    kept = merchant.keep_card()
    name = held(merchant)["id"]
    for one in (other, name):
        merchant.stripe.post(f"/_sim/payment_methods/{one}/network", json={"exp_year": 2040}).raise_for_status()
    merchant.events(kept["payment_id"], "payment_method.updated")
    listed = merchant.api.get("/v1/payment-methods").json()["data"]
    assert [one["id"] for one in listed] == [kept["id"]]
