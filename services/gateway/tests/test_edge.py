"""Headers, methods and repeats as HTTP has them: one meaning each, and an answer for every odd one."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.accounts.schemas import NewWebhookEndpoint
from gateway.edge.problems import Problem
from gateway.edge.validation import parse
from gateway.operations.schemas import NewRefund
from gateway.payments.schemas import NewPayment
from malipo import ids

ODD = ["\x00", "\ufffe", "x" * 3000, "../../x", "%", "\u202e", "\u0664", "é", "' OR 1=1 --"]


def paired(merchant, *pairs: tuple[str, str]) -> list[tuple[str, str]]:
    good = [("X-API-Key", merchant.key), ("Content-Type", "application/json"), ("Idempotency-Key", ids.new("key"))]
    return [*(pair for pair in good if pair[0] not in {name for name, _ in pairs}), *pairs]


@pytest.mark.parametrize("name", ["X-API-Key", "Content-Type", "Content-Encoding", "Idempotency-Key"])
@pytest.mark.parametrize("same", [True, False])
async def test_a_header_that_has_one_value_is_refused_when_it_comes_twice(gateway, merchant, make, name, same):
    good = {"X-API-Key": merchant.key, "Content-Type": "application/json", "Content-Encoding": "identity"}
    value = good.get(name, "k")
    headers = paired(merchant, (name, value), (name, value if same else "x"))
    response = await gateway.client.post("/v1/payments", content=json.dumps(make.payment), headers=headers)
    code = "idempotency_key_invalid" if name == "Idempotency-Key" else "header_repeated"
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert await gateway.count("payments") == 0


async def test_two_prefer_headers_are_one_list(gateway, merchant, make):
    headers = paired(merchant, ("Prefer", "handling=strict"), ("Prefer", "respond-async"))
    response = await gateway.client.post("/v1/payments", content=json.dumps(make.payment), headers=headers)
    assert response.headers["Preference-Applied"] == "respond-async"


async def test_whatever_is_accepted_the_answer_is_json(gateway, merchant):
    for accept in ("text/html", "application/xml;q=1", "image/*, */*;q=0", ""):
        response = await merchant.send("GET", "/v1/payments", Accept=accept)
        assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/payments", "GET, HEAD, POST"),
        ("/v1/payments/x/capture", "POST"),
        ("/v1/payments/x/explain", "GET, HEAD"),
        ("/v1/provider-credentials/stripe", "DELETE, GET, HEAD, PUT"),
        ("/openapi.json", "GET, HEAD"),
        ("/docs", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_answered_with_the_right_ones_on_every_path(merchant, path, allowed):
    for method in ("OPTIONS", "PATCH", "TRACE"):
        response = await merchant.send(method, path)
        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
        assert response.headers["Allow"] == allowed


async def test_another_path_is_none_be_it_the_admin_ports_or_have_a_slash_behind_it_and_leads_nowhere(merchant):
    for path in (
        "/v1/payments/",
        "/v1/events/",
        "/docs/",
        "//v1/payments",
        "/health/live",
        "/health/ready",
        "/metrics",
    ):
        for method in ("GET", "POST"):
            response = await merchant.send(method, path, Host="evil.example")
            assert (response.status_code, response.json()["code"]) == (404, "route_unknown")
            assert "evil" not in str(response.headers)


async def test_a_repeat_of_credentials_is_gone_while_they_are_deleted_and_then_answers_with_the_account_as_it_is(
    merchant, make
):
    path, key = "/v1/provider-credentials/stripe", ids.new("key")
    await merchant.send("DELETE", path)
    await merchant.send("PUT", path, make.credentials, Idempotency_Key=key)
    await merchant.send("DELETE", path)
    gone = await merchant.send("PUT", path, make.credentials, Idempotency_Key=key)
    assert (gone.status_code, gone.json()["code"]) == (410, "resource_gone")
    assert gone.json()["retry"]["same_key"] is False
    await merchant.send("PUT", path, make.credentials)
    again = await merchant.send("PUT", path, make.credentials, Idempotency_Key=key)
    for response in (gone, again):
        assert response.headers["Idempotent-Replayed"] == "true"
    assert again.json() == (await merchant.get(path)).json()


async def test_a_repeat_of_an_endpoint_that_was_deleted_says_that_it_is_gone(merchant):
    body, key = {"url": "https://shop.example/hooks"}, ids.new("key")
    made = await merchant.post("/v1/webhook-endpoints", body, key=key)
    await merchant.send("DELETE", made.headers["Location"])
    again = await merchant.post("/v1/webhook-endpoints", body, key=key)
    assert (again.status_code, again.json()["code"]) == (410, "resource_gone")
    assert (await merchant.get("/v1/webhook-endpoints")).json()["data"] == []


async def test_a_repeated_delete_does_not_delete_what_came_after(merchant, make):
    path, key = "/v1/provider-credentials/stripe", ids.new("key")
    assert (await merchant.send("DELETE", path, Idempotency_Key=key)).status_code == 204
    await merchant.send("PUT", path, make.credentials)
    assert (await merchant.send("DELETE", path, Idempotency_Key=key)).status_code == 204
    assert (await merchant.get(path)).status_code == 200


async def test_a_time_whose_plus_became_a_blank_is_answered_with_how_to_write_it(merchant):
    for name in ("created_after", "created_before"):
        problem = (await merchant.get(f"/v1/payments?{name}=2026-01-01T00:00:00+03:00")).json()
        assert (problem["code"], problem["errors"][0]["field"]) == ("parameter_invalid", name)
        assert "%2B" in problem["detail"]
        written = await merchant.get(f"/v1/payments?{name}=2026-01-01T00:00:00%2B03:00")
        assert written.status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "limit=1_0",
        "limit=%2B5",
        "limit=%205",
        "limit=5.0",
        "limit=1e1",
        "limit=%D9%A5",
        "limit=NaN",
        "amount_min=1_000",
        "amount_max=Infinity",
        "created_after=1767225600",
        "created_after=2026-01-01",
        "created_after=2026-02-30T00:00:00Z",
        "created_before=2026-01-01%2000:00:00Z",
    ],
)
async def test_a_number_or_time_is_written_in_one_way_only(merchant, query):
    response = await merchant.get(f"/v1/payments?{query}")
    assert (response.status_code, response.json()["code"][-7:]) == (400, "invalid")


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: ascii(odd)[:12])
async def test_odd_text_in_any_path_is_not_there(merchant, odd):
    written = quote(odd, safe="")
    reads = ["payments/{}", "payments/{}/timeline", "payments/{}/explain", "payments/{}/refunds", "refunds/{}"]
    reads += ["webhook-endpoints/{}", "provider-credentials/{}"]
    asked = [("GET", path, None) for path in reads]
    asked += [("POST", f"payments/{{}}/{action}", {}) for action in ("capture", "cancel", "refunds")]
    asked += [("DELETE", "webhook-endpoints/{}", None), ("DELETE", "provider-credentials/{}", None)]
    for method, path, body in asked:
        response = await merchant.send(method, f"/v1/{path.format(written)}", body, Idempotency_Key=ids.new("key"))
        assert response.status_code == 404, (method, path, response.text)
        assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("odd", [b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"x" * 3000, b"%"])
async def test_odd_bytes_in_a_parameter_are_a_problem_or_find_nothing(merchant, odd):
    written = "".join(f"%{byte:02x}" for byte in odd)
    for query in (f"events?payment_id={written}", f"events?after={written}", f"payments?client_ref={written}"):
        response = await merchant.get(f"/v1/{query}")
        assert response.status_code == 400 or response.json()["data"] == [], response.text
    assert (await merchant.get(f"/v1/payments?{written}=1")).json()["code"] == "parameter_unknown"


@pytest.mark.parametrize(
    "raw",
    [
        '{"metadata": ' + '{"a":' * 3000 + "1" + "}" * 3001,
        '{"amount": 1e2}',
        '{"amount": 18446744073709551616}',
        '{"amount": -0}',
        '{"amount": Infinity}',
        '{"description": "\\ud800"}',
        '{"metadata": {"\\u0000": "x"}}',
        '{"metadata": {"x": "\\u0000"}}',
        '{"method": {"type": "card", "token": "a\\u0000"}}',
        '\ufeff{"amount": 1}',
        '{"amount": 1}{"amount": 1}',
        '{"amount": 1,}',
        "'",
    ],
    ids=lambda raw: ascii(raw)[:30],
)
async def test_odd_json_is_a_problem_of_the_body(gateway, merchant, raw):
    response = await gateway.client.post("/v1/payments", content=raw.encode(), headers=paired(merchant))
    assert response.status_code in (400, 422), response.text
    assert await gateway.count("payments") == 0


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = st.sampled_from(["amount", "currency", "method", "metadata", "url", "reason", "type", "token", "return_url"])


def status_of(model, raw: bytes) -> int:
    try:
        parse(model, raw)
    except Problem as problem:
        return problem.kind.status
    return 200


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(_FIELDS | st.text(max_size=12), _ANY, max_size=6) | _ANY,
    st.sampled_from([NewPayment, NewRefund, NewWebhookEndpoint]),
)
def test_any_json_is_a_model_or_a_problem(data, model):
    assert status_of(model, json.dumps(data).encode()) in (200, 400, 422)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_model_or_a_problem(raw):
    assert status_of(NewPayment, raw) in (200, 400, 422)
