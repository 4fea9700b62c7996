"""Whatever a provider's service holds for however long, nothing is sent after a person had it failed, and no more goes back than came."""

import pytest
from holding import STEPS, HeldWalk
from hypothesis import find, given, settings
from hypothesis import strategies as st

from orchestrator import decisions
from orchestrator.states import State

WALKS = st.tuples(
    st.booleans(), st.booleans(), st.sampled_from(["automatic", "manual"]), st.sampled_from(["keep", "refund"]),
    st.lists(STEPS, max_size=20),
)  # fmt: skip


def walked(honest, paid, capture, late, steps) -> HeldWalk:
    """The walk at its end; `honest` is that persons decide as the book has it, `paid` that the charge is carried out at first."""
    walk = HeldWalk(honest=honest, capture=capture, late_payments=late)
    if paid:
        walk.work("done")
    for step in steps:
        walk.step(step)
    return walk


@settings(max_examples=600, deadline=None)
@given(WALKS)
def test_nothing_is_sent_after_a_person_had_it_failed_and_no_more_goes_back_than_was_taken(walk):
    walked(*walk)


def test_a_walk_notices_that_something_is_decided_which_may_still_be_sent(monkeypatch):
    monkeypatch.setattr(decisions, "_perhaps_not_sent_yet", lambda *_: "")
    found = find(WALKS, fails, settings=settings(max_examples=5000, derandomize=True, deadline=None))
    with pytest.raises(AssertionError, match=r"it was sent after a person had it failed|more went back than was taken"):
        walked(*found)


def fails(walk) -> bool:
    try:
        walked(*walk)
    except AssertionError:
        return True
    return False


@settings(max_examples=200, deadline=None)
@given(WALKS.map(lambda walk: (True, *walk[1:])))
def test_what_persons_have_decided_as_the_book_has_it_agrees_with_that_in_the_end(walk):
    told = walked(*walk)
    told.come_to_rest()
    assert not any(told.payment.timers.values()), "something is still waited for"
    assert (told.payment.state is State.COMPLETED) == (told.book.charge == "taken")
    assert (told.payment.state is State.RETURNED) == (told.book.charge == "back")
    assert told.payment.refunded_minor == told.book.refunded_minor


def test_a_refund_that_is_held_is_withdrawn_when_the_money_goes_back_though_the_first_withdrawal_is_lost():
    walk = HeldWalk(honest=True)
    walk.work("done")
    walk.request("refund")
    for step in (("deliver",), ("bank",), ("lose",), ("overdue", 1), ("deliver",), ("tell",)):
        walk.step(step)
    [refund] = walk.payment.operations.values()
    assert (refund.state, refund.failure.code, walk.book.refunds) == (State.FAILED, "payment_returned", {})
    walk.come_to_rest()
    assert walk.book.refunds == {}
