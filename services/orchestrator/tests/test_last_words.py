"""A provider's last word that nobody understands, or that does not fit, is a doubt: there is nothing left to wait for."""

from datetime import timedelta

import pytest
from told import ALL, DECLINED, PAID, Told

from malipo import ids
from malipo.contracts.commands import RefundPayment
from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    PAYER_MISMATCH,
    ActionRequired,
    Declined,
    Pending,
    PhonePrompt,
    Succeeded,
    Unknown,
)
from orchestrator.states import State, Trigger

NOT_UNDERSTOOD = Unknown(reason="result R000001")


def refunded() -> tuple[Told, str]:
    """A paid payment, and a refund of it that was sent."""
    told, refund_id = Told(), ids.new("ref")
    told.report(PAID)
    told.handle(RefundPayment(payment_id=told.id, refund_id=refund_id))
    return told, refund_id


def expired() -> Told:
    """A charge whose customer was still being asked at its expiry: the provider works on it."""
    told = Told()
    told.report(ActionRequired(action=PhonePrompt("2547*****111")), source="attempt")
    told.now += timedelta(minutes=16)
    told.overdue(told.id)
    told.report(Pending(), source="query")
    assert told.payment.state is State.PENDING
    return told


def test_a_refunds_result_that_is_not_understood_is_a_doubt_whatever_queries_say_of_work():
    told, refund_id = refunded()
    told.report(Pending(), refund_id, "refund", "attempt")
    told.report(NOT_UNDERSTOOD, refund_id, "refund", "callback")
    for _ in range(10):
        told.now += timedelta(days=1)
        told.overdue(refund_id)
        told.report(Pending(), refund_id, "refund", "query")  # the question was accepted
    refund = told.payment.operations[refund_id]
    assert refund.state is State.IN_DOUBT
    assert told.now - refund.in_doubt_since > timedelta(days=9)


def test_a_result_that_overtakes_the_answer_to_its_request_is_a_doubt_all_the_same():
    told, refund_id = refunded()
    told.report(NOT_UNDERSTOOD, refund_id, "refund", "callback")
    told.report(Pending(), refund_id, "refund", "attempt")
    assert told.payment.operations[refund_id].state is State.IN_DOUBT


@pytest.mark.parametrize(
    ("end", "state"),
    [(Succeeded(amount=ALL), State.COMPLETED), (Declined(code="refund_failed"), State.FAILED)],
)
def test_a_clear_word_ends_it(end, state):
    told, refund_id = refunded()
    told.report(Pending(), refund_id, "refund", "attempt")
    told.report(NOT_UNDERSTOOD, refund_id, "refund", "callback")
    told.report(end, refund_id, "refund", "callback")
    assert told.payment.operations[refund_id].state is state


@pytest.mark.parametrize("misfit", [AMOUNT_MISMATCH, PAYER_MISMATCH])
def test_a_charge_that_does_not_fit_is_a_doubt_also_after_its_expiry(misfit):
    told = expired()
    told.report(Unknown(reason=misfit), source="query")
    assert told.payment.state is State.IN_DOUBT
    assert told.last.cause.trigger == Trigger.UNCLEAR
    told.report(DECLINED)
    assert told.payment.state is State.FAILED


def test_a_query_that_shows_nothing_makes_no_doubt_of_what_is_pending():
    told = expired()
    told.report(Unknown(reason="http 500"), source="query")
    assert told.payment.state is State.PENDING
