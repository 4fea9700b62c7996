"""Stories of PayPal: payers who approve, twice or too late, or cannot pay; captures in parts, refunds, webhooks that are lost."""

import json
import time
from collections import Counter
from collections.abc import Callable, Generator
from datetime import timedelta

import httpx
import pytest
from operating import run_command

from malipo import clock
from malipo_local import Stack
from malipo_local.demo import books
from malipo_local.demo.paypal_stories import PAYPAL_STORIES
from malipo_local.demo.tour import timeline_lines
from malipo_local.merchant import DemoMerchant, Json
from malipo_local.waiting import until

SECONDS = 90
SHORTEST = timedelta(minutes=1)
CAPTURE = {"method": "POST", "path": "/v2/checkout/orders/*/capture"}
REFUND = {"method": "POST", "path": "/v2/payments/captures/*/refund"}


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Generator[DemoMerchant]:
    """Every story pays to its account."""
    with DemoMerchant.open(stack, running=run_command) as opened:
        opened.connect_paypal()
        yield opened


def asked(shop: DemoMerchant, **fields: object) -> str:
    """A payment whose payer is asked to approve it; returns its id."""
    payment = shop.check_out(**fields)
    shop.wait(payment["id"], "requires_action", seconds=SECONDS)
    return payment["id"]


def paid(shop: DemoMerchant, **fields: object) -> str:
    payment_id = asked(shop, **fields)
    shop.paypal.approve(payment_id)
    shop.wait(payment_id, "completed", seconds=SECONDS)
    return payment_id


def held(shop: DemoMerchant, **fields: object) -> str:
    payment_id = asked(shop, capture="manual", **fields)
    shop.paypal.approve(payment_id)
    shop.wait(payment_id, "authorized", seconds=SECONDS)
    return payment_id


def moved(shop: DemoMerchant, payment_id: str) -> list[tuple[str, int]]:
    """What PayPal's book has of a payment."""
    return [(effect["kind"], effect["amount"]) for effect in shop.paypal.effects(payment_id)]


def step(shop: DemoMerchant, payment_id: str, trigger: str) -> Json:
    """The last step that this led to."""
    return [e for e in shop.timeline(payment_id) if e["kind"] == "step" and e["trigger"] == trigger][-1]


def told_everything(shop: DemoMerchant) -> bool:
    """Whether none of PayPal's webhooks is on its way."""
    health = shop.paypal.http.get("/_sim/health").raise_for_status().json()
    return health["webhooks"]["pending"] == 0


def capture(shop: DemoMerchant, payment_id: str, **what: object) -> Json:
    answer = shop.post(f"/v1/payments/{payment_id}/capture", dict(what))
    return answer.raise_for_status().json()


def captures_amount_to(shop: DemoMerchant, payment_id: str, amount: int) -> bool:
    return until(lambda: shop.payment(payment_id)["amount_captured"] == amount, SECONDS)


@pytest.mark.parametrize("story", PAYPAL_STORIES, ids=lambda story: story.title)
def test_the_story_of_the_demo(shop, story):
    story.play(shop)


def test_a_payer_who_approves_at_the_page_is_led_back_to_the_shop_and_has_paid(shop):
    payment_id = asked(shop)
    action = shop.payment(payment_id)["action"]
    assert action["type"] == "approval"
    page = httpx.get(action["url"]).raise_for_status()
    assert "Approve" in page.text
    back = httpx.post(page.url.join(f"checkoutnow/approve?{page.url.query.decode()}"), headers={"Accept": "text/html"})
    assert back.headers["location"].startswith("https://shop.example/thanks?token=")
    payment = shop.wait(payment_id, "completed", seconds=SECONDS)
    (order,) = shop.paypal.orders(payment_id)
    assert payment["provider_reference"] == order["id"]
    assert moved(shop, payment_id) == [("capture", 1250)]
    received = shop.events(payment_id, "payment.requires_action", "payment.processing", "payment.completed")
    assert [one["sequence"] for one in received] == list(range(1, len(received) + 1))


def test_of_the_payer_the_merchant_sees_a_mask(shop):
    payment_id = paid(shop)
    (order,) = shop.paypal.orders(payment_id)
    address = order["payment_source"]["paypal"]["email_address"]
    payer = shop.payment(payment_id)["payer"]
    assert payer.startswith(f"{address[0]}***@")
    assert address not in json.dumps([shop.payment(payment_id), shop.timeline(payment_id), shop.received(payment_id)])


@pytest.mark.parametrize("plan", ["approve_twice", "approve"])
def test_a_payer_who_approves_twice_and_whose_approval_is_told_twice_pays_once(shop, plan):
    shop.paypal.script(plan, amount=1301, after_seconds=0.2)
    with shop.paypal.fault("webhook_duplicate"), shop.paypal.fault("duplicate_approval", match={"amount": 1301}):
        payment = shop.check_out(amount=1301)
        shop.wait(payment["id"], "completed", seconds=SECONDS)
        assert until(lambda: told_everything(shop), SECONDS)
    assert moved(shop, payment["id"]) == [("capture", 1301)]


def test_a_payer_whose_every_card_is_declined_may_try_until_the_shop_cancels(shop):
    payment_id = asked(shop)
    for declined in range(1, 3):
        shop.paypal.approve(payment_id, "declined_card")
        assert until(lambda: sent_back(shop, payment_id) == declined, SECONDS)  # noqa: B023 - looked at within this round
    shop.post(f"/v1/payments/{payment_id}/cancel").raise_for_status()
    shop.wait(payment_id, "canceled", seconds=SECONDS)
    assert moved(shop, payment_id) == []


def sent_back(shop: DemoMerchant, payment_id: str) -> int:
    """How often the payer has been asked again."""
    steps = [entry for entry in shop.timeline(payment_id) if entry["kind"] == "step"]
    return sum(one["to_state"] == "requires_action" != one["from_state"] for one in steps) - 1


def test_a_declined_card_of_which_no_answer_tells_sends_the_payer_back_all_the_same(shop):
    payment_id = asked(shop)
    with shop.paypal.fault("answer_lost", match=CAPTURE, times=1) as losing:
        shop.paypal.approve(payment_id, "declined_card")
        assert until(lambda: sent_back(shop, payment_id) == 1, SECONDS)
        assert shop.paypal.strikes(losing) == 1
    shop.paypal.approve(payment_id)
    shop.wait(payment_id, "completed", seconds=SECONDS)
    assert moved(shop, payment_id) == [("capture", 1250)]


def test_an_order_that_paypal_completes_without_money_is_a_payment_that_failed(shop):
    payment_id = asked(shop)
    shop.paypal.approve(payment_id, "failing_card")
    failed = shop.wait(payment_id, "failed", seconds=SECONDS)
    (order,) = shop.paypal.orders(payment_id)
    assert order["status"] == "COMPLETED"
    assert failed["failure"]["code"] == "declined"
    assert moved(shop, payment_id) == []


@pytest.mark.parametrize(("ending", "status"), [("settle", "completed"), ("deny", "failed")])
def test_money_that_is_long_on_its_way_is_waited_for_with_its_reason_and_ends_as_paypal_says(shop, ending, status):
    payment_id = asked(shop)
    with shop.paypal.fault("capture_pending", match=CAPTURE, delay_seconds=3600):
        shop.paypal.approve(payment_id)
        assert until(lambda: "reviews it" in shop.explain(payment_id)["why"], SECONDS)
    assert shop.payment(payment_id)["status"] == "processing"
    shop.paypal.end_pending(payment_id, ending)
    shop.wait(payment_id, status, seconds=SECONDS)
    shop.events(payment_id, f"payment.{status}")
    assert moved(shop, payment_id) == ([("capture", 1250)] if status == "completed" else [])


def test_what_is_held_is_captured_in_two_parts_and_not_in_three(shop):
    payment_id = held(shop, amount=9000)
    capture(shop, payment_id, amount=4000, final=False)
    assert captures_amount_to(shop, payment_id, 4000)
    assert shop.post(f"/v1/payments/{payment_id}/refunds", {"amount": 100}).json()["code"] == "payment_not_refundable"
    too_much = shop.post(f"/v1/payments/{payment_id}/capture", {"amount": 5001})
    assert too_much.json()["code"] == "capture_exceeds_authorized"
    capture(shop, payment_id)
    assert shop.wait(payment_id, "completed", seconds=SECONDS)["amount_captured"] == 9000
    assert shop.post(f"/v1/payments/{payment_id}/capture", {"amount": 1}).json()["code"] == "payment_not_capturable"
    assert moved(shop, payment_id) == [("authorize", 9000), ("capture", 4000), ("capture", 5000)]
    shop.events(payment_id, "payment.authorized", "payment.partially_captured", "payment.completed")


def test_of_a_payment_in_two_parts_each_part_is_refunded_by_itself(shop):
    payment_id = held(shop, amount=9000)
    capture(shop, payment_id, amount=4000, final=False)
    assert captures_amount_to(shop, payment_id, 4000)
    capture(shop, payment_id)
    shop.wait(payment_id, "completed", seconds=SECONDS)
    whole = shop.post(f"/v1/payments/{payment_id}/refunds", {}).raise_for_status().json()
    assert shop.wait_refund(whole["id"])["status"] == "failed"
    for amount in (5000, 4000):
        part = shop.post(f"/v1/payments/{payment_id}/refunds", {"amount": amount}).raise_for_status().json()
        assert shop.wait_refund(part["id"])["status"] == "completed"
    assert shop.payment(payment_id)["amount_refunded"] == 9000


@pytest.mark.parametrize(("captured", "status"), [(0, "canceled"), (2000, "completed")])
def test_what_is_left_of_a_hold_is_let_go_by_a_cancel(shop, captured, status):
    payment_id = held(shop, amount=6000)
    if captured:
        capture(shop, payment_id, amount=captured, final=False)
        assert captures_amount_to(shop, payment_id, captured)
    shop.post(f"/v1/payments/{payment_id}/cancel").raise_for_status()
    assert shop.wait(payment_id, status, seconds=SECONDS)["amount_captured"] == captured
    assert moved(shop, payment_id)[-1] == ("release", 6000 - captured)


def test_an_approval_of_what_was_canceled_takes_nothing(shop):
    payment_id = asked(shop)
    shop.post(f"/v1/payments/{payment_id}/cancel").raise_for_status()
    shop.wait(payment_id, "canceled", seconds=SECONDS)
    takes_nothing(shop, payment_id, "canceled")


@pytest.mark.timeout(240)
def test_an_approval_after_the_end_of_the_payment_takes_nothing(shop):
    expires_at = clock.now() + SHORTEST + timedelta(seconds=2)
    payment_id = asked(shop, expires_at=expires_at.isoformat())
    ended = shop.wait(payment_id, "failed", "canceled", seconds=150)
    takes_nothing(shop, payment_id, ended["status"])


def takes_nothing(shop: DemoMerchant, payment_id: str, status: str) -> None:
    """The payer approves, which Malipo hears of, and nothing happens, however much else does meanwhile."""
    shop.paypal.approve(payment_id)
    assert until(lambda: told_everything(shop), SECONDS)
    paid(shop)
    (order,) = shop.paypal.orders(payment_id)
    assert order["status"] == "APPROVED"
    assert (shop.payment(payment_id)["status"], moved(shop, payment_id)) == (status, [])


def test_parts_of_a_payment_are_refunded_up_to_all_of_it(shop):
    payment_id = paid(shop, amount=1000)
    codes = [shop.post(f"/v1/payments/{payment_id}/refunds", {"amount": 300}).status_code for _ in range(4)]
    assert codes == [201, 201, 201, 409]
    assert shop.payment(payment_id)["amount_refunded"] == 900
    assert moved(shop, payment_id) == [("capture", 1000), *[("refund", 300)] * 3]


@pytest.mark.parametrize(
    ("fault", "status"), [("refund_pending", "completed"), ("refund_pending_then_fails", "failed")]
)
def test_a_refund_that_is_long_on_its_way_ends_as_paypal_says(shop, fault, status):
    payment_id = paid(shop, amount=1000)
    with shop.paypal.fault(fault, match=REFUND, delay_seconds=3):
        refund = shop.post(f"/v1/payments/{payment_id}/refunds", {"amount": 400}, Prefer="respond-async").json()
        assert shop.wait_refund(refund["id"], seconds=SECONDS)["status"] == status
    assert shop.payment(payment_id)["amount_refunded"] == (400 if status == "completed" else 0)
    shop.events(payment_id, f"refund.{status}")


def test_a_refund_made_in_paypals_pages_is_the_payments(shop):
    payment_id = paid(shop, amount=2000)
    (taken,) = shop.paypal.captures(payment_id)
    shop.paypal.http.post(f"/_sim/captures/{taken['id']}/refunds", json={"amount": 700}).raise_for_status()
    assert until(lambda: shop.payment(payment_id)["amount_refunded"] == 700, SECONDS)
    shop.events(payment_id, "refund.opened", "refund.completed")


def test_an_approval_of_which_no_webhook_tells_is_found_by_asking(shop):
    payment_id = asked(shop)
    with shop.paypal.fault("webhook_drop"):
        shop.paypal.approve(payment_id)
        shop.wait(payment_id, "completed", seconds=SECONDS)
    assert step(shop, payment_id, "approved")["source"] == "query"
    assert moved(shop, payment_id) == [("capture", 1250)]


def test_a_capture_whose_answer_and_webhook_are_lost_is_found_by_asking_and_made_once(shop):
    payment_id = asked(shop, amount=1450)
    with (
        shop.paypal.fault("webhook_drop", match={"event_type": "PAYMENT.*"}),
        shop.paypal.fault("answer_lost", match=CAPTURE, times=1) as losing,
    ):
        shop.paypal.approve(payment_id)
        shop.wait(payment_id, "completed", seconds=SECONDS)
        assert shop.paypal.strikes(losing) == 1
    assert moved(shop, payment_id) == [("capture", 1450)]
    print("\nthe capture's answer was lost:", *timeline_lines(shop.reported(payment_id)), sep="\n")  # noqa: T201


def test_money_that_comes_late_and_of_which_no_webhook_tells_is_found_in_the_statement(shop):
    """PayPal would be asked about it after six hours."""
    payment_id = asked(shop)
    with shop.paypal.fault("capture_pending", match=CAPTURE, delay_seconds=3600):
        shop.paypal.approve(payment_id)
        assert until(lambda: "reviews it" in shop.explain(payment_id)["why"], SECONDS)
    with shop.paypal.fault("webhook_drop"):
        shop.paypal.end_pending(payment_id, "settle")
        shop.wait(payment_id, "completed", seconds=SECONDS)


@pytest.mark.parametrize("fault", ["webhook_late", "webhook_reorder", "webhook_forged", "webhook_stale"])
def test_a_fault_of_paypals_webhooks_changes_nothing(shop, fault):
    with shop.paypal.fault(fault, delay_seconds=0.5):
        payment_id = paid(shop)
    received = shop.events(payment_id, "payment.completed")
    assert [one["sequence"] for one in received] == list(range(1, len(received) + 1))
    assert moved(shop, payment_id) == [("capture", 1250)]


@pytest.mark.timeout(300)
def test_a_day_of_which_one_webhook_in_twenty_is_lost_balances(shop):
    """The day is short: the settings of this stack have everything that waits for hours wait for seconds."""
    expected: dict[str, Json] = {}
    with shop.paypal.fault("webhook_drop", probability=0.05) as dropping:
        began = time.monotonic()
        for number in range(80):
            payment_id, ending = KINDS[number % len(KINDS)](shop, 20_000 + number)
            expected[payment_id] = ending
        for payment_id, ending in expected.items():
            shop.wait(payment_id, ending["status"], seconds=150)
        seconds = time.monotonic() - began
        dropped = shop.paypal.strikes(dropping)
    for payment_id, ending in expected.items():
        payment = shop.payment(payment_id)
        assert {name: payment[name] for name in ending} == ending
    assert until(lambda: books.differences(shop) == [], SECONDS), books.differences(shop)
    assert dropped, "no webhook was dropped"
    ends = Counter(ending["status"] for ending in expected.values())
    heard = Counter(step(shop, payment_id, "approved")["source"] for payment_id in expected)
    figures = {"webhooks dropped": dropped, "payments": len(expected), "seconds": round(seconds, 1), "ends": dict(ends)}
    figures["approvals heard of by"] = dict(heard)
    print("\na day of which webhooks are lost:", json.dumps(figures))  # noqa: T201


type Kind = Callable[[DemoMerchant, int], tuple[str, Json]]
"""A customer of a day: requests a payment of this amount; returns its id, and how it is to end."""


def planned(plan: str, status: str) -> Kind:
    def come(shop: DemoMerchant, amount: int) -> tuple[str, Json]:
        shop.paypal.script(plan, amount=amount, after_seconds=0.2)
        payment = shop.check_out(amount=amount, prefer="respond-async")
        return payment["id"], {"status": status, "amount_captured": amount if status == "completed" else 0}

    return come


def refunding(shop: DemoMerchant, amount: int) -> tuple[str, Json]:
    payment_id, ending = planned("approve", "completed")(shop, amount)
    shop.wait(payment_id, "completed", seconds=SECONDS)
    shop.post(f"/v1/payments/{payment_id}/refunds", {"amount": 5000}).raise_for_status()
    return payment_id, ending | {"amount_refunded": 5000}


def shipping(shop: DemoMerchant, amount: int) -> tuple[str, Json]:
    shop.paypal.script("approve", amount=amount, after_seconds=0.2)
    payment = shop.check_out(amount=amount, capture="manual")
    shop.wait(payment["id"], "authorized", seconds=SECONDS)
    capture(shop, payment["id"], amount=15_000)
    return payment["id"], {"status": "completed", "amount_captured": 15_000}


KINDS: tuple[Kind, ...] = (
    planned("approve", "completed"),
    planned("approve_twice", "completed"),
    planned("decline_then_approve", "completed"),
    planned("capture_declined", "failed"),
    planned("pending_then_completed", "completed"),
    planned("review_then_denied", "failed"),
    refunding,
    shipping,
)


def test_after_all_of_this_malipos_book_equals_paypals(shop):
    assert books.differences(shop) == []
    assert books.double_charges(shop) == []
