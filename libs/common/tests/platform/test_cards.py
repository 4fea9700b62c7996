"""What is a card's number, and what only has as many digits."""

import pytest

from malipo.platform import cards

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
    ],
)
def test_a_number_that_stands_alone_is_found_however_it_is_grouped(text):
    assert cards.find(text)
    assert "4242 4242" not in cards.hide(cards.as_ascii(text), "x")


@pytest.mark.parametrize(
    "text",
    [
        "1790000000000",  # a time in milliseconds
        "1795220000123456789",  # in nanoseconds
        "9000000000000008",  # nobody's prefix
        "4242424242424242424242424242",
        "order-4242424242424242",
        "X4242424242424242",
        "41111111-1111-4111-8111-111111111111",
        "0.4242424242424242",
        "4242 42 4242424242",
        "DE95 4242 4242 4242 4242 42",
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


def test_every_number_in_a_text_is_hidden_and_nothing_else():
    text = "from 4242424242424242 to 5555 5555 5555 4444 by 254712345678"
    assert cards.hide(text, "[card]") == "from [card] to [card] by 254712345678"
