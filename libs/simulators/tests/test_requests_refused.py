"""What the API refuses before any operation: credentials, unknown parameters, malformed forms, impossible amounts."""

import base64

import pytest

from malipo_simulators.stripe.errors import StripeError
from malipo_simulators.stripe.http.forms import parse_form

pytestmark = pytest.mark.asyncio


def basic(user):
    return "Basic " + base64.b64encode(f"{user}:".encode()).decode()


@pytest.mark.parametrize(
    "header",
    [
        "Bearer nonsense",
        "Bearer sk_test_",
        "Bearer sk_test_revoked77",
        "Bearer pk_test_abcdef",
        "Bearer",
        "Basic %%%",
        "",
    ],
)
async def test_a_key_that_is_no_test_key_is_401_with_a_request_id(stripe, header):
    response = await stripe.get("/v1/balance", authorization=header)
    assert response.status_code == 401
    assert response.headers["request-id"].startswith("req_")
    assert response.json()["error"]["type"] == "invalid_request_error"


async def test_a_live_key_is_refused_and_never_repeated(stripe):
    response = await stripe.get("/v1/balance", authorization="Bearer sk_live_abcdefghijklmnop")
    assert response.status_code == 401
    assert "abcdefgh" not in response.text


async def test_basic_and_restricted_keys_work_too(stripe):
    assert (await stripe.get("/v1/balance", authorization=basic("sk_test_merchantOne"))).status_code == 200
    assert (await stripe.get("/v1/balance", authorization="Bearer rk_test_merchantOne")).status_code == 200


@pytest.mark.parametrize(
    ("extra", "code", "param"),
    [
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"automatic_payment_methods[colour]": "red"}, "parameter_unknown", "automatic_payment_methods[colour]"),
        ({"customer": "cus_1"}, "resource_missing", "customer"),
        ({"shipping[name]": "J"}, "parameter_unknown", "shipping"),
        ({"excluded_payment_method_types[]": "card"}, None, None),
        ({"amount": None}, "parameter_missing", "amount"),
        ({"currency": None}, "parameter_missing", "currency"),
        ({"amount": "ten"}, "parameter_invalid_integer", "amount"),
        ({"amount": "10.5"}, "parameter_invalid_integer", "amount"),
        ({"amount": "-5"}, "parameter_invalid_integer", "amount"),
        ({"amount": "49"}, "amount_too_small", "amount"),
        ({"amount": "100000000"}, "amount_too_large", "amount"),
        ({"amount": "9" * 5000}, "amount_too_large", "amount"),
        ({"currency": "zzz"}, None, "currency"),
        ({"currency": ""}, "parameter_invalid_empty", "currency"),
        ({"currency": "kwd", "amount": "5124"}, "invalid_charge_amount_no_decimal_compatible", "amount"),
        ({"currency": "isk", "amount": "550"}, "invalid_charge_amount_no_decimal_compatible", "amount"),
        ({"confirm": "yes"}, None, "confirm"),
        ({"capture_method": "later"}, None, "capture_method"),
        ({"metadata": "text"}, None, "metadata"),
        ({"metadata[" + "k" * 41 + "]": "v"}, None, "metadata"),
        ({"metadata[k]": "v" * 501}, None, "metadata[k]"),
        ({"expand[]": "everything"}, None, "expand"),
        ({"return_url": "nowhere"}, "url_invalid", "return_url"),
        ({"return_url": "http://["}, "url_invalid", "return_url"),
        ({"payment_method_types[]": "card"}, "payment_method_types_no_longer_supported", "payment_method_types"),
    ],
)
async def test_a_parameter_that_cannot_be_is_named_in_a_400(stripe, extra, code, param):
    response = await stripe.pay(extra=extra)
    error = response.json()["error"]
    assert (response.status_code, error.get("code"), error.get("param")) == (400, code, param)
    assert await stripe.effects() == []


@pytest.mark.parametrize(("currency", "amount"), [("jpy", "50"), ("kwd", "5120"), ("isk", "500"), ("kes", "10000")])
async def test_amounts_follow_the_currencys_own_unit(stripe, currency, amount):
    assert (await stripe.paid(extra={"currency": currency, "amount": amount}))["amount"] == int(amount)


async def test_older_versions_may_still_send_payment_method_types(stripe):
    extra = {"payment_method_types[]": "card"}
    assert (await stripe.pay(extra=extra, stripe_version="2026-08-26.dahlia")).status_code == 200
    assert (await stripe.pay(extra=extra, stripe_version="2026-09-30.endive")).status_code == 400
    assert (await stripe.pay(stripe_version="yesterday")).status_code == 400


async def test_a_json_body_is_refused(stripe):
    headers = {"authorization": "Bearer sk_test_merchantOne"}
    response = await stripe.http.post("/v1/payment_intents", json={"amount": 1000}, headers=headers)
    assert response.status_code == 400


WORDS = "Invalid request (check that your POST content type is application/x-www-form-urlencoded)."


@pytest.mark.parametrize("body", [b"", b"amount=1000&currency=usd"])
@pytest.mark.parametrize("content_type", ["", "application/octet-stream", "application/json", "text/plain"])
async def test_a_post_without_the_content_type_of_a_form_is_refused_also_when_it_is_empty(stripe, content_type, body):
    held = await stripe.paid(extra={"capture_method": "manual"})
    for path in ("/v1/payment_intents", f"/v1/payment_intents/{held['id']}/cancel"):
        headers = {"authorization": "Bearer sk_test_merchantOne", "content-type": content_type}
        response = await stripe.http.post(path, content=body, headers=headers)
        assert (response.status_code, response.json()["error"]["message"]) == (400, WORDS)
    assert await stripe.effects() == [("authorize", 1000)]


async def test_a_form_may_name_its_character_set_and_a_cancel_may_be_empty(stripe):
    held = await stripe.paid(extra={"capture_method": "manual"})
    content_type = "application/x-www-form-urlencoded; charset=utf-8"
    response = await stripe.post(f"/v1/payment_intents/{held['id']}/cancel", content_type=content_type)
    assert (response.status_code, response.json()["status"]) == (200, "canceled")


@pytest.mark.parametrize("path", ["/capture", "/cancel"])
async def test_parameters_that_stripe_does_not_know_are_refused_wherever_they_are(stripe, path):
    held = await stripe.paid(extra={"capture_method": "manual"})
    address = f"/v1/payment_intents/{held['id']}{path}"
    for response in (await stripe.post(address, {"colour": "red"}), await stripe.post(f"{address}?colour=red", {})):
        assert (response.status_code, response.json()["error"]["code"]) == (400, "parameter_unknown")
    assert await stripe.effects() == [("authorize", 1000)]


async def test_an_unknown_url_is_stripes_404(stripe):
    response = await stripe.post("/v1/unicorns")
    assert response.headers["request-id"].startswith("req_")
    assert (response.status_code, response.json()["error"]["type"]) == (404, "invalid_request_error")


@pytest.mark.parametrize(
    ("encoded", "tree"),
    [
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a[b]=1&a[c][d]=2", {"a": {"b": "1", "c": {"d": "2"}}}),
        ("a[]=x&a[]=y", {"a": ["x", "y"]}),
        ("a[0]=x&a[1]=y", {"a": ["x", "y"]}),
        ("a[1]=x", {"a": {"1": "x"}}),
        ("a%5Bb%5D=%C3%A9+1", {"a": {"b": "é 1"}}),
        ("", {}),
    ],
)
async def test_bracketed_forms_become_trees(encoded, tree):
    assert parse_form(encoded) == tree


@pytest.mark.parametrize("encoded", ["a=1&a[b]=2", "a[b]=1&a=2", "[a]=1", "a[b=1", "a=%FF", "a" + "[b]" * 9 + "=1"])
async def test_a_form_that_makes_no_sense_is_a_400(encoded):
    with pytest.raises(StripeError) as refused:
        parse_form(encoded)
    assert refused.value.status == 400
