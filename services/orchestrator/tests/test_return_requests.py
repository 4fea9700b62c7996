"""A recipient's bank is asked to give a transfer back: where the rail knows that, once at a time, and by the bank's book."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from told import ALL, Told
from transferring import BACK, DONE, HELD, SILENCE, TAKEN, TRANSFER, events, transfer

from malipo import ids
from malipo.contracts.commands import RequestReturn
from malipo.contracts.events import CommandRefused, PaymentTransitioned
from malipo.contracts.outcomes import Canceled, Declined, Pending, Succeeded
from malipo.contracts.provider_commands import Charge, Query, ReturnRequest
from orchestrator.states import State, Subject, Trigger
from orchestrator.views import payment_view

GIVEN_BACK, REFUSED = Succeeded(amount=ALL, reference="rr_1"), Declined(code="refused_by_recipient", reference="rr_1")
ASKED = Pending(reference="rr_1")


def completed(rail: str = "ACH") -> Told:
    method = replace(TRANSFER, transfer=replace(TRANSFER.transfer, rail=rail))
    told = Told(method=method, configured=("bank",))
    told.report(DONE)
    return told


def ask(told: Told) -> str:
    request_id = ids.new("ret")
    told.handle(RequestReturn(payment_id=told.id, return_request_id=request_id, reason="sent twice"))
    return request_id


def answer(told: Told, request_id: str, outcome, source: str = "attempt") -> None:
    told.report(outcome, request_id, "return_request", source)


def test_it_asks_for_all_of_the_transfer_and_its_end_is_told():
    told = completed()
    request_id = ask(told)
    [command] = told.of(ReturnRequest)
    assert (command.operation_id, command.reference, command.amount, command.reason) == (
        request_id,
        "bp_1",
        ALL,
        "sent twice",
    )
    assert told.last.payment.status_reason == "return_requested"
    answer(told, request_id, ASKED)
    answer(told, request_id, GIVEN_BACK, "callback")
    assert (events(told)[-1], told.payment.state) == ("return_request.completed", State.COMPLETED)
    told.report(BACK)
    assert (events(told)[-1], told.payment.state) == ("payment.returned", State.RETURNED)


def test_the_payment_shows_the_last_request_and_what_came_of_it():
    told = completed()
    assert payment_view(told.payment).return_request is None
    first = ask(told)
    shown = told.last.payment.return_request
    assert (shown.id, shown.status, shown.reason, shown.failure) == (first, "processing", "sent twice", None)
    answer(told, first, REFUSED, "query")
    shown = told.last.payment.return_request
    assert shown == told.last.operation
    assert (shown.status, shown.failure.code) == ("failed", "refused_by_recipient")
    second = ask(told)
    assert (told.last.payment.return_request.id, told.last.payment.return_request.status) == (second, "processing")


def test_the_money_may_come_back_before_the_answer_does():
    told = completed()
    request_id = ask(told)
    told.report(BACK)
    answer(told, request_id, GIVEN_BACK)
    assert events(told)[-2:] == ["payment.returned", "return_request.completed"]
    assert not any(one.contradiction for one in told.of(PaymentTransitioned))


def test_after_a_refusal_the_payment_is_what_it_was_and_may_be_asked_for_again():
    told = completed()
    answer(told, ask(told), REFUSED)
    assert (events(told)[-1], told.payment.state) == ("return_request.failed", State.COMPLETED)
    ask(told)
    assert len(told.of(ReturnRequest)) == 2


@pytest.mark.parametrize(
    ("outcomes", "says"),
    [
        ([TAKEN], "The payment is initiated. It is not known to have arrived: cancel it"),
        ([HELD], "The payment is processing."),
        ([SILENCE], "The payment is initiated."),
        ([DONE, BACK], "Its money is back already."),
        ([Declined(code="AC04")], "No money has moved"),
        ([Canceled(reference="bp_1")], "No money has moved"),
    ],
)
def test_before_the_money_has_arrived_and_after_it_is_back_it_is_refused_with_what_is_possible(outcomes, says):
    told = transfer()
    for outcome in outcomes:
        told.report(outcome, source="attempt")
    ask(told)
    [refused] = told.of(CommandRefused)
    assert (refused.code, says in refused.detail) == ("return_request_impossible", True)


@pytest.mark.parametrize(("rail", "knows"), [("RTP", True), ("ACH", True), ("ZELLE", False), ("BOOK", False)])
def test_a_rail_that_knows_no_return_requests_says_which_do(rail, knows):
    told = completed(rail)
    ask(told)
    assert bool(told.of(ReturnRequest)) is knows
    for refused in told.of(CommandRefused):
        assert (refused.code, refused.detail) == (
            "return_request_impossible",
            f"{rail} knows no return requests; RTP and ACH do. Ask the recipient to send the money back.",
        )


def test_a_card_has_no_recipient_whose_bank_could_be_asked():
    told = Told()
    told.report(Succeeded(amount=ALL, reference="pi"))
    ask(told)
    [refused] = told.of(CommandRefused)
    assert (refused.code, "Refund it" in refused.detail) == ("return_request_impossible", True)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (None, "return_request_in_progress"),
        (ASKED, "return_request_in_progress"),
        (GIVEN_BACK, "return_request_impossible"),
    ],
)
def test_one_is_under_way_at_a_time_and_none_follows_one_that_was_granted(outcome, code):
    told = completed()
    request_id = ask(told)
    if outcome is not None:
        answer(told, request_id, outcome)
    ask(told)
    assert [one.code for one in told.of(CommandRefused)] == [code]


def test_what_nobody_answers_is_asked_about_and_decided_by_a_person():
    told = completed()
    request_id = ask(told)
    told.overdue(request_id)
    assert told.of(Query)[-1].kind == "return_request"
    told.decide(Trigger.DECIDED_FAILED, told.payment.operations[request_id])
    assert events(told)[-1] == "return_request.failed"
    answer(told, request_id, GIVEN_BACK, "callback")
    assert events(told)[-1] == "return_request.completed"


async def test_it_outlasts_the_process(orchestrator, make):
    create = make.create(method=TRANSFER, configured=("bank",))
    payment_id, request_id = create.payment_id, ids.new("ret")
    await orchestrator.handle(create, make.report(payment_id, DONE, provider="bank"))
    command = RequestReturn(payment_id=payment_id, return_request_id=request_id)
    sent = await orchestrator.handle(command)
    assert [one.operation_id for one in sent if isinstance(one, ReturnRequest)] == [request_id]
    again = await orchestrator.handle(command)
    assert not [one for one in again if isinstance(one, ReturnRequest)]
    told = await orchestrator.handle(make.report(payment_id, GIVEN_BACK, "return_request", request_id, provider="bank"))
    assert [one.public_event.type for one in told] == ["return_request.completed"]


STEPS = st.lists(
    st.sampled_from(["ask", "grant", "refuse", "books", "told", "queried", "silent", "time", "twice"]), max_size=25
)


class Walk:
    """A completed transfer and its bank, which has one return request at the most: a second one is the first."""

    def __init__(self) -> None:
        self.told, self.stands, self.charge = completed(), None, DONE

    def step(self, what: str) -> None:
        live = self.told.payment.live(Subject.RETURN_REQUEST)
        match what:
            case "ask":
                ask(self.told)
                self.stands = self.stands or (ASKED if self.told.of(ReturnRequest) else None)
            case "grant" | "refuse" if self.stands == ASKED:
                self.stands = GIVEN_BACK if what == "grant" else REFUSED
            case "books" if self.stands == GIVEN_BACK:
                self.charge = BACK
            case "told" | "queried" | "silent" | "twice":
                self.tell(what, [one.id for one in live])
            case _:
                self.pass_time(what)

    def tell(self, how: str, request_ids: list[str]) -> None:
        for request_id in request_ids * (2 if how == "twice" else 1):
            outcome = SILENCE if how == "silent" else self.stands
            answer(self.told, request_id, outcome, {"queried": "query", "silent": "attempt"}.get(how, "callback"))
        if how != "silent":
            self.told.report(self.charge)

    def pass_time(self, what: str) -> None:
        if what == "time":
            self.told.now += timedelta(hours=1)
            for subject in [name for name, due in self.told.payment.timers.items() if due]:
                self.told.overdue(subject)


@settings(max_examples=150)
@given(STEPS)
def test_whatever_is_lost_or_told_twice_each_request_ends_as_the_bank_has_it_and_the_payment_by_its_own_book(steps):
    walk = Walk()
    for what in [*steps, "queried"]:
        walk.step(what)
    told = walk.told
    assert len({one.operation_id for one in told.of(Charge)}) == 1
    assert told.payment.state is (State.RETURNED if walk.charge == BACK else State.COMPLETED)
    assert not any(one.contradiction for one in told.of(PaymentTransitioned))
    ends = {ASKED: State.PENDING, GIVEN_BACK: State.COMPLETED, REFUSED: State.FAILED}
    requests = [one for one in told.payment.operations.values() if one.subject is Subject.RETURN_REQUEST]
    assert all(one.state is ends[walk.stands] for one in requests[-1:])
    assert len([one for one in requests if one.live]) <= 1
