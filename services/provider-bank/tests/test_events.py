"""What webhooks of the bank say of our charges."""

import pytest
from bank_signing import RETURNED, event

from malipo.contracts.outcomes import Canceled, Declined, Pending, Reversed, Succeeded
from malipo.money import Money
from provider_bank import events
from provider_bank.objects import ASKED, PAYMENT
from provider_kit.errors import BadSignature
from provider_kit.provider import Callback


def read(body: bytes, event_id: str = "evt_1", account: str = "acc-1"):
    return events.read(Callback({}, body), event_id, account)


@pytest.mark.parametrize(
    ("status", "more", "outcome"),
    [
        ("initiated", {}, Pending),
        ("processing", {}, Pending),
        ("completed", {}, Succeeded),
        ("returned", {"returned": RETURNED}, Reversed),
        ("rejected", {"status_reason": {"code": "AC04", "text": "x"}}, Declined),
        ("canceled", {}, Canceled),
    ],
)
def test_each_status_is_an_outcome_of_the_charge_that_is_known_by_either_name(status, more, outcome):
    (report,) = read(event(status=status, **more)).outcomes
    assert (report.kind, type(report.outcome), report.outcome.reference) == ("charge", outcome, "pmt_1")
    assert ({**report.references}, report.own) == ({PAYMENT: "pmt_1"}, "E2E1")
    assert (report.otherwise is not None) is (status in ("completed", "returned"))


@pytest.mark.parametrize("status", ["initiated", "processing", "completed", "rejected", "canceled"])
def test_whatever_an_event_says_it_says_of_an_amount_and_one_that_cannot_be_is_none(status):
    (report,) = read(event(status=status, amount="99.00")).outcomes
    assert report.amount == Money(9900, "USD")
    with pytest.raises(ValueError):
        read(event(status=status, amount="12.5"))


@pytest.mark.parametrize("event_type", ["payment.completed", "payment.updated", "payment.return_request.refused"])
def test_an_event_whose_type_says_something_else_than_the_payment_in_it_makes_us_ask(event_type):
    parsed = read(event(event_type=event_type, status="rejected"))
    assert (parsed.outcomes, [one.kind for one in parsed.ask]) == ((), ["charge"])


def test_money_that_is_back_as_was_asked_for_answers_the_request_too():
    asked = {"id": "rtr_1", "status": "accepted", "reason": None}
    parsed = read(event(status="returned", returned=RETURNED | {"code": "FOCR"}, return_request=asked))
    assert isinstance(parsed.outcomes[0].outcome, Reversed)
    assert [(one.kind, dict(one.references)) for one in parsed.ask] == [("return_request", {"return_request": "rtr_1"})]


def test_the_time_of_an_event_is_the_banks():
    assert read(event()).happened_at.isoformat() == "2026-11-27T15:00:02+00:00"


@pytest.mark.parametrize(
    "text",
    ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", "2026-11-27T15:00:02", "2026-11-27T25:00:00Z", ""],
)
def test_a_time_that_cannot_be_is_none_and_keeps_nothing_else_from_being_read(text):
    parsed = read(event(created_at=text, updated_at=text, execution_at=text))
    assert parsed.happened_at is None
    assert isinstance(parsed.outcomes[0].outcome, Succeeded)


def test_money_that_may_be_nobodys_is_told_by_the_banks_id_of_it_and_without_a_persons_name():
    (report,) = read(event()).outcomes
    money = report.otherwise
    assert (money.reference, money.amount, money.account_reference) == ("pmt_1", Money(1000, "USD"), None)
    assert money.description == "debit at the bank, end_to_end_id E2E1"


@pytest.mark.parametrize("status", ["elsewhere", "returned", "held", "unknown"])
def test_what_is_not_understood_makes_us_ask_and_so_does_a_reason_to_wait_that_may_be_over(status):
    parsed = read(event(status=status))
    assert not parsed.outcomes
    assert parsed.ask[0].references[PAYMENT] == "pmt_1"


REFUSED = {"id": "rrq_1", "status": "refused", "reason": None, "answer": {"code": "CUST", "text": "x"}}
AWAITED = REFUSED | {"status": "pending", "answer": None}
ACCEPTED = AWAITED | {"status": "accepted"}


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"event_type": "payment.return_request.refused", "return_request": REFUSED}, ["return_request"]),
        ({"event_type": "payment.return_request.accepted", "return_request": ACCEPTED}, ["return_request"]),
        ({"status": "returned", "returned": RETURNED, "return_request": ACCEPTED}, ["charge", "return_request"]),
        ({"status": "returned", "returned": RETURNED, "return_request": AWAITED}, ["charge", "return_request"]),
        ({"return_request": AWAITED}, ["charge"]),
    ],
)
def test_what_answers_a_return_request_has_us_ask_for_its_outcome_beside_what_it_says_of_the_charge(changes, kinds):
    parsed = read(event(**changes))
    assert [one.kind for one in (*parsed.outcomes, *parsed.ask)] == kinds
    assert all(one.references == {ASKED: "rrq_1"} for one in parsed.ask)


def test_an_event_about_something_else_says_nothing():
    parsed = read(event(event_type="account.updated"))
    assert (parsed.outcomes, parsed.ask, parsed.callback_id) == ((), (), "evt_1")


def test_what_was_signed_for_another_event_or_is_of_another_account_is_refused():
    with pytest.raises(BadSignature, match="another event"):
        read(event(), event_id="evt_2")
    with pytest.raises(BadSignature, match="another account"):
        read(event(), account="acc-2")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"id": "evt_1"}', event(id="a b"), event(amount="10"), event(currency="JPY")]
)
def test_what_is_no_event_cannot_be_read(body):
    with pytest.raises(ValueError):
        read(body)
