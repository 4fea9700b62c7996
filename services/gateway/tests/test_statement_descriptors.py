"""What the customer's statement is to show: taken where a provider shows it, and else refused with what is possible."""

import json

import pytest

from malipo.contracts.commands import CreatePayment
from malipo.contracts.message import encode

SHOWN = "Shop 7, May"
PAYPAL = {
    "amount": 1250,
    "currency": "USD",
    "method": {"type": "paypal"},
    "return_url": "https://shop.example/thanks",
    "cancel_url": "https://shop.example/cart",
}
MPESA = {"amount": 10_000, "currency": "KES", "method": {"type": "mpesa", "phone": "0712345678"}}
TRANSFER = {
    "amount": 1000,
    "currency": "USD",
    "method": {
        "type": "bank_transfer",
        "recipient": {"name": "Ada", "account": {"number": "1234567", "routing": "021000021"}},
    },
}


async def commands(gateway) -> list[CreatePayment]:
    return [one for one in await gateway.sent() if isinstance(one, CreatePayment)]


async def test_it_goes_with_the_payment_and_is_shown(gateway, merchant, make):
    accepted = await merchant.pay(make.payment | {"statement_descriptor": SHOWN})
    assert accepted.status_code == 202, accepted.text
    read = await merchant.get(f"/v1/payments/{accepted.json()['id']}")
    assert accepted.json()["statement_descriptor"] == read.json()["statement_descriptor"] == SHOWN
    [command] = await commands(gateway)
    assert command.statement_descriptor == SHOWN


async def test_a_payment_without_it_says_nothing_of_it_to_other_services(gateway, merchant, make):
    for body in (make.payment, make.payment | {"statement_descriptor": None}):
        assert (await merchant.pay(body)).json()["statement_descriptor"] is None
    for command in await commands(gateway):
        assert "statement_descriptor" not in json.loads(encode(command))


async def test_a_key_is_for_one_of_them(merchant, make):
    body = make.payment | {"statement_descriptor": SHOWN}
    first, again = [await merchant.pay(body, key="k") for _ in range(2)]
    assert first.json()["id"] == again.json()["id"]
    for other in ({"statement_descriptor": "Shop 8"}, {"statement_descriptor": None}):
        refused = await merchant.pay(body | other, key="k")
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "text_empty"),
        ("x" * 23, "text_too_long"),
        ("two\nlines", "text_control_characters"),
        ("4242 4242 4242 4242", "raw_card_number"),
        (7, "type_wrong"),
        ("1234", "statement_descriptor_invalid"),
        ("Ann's shop", "statement_descriptor_invalid"),
        ("Café", "statement_descriptor_invalid"),
    ],
)
async def test_what_no_statement_of_a_card_shows_is_refused_before_anything_is_written(
    gateway, merchant, make, text, code
):
    refused = await merchant.pay(make.payment | {"statement_descriptor": text})
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert [error["field"] for error in refused.json()["errors"]] == ["/statement_descriptor"]
    assert await gateway.count("payments") == 0


@pytest.mark.parametrize(
    ("body", "text", "code", "possible"),
    [
        (PAYPAL, "Shop #7", "statement_descriptor_invalid", "letters from A to Z, digits"),
        (MPESA, "Shop 7", "statement_descriptor_unsupported", "use `description`"),
        (TRANSFER, "Shop 7", "statement_descriptor_unsupported", "use `remittance`"),
    ],
)
async def test_a_refusal_says_what_is_possible_instead(gateway, merchant, body, text, code, possible):
    refused = await merchant.pay(body | {"statement_descriptor": text})
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    (error,) = refused.json()["errors"]
    assert error["field"] == "/statement_descriptor"
    assert possible in error["detail"]
    assert await gateway.count("payments") == 0


async def test_what_a_statement_can_show_is_listed_by_method(merchant):
    providers = (await merchant.get("/v1/providers")).json()["data"]
    shown = {
        method["type"]: method["statement_descriptor"] and method["statement_descriptor"]["max_length"]
        for one in providers
        for method in one["methods"]
    }
    assert shown == {"card": 22, "saved": 22, "paypal": 22, "mpesa": None, "bank_transfer": None}
