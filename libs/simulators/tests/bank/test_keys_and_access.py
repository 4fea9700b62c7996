"""Idempotency keys, end_to_end_ids, and who may do what at the simulated bank."""

import asyncio

import httpx
import pytest

pytestmark = pytest.mark.asyncio

WEEK = 7 * 86_400


async def test_a_request_that_comes_again_is_answered_as_before_and_moves_no_more_money(bank):
    first = await bank.order(key="same", end_to_end_id="once")
    await bank.later(30)
    again = await bank.order(key="same", end_to_end_id="once")
    assert (again.status_code, again.content) == (202, first.content)
    assert (again.headers["idempotent-replayed"], "idempotent-replayed" in first.headers) == ("true", False)
    assert await bank.effects() == [("debit", 1250)]


async def test_a_key_with_another_body_is_refused_and_so_is_an_end_to_end_id_under_another_key(bank, code):
    await bank.ordered(key="same", end_to_end_id="once")
    assert code(await bank.order(key="same", end_to_end_id="twice")) == [422, "idempotency_key_reused"]
    assert code(await bank.order(key="other", end_to_end_id="once")) == [409, "duplicate_end_to_end_id"]


async def test_after_seven_days_a_key_is_forgotten_and_the_end_to_end_id_is_not(bank, code):
    await bank.ordered(key="same", end_to_end_id="once")
    await bank.later(WEEK)
    assert code(await bank.order(key="same", end_to_end_id="once")) == [409, "duplicate_end_to_end_id"]


async def test_what_was_refused_may_be_put_right_under_the_same_key(bank, code):
    assert code(await bank.order(key="same", amount="0.00")) == [422, "invalid", ("/amount", "amount_not_positive")]
    assert (await bank.order(key="same")).status_code == 202


async def test_two_requests_at_once_with_one_key_are_one(bank, code):
    slow, other = await asyncio.gather(
        bank.order(key="same", end_to_end_id="once", fault="slow:0.2"),
        bank.order(key="same", end_to_end_id="once", fault="slow:0.1"),
    )
    answers = sorted((slow, other), key=lambda answer: answer.status_code)
    assert (answers[0].status_code, code(answers[1])) == (202, [409, "idempotency_in_flight"])


@pytest.mark.parametrize("fault", ["answer_lost", "reset_after_effect"])
async def test_a_lost_answer_is_found_by_the_end_to_end_id_and_had_again_under_the_key(bank, fault):
    with pytest.raises(httpx.TransportError):
        await bank.order(key="same", end_to_end_id="once", fault=fault)
    [found] = (await bank.get("/v1/payments?end_to_end_id=once"))["data"]
    assert (await bank.order(key="same", end_to_end_id="once")).json()["id"] == found["id"]


@pytest.mark.parametrize(("fault", "payments"), [("error_before_effect", 0), ("error_after_effect", 1)])
async def test_behind_a_500_there_may_be_a_payment_or_none(bank, fault, payments):
    assert (await bank.order(key="same", end_to_end_id="once", fault=fault)).status_code == 500
    assert len((await bank.get("/v1/payments?end_to_end_id=once"))["data"]) == payments
    assert (await bank.order(key="same", end_to_end_id="once")).status_code == 202
    assert len((await bank.get("/v1/payments"))["data"]) == 1


async def test_a_request_that_was_long_on_its_way_is_no_second_payment(bank):
    with pytest.raises(httpx.TransportError):
        await bank.order(key="same", end_to_end_id="once", fault="request_late:0.05")
    assert (await bank.get("/v1/payments"))["data"] == []
    await bank.until(lambda: "payment.initiated" in bank.told)
    assert (await bank.order(key="same", end_to_end_id="once")).headers["idempotent-replayed"] == "true"


async def test_without_a_key_nothing_is_ordered(bank, code):
    for headers in ({}, {"key": "k" * 65}, {"key": "a b"}):
        refused = await bank.send("POST", "/v1/payments", {}, **headers)
        assert code(refused) == [400, "idempotency_key_required"]


async def test_nobody_is_let_in_without_credentials_that_the_bank_knows(bank, code):
    for headers in ({"authorization": "Bearer stranger"}, {"api_key": "revoked"}, {"authorization": "Basic eDp5"}):
        assert code(await bank.send("GET", "/v1/payments", **headers)) == [401, "unauthenticated"]
    assert code(await bank.http.get("/v1/payments")) == [401, "unauthenticated"]
    grant = {"grant_type": "client_credentials"}
    for pair in (("shop", "other"), ("shop", "revoked"), ("", "")):
        await bank.new_token()
        refused = await bank.http.post("/oauth2/token", data=grant, auth=pair)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    other = await bank.http.post("/oauth2/token", data={"grant_type": "password"}, auth=("shop", "secret"))
    assert (other.status_code, other.json()["error"]) == (400, "unsupported_grant_type")


async def test_the_secret_of_a_client_comes_form_urlencoded(bank):
    grant = {"grant_type": "client_credentials"}
    for secret, status in (("a+b%2Fc%3D%25", 200), ("a%20b/c=%25", 200), ("a%2Bb/c=%25", 401)):
        answer = await bank.http.post("/oauth2/token", data=grant, auth=("shop.encoded", secret))
        assert answer.status_code == status


async def test_tokens_end_by_their_age_by_a_test_and_by_a_fault(bank, code):
    await bank.ordered()
    old = bank.token
    await bank.later(1_801)
    assert code(await bank.send("GET", "/v1/payments", authorization=f"Bearer {old}")) == [401, "unauthenticated"]
    assert len((await bank.get("/v1/payments"))["data"]) == 1
    assert code(await bank.send("GET", "/v1/payments", fault="token_expired_early")) == [401, "unauthenticated"]
    assert code(await bank.send("GET", "/v1/payments")) == [401, "unauthenticated"]
    bank.token = await bank.new_token()
    assert await bank.control("tokens/kill?client_id=shop") == {"killed": 1}


async def test_clients_and_keys_of_one_customer_see_its_payments_and_nobody_else_does(bank, code):
    payment = await bank.ordered()
    second = await bank.new_token("shop.2", "another secret")
    mine = ({"authorization": f"Bearer {second}"}, {"api_key": "shop.key-of-november"})
    for headers in mine:
        assert (await bank.get(f"/v1/payments/{payment}", **headers))["id"] == payment
    for path in (f"/v1/payments/{payment}", "/v1/payments/pmt_0"):
        assert code(await bank.send("GET", path, api_key="rival.1")) == [404, "not_found"]
    assert (await bank.get("/v1/payments", api_key="rival.1"))["data"] == []
    foreign = await bank.send("GET", "/v1/payments?debtor_account_id=acc-1", api_key="rival.1")
    assert code(foreign) == [403, "account_forbidden"]
    asked = {"rail": "BOOK", "amount": "1.00", "currency": "USD", "debtor_account_id": "acc-1", "end_to_end_id": "x"}
    creditor = {"name": "Eve", "account": {"number": "1234", "routing": "021000021"}}
    stolen = await bank.send("POST", "/v1/payments", asked | {"creditor": creditor}, key="k", api_key="rival.1")
    assert code(stolen) == [403, "account_forbidden"]


async def test_a_bank_that_has_customers_knows_nobody_else(bank_with, code):
    async with bank_with(customers=frozenset({"shop"})) as bank:
        assert (await bank.get("/v1/payments"))["data"] == []
        assert code(await bank.send("GET", "/v1/payments", api_key="rival.1")) == [401, "unauthenticated"]
        grant = {"grant_type": "client_credentials"}
        stranger = await bank.http.post("/oauth2/token", data=grant, auth=("rival", "secret"))
        assert (stranger.status_code, stranger.json()["error"]) == (401, "invalid_client")
