"""The gateway's explanation of each state is complete, and it allows a merchant what the orchestrator accepts."""

import re
from typing import get_args

import pytest

from gateway.history.instead import CHANGING, CORRECTED, DISPUTED, NOT_BEGUN, OTHER_ACTIONS, REFUNDED, TRANSFERRED
from gateway.history.texts import EXPLANATIONS
from gateway.history.words import ACCEPTED, MAY, REFUSED
from malipo import clock, ids
from malipo.contracts.commands import CancelPayment, CapturePayment, CreatePayment, LatePayments, RefundPayment
from malipo.contracts.descriptor import ActionKind
from malipo.contracts.failures import OWN_FAILURES, May, failure_of
from malipo.contracts.outcomes import Declined
from malipo.money import Money
from orchestrator import handlers
from orchestrator.advance import Fold
from orchestrator.machine import DECIDED, TRANSITIONS
from orchestrator.outcomes import as_outcome
from orchestrator.payment import Payment
from orchestrator.states import State, Subject, Trigger
from testkit.operations import card

PAYMENTS = sorted(key for key in EXPLANATIONS if key[0] == Subject.PAYMENT)
OF_PAYMENTS = pytest.mark.parametrize("key", PAYMENTS, ids=".".join)


def payment_in(state: str) -> Payment:
    create = CreatePayment(
        payment_id=ids.new("pay"), merchant_id="mer_1", mode="test", amount=Money(1000, "USD"),
        method=card("pm_1"), capture="manual", config_version=1, configured=("stripe",),
    )  # fmt: skip
    payment = handlers.new_payment(create, {}, clock.now())
    payment.state, payment.reference = State(state), "pi_1"
    payment.captured_minor = 1000 if state == State.COMPLETED else 0
    return payment


def accepts(state: str, command) -> bool:
    """Whether a payment in this state, with nothing under way, carries the command out."""
    payment = payment_in(state)
    try:
        handlers._decide(Fold(payment, clock.now(), "merchant", "msg_1"), command)
    except handlers.Refused:
        return False
    return True


def test_every_transition_of_the_state_table_has_a_text_and_none_is_left_over():
    ours = set(Subject) - {Subject.DISPUTE, Subject.FRAUD_WARNING}  # which nobody asks Malipo for
    extras = {(subject, State.INITIATED, ACCEPTED) for subject in ours}
    extras |= {(subject, State.FAILED, REFUSED) for subject in ours - {Subject.PAYMENT, Subject.SETUP}}
    assert set(EXPLANATIONS) == {(one.subject, one.to, one.trigger) for one in TRANSITIONS} | extras


@OF_PAYMENTS
def test_a_cancel_is_offered_exactly_where_it_is_accepted(key):
    command = CancelPayment(payment_id=ids.new("pay"), cancel_id=ids.new("can"))
    assert ("cancel" in EXPLANATIONS[key].may) == accepts(key[1], command)


@OF_PAYMENTS
def test_a_capture_is_offered_exactly_where_it_is_accepted(key):
    command = CapturePayment(payment_id=ids.new("pay"), capture_id=ids.new("cap"))
    assert ("capture" in EXPLANATIONS[key].may) == accepts(key[1], command)


@OF_PAYMENTS
def test_a_refund_is_offered_exactly_where_it_is_accepted(key):
    command = RefundPayment(payment_id=ids.new("pay"), refund_id=ids.new("ref"))
    assert ("refund" in EXPLANATIONS[key].may) == accepts(key[1], command)


@OF_PAYMENTS
def test_a_second_payment_is_called_safe_only_after_an_end_without_money(key):
    assert ("pay_anew" in EXPLANATIONS[key].may) == (key[1] in (State.RETURNED, State.FAILED, State.CANCELED))


@pytest.mark.parametrize("key", EXPLANATIONS, ids=".".join)
def test_a_payment_that_waits_offers_to_wait_and_none_waits_at_an_end(key):
    explanation = EXPLANATIONS[key]
    assert ("wait" in explanation.may) == (key[1] not in DECIDED)
    assert all(text.endswith(".") for text in (explanation.why, explanation.next))
    assert set(explanation.may) <= set(MAY)


def test_a_capture_or_cancel_that_came_too_late_has_a_code_with_a_text():
    without_code = {
        *(Trigger.DECLINED, Trigger.OVERDUE, Trigger.REVERSED, Trigger.DECIDED_FAILED, Trigger.PAYMENT_RETURNED)
    }
    too_late = {
        "cancel_too_late" if one.trigger is Trigger.SUCCEEDED else f"payment_{one.trigger}"
        for one in TRANSITIONS
        if one.subject not in (Subject.PAYMENT, Subject.SETUP, Subject.DETACH)
        and one.to is State.FAILED
        and one.trigger not in without_code
    }
    ends = [as_outcome(payment_in(State.FAILED), trigger, None)[1] for trigger in Trigger]
    too_late |= {end.code for end in ends if isinstance(end, Declined)}  # closes what was to change the payment
    assert {"cancel_too_late", *(code for code in OWN_FAILURES if code.startswith("payment_"))} == too_late


def test_a_refund_is_offered_until_all_is_refunded_and_the_texts_are_sentences():
    left = {"under way", "in doubt", "of a part"}
    assert {name for name, explanation in REFUNDED.items() if explanation.may == ("refund",)} == left
    assert REFUNDED["of all"].may == ()
    explanations = [
        *REFUNDED.values(),
        *DISPUTED.values(),
        *CHANGING.values(),
        *CORRECTED.values(),
        *OTHER_ACTIONS.values(),
    ]
    assert all(text.endswith(".") for one in explanations for text in (one.why, one.next))


# What a customer has to do with, or a hold: a transfer to a recipient has neither. Its money has texts of its own.
_OF_CUSTOMERS = {"approved", "action_required", "authorized", "captured", "released", "received", "named", "succeeded"}
_OF_CUSTOMERS |= {"reversed", "opened", "saved", "method_changed"}
_WRONG = re.compile(r"charge|card\b|customer|refund", re.IGNORECASE)
_MAY_OF_TRANSFERS: tuple[May, ...] = ("wait", "repeat", "cancel", "request_return", "configure", "pay_anew")


def of_transfers() -> list[tuple[str, str]]:
    """Names and texts of all that a merchant is told of a transfer to a recipient and of what is done with it."""
    subjects = {Subject.PAYMENT, Subject.CANCEL, Subject.RETURN_REQUEST}
    shown = {
        ".".join(key): one
        for key, one in EXPLANATIONS.items()
        if key[0] in subjects
        and key[1] not in (State.REQUIRES_ACTION, State.AUTHORIZED)
        and key[2] not in _OF_CUSTOMERS
        and (key[0] == Subject.CANCEL or key[2] != Trigger.EXPIRED or key[1] == State.FAILED)
    }
    shown["cancel.failed.succeeded"] = EXPLANATIONS["cancel", "failed", "succeeded"]
    shown |= {f"transferred {name}": one for name, one in TRANSFERRED.items()} | {"not begun": NOT_BEGUN}
    shown |= {f"{what} {how}": one for (what, how), one in CHANGING.items() if what == "cancel"}
    return [(name, f"{one.why} {one.next}") for name, one in shown.items()]


@pytest.mark.parametrize(("name", "text"), of_transfers())
def test_nothing_that_is_told_of_a_transfer_speaks_of_charges_customers_cards_or_refunds(name, text):
    text = (
        text.replace("Nothing, unless you refund it.", "") if name.endswith("decided_completed") else text
    )  # replaced
    assert _WRONG.findall(text) == []


@pytest.mark.parametrize("code", _MAY_OF_TRANSFERS)
def test_what_one_may_do_about_a_transfer_speaks_of_no_charges_customers_or_cards(code):
    assert not re.search(r"charge|card\b|customer", MAY[code])


_CODES_OF_TRANSFERS = (
    *("provider_misconfigured", "provider_unsupported", "provider_error", "amount_unsupported", "invalid_request"),
    *("declined", "personal_data_erased", "personal_data_unreadable", "personal_data_behind", "method_unreadable"),
    *("not_cancelable", "return_request_impossible", "expired", "never_sent", "payment_canceled", "payment_failed"),
    *("payment_returned", "decided_by_operator"),
)


@pytest.mark.parametrize("code", _CODES_OF_TRANSFERS)
def test_no_failure_that_a_transfer_may_have_speaks_of_charges_customers_cards_or_refunds(code):
    own = OWN_FAILURES[code]
    said = f"{own.why} {own.advice}".replace("if a customer waited for it", "")
    assert _WRONG.findall(said) == []


def test_a_cancel_that_came_too_late_says_what_is_possible_whichever_way_the_money_went():
    assert OWN_FAILURES["cancel_too_late"].why == "It came too late: the money has moved."
    assert {"refund", "request_return"} <= set(EXPLANATIONS["cancel", "failed", "succeeded"].may)


def test_every_action_has_a_text_and_only_one_with_an_address_sends_the_customer_there():
    assert {*OTHER_ACTIONS, "redirect"} == set(get_args(ActionKind))
    assert {action for action, texts in OTHER_ACTIONS.items() if "redirect" in texts.may} == {"approval"}
    assert set(CORRECTED) == set(get_args(LatePayments))


def test_refused_credentials_are_to_be_replaced_before_anything_new():
    assert OWN_FAILURES["provider_misconfigured"].may == ("configure",)
    assert "PUT /v1/provider-credentials" in MAY["configure"]


def test_everything_that_a_merchant_may_do_has_a_text():
    assert tuple(MAY) == get_args(May)


def test_every_explanation_offers_something_to_do():
    assert [key for key, one in EXPLANATIONS.items() if not one.may] == []
    assert all(
        one.may for one in (*CHANGING.values(), *CORRECTED.values(), *DISPUTED.values(), *OTHER_ACTIONS.values())
    )


@pytest.mark.parametrize("code", ["card_declined", "expired", "", "  "])
@pytest.mark.parametrize("message", ["", " ", "No."])
def test_a_failure_always_has_a_code_and_a_text(code, message):
    failure = failure_of(code, message)
    assert failure.code.strip()
    assert failure.message.strip()


def test_doubt_says_that_malipo_asks_and_that_a_new_key_would_charge_twice():
    for reason in ("unknown", "overdue"):
        doubt = EXPLANATIONS["payment", "in_doubt", reason]
        assert "does not guess" in doubt.why
        assert "asks the provider" in doubt.next
        assert "repeat" in doubt.may
    assert "Under a new key it is another request" in MAY["repeat"]  # true of a cancel, too
    assert "a second payment moves money a second time" in MAY["repeat"]
