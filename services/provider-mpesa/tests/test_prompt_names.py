"""M-Pesa's names of prompts end with the customer's number, which nothing of ours keeps; queries have it all the same."""

import json

import httpx
import mpesa_samples as samples
import pytest

from malipo.contracts.outcomes import Succeeded, Unknown
from malipo.platform.client import http_client
from provider_kit.provider import References
from provider_mpesa.prompt_names import kept, whole
from provider_mpesa.requests import TOKEN

OLD = "ws_CO_191220191020363925"


@pytest.mark.parametrize(
    ("checkout", "mask", "name"),
    [
        (samples.CHECKOUT, samples.MASK, samples.NAME),
        (samples.CHECKOUT, None, samples.NAME),
        (samples.CHECKOUT, "2547*****112", samples.CHECKOUT),  # the digits are another number, or none
        (OLD, samples.MASK, OLD),
        ("ws_CO_DMZ_123_722000111", samples.MASK, "ws_CO_DMZ_123_722000111"),
    ],
)
def test_of_a_prompts_name_the_customers_number_is_cut_off(checkout, mask, name):
    assert kept(checkout, mask) == name


def test_the_number_is_put_back_from_the_method():
    assert whole(samples.NAME, samples.attempt(samples.charge()).method) == samples.CHECKOUT
    assert whole(OLD, None) == OLD


@pytest.fixture
async def asked():
    """M-Pesa, which answers each query as paid: what it was asked by."""
    names: list[str] = []

    def daraja(request: httpx.Request) -> httpx.Response:
        if request.url.path == TOKEN:
            return httpx.Response(200, json=samples.TOKEN)
        names.append(json.loads(request.content)["CheckoutRequestID"])
        return httpx.Response(200, json=samples.asked())

    async with http_client(timeout_seconds=5, transport=httpx.MockTransport(daraja)) as http:
        yield samples.provider(http, host="http://m.test"), names


def known(**changes):
    return samples.attempt(samples.charge(), references=References([("checkout", samples.NAME)]), **changes)


async def test_m_pesa_is_asked_by_the_whole_name(asked):
    provider, names = asked
    assert await provider.query(known()) == Succeeded(amount=samples.KES_10)
    assert names == [samples.CHECKOUT]


async def test_a_prompt_whose_customers_number_was_erased_cannot_be_asked_about(asked):
    provider, names = asked
    assert isinstance(await provider.query(known(method=None)), Unknown)
    assert not names
