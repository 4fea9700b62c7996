"""What no log line shows, and what every log line must still show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from malipo import clock, ids
from redaction.text import HIDDEN, clean

SECRETS = [
    "sk_test_4eC39HqLyjWDarjtT1zdp7dc",
    "rk_live_abc123",
    "pk_test_abc123",
    "mk_test_0f9e8d",
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "pm_card_visa",
    "tok_visa",
    "pi_3Nx_secret_9kQ",
    "Bearer eyJhbGciOi.eyJzdWIi.c2ln",
    "Basic bWFsaXBvOnBhc3M=",
    "postgresql://malipo:hunter2@db/malipo",
    "k1:q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
    "4242424242424242",
    "4242 4242 4242 4242",
    "3782-822463-10005",
    "6200 0000 0000 0005.",
    "4242\t4242\t4242\t4242",
    "4242424242424242-12/27",
    "card4242424242424242exp1227",
    "+254 712 345 678",
    "254712345678",
    "0712 345 678",
    "254 712-345-678",
    "0712345678",
    "+1 (415) 555-2671",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_hidden_wherever_it_stands(secret):
    kept = secret.strip(".").removeprefix("postgresql://").removesuffix("@db/malipo").removeprefix("k1:")
    event = {
        "event": f"refused {secret} today",
        "error": ValueError(secret),
        "seen": [{"inner": (f"<{secret}>",)}, {secret: 1}],
    }
    assert kept not in str({name: clean(name, value) for name, value in event.items()})


@pytest.mark.parametrize("name", ["secret_key", "token", "X-API-Key", "Authorization", "phone", "msisdn", "key_ring"])
def test_what_is_named_like_a_secret_is_hidden_whatever_it_looks_like(name):
    assert clean(name, "plain") == HIDDEN
    assert clean("request", {"headers": {name: ["plain"]}}) == {"headers": {name: HIDDEN}}


@pytest.mark.parametrize("number", [4242424242424242, 254712345678])
def test_a_number_can_be_a_card_or_a_phone_number(number):
    assert clean("payer", number) == HIDDEN


@given(
    st.sampled_from(["pay", "evt", "msg", "ref", "mer", "req", "del", "run"]).map(ids.new),
    st.integers(min_value=0, max_value=10**7),
    st.datetimes().map(str),
)
def test_ids_amounts_and_times_stay_readable(made, amount_minor, time):
    for value in (made, f"about {made}", amount_minor, time, clock.iso(clock.now())):
        assert clean("detail", value) == value


@pytest.mark.parametrize(
    "text",
    [
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "providers.outcomes.v1:3:41111",
        "1795220000123",
        "1795220000123456789",
        "task_runner and bookmark_list",
        "GET /v1/payment_intents/pi_3NxQ7K2eZvKYlo2C 200",
        "0.0712345678 s",
        "4242424242424241",
    ],
)
def test_what_only_resembles_a_secret_stays_readable(text):
    assert clean("event", text) == text


def test_other_objects_are_shown_as_they_would_be_written_and_cleaned_then():
    class Card:
        def __repr__(self):
            return "Card(number=4242424242424242)"

    assert clean("event", Card()) == f"Card(number={HIDDEN})"
    assert clean("event", b"sk_test_abcdef") == f"b'{HIDDEN}'"
