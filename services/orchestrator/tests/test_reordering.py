"""Genuine outcomes, in whatever order they arrive, lead to the right end and are no contradiction."""

from itertools import groupby, permutations

import msgspec
import pytest

from malipo import clock, ids
from malipo.contracts.commands import (
    CancelPayment,
    CapturePayment,
    CreatePayment,
    PaymentMethod,
    RefundPayment,
    Transfer,
)
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import (
    ActionRequired,
    Approval,
    Approved,
    Authorized,
    Canceled,
    Declined,
    OutcomeReported,
    Pending,
    Redirect,
    Reversed,
    Succeeded,
)
from malipo.money import Money
from orchestrator import handlers
from orchestrator.advance import Fold
from orchestrator.payment import Payment
from testkit.operations import card

ALL, PART = Money(1000, "USD"), Money(400, "USD")
ACTION_REQUIRED = ActionRequired(action=Redirect("https://bank.test"), reference="pi")
WORKS, HELD, PAID = (
    Pending(reference="pi"),
    Authorized(amount=ALL, reference="pi"),
    Succeeded(amount=ALL, reference="pi"),
)
TAKEN, WAITS = Pending(reference="pi", begun=False), Pending(reference="pi", reason="HELD")
DECLINED, CANCELED = Declined(code="authentication_failed", reference="pi"), Canceled(reference="pi")
CAPTURED_IN_PART = Succeeded(amount=PART, reference="pi")
TO_APPROVE = ActionRequired(action=Approval("https://pay.test"), reference="pi")
APPROVED, RETURNED = Approved(reference="pi"), Reversed(code="account_closed", reference="pi")
PAY, CAP, CAN, REF = (ids.new(prefix) for prefix in ("pay", "cap", "can", "ref"))
NAMES = {"charge": charge_id(PAY, 1), "confirm": f"{PAY}.1.c1", "capture": CAP, "cancel": CAN, "refund": REF}
CAPTURE = CapturePayment(payment_id=PAY, capture_id=CAP, amount_minor=400)
CANCEL = CancelPayment(payment_id=PAY, cancel_id=CAN)
REFUND = RefundPayment(payment_id=PAY, refund_id=REF)

REFUND_PENDING = Pending(reference="re_1")
REFUND_DONE = Succeeded(amount=ALL, reference="re_1")
REFUND_RETURNED = Declined(code="lost_or_stolen_card", reference="re_1")

SEQUENCES = {
    # what came before in this order, what then came in any order, and the ends that are right for the payment
    "a charge": ((), [("charge", WORKS), ("charge", PAID), ("charge", PAID)], {"completed"}),
    "an approval": ((), [("charge", ACTION_REQUIRED), ("charge", WORKS), ("charge", PAID)], {"completed"}),
    "an approval that fails": ((), [("charge", ACTION_REQUIRED), ("charge", DECLINED)], {"failed"}),
    "one that fails and is canceled": (
        (),
        [("charge", ACTION_REQUIRED), ("charge", DECLINED), ("charge", CANCELED)],
        {"failed", "canceled"},
    ),
    "one that fails while it is canceled": (
        (("charge", ACTION_REQUIRED), CANCEL),
        [("charge", DECLINED), ("charge", CANCELED), ("cancel", CANCELED)],
        {"failed", "canceled"},
    ),
    "a hold": ((), [("charge", ACTION_REQUIRED), ("charge", HELD), ("charge", HELD)], {"authorized"}),
    "a capture": (
        (("charge", HELD), CAPTURE),
        [("charge", HELD), ("capture", CAPTURED_IN_PART), ("charge", CAPTURED_IN_PART)],
        {"completed"},
    ),
    "a cancel": (
        (("charge", HELD), CANCEL),
        [("charge", HELD), ("cancel", CANCELED), ("charge", CANCELED)],
        {"canceled"},
    ),
    "a cancel that could not be sent any more": (
        (("charge", HELD), CANCEL),
        [("charge", CANCELED), ("cancel", Declined(code="provider_unreachable"))],
        {"canceled"},
    ),
    "a charge that is pending": ((("charge", WORKS),), [("charge", WORKS), ("charge", PAID)], {"completed"}),
    "a customer who agrees": (
        (),
        [("charge", TO_APPROVE), ("charge", APPROVED), ("confirm", PAID), ("charge", PAID)],
        {"completed"},
    ),
    "a return that is reported before the success": ((), [("charge", PAID), ("charge", RETURNED)], {"returned"}),
    "a transfer that comes back": (
        (),
        [("charge", WAITS), ("charge", WORKS), ("charge", PAID), ("charge", PAID), ("charge", RETURNED)],
        {"returned"},
    ),
    "a transfer that is rejected": ((), [("charge", WAITS), ("charge", WORKS), ("charge", DECLINED)], {"failed"}),
    "late money that its bank takes back": (
        (("charge", DECLINED),),
        [("charge", PAID), ("charge", RETURNED)],
        {"returned"},
    ),
    "late money of one that was canceled": (
        (("charge", CANCELED),),
        [("charge", PAID), ("charge", RETURNED)],
        {"returned"},
    ),
    "a refund": (
        (("charge", PAID), REFUND),
        [("refund", REFUND_PENDING), ("refund", REFUND_DONE), ("refund", REFUND_DONE)],
        {"completed"},
    ),
    "a refund that the bank returns": (
        (("charge", PAID), REFUND),
        [("refund", REFUND_PENDING), ("refund", REFUND_DONE), ("refund", REFUND_RETURNED)],
        {"completed"},
    ),
}
ENDS = {PAID: "completed", RETURNED: "returned", DECLINED: "failed", CANCELED: "canceled"}
CASES = [
    pytest.param(before, order, ends, id=f"{name} {number}")
    for name, (before, outcomes, ends) in SEQUENCES.items()
    for number, order in enumerate(permutations(outcomes))
]


CARD = {"method": card("pm_1"), "capture": "manual", "configured": ("stripe",)}
TRANSFER = {  # of which the provider may have taken what it has not begun to work on
    "method": PaymentMethod(
        type="bank_transfer",
        details={},
        transfer=Transfer(rail="ACH", rail_chosen=True, execution_at=clock.now(), recipient={"name": "A."}),
    ),
    "capture": "automatic",
    "configured": ("bank",),
}


def walked(before, order, by=CARD) -> tuple[Payment, list[PaymentTransitioned]]:
    """A payment after these commands and outcomes, and its transitions."""
    create = CreatePayment(payment_id=PAY, merchant_id="mer_1", mode="test", amount=ALL, config_version=1, **by)
    payment, transitions = handlers.new_payment(create, {}, clock.now()), []
    for message in (create, *before, *order):
        fold = Fold(payment, clock.now(), "callback", "msg_1")
        handlers._decide(fold, report(*message) if isinstance(message, tuple) else message)
        transitions += [sent for sent in fold.messages if isinstance(sent, PaymentTransitioned)]
    return payment, transitions


def report(kind, outcome) -> OutcomeReported:
    return OutcomeReported(
        payment_id=PAY, operation_id=NAMES[kind], kind=kind, provider="stripe", outcome=outcome, source="callback",
        step=1, observed_at=clock.now(),
    )  # fmt: skip


@pytest.mark.parametrize(("before", "order", "ends"), CASES)
def test_genuine_outcomes_in_any_order_contradict_nothing_and_lead_to_the_right_end(before, order, ends):
    payment, transitions = walked(before, order)
    assert [one.cause for one in transitions if one.contradiction] == []
    assert payment.state in ends


@pytest.mark.parametrize("end", [PAID, RETURNED, DECLINED, CANCELED])
@pytest.mark.parametrize("order", list(permutations([TAKEN, TAKEN, WAITS, WORKS])))
def test_a_transfer_that_was_begun_is_not_initiated_again_in_whatever_order_that_is_received(order, end):
    for place in range(len(order) + 1):
        told = [("charge", outcome) for outcome in (*order[:place], end, *order[place:])]
        payment, transitions = walked((), told, TRANSFER)
        assert (payment.state, [one.cause for one in transitions if one.contradiction]) == (ENDS[end], [])
        statuses = [status for status, _ in groupby(one.payment.status for one in transitions)]
        assert statuses in (["initiated", ENDS[end]], ["initiated", "processing", ENDS[end]])


def asked_and_told(*reports) -> Payment:
    """A transfer of which this was reported, each by its source."""
    payment, _ = walked((), (), TRANSFER)
    for source, outcome in reports:
        told = msgspec.structs.replace(report("charge", outcome), source=source)
        handlers._decide(Fold(payment, clock.now(), source, "msg_1"), told)
    return payment


def is_asked_about_at_once(payment) -> bool:
    return payment.timers[payment.id] <= clock.now()


def test_why_a_transfer_waits_is_not_forgotten_when_it_is_told_late_that_the_bank_had_taken_it():
    payment = asked_and_told(("attempt", TAKEN), ("query", WAITS), ("callback", TAKEN))
    assert (payment.pending_reason, is_asked_about_at_once(payment)) == ("HELD", False)


@pytest.mark.parametrize("source", ["query", "reconciliation"])
def test_what_is_of_now_says_that_a_transfer_waits_for_nothing_in_particular_any_more(source):
    payment = asked_and_told(("query", WAITS), (source, WORKS))
    assert (payment.pending_reason, is_asked_about_at_once(payment)) == (None, False)


def test_a_callback_that_may_be_older_than_the_reason_why_a_transfer_waits_has_the_bank_asked_at_once():
    payment = asked_and_told(("query", WAITS), ("callback", WORKS))
    assert (payment.state, payment.pending_reason, is_asked_about_at_once(payment)) == ("pending", "HELD", True)


@pytest.mark.parametrize("order", list(permutations([REFUND_PENDING, REFUND_DONE, REFUND_RETURNED])))
def test_a_refund_that_was_returned_has_failed_in_whatever_order_that_is_received(order):
    payment, _ = walked((("charge", PAID), REFUND), [("refund", outcome) for outcome in order])
    assert payment.operations[REF].state == "failed"
    assert payment.refunded_minor == 0


@pytest.mark.parametrize(
    "failed", [Declined(code="invalid_request"), Declined(code="x", reference="re_2"), Declined(code="never_sent")]
)
def test_a_refund_that_was_made_after_all_follows_the_book(failed):
    payment, transitions = walked((("charge", PAID), REFUND), [("refund", failed), ("refund", REFUND_DONE)])
    assert (transitions[-1].public_event.type, transitions[-1].contradiction) == ("refund.completed", False)
    assert (payment.refunded_minor, payment.refundable_minor) == (ALL.amount_minor, 0)
    assert payment.operations[REF].failure is None


def test_a_success_that_does_not_say_whether_it_is_the_refund_that_came_back_is_a_contradiction():
    order = (REFUND_RETURNED, Succeeded(amount=ALL))
    payment, transitions = walked((("charge", PAID), REFUND), [("refund", outcome) for outcome in order])
    assert transitions[-1].contradiction
    assert payment.operations[REF].state == "failed"


@pytest.mark.parametrize("order", [(PAID, DECLINED), (PAID, CANCELED)])
def test_money_that_was_taken_and_was_not_is_a_contradiction(order):
    _, transitions = walked((), [("charge", outcome) for outcome in order])
    assert transitions[-1].contradiction


@pytest.mark.parametrize("order", list(permutations([PAID, DECLINED])) + list(permutations([PAID, CANCELED])))
def test_a_payment_ends_as_the_book_has_it_in_whatever_order_that_is_received(order):
    payment, _ = walked((), [("charge", outcome) for outcome in order])
    assert (payment.state, payment.captured_minor, payment.failure) == ("completed", ALL.amount_minor, None)
