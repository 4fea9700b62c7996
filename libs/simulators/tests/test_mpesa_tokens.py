"""Access tokens of the M-Pesa simulator: who gets one, how long it lives, and what its death looks like."""

import base64

import pytest

pytestmark = pytest.mark.asyncio

TOKEN = "/oauth/v1/generate?grant_type=client_credentials"
PRODUCT = "/mpesa/stkpushquery/v1/query"


async def test_a_token_is_text_with_its_life_as_text(mpesa):
    answer = await mpesa.http.get(TOKEN, auth=("key", "secret"))
    assert answer.status_code == 200
    assert answer.json() == {"access_token": answer.json()["access_token"], "expires_in": "3599"}
    assert len(answer.json()["access_token"]) == 28


@pytest.mark.parametrize(
    ("path", "authorization", "code"),
    [
        (TOKEN, "Bearer abc", "400.008.01"),
        (TOKEN, "Basic !!!", "400.008.01"),
        (TOKEN, "Basic " + base64.b64encode(b"revoked-key:secret").decode(), "400.008.01"),
        ("/oauth/v1/generate", "Basic " + base64.b64encode(b"key:secret").decode(), "400.008.02"),
        (TOKEN.replace("client_credentials", "password"), "Basic " + base64.b64encode(b"k:s").decode(), "400.008.02"),
    ],
)
async def test_who_asks_for_a_token_in_the_wrong_way_is_told_so(mpesa, path, authorization, code):
    answer = await mpesa.http.get(path, headers={"authorization": authorization})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, code)
    assert set(answer.json()) == {"requestId", "errorCode", "errorMessage"}


async def test_a_new_token_kills_the_last_one_of_its_app_and_of_no_other(mpesa):
    first, other, second = [await mpesa.new_token(key) for key in ("one", "two", "one")]
    codes = [(await mpesa.post(PRODUCT, {}, token=token)).json()["errorCode"] for token in (first, other, second)]
    assert codes == ["404.001.03", "400.002.02", "400.002.02"]
    assert (await mpesa.post(PRODUCT, {}, token=first)).status_code == 404


async def test_a_token_ends_after_an_hour_by_the_simulators_clock(mpesa):
    token = await mpesa.new_token("one")
    await mpesa.http.post("/_sim/clock", json={"advance_seconds": 3_600})
    assert (await mpesa.post(PRODUCT, {}, token=token)).json()["errorMessage"] == "Invalid Access Token"


async def test_tokens_can_be_killed_from_outside_and_by_a_fault(mpesa):
    token = await mpesa.new_token("one")
    assert (await mpesa.http.post("/_sim/tokens/kill")).json() == {"killed": 1}
    assert (await mpesa.post(PRODUCT, {}, token=token)).json()["errorCode"] == "404.001.03"
    token = await mpesa.new_token("one")
    for fault in ("token_killed", None):
        struck = await mpesa.post(PRODUCT, {}, token=token, fault=fault)
        assert struck.json()["errorCode"] == "404.001.03"


async def test_what_there_is_not_is_refused_in_the_same_envelope(mpesa):
    wrong = await mpesa.http.get(PRODUCT)
    assert (wrong.status_code, wrong.json()["errorCode"]) == (405, "405.001")
    missing = await mpesa.http.post("/mpesa/nothing/v1")
    assert (missing.status_code, missing.json()["errorMessage"]) == (404, "Resource not found")
    unauthenticated = await mpesa.http.post(PRODUCT, json={})
    assert (unauthenticated.status_code, unauthenticated.json()["errorCode"]) == (404, "404.001.04")


async def test_an_app_in_a_hurry_is_arrested_and_no_other(mpesa_with):
    async with mpesa_with(spike_arrest_per_second=1) as mpesa:
        hasty, other = await mpesa.new_token("one"), await mpesa.new_token("two")
        answers = [await mpesa.post(PRODUCT, {}, token=hasty) for _ in range(5)]
        arrested = {"Error Occurred: Spike Arrest Violation"} & {one.json()["errorMessage"] for one in answers}
        assert arrested
        assert (await mpesa.post(PRODUCT, {}, token=other)).status_code == 400


async def test_old_tokens_live_on_where_the_settings_say_so(mpesa_with):
    async with mpesa_with(keep_old_tokens=True) as mpesa:
        first, second = await mpesa.new_token("one"), await mpesa.new_token("one")
        assert [(await mpesa.post(PRODUCT, {}, token=token)).status_code for token in (first, second)] == [400, 400]
