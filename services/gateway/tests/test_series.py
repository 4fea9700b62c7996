"""Series: what a merchant may charge by a mandate in each period, however many ask at once and whatever lags."""

import asyncio
from datetime import datetime, timedelta

import pytest
from keeping import SAVING, again, keep

from malipo import clock, ids
from malipo.contracts.commands import CreatePayment
from testkit.waiting import until

RULES = {"customer_ref": "customer-7", "currency": "USD", "max_amount": 1500, "max_count": 2, "per": "month"}


def by(name: str = "mandate-7") -> dict:
    return {"series": name}


async def put(merchant, rules: dict = RULES, name: str = "mandate-7", **headers):
    return await merchant.send("PUT", f"/v1/series/{name}", rules, **headers)


async def used(merchant, name: str = "mandate-7") -> tuple[int, int]:
    period = (await merchant.get(f"/v1/series/{name}")).json()["period"]
    return period["count"], period["amount"]


def refused(answer, code: str) -> dict:
    assert (answer.status_code, answer.json()["code"]) == (409, code), answer.text
    return answer.json()


@pytest.fixture
async def card(gateway, merchant) -> str:
    assert (await put(merchant)).status_code == 200
    return (await keep(gateway, merchant))["id"]


async def test_the_rules_are_the_merchants_own_and_can_be_replaced(merchant):
    today = clock.now().date().isoformat()
    shown = (await put(merchant)).json()
    assert {name: shown[name] for name in RULES} == RULES
    assert (shown["id"], shown["starts_on"], shown["period"]["count"]) == ("mandate-7", today, 0)
    changed = (await put(merchant, RULES | {"max_count": 5, "per": "week", "starts_on": "2026-01-31"})).json()
    assert (changed["max_count"], changed["per"], changed["starts_on"]) == (5, "week", "2026-01-31")
    assert (await put(merchant)).json()["starts_on"] == "2026-01-31", "what is left out stays"
    assert (await merchant.get("/v1/series/mandate-7")).json()["max_count"] == 2


async def test_it_stays_of_its_customer_and_in_its_currency(merchant):
    await put(merchant)
    for other in ({"customer_ref": "customer-8"}, {"currency": "EUR"}):
        answer = await put(merchant, RULES | other)
        assert (answer.status_code, answer.json()["code"]) == (422, "series_mismatch")
        assert [one["field"] for one in answer.json()["errors"]] == [f"/{next(iter(other))}"]
    assert (await merchant.get("/v1/series/mandate-7")).json()["currency"] == "USD"


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"max_amount": 0}, "/max_amount", "amount_too_small"),
        ({"max_count": 0}, "/max_count", "value_invalid"),
        ({"per": "hour"}, "/per", "choice_unknown"),
        ({"currency": "usd"}, "/currency", "currency_unknown"),
        ({"starts_on": "2026-02-30"}, "/starts_on", "value_invalid"),
        ({"starts_on": "20260201"}, "/starts_on", "value_invalid"),
        ({"starts_on": "0001-01-01"}, "/starts_on", "value_invalid"),
        ({"starts_on": "1999-12-31"}, "/starts_on", "value_invalid"),
        ({"customer_ref": ""}, "/customer_ref", "text_empty"),
    ],
)
async def test_wrong_rules_are_refused_by_field(merchant, wrong, field, code):
    answer = await put(merchant, RULES | wrong)
    assert answer.status_code == 422
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


async def test_an_id_has_to_fit_a_path(merchant):
    for name in ("a b", "x" * 101, "-7", "4242424242424242"):
        answer = await put(merchant, name=name)
        assert (answer.status_code, answer.json()["code"]) == (400, "parameter_invalid")


async def test_what_is_of_another_merchant_or_mode_is_not_there(gateway, merchant, card):
    other, live = await gateway.merchant(), await gateway.key_of(merchant.id, mode="live")
    for stranger in (other, live):
        read = await stranger.get("/v1/series/mandate-7")
        assert (read.status_code, read.json()["code"]) == (404, "series_not_found")
    assert (await put(other, RULES | {"customer_ref": "customer-9"})).status_code == 200
    await merchant.pay(again(card, how=by()))
    assert (await used(merchant), await used(other)) == ((1, 700), (0, 0))


async def test_a_charge_names_its_series_and_shows_it(gateway, merchant, card):
    accepted = await merchant.pay(again(card, how=by()))
    assert (accepted.status_code, accepted.json()["series"]) == (202, "mandate-7")
    command = (await gateway.sent())[-1]
    assert isinstance(command, CreatePayment)
    assert command.method.details == {"id": card, "initiator": "merchant", "series": "mandate-7"}
    assert (await merchant.pay(again(card))).json()["series"] is None
    period = (await merchant.get("/v1/series/mandate-7")).json()["period"]
    assert (period["count"], period["amount"], period["payments"]) == (1, 700, [accepted.json()["id"]])


async def test_no_more_charges_than_it_allows_are_accepted_and_it_says_when_the_next_is_possible(
    gateway, merchant, card
):
    for _ in range(2):
        assert (await merchant.pay(again(card, how=by()))).status_code == 202
    answer = await merchant.pay(again(card, amount=1, how=by()))
    problem = refused(answer, "series_limit_reached")
    ends_at = (await merchant.get("/v1/series/mandate-7")).json()["period"]["ends_at"]
    assert "has 2 of 2 charges" in problem["detail"]
    assert ends_at[:19] in problem["detail"]
    wait = datetime.fromisoformat(ends_at) - clock.now()
    assert abs(problem["retry"]["after_seconds"] - wait.total_seconds()) < 60
    assert problem["retry"]["safe"] is problem["retry"]["same_key"] is True
    assert answer.headers["Retry-After"] == str(problem["retry"]["after_seconds"])
    assert await gateway.count("payments") == 3


async def test_no_more_money_than_it_allows_is_accepted(merchant, card):
    assert (await merchant.pay(again(card, amount=1000, how=by()))).status_code == 202
    problem = refused(await merchant.pay(again(card, amount=501, how=by())), "series_amount_exceeded")
    assert "500 of 1500 is left" in problem["detail"]
    assert problem["retry"]["after_seconds"] > 0
    assert (await merchant.pay(again(card, amount=500, how=by()))).status_code == 202


async def test_more_than_a_whole_period_allows_is_never_possible(merchant, card):
    answer = await merchant.pay(again(card, amount=1501, how=by()))
    assert (answer.status_code, answer.json()["code"]) == (422, "series_mismatch")
    assert [one["field"] for one in answer.json()["errors"]] == ["/amount"]
    assert answer.json()["retry"]["safe"] is False
    assert await used(merchant) == (0, 0)


async def test_before_its_first_day_nothing_is_charged(merchant, card):
    first = (clock.now() + timedelta(days=2)).date().isoformat()
    shown = (await put(merchant, RULES | {"starts_on": first})).json()
    assert (shown["starts_on"], shown["period"]) == (first, None)
    problem = refused(await merchant.pay(again(card, how=by())), "series_limit_reached")
    assert first in problem["detail"]
    assert 0 < problem["retry"]["after_seconds"] <= 2 * 86_400


async def test_the_next_period_begins_anew(gateway, merchant, card):
    for _ in range(2):
        await merchant.pay(again(card, how=by()))
    await gateway.pool.execute("UPDATE saved_charges SET accepted_at = accepted_at - interval '1 month'")
    await gateway.pool.execute("UPDATE series SET starts_at = starts_at - interval '1 month'")
    assert await used(merchant) == (0, 0)
    assert (await merchant.pay(again(card, how=by()))).status_code == 202


@pytest.mark.parametrize("end", ["failed", "canceled"])
async def test_what_has_taken_nothing_counts_no_more(gateway, merchant, card, end):
    payment = (await merchant.pay(again(card, amount=1500, how=by()))).json()
    refused(await merchant.pay(again(card, how=by())), "series_amount_exceeded")
    await gateway.receive(gateway.step(merchant, payment, end))
    assert await used(merchant) == (0, 0)
    assert (await merchant.pay(again(card, amount=1500, how=by()))).status_code == 202


@pytest.mark.parametrize("stand", ["processing", "requires_action", "authorized", "completed", "returned"])
async def test_what_is_under_way_in_doubt_taken_or_given_back_counts(gateway, merchant, card, stand):
    payment = (await merchant.pay(again(card, amount=1500, how=by()))).json()
    await gateway.receive(gateway.step(merchant, payment, stand))
    assert await used(merchant) == (1, 1500)


async def test_a_charge_that_is_corrected_counts_again(gateway, merchant, card):
    payment = (await merchant.pay(again(card, how=by()))).json()
    for end, count in (("failed", 0), ("completed", 1)):
        await gateway.receive(gateway.step(merchant, payment, end))
        assert (await used(merchant))[0] == count


async def test_a_repeat_is_the_same_charge_and_counts_once(merchant, card):
    first = await merchant.pay(again(card, how=by()), key="k")
    repeats = [await merchant.pay(again(card, how=by()), key="k") for _ in range(3)]
    assert {one.json()["id"] for one in repeats} == {first.json()["id"]}
    assert await used(merchant) == (1, 700)


async def test_a_refused_charge_leaves_nothing_and_its_key_can_be_used_when_there_is_room(gateway, merchant, card):
    payment = (await merchant.pay(again(card, amount=1500, how=by()))).json()
    refused(await merchant.pay(again(card, how=by()), key="later"), "series_amount_exceeded")
    await gateway.receive(gateway.step(merchant, payment, "failed"))
    assert (await merchant.pay(again(card, how=by()), key="later")).status_code == 202


async def test_charges_that_come_together_are_counted_one_after_the_other(gateway, merchant, card):
    group = gateway.app.state.acceptance._asked
    asked = []
    async with group._turn:
        for amount in (1000, 600, 500, 1):
            asked.append(asyncio.create_task(merchant.pay(again(card, amount=amount, how=by()))))
            await until(lambda: group._open and len(group._open.items) == len(asked), what="a request to come")
    codes = [answer.json().get("code") for answer in await asyncio.gather(*asked)]
    assert codes == [None, "series_amount_exceeded", None, "series_limit_reached"]
    assert await used(merchant) == (2, 1500)


async def test_two_gateways_that_are_asked_at_once_accept_no_more_than_it_allows(replica):
    gateways = [await replica(), await replica()]
    merchant = await gateways[0].merchant()
    await put(merchant, RULES | {"max_count": 5, "max_amount": 100_000})
    card = (await keep(gateways[0], merchant))["id"]
    answers = await asyncio.gather(*(merchant.on(gateways[n % 2]).pay(again(card, how=by())) for n in range(40)))
    assert sorted(answer.status_code for answer in answers) == [202] * 5 + [409] * 35
    assert await used(merchant) == (5, 3500)
    numbers = await gateways[0].pool.fetch("SELECT number FROM saved_charges ORDER BY number")
    assert [row["number"] for row in numbers] == [1, 2, 3, 4, 5]


async def test_one_key_on_two_gateways_at_once_is_one_charge(replica):
    gateways = [await replica(), await replica()]
    merchant = await gateways[0].merchant()
    await put(merchant)
    card = (await keep(gateways[0], merchant))["id"]
    answers = await asyncio.gather(
        *(merchant.on(gateways[n % 2]).pay(again(card, how=by()), key="k") for n in range(10))
    )
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert await used(merchant) == (1, 700)


async def test_an_unknown_series_another_customers_and_another_currency_are_refused(gateway, merchant, card):
    unknown = await merchant.pay(again(card, how=by("mandate-8")))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "series_not_found")
    assert unknown.json()["errors"][0]["field"] == "/method/series"
    await put(merchant, RULES | {"customer_ref": "customer-8"}, "mandate-8")
    mismatch = await merchant.pay(again(card, how=by("mandate-8"), currency="EUR"))
    assert (mismatch.status_code, mismatch.json()["code"]) == (422, "series_mismatch")
    assert [one["field"] for one in mismatch.json()["errors"]] == ["/method/series", "/currency"]
    assert await gateway.count("saved_charges") == 0


async def test_only_a_saved_method_can_be_charged_in_one(merchant):
    answer = await merchant.pay(SAVING | {"method": SAVING["method"] | by()})
    assert (answer.status_code, answer.json()["code"]) == (422, "field_unknown")
    wrong = await merchant.pay(again(ids.new("pm"), how=by("a b")))
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "/method/series")
