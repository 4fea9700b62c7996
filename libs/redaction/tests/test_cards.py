"""What is a card's number, and what only has as many digits."""

import unicodedata
import uuid

import pytest

from redaction import cards

NUMBERS = [
    "4242424242424242",
    "4000000000000000006",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "30569309025904",
    "36227206271667",
    "3566002020360505",
    "6200000000000005",
    "6205500000000000004",
    "6759649826438453",
    "2200000000000004",
    "5060990000000008",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_of_each_scheme_is_found_and_with_another_check_digit_it_is_not(number):
    assert cards.find(f"paid with {number}, thanks")
    assert cards.is_card_number(number)
    wrong = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
    assert not cards.find(wrong)
    assert not cards.is_card_number(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4242",
        "4242-4242-4242-4242.",
        "4242.4242.4242.4242",
        "(4242\u00a04242\u00a04242\u00a04242)",
        "4242\u20114242\u20114242\u20114242",
        "3782 822463 10005",
        "3056 930902 5904",
        "4000 0000 0000 0000 006",
        "620550 0000000000004",
        "\uff14\uff12\uff14\uff12" * 4,
        "\u0664\u0662\u0664\u0662" * 4,
        "4242 4242 4242 4242 123",
        "table 1234 4242 4242 4242 4242 12/29",
        "card=4242424242424242&x=1",
        '{"n":4242424242424242}',
        "4242  4242  4242  4242",
        "4242\t4242\t4242\t4242",
        "4242\n4242\n4242\n4242",
        "4242/4242/4242/4242",
        "4242_4242_4242_4242",
        "4242 - 4242 - 4242 - 4242",
        "4242 4242-4242 4242",
        "4242\u00ad4242\u00ad4242\u00ad4242",
        "42\u200b424242424\u20602424\ufeff2",
        "4242\u00b74242\u00b74242\u00b74242",
        "4242\u22124242\u22124242\u22124242",
        "4\ufe0f\u20e32\ufe0f\u20e3" * 8,
        "\u2074\u00b2" * 8,
        "\u2463\u2461" * 8,
        "\U0001d7d2\U0001d7d0" * 8,
    ],
)
def test_a_number_that_stands_alone_is_found_however_it_is_grouped(text):
    assert cards.find(text)
    assert cards.holds(text)
    hidden = unicodedata.normalize("NFKC", cards.hide(text, "x"))
    assert "x" in hidden
    assert "42" not in hidden.replace("1234 4242", "")


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424242-12/27",
        "4242424242424242-1227",
        "4242424242424242-12-2027",
        "4242424242424242_12_27",
        "4242424242424242.12/27",
        "4242424242424242/12/27",
        "4242-4242-4242-4242-12/27",
        "4242-4242-4242-4242-1227",
        "4242424242424242exp1227",
        "4242424242424242EXP 12/27",
        "4242424242424242-cvc123",
        "4242424242424242cvv",
        "4242424242424242visa",
        "card4242424242424242",
        "Visa4242424242424242",
        "card_number_4242424242424242",
        "my-card-4242424242424242",
        "PAN4242424242424242",
        "creditcard4242424242424242exp1227",
        "%B4242424242424242^DOE/JANE^2712101",
        ";4242424242424242=2712101?",
        "\u5361\u53f74242424242424242\u6709\u6548",
        "card4242 4242 4242 4242exp12/27",
    ],
)
def test_a_number_is_found_with_what_people_write_beside_it(text):
    assert cards.find(text)
    assert "4242" not in cards.hide(text, "x")


@pytest.mark.parametrize(
    "text",
    [
        "1790000000000",  # a time in milliseconds
        "1795220000123456789",  # in nanoseconds
        "9000000000000008",  # nobody's prefix
        "4242424242424242424242424242",
        "order-4242424242424242",
        "order_4242424242424242",
        "discard4242424242424242",
        "4242424242424242-1",
        "4242424242424242-001",
        "4242424242424242-1/3",
        "4242424242424242-A",
        "4242424242424242_00012",
        "4242424242424242-e457b5a2e4d86bd1-1",
        "4242424242424242ab",
        "4242-4242-4242-4242-9999",
        "2026-11-21/4242",
        "X4242424242424242",
        "41111111-1111-4111-8111-111111111111",
        "0.4242424242424242",
        "4242 42 4242424242",
        "DE95 4242 4242 4242 4242 42",
        "de95 4242 4242 4242 4242 42",
        "DE95  4242  4242  4242  4242  42 paid",
        "PL47 4242 4242 4242 4242 4242 4242 paid",
        "4915112345674",  # a German mobile's number: as many digits as Visa once had
        "+34600000000000",
        "254712345678",
        "0712 345 678",
    ],
)
def test_what_is_inside_something_else_or_of_another_kind_is_not_found(text):
    assert not cards.find(text)


@pytest.mark.parametrize("length", [10, 11, 12, 13, 17])
def test_none_of_a_thousand_references_of_these_lengths_is_taken_for_a_card(length):
    leads = range(10**8, 10**9, 10**6)
    assert sum(bool(cards.find(str(lead * 10 ** (length - 9) + 7))) for lead in leads) == 0


def test_uuids_and_hex_ids_are_no_cards():
    for number in range(20_000):
        made = uuid.uuid5(uuid.NAMESPACE_OID, str(number))
        assert not cards.find(f"{made} {made.hex}")


def test_what_is_held_anywhere_is_found_whatever_stands_around_it():
    assert cards.holds("order-4242424242424242-1")
    assert cards.holds("x42 42 4242 4242 4242 42 12/27")
    assert not cards.holds("order-4242424242424241-1")
    assert not cards.holds("4242424242424242424242424242")


def test_every_number_in_a_text_is_hidden_and_nothing_else():
    text = "from 4242424242424242 to 5555 5555 5555 4444 by 254712345678"
    assert cards.hide(text, "[card]") == "from [card] to [card] by 254712345678"
