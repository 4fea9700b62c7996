"""A charge with nobody there that needs its customer: who may ask him, and what tells how that stands."""

from dataclasses import replace

import pytest
import stripe_samples as samples
from msgspec.structs import replace as changed
from stripe_script import Stripe, sent

from malipo.contracts.commands import PaymentMethod, SavedReference
from malipo.contracts.outcomes import ActionRequired, Declined, Redirect, Succeeded, Unknown
from testkit.operations import charge
from testkit.transports import Reply

SAVED = PaymentMethod(
    type="saved",
    details={"id": "pm_1", "initiator": "merchant"},
    saved=SavedReference(reference="pm_1", holder="cus_1"),
)
CHARGE = changed(charge(), method=SAVED, return_url="https://shop.example/back")
FAILURE = {"code": "authentication_required", "message": "The bank wants the customer."}
DECLINED = samples.intent("requires_payment_method", last_payment_error=FAILURE)
ASKS = samples.intent("requires_action", next_action=samples.redirect("https://hooks.stripe.com/3ds/1"))
ASKED = ActionRequired(action=Redirect("https://hooks.stripe.com/3ds/1"), reference="pi_1")
AGAIN = {"Idempotent-Replayed": "true"}
PAY, LIST, READ = "POST /v1/payment_intents", "GET /v1/payment_intents", "GET /v1/payment_intents/pi_1"
CONFIRM = "POST /v1/payment_intents/pi_1/confirm"


async def test_a_query_that_may_only_read_does_not_take_the_decline_for_the_end():
    stripe = Stripe(Reply(DECLINED))
    outcome = await stripe.provider.query(replace(sent(CHARGE, reference="pi_1"), same_account=False))
    assert (type(outcome), stripe.calls) == (Unknown, [READ]), "the request that asks the customer may be under way"


async def test_once_it_has_expired_a_query_that_may_only_read_finds_that_it_was_declined():
    attempt = replace(sent(CHARGE, reference="pi_1"), same_account=False)
    outcome = await Stripe(Reply(DECLINED)).provider.query(replace(attempt, ages=attempt.ages.ended()))
    assert isinstance(outcome, Declined)


@pytest.mark.parametrize("verb", ["execute", "query"])
async def test_a_decline_that_only_the_book_shows_has_the_customer_asked_as_well(verb):
    error = Reply(samples.error("invalid_request_error"), 400) if verb == "execute" else Reply({}, 500, AGAIN)
    stripe = Stripe(error, Reply(samples.page(DECLINED)), Reply(ASKS))
    assert await getattr(stripe.provider, verb)(sent(CHARGE)) == ASKED
    assert stripe.calls == [PAY, LIST, CONFIRM]


@pytest.mark.parametrize(
    ("now", "found"),
    [(ASKS, ASKED), (samples.intent(), Succeeded), (DECLINED, Declined)],
    ids=["still asked", "has agreed", "declined all the same"],
)
async def test_that_the_customer_was_asked_before_does_not_say_how_it_stands_now(now, found):
    stripe = Stripe(Reply(DECLINED), Reply(ASKS, headers=AGAIN), Reply(now))
    outcome = await stripe.provider.query(sent(CHARGE, reference="pi_1"))
    assert outcome == found or type(outcome) is found
    assert stripe.calls == [READ, CONFIRM, READ]
