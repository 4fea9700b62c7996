"""Requests that no client should send: each is answered, and none with a 500."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.asyncio

VERIFY = "/v1/notifications/verify-webhook-signature"
POSTS = (
    "/v1/notifications/webhooks",
    "/v1/notifications/simulate-event",
    VERIFY,
    "/v1/notifications/webhooks-events/WH-1/resend",
)
LISTS = ("/v1/notifications/webhooks-events", "/v1/reporting/transactions", "/v1/reporting/balances")
NAMES = (
    "url", "event_types", "name", "webhook_id", "event_type", "webhook_ids", "auth_algo", "cert_url", "transmission_id",
    "transmission_sig", "transmission_time", "webhook_event", "resource",
)  # fmt: skip
PARAMETERS = (
    "start_date", "end_date", "start_time", "end_time", "page", "page_size", "fields", "transaction_amount", "start_id",
    "transaction_status", "as_of_time", "currency_code",
)  # fmt: skip
WORDS = (
    "*",
    "http://[",
    "CHECKOUT.ORDER.APPROVED",
    "SHA256withRSA",
    "2026-11-27T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "-1",
    "²",
)
TEXTS = st.sampled_from(WORDS) | st.text(max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
SEVERAL = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


async def answered(paypal, method: str, path: str, **how: object) -> int:
    paypal.token = paypal.token or await paypal.new_token()
    headers = {"authorization": f"Bearer {paypal.token}", "content-type": "application/json"}
    answer = await paypal.http.request(method, path, headers=headers, **how)
    assert answer.status_code < 500, answer.text
    return answer.status_code


@SEVERAL
@given(path=st.sampled_from(POSTS), body=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8) | VALUES)
async def test_whatever_is_posted_is_answered(paypal, path, body):
    await answered(paypal, "POST", path, content=json.dumps(body).encode())


@SEVERAL
@given(path=st.sampled_from(LISTS), query=st.dictionaries(st.sampled_from(PARAMETERS), TEXTS, max_size=5))
async def test_whatever_is_searched_for_is_answered(paypal, path, query):
    await answered(paypal, "GET", path, params=query)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be"])
async def test_a_signature_is_judged_in_whatever_encoding_json_may_have(paypal, encoding):
    names = ("auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time", "webhook_id")
    body = json.dumps(dict.fromkeys(names, "abc") | {"webhook_event": {"id": "é"}}, ensure_ascii=False)
    assert await answered(paypal, "POST", VERIFY, content=body.encode(encoding)) == 200
