"""When the provider is asked next about what is in doubt."""

from datetime import timedelta

from told import Told

from malipo.contracts.outcomes import ActionRequired, PhonePrompt, Unknown
from malipo.contracts.provider_commands import Query
from orchestrator.states import State


def doubted(times: int, **doubt) -> Told:
    """A prompt's charge that was asked about so often, and each time answered with this doubt."""
    told = Told()
    told.report(ActionRequired(action=PhonePrompt("2547*****111")), source="attempt")
    for _ in range(times):
        told.overdue(told.id)
        told.report(Unknown(reason="result 1037", **doubt), source="query")
    assert told.payment.state is State.IN_DOUBT
    return told


def wait(told: Told) -> timedelta:
    return told.payment.timers[told.id] - told.now


def test_a_doubt_is_asked_about_when_the_provider_may_know_more_though_queries_come_ever_less_often():
    assert wait(doubted(9)) > timedelta(minutes=5)
    assert wait(doubted(9, check_after=100)) == timedelta(seconds=100)


def test_a_doubt_is_not_asked_about_later_than_it_would_be_anyway():
    assert wait(doubted(2, check_after=3600)) == wait(doubted(2))


def test_a_doubt_waits_for_the_answer_to_a_query_that_is_under_way():
    told = doubted(2, check_after=1)
    told.overdue(told.id)
    assert isinstance(told.sent[-1], Query)
    assert wait(told) >= timedelta(seconds=30)
