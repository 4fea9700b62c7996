"""Saved cards that are detached at the simulated Stripe, by us or by others, and cards that their network replaces."""

from dataclasses import replace
from datetime import timedelta

import pytest
from stripe_account import pay
from structlog.testing import capture_logs

from malipo import ids
from malipo.contracts.outcomes import Canceled, Declined, Detached, Succeeded, Unknown
from provider_kit import exchanges
from provider_stripe.provider import REPLAY_LIMIT
from testkit.operations import cancel, detach


@pytest.fixture
async def kept(stripe):
    """A charge that has kept its card, and what Stripe calls that."""
    operation = pay(save_method=True, customer_ref="customer-7")
    _, outcome = await stripe.save(operation)
    return operation, outcome.reference, outcome.saved.method.reference


def ours(reference: str):
    return detach(operation_id=ids.new("det"), reference=reference)


async def holder(stripe, reference: str) -> str | None:
    return (await stripe.read(f"payment_methods/{reference}"))["customer"]


async def network(stripe, reference: str, **card) -> None:
    (await stripe.http.post(f"/_sim/payment_methods/{reference}/network", json=card)).raise_for_status()


async def test_it_is_no_customers_any_more_and_every_repeat_says_so(stripe, kept):
    operation = ours(kept[2])
    assert await stripe.execute(operation) == Detached()
    assert await holder(stripe, kept[2]) is None
    assert await stripe.provider.execute(stripe.attempt(operation)) == Detached()
    assert await stripe.query(operation) == Detached()


async def test_one_that_somebody_else_has_detached_is_detached(stripe, kept):
    await stripe.post(f"/v1/payment_methods/{kept[2]}/detach", **{"expand[]": "customer"})
    for operation in (ours(kept[2]), ours(kept[2])):
        assert await stripe.execute(operation) == Detached()


async def test_one_that_stripe_does_not_know_is_declined_and_called_nothing(stripe):
    outcome = await stripe.execute(ours("pm_unknown"))
    assert (type(outcome), outcome.code, outcome.reference) == (Declined, "resource_missing", None)


async def test_a_lost_answer_is_a_doubt_that_reading_ends(stripe, kept):
    operation = ours(kept[2])
    await stripe.fault("answer_lost", match={"path": "/v1/payment_methods/*/detach"})
    assert isinstance(await stripe.execute(operation), Unknown)
    assert await stripe.query(operation) == Detached()


async def test_one_that_never_reached_stripe_is_sent_by_the_query_under_its_key(stripe, kept):
    operation = ours(kept[2])
    assert await stripe.query(operation) == Detached()
    assert await holder(stripe, kept[2]) is None


async def test_once_the_key_may_be_dead_it_is_only_read(stripe, kept):
    attempt = stripe.attempt(ours(kept[2]))
    old = replace(attempt, ages=replace(attempt.ages, key_age=REPLAY_LIMIT + timedelta(minutes=1)))
    assert isinstance(await stripe.provider.query(old), Unknown)
    assert await holder(stripe, kept[2]) is not None
    dead = replace(attempt, ages=replace(attempt.ages, key_age=timedelta(hours=25)))
    assert isinstance(await stripe.provider.query(dead), Declined)


async def test_no_exchange_and_no_log_has_stripes_name_of_it(stripe, kept):
    with exchanges.recorded(), capture_logs() as lines:
        await stripe.execute(ours(kept[2]))
        await stripe.query(ours(kept[2]))
        shown = f"{exchanges.made()}{lines}"
    assert kept[2] not in shown


async def test_what_is_detached_is_seen_by_a_query_of_the_charge_that_kept_it(stripe, kept):
    operation, reference, method = kept
    assert (await stripe.query(operation, reference)).saved.attached
    await stripe.execute(ours(method))
    saved = (await stripe.query(operation, reference)).saved
    assert (saved.attached, saved.method.reference, saved.last_four) == (False, method, "4242")


async def test_another_card_of_its_network_is_seen_by_a_query_of_the_charge_that_kept_it(stripe, kept):
    operation, reference, method = kept
    before = (await stripe.query(operation, reference)).saved
    await network(stripe, method, last4="1881", exp_year=2040)
    after = (await stripe.query(operation, reference)).saved
    assert (after.last_four, after.exp_year, after.exp_month) == ("1881", 2040, before.exp_month)
    assert after.fingerprint != before.fingerprint


async def test_a_method_of_a_hold_that_was_released_is_seen_too(stripe):
    operation = pay(save_method=True, customer_ref="customer-7", capture="manual")
    _, held = await stripe.save(operation)
    await stripe.execute(cancel(operation_id=ids.new("can"), reference=held.reference))
    outcome = await stripe.query(operation, held.reference)
    assert isinstance(outcome, Canceled)
    assert outcome.saved == held.saved


async def test_the_charge_is_found_by_its_methods_name_from_then_on(stripe):
    attempt, outcome = await stripe.save(pay(save_method=True, customer_ref="customer-7"))
    assert ("payment_method", outcome.saved.method.reference) in attempt.references.noted
    plain = stripe.attempt(pay())
    assert isinstance(await stripe.provider.execute(replace(plain, first_sent_at=None)), Succeeded)
    assert plain.references.noted == []


@pytest.mark.parametrize("what", ["detached", "updated", "automatically_updated"])
async def test_each_event_about_a_method_has_what_kept_it_asked_about_and_says_nothing_else(stripe, kept, what):
    await stripe.listen()
    if what == "detached":
        (await stripe.http.post(f"/_sim/payment_methods/{kept[2]}/detach", json={})).raise_for_status()
    elif what == "updated":
        await stripe.post(f"/v1/payment_methods/{kept[2]}", **{"card[exp_year]": "2040"})
    else:
        await network(stripe, kept[2], exp_year=2040)
    [told] = await stripe.parsed()
    by_name = {(one.operation_id, one.references["payment_method"], one.perhaps) for one in told.ask}
    assert (by_name, [one.kind for one in told.ask]) == ({(None, kept[2], True)}, ["charge", "setup"])
    assert not any((told.outcomes, told.unmatched, told.opened, told.received))
