"""One request to a provider, and what may come back: packed answers, read up to the limit, and addresses that are none."""

import gzip
import tracemalloc

import httpx
import pytest

from malipo.platform.client import http_client
from provider_kit.sending import ResponseTooLong, Silence, exchange

_LIMIT = 1024 * 1024
_MEGABYTES_64 = gzip.compress(bytes(64 * 1024 * 1024))


class Body(httpx.AsyncByteStream):
    """Bytes as they come from the network."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    async def __aiter__(self):
        for begin in range(0, len(self._packed), 16 * 1024):
            yield self._packed[begin : begin + 16 * 1024]


async def read(packed: bytes, *encodings: str) -> bytes:
    headers = [("Content-Encoding", encoding) for encoding in encodings]
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, headers=headers, stream=Body(packed)))
    async with http_client(timeout_seconds=5, transport=transport) as http:
        request = http.build_request("GET", "https://provider.test")
        _, body = await exchange(http, request, provider="a provider", timeout_seconds=5, max_bytes=_LIMIT)
    return body


async def test_an_answer_that_is_packed_once_is_unpacked():
    assert await read(gzip.compress(b'{"id": 1}'), "gzip") == b'{"id": 1}'


@pytest.mark.parametrize(
    ("packed", "encodings"),
    [
        (_MEGABYTES_64, ["gzip"]),
        (gzip.compress(_MEGABYTES_64), ["gzip, gzip"]),
        (gzip.compress(_MEGABYTES_64), ["gzip", "gzip"]),
    ],
    ids=["once", "twice", "twice in two headers"],
)
async def test_an_answer_that_is_far_longer_than_it_looks_takes_little_memory(packed, encodings):
    tracemalloc.start()
    try:
        with pytest.raises(ResponseTooLong):
            await read(packed, *encodings)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 48 * 1024 * 1024


@pytest.mark.parametrize("address", ["javascript:alert(1)", "http://[::1", "http://a.test:port/", "http://\u2028/"])
async def test_an_answer_that_leads_to_an_address_that_is_none_is_no_answer(address):
    headers = {"Location": address.encode()}
    transport = httpx.MockTransport(lambda _request: httpx.Response(302, headers=headers))
    async with http_client(timeout_seconds=5, transport=transport) as http:
        request = http.build_request("GET", "https://provider.test")
        with pytest.raises(Silence):
            await exchange(http, request, provider="a provider", timeout_seconds=5, max_bytes=_LIMIT)
