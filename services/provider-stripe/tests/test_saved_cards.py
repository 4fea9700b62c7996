"""Cards that are kept at the simulated Stripe, and charged again: by customers who are there, and by merchants alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from msgspec.structs import replace as changed
from stripe_account import pay, usd

from malipo import ids
from malipo.contracts.commands import PaymentMethod, SavedReference
from malipo.contracts.outcomes import ActionRequired, Authorized, Canceled, Declined, Succeeded
from malipo.money import Money
from provider_kit.errors import NotSent
from testkit.operations import cancel

BACK = "https://shop.example/back"


def saving(token: str = "pm_card_visa", **changes):
    return pay(token, **{"save_method": True, "customer_ref": "customer-7"} | changes)


def again(saved, initiator: str = "merchant", **changes):
    method = PaymentMethod(type="saved", details={"id": "pm_1", "initiator": initiator}, saved=saved)
    return changed(pay(**changes), method=method)


async def saved_card(stripe, token: str = "pm_card_visa", **changes) -> SavedReference:
    operation = saving(token, **changes)
    _, outcome = await stripe.save(operation)
    if isinstance(outcome, ActionRequired):
        await stripe.decide(outcome.reference, "approve")
        outcome = await stripe.query(operation, outcome.reference)
    return outcome.saved.method


async def test_a_card_is_kept_while_it_pays_and_what_everybody_may_see_of_it_is_told(stripe):
    attempt, outcome = await stripe.save(saving())
    assert isinstance(outcome, Succeeded)
    saved = outcome.saved
    assert (saved.brand, saved.last_four) == ("visa", "4242")
    assert saved.method.reference.startswith("pm_")
    assert saved.method.holder.startswith("cus_")
    assert "4242" not in (saved.fingerprint or "4242")
    assert await stripe.provider.execute(attempt) == outcome == await stripe.provider.query(attempt)
    assert await stripe.query(attempt.operation, outcome.reference) == outcome
    assert await stripe.book() == [("charge", 1000)]


async def test_a_card_that_is_held_is_kept_too(stripe):
    _, outcome = await stripe.save(saving(capture="manual"))
    assert isinstance(outcome, Authorized)
    assert outcome.saved.last_four == "4242"


async def test_a_customer_of_a_merchant_is_one_customer_at_stripe_however_often_something_is_kept(stripe):
    first = [(await saved_card(stripe)).holder for _ in range(2)]
    other = (await saved_card(stripe, customer_ref="customer-8")).holder
    assert len({*first, other}) == 2
    assert {one["id"] for one in await stripe.listed("/v1/customers")} == {*first, other}


@pytest.mark.parametrize("age", [timedelta(), timedelta(hours=25)], ids=["key alive", "key dead"])
async def test_a_customer_whose_making_was_never_recorded_is_found_again(stripe, age):
    first = (await saved_card(stripe)).holder
    stripe.customers.known = {name: one._replace(reference=None) for name, one in stripe.customers.known.items()}
    stripe.customers.age = age
    assert (await saved_card(stripe)).holder == first
    assert [one["id"] for one in await stripe.listed("/v1/customers")] == [first]


async def test_a_customer_that_was_deleted_at_stripe_is_made_anew(stripe):
    first = (await saved_card(stripe)).holder
    headers = {"Authorization": f"Bearer {stripe.credentials['secret_key']}"}
    (await stripe.http.delete(f"/v1/customers/{first}", headers=headers)).raise_for_status()
    assert (await saved_card(stripe)).holder not in (None, first)


async def test_while_stripe_does_not_answer_about_the_customer_nothing_is_charged(stripe):
    await stripe.fault("answer_lost", match={"path": "/v1/customers"})
    attempt = stripe.attempt(saving())
    with pytest.raises(NotSent):
        await stripe.provider.prepare(attempt)
    await stripe.provider.prepare(attempt)
    assert len(await stripe.listed("/v1/customers")) == 1
    assert await stripe.book() == []


async def test_a_saved_card_is_charged_with_the_customer_there_and_by_the_merchant_alone(stripe):
    saved = await saved_card(stripe)
    for initiator in ("customer", "merchant"):
        outcome = await stripe.execute(again(saved, initiator, amount=Money(700, "USD")))
        assert (type(outcome), outcome.amount, outcome.saved) == (Succeeded, usd(700), None)
    assert await stripe.book() == [("charge", 1000), ("charge", 700), ("charge", 700)]


async def test_a_charge_by_the_merchant_that_needs_its_customer_sends_him_to_a_page_and_ends_as_he_decides(stripe):
    saved = await saved_card(stripe, "pm_card_authenticationRequired", return_url=BACK)
    for decision, end in (("approve", Succeeded), ("refuse", Declined)):
        operation = again(saved, return_url=BACK)
        waiting = await stripe.execute(operation)
        assert isinstance(waiting, ActionRequired)
        assert await stripe.query(operation, waiting.reference) == waiting
        await stripe.decide(waiting.reference, decision)
        assert isinstance(await stripe.query(operation, waiting.reference), end)
    assert await stripe.book() == [("charge", 1000), ("charge", 1000)]


async def test_a_charge_that_needs_its_customer_has_one_payment_intent_whatever_answer_is_lost(stripe):
    saved = await saved_card(stripe, "pm_card_authenticationRequired", return_url=BACK)
    for path in ("/v1/payment_intents", "/v1/payment_intents/*/confirm"):
        before = len(await stripe.listed("/v1/payment_intents"))
        operation = again(saved, return_url=BACK)
        await stripe.fault("answer_lost", match={"path": path})
        await stripe.execute(operation)
        waiting = await stripe.query(operation)
        assert isinstance(waiting, ActionRequired)
        assert len(await stripe.listed("/v1/payment_intents")) == before + 1
        await stripe.execute(cancel(operation_id=ids.new("can"), reference=waiting.reference))
        assert await stripe.query(operation, waiting.reference) == Canceled(reference=waiting.reference)


async def test_without_a_page_to_come_back_to_a_charge_that_needs_its_customer_is_declined_and_says_so(stripe):
    saved = await saved_card(stripe, "pm_card_authenticationRequired", return_url=BACK)
    outcome = await stripe.execute(again(saved))
    assert (type(outcome), outcome.code) == (Declined, "authentication_required")
    assert outcome.message.endswith("Without a return_url the customer cannot be asked.")


async def test_a_charge_that_has_expired_asks_no_customer_any_more(stripe):
    saved = await saved_card(stripe, "pm_card_authenticationRequired", return_url=BACK)
    operation = again(saved)
    declined = await stripe.execute(operation)
    expired = stripe.attempt(changed(operation, return_url=BACK), declined.reference)
    outcome = await stripe.provider.query(replace(expired, ages=expired.ages.ended()))
    assert outcome.code == "authentication_required"


async def test_an_event_of_a_card_that_was_kept_has_it_read_and_one_that_wants_the_customer_ends_nothing(stripe):
    await stripe.listen()
    saved = await saved_card(stripe, "pm_card_authenticationRequired", return_url=BACK)
    operation = again(saved, return_url=BACK)
    await stripe.execute(operation)
    told = [(one.outcomes, one.ask) for one in await stripe.parsed()]
    kept = [ask for outcomes, ask in told if any(isinstance(one.outcome, Succeeded) for one in outcomes)]
    assert [len(ask) for ask in kept] == [1]
    about = [outcome for outcomes, _ in told for outcome in outcomes if outcome.operation_id == operation.operation_id]
    assert not any(isinstance(one.outcome, Declined) for one in about)
    asked = [one.operation_id for _, ask in told for one in ask]
    assert operation.operation_id in asked


async def test_a_card_that_is_another_customers_is_declined_and_he_is_called_nothing(stripe):
    card = await stripe.post("/v1/payment_methods", **{"type": "card", "card[token]": "tok_visa"})
    _, first = await stripe.save(saving(card["id"]))
    holder = first.saved.method.holder
    _, outcome = await stripe.save(saving(card["id"], customer_ref="customer-8"))
    assert isinstance(outcome, Declined)
    assert "belongs to the Customer" in outcome.message
    assert holder not in outcome.message
    await stripe.http.delete(
        f"/v1/customers/{holder}", headers={"Authorization": f"Bearer {stripe.credentials['secret_key']}"}
    )
    gone = await stripe.execute(again(first.saved.method))
    assert (type(gone), gone.code) == (Declined, "resource_missing")
    assert holder not in gone.message


async def test_the_same_card_has_the_same_fingerprint_and_another_at_another_merchant(stripe):
    kept = [await stripe.save(saving(merchant_id=merchant)) for merchant in ("mer_1", "mer_1", "mer_2")]
    first, second, other = (outcome.saved.fingerprint for _, outcome in kept)
    assert first == second != other
