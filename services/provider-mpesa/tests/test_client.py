"""What M-Pesa's gateway refuses of a request, whatever it is about."""

import httpx
import mpesa_samples as samples
import pytest

from malipo.platform.client import http_client
from provider_kit.errors import Misconfigured
from provider_kit.provider import References
from provider_mpesa.requests import PUSH, REVERSAL, STK_QUERY, TOKEN

NO_PRODUCT = "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found"
PROMPTED = samples.attempt(samples.charge(), references=References([("checkout", samples.NAME)]))


@pytest.mark.parametrize(
    ("verb", "attempt", "path"),
    [
        ("execute", samples.attempt(samples.charge()), PUSH),
        ("query", PROMPTED, STK_QUERY),
        ("execute", samples.attempt(samples.refund()), REVERSAL),
    ],
)
async def test_an_app_without_the_product_is_a_misconfiguration_and_its_token_is_kept(verb, attempt, path):
    asked = []

    def daraja(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path == TOKEN:
            return httpx.Response(200, json=samples.TOKEN)
        return httpx.Response(401, json=samples.failure("401.003.01", NO_PRODUCT))

    async with http_client(timeout_seconds=1, transport=httpx.MockTransport(daraja)) as http:
        with pytest.raises(Misconfigured, match="product"):
            await getattr(samples.provider(http, host="http://daraja"), verb)(attempt)
    assert asked == [TOKEN, path]
