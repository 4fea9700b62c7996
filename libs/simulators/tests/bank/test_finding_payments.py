"""Lists of payments at the simulated bank: by end_to_end_id, and in the order of their changes."""

import pytest

pytestmark = pytest.mark.asyncio


def ids(page: dict) -> list[str]:
    return [one["end_to_end_id"] for one in page["data"]]


async def test_what_was_changed_after_a_moment_is_listed_in_the_order_of_its_changes(bank):
    await bank.ordered(end_to_end_id="early")
    await bank.ordered(end_to_end_id="canceled")
    payments = (await bank.get("/v1/payments"))["data"]
    since = payments[-1]["updated_at"]
    await bank.ordered(end_to_end_id="late")
    await bank.send("POST", f"/v1/payments/{payments[0]['id']}/cancel", key="cancel")
    assert ids(await bank.get("/v1/payments")) == ["canceled", "late", "early"]
    assert ids(await bank.get(f"/v1/payments?updated_after={since}")) == ["late", "early"]
    last = (await bank.get("/v1/payments"))["data"][-1]["updated_at"]
    assert ids(await bank.get(f"/v1/payments?updated_after={last}")) == []


async def test_pages_lead_to_one_another_and_what_changes_between_them_comes_again(bank):
    for number in range(5):
        await bank.ordered(end_to_end_id=f"no{number}")
    first = await bank.get("/v1/payments?limit=2")
    assert ids(first) == ["no0", "no1"]
    await bank.decide("no0", "reject")
    await bank.decide("no3", "reject")
    second = await bank.get(f"/v1/payments?limit=2&cursor={first['next_cursor']}")
    third = await bank.get(f"/v1/payments?limit=2&cursor={second['next_cursor']}")
    assert [ids(second), ids(third), third["next_cursor"]] == [["no2", "no4"], ["no0", "no3"], None]


async def test_an_end_to_end_id_has_a_page_of_one_or_none(bank):
    await bank.ordered(end_to_end_id="mine")
    assert ids(await bank.get("/v1/payments?end_to_end_id=mine")) == ["mine"]
    assert await bank.get("/v1/payments?end_to_end_id=other") == {"data": [], "next_cursor": None}


async def test_accounts_are_told_apart_when_a_customer_has_several(bank):
    await bank.ordered(end_to_end_id="same")
    await bank.ordered(end_to_end_id="same", debtor_account_id="acc-2")
    page = await bank.get("/v1/payments?end_to_end_id=same")
    assert [one["debtor_account_id"] for one in page["data"]] == ["acc-1", "acc-2"]
    assert len((await bank.get("/v1/payments?end_to_end_id=same&debtor_account_id=acc-2"))["data"]) == 1
    assert (await bank.get("/v1/payments?debtor_account_id=acc-3"))["data"] == []


@pytest.mark.parametrize(
    ("query", "field", "why"),
    [
        ("limit=0", "limit", "invalid"),
        ("limit=501", "limit", "invalid"),
        ("limit=1&limit=2", "limit", "repeated"),
        ("cursor=nonsense", "cursor", "invalid"),
        ("updated_after=yesterday", "updated_after", "invalid"),
        ("updated_after=2026-02-30T00:00:00Z", "updated_after", "invalid"),
        ("status=completed", "status", "unknown"),
        ("end_to_end_id=x&limit=2", "", "filters_conflict"),
    ],
)
async def test_a_query_that_is_wrong_is_refused_with_the_parameter_that_is(bank, code, query, field, why):
    assert code(await bank.send("GET", f"/v1/payments?{query}")) == [422, "invalid", (field, why)]


async def test_a_lagging_answer_shows_a_payment_as_it_was_before_or_not_yet(bank, code):
    payment = await bank.ordered(end_to_end_id="mine")
    lag = {"fault": "read_lag"}
    assert (await bank.get("/v1/payments?end_to_end_id=mine", **lag))["data"] == []
    assert code(await bank.send("GET", f"/v1/payments/{payment}", **lag)) == [404, "not_found"]
    await bank.decide(payment, "complete")
    assert (await bank.get(f"/v1/payments/{payment}", **lag))["status"] == "processing"
    assert await bank.status(payment) == "completed"


async def test_an_answer_may_have_another_amount_or_a_status_that_nobody_knows(bank):
    payment = await bank.ordered()
    assert (await bank.get(f"/v1/payments/{payment}", fault="amount_mismatch"))["amount"] == "13.50"
    page = await bank.get("/v1/payments", fault="unknown_status")
    assert page["data"][0]["status"] == "under_divination"
    assert await bank.status(payment) == "initiated"


async def test_aliases_are_told_whether_somebody_is_enrolled(bank, code):
    assert await bank.get("/v1/aliases/ann@example.com") == {"enrolled": True, "name": "J. D."}
    assert await bank.get("/v1/aliases/+12125552002") == {"enrolled": False, "name": None}
    assert code(await bank.send("GET", "/v1/aliases/ann")) == [422, "alias_invalid"]
