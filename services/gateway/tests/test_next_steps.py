"""Errors say what is accepted, and what to do next."""

import pytest

OTHER = {"amount": 4711, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/v1/payments?limit=101", "limit: must be at most 100"),
        ("/v1/payments?limit=0", "limit: must be at least 1"),
        ("/v1/payments?status=nosuch", "status: must be 'initiated'"),
    ],
)
async def test_a_bad_parameter_is_answered_with_what_it_accepts(merchant, path, detail):
    answer = await merchant.get(path)
    assert answer.json()["detail"].startswith(detail)


async def test_a_key_that_is_used_again_is_answered_with_what_to_do(merchant):
    await merchant.pay(key="once")
    answer = await merchant.pay(OTHER, key="once")
    assert answer.json()["detail"].endswith("Repeat the first request unchanged, or use a new key.")
