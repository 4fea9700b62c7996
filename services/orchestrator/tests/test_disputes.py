"""Disputes and warnings of fraud: in whichever order they are reported, what the merchant is told, and what of the payment can still be refunded."""

from datetime import timedelta
from itertools import permutations

import pytest
from msgspec.structs import replace
from told import DECLINED, PAID, Told

from malipo import ids
from malipo.contracts.commands import RefundPayment
from malipo.contracts.events import CommandRefused, PaymentTransitioned, event_body
from malipo.contracts.identity import opened_id
from malipo.contracts.outcomes import Disputed, OperationOpened, OutcomeReported, Succeeded, Unknown
from malipo.contracts.provider_commands import Query, Refund
from malipo.money import Money
from orchestrator.states import State, Trigger

USD_10 = Money(1000, "USD")
OPEN = Disputed(reference="du_1", amount=USD_10, status="needs_response", reason="fraudulent")
TAKEN = replace(OPEN, withdrawn=True)
ANSWERED = replace(TAKEN, status="under_review")
WON, LOST = replace(ANSWERED, status="won", withdrawn=False), replace(ANSWERED, status="lost")
INQUIRY = replace(OPEN, status="warning_needs_response")


class Disputable(Told):
    """A payment of 10.00 USD, and its dispute `du_1`."""

    def __init__(self, charged=PAID, **changes) -> None:
        super().__init__(**changes)
        if charged:
            self.report(charged)
        self.opened_at = self.now - timedelta(seconds=5)

    def dispute(self, outcome: Disputed, source="callback") -> list:
        return self.handle(
            OperationOpened(
                payment_id=self.id, kind="dispute", provider="stripe", reference=outcome.reference, amount=outcome.amount,
                outcome=outcome, opened_at=self.opened_at, observed_at=self.now, reason=outcome.reason, source=source,
            )
        )  # fmt: skip

    def dispute_id(self, reference="du_1") -> str:
        return opened_id("dis", self.opened_at, self.id, "stripe", reference)

    def answer(self, outcome, reference="du_1") -> list:
        """The provider's answer to a query about the dispute."""
        return self.report(outcome, self.dispute_id(reference), kind="dispute", source="query")

    def refund(self, amount_minor=None, **more) -> list:
        return self.handle(
            RefundPayment(payment_id=self.id, refund_id=ids.new("ref"), amount_minor=amount_minor, **more)
        )

    def events(self) -> list[str]:
        published = [one.public_event for one in self.of(PaymentTransitioned) if one.operation is not None]
        return [event.type for event in published if event]

    def view(self):
        return self.last.payment


def refused(messages: list) -> str | None:
    return next((one.code for one in messages if isinstance(one, CommandRefused)), None)


def test_a_dispute_is_told_with_its_deadline_and_its_reason_and_shown_with_the_payment():
    paid, until = Disputable(), Disputable().now + timedelta(days=7)
    [opened] = paid.dispute(replace(TAKEN, respond_by=until))
    dispute = event_body(opened)["data"]["dispute"]
    assert (opened.public_event.type, dispute["id"], dispute["kind"]) == (
        "dispute.opened",
        paid.dispute_id(),
        "dispute",
    )
    assert (dispute["status"], dispute["reason"], dispute["withdrawn"]) == ("needs_response", "fraudulent", True)
    assert (dispute["amount"], dispute["currency"], dispute["opened_by"]) == (1000, "USD", "provider")
    assert dispute["respond_by"] is not None
    assert (opened.payment.status, opened.payment.status_reason, opened.payment.amount_disputed) == ("completed", "disputed", 1000)  # fmt: skip
    assert opened.deadline is not None, "it is asked about"


@pytest.mark.parametrize("reports", list(permutations((OPEN, TAKEN, ANSWERED, LOST))))
def test_in_whichever_order_a_dispute_is_reported_its_end_is_the_same(reports):
    paid = Disputable()
    for one in reports:
        paid.dispute(one)
    operation = paid.payment.operations[paid.dispute_id()]
    assert (operation.state, operation.dispute) == (State.LOST, LOST)
    assert (paid.events()[0], paid.events()[-1]) == ("dispute.opened", "dispute.lost")
    assert (paid.view().amount_disputed, paid.view().status_reason) == (1000, None)


def test_a_dispute_that_is_over_when_it_is_first_heard_of_is_opened_and_ended():
    paid = Disputable()
    paid.dispute(WON)
    assert paid.events() == ["dispute.opened", "dispute.won"]
    assert (paid.view().amount_disputed, refused(paid.refund())) == (0, None)


def test_the_same_report_twice_changes_nothing():
    paid = Disputable()
    paid.dispute(TAKEN)
    assert paid.dispute(TAKEN) == []
    assert paid.answer(TAKEN) == []


def test_an_answer_is_believed_also_where_it_goes_back_as_a_report_that_comes_unasked_is_not():
    paid = Disputable()
    paid.dispute(ANSWERED)
    assert paid.dispute(OPEN) == []
    [changed] = paid.answer(replace(OPEN, respond_by=paid.now))
    assert (changed.public_event.type, changed.operation.status) == ("dispute.updated", "needs_response")


def test_a_bank_may_decide_anew():
    paid = Disputable()
    paid.dispute(LOST)
    assert paid.dispute(WON) == []  # which of the two is of now, the provider's service asks
    [won] = paid.answer(WON)
    assert (won.public_event.type, won.payment.amount_disputed) == ("dispute.won", 0)
    [again] = paid.answer(replace(TAKEN, status="under_review"))
    assert (again.to_state, again.public_event.type, again.payment.amount_disputed) == (
        "pending",
        "dispute.updated",
        1000,
    )
    assert again.deadline is not None


def test_an_open_dispute_is_asked_about_ever_less_often_and_an_answer_that_says_nothing_changes_nothing():
    paid = Disputable()
    paid.dispute(TAKEN)
    waits = []
    for _ in range(14):
        [step, query] = paid.overdue(paid.dispute_id())
        assert isinstance(query, Query)
        assert (query.kind, query.reference, query.opened.amount, query.opened.charge) == (
            "dispute",
            "du_1",
            USD_10,
            "pi",
        )
        assert paid.answer(Unknown(reason="http 404")) == []
        waits.append(step.deadline - paid.now)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(minutes=2), timedelta(days=1))


def test_while_a_dispute_is_open_a_refund_is_refused_and_the_refusal_says_what_is_possible():
    paid, until = Disputable(), Disputable().now + timedelta(days=7)
    paid.dispute(replace(TAKEN, amount=Money(600, "USD"), respond_by=until))
    [why] = paid.refund(300)
    assert why.code == "payment_disputed"
    assert "600 (minor units of USD)" in why.detail
    assert "400 (minor units of USD) of the payment is neither disputed nor refunded" in why.detail
    assert f"until {until:%Y-%m-%dT%H:%M:%S}" in why.detail
    assert "despite_dispute" in why.detail
    [_, command] = paid.refund(300, despite_dispute=True)
    assert isinstance(command, Refund)
    assert refused(paid.refund(701, despite_dispute=True)) == "refund_exceeds_captured"


def test_beside_a_dispute_that_is_lost_and_an_inquiry_it_says_what_the_open_one_has_left():
    paid = Disputable()
    paid.dispute(replace(LOST, amount=Money(400, "USD")))
    paid.dispute(replace(INQUIRY, reference="du_2"))
    paid.dispute(replace(TAKEN, reference="du_3", amount=Money(300, "USD")))
    [why] = paid.refund(100)
    assert (why.code, paid.view().amount_disputed) == ("payment_disputed", 700)
    assert "A dispute over 300 (minor units of USD) is open" in why.detail
    assert "300 (minor units of USD) of the payment is neither disputed nor refunded" in why.detail


def test_an_inquiry_has_taken_nothing_and_says_that_a_refund_may_settle_it():
    paid = Disputable()
    paid.dispute(INQUIRY)
    assert paid.view().amount_disputed == 0
    [why] = paid.refund()
    assert (why.code, "has taken nothing yet; a refund may settle that" in why.detail) == ("payment_disputed", True)
    paid.dispute(replace(INQUIRY, status="warning_closed"))
    assert paid.events() == ["dispute.opened", "dispute.won"]
    assert refused(paid.refund()) is None


def test_what_is_lost_cannot_be_refunded_and_what_is_won_can():
    paid = Disputable()
    paid.dispute(replace(TAKEN, amount=Money(600, "USD")))
    paid.dispute(replace(LOST, amount=Money(600, "USD")))
    [why] = paid.refund(401)
    assert (paid.view().amount_disputed, why.code) == (600, "refund_exceeds_captured")
    assert why.detail == "400 of 1000 (minor units of USD) can be refunded. Lost disputes have taken 600."
    paid.answer(replace(WON, amount=Money(600, "USD")))
    assert (paid.view().amount_disputed, refused(paid.refund(1000))) == (0, None)


def test_a_refund_that_was_under_way_when_the_dispute_opened_comes_to_its_end():
    paid = Disputable()
    [_, command] = paid.refund(400)
    paid.dispute(replace(TAKEN, amount=Money(1000, "USD")))
    [done] = paid.report(Succeeded(amount=command.amount, reference="re_1"), command.operation_id, kind="refund")
    assert (done.payment.amount_refunded, done.payment.amount_disputed) == (400, 1000)
    paid.dispute(LOST)
    assert paid.payment.refundable_minor == 0


@pytest.mark.parametrize("amount", [Money(1080, "USD"), Money(5, "EUR"), Money(99_999_999, "JPY")])
def test_an_amount_beyond_the_payment_or_in_another_currency_counts_as_all_of_it(amount):
    paid = Disputable()
    [opened] = paid.dispute(replace(TAKEN, amount=amount))
    assert (opened.operation.amount, opened.operation.currency) == (amount.amount_minor, amount.currency)
    assert opened.payment.amount_disputed == 1000
    paid.dispute(replace(LOST, amount=amount))
    assert (paid.view().amount_disputed, paid.payment.refundable_minor) == (1000, 0)


def test_two_disputes_of_one_payment_count_together_and_each_blocks_refunds():
    paid = Disputable()
    for number, amount in enumerate((400, 500)):
        paid.dispute(replace(TAKEN, reference=f"du_{number}", amount=Money(amount, "USD")))
    assert paid.view().amount_disputed == 900
    paid.dispute(replace(LOST, reference="du_0", amount=Money(400, "USD")))
    assert refused(paid.refund(100)) == "payment_disputed"
    paid.dispute(replace(WON, reference="du_1", amount=Money(500, "USD")))
    assert (refused(paid.refund(601)), refused(paid.refund(600))) == ("refund_exceeds_captured", None)


@pytest.mark.parametrize(("withdrawn", "told"), [(True, "dispute.lost"), (False, "dispute.won")])
def test_a_dispute_that_was_prevented_is_lost_if_the_money_is_gone(withdrawn, told):
    paid = Disputable()
    paid.dispute(replace(OPEN, status="prevented", withdrawn=withdrawn))
    assert paid.events() == ["dispute.opened", told]


def test_a_dispute_that_overtakes_the_report_of_the_payment_counts_once_that_is_there():
    paid = Disputable(charged=None)
    [opened] = paid.dispute(TAKEN)
    assert (opened.payment.status, opened.payment.amount_disputed) == ("processing", 0)
    paid.report(PAID)
    assert (paid.last.payment.status_reason, paid.last.payment.amount_disputed) == ("disputed", 1000)


def test_late_money_is_not_given_back_by_itself_while_it_is_disputed():
    late = Disputable(charged=DECLINED, late_payments="refund")
    late.dispute(TAKEN)
    late.report(PAID)
    assert (late.last.payment.status, late.of(Refund)) == ("completed", [])


@pytest.mark.parametrize(("trigger", "event", "disputed"), [(Trigger.DECIDED_COMPLETED, "dispute.lost", 1000), (Trigger.DECIDED_FAILED, "dispute.won", 0)])  # fmt: skip
def test_a_person_ends_a_dispute_of_which_the_provider_tells_nothing_any_more(trigger, event, disputed):
    paid = Disputable()
    paid.dispute(TAKEN)
    [ended] = paid.decide(trigger, paid.payment.operations[paid.dispute_id()])
    assert (ended.public_event.type, ended.payment.amount_disputed, ended.operation.status) == (
        event,
        disputed,
        event[8:],
    )


def test_a_warning_of_fraud_is_told_once_of_the_payment_and_changes_nothing():
    paid = Disputable()
    warning = OperationOpened(
        payment_id=paid.id, kind="fraud_warning", provider="stripe", reference="issfr_1", opened_at=paid.opened_at,
        observed_at=paid.now, reason="unauthorized_use_of_card",
    )  # fmt: skip
    [told] = paid.handle(warning)
    body = event_body(told)
    assert (body["type"], body["data"]["payment"]["status"]) == ("payment.fraud_warning", "completed")
    shown = body["data"]["fraud_warning"]
    assert (shown["reason"], shown["status"], shown["opened_by"]) == (
        "unauthorized_use_of_card",
        "completed",
        "provider",
    )
    assert (shown["provider_reference"], shown["amount"], told.deadline) == ("issfr_1", 1000, None)
    assert paid.handle(warning) == []
    assert (paid.payment.refundable_minor, refused(paid.refund(400))) == (1000, None)


async def test_a_dispute_is_kept_in_the_database_as_it_was_told(orchestrator, make):
    create = make.create()
    await orchestrator.handle(create, make.paid(create.payment_id))
    at = ids.made_at(create.payment_id)
    report = OperationOpened(
        payment_id=create.payment_id, kind="dispute", provider="stripe", reference="du_1", amount=Money(1234, "EUR"),
        outcome=replace(TAKEN, amount=Money(1234, "EUR"), respond_by=at), opened_at=at, observed_at=at,
    )  # fmt: skip
    [opened] = await orchestrator.handle(report)
    refund = RefundPayment(payment_id=create.payment_id, refund_id=ids.new("ref"))
    assert refused(await orchestrator.handle(refund)) == "payment_disputed"
    told = OutcomeReported(
        payment_id=create.payment_id, operation_id=opened.operation.id, kind="dispute", provider="stripe",
        outcome=replace(LOST, amount=Money(1234, "EUR")), source="query", step=opened.step, observed_at=at,
    )  # fmt: skip
    [lost] = await orchestrator.handle(told)
    assert (lost.public_event.type, lost.operation.currency, lost.payment.amount_disputed) == (
        "dispute.lost",
        "EUR",
        1000,
    )
    assert await orchestrator.handle(told) == []
