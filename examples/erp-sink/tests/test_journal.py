"""What events are in the books."""

import pytest

from erp_sink.journal import AT_PROVIDERS, PAID_OUT, SALES, Booked, balance_minor, fold, number_of

NEW = {"pay_1": Booked()}


def entries(documents):
    return [(one.body["debit"], one.body["credit"], one.body["amount_minor"]) for one in documents]


def test_a_completed_payment_is_a_sale_and_its_refund_takes_back_what_was_refunded(an_event):
    steps = [an_event("pay_1", 1), an_event("pay_1", 2, "refund.completed", refunded=300)]
    booked, documents = fold(steps, NEW)
    assert entries(documents) == [(AT_PROVIDERS, SALES, 1000), (SALES, AT_PROVIDERS, 300)]
    assert booked == {"pay_1": Booked(2, 700)}


def test_a_transfer_is_money_that_left_and_its_return_brings_it_back(an_event):
    steps = [
        an_event("pay_1", 1, transfer=True),
        an_event("pay_1", 2, "payment.returned", status="returned", transfer=True),
    ]
    booked, documents = fold(steps, NEW)
    assert entries(documents) == [(PAID_OUT, AT_PROVIDERS, 1000), (AT_PROVIDERS, PAID_OUT, 1000)]
    assert booked == {"pay_1": Booked(2, 0)}


def test_captures_in_parts_are_booked_as_they_come(an_event):
    parts = [(400, "authorized"), (1000, "completed")]
    steps = [an_event("pay_1", n, captured=captured, status=status) for n, (captured, status) in enumerate(parts, 1)]
    assert entries(fold(steps, NEW)[1]) == [(AT_PROVIDERS, SALES, 400), (AT_PROVIDERS, SALES, 600)]


@pytest.mark.parametrize("status", ["returned", "failed", "canceled"])
def test_money_that_went_back_after_all_is_taken_back_whole(an_event, status):
    steps = [an_event("pay_1", 1), an_event("pay_1", 2, "payment.returned", status=status)]
    booked, documents = fold(steps, NEW)
    assert entries(documents)[-1] == (SALES, AT_PROVIDERS, 1000)
    assert booked["pay_1"].balance_minor == 0


def test_what_moves_no_money_is_no_document_and_is_booked_all_the_same(an_event):
    step = an_event("pay_1", 1, "payment.processing", status="processing", captured=0)
    assert fold([step], NEW) == ({"pay_1": Booked(1, 0)}, [])


def test_an_event_behind_later_ones_changes_nothing_as_they_contain_it(an_event):
    completed, corrected = an_event("pay_1", 1), an_event("pay_1", 2, "payment.corrected", status="failed")
    booked, documents = fold([corrected, completed], NEW)
    assert documents == []
    assert booked == {"pay_1": Booked(2, balance_minor(corrected.payment))}


def test_a_document_bears_what_a_bookkeeper_looks_for(an_event):
    step = an_event("pay_1", 1)
    [document] = fold([step], NEW)[1]
    assert document.number == number_of(step.public_event.id) == step.public_event.id.removeprefix("evt_").upper()
    assert document.body == {
        "company": "mer_1",
        "booked_on": step.occurred_at.date().isoformat(),
        "debit": AT_PROVIDERS,
        "credit": SALES,
        "amount_minor": 1000,
        "currency": "EUR",
        "reference": "order-7",
        "text": "payment.completed pay_1",
    }
