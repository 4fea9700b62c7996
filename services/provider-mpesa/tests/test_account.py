"""A merchant's account at M-Pesa: its credentials, its signature, and the numbers of its customers."""

import base64
from datetime import UTC, datetime

import mpesa_samples as samples
import pytest
from pydantic import ValidationError

from malipo.contracts.providers.mpesa import DESCRIPTOR, MpesaCredentials, MpesaMethod
from provider_kit.errors import Misconfigured
from provider_mpesa.account import read_account
from provider_mpesa.requests import push, stk_query
from provider_mpesa.times import timestamp

JUST_BEFORE_MIDNIGHT = datetime(2026, 11, 21, 21, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    [
        "0712345678",
        "0712 345 678",
        "0712-345-678",
        "+254712345678",
        "+254 712 345678",
        "254712345678",
        "254-712 345 678",
    ],
)
def test_a_phone_number_is_normalised(given):
    assert MpesaMethod(type="mpesa", phone=given).phone == "254712345678"
    assert MpesaMethod(type="mpesa", phone=given.replace("71", "11", 1)).phone == "254112345678"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "712345678",
        "0812345678",
        "071234567",
        "07123456789",
        "+255712345678",
        "0712a345678",
        "00254712345678",
        "٠٧١٢٣٤٥٦٧٨",
    ],
)
def test_what_is_no_kenyan_mobile_number_is_refused_with_its_own_code(given):
    with pytest.raises(ValidationError) as refused:
        MpesaMethod(type="mpesa", phone=given)
    assert [error["type"] for error in refused.value.errors()] == ["phone_invalid"]


def test_timestamps_are_of_east_africa_and_the_same_in_the_password():
    account = read_account(samples.CREDENTIALS, "test")
    assert timestamp(JUST_BEFORE_MIDNIGHT) == "20261122003005"
    for body in (
        push(samples.attempt(samples.charge()), samples.charge(), account, JUST_BEFORE_MIDNIGHT),
        stk_query(account, samples.CHECKOUT, JUST_BEFORE_MIDNIGHT),
    ):
        assert body["Timestamp"] == "20261122003005"
        assert base64.b64decode(body["Password"]) == b"600111passkey-of-the-shop20261122003005"


def test_a_prompt_names_who_pays_whom_and_a_reference_that_is_the_charges_own():
    def body(credentials, **changes):
        operation = samples.charge(**changes)
        return push(samples.attempt(operation), operation, read_account(credentials, "test"), JUST_BEFORE_MIDNIGHT)

    paybill, till = body(samples.CREDENTIALS), body(samples.TILL, description="Order #7: two kilos of maize")
    assert (paybill["BusinessShortCode"], paybill["PartyB"]) == ("600111", "600111")
    assert (till["BusinessShortCode"], till["PartyB"]) == ("600333", "500333")
    assert (paybill["TransactionType"], till["TransactionType"]) == ("CustomerPayBillOnline", "CustomerBuyGoodsOnline")
    assert paybill["PartyA"] == paybill["PhoneNumber"] == samples.PHONE
    assert (paybill["Amount"], paybill["TransactionDesc"], till["TransactionDesc"]) == (10, "Payment", "Order 7 two k")
    assert [paybill["AccountReference"]] == list(DESCRIPTOR.own_references("pay_1.1"))
    assert len(paybill["AccountReference"]) == 12


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"shortcode": "1234"}, "shortcode_invalid"),
        ({"kind": "till"}, "till_number_unclear"),
        ({"till_number": "500333"}, "till_number_unclear"),
        ({"initiator": None}, "initiator_unclear"),
        ({"initiator_password": None}, "initiator_unclear"),
        ({"pull_number": "12"}, "phone_invalid"),
        ({"by_hand": {"least": 150}}, "bounds_invalid"),
        ({"by_hand": {"least": 20_000, "most": 10_000}}, "bounds_invalid"),
        ({"by_hand": {"most": 25_000_100}}, "bounds_invalid"),
        ({"by_hand": {"references": "some"}}, "literal_error"),
    ],
)
def test_credentials_that_do_not_fit_together_are_refused(changes, code):
    with pytest.raises(ValidationError) as refused:
        MpesaCredentials.model_validate(samples.CREDENTIALS | changes)
    assert [error["type"] for error in refused.value.errors()] == [code]


def test_credentials_that_cannot_be_read_are_a_misconfiguration_without_a_word_of_them():
    with pytest.raises(Misconfigured) as raised:
        read_account(samples.CREDENTIALS | {"kind": "safe", "consumer_key": "s3cret"}, "test")
    assert "s3cret" not in repr(raised.value)
    assert raised.value.__cause__ is None


def test_no_secret_is_in_an_accounts_repr():
    shown = repr(read_account(samples.CREDENTIALS, "test"))
    assert "secret" not in shown
    assert "passkey" not in shown
