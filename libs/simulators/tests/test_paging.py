"""Lists: newest first, by cursor and by time, whole while things are added."""

import pytest

pytestmark = pytest.mark.asyncio

PATH = "/v1/payment_intents"


async def make(stripe, count):
    return [(await stripe.pay(None, {"confirm": None})).json()["id"] for _ in range(count)]


async def ids_of(stripe, path=PATH, **params):
    page = (await stripe.get(path, params)).json()
    return [one["id"] for one in page["data"]], page["has_more"]


async def test_pages_follow_each_other_without_gap_or_repetition(stripe):
    made = (await make(stripe, 5))[::-1]
    first, more = await ids_of(stripe, limit="2")
    assert (first, more) == (made[:2], True)
    await make(stripe, 1)
    second, _ = await ids_of(stripe, limit="2", starting_after=first[-1])
    last, more = await ids_of(stripe, limit="2", starting_after=second[-1])
    assert (first + second + last, more) == (made, False)


async def test_ending_before_gives_the_page_just_above(stripe):
    made = (await make(stripe, 5))[::-1]
    assert await ids_of(stripe, limit="2", ending_before=made[4]) == (made[2:4], True)
    assert await ids_of(stripe, limit="2", ending_before=made[1]) == (made[:1], False)


async def test_created_bounds_are_kept(stripe):
    old = await make(stripe, 2)
    await stripe.http.post("/_sim/clock", json={"advance_seconds": 1_000})
    new = await make(stripe, 2)
    border = (await stripe.get(f"{PATH}/{new[0]}")).json()["created"]
    assert await ids_of(stripe, **{"created[gte]": str(border)}) == (new[::-1], False)
    assert await ids_of(stripe, **{"created[lt]": str(border)}) == (old[::-1], False)
    assert await ids_of(stripe, **{"created[gt]": str(border + 500)}) == ([], False)


async def test_a_page_has_at_most_100_and_the_cursor_must_exist(stripe):
    assert (await stripe.get(PATH, {"limit": "101"})).status_code == 400
    assert (await stripe.get(PATH, {"starting_after": "pi_nobody"})).status_code == 400


LISTS = (
    "balance_transactions",
    "charges",
    "customers",
    "disputes",
    "events",
    "payment_intents",
    "payment_methods",
    "payouts",
    "radar/early_fraud_warnings",
    "refunds",
    "setup_intents",
    "webhook_endpoints",
)


@pytest.mark.parametrize("name", LISTS)
async def test_every_list_is_paged_alike(stripe, name):
    empty = (await stripe.get(f"/v1/{name}")).json()
    assert empty == {"object": "list", "data": [], "has_more": False, "url": f"/v1/{name}"}
    for refused in ({"limit": "101"}, {"limit": "0"}, {"starting_after": "x"}, {"expand[]": "data.colour"}, {"a": "b"}):
        assert (await stripe.get(f"/v1/{name}", refused)).status_code == 400


async def test_events_are_listed_by_type_and_by_whether_they_arrived(stripe):
    await stripe.listen("charge.succeeded")
    await stripe.fault("webhook_drop", match={"metadata": {"lost": "yes"}})
    await stripe.paid()
    await stripe.inbox.until("charge.succeeded")
    await stripe.paid(extra={"metadata[lost]": "yes"})
    page = (await stripe.get("/v1/events", {"types[]": ["charge.succeeded", "charge.failed"]})).json()
    assert [one["type"] for one in page["data"]] == ["charge.succeeded"] * 2
    lost = (await stripe.get("/v1/events", {"delivery_success": "false"})).json()["data"]
    assert [one["data"]["object"]["metadata"] for one in lost] == [{"lost": "yes"}]
    one = (await stripe.get(f"/v1/events/{lost[0]['id']}")).json()
    assert one["pending_webhooks"] == 1


async def test_events_older_than_thirty_days_are_gone_from_the_list(stripe):
    await stripe.paid()
    await stripe.http.post("/_sim/clock", json={"advance_seconds": 31 * 86_400})
    assert await ids_of(stripe, "/v1/events") == ([], False)
