"""What the simulated bank does not take, and how it says so."""

import pytest

pytestmark = pytest.mark.asyncio

NAMELESS = {"account": {"number": "1234", "routing": "021000021"}}
BOTH = {"name": "X", **NAMELESS, "alias": {"type": "email", "value": "a@b.example"}}


@pytest.mark.parametrize(
    ("changed", "field", "why"),
    [
        ({"end_to_end_id": "with space"}, "/end_to_end_id", "invalid"),
        ({"end_to_end_id": "x" * 36}, "/end_to_end_id", "invalid"),
        ({"end_to_end_id": None}, "/end_to_end_id", "required"),
        ({"rail": "SWIFT"}, "/rail", "invalid"),
        ({"amount": "1.5"}, "/amount", "invalid"),
        ({"amount": 1.5}, "/amount", "invalid"),
        ({"amount": "-1.00"}, "/amount", "invalid"),
        ({"amount": "0.00"}, "/amount", "amount_not_positive"),
        ({"currency": "EUR"}, "/currency", "invalid"),
        ({"priority": "high"}, "/priority", "unknown"),
        ({"remittance": "x" * 141}, "/remittance", "invalid"),
        ({"remittance": "two\nlines"}, "/remittance", "invalid"),
        ({"creditor": NAMELESS}, "/creditor/name", "required"),
        ({"creditor": {"name": "X"}}, "/creditor", "recipient_unclear"),
        ({"creditor": BOTH}, "/creditor", "recipient_unclear"),
        (
            {"creditor": {"name": "X", "account": {"number": "1234", "routing": "021000022"}}},
            "/creditor/account/routing",
            "routing_number_invalid",
        ),
        ({"requested_execution_date": "2026-02-30"}, "/requested_execution_date", "invalid"),
    ],
)
async def test_each_field_that_is_wrong_is_named(bank, code, changed, field, why):
    assert code(await bank.order(**changed)) == [422, "invalid", (field, why)]
    assert (await bank.book())["payments"] == []


async def test_what_does_not_fit_its_rail_or_its_day_is_refused(bank, code, known_as):
    alias = known_as("ann@example.com")
    refused = [
        (await bank.order(creditor=alias), "rail_unfit"),
        (await bank.order(rail="ZELLE"), "rail_unfit"),
        (await bank.order(amount="1000000.01"), "rail_limit_exceeded"),
        (await bank.order(rail="ZELLE", creditor=alias, amount="5000.01"), "rail_limit_exceeded"),
        (await bank.order(rail="ACH", amount="10000000.01"), "rail_limit_exceeded"),
        (await bank.order(requested_execution_date="2020-01-01"), "execution_date_invalid"),
        (await bank.order(requested_execution_date="9999-12-31"), "execution_date_invalid"),
    ]
    assert [code(answer) for answer, _ in refused] == [[422, why] for _, why in refused]


async def test_bodies_paths_and_methods_that_the_bank_does_not_have_are_problems_too(bank, code):
    authorized = {"authorization": f"Bearer {await bank.new_token()}", "idempotency-key": "k"}
    text = await bank.http.post("/v1/payments", content="{}", headers=authorized)
    assert code(text) == [415, "media_type_unsupported"]
    half = authorized | {"content-type": "application/json"}
    for body in ("{", "[" * 100_000, '{"amount": NaN}', '"\\ud800"'):
        assert code(await bank.http.post("/v1/payments", content=body, headers=half)) == [400, "malformed"]
    assert code(await bank.http.post("/v1/payments", content="[]", headers=half))[:2] == [422, "invalid"]
    assert code(await bank.http.post("/v1/payments", content=b"x" * 1_000_001, headers=half)) == [413, "too_large"]
    wrong = await bank.send("DELETE", "/v1/payments")
    assert (code(wrong), wrong.headers["allow"]) == ([405, "method_not_allowed"], "POST, GET")
    assert code(await bank.send("GET", "/v1/refunds")) == [404, "not_found"]
    assert code(await bank.send("GET", "/v1/payments", fault="nonsense")) == [400, "malformed"]


async def test_limits_and_pages_of_a_proxy_come_by_fault(bank, code):
    limited = await bank.order(fault="rate_limited:3")
    assert (code(limited), limited.headers["retry-after"]) == ([429, "rate_limited"], "3")
    page = await bank.order(fault="html_error")
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (502, "text/html")
