"""Access tokens of the simulated PayPal, and what is answered without one."""

import pytest

pytestmark = pytest.mark.asyncio

TOKEN = "/v1/oauth2/token"
GRANT = {"grant_type": "client_credentials"}


async def test_an_app_gets_a_token_for_nine_hours_and_older_ones_live_on(paypal):
    answer = await paypal.http.post(TOKEN, data=GRANT, auth=("client", "secret"))
    body = answer.json()
    assert (answer.status_code, body["token_type"], body["expires_in"]) == (200, "Bearer", 32_400)
    assert {"scope", "app_id", "nonce"} <= set(body)
    paypal.token = body["access_token"]
    await paypal.new_token()
    assert (await paypal.create()).status_code == 201


async def test_a_token_ends_by_its_age_or_by_a_test(paypal, issues):
    await paypal.created()
    await paypal.later(32_400)
    assert issues(await paypal.create()) == [401]
    paypal.token = await paypal.new_token()
    assert await paypal.control("tokens/kill") == {"killed": 1}
    answer = await paypal.create()
    assert answer.json()["name"] == "AUTHENTICATION_FAILURE"


@pytest.mark.parametrize(
    "auth", [None, ("client", ""), ("", "secret"), ("client", "revoked-secret"), ("client", "other")]
)
async def test_an_app_that_does_not_say_who_it_is_gets_none(paypal, auth):
    await paypal.new_token("client", "secret")
    answer = await paypal.http.post(TOKEN, data=GRANT, auth=auth)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("form", [{}, {"grant_type": "password"}])
async def test_no_other_grant_is_known(paypal, form):
    answer = await paypal.http.post(TOKEN, data=form, auth=("client", "secret"))
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer nobodys", "Basic Y2xpZW50OnNlY3JldA=="])
async def test_without_a_live_token_nothing_is_told(paypal, issues, authorization):
    answer = await paypal.create()
    order = answer.json()["id"]
    answer = await paypal.send("GET", f"/v2/checkout/orders/{order}", authorization=authorization)
    assert issues(answer) == [401]
    assert answer.json()["debug_id"] == answer.headers["paypal-debug-id"]


async def test_too_many_tokens_are_answered_429_by_a_fault(paypal):
    answer = await paypal.http.post(
        TOKEN, data=GRANT, auth=("client", "secret"), headers={"x-sim-fault": "rate_limited:7"}
    )
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["name"] == "RATE_LIMIT_REACHED"
    assert answer.json()["debug_id"]


async def test_a_token_that_expires_early_is_refused_until_there_is_a_new_one(paypal, issues):
    order = await paypal.approved()
    assert issues(await paypal.pay(order, fault="token_expired_early")) == [401]
    assert issues(await paypal.pay(order)) == [401]
    paypal.token = await paypal.new_token()
    assert (await paypal.pay(order)).status_code == 201


async def test_another_merchants_order_is_not_there_and_its_payments_are_forbidden(paypal, issues):
    capture = await paypal.captured()
    order = capture["supplementary_data"]["related_ids"]["order_id"]
    paypal.token = await paypal.new_token("another")
    assert issues(await paypal.send("GET", f"/v2/checkout/orders/{order}")) == [404, "INVALID_RESOURCE_ID"]
    assert issues(await paypal.pay(order)) == [403, "PERMISSION_DENIED"]
    assert issues(await paypal.refund(capture["id"])) == [403, "PERMISSION_DENIED"]
    assert issues(await paypal.refund("NOBODYS")) == [404, "INVALID_RESOURCE_ID"]
