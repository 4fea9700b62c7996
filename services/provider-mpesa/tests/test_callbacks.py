"""What M-Pesa's callbacks are worth: hints, but for the answers to our own requests at these requests' own addresses."""

from dataclasses import replace

import mpesa_samples as samples
import pytest

from malipo.contracts.outcomes import AMOUNT_MISMATCH, PAYER_MISMATCH, Declined, Succeeded, Unknown
from malipo.money import Money
from provider_kit.errors import BadSignature
from provider_mpesa.events import ACKNOWLEDGED, SHOWN_WITHIN, parse
from provider_mpesa.prompt_names import phone_fits_mask
from provider_mpesa.requests import TO_PUSH, TO_REVERSAL, TO_REVERSAL_QUEUE, TO_STATUS, TO_STATUS_QUEUE

CHARGE, REFUND = samples.charge(), samples.refund()
TO_THE_PROMPT = samples.about(CHARGE, TO_PUSH)
ANSWERED = samples.about(REFUND, TO_REVERSAL, ("conversation", samples.CONVERSATION))


def claims(event: dict, about=TO_THE_PROMPT) -> dict[str, str]:
    """The ids that a prompt's callback gives; nothing else of it is believed."""
    parsed = parse(samples.callback(event, about=about))
    (hint,) = parsed.outcomes
    assert isinstance(hint.outcome, Unknown)
    assert not parsed.confirmed
    assert parsed.reply == ACKNOWLEDGED
    return dict(hint.references)


def confirmed(event: object, about=ANSWERED):
    parsed = parse(samples.callback(event, about=about))
    assert not parsed.outcomes
    return [one.outcome for one in parsed.confirmed]


def test_at_the_prompts_own_address_its_receipt_is_claimed():
    assert claims(samples.paid()) == {"checkout": samples.NAME, "receipt": samples.RECEIPT}


@pytest.mark.parametrize("amount", [10, 10.0, "10", "10.00"])
@pytest.mark.parametrize("phone", [int(samples.PHONE), samples.PHONE, "0722000111", "2547 ***** 111", "0722***111"])
def test_amount_and_phone_are_compared_however_they_are_written(amount, phone):
    assert "receipt" in claims(samples.paid(amount=amount, phone=phone))


@pytest.mark.parametrize("amount", ["250,000.00", "250,000", 250000.0])
def test_an_amount_with_commas_is_read_in_a_callback_as_in_a_row(amount):
    charge = samples.charge(amount=Money(25_000_000, "KES"))
    assert "receipt" in claims(samples.paid(amount=amount), samples.about(charge, TO_PUSH))


@pytest.mark.parametrize(
    ("changes", "misfit"),
    [
        ({"amount": 1}, AMOUNT_MISMATCH),
        ({"amount": "10.01"}, AMOUNT_MISMATCH),
        ({"amount": "ten"}, AMOUNT_MISMATCH),
        ({"phone": "254722000112"}, PAYER_MISMATCH),
        ({"phone": 254122000111}, PAYER_MISMATCH),
        ({"phone": "0722000112"}, PAYER_MISMATCH),
    ],
)
def test_another_amount_or_phone_than_ordered_is_said_and_no_receipt_taken(changes, misfit):
    assert claims(samples.paid(**changes)) == {"checkout": samples.NAME, "misfit": misfit}


@pytest.mark.parametrize("receipt", [None, "", "with a space", 42.5, ["SKL4TEST1A"]])
def test_a_receipt_that_is_none_is_not_taken(receipt):
    taken = claims(samples.paid(receipt=receipt)).get("receipt")
    assert taken in (None, "42.5")


@pytest.mark.parametrize("code", [1032, "1032", "SFC_IC0003", 0])
def test_a_callback_without_facts_names_the_prompt_alone(code):
    assert claims(samples.unpaid(code)) == {"checkout": samples.NAME}


@pytest.mark.parametrize(("statement", "waits"), [(True, SHOWN_WITHIN), (False, None)])
def test_a_payment_that_is_told_of_after_its_prompt_has_failed_is_looked_for_and_told_to_a_person(statement, waits):
    failed = replace(TO_THE_PROMPT, failed=True)
    parsed = parse(samples.callback(samples.paid(), about=failed), statement=statement)
    (late,) = parsed.unmatched
    assert (dict(late.references), late.amount, late.waits) == ({"receipt": samples.RECEIPT}, samples.KES_10, waits)
    assert late.unless_ours
    assert parsed.hastens
    for event, about in ((samples.paid(), TO_THE_PROMPT), (samples.unpaid(), failed)):
        other = parse(samples.callback(event, about=about), statement=statement)
        assert (list(other.unmatched), other.hastens) == ([], False)


def test_a_callback_that_comes_again_has_the_same_id_and_one_with_other_news_another():
    ids = [parse(samples.callback(event)).callback_id for event in (samples.paid(), samples.paid(), samples.unpaid())]
    assert ids[0] == ids[1] != ids[2]


def test_at_the_accounts_address_a_callback_names_its_prompt_and_claims_nothing():
    assert claims(samples.paid(), None) == {"checkout": samples.NAME}


def test_a_callback_of_another_prompt_than_the_address_is_of_is_refused():
    known = samples.about(CHARGE, TO_PUSH, ("checkout", "ws_CO_the_one_that_was_answered"))
    with pytest.raises(BadSignature):
        parse(samples.callback(samples.paid(), about=known))


def test_a_reversals_result_at_its_own_address_is_believed():
    assert confirmed(samples.result()) == [Succeeded(amount=samples.KES_10, reference=samples.REVERSAL)]
    assert confirmed(samples.result(), samples.about(REFUND, TO_REVERSAL)) != []  # it overtook the answer
    (outcome,) = confirmed(samples.result(1))
    assert isinstance(outcome, Declined)
    assert outcome.message == "Your account at M-Pesa does not have enough money."


def test_a_result_anywhere_else_is_a_hint():
    for about in (None, TO_THE_PROMPT):
        parsed = parse(samples.callback(samples.result(), about=about))
        (hint,) = parsed.outcomes
        assert hint.references == {"conversation": samples.CONVERSATION, "originator": samples.ORIGINATOR}
        assert not parsed.confirmed


def test_a_result_of_another_reversal_than_the_address_is_of_is_refused():
    with pytest.raises(BadSignature):
        confirmed(samples.result(ConversationID="AG_20261121_another"))


def test_the_answer_how_a_reversal_stands_is_believed_of_that_reversal_alone():
    about = samples.about(REFUND, TO_STATUS, ("conversation", samples.CONVERSATION))
    assert confirmed(samples.stands(), about) == [Succeeded(amount=samples.KES_10, reference=samples.REVERSAL)]
    assert confirmed(samples.stands("Pending"), about) == []
    with pytest.raises(BadSignature):
        confirmed(samples.stands(ConversationID="AG_20261121_another"), about)


@pytest.mark.parametrize("status", ["Completed", "Declined"])
def test_the_status_of_the_payment_itself_says_nothing_of_its_reversal(status):
    """It names the payment's receipt, and no conversation."""
    about = samples.about(REFUND, TO_STATUS, ("conversation", samples.CONVERSATION))
    assert confirmed(samples.stands(status, ReceiptNo=samples.RECEIPT, ConversationID=""), about) == []


@pytest.mark.parametrize("request_", [TO_REVERSAL_QUEUE, TO_STATUS_QUEUE])
def test_what_waited_too_long_in_a_queue_is_asked_about_whatever_the_notice_says(request_):
    for body in (samples.result(), b"", b"timed out"):
        parsed = parse(samples.callback(body, about=samples.about(REFUND, request_)))
        assert [one.kind for one in parsed.ask] == ["refund"]
        assert not parsed.confirmed


def test_a_result_that_will_be_followed_by_another_ends_nothing():
    parsed = parse(samples.callback(samples.result(100000000, ResultType=1), about=ANSWERED))
    assert [one.kind for one in parsed.ask] == ["refund"]
    assert not parsed.confirmed


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"Body": {}}', b'{"Result": {"ResultType": 0}}', b"\xff"])
def test_what_is_not_understood_is_asked_about_where_it_can_be(body):
    parsed = parse(samples.callback(body, about=TO_THE_PROMPT))
    assert [one.kind for one in parsed.ask] == ["charge"]
    assert not parse(samples.callback(body)).ask


def test_nothing_of_a_person_is_kept():
    kept = repr([parse(samples.callback(event, about=TO_THE_PROMPT)) for event in (samples.paid(), samples.unpaid())])
    assert samples.PHONE not in kept
    named = samples.result(ResultParameters=samples.parameters({"CreditPartyPublicName": "254722000111 - A CUSTOMER"}))
    assert "A CUSTOMER" not in repr(parse(samples.callback(named, about=ANSWERED)))


@pytest.mark.parametrize(
    ("told", "mask", "fit"),
    [
        ("254722000111", "2547*****111", True),
        ("2547*****111", "2547*****111", True),
        ("254722000112", "2547*****111", False),
        ("25472200011", "2547*****111", False),
        ("25470****111", "2547*****111", True),
        ("0722***111", "2547*****111", True),
    ],
)
def test_a_number_is_compared_with_its_mask(told, mask, fit):
    assert phone_fits_mask(told, mask) is fit
