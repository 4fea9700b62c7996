"""Of all providers: what does not fit says what would be possible; bodies and texts derive."""

import json
from typing import Annotated, Any

import jsonschema_rs
import pytest
from fastapi import APIRouter
from pydantic import TypeAdapter, ValidationError

from gateway.accounts.credential_routes import add_provider
from gateway.edge.cards import find_card_number
from gateway.edge.problems import PROBLEMS, problems_of
from gateway.openapi.description import describe
from gateway.payments.fitting import Asked, Misfit, candidates, final_misfit, operation_misfit
from gateway.payments.methods import OneOf, fitting_schema, numbers_of
from malipo.contracts.descriptor import Details, Method
from malipo.contracts.providers import PROVIDERS, by_method
from malipo.contracts.providers.bank import BankTransferMethod
from malipo.money import Money

SENT: dict[str, dict[str, Any]] = {
    "card": {"type": "card", "token": "pm_card_visa"},
    "mpesa": {"type": "mpesa", "phone": "0712345678"},
    "paypal": {"type": "paypal"},
    "bank_transfer": {
        "type": "bank_transfer",
        "rail": "ZELLE",
        "recipient": {"name": "Ada", "alias": {"type": "email", "value": "ada@example.com"}},
    },
}

BACK = {"return_url": "https://shop.example", "cancel_url": "https://shop.example"}


@pytest.fixture
def methods():
    return by_method(PROVIDERS)


@pytest.fixture
def read(methods):
    return TypeAdapter(Annotated[Method, OneOf(methods)]).validate_python


@pytest.fixture
def ask(read):
    def ask(method: str, amount: int, currency: str, *, given=("return_url", "cancel_url"), **changes: Any):
        base = {"capture": "automatic", "provider": None, "given": frozenset(given)}
        asked = Asked(method=read(SENT[method]), amount=Money(amount, currency), **base | changes)
        return candidates(asked, PROVIDERS)

    return ask


def test_a_method_is_read_by_its_own_model(read):
    for sent in SENT.values():
        assert read(sent).method_type == sent["type"]
    assert read({"type": "mpesa", "phone": "+254 712 345 678"}).phone == "254712345678"


@pytest.mark.parametrize(
    ("sent", "place", "type_"),
    [
        ({"type": "cash"}, ("type",), "method_unknown"),
        ({"type": "mpesa", "phone": "123"}, ("phone",), "phone_invalid"),
        ({"type": "mpesa", "phone": "0712345678", "token": "x"}, ("token",), "extra_forbidden"),
        ({"type": "bank_transfer", "recipient": {"name": "Ada"}}, ("recipient",), "recipient_unclear"),
        (
            {"type": "bank_transfer", "recipient": {"name": "A", "account": {"number": "1", "routing": "021000021"}}},
            ("recipient", "account", "number"),
            "account_number_invalid",
        ),
    ],
)
def test_what_is_wrong_with_a_method_is_named_at_its_place(read, sent, place, type_):
    with pytest.raises(ValidationError) as refused:
        read(sent)
    assert [(error["loc"], error["type"]) for error in refused.value.errors()] == [(place, type_)]


@pytest.mark.parametrize(
    ("asked", "provider"),
    [
        (("card", 1250, "USD"), "stripe"),
        (("mpesa", 10_000, "KES"), "mpesa"),
        (("paypal", 100_00, "HUF"), "paypal"),
        (("bank_transfer", 500_000, "USD"), "bank"),
    ],
)
def test_each_method_finds_its_provider(ask, asked, provider):
    assert [one.provider.name for one in ask(*asked)] == [provider]


@pytest.mark.parametrize(
    ("asked", "changes", "field", "code", "possible"),
    [
        (
            ("mpesa", 10_050, "KES"),
            {},
            "/amount",
            "amount_not_representable",
            "multiple of 100 in this currency: whole shillings",
        ),
        (("mpesa", 25_000_100, "KES"), {}, "/amount", "amount_too_large", "from 100 to 25000000"),
        (("mpesa", 10_000, "USD"), {}, "/currency", "currency_unsupported", "KES"),
        (("mpesa", 10_000, "KES"), {"capture": "manual"}, "/capture", "operation_unsupported", "must be automatic"),
        (("mpesa", 10_000, "KES"), {"provider": "stripe"}, "/provider", "method_unsupported", "through mpesa"),
        (("paypal", 1250, "USD"), {"given": ()}, "/return_url", "field_missing", "PayPal"),
        (("paypal", 1250, "USD"), {"given": ("return_url",)}, "/cancel_url", "field_missing", "PayPal"),
        (("paypal", 12_345, "HUF"), {}, "/amount", "amount_not_representable", "in this currency: no decimals"),
        (("paypal", 1250, "KES"), {}, "/currency", "currency_unsupported", "and more: GET /v1/providers lists them"),
        (("bank_transfer", 500_001, "USD"), {}, "/amount", "rail_limit_exceeded", "ZELLE takes at most 500000"),
        (
            ("card", 1250, "USD"),
            {"given": ("remittance",)},
            "/remittance",
            "remittance_unsupported",
            "use `description`",
        ),
        (
            ("card", 1250, "USD"),
            {"statement": "7"},
            "/statement_descriptor",
            "statement_descriptor_invalid",
            "at least one letter",
        ),
        (
            ("paypal", 1250, "USD"),
            {"statement": "Ann's"},
            "/statement_descriptor",
            "statement_descriptor_invalid",
            "letters from A to Z",
        ),
        (
            ("mpesa", 10_000, "KES"),
            {"statement": "Shop 7"},
            "/statement_descriptor",
            "statement_descriptor_unsupported",
            "use `description`",
        ),
        (
            ("bank_transfer", 1250, "USD"),
            {"statement": "Shop 7"},
            "/statement_descriptor",
            "statement_descriptor_unsupported",
            "use `remittance`, which the recipient reads",
        ),
    ],
)
def test_what_does_not_fit_says_what_would_be_possible(ask, asked, changes, field, code, possible):
    misfit = ask(*asked, **changes)
    assert isinstance(misfit, Misfit)
    assert (misfit.field, misfit.code) == (field, code)
    assert possible in misfit.detail


@pytest.mark.parametrize(
    ("provider", "kind", "amount", "before", "possible"),
    [
        ("mpesa", "capture", None, 0, "it has: charge, refund"),
        ("mpesa", "refund", 50, 0, "of all, 100, alone"),
        ("mpesa", "refund", None, 100, "one refund of a payment"),
        ("mpesa", "refund", 100, 0, None),
        ("bank", "refund", None, 0, "it has: charge, cancel"),
        ("paypal", "refund", 50, 30, None),
        ("stripe", "capture", 50, 0, None),
    ],
)
def test_an_operation_beyond_what_the_provider_can_do_says_what_it_can(provider, kind, amount, before, possible):
    misfit = operation_misfit(PROVIDERS[provider], kind, amount, whole=100, before=before)
    assert (misfit and misfit.code) == (possible and "operation_unsupported")
    assert possible is None or possible in misfit.detail


def test_a_capture_that_leaves_more_to_capture_is_refused_where_the_provider_does_one():
    assert final_misfit(PROVIDERS["stripe"], final=True) is None
    assert final_misfit(PROVIDERS["paypal"], final=False) is None
    misfit = final_misfit(PROVIDERS["stripe"], final=False)
    assert misfit is not None
    assert (misfit.field, misfit.code) == ("/final", "operation_unsupported")
    assert "one capture of a payment" in misfit.detail


@pytest.mark.parametrize(
    ("asked", "choices", "further", "good"),
    [
        (("card", 1250, "USD"), {"capture": "manual", "provider": "stripe"}, {}, True),
        (("card", 1255, "KWD"), {}, {}, False),
        (("card", 12_345, "HUF"), {}, {"return_url": None}, True),
        (("mpesa", 10_000, "KES"), {"capture": "automatic", "provider": "mpesa"}, {}, True),
        (("mpesa", 10_000, "KES"), {"capture": "manual"}, {}, False),
        (("mpesa", 10_000, "KES"), {"provider": "stripe"}, {}, False),
        (("mpesa", 10_050, "KES"), {}, {}, False),
        (("mpesa", 10_000, "USD"), {}, {}, False),
        (("paypal", 12_345, "HUF"), {}, {"return_url": "https://shop.example"}, False),
        (
            ("paypal", 1250, "USD"),
            {"provider": None},
            {"return_url": "https://shop.example", "cancel_url": "https://shop.example"},
            True,
        ),
        (("paypal", 1250, "USD"), {}, {"return_url": "https://shop.example"}, False),
        (("paypal", 1250, "USD"), {}, {"return_url": None}, False),
        (("paypal", 1250, "USD"), {}, {}, False),
        (("card", 1250, "USD"), {}, {"remittance": "Invoice 7"}, False),
        (("card", 1250, "USD"), {}, {"remittance": None}, True),
        (("bank_transfer", 1250, "USD"), {}, {"remittance": "Invoice 7"}, True),
        (("card", 1250, "USD"), {}, {"statement_descriptor": "Shop #7, May"}, True),
        (("card", 1250, "USD"), {}, {"statement_descriptor": None}, True),
        (("card", 1250, "USD"), {}, {"statement_descriptor": "x" * 22}, True),
        (("card", 1250, "USD"), {}, {"statement_descriptor": "x" * 23}, False),
        (("card", 1250, "USD"), {}, {"statement_descriptor": "1234"}, False),
        *((("card", 1250, "USD"), {}, {"statement_descriptor": f"Shop {one}"}, False) for one in "<>\\'\"*é\n"),
        *(
            (("card", 1250, "USD"), {}, {"statement_descriptor": f"Shop {one}"}, True)
            for one in "!#&()+,-./:;=?@[]^_`{|}~"
        ),
        (("paypal", 1250, "USD"), {}, BACK | {"statement_descriptor": "SHOP *7.a-b"}, True),
        (("paypal", 1250, "USD"), {}, BACK | {"statement_descriptor": "1234"}, True),
        (("paypal", 1250, "USD"), {}, BACK | {"statement_descriptor": "x" * 23}, False),
        *(
            (("paypal", 1250, "USD"), {}, BACK | {"statement_descriptor": one}, False)
            for one in ("a,b", "a&b", "é", " ")
        ),
        (("mpesa", 10_000, "KES"), {}, {"statement_descriptor": "Shop"}, False),
        (("mpesa", 10_000, "KES"), {}, {"statement_descriptor": None}, True),
        (("bank_transfer", 1250, "USD"), {}, {"statement_descriptor": "Shop"}, False),
    ],
)
def test_the_description_says_of_what_fits_what_is_checked(ask, methods, asked, choices, further, good):
    method, amount, currency = asked
    body = {"method": {"type": method}, "amount": amount, "currency": currency, **choices, **further}
    assert jsonschema_rs.Draft202012Validator({"allOf": fitting_schema(methods)}).is_valid(body) is good
    given = [name for name, value in further.items() if value is not None]
    statement = further.get("statement_descriptor")
    assert isinstance(ask(*asked, given=given, statement=statement, **choices), Misfit) is not good


def test_a_number_that_is_about_a_person_is_not_taken_for_a_card(methods):
    account = {"number": "4242424242424242", "routing": "021000021"}
    body = {"method": {"type": "bank_transfer", "recipient": {"name": "Ada", "account": account}}}
    assert find_card_number(body, but=numbers_of(methods)) is None
    body["method"]["rail"] = "4242424242424242"
    assert find_card_number(body, but=numbers_of(methods)) == ("method", "rail")


def test_the_description_has_each_methods_fields_and_what_they_are_made_of(methods):
    class Body(Details):
        method: Annotated[Method, OneOf(methods)]

    schema = Body.model_json_schema()
    assert {"CardMethod", "MpesaMethod", "PaypalMethod", "BankTransferMethod", "BankAccount"} <= set(schema["$defs"])
    mapping = schema["properties"]["method"]["discriminator"]["mapping"]
    assert mapping["bank_transfer"] == "#/$defs/BankTransferMethod"
    validator = jsonschema_rs.Draft202012Validator(schema)
    assert all(validator.is_valid({"method": sent}) for sent in SENT.values())
    assert not validator.is_valid({"method": {"type": "mpesa", "phone": "123"}})


def test_a_recipient_is_described_as_either_an_account_or_an_alias():
    transfer = BankTransferMethod.model_json_schema()
    assert len(transfer["$defs"]["Recipient"]["oneOf"]) == 2
    validator = jsonschema_rs.Draft202012Validator(transfer)
    account = {"account": {"number": "000123456789", "routing": "021000021"}}
    alias = {"alias": {"type": "email", "value": "ada@shop.test"}}
    sent = [account, alias, account | {"alias": None}, account | alias, {}, {"account": None, "alias": None}]
    given = [{"type": "bank_transfer", "recipient": {"name": "Ada"} | to} for to in sent]
    assert [validator.is_valid(one) for one in given] == [True, True, True, False, False, False]


def test_each_providers_credentials_are_described_by_their_own_body(monkeypatch):
    for provider in PROVIDERS.values():
        for code, kind in problems_of(provider).items():
            monkeypatch.setitem(PROBLEMS, code, kind)
    router = APIRouter(prefix="/v1/provider-credentials")
    for provider in PROVIDERS.values():
        add_provider(router, provider)
    document = describe([router])
    text = json.dumps(document)
    for name, provider in PROVIDERS.items():
        put = document["paths"][f"/v1/provider-credentials/{name}"]["put"]
        reference = {"$ref": f"#/components/schemas/{provider.credentials.__name__}"}
        assert put["requestBody"]["content"]["application/json"]["schema"] == reference
        assert provider.title in put["summary"]
        assert f"/v1/provider-credentials/{name}/accounts/{{label}}" in document["paths"]
    for model in ("OAuth", "Certificate", "MpesaCredentials"):
        assert f"#/components/schemas/{model}" in text
        assert model in document["components"]["schemas"]
