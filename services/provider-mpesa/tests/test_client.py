"""What M-Pesa's gateway refuses of a request, whatever it is about."""

import httpx
import mpesa_samples as samples
import pytest

from malipo.contracts.outcomes import Succeeded
from malipo.platform.client import http_client
from provider_kit.errors import Misconfigured, NotReady, NotSent
from provider_kit.provider import References
from provider_mpesa import requests
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


async def test_a_prompt_that_is_turned_away_holds_up_prompts_and_no_query_of_what_was_paid():
    turned_away = samples.failure("500.003.02", "Error Occurred: Spike Arrest Violation")

    def daraja(request: httpx.Request) -> httpx.Response:
        match request.url.path:
            case requests.TOKEN:
                return httpx.Response(200, json=samples.TOKEN)
            case requests.PUSH:
                return httpx.Response(500, json=turned_away)
            case _:
                return httpx.Response(200, json=samples.asked())

    async with http_client(timeout_seconds=1, transport=httpx.MockTransport(daraja)) as http:
        provider = samples.provider(http, host="http://daraja")
        with pytest.raises(NotReady):
            await provider.execute(PROMPTED)
        with pytest.raises(NotReady):
            await provider.prepare(PROMPTED)  # before the mark
        assert await provider.query(PROMPTED) == Succeeded(amount=samples.KES_10)


@pytest.mark.parametrize("verb", ["execute", "query"])
async def test_what_the_firewall_in_front_of_daraja_refuses_was_not_sent(verb):
    page = "<html><head><title>Request unsuccessful</title></head><body>Incapsula incident ID: 17-81</body></html>"

    def daraja(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN:
            return httpx.Response(200, json=samples.TOKEN)
        return httpx.Response(403, html=page)

    async with http_client(timeout_seconds=1, transport=httpx.MockTransport(daraja)) as http:
        with pytest.raises(NotSent, match="firewall"):
            await getattr(samples.provider(http, host="http://daraja"), verb)(PROMPTED)
