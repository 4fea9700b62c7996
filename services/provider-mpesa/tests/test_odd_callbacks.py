"""Callbacks of M-Pesa's that are written oddly: what they tell is taken, and what contradicts the order is no less noticed."""

import json

import mpesa_samples as samples
import pytest

from malipo.contracts.outcomes import AMOUNT_MISMATCH, PAYER_MISMATCH, Succeeded, Unknown
from provider_kit.errors import BadSignature
from provider_mpesa.events import parse
from provider_mpesa.requests import TO_PUSH, TO_REVERSAL

CHARGE, REFUND = samples.charge(), samples.refund()
TO_THE_PROMPT = samples.about(CHARGE, TO_PUSH)
TO_THE_REVERSAL = samples.about(REFUND, TO_REVERSAL, ("conversation", samples.CONVERSATION))
NAMED = {"checkout": samples.NAME}
PAID = NAMED | {"receipt": samples.RECEIPT}


def prompt(*items: dict, **changes: object) -> dict:
    """A paid prompt's callback with these facts besides."""
    event = samples.paid()
    told = event["Body"]["stkCallback"]
    told["CallbackMetadata"]["Item"].extend(items)
    return {"Body": {"stkCallback": told | changes}}


def written(amount: str) -> bytes:
    """A paid prompt's callback whose amount is written so."""
    return json.dumps(samples.paid(amount="@")).replace('"@"', amount).encode()


def claims(event: object) -> dict[str, str]:
    (hint,) = parse(samples.callback(event, about=TO_THE_PROMPT)).outcomes
    return dict(hint.references)


def confirmed(event: object):
    (told,) = parse(samples.callback(event, about=TO_THE_REVERSAL)).confirmed
    return told.outcome


@pytest.mark.parametrize("other", [None, 0, {}, [], True])
@pytest.mark.parametrize("field", ["ResultDesc", "MerchantRequestID"])
def test_a_field_that_nobody_needs_hides_no_receipt(field, other):
    assert claims(prompt(**{field: other})) == PAID


@pytest.mark.parametrize("item", [{}, {"Value": 3}, {"Name": None, "Value": 3}, {"Name": 5}, None, [], "text"])
def test_a_fact_that_is_none_hides_no_other(item):
    assert claims(prompt(item)) == PAID


@pytest.mark.parametrize("facts", [None, "", [], {}, 5, {"Item": None}, {"Item": {}}, {"Item": [[[]]]}])
def test_a_prompt_is_named_whatever_stands_where_its_facts_should(facts):
    for result in (0, 1032):
        assert claims(prompt(CallbackMetadata=facts, ResultCode=result)) == NAMED


def test_the_only_fact_may_come_without_a_list():
    only = {"Item": {"Name": "MpesaReceiptNumber", "Value": samples.RECEIPT}}
    assert claims(prompt(CallbackMetadata=only)) == PAID


@pytest.mark.parametrize("amount", ["1e1", "1E+1", "1.000e1", "10.000", '"10.000"', '" 10.00 "', "null", '""'])
def test_the_ordered_amount_is_known_in_every_way_that_a_number_is_written(amount):
    assert claims(written(amount)) == PAID


@pytest.mark.parametrize(
    "amount", ["1e5", "1e0", "1e999999", "-10", "10.001", "true", "[10]", '{"value": 10}', "9" * 4000]
)
def test_an_amount_that_is_told_and_is_not_the_ordered_one_is_a_misfit_however_it_is_written(amount):
    assert claims(written(amount)) == NAMED | {"misfit": AMOUNT_MISMATCH}


@pytest.mark.parametrize(
    "phone", ["+254722000111", 722000111, "254-722-000-111", "+254 722 000 111", "ab" * 32, "N/A", 254722000111.0]
)
def test_a_phone_that_does_not_contradict_the_ordered_one_is_no_misfit(phone):
    assert claims(samples.paid(phone=phone)) == PAID


@pytest.mark.parametrize("phone", ["+254722000112", 722000112, "254-722-000-112", "2547 ***** 126"])
def test_a_phone_that_does_is_one_however_it_is_written(phone):
    assert claims(samples.paid(phone=phone)) == NAMED | {"misfit": PAYER_MISMATCH}


@pytest.mark.parametrize(
    ("item", "claimed"),
    [
        ({"Name": "Amount", "Value": 1}, NAMED | {"misfit": AMOUNT_MISMATCH}),
        ({"Name": "PhoneNumber", "Value": 254722000112}, NAMED | {"misfit": PAYER_MISMATCH}),
        ({"Name": "MpesaReceiptNumber", "Value": "SKL4OTHER9"}, NAMED),
        ({"Name": "Amount", "Value": "10.00"}, PAID),
        ({"Name": "MpesaReceiptNumber", "Value": samples.RECEIPT}, PAID),
        ({"Name": "MpesaReceiptNumber"}, PAID),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_fact_that_is_told_twice_is_taken_where_both_agree(item, claimed, first):
    event = prompt(item)
    if first:
        event["Body"]["stkCallback"]["CallbackMetadata"]["Item"].reverse()
    assert claims(event) == claimed


@pytest.mark.parametrize(
    "changes",
    [
        {"ResultDesc": None},
        {"ResultParameters": ""},
        {"ResultParameters": []},
        {"ResultParameters": {"ResultParameter": None}},
        {"ResultParameters": {"ResultParameter": [{"Value": 1}, {"Key": None}, {"Key": "Amount", "Value": "10.000"}]}},
    ],
)
def test_a_reversals_end_is_read_whatever_stands_beside_it(changes):
    done = Succeeded(amount=samples.KES_10, reference=samples.REVERSAL)
    assert confirmed(samples.result(**changes)) == done


@pytest.mark.parametrize(
    "other",
    [
        {"Key": "Amount", "Value": 1},
        {"Key": "Amount", "Value": [10]},
        {"Key": "OriginalTransactionID", "Value": "SKL4OTHER9"},
    ],
)
def test_a_reversal_of_which_two_things_are_told_is_a_doubt(other):
    event = samples.result()
    event["Result"]["ResultParameters"]["ResultParameter"].append(other)
    assert isinstance(confirmed(event), Unknown)


def test_a_callback_that_names_the_prompt_of_another_number_is_refused_and_the_number_kept_nowhere():
    """Also before the answer to this one's request, from which its name is known."""
    with pytest.raises(BadSignature, match="number"):
        claims(prompt(CheckoutRequestID="ws_CO_21112026123000123711999222"))


def test_a_byte_order_mark_before_a_callback_is_no_part_of_it():
    assert claims(b"\xef\xbb\xbf" + json.dumps(samples.paid()).encode()) == PAID
