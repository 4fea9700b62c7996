"""Everything a merchant may get wrong has its own code, names the field, and leaves nothing behind."""

import json

import pytest

from gateway.edge.cards import mentions_card_number
from gateway.edge.problems import Problem
from gateway.edge.validation import _members, parse
from gateway.payments.schemas import NewPayment
from malipo import ids
from malipo.money import EXPONENTS
from testkit.waiting import until

GOOD = {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}
CARD = "4242424242424242"
NO_URL = "must be an absolute http or https URL without user name, fragment or blanks, and its host of ASCII (xn--...)"

BAD_FIELDS = [
    ({"amount": 12.5}, "/amount", "amount_not_integer"),
    ({"amount": 1250.0}, "/amount", "amount_not_integer"),
    ({"amount": "1250"}, "/amount", "amount_not_integer"),
    ({"amount": True}, "/amount", "amount_not_integer"),
    ({"amount": None}, "/amount", "amount_not_integer"),
    ({"amount": 0}, "/amount", "amount_too_small"),
    ({"amount": -5}, "/amount", "amount_too_small"),
    ({"amount": 10**11}, "/amount", "amount_too_large"),
    ({"amount": 10**30}, "/amount", "amount_too_large"),
    ({"currency": "XXX"}, "/currency", "currency_unknown"),
    ({"currency": "usd"}, "/currency", "currency_unknown"),
    ({"currency": 840}, "/currency", "type_wrong"),
    ({"currency": "GHS"}, "/currency", "currency_unsupported"),
    ({"currency": "KWD", "amount": 1255}, "/amount", "amount_not_representable"),
    ({"method": {}}, "/method/type", "field_missing"),
    ({"method": "card"}, "/method", "type_wrong"),
    ({"method": {"type": "cash"}}, "/method/type", "method_unknown"),
    ({"method": {"type": "card", "token": ""}}, "/method/token", "text_empty"),
    ({"method": {"type": "card", "token": "pm_x", "cvc": "1"}}, "/method/cvc", "field_unknown"),
    ({"method": {"type": "card", "token": CARD}}, "/method/token", "raw_card_number"),
    ({"method": {"type": "card", "token": "4242 4242 4242 4242"}}, "/method/token", "raw_card_number"),
    ({"method": {"type": "card", "number": "x"}}, "/method/number", "raw_card_number"),
    ({"method": {"type": "card", "card": {"pan": [int(CARD)]}}}, "/method/card/pan", "raw_card_number"),
    ({"method": {"type": "card", "sources": ["pm_x", CARD]}}, "/method/sources/1", "raw_card_number"),
    ({"card": {"number": "x"}}, "/card/number", "raw_card_number"),
    ({"description": "card 4242-4242-4242-4242, please"}, "/description", "raw_card_number"),
    ({"client_ref": CARD}, "/client_ref", "raw_card_number"),
    ({"client_ref": f"{CARD}-12/27"}, "/client_ref", "raw_card_number"),
    ({"description": f"card{CARD}exp1227"}, "/description", "raw_card_number"),
    ({"description": "4242\u00ad4242\u200b4242\u00ad4242"}, "/description", "raw_card_number"),
    ({"method": {"type": "card", "token": "tok_\u2074\u00b2" + "42/" * 7}}, "/method/token", "raw_card_number"),
    ({"method": {"type": "card", "token": "4242 4242 4242 4242 1227"}}, "/method/token", "raw_card_number"),
    ({"metadata": {"x": "4242 4242 4242 4242"}}, "/metadata/x", "raw_card_number"),
    ({"metadata": {"4242 4242 4242 4242": "x"}}, "/metadata/[redacted]", "raw_card_number"),
    ({"description": "\uff14\uff12\uff14\uff12" * 4}, "/description", "raw_card_number"),
    ({"method": {"type": "card", "token": "\uff14\uff12" * 8}}, "/method/token", "raw_card_number"),
    ({"return_url": f"https://shop.example/?card={CARD}"}, "/return_url", "raw_card_number"),
    ({"return_url": f"https://shop.example/{CARD}/paid"}, "/return_url", "raw_card_number"),
    ({"cancel_url": f"https://shop.example/{CARD}/left"}, "/cancel_url", "raw_card_number"),
    ({"return_url": f"https://shop.example/pay?card{CARD}"}, "/return_url", "raw_card_number"),
    ({"return_url": "https://shop.example/?q=4242+4242+4242+4242"}, "/return_url", "raw_card_number"),
    ({"return_url": "https://shop.example/?q=" + "%34%32" * 8}, "/return_url", "raw_card_number"),
    (
        {"return_url": "https://a.example/?to=https%3A%2F%2Fb.example%2F%3Fn%3D" + CARD},
        "/return_url",
        "raw_card_number",
    ),
    ({"return_url": "https://shop.example/?q=" + "%25%33%34%25%33%32" * 8}, "/return_url", "raw_card_number"),
    ({"client_ref": "x" * 101}, "/client_ref", "text_too_long"),
    ({"client_ref": "a\u0000b"}, "/client_ref", "text_control_characters"),
    ({"client_ref": 7}, "/client_ref", "type_wrong"),
    ({"description": "x" * 501}, "/description", "text_too_long"),
    ({"description": "a\nb"}, "/description", "text_control_characters"),
    ({"metadata": {str(n): "x" for n in range(21)}}, "/metadata", "too_many_entries"),
    ({"metadata": {"k" * 41: "x"}}, "/metadata/" + "k" * 41, "text_too_long"),
    ({"metadata": {"k": "x" * 501}}, "/metadata/k", "text_too_long"),
    ({"metadata": {"a/b": 1}}, "/metadata/a~1b", "type_wrong"),
    ({"metadata": [1]}, "/metadata", "type_wrong"),
    ({"capture": "later"}, "/capture", "choice_unknown"),
    ({"return_url": "javascript:alert(1)"}, "/return_url", "url_invalid"),
    ({"cancel_url": "javascript:alert(1)"}, "/cancel_url", "url_invalid"),
    ({"return_url": "https://u:p@shop.example/"}, "/return_url", "url_invalid"),
    ({"return_url": "https://" + "x" * 2000}, "/return_url", "text_too_long"),
    ({"provider": "acme"}, "/provider", "provider_unknown"),
    ({"colour": "red"}, "/colour", "field_unknown"),
]


@pytest.mark.parametrize(("change", "field", "code"), BAD_FIELDS, ids=lambda value: str(value)[:50])
async def test_each_bad_field_has_a_code_and_a_path(gateway, merchant, change, field, code):
    response = await merchant.pay(GOOD | change)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, code)
    assert problem["errors"][0]["field"] == field
    assert problem["type"] == f"urn:malipo:problem:{code}"
    assert problem["retry"]["safe"] is False
    assert await gateway.count("payments") + await gateway.count("idempotency_keys") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"client_ref": "1790000000000"},  # a time in milliseconds
        {"client_ref": "4790000000008"},  # an order's number of thirteen digits
        {"client_ref": "order-4242424242424242"},
        {"description": "to DE89 3704 0044 0532 0130 00, account 0532013000"},
        {"metadata": {"msisdn": "254712345678", "phone": "+4915112345674", "4915112345674": "x"}},
        {"return_url": "https://shop.example/orders/4790000000008?at=1795220000123456789#"[:-1]},
        {"client_ref": "9000000000000000"},  # an order's number with a good check sum
        {"client_ref": "41111111-1111-4111-8111-111111111111"},
        {"metadata": {"number": "7", "phone": "+49 30 1234567"}},
        {"description": "Order 4242 of 2026-11-21, 3 pieces at 12.50"},
    ],
    ids=lambda value: str(value)[:50],
)
async def test_numbers_of_other_things_are_no_card_numbers(merchant, change):
    assert (await merchant.pay(GOOD | change)).status_code == 202


@pytest.mark.parametrize("digits", [10, 12, 13])
def test_none_of_a_hundred_orders_numbers_in_a_row_is_refused(digits):
    for lead in range(10, 100):
        first = lead * 10 ** (digits - 2)
        for number in range(first, first + 100):
            assert not mentions_card_number(str(number))


async def test_a_card_number_in_the_key_or_an_endpoints_url_is_refused_and_not_repeated(gateway, merchant):
    endpoint = {"url": f"https://shop.example/hooks?card={CARD}"}
    answers = [
        await merchant.pay(key=CARD),
        await merchant.pay(key="4242 4242 4242 4242"),
        await merchant.post("/v1/webhook-endpoints", endpoint),
        await merchant.pay(GOOD | {"metadata": {CARD: "x"}}),
        await merchant.pay(GOOD | {CARD: 1}),
        await merchant.get(f"/v1/payments?client_ref={CARD}"),
        await merchant.get(f"/v1/payments?{CARD}=1"),
        await merchant.send("PUT", f"/v1/provider-credentials/{CARD}", {}),
    ]
    assert [one.json()["code"] for one in answers[:5]] == ["raw_card_number"] * 5
    assert all(400 <= one.status_code < 500 for one in answers)
    assert not [one.text for one in answers if CARD in one.text or "4242 4242" in one.text]
    assert await gateway.count("payments") + await gateway.count("idempotency_keys") == 0


async def test_a_card_number_is_refused_as_exposed(merchant):
    for change in ({"method": {"type": "card", "number": "x"}}, {"description": CARD}, {"card": {"number": CARD}}):
        response = await merchant.pay(GOOD | change)
        assert "treat the number as exposed" in response.json()["detail"]
        assert CARD not in response.text


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"method": {"type": "card", "token": "pm_card_visa", "colour": "red"}}, "no such field"),
        ({"metadata": {str(n): "x" for n in range(21)}}, "too many entries (most 20)"),
        ({"method": {"type": "card"}}, "is required"),
        ({"return_url": "https://\u00e9t\u00e9.example/"}, NO_URL),
    ],
)
async def test_a_bad_field_is_explained_by_our_own_text(merchant, change, detail):
    assert (await merchant.pay(GOOD | change)).json()["errors"][0]["detail"] == detail


async def test_a_field_that_a_body_does_not_have_is_answered_with_those_that_it_has(merchant):
    (error,) = (await merchant.pay(GOOD | {"colour": "red"})).json()["errors"]
    assert (error["field"], error["code"]) == ("/colour", "field_unknown")
    told, _, there_are = error["detail"].partition("; there are: ")
    assert told == "no such field"
    assert there_are.split(", ") == list(NewPayment.model_fields)


def test_cards_accept_every_currency_that_we_know_but_one_and_never_a_thousandth():
    accepted = {currency: accepts(currency, 10) for currency in EXPONENTS}
    assert [currency for currency, good in accepted.items() if not good] == ["GHS"]
    odd = {currency for currency in EXPONENTS if accepted[currency] and not accepts(currency, 11)}
    assert odd == {currency for currency, exponent in EXPONENTS.items() if exponent == 3}


def accepts(currency: str, amount: int) -> bool:
    try:
        parse(NewPayment, json.dumps(GOOD | {"currency": currency, "amount": amount}).encode())
    except Problem:
        return False
    return True


async def test_a_compressed_body_is_refused(gateway, merchant):
    for coding, status in (("gzip", 415), ("identity", 202)):
        response = await gateway.client.post(
            "/v1/payments", content=json.dumps(GOOD), headers=raw_headers(merchant) | {"Content-Encoding": coding}
        )
        assert response.status_code == status


async def test_head_is_answered_as_get_is_without_the_body(gateway, merchant):
    for path in ("/v1/payments", "/v1/payments/x", "/openapi.json", "/docs"):
        shown, head = await merchant.get(path), await merchant.send("HEAD", path)
        assert (head.status_code, head.content) == (shown.status_code, b"")
        assert head.headers["Content-Type"] == shown.headers["Content-Type"]


async def test_all_bad_fields_are_reported_at_once(merchant):
    problem = (await merchant.pay({"amount": 0, "currency": "usd", "x": 1})).json()
    reported = {(error["field"], error["code"]) for error in problem["errors"]}
    assert reported == {
        ("/amount", "amount_too_small"),
        ("/currency", "currency_unknown"),
        ("/method", "field_missing"),
        ("/x", "field_unknown"),
    }
    assert problem["code"] == problem["errors"][0]["code"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "body_missing"),
        (b"{", "json_malformed"),
        (b"[1]", "type_wrong"),
        (b"null", "type_wrong"),
        (b"\xff\xfe", "json_malformed"),
        (b'{"amount": NaN}', "json_malformed"),
        (b'{"client_ref": "\\ud800"}', "json_malformed"),
        (b"[" * 30_000, "json_malformed"),
        (b'{"amount": 1, "amount": 2}', "json_duplicate_member"),
        (b'{"method": {"type": "card", "type": "card"}}', "json_duplicate_member"),
        (b'{"amount": ' + b"9" * 30_000 + b"}", "json_malformed"),
        (b" " * 65_537, "body_too_large"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_body_that_cannot_be_read_says_why(gateway, merchant, body, code):
    response = await gateway.client.post("/v1/payments", content=body, headers=raw_headers(merchant))
    assert response.json()["code"] == code
    assert await gateway.count("payments") == 0


async def test_a_length_of_more_digits_than_any_number_has_is_too_large(gateway, merchant):
    headers = raw_headers(merchant) | {"Content-Length": "0" * 5000 + "2"}
    response = await gateway.client.post("/v1/payments", content=b"{}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


class Name(str):
    """Counts how often a name is compared."""

    __slots__ = ()
    __hash__ = str.__hash__
    compared = 0

    def __eq__(self, other):
        Name.compared += 1
        return str.__eq__(self, other)


def test_finding_a_repeated_member_costs_a_few_comparisons_a_member():
    pairs = [(Name(number), None) for number in range(2000)]
    with pytest.raises(Problem, match="json_duplicate_member"):
        _members([*pairs, (Name(1999), None)])
    assert Name.compared < 3 * len(pairs)


async def test_a_body_without_an_end_is_not_read_to_its_end(gateway, merchant):
    sent = 0

    async def endless():
        nonlocal sent
        while sent < 10_000_000:
            sent += 1024
            yield b" " * 1024

    response = await gateway.client.post("/v1/payments", content=endless(), headers=raw_headers(merchant))
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert sent < 2 * 65_536
    assert "Connection" not in response.headers, "a client that still sends is reset before it has read why"


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_only_json_is_accepted(gateway, merchant, media_type):
    headers = raw_headers(merchant) | {"Content-Type": media_type}
    response = await gateway.client.post("/v1/payments", content=json.dumps(GOOD), headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "route_unknown"),
        ("GET", "/v2/payments", 404, "route_unknown"),
        ("GET", "/v1/payments/", 404, "route_unknown"),
        ("PUT", "/v1/payments", 405, "method_not_allowed"),
        ("DELETE", "/v1/events", 405, "method_not_allowed"),
    ],
)
async def test_wrong_routes_are_problems_too(merchant, method, path, status, code):
    response = await merchant.send(method, path)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["instance"] == response.headers["X-Request-Id"]


async def test_the_allow_header_lists_every_method(merchant):
    assert (await merchant.send("PUT", "/v1/payments")).headers["Allow"] == "GET, HEAD, POST"
    assert (await merchant.send("PATCH", "/v1/webhook-endpoints/x")).headers["Allow"] == "DELETE, GET, HEAD"


async def test_nothing_that_was_refused_reaches_a_log(gateway, merchant, capfd):
    await merchant.pay(GOOD | {"method": {"type": "card", "token": CARD}, CARD: 1})
    await gateway.client.get(f"/v1/payments/{CARD}?number={CARD}", headers=raw_headers(merchant))
    assert CARD not in "".join(capfd.readouterr())
    kept = await gateway.pool.fetch("SELECT audit_log::text AS row FROM audit_log")
    assert not [row for row in kept if CARD in row["row"]]


async def test_an_unforeseen_error_shows_the_request_id_and_nothing_else(gateway, merchant):
    async with gateway.without("payments"):
        response = await merchant.get("/v1/payments")
    problem = response.json()
    assert (response.status_code, problem["code"]) == (500, "internal_error")
    assert problem["instance"] == response.headers["X-Request-Id"]
    assert "relation" not in response.text
    assert problem["retry"] == {"safe": True, "after_seconds": 5, "same_key": True}


async def test_a_body_is_not_read_for_an_anonymous_client(gateway):
    response = await gateway.client.post("/v1/payments", content=b"{", headers={"Content-Type": "application/json"})
    assert response.json()["code"] == "api_key_missing"


async def test_captures_and_refunds_check_amounts_as_strictly(gateway, merchant):
    payment = (await merchant.pay()).json()
    for action in ("capture", "refunds"):
        response = await merchant.post(f"/v1/payments/{payment['id']}/{action}", {"amount": -1})
        assert response.json()["code"] == "amount_too_small"
    response = await merchant.post(f"/v1/payments/{payment['id']}/cancel", {"amount": 1})
    assert response.json()["code"] == "field_unknown"


async def test_a_slow_body_is_given_up(gateway, merchant, monkeypatch):
    monkeypatch.setattr("gateway.edge.body._BODY_SECONDS", 0.05)
    forever = await_forever()
    response = await gateway.client.post("/v1/payments", content=forever, headers=raw_headers(merchant))
    assert (response.status_code, response.json()["code"]) == (408, "body_too_slow")


async def await_forever():
    yield b"{"
    await until(lambda: False, seconds=5)


def raw_headers(merchant) -> dict[str, str]:
    return {"X-API-Key": merchant.key, "Idempotency-Key": ids.new("key"), "Content-Type": "application/json"}
