"""How an operation's outcome is found when the response was lost, and what is never sent again."""

from dataclasses import replace

import aiohttp
import httpx
import pytest
import stripe_samples as samples
from stripe_script import Stripe, sent

from malipo import clock
from malipo.contracts.outcomes import Canceled, Declined, Pending, Succeeded, Unknown
from malipo.money import Money
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import Attempt
from testkit.operations import cancel, capture, charge, refund
from testkit.transports import Reply

USD_10 = Money(1000, "USD")
CHARGED = Succeeded(amount=USD_10, reference="pi_1")
REFUNDED = Succeeded(amount=USD_10, reference="re_1")
WITHOUT_EFFECT = Declined(
    code="provider_error", message="A day after the request was sent, Stripe's book shows no effect of it."
)
IN_DOUBT = Unknown(reason="error_stored")

PAY, LIST_INTENTS, LIST_REFUNDS = "POST /v1/payment_intents", "GET /v1/payment_intents", "GET /v1/refunds"
READ = "GET /v1/payment_intents/pi_1"
CAPTURE, CANCEL = "POST /v1/payment_intents/pi_1/capture", "POST /v1/payment_intents/pi_1/cancel"
STORED_500 = Reply(samples.error("api_error"), 500, {"Idempotent-Replayed": "true"})
FRESH_500 = Reply(samples.error("api_error"), 500)
NONE = Reply(samples.page())
OF_ANOTHER_SYSTEM = samples.intent(metadata={"order_id": "77"}, currency="isk")


async def test_a_charge_whose_id_is_known_is_read():
    stripe = Stripe(Reply(samples.intent()))
    assert await stripe.provider.query(sent(charge(), reference="pi_1")) == CHARGED
    assert stripe.calls == [READ]


async def test_a_charge_whose_id_is_lost_is_repeated_under_its_key():
    stripe = Stripe(Reply(samples.intent(), headers={"Idempotent-Replayed": "true"}))
    assert await stripe.provider.query(sent(charge(), hours=22)) == CHARGED
    assert (stripe.calls, stripe.keys) == ([PAY], {"malipo-pay_1.1-charge"})


async def test_a_request_still_in_flight_stays_unknown_until_the_book_shows_its_effect():
    in_flight = Reply(samples.error("invalid_request_error", "idempotency_key_in_use"), 409)
    assert await Stripe(in_flight, NONE).provider.query(sent(charge())) == Unknown(reason="http 409")
    assert await Stripe(in_flight, Reply(samples.page(samples.intent()))).provider.query(sent(charge())) == CHARGED


async def test_a_stored_500_is_settled_by_the_book():
    stripe = Stripe(STORED_500, Reply(samples.page(OF_ANOTHER_SYSTEM, samples.intent())))
    assert await stripe.provider.query(sent(charge())) == CHARGED
    assert stripe.calls == [PAY, LIST_INTENTS]


async def test_a_stored_500_that_left_nothing_is_a_doubt_until_the_key_is_dead():
    half_done = Reply(samples.page(samples.intent("requires_confirmation")))
    for book in (NONE, half_done):
        for hours in (0.1, 22.9):
            assert await Stripe(STORED_500, book).provider.query(sent(charge(), hours)) == IN_DOUBT
        assert await Stripe(book).provider.query(sent(charge(), hours=23.5)) == Unknown(reason="the key is old")
        assert await Stripe(book).provider.query(sent(charge(), hours=24.1)) == WITHOUT_EFFECT


async def test_what_stripe_carries_out_long_after_a_stored_500_is_found_by_a_later_query_and_never_carried_out_twice():
    stripe = Stripe(STORED_500, NONE, STORED_500, NONE, STORED_500, Reply(samples.page(samples.intent())))
    outcomes = [await stripe.provider.query(sent(charge(), hours)) for hours in (0.1, 1, 22)]
    assert outcomes == [IN_DOUBT, IN_DOUBT, CHARGED]
    assert (stripe.calls, stripe.keys) == ([PAY, LIST_INTENTS] * 3, {"malipo-pay_1.1-charge"})


async def test_a_500_of_this_moment_that_left_nothing_yet_is_unknown():
    assert await Stripe(FRESH_500, NONE).provider.query(sent(charge())) == Unknown(reason="http 500", silent=True)


async def test_a_key_that_does_not_fit_is_settled_by_the_book_and_never_declined_while_it_lives():
    misfit = Reply(samples.error("idempotency_error"), 400)
    assert await Stripe(misfit, Reply(samples.page(samples.intent()))).provider.query(sent(charge())) == CHARGED
    outcome = await Stripe(misfit, NONE).provider.query(sent(charge()))
    assert outcome == Unknown(reason="the key was used for another request")


@pytest.mark.parametrize("verb", ["execute", "query"])
async def test_an_old_key_is_never_sent_again(verb):
    stripe = Stripe(Reply(samples.page(samples.intent())))
    assert await getattr(stripe.provider, verb)(sent(charge(), hours=23.1)) == CHARGED
    assert stripe.calls == [LIST_INTENTS]


@pytest.mark.parametrize("hours", [0, 22])
async def test_a_process_that_was_frozen_for_hours_knows_how_old_the_key_is_now(monkeypatch, hours):
    attempt, boot = sent(charge(), hours, reference="pi_1"), clock.since_boot()
    monkeypatch.setattr(clock, "since_boot", lambda: boot + 25 * 3600)
    for verb, calls in (("execute", [READ]), ("query", [READ, READ])):
        stripe = Stripe(Reply(samples.intent("requires_confirmation")), Reply(samples.intent("requires_confirmation")))
        assert await getattr(stripe.provider, verb)(attempt) == WITHOUT_EFFECT
        assert stripe.calls == calls


async def test_a_process_that_is_frozen_while_it_queries_sends_nothing_afterwards(monkeypatch):
    idle, boot = Reply(samples.intent("requires_confirmation")), clock.since_boot()

    def and_freeze(request: httpx.Request) -> httpx.Response:
        monkeypatch.setattr(clock, "since_boot", lambda: boot + 25 * 3600)
        return idle(request)

    stripe = Stripe(and_freeze, idle)
    assert await stripe.provider.query(sent(charge(), reference="pi_1")) == WITHOUT_EFFECT
    assert stripe.calls == [READ, READ]


async def test_an_empty_book_that_was_read_while_the_key_lived_is_no_decline_a_day_later(monkeypatch):
    boot = clock.since_boot()

    def and_freeze(request: httpx.Request) -> httpx.Response:
        monkeypatch.setattr(clock, "since_boot", lambda: boot + 25 * 3600)
        return NONE(request)

    assert await Stripe(STORED_500, and_freeze).provider.query(sent(charge())) == IN_DOUBT


@pytest.mark.parametrize("verb", ["execute", "query"])
async def test_an_operation_that_left_nothing_is_declined_only_when_its_key_is_dead(verb):
    for hours, outcome in ((23.1, Unknown(reason="the key is old")), (24.1, WITHOUT_EFFECT)):
        assert await getattr(Stripe(NONE).provider, verb)(sent(charge(), hours=hours)) == outcome


async def test_the_book_is_read_from_before_the_first_try_to_after_now():
    stripe = Stripe(STORED_500, NONE)
    attempt = sent(charge(), hours=2)
    await stripe.provider.query(attempt)
    window = stripe.parameters(1)
    assert int(window["created[gte]"][0]) == int(attempt.first_sent_at.timestamp()) - 300
    assert int(window["created[lte]"][0]) >= clock.unix_seconds() + 299
    assert window["limit"] == ["100"]


async def test_the_book_is_read_page_after_page():
    first = Reply(
        samples.page(samples.intent(id="pi_9", metadata={}), samples.intent(id="pi_8", metadata={}), has_more=True)
    )
    stripe = Stripe(STORED_500, first, Reply(samples.page(samples.intent())))
    assert await stripe.provider.query(sent(charge())) == CHARGED
    assert stripe.parameters(2)["starting_after"] == ["pi_8"]


@pytest.mark.parametrize("verb", ["execute", "query"])
async def test_a_wrong_clock_here_makes_no_key_younger(verb, monkeypatch):
    stripe = Stripe(NONE)
    attempt = sent(charge(), hours=23.1)
    monkeypatch.setattr(clock, "now", lambda: attempt.first_sent_at)
    assert await getattr(stripe.provider, verb)(attempt) == Unknown(reason="the key is old")
    assert stripe.calls == [LIST_INTENTS]
    assert int(stripe.parameters(0)["created[lte]"][0]) >= attempt.first_sent_at.timestamp() + 23 * 3600


def elsewhere(operation, hours: float = 0.1, reference: str | None = None) -> Attempt:
    return replace(sent(operation, hours, reference), same_account=False)


@pytest.mark.parametrize("verb", ["execute", "query"])
@pytest.mark.parametrize("hours", [0.1, 23.5, 1000])
async def test_what_was_perhaps_sent_to_another_account_is_only_read(verb, hours):
    for attempt, path in (
        (elsewhere(charge(), hours), LIST_INTENTS),
        (elsewhere(refund(reference="pi_1"), hours), LIST_REFUNDS),
        (elsewhere(charge(), hours, "pi_1"), READ),
        (elsewhere(capture(reference="pi_1"), hours), READ),
        (elsewhere(cancel(reference="pi_1"), hours), READ),
    ):
        for reply in (Reply(samples.error("invalid_request_error", "resource_missing"), 404), NONE):
            stripe = Stripe(reply)
            assert await getattr(stripe.provider, verb)(attempt) == Unknown(reason="account_changed")
            assert stripe.calls == [path]


async def test_a_new_key_of_the_same_account_finds_what_the_old_one_has_made():
    found = Reply(samples.page(samples.intent()))
    assert await Stripe(found).provider.execute(elsewhere(charge())) == CHARGED
    assert await Stripe(Reply(samples.intent())).provider.query(elsewhere(charge(), reference="pi_1")) == CHARGED
    failed = Reply(samples.page(samples.refund("failed")))
    outcome = await Stripe(failed).provider.query(elsewhere(refund(reference="pi_1")))
    assert (type(outcome), outcome.code, outcome.reference) == (Declined, "refund_failed", "re_1")


INVALID = samples.error("invalid_request_error", "resource_missing")


@pytest.mark.parametrize("verb", ["execute", "query"])
@pytest.mark.parametrize("status", [400, 404])
async def test_a_repeat_that_is_refused_is_looked_up(verb, status):
    found = Reply(samples.page(samples.refund()))
    stripe = Stripe(Reply(INVALID, status), found)
    assert await getattr(stripe.provider, verb)(sent(refund(reference="pi_1"))) == REFUNDED
    assert stripe.calls == ["POST /v1/refunds", LIST_REFUNDS]
    outcome = await getattr(Stripe(Reply(INVALID, status), NONE).provider, verb)(sent(charge()))
    assert outcome == Unknown(reason="refused when it was repeated")


async def test_a_refusal_is_believed_of_a_first_try_and_when_it_is_the_stored_answer():
    first = replace(sent(charge()), first_sent_at=None)
    stored = Reply(INVALID, 400, {"Idempotent-Replayed": "true"})
    for attempt, reply in ((first, Reply(INVALID, 400)), (sent(charge()), stored)):
        outcome = await Stripe(reply).provider.execute(attempt)
        assert (type(outcome), outcome.code) == (Declined, "resource_missing")


async def test_a_repeated_capture_is_settled_by_the_payment_intent_inside_the_refusal():
    inside = samples.error("invalid_request_error", "payment_intent_unexpected_state", payment_intent=None)
    inside["error"]["payment_intent"] = samples.intent()
    stripe = Stripe(Reply(inside, 400))
    assert await stripe.provider.query(sent(capture(reference="pi_1"))) == CHARGED
    bare = Stripe(Reply(INVALID, 404), Reply(samples.intent()))
    assert await bare.provider.execute(sent(capture(reference="pi_1"))) == CHARGED
    assert bare.calls == [CAPTURE, READ]


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("q7"),
        httpx.WriteError("q7"),
        httpx.RemoteProtocolError("q7"),
        httpx.DecodingError("q7"),
        httpx.TooManyRedirects("q7"),
        aiohttp.ClientPayloadError("q7"),
        aiohttp.ClientResponseError(None, (), message="q7"),
    ],
)
async def test_the_reason_of_a_doubt_is_one_of_our_codes_and_never_an_exceptions_text(error):
    outcome = await Stripe(error).provider.execute(sent(charge()))
    assert isinstance(outcome, Unknown)
    assert outcome.reason in ("timeout", "connection_broken", "answer_not_http", "answer_too_long")


async def test_a_book_too_long_to_read_is_unknown_and_not_a_decline():
    endless = [Reply(samples.page(OF_ANOTHER_SYSTEM, has_more=True))] * 30
    stripe = Stripe(STORED_500, *endless)
    assert await stripe.provider.query(sent(charge())) == Unknown(reason="too much to look through")
    assert len(stripe.requests) == 21


@pytest.mark.parametrize("broken", [FRESH_500, Reply(b"<html>"), Reply({"data": [{"id": 7}], "has_more": False})])
async def test_a_book_that_cannot_be_read_is_unknown(broken):
    assert isinstance(await Stripe(STORED_500, broken).provider.query(sent(charge())), Unknown)


async def test_a_book_of_which_more_is_to_come_behind_nothing_is_no_empty_one():
    outcome = await Stripe(Reply(samples.page(has_more=True))).provider.query(sent(charge(), hours=24.1))
    assert isinstance(outcome, Unknown)


async def test_a_charge_that_was_begun_but_not_tried_is_repeated_and_looked_up_although_its_id_is_known():
    idle = Reply(samples.intent("requires_confirmation"))
    stripe = Stripe(idle, STORED_500, idle)
    assert await stripe.provider.query(sent(charge(), reference="pi_1")) == IN_DOUBT
    assert stripe.calls == [READ, PAY, READ]


async def test_a_charge_that_cannot_be_found_under_its_id_is_unknown():
    missing = Reply(samples.error("invalid_request_error", "resource_missing"), 404)
    assert await Stripe(missing).provider.query(sent(charge(), reference="pi_1")) == Unknown(reason="http 404")


async def test_a_capture_or_cancel_is_repeated_under_its_key():
    stripe = Stripe(Reply(samples.intent()))
    assert await stripe.provider.query(sent(capture(reference="pi_1"), reference="pi_1")) == CHARGED
    assert (stripe.calls, stripe.keys) == ([CAPTURE], {"malipo-cap_1-capture"})
    stripe = Stripe(Reply(samples.intent("canceled")))
    assert await stripe.provider.query(sent(cancel(reference="pi_1"), reference="pi_1")) == Canceled(reference="pi_1")
    assert (stripe.calls, stripe.keys) == ([CANCEL], {"malipo-can_1-cancel"})


async def test_a_capture_without_an_effect_is_a_doubt_until_its_key_is_dead():
    held = Reply(samples.intent("requires_capture"))
    attempt = sent(capture(reference="pi_1"))
    assert await Stripe(STORED_500, held).provider.query(attempt) == IN_DOUBT
    assert await Stripe(FRESH_500, held).provider.query(attempt) == Unknown(reason="http 500", silent=True)
    assert await Stripe(FRESH_500, Reply(samples.intent())).provider.query(attempt) == CHARGED
    assert await Stripe(held).provider.query(sent(capture(reference="pi_1"), hours=25)) == WITHOUT_EFFECT


async def test_an_old_capture_or_cancel_is_read_from_the_charge():
    for operation in (capture(reference="pi_1"), cancel(reference="pi_1")):
        stripe = Stripe(Reply(samples.intent()))
        assert await stripe.provider.query(sent(operation, hours=30)) == CHARGED
        assert stripe.calls == [READ]


async def test_a_refund_whose_id_is_known_is_read():
    stripe = Stripe(Reply(samples.refund("pending")))
    assert await stripe.provider.query(sent(refund(reference="pi_1"), reference="re_1")) == Pending(reference="re_1")
    assert stripe.calls == ["GET /v1/refunds/re_1"]


async def test_a_refund_whose_id_is_lost_is_repeated_and_else_looked_for_among_its_charges_refunds():
    others = samples.refund(id="re_0", metadata=samples.TAGS | {"malipo_operation_id": "ref_0"})
    stripe = Stripe(STORED_500, Reply(samples.page(others, samples.refund(id="re_m", metadata=None), samples.refund())))
    assert await stripe.provider.query(sent(refund(reference="pi_1"))) == REFUNDED
    assert stripe.calls == ["POST /v1/refunds", LIST_REFUNDS]
    assert stripe.parameters(1) == {"payment_intent": ["pi_1"], "limit": ["100"]}


async def test_an_old_refund_is_never_sent_a_second_time():
    stripe = Stripe(NONE, Reply(samples.page(samples.refund())))
    assert await stripe.provider.execute(sent(refund(reference="pi_1"), hours=30)) == WITHOUT_EFFECT
    assert await stripe.provider.execute(sent(refund(reference="pi_1"), hours=30)) == REFUNDED
    assert stripe.keys == set()


async def test_silence_in_the_middle_of_a_query_is_unknown():
    assert await Stripe(STORED_500, httpx.ReadTimeout("slow")).provider.query(sent(charge())) == Unknown(
        reason="timeout", silent=True
    )


async def test_no_connection_in_the_middle_of_a_query_is_raised_as_not_sent():
    with pytest.raises(NotSent):
        await Stripe(httpx.ConnectError("refused")).provider.query(sent(charge()))


async def test_a_key_for_the_other_mode_is_never_used():
    for wrong in ("sk_live_51AbCdEfGh", "", "sk_test_", "pk_test_51AbCdEfGh", "sk_test_51\r\nX-Evil: 1"):
        stripe = Stripe()
        attempt = samples.attempt(charge(), credentials={"secret_key": wrong})
        with pytest.raises(Misconfigured, match="secret_key of test mode"):
            await stripe.provider.execute(attempt)
        assert not stripe.requests


async def test_credentials_of_another_shape_are_a_misconfiguration():
    for credentials in ({}, {"secret_key": 7}, {"api_key": "sk_test_1"}):
        with pytest.raises(Misconfigured):
            await Stripe().provider.execute(samples.attempt(charge(), credentials=credentials))


async def test_every_request_is_authenticated_and_pins_the_version():
    stripe = Stripe(STORED_500, NONE)
    await stripe.provider.query(sent(charge()))
    for request in stripe.requests:
        assert request.headers["Authorization"] == "Bearer sk_test_51AbCdEfGh"
        assert request.headers["Stripe-Version"] == "2026-10-28.endive"


@pytest.mark.parametrize("operation", [charge(), capture(), cancel(), refund()])
async def test_every_operation_has_the_content_type_of_a_form_also_when_the_form_is_empty(operation):
    stripe = Stripe(FRESH_500)
    await stripe.provider.execute(samples.attempt(operation))
    assert stripe.requests[0].headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_a_response_longer_than_the_limit_is_unknown():
    endless = Reply(b"[" + b" " * 9_000_000)
    assert await Stripe(endless).provider.execute(samples.attempt(charge())) == Unknown(reason="answer_too_long")
