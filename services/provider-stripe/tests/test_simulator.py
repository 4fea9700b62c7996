"""The provider against a Stripe with a book of its own, over real sockets: what it says and what the book holds."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import stripe_says as says

from malipo import clock, ids
from malipo.contracts.commands import Card
from malipo.contracts.outcomes import (
    ActionRequired,
    Authorized,
    Canceled,
    Declined,
    OtherAction,
    Outcome,
    Pending,
    Succeeded,
    Unknown,
)
from malipo.money import Money
from malipo.platform.client import http_client
from malipo.providers.errors import Misconfigured, NotSent
from malipo.providers.integrity import checked
from malipo.providers.provider import Account, Attempt, Order
from malipo.testing.orders import cancel, capture, charge, refund
from malipo.testing.waiting import until
from provider_stripe.client import StripeClient
from provider_stripe.events import EVENT_TYPES, read_event
from provider_stripe.objects import EVENT
from provider_stripe.provider import StripeProvider


def usd(amount_minor: int) -> Money:
    return Money(amount_minor, "USD")


class Stripe:
    """A provider, the simulator that it talks to, and a merchant's account there."""

    def __init__(self, http, receiver) -> None:
        self.http = http
        self.receiver = receiver
        client = StripeClient(http, version="2026-10-28.endive", timeout_seconds=0.5)
        self.provider = StripeProvider(client, tolerance_seconds=300)
        self.account = says.ACCOUNT | {"secret_key": f"sk_test_{ids.token(8)}"}

    def attempt(self, order: Order, reference: str | None = None) -> Attempt:
        return Attempt(order, f"malipo-{order.operation_id}", self.account, clock.now(), reference)

    async def execute(self, order: Order) -> Outcome:
        return checked(order, await self.provider.execute(replace(self.attempt(order), first_sent_at=None)))

    async def query(self, order: Order, reference: str | None = None) -> Outcome:
        return checked(order, await self.provider.query(self.attempt(order, reference)))

    async def fault(self, fault: str, **rule) -> None:
        response = await self.http.post("/_sim/faults", json={"fault": fault, "times": 1} | rule)
        assert response.status_code == 201, response.text

    async def book(self, account: Account | None = None) -> list[tuple[str, int]]:
        headers = {"Authorization": f"Bearer {(account or self.account)['secret_key']}"}
        book = (await self.http.get("/_sim/book", headers=headers)).json()
        return [(line["kind"], line["amount"]) for line in book["effects"]]

    async def decide(self, intent: str, decision: str) -> None:
        response = await self.http.post(f"/_sim/3ds/{intent}/{decision}", json={})
        assert response.status_code == 200, response.text

    async def outside(self, intent: str, what: str, **wish) -> dict:
        """Do what nobody orders over the API: `refunds` in the dashboard, `disputes` at the customer's bank."""
        response = await self.http.post(f"/_sim/payment_intents/{intent}/{what}", json=wish)
        assert response.status_code == 201, response.text
        return response.json()

    async def end_dispute(self, dispute: dict, verdict: str) -> None:
        await self.http.post(f"/_sim/disputes/{dispute['id']}/{verdict}", json={})

    def unmatched(self) -> list:
        return [
            other
            for callback in self.receiver.callbacks
            for other in self.provider.read_callback(callback, self.account).unmatched
        ]

    def words(self) -> list:
        return [
            word
            for callback in self.receiver.callbacks
            for word in self.provider.read_callback(callback, self.account).words
        ]


@pytest.fixture
async def stripe(simulator):
    async with http_client(timeout_seconds=5, base_url=simulator.url) as http:
        yield Stripe(http, simulator.receiver)


def pay(token: str = "pm_card_visa", **changes):
    payment_id = ids.new("pay")
    return charge(payment_id=payment_id, operation_id=payment_id, method=Card(token), **changes)


async def test_a_charge_succeeds_and_the_book_holds_it_once(stripe):
    order = pay(description="Order 7")
    outcome = await stripe.execute(order)
    assert isinstance(outcome, Succeeded)
    assert outcome.amount == usd(1000)
    assert outcome.reference.startswith("pi_")
    assert await stripe.execute(order) == outcome == await stripe.query(order)
    assert await stripe.query(order, outcome.reference) == outcome
    assert await stripe.book() == [("charge", 1000)]


async def test_a_decline_keeps_the_banks_reason_and_the_payment_intents_id(stripe):
    order = pay("pm_card_visa_chargeDeclinedInsufficientFunds")
    outcome = await stripe.execute(order)
    assert isinstance(outcome, Declined)
    assert outcome.code == "insufficient_funds"
    assert outcome.reference.startswith("pi_")
    again = await stripe.query(order, outcome.reference)
    assert (again.code, again.reference) == (outcome.code, outcome.reference)
    assert await stripe.book() == []


async def test_3ds_sends_the_customer_to_a_page_and_ends_as_they_decide(stripe):
    for decision, code in (("approve", None), ("refuse", "payment_intent_authentication_failure")):
        order = pay("pm_card_threeDSecure2Required", return_url="https://shop.example/back")
        waiting = await stripe.execute(order)
        assert isinstance(waiting, ActionRequired)
        assert waiting.action.url.startswith("http://127.0.0.1")
        assert await stripe.query(order, waiting.reference) == waiting
        await stripe.decide(waiting.reference, decision)
        outcome = await stripe.query(order, waiting.reference)
        assert outcome.code == code if code else isinstance(outcome, Succeeded)
    assert await stripe.book() == [("charge", 1000)]


async def test_3ds_without_a_return_url_is_a_decline(stripe):
    outcome = await stripe.execute(pay("pm_card_threeDSecure2Required"))
    assert isinstance(outcome, Declined)
    assert outcome.code == "authentication_required"
    assert outcome.message.endswith("Without a return_url the customer cannot be asked.")
    assert await stripe.book() == []


async def test_a_part_of_what_was_authorized_is_captured_and_the_rest_released(stripe):
    held = await stripe.execute(pay(capture="manual"))
    assert isinstance(held, Authorized)
    order = capture(reference=held.reference, amount=usd(600))
    assert (
        await stripe.query(order) == await stripe.execute(order) == Succeeded(amount=usd(600), reference=held.reference)
    )
    late = capture(operation_id="cap_2", reference=held.reference, amount=usd(400))
    assert (await stripe.execute(late)).code == (await stripe.query(late)).code == "payment_intent_unexpected_state"
    assert await stripe.book() == [("authorize", 1000), ("capture", 600), ("release", 400)]


async def test_more_than_was_authorized_is_declined(stripe):
    held = await stripe.execute(pay(capture="manual"))
    outcome = await stripe.execute(capture(reference=held.reference, amount=usd(1001)))
    assert isinstance(outcome, Declined)
    assert outcome.code == "amount_too_large"


async def test_a_cancel_says_how_the_charge_stands_after_it(stripe):
    held = await stripe.execute(pay(capture="manual"))
    order = cancel(reference=held.reference)
    assert await stripe.execute(order) == Canceled(reference=held.reference) == await stripe.query(order)
    again = cancel(operation_id="can_2", reference=held.reference)
    assert await stripe.execute(again) == Canceled(reference=held.reference)
    late = capture(reference=held.reference, amount=usd(1000))
    assert await stripe.execute(late) == Canceled(reference=held.reference)
    paid = await stripe.execute(pay())
    too_late = cancel(operation_id="can_3", reference=paid.reference)
    assert await stripe.execute(too_late) == Succeeded(amount=usd(1000), reference=paid.reference)


async def test_refunds_add_up_to_the_charge_and_no_further(stripe):
    paid = await stripe.execute(pay())
    for number, amount in enumerate((600, 400)):
        order = refund(operation_id=f"ref_{number}", reference=paid.reference, amount=usd(amount), reason="duplicate")
        outcome = await stripe.execute(order)
        assert isinstance(outcome, Succeeded)
        assert await stripe.query(order) == outcome == await stripe.query(order, outcome.reference)
    too_much = await stripe.execute(refund(operation_id="ref_2", reference=paid.reference, amount=usd(1)))
    assert isinstance(too_much, Declined)
    assert too_much.code == "charge_already_refunded"
    assert await stripe.book() == [("charge", 1000), ("refund", 600), ("refund", 400)]


async def test_a_refund_of_a_charge_that_stripe_does_not_know_is_declined(stripe):
    outcome = await stripe.execute(refund(reference="pi_nobody"))
    assert isinstance(outcome, Declined)
    assert outcome.code == "resource_missing"


async def test_a_pending_refund_ends_as_the_bank_says(stripe):
    for ending, end in (("succeed", Succeeded), ("fail", Declined)):
        paid = await stripe.execute(pay("pm_card_pendingRefund"))
        order = refund(operation_id=ids.new("ref"), reference=paid.reference)
        outcome = await stripe.execute(order)
        assert isinstance(outcome, Pending)
        await stripe.http.post(f"/_sim/refunds/{outcome.reference}/{ending}", json={})
        assert isinstance(await stripe.query(order, outcome.reference), end)


LOST = ["answer_lost", "reset_after_effect", "malformed_json", "error_after_effect", "unknown_status"]


@pytest.mark.parametrize("fault", LOST)
async def test_an_answer_that_was_lost_is_found_and_the_book_holds_one_charge(stripe, fault):
    order = pay()
    await stripe.fault(fault, match={"method": "POST"})
    assert isinstance(await stripe.execute(order), Unknown)
    outcome = await stripe.query(order)
    assert isinstance(outcome, Succeeded)
    assert await stripe.query(order, outcome.reference) == outcome
    assert await stripe.book() == [("charge", 1000)]


@pytest.mark.parametrize("fault", LOST)
async def test_a_refund_whose_answer_was_lost_is_found_and_the_book_holds_one(stripe, fault):
    paid = await stripe.execute(pay())
    order = refund(reference=paid.reference, amount=usd(300))
    await stripe.fault(fault, match={"method": "POST"})
    assert isinstance(await stripe.execute(order), Unknown)
    assert isinstance(await stripe.query(order), Succeeded)
    assert await stripe.book() == [("charge", 1000), ("refund", 300)]


@pytest.mark.parametrize("fault", LOST)
async def test_a_capture_whose_answer_was_lost_is_found_and_the_book_holds_one(stripe, fault):
    held = await stripe.execute(pay(capture="manual"))
    order = capture(reference=held.reference)
    await stripe.fault(fault, match={"method": "POST"})
    assert isinstance(await stripe.execute(order), Unknown)
    assert isinstance(await stripe.query(order), Succeeded)
    assert [line for line in await stripe.book() if line[0] == "capture"] == [("capture", 1000)]


@pytest.mark.parametrize("fault", [*LOST, "connection_reset"])
@pytest.mark.parametrize("kind", ["charge", "refund"])
async def test_a_lost_answer_and_another_accounts_credentials_make_one_effect_at_most_in_both_books(
    stripe, fault, kind
):
    order = pay()
    if kind == "refund":
        order = refund(operation_id=ids.new("ref"), reference=(await stripe.execute(order)).reference)
    await stripe.fault(fault, match={"method": "POST"})
    assert isinstance(await stripe.execute(order), Unknown)
    old, new = stripe.account, stripe.account | {"secret_key": f"sk_test_{ids.token(8)}"}
    attempt = replace(stripe.attempt(order), account=new, same_account=False)
    for key_age in (timedelta(), timedelta(hours=25)):
        for verb in (stripe.provider.query, stripe.provider.execute):
            assert await verb(replace(attempt, key_age=key_age)) == Unknown(reason="account_changed")
    effects = [line for line in (*await stripe.book(old), *await stripe.book(new)) if line[0] == kind]
    assert len(effects) == (0 if fault == "connection_reset" else 1)


async def test_a_stored_500_without_an_effect_is_a_doubt_for_a_day_and_then_a_decline(stripe):
    order = pay()
    await stripe.fault("error_before_effect")
    assert isinstance(await stripe.execute(order), Unknown)
    assert await stripe.query(order) == await stripe.query(order) == Unknown(reason="error_stored")
    old = replace(stripe.attempt(order), key_age=timedelta(hours=24.5))
    outcome = await stripe.provider.query(old)
    assert (type(outcome), outcome.code) == (Declined, "provider_error")
    assert await stripe.book() == []


async def test_a_stored_500_that_stripe_makes_good_later_is_found_and_told_and_the_book_holds_one_charge(stripe):
    await listen(stripe)
    order = pay()
    await stripe.fault("error_reconciled", delay_seconds=0.3)
    assert isinstance(await stripe.execute(order), Unknown)
    assert await stripe.query(order) == Unknown(reason="error_stored")
    (word,) = await until(stripe.words, what="the webhook")
    assert word.outcome == await stripe.query(order)
    assert isinstance(word.outcome, Succeeded)
    assert await stripe.book() == [("charge", 1000)]


async def test_a_proxys_502_is_unknown_and_the_charge_is_made_by_the_query(stripe):
    order = pay()
    await stripe.fault("html_error")
    assert isinstance(await stripe.execute(order), Unknown)
    assert isinstance(await stripe.query(order), Succeeded)
    assert await stripe.book() == [("charge", 1000)]


async def test_a_slow_charge_times_out_is_in_flight_and_then_there_once(stripe):
    order = pay()
    await stripe.fault("slow", delay_seconds=1.5)
    assert await stripe.execute(order) == Unknown(reason="timeout", silent=True)
    assert await stripe.query(order) == Unknown(reason="http 409")
    await until(stripe.book, what="the slow charge")
    assert isinstance(await stripe.query(order), Succeeded)
    assert await stripe.book() == [("charge", 1000)]


@pytest.mark.parametrize(("fault", "wish"), [("rate_limited", 3), ("lock_timeout", 1)])
async def test_a_rate_limit_had_no_effect(stripe, fault, wish):
    order = pay()
    await stripe.fault(fault, delay_seconds=3)
    with pytest.raises(NotSent) as raised:
        await stripe.execute(order)
    assert raised.value.retry_after_seconds == wish
    assert await stripe.book() == []


async def test_another_amount_than_asked_is_unknown(stripe):
    order = pay()
    await stripe.fault("amount_mismatch")
    outcome = await stripe.execute(order)
    assert (type(outcome), outcome.reason) == (Unknown, "amount_mismatch")


async def test_a_key_used_for_another_order_is_a_doubt_that_the_book_settles(stripe):
    order = pay()
    assert isinstance(await stripe.execute(order), Succeeded)
    changed = replace_description(order)
    assert await stripe.execute(changed) == Unknown(reason="the key was used for another request")
    assert isinstance(await stripe.query(changed), Succeeded)
    assert await stripe.book() == [("charge", 1000)]


def replace_description(order):
    return charge(
        payment_id=order.payment_id, operation_id=order.operation_id, method=order.method, description="Changed"
    )


async def test_a_key_that_stripe_refuses_is_a_misconfiguration(stripe):
    attempt = replace(stripe.attempt(pay()), account={"secret_key": "sk_test_revoked1234"})
    with pytest.raises(Misconfigured):
        await stripe.provider.execute(attempt)


async def test_a_connection_reset_before_the_effect_is_unknown_and_the_query_charges_once(stripe):
    order = pay()
    await stripe.fault("connection_reset")
    assert isinstance(await stripe.execute(order), Unknown)
    assert isinstance(await stripe.query(order), Succeeded)
    assert await stripe.book() == [("charge", 1000)]


async def test_amounts_without_and_with_three_decimals_are_charged_as_ordered(stripe):
    for money in (Money(500, "JPY"), Money(5120, "KWD"), Money(20000, "HUF")):
        outcome = await stripe.execute(pay(amount=money))
        assert isinstance(outcome, Succeeded)
        assert outcome.amount == money


async def test_webhooks_tell_what_queries_tell(stripe):
    await listen(stripe)
    paid_order, declined_order = pay(), pay("pm_card_visa_chargeDeclined")
    paid, declined = await stripe.execute(paid_order), await stripe.execute(declined_order)
    back_order = refund(payment_id=paid_order.payment_id, reference=paid.reference)
    back = await stripe.execute(back_order)
    told = await until(lambda: len(stripe.words()) >= 3 and stripe.words(), what="the webhooks")
    said = {word.operation_id: (word.payment_id, word.kind, word.outcome) for word in told}
    assert said == {
        paid_order.operation_id: (paid_order.payment_id, "charge", paid),
        declined_order.operation_id: (declined_order.payment_id, "charge", declined),
        back_order.operation_id: (paid_order.payment_id, "refund", back),
    }


async def test_a_refund_that_the_bank_returns_later_is_told_by_a_webhook(stripe):
    await listen(stripe)
    paid = await stripe.execute(pay("pm_card_refundFail"))
    done = await stripe.execute(refund(reference=paid.reference))
    assert isinstance(done, Succeeded)
    await stripe.http.post(f"/_sim/refunds/{done.reference}/fail", json={})
    await until(lambda: any(isinstance(word.outcome, Declined) for word in stripe.words()), what="the failed refund")


async def test_who_asks_for_the_events_that_are_read_misses_nothing_that_stripe_has_to_say(stripe):
    await listen(stripe)
    paid, held = await stripe.execute(pay()), await stripe.execute(pay(capture="manual"))
    await stripe.execute(pay("pm_card_visa_chargeDeclined"))
    await stripe.execute(capture(reference=held.reference, amount=usd(600)))
    await stripe.execute(cancel(reference=(await stripe.execute(pay(capture="manual"))).reference))
    await stripe.execute(refund(reference=paid.reference))
    for decision in ("approve", "refuse"):
        waiting = await stripe.execute(pay("pm_card_authenticationRequired", return_url="https://shop.example/back"))
        await stripe.decide(waiting.reference, decision)
    for ending in ("succeed", "fail"):
        other = await stripe.execute(pay("pm_card_pendingRefund"))
        pending = await stripe.execute(refund(operation_id=ids.new("ref"), reference=other.reference))
        await stripe.http.post(f"/_sim/refunds/{pending.reference}/{ending}", json={})
    disputed = await stripe.execute(pay())
    await stripe.end_dispute(await stripe.outside(disputed.reference, "disputes"), "won")

    async def all_has_come() -> bool:
        endpoints = (await stripe.http.get("/_sim/webhook_endpoints")).json()
        return all(endpoint["pending"] == 0 for endpoint in endpoints)

    await until(all_has_come, what="all webhooks")
    told = {EVENT.decode(callback.body).type for callback in stripe.receiver.callbacks}
    assert told > set(EVENT_TYPES) - {"payment_intent.processing"}
    words = {
        word for callback in stripe.receiver.callbacks for word in read_event(as_if_asked_for(callback.body)).words
    }
    assert set(stripe.words()) == words
    kinds = {type(word.outcome) for word in words}
    assert kinds == {Succeeded, Authorized, Declined, Canceled, ActionRequired, Pending}


def as_if_asked_for(body: bytes) -> bytes:
    return json.dumps(json.loads(body) | {"type": EVENT_TYPES[0]}).encode()


async def test_a_refund_made_in_the_dashboard_and_a_dispute_are_told_with_the_payment_that_they_are_about(stripe):
    await listen(stripe)
    paid, other = await stripe.execute(pay()), await stripe.execute(pay())
    back = await stripe.outside(paid.reference, "refunds", amount=400)
    dispute = await stripe.outside(other.reference, "disputes")
    await stripe.end_dispute(dispute, "lost")
    told = await until(lambda: len(stripe.unmatched()) >= 4 and stripe.unmatched(), what="the webhooks")
    said = {(one.event_type, one.references["payment_intent"], one.amount) for one in told}
    assert said == {
        ("refund.created", paid.reference, usd(400)),
        ("charge.dispute.created", other.reference, usd(1000)),
        ("charge.dispute.funds_withdrawn", other.reference, usd(1000)),
        ("charge.dispute.closed", other.reference, usd(1000)),
    }
    assert {one.references.get("refund") or one.references["dispute"] for one in told} == {back["id"], dispute["id"]}


async def test_an_action_without_a_page_is_told_as_what_stripe_calls_it_although_there_is_a_return_url(stripe):
    order = pay("pm_card_threeDSecure2Required", return_url="https://shop.example/back")
    await stripe.fault("action_without_page")
    waiting = await stripe.execute(order)
    assert (type(waiting), waiting.action) == (ActionRequired, OtherAction("use_stripe_sdk"))
    assert await stripe.query(order, waiting.reference) == waiting
    given_up = await stripe.execute(cancel(reference=waiting.reference))
    assert given_up == Canceled(reference=waiting.reference) == await stripe.query(order, waiting.reference)


async def listen(stripe) -> None:
    wish = {"api_key": stripe.account["secret_key"], "url": "http://receiver.test", "secret": "whsec_old000000"}
    assert (await stripe.http.post("/_sim/webhook_endpoints", json=wish)).status_code == 201
