"""A charge that has expired takes no money any more: it is found by reading, or its key is made useless."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl

import httpx
import pytest
import stripe_samples as samples
from stripe_account import pay
from stripe_script import Stripe, sent

from malipo import clock
from malipo.contracts.outcomes import Declined, Succeeded, Unknown
from malipo.money import Money
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import Ages, Attempt
from provider_stripe.mapping import ARRIVED, NEVER_CHARGED
from testkit.operations import charge
from testkit.transports import Reply
from testkit.waiting import until

PAY, LIST, READ = "POST /v1/payment_intents", "GET /v1/payment_intents", "GET /v1/payment_intents/pi_1"
CHARGED = Succeeded(amount=Money(1000, "USD"), reference="pi_1")
NONE = Reply(samples.page())
FENCE = samples.intent("requires_payment_method", id="pi_9", metadata={"malipo_fence": "pay_1.1"})
BURNT = Reply(FENCE)
MISFIT = Reply(samples.error("idempotency_error"), 400)
REPLAYED = {"Idempotent-Replayed": "true"}
VERBS = ("query", "execute")


def expired(hours: float = 0.3, reference: str | None = None) -> Attempt:
    return late(sent(charge(), hours, reference))


@pytest.mark.parametrize("verb", VERBS)
async def test_an_expired_charge_is_never_repeated_but_looked_for_and_then_its_key_is_made_useless(verb):
    stripe = Stripe(NONE, BURNT)
    assert await getattr(stripe.provider, verb)(expired()) == NEVER_CHARGED
    assert (stripe.calls, stripe.keys) == ([LIST, PAY], {"malipo-pay_1.1-charge"})
    assert dict(parse_qsl(stripe.requests[1].content.decode())) == {
        "amount": "1000",
        "currency": "usd",
        "description": "Never charged: it keeps an expired payment from being charged late.",
        "metadata[malipo_fence]": "pay_1.1",
    }
    assert (NEVER_CHARGED.code, bool(NEVER_CHARGED.message)) == ("expired", True)


@pytest.mark.parametrize("verb", VERBS)
async def test_what_is_found_is_the_end_and_nothing_is_sent(verb):
    stripe = Stripe(Reply(samples.page(samples.intent())))
    assert await getattr(stripe.provider, verb)(expired()) == CHARGED
    assert stripe.calls == [LIST]
    stripe = Stripe(Reply(samples.intent()))
    assert await getattr(stripe.provider, verb)(expired(reference="pi_1")) == CHARGED
    assert stripe.calls == [READ]


async def test_what_has_an_id_has_arrived_and_needs_no_fence():
    idle = Reply(samples.intent("requires_confirmation"))
    stripe = Stripe(idle, idle)
    assert await stripe.provider.query(expired(reference="pi_1")) == ARRIVED
    assert set(stripe.calls) == {READ}


async def test_a_misfit_shows_that_the_charge_has_arrived_and_it_is_queried_until_it_is_found():
    stripe = Stripe(NONE, MISFIT, NONE, MISFIT, Reply(samples.page(samples.intent())))
    outcomes = [await stripe.provider.query(expired()) for _ in range(3)]
    assert outcomes == [ARRIVED, ARRIVED, CHARGED]


IN_USE = samples.error("invalid_request_error", "idempotency_key_in_use")
INVALID = samples.error("invalid_request_error", "amount_too_small")


@pytest.mark.parametrize(
    ("reply", "doubt"),
    [
        (Reply(IN_USE, 409), Unknown(reason="http 409")),
        (Reply(INVALID, 400), Unknown(reason="http 400")),
        (Reply(samples.card_error(), 402), Unknown(reason="http 402")),
        (Reply({}, 404), Unknown(reason="http 404")),
        (Reply(samples.error("api_error"), 500), Unknown(reason="http 500", silent=True)),
        (Reply(FENCE, 500, REPLAYED), Unknown(reason="http 500", silent=True)),
        (Reply(b"<html>", 502), Unknown(reason="http 502", silent=True)),
        (Reply(b"<html>"), Unknown(reason="unreadable answer")),
        (Reply(b"{" * 3000), Unknown(reason="unreadable answer")),
        (Reply(b"<html>", 400), Unknown(reason="unreadable answer")),
        (Reply(samples.intent()), Unknown(reason="another object under the key")),
        (Reply(FENCE | {"metadata": {"malipo_fence": "pay_2"}}), Unknown(reason="another object under the key")),
        (httpx.ReadTimeout("slow"), Unknown(reason="timeout", silent=True)),
        (httpx.RemoteProtocolError("cut"), Unknown(reason="connection_broken", silent=True)),
    ],
)
async def test_every_other_response_to_the_fence_proves_nothing_and_it_is_sent_again(reply, doubt):
    stripe = Stripe(NONE, reply, NONE, Reply(FENCE, headers=REPLAYED))
    assert [await stripe.provider.query(expired()) for _ in range(2)] == [doubt, NEVER_CHARGED]
    first, second = (request.content for request in stripe.requests if request.method == "POST")
    assert first == second


async def test_a_fence_that_was_not_carried_out_is_raised_as_such():
    with pytest.raises(NotSent):
        await Stripe(NONE, Reply({}, 429)).provider.query(expired())
    with pytest.raises(NotSent):
        await Stripe(NONE, httpx.ConnectError("refused")).provider.query(expired())
    with pytest.raises(Misconfigured):
        await Stripe(NONE, Reply({}, 401)).provider.query(expired())


@pytest.mark.parametrize("book", [Reply({}, 500), Reply(b"<html>"), Reply(samples.page(samples.intent("mulled_over")))])
async def test_a_book_that_cannot_be_read_is_no_empty_one_and_no_fence_is_sent(book):
    stripe = Stripe(book)
    assert isinstance(await stripe.provider.query(expired()), Unknown)
    assert stripe.calls == [LIST]


@pytest.mark.parametrize(
    ("fence", "outcome"), [(BURNT, NEVER_CHARGED), (MISFIT, ARRIVED), (Reply({}, 409), Unknown(reason="http 409"))]
)
async def test_of_an_account_that_charges_more_than_can_be_looked_through_the_fence_alone_tells(fence, outcome):
    others = [Reply(samples.page(samples.intent(id="pi_7", metadata={}), has_more=True))] * 20
    stripe = Stripe(*others, fence)
    assert await stripe.provider.query(expired()) == outcome
    assert stripe.calls == [LIST] * 20 + [PAY]


@pytest.mark.parametrize("verb", VERBS)
async def test_an_old_key_is_no_fence_for_stripe_may_have_forgotten_the_charge(verb):
    stripe = Stripe(NONE)
    assert await getattr(stripe.provider, verb)(expired(hours=23.1)) == Unknown(reason="the key is old")
    assert stripe.calls == [LIST]


async def test_a_fence_that_was_sent_by_a_process_that_froze_for_a_day_proves_nothing(monkeypatch):
    boot = clock.since_boot()

    def and_freeze(request: httpx.Request) -> httpx.Response:
        monkeypatch.setattr(clock, "since_boot", lambda: boot + 25 * 3600)
        return BURNT(request)

    assert await Stripe(NONE, and_freeze).provider.query(expired()) == Unknown(reason="the key is old")


@pytest.mark.parametrize("verb", VERBS)
async def test_another_account_gets_no_fence(verb):
    stripe = Stripe(NONE)
    attempt = replace(expired(), same_account=False)
    assert await getattr(stripe.provider, verb)(attempt) == Unknown(reason="account_changed")
    assert stripe.calls == [LIST]


async def test_a_charge_that_expires_while_it_is_queried_is_not_repeated(monkeypatch):
    boot, idle = clock.since_boot(), Reply(samples.intent("requires_confirmation"))

    def and_expire(request: httpx.Request) -> httpx.Response:
        monkeypatch.setattr(clock, "since_boot", lambda: boot + 61)
        return idle(request)

    stripe = Stripe(and_expire, idle)
    attempt = replace(sent(charge(), reference="pi_1"), ages=Ages(timedelta(hours=0.1), timedelta(seconds=60)))
    assert await stripe.provider.query(attempt) == ARRIVED
    assert "POST" not in {request.method for request in stripe.requests}


def late(attempt: Attempt) -> Attempt:
    return replace(attempt, ages=attempt.ages.ended())


async def test_a_charge_that_comes_after_its_fence_takes_no_money(stripe):
    operation = pay()
    await stripe.fault("request_late", delay_seconds=0.5)
    assert isinstance(await stripe.execute(operation), Unknown)
    assert await stripe.provider.query(late(stripe.attempt(operation))) == NEVER_CHARGED
    await asyncio.sleep(1)
    assert await stripe.book() == []
    assert await stripe.provider.query(late(stripe.attempt(operation))) == NEVER_CHARGED


async def test_a_charge_that_came_before_its_fence_is_found(stripe):
    for fault in ("answer_lost", "error_after_effect"):
        operation = pay()
        await stripe.fault(fault)
        assert isinstance(await stripe.execute(operation), Unknown)
        outcome = await stripe.provider.query(late(stripe.attempt(operation)))
        assert isinstance(outcome, Succeeded)
    assert await stripe.book() == [("charge", 1000)] * 2


async def test_a_charge_that_stripe_is_working_on_is_a_doubt_until_it_is_there(stripe):
    operation = pay()
    stripe.wait_at_most(0.5)
    await stripe.fault("slow", delay_seconds=1.5)
    assert isinstance(await stripe.execute(operation), Unknown)
    assert await stripe.provider.query(late(stripe.attempt(operation))) == ARRIVED
    await until(stripe.book, what="the slow charge")
    assert isinstance(await stripe.provider.query(late(stripe.attempt(operation))), Succeeded)
    assert await stripe.book() == [("charge", 1000)]


async def test_a_stored_500_that_stripe_reconciles_after_the_expiry_is_never_reported_as_uncharged(stripe):
    operation = pay()
    await stripe.fault("error_reconciled", delay_seconds=0.5)
    assert isinstance(await stripe.execute(operation), Unknown)
    assert await stripe.provider.query(late(stripe.attempt(operation))) == ARRIVED
    await until(stripe.book, what="the charge")
    assert isinstance(await stripe.provider.query(late(stripe.attempt(operation))), Succeeded)


@pytest.mark.parametrize(
    "fault", ["answer_lost", "reset_after_effect", "connection_reset", "html_error", "malformed_json"]
)
async def test_a_fence_whose_response_was_lost_is_made_again(stripe, fault):
    operation = pay()
    await stripe.fault("connection_reset")
    assert isinstance(await stripe.execute(operation), Unknown)
    await stripe.fault(fault, match={"method": "POST"})
    assert isinstance(await stripe.provider.query(late(stripe.attempt(operation))), Unknown)
    assert await stripe.provider.query(late(stripe.attempt(operation))) == NEVER_CHARGED
    assert await stripe.book() == []


async def test_a_charge_that_stripe_refused_as_invalid_used_up_no_key_and_can_be_fenced(stripe):
    operation = pay("pm_card_nobody_has")
    await stripe.fault("malformed_json")
    assert isinstance(await stripe.execute(operation), Unknown)
    assert await stripe.provider.query(late(stripe.attempt(operation))) == NEVER_CHARGED


async def test_a_decline_whose_response_was_lost_is_found_after_the_expiry(stripe):
    operation = pay("pm_card_visa_chargeDeclined")
    await stripe.fault("answer_lost")
    assert isinstance(await stripe.execute(operation), Unknown)
    outcome = await stripe.provider.query(late(stripe.attempt(operation)))
    assert (type(outcome), outcome.code) == (Declined, "generic_decline")


async def test_two_replicas_that_fence_at_once_come_to_one_end_and_one_payment_intent(stripe):
    operation = pay()
    await stripe.fault("slow", delay_seconds=0.2, match={"method": "POST"})
    both = await asyncio.gather(*(stripe.provider.query(late(stripe.attempt(operation))) for _ in range(2)))
    assert NEVER_CHARGED in both
    assert set(both) <= {NEVER_CHARGED, Unknown(reason="http 409")}
    assert await stripe.provider.query(late(stripe.attempt(operation))) == NEVER_CHARGED
    made = (
        await stripe.http.get("/_sim/book", headers={"Authorization": f"Bearer {stripe.credentials['secret_key']}"})
    ).json()
    assert [(one["status"], one["metadata"]) for one in made["payment_intents"]] == [
        ("requires_payment_method", {"malipo_fence": operation.operation_id})
    ]
    assert await stripe.book() == []
