"""What the census sees when Malipo's book and a provider's are compared."""

from typing import cast

import pytest

from chaos.fakes import BankBooks, Books, PaypalBooks
from malipo.contracts.identity import charge_id
from malipo_local.bank import name_of
from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant


@pytest.mark.parametrize(
    ("status", "captured", "effects"),
    [
        ("completed", 5, "charge:5"),
        ("completed", 5, "authorize:5 capture:5"),
        ("completed", 3, "authorize:5 capture:3 release:2"),
        ("canceled", 0, "authorize:5 release:5"),
        ("authorized", 0, "authorize:5"),
        ("authorized", 3, "authorize:5 capture:3"),
    ],
)
def test_books_agree_when_what_was_authorized_is_captured_released_or_held(status: str, captured: int, effects: str):
    merchant = cast("DemoMerchant", Books(status, captured, effects))
    assert (books.differences(merchant), books.double_charges(merchant)) == ([], [])


@pytest.mark.parametrize("effects", ["authorize:5 capture:3", "authorize:5 capture:3 release:1"])
def test_books_differ_when_stripe_still_holds_what_is_not_needed(effects: str):
    assert len(books.differences(cast("DemoMerchant", Books("completed", 3, effects)))) == 1


@pytest.mark.parametrize(
    "effects", ["authorize:5 authorize:5 capture:5 release:5", "charge:5 charge:5", "authorize:5 charge:5 release:5"]
)
def test_a_second_authorization_is_a_second_charge_even_if_it_is_released(effects: str):
    assert books.double_charges(cast("DemoMerchant", Books("completed", 5, effects))) == ["pay_1"]


@pytest.mark.parametrize(
    ("status", "captured", "effects"),
    [
        ("completed", 5, "capture:5"),
        ("completed", 5, "authorize:5 capture:2 capture:3"),
        ("completed", 2, "authorize:5 capture:2 release:3"),
        ("authorized", 2, "authorize:5 reauthorize:5 capture:2"),
        ("canceled", 0, "authorize:5 release:5"),
    ],
)
def test_books_agree_with_paypals_where_what_is_held_is_captured_in_parts(status: str, captured: int, effects: str):
    merchant = cast("DemoMerchant", PaypalBooks(status, captured, effects))
    assert (books.differences(merchant), books.double_charges(merchant)) == ([], [])


@pytest.mark.parametrize("effects", ["capture:5 capture:5", "authorize:5 authorize:5 capture:5"])
def test_what_paypal_captured_or_held_twice_is_a_second_charge(effects: str):
    merchant = cast("DemoMerchant", PaypalBooks("completed", 5, effects))
    assert len(books.differences(merchant)) == 1
    assert books.double_charges(merchant) == [charge_id("pay_1", 1)]


@pytest.mark.parametrize(
    ("status", "captured", "effects"),
    [("completed", 5, "debit:5"), ("returned", 0, "debit:5 return:5"), ("failed", 0, "")],
)
def test_books_agree_with_the_banks_where_money_went_and_where_it_came_back(status: str, captured: int, effects: str):
    merchant = cast("DemoMerchant", BankBooks(status, captured, effects))
    assert (books.differences(merchant), books.double_charges(merchant)) == ([], [])


@pytest.mark.parametrize("effects", ["debit:5 debit:5", "debit:5 debit:5 return:5"])
def test_what_left_the_account_twice_is_seen_even_if_it_came_back(effects: str):
    assert books.double_charges(cast("DemoMerchant", BankBooks("completed", 5, effects))) == [name_of("pay_1")]
