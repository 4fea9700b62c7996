"""Whatever comes as a webhook or as a statement: it is refused, or read, and nothing else happens."""

import asyncio
import json
from datetime import timedelta

import httpx
import paypal_samples as samples
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from paypal_signing import ORIGIN, URL, Signer

from malipo.platform.client import http_client
from provider_kit.credentials import Account
from provider_kit.errors import ProviderError
from provider_kit.provider import Callback, ParsedCallback
from provider_paypal.certificates import Certificates
from provider_paypal.objects import PaypalResponse
from provider_paypal.provider import PaypalProvider
from provider_paypal.statement_rows import RefundElsewhere, by_names, judged, names_in, read_page, row_name
from provider_paypal.verification import BySignature

WEBHOOK = samples.CREDENTIALS["webhook_ids"][0]
ACCOUNT = Account("cred_1", "mer_1", "test", "default", samples.CREDENTIALS, "there")
HEADERS = ("paypal-transmission-id", "paypal-transmission-time", "paypal-transmission-sig", "paypal-cert-url")
SIGNER = Signer()
GENUINE = SIGNER.webhook(b"{}", WEBHOOK)

texts = some.one_of(
    some.text(max_size=300),
    some.sampled_from(["", "\0", "9" * 400, "-1", "2026-13-40T99:99:99Z", f"{ORIGIN}/cert", "https://[", "AAAA"]),
)
anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
FIELDS = (*samples.statement_json()["transaction_info"], "paypal_reference_id")
rows = some.dictionaries(some.sampled_from(FIELDS), some.one_of(anything, texts), max_size=12)
patient = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def paypals(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=SIGNER.pem()) if str(request.url) == URL else httpx.Response(404)


def verify(callback: Callback) -> ParsedCallback | ProviderError:
    """What becomes of a webhook; PayPal has its certificate at one address, and nothing at others."""

    async def call() -> ParsedCallback | ProviderError:
        async with http_client(timeout_seconds=5, transport=httpx.MockTransport(paypals)) as http:
            keys = Certificates(http, origins={ORIGIN}, authorities=lambda: [SIGNER.root.certificate])
            provider = PaypalProvider(None, BySignature(keys), honoured=timedelta(days=3))
            try:
                return await provider.parse_callback(callback, samples.CREDENTIALS)
            except ProviderError as error:
                return error

    return asyncio.run(call())


@patient
@given(headers=some.dictionaries(some.sampled_from(HEADERS), texts, min_size=1))
def test_no_headers_but_paypals_are_believed(headers):
    if all(GENUINE.headers[name] == value for name, value in headers.items()):
        return
    assert isinstance(verify(Callback(GENUINE.headers | headers, b"{}")), ProviderError)


@patient
@given(body=some.one_of(some.binary(max_size=400), anything.map(lambda one: json.dumps(one).encode())))
def test_whatever_paypal_has_signed_is_read_or_passed_over(body):
    assert isinstance(verify(SIGNER.webhook(body, WEBHOOK)), ParsedCallback)


@patient
@given(entries=some.lists(some.one_of(anything, rows.map(lambda row: {"transaction_info": row})), max_size=6))
def test_whatever_a_statement_has_is_judged_or_told_as_unreadable(entries):
    answer = json.dumps({"transaction_details": entries, "total_items": len(entries)}).encode()
    page = read_page(PaypalResponse(200, answer))
    assert len(page.rows) + len(page.unreadable) == len(entries)
    names_in(page.rows)
    for row in page.rows:
        said = judged(row, by_names([]), ACCOUNT)
        assert said == "others" or isinstance(said, ParsedCallback | RefundElsewhere)
        assert len(row_name(row)) < 100


@patient
@given(body=some.binary(max_size=400), status=some.integers(100, 599))
def test_whatever_is_answered_in_place_of_a_statement_is_an_error_that_is_expected(body, status):
    with pytest.raises(ProviderError):
        read_page(PaypalResponse(status, body))
