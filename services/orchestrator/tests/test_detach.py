"""A saved method is detached: by its merchant, or at the provider itself; nothing is paid with it from then on. And its card changes."""

import pytest
from msgspec.structs import replace
from saved_cards import PAID, PLAIN, USD_10, VISA, paying_with, told

from malipo import ids
from malipo.contracts.commands import DetachMethod
from malipo.contracts.events import CardChange, CommandRefused, PaymentTransitioned
from malipo.contracts.identity import saved_id
from malipo.contracts.message import encode
from malipo.contracts.outcomes import Authorized, Canceled, Declined, Detached, Succeeded, Unknown
from malipo.contracts.provider_commands import Detach, Query

GONE = Succeeded(amount=USD_10, reference="pi_1", saved=replace(VISA, attached=False))
RENEWED = Succeeded(amount=USD_10, reference="pi_1", saved=replace(VISA, exp_year=2034, last_four="4444"))


@pytest.fixture
async def saved(orchestrator, make):
    """The id of a payment that has saved its method."""
    create = make.create(save_method=True, customer_ref="customer-7")
    await orchestrator.handle(create, make.report(create.payment_id, PAID))
    return create.payment_id


@pytest.fixture
def detach(orchestrator, saved):
    """Ask for its detach; the command's id and what comes of it."""

    async def ask():
        command = DetachMethod(payment_id=saved, detach_id=ids.new("det"))
        return command.detach_id, await orchestrator.handle(command)

    return ask


def events(messages) -> list[str]:
    steps = [one for one in messages if isinstance(one, PaymentTransitioned)]
    return [one.public_event.type for one in steps if one.public_event]


def status(messages) -> list[str]:
    return [method.status for method in (one.payment_method for one in messages if one.payment_method)]


async def test_it_is_sent_under_the_providers_name_and_told_once_the_provider_has_done_it(
    orchestrator, make, saved, detach
):
    detach_id, [begun, command] = await detach()
    assert isinstance(command, Detach)
    assert (command.operation_id, command.reference) == (detach_id, "pm_at_stripe")
    assert (begun.payment_method.status, begun.public_event, begun.payment.status) == ("detaching", None, "completed")
    [done] = await orchestrator.handle(make.report(saved, Detached(), "detach", detach_id))
    assert (done.public_event.type, done.payment_method.status) == ("payment_method.detached", "detached")
    assert done.payment_method.detached_at == done.occurred_at
    assert (done.operation.kind, done.operation.amount, done.operation.provider_reference) == ("detach", 0, None)
    assert not any(b"at_stripe" in encode(one) for one in (begun, done))


@pytest.mark.parametrize(
    "ended", [None, Detached(), Declined(code="provider_unreachable")], ids=["asked", "done", "failed"]
)
async def test_nothing_is_paid_with_it_once_it_was_asked_for_whatever_became_of_that(
    orchestrator, make, saved, detach, ended
):
    detach_id, _ = await detach()
    if ended is not None:
        await orchestrator.handle(make.report(saved, ended, "detach", detach_id))
    [step] = await orchestrator.handle(paying_with(make, saved_id(saved)))
    assert (step.to_state, step.payment.failure.code) == ("failed", "method_unavailable")


async def test_what_the_provider_declines_is_told_and_may_be_asked_for_once_more(orchestrator, make, saved, detach):
    first, _ = await detach()
    [failed] = await orchestrator.handle(make.report(saved, Declined(code="resource_missing"), "detach", first))
    assert (failed.public_event.type, failed.payment_method.status) == (
        "payment_method.detach_failed",
        "detach_failed",
    )
    assert failed.payment_method.failure.code == "resource_missing"
    second, [begun, command] = await detach()
    assert (command.operation_id, begun.payment_method.status) == (second, "detaching")
    [done] = await orchestrator.handle(make.report(saved, Detached(), "detach", second))
    assert (done.payment_method.status, done.payment_method.failure) == ("detached", None)


async def test_another_one_beside_it_or_after_it_is_refused(orchestrator, make, saved, detach):
    detach_id, _ = await detach()
    for ended in (False, True):
        if ended:
            await orchestrator.handle(make.report(saved, Detached(), "detach", detach_id))
        _, [refused] = await detach()
        assert isinstance(refused, CommandRefused)
        assert refused.code == "payment_method_detached"


async def test_a_doubt_is_asked_about_by_the_methods_name_and_ended_by_the_answer(orchestrator, make, saved, detach):
    detach_id, _ = await detach()
    step, query = await orchestrator.handle(make.report(saved, Unknown(reason="silence"), "detach", detach_id))
    assert (step.to_state, step.payment_method.status) == ("in_doubt", "detaching")
    assert isinstance(query, Query)
    assert (query.kind, query.operation_id, query.reference) == ("detach", detach_id, "pm_at_stripe")
    [done] = await orchestrator.handle(make.report(saved, Detached(), "detach", detach_id, source="query"))
    assert done.public_event.type == "payment_method.detached"


async def test_one_that_was_made_at_the_provider_is_told_once_however_often_it_shows(orchestrator, make, saved):
    [opened] = await orchestrator.handle(make.report(saved, GONE, source="query"))
    assert (opened.public_event.type, opened.operation.opened_by) == ("payment_method.detached", "provider")
    assert opened.payment_method.status == "detached"
    assert await orchestrator.handle(make.report(saved, GONE, source="query")) == []
    [step] = await orchestrator.handle(paying_with(make, saved_id(saved)))
    assert step.payment.failure.code == "method_unavailable"


@pytest.mark.parametrize("order", [("read", "answer"), ("answer", "read")], ids=" ".join)
async def test_one_of_ours_that_shows_at_the_provider_too_is_told_once_in_either_order(
    orchestrator, make, saved, detach, order
):
    detach_id, _ = await detach()
    reports = {
        "read": make.report(saved, GONE, source="query"),
        "answer": make.report(saved, Detached(), "detach", detach_id),
    }
    messages = [await orchestrator.handle(reports[one]) for one in order]
    assert [events(one) for one in messages] == [["payment_method.detached"], []]


async def test_one_that_failed_here_and_was_made_there_is_done(orchestrator, make, saved, detach):
    detach_id, _ = await detach()
    await orchestrator.handle(make.report(saved, Declined(code="provider_unreachable"), "detach", detach_id))
    [done] = await orchestrator.handle(make.report(saved, GONE, source="query"))
    assert (done.operation.id, done.payment_method.status) == (detach_id, "detached")


async def test_somebody_elses_detach_before_ours_makes_its_late_refusal_no_contradiction(
    orchestrator, make, saved, detach
):
    detach_id, _ = await detach()
    await orchestrator.handle(make.report(saved, GONE, source="query"))
    late = make.report(saved, Declined(code="provider_unreachable"), "detach", detach_id)
    assert await orchestrator.handle(late) == []


async def test_another_card_is_told_with_what_it_was_and_the_same_one_is_no_news(orchestrator, make, saved):
    [changed] = await orchestrator.handle(make.report(saved, RENEWED, source="query"))
    assert changed.public_event.type == "payment_method.updated"
    method = changed.payment_method
    assert (method.card.last_four, method.card.exp_year, method.card.exp_month) == ("4444", 2034, 8)
    assert method.changed == CardChange(at=changed.occurred_at, last_four="4242", exp_year=2030)
    assert await orchestrator.handle(make.report(saved, RENEWED, source="query")) == []
    assert await orchestrator.handle(make.report(saved, PLAIN, source="callback")) == []


async def test_a_change_and_a_detach_that_are_seen_at_once_are_both_told_in_order(orchestrator, make, saved):
    gone = replace(RENEWED, saved=replace(RENEWED.saved, attached=False))
    messages = await orchestrator.handle(make.report(saved, gone, source="query"))
    assert events(messages) == ["payment_method.updated", "payment_method.detached"]
    assert status(messages) == ["active", "detached"]


async def test_what_a_changed_card_was_is_kept_with_the_method(orchestrator, make, saved, detach):
    await orchestrator.handle(make.report(saved, RENEWED, source="query"))
    _, [begun, _] = await detach()
    assert (begun.payment_method.card.last_four, begun.payment_method.changed.last_four) == ("4444", "4242")


async def test_a_method_of_a_hold_that_was_released_is_saved_and_followed_too(orchestrator, make):
    create = make.create(save_method=True, customer_ref="customer-7", capture="manual")
    await orchestrator.handle(create)
    held = Authorized(amount=USD_10, reference="pi_1")
    released = Canceled(reference="pi_1", saved=VISA)
    await orchestrator.handle(make.report(create.payment_id, held, source="callback"))
    end, kept = await orchestrator.handle(make.report(create.payment_id, released, source="query"))
    assert (end.to_state, told([kept])[0][1]) == ("canceled", "payment_method.saved")
    changed = replace(released, saved=RENEWED.saved)
    gone = replace(released, saved=replace(RENEWED.saved, attached=False))
    messages = [
        *await orchestrator.handle(make.report(create.payment_id, changed, source="query")),
        *await orchestrator.handle(make.report(create.payment_id, gone, source="query")),
    ]
    assert events(messages) == ["payment_method.updated", "payment_method.detached"]


async def test_a_method_that_is_no_customers_from_the_first_is_never_kept(orchestrator, make):
    create = make.create(save_method=True, customer_ref="customer-7")
    await orchestrator.handle(create)
    assert told(await orchestrator.handle(make.report(create.payment_id, GONE))) == []
