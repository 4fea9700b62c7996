"""What a decline says of charging the same method again: told with the payment's end, and kept."""

from datetime import timedelta

import msgspec
import pytest

from malipo.contracts.events import Failure
from malipo.contracts.outcomes import Declined
from malipo.contracts.retry import RetryAdvice


async def test_what_a_decline_says_of_the_next_try_is_told_and_kept_with_our_time(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create)
    told = RetryAdvice(advice="try_again_later", after_seconds=86_400, network_decline_code="51")
    [end] = await orchestrator.handle(make.report(create.payment_id, Declined(code="insufficient_funds", retry=told)))
    retry = end.payment.failure.retry
    assert (retry.advice, retry.network_decline_code, retry.network_advice_code) == ("try_again_later", "51", None)
    assert retry.not_before == end.occurred_at + timedelta(days=1)
    kept = (await orchestrator.payment(create.payment_id))["failure"]
    assert msgspec.convert(kept, Failure) == end.payment.failure
    [corrected] = await orchestrator.handle(make.paid(create.payment_id))
    assert corrected.payment.failure is None


@pytest.mark.parametrize("again", [None, RetryAdvice(advice="try_again_later")], ids=["nothing", "another"])
async def test_that_a_method_is_not_to_be_charged_again_is_not_lost_to_a_later_report(orchestrator, make, again):
    create = make.create()
    await orchestrator.handle(create)
    never = Declined(code="lost_card", retry=RetryAdvice(advice="do_not_try_again", network_advice_code="03"))
    [end] = await orchestrator.handle(make.report(create.payment_id, never))
    assert end.payment.failure.retry.advice == "do_not_try_again"
    repeat = make.report(create.payment_id, Declined(code="lost_card", retry=again), source="callback")
    assert await orchestrator.handle(repeat) == []
    kept = (await orchestrator.payment(create.payment_id))["failure"]
    assert kept["retry"]["advice"] == "do_not_try_again"


async def test_a_provider_that_says_nothing_of_the_next_try_says_nothing(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create)
    [end] = await orchestrator.handle(make.report(create.payment_id, Declined(code="declined")))
    assert end.payment.failure.retry is None
