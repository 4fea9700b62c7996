"""Search: its pages come to an end, whatever is added meanwhile."""

import pytest

pytestmark = pytest.mark.asyncio

PATH = "/v1/payment_intents/search"
QUERY = {"query": "metadata['batch']:'a'", "limit": "2"}


async def made(stripe, count):
    return [(await stripe.pay(None, {"confirm": None, "metadata[batch]": "a"})).json()["id"] for _ in range(count)]


async def test_search_is_read_page_by_page_to_its_end(stripe):
    wanted = (await made(stripe, 5))[::-1]
    found, page = [], None
    for _ in range(3):
        body = (await stripe.get(PATH, QUERY | ({"page": page} if page else {}))).json()
        found += [one["id"] for one in body["data"]]
        page = body["next_page"]
        assert body["has_more"] is (page is not None)
    assert (found, page) == (wanted, None)


async def test_what_is_added_meanwhile_moves_no_page(stripe):
    wanted = (await made(stripe, 4))[::-1]
    first = (await stripe.get(PATH, QUERY)).json()
    await made(stripe, 1)
    second = (await stripe.get(PATH, QUERY | {"page": first["next_page"]})).json()
    assert [one["id"] for one in second["data"]] == wanted[2:]


@pytest.mark.parametrize("page", ["%%%", "cGlfbm9ib2R5", ""])
async def test_a_page_that_none_led_to_is_refused(stripe, page):
    response = await stripe.get(PATH, QUERY | {"page": page})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "page")
