"""Orders that the simulated PayPal refuses: each field by PayPal's own schema, amounts by their currency."""

import pytest

pytestmark = pytest.mark.asyncio

ORDERS = "/v2/checkout/orders"


def money(value: object, currency: object = "USD") -> dict:
    return {"currency_code": currency, "value": value}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, [("MISSING_REQUIRED_PARAMETER", "/intent"), ("MISSING_REQUIRED_PARAMETER", "/purchase_units")]),
        ({"intent": "SELL", "purchase_units": []}, [("INVALID_PARAMETER_VALUE", "/intent"), ("INVALID_ARRAY_MIN_ITEMS", "/purchase_units")]),
        ({"intent": None, "purchase_units": 7}, [("MISSING_REQUIRED_PARAMETER", "/intent"), ("INVALID_PARAMETER_SYNTAX", "/purchase_units")]),
        ([], [("INVALID_PARAMETER_SYNTAX", "/")]),
    ],
)  # fmt: skip
async def test_every_field_against_the_schema_is_told(paypal, body, told):
    answer = await paypal.post(ORDERS, body)
    assert (answer.status_code, answer.json()["name"]) == (400, "INVALID_REQUEST")
    assert [(one["issue"], one["field"]) for one in answer.json()["details"]] == told


@pytest.mark.parametrize(
    ("unit", "issue"),
    [
        ({"amount": None}, "MISSING_REQUIRED_PARAMETER"),
        ({"amount": money(10)}, "INVALID_PARAMETER_SYNTAX"),
        ({"amount": money("10,00")}, "INVALID_PARAMETER_SYNTAX"),
        ({"amount": money("10.00\n")}, "INVALID_PARAMETER_SYNTAX"),
        ({"amount": money("1" * 33)}, "INVALID_STRING_LENGTH"),
        ({"amount": money("1.00", "EURO")}, "INVALID_STRING_LENGTH"),
        ({"custom_id": "c" * 128}, "INVALID_STRING_LENGTH"),
        ({"invoice_id": ""}, "INVALID_STRING_LENGTH"),
        ({"soft_descriptor": "s" * 23}, "INVALID_STRING_LENGTH"),
        ({"soft_descriptor": "Tea & more"}, "INVALID_PARAMETER_SYNTAX"),
        ({"items": [{"name": "Tea", "unit_amount": money("1.00"), "quantity": "none"}]}, "INVALID_PARAMETER_SYNTAX"),
    ],
)
async def test_a_field_of_a_wrong_form_is_a_bad_request(paypal, issues, unit, issue):
    assert issues(await paypal.create(unit=unit)) == [400, issue]


@pytest.mark.parametrize(
    ("amount", "issue"),
    [
        (money("10.00", "KES"), "INVALID_CURRENCY_CODE"),
        (money("10.00", "usd"), "INVALID_CURRENCY_CODE"),
        (money("10.001"), "DECIMAL_PRECISION"),
        (money("10.50", "JPY"), "DECIMAL_PRECISION"),
        (money("123.45", "HUF"), "DECIMAL_PRECISION"),
        (money("5.00", "TWD"), "DECIMAL_PRECISION"),
        (money("0.00"), "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (money("-1.00"), "CANNOT_BE_ZERO_OR_NEGATIVE"),
        (money("1000000000000000"), "MAX_VALUE_EXCEEDED"),
        (money("10.00") | {"breakdown": {"item_total": money("9.00")}}, "AMOUNT_MISMATCH"),
        (money("10.00") | {"breakdown": {"shipping": money("-1.00")}}, "CANNOT_BE_NEGATIVE"),
        (money("10.00") | {"breakdown": {"shipping": money("10.00", "EUR")}}, "MULTI_CURRENCY_ORDER"),
    ],
)
async def test_an_amount_that_its_currency_does_not_have_is_refused(paypal, issues, amount, issue):
    assert issues(await paypal.create(unit={"amount": amount})) == [422, issue]


@pytest.mark.parametrize(("value", "currency"), [("10", "USD"), (".5", "USD"), ("500", "JPY"), ("12345", "HUF")])
async def test_an_amount_is_shown_as_its_currency_is_written(paypal, value, currency):
    order = await paypal.created(unit={"amount": money(value, currency)})
    shown = (await paypal.get(f"{ORDERS}/{order}"))["purchase_units"][0]["amount"]["value"]
    assert shown == {"10": "10.00", ".5": "0.50"}.get(value, value)


@pytest.mark.parametrize(
    ("breakdown", "issue"),
    [
        ({}, "ITEM_TOTAL_REQUIRED"),
        ({"item_total": money("9.00"), "tax_total": money("1.00")}, "ITEM_TOTAL_MISMATCH"),
        ({"item_total": money("8.00"), "handling": money("2.00")}, "TAX_TOTAL_REQUIRED"),
        ({"item_total": money("8.00"), "handling": money("1.00"), "tax_total": money("1.00")}, "TAX_TOTAL_MISMATCH"),
    ],
)
async def test_items_add_up_to_the_breakdown(paypal, issues, breakdown, issue):
    items = [{"name": "Tea", "unit_amount": money("4.00"), "tax": money("1.00"), "quantity": "2"}]
    amount = money("10.00") | {"breakdown": breakdown}
    assert issues(await paypal.create(unit={"amount": amount, "items": items})) == [422, issue]
    amount = money("10.00") | {"breakdown": {"item_total": money("8.00"), "tax_total": money("2.00")}}
    assert (await paypal.create(unit={"amount": amount, "items": items})).status_code == 201


@pytest.mark.parametrize(
    ("units", "intent", "issue"),
    [
        ([{"reference_id": "a"}, {}], "CAPTURE", "REFERENCE_ID_REQUIRED"),
        ([{"reference_id": "a"}, {"reference_id": "a"}], "CAPTURE", "DUPLICATE_REFERENCE_ID"),
        ([{"reference_id": "a"}, {"reference_id": "b"}], "AUTHORIZE", "UNSUPPORTED_INTENT"),
        ([{"reference_id": "a"}, {"reference_id": "b", "amount": money("1.00", "EUR")}], "CAPTURE", "MULTI_CURRENCY_ORDER"),
    ],
)  # fmt: skip
async def test_purchase_units_go_together(paypal, issues, units, intent, issue):
    whole = [{"amount": money("1.00")} | unit for unit in units]
    assert issues(await paypal.create(purchase_units=whole, intent=intent)) == [422, issue]


@pytest.mark.parametrize("source", [{"card": {"number": "4111111111111111"}}, {}, {"paypal": {"vault_id": "v1"}}])
async def test_other_ways_to_pay_are_not_modelled_and_refused(paypal, issues, source):
    assert issues(await paypal.create(payment_source=source)) == [422, "PAYMENT_SOURCE_CANNOT_BE_USED"]


async def test_a_url_has_to_be_one(paypal, issues):
    source = {"paypal": {"experience_context": {"return_url": "back to the shop"}}}
    assert issues(await paypal.create(payment_source=source)) == [400, "INVALID_PARAMETER_SYNTAX"]


@pytest.mark.parametrize(
    ("content", "content_type", "told"),
    [
        (b"{", "application/json", [400, "MALFORMED_REQUEST_JSON"]),
        (b'{"intent": NaN}', "application/json", [400, "MALFORMED_REQUEST_JSON"]),
        (b'{"intent": "\\ud800"}', "application/json", [400, "MALFORMED_REQUEST_JSON"]),
        (b"\xff", "application/json", [400, "MALFORMED_REQUEST_JSON"]),
        (b"[" * 20_000, "application/json", [400, "MALFORMED_REQUEST_JSON"]),
        (b"{}", "text/plain", [415]),
        (b"{" + b" " * 1_000_001, "application/json", [413]),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(paypal, issues, content, content_type, told):
    headers = {"authorization": f"Bearer {await paypal.new_token()}", "content-type": content_type}
    assert issues(await paypal.http.post(ORDERS, content=content, headers=headers)) == told


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nowhere", 404),
        ("POST", "/v1/payments/payment", 404),
        ("DELETE", ORDERS, 405),
        ("GET", "/v1/oauth2/token", 405),
        ("GET", f"{ORDERS}/NOBODYS", 404),
        ("GET", f"{ORDERS}/lower?fields=Upper", 400),
    ],
)
async def test_what_is_not_there_is_refused_in_paypals_words(paypal, method, path, status):
    answer = await paypal.send(method, path)
    assert answer.status_code == status
    assert {"name", "message", "debug_id", "links"} <= set(answer.json())
