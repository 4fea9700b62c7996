"""What goes wrong at the simulated Daraja on request, and what happens to the money meanwhile."""

import httpx
import pytest

pytestmark = pytest.mark.asyncio

PAYS = "254700000000"
CANCELS = "254700000001"
LATE_AND_TOLD = "254700000031"


async def prompts(mpesa):
    return (await mpesa.http.get("/_sim/prompts")).json()


def code_of(answer):
    return (answer.status_code, answer.json().get("errorCode"))


@pytest.mark.parametrize(
    ("fault", "answered", "prompted"),
    [
        ("error_before_effect", (500, "500.003.1001"), 0),
        ("error_after_effect", (500, "500.003.1001"), 1),
        ("rate_limited", (500, "500.003.02"), 0),
        ("quota_violation", (500, "500.003.03"), 0),
        ("system_busy", (500, "500.003.02"), 0),
        ("token_killed", (404, "404.001.03"), 0),
        ("slow:0.01", (200, None), 1),
    ],
)
async def test_an_error_tells_by_itself_nothing_about_the_prompt(mpesa, fault, answered, prompted):
    assert code_of(await mpesa.push(fault=fault)) == answered
    assert len(await prompts(mpesa)) == prompted


async def test_the_same_code_is_of_a_busy_system_and_of_a_client_in_a_hurry(mpesa):
    texts = [(await mpesa.push(fault=fault)).json()["errorMessage"] for fault in ("system_busy", "rate_limited")]
    assert texts == ["System is busy. Please try again in few minutes.", "Error Occurred: Spike Arrest Violation"]


@pytest.mark.parametrize(
    ("fault", "status", "prompted"),
    [("html_with_200", 200, 1), ("html_with_200_before_effect", 200, 0), ("html_error", 502, 0)],
)
async def test_a_page_comes_where_json_should(mpesa, fault, status, prompted):
    answer = await mpesa.push(fault=fault)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (status, "text/html")
    assert len(await prompts(mpesa)) == prompted


async def test_half_an_answer_is_no_json_and_the_phone_is_prompted(mpesa):
    with pytest.raises(ValueError, match=r"."):
        (await mpesa.push(fault="malformed_json")).json()
    assert len(await prompts(mpesa)) == 1


@pytest.mark.parametrize(
    ("fault", "error", "prompted"),
    [
        ("connection_reset", httpx.ReadError, 0),
        ("reset_after_effect", httpx.ReadError, 1),
        ("answer_lost", httpx.RemoteProtocolError, 1),
    ],
)
async def test_a_connection_goes_before_or_after_the_phone_is_prompted(live_mpesa, fault, error, prompted):
    with pytest.raises(error):
        await live_mpesa.push(fault=fault)
    assert len(await prompts(live_mpesa)) == prompted


async def test_a_request_arrives_long_after_its_connection_was_lost(live_mpesa, until):
    with pytest.raises(httpx.ReadError):
        await live_mpesa.push(fault="request_late:3600")
    assert await prompts(live_mpesa) == []
    with pytest.raises(httpx.ReadError):
        await live_mpesa.push(PhoneNumber=PAYS, fault="request_late:0.05")

    async def paid():
        return (await live_mpesa.book())["effects"]

    await until(paid, "the late push's payment")


async def test_a_callback_comes_before_the_answer_to_the_push(mpesa):
    checkout = await mpesa.pushed(fault="webhook_before_answer")
    assert [(one["CheckoutRequestID"], one["ResultCode"]) for one in mpesa.callbacks] == [(checkout, 0)]
    await mpesa.pushed(PhoneNumber=CANCELS, fault="webhook_before_answer")
    assert [one["ResultCode"] for one in mpesa.callbacks] == [0, 1032]


async def test_a_callback_is_doubled_or_late(mpesa):
    await mpesa.pushed(PhoneNumber=PAYS, fault="webhook_duplicate")
    first, second = await mpesa.called_back(2)
    assert first == second
    await mpesa.pushed(PhoneNumber=CANCELS, fault="webhook_late:0.01")
    assert (await mpesa.called_back(3))[2]["ResultCode"] == 1032


async def test_a_callback_is_dropped_also_if_a_person_has_paid(mpesa):
    checkout = await mpesa.pushed(fault="webhook_drop")
    await mpesa.control(f"phone/{checkout}/pay")
    await mpesa.pushed(PhoneNumber=CANCELS)
    assert [one["ResultCode"] for one in await mpesa.called_back()] == [1032]


async def test_of_two_callbacks_of_a_prompt_the_second_comes_first(mpesa):
    await mpesa.pushed(PhoneNumber=LATE_AND_TOLD, fault="webhook_reorder:5")
    assert [one["ResultCode"] for one in await mpesa.called_back(2)] == [0, 1037]


async def test_a_stranger_tells_of_a_checkout_that_there_never_was(mpesa):
    checkout = await mpesa.pushed(PhoneNumber=PAYS, fault="webhook_forged")
    told = await mpesa.called_back(2)
    assert [one["CheckoutRequestID"] == checkout for one in told] == [False, True]
    assert len((await mpesa.book())["effects"]) == 1


async def test_a_stranger_says_paid_of_a_prompt_that_was_cancelled(mpesa):
    checkout = await mpesa.pushed(PhoneNumber=CANCELS, fault="forged_success:0.001")
    told = await mpesa.called_back(2)
    assert {one["ResultCode"] for one in told} == {0, 1032}
    assert {one["CheckoutRequestID"] for one in told} == {checkout}
    assert (await mpesa.book())["effects"] == []
    assert (await mpesa.query(checkout)).json()["ResultCode"] == "1032"


async def test_a_callback_names_another_amount_than_was_paid(mpesa):
    await mpesa.pushed(PhoneNumber=PAYS, fault="amount_mismatch")
    [told] = await mpesa.called_back()
    assert told["CallbackMetadata"]["Item"][0] == {"Name": "Amount", "Value": 11}
    assert [one["amount"] for one in (await mpesa.book())["effects"]] == [10]


async def test_a_result_code_comes_as_text_or_is_one_that_nobody_knows(mpesa):
    await mpesa.pushed(PhoneNumber=PAYS, fault="result_code_as_text")
    assert [one["ResultCode"] for one in await mpesa.called_back()] == ["0"]
    strange = await mpesa.pushed(PhoneNumber=PAYS, fault="unknown_code")
    assert (await mpesa.called_back(2))[1]["ResultCode"] == 5417
    assert (await mpesa.query(strange)).json()["ResultCode"] == "5417"


async def test_only_one_answer_of_a_query_is_strange(mpesa):
    checkout = await mpesa.pushed(PhoneNumber=PAYS)
    await mpesa.ended(checkout)
    codes = [(await mpesa.query(checkout, fault=fault)).json()["ResultCode"] for fault in ("unknown_code", None)]
    assert codes == ["5417", "0"]


async def test_a_prompt_is_paid_after_it_has_timed_out(mpesa, until):
    checkout = await mpesa.pushed(PhoneNumber=CANCELS, fault="paid_after_timeout:0.02")

    async def paid():
        return (await mpesa.book(checkout_request_id=checkout))["effects"]

    await until(paid, "the payment")
    assert (await mpesa.query(checkout)).json()["ResultCode"] == "1037"


@pytest.mark.parametrize(
    ("match", "struck"),
    [
        ({"amount": 10}, True),
        ({"amount": 11}, False),
        ({"metadata": {"account_reference": "ORDER7"}}, True),
        ({"metadata": {"account_reference": "ORDER8"}}, False),
        ({"metadata": {"phone": "254700000000", "shortcode": "174379"}}, True),
        ({"metadata": {"phone": "254700000001"}}, False),
        ({"path": "/mpesa/stkpush*/*"}, True),
        ({"path": "/mpesa/c2b/*"}, False),
    ],
)
async def test_a_rule_strikes_a_push_and_its_query_by_what_they_are_about(mpesa, match, struck):
    checkout = await mpesa.pushed(PhoneNumber=PAYS)
    await mpesa.ended(checkout)
    await mpesa.control("faults", {"fault": "error_before_effect", "match": match})
    assert ((await mpesa.push(PhoneNumber=PAYS)).status_code == 500) is struck
    assert ((await mpesa.query(checkout)).status_code == 500) is struck


async def test_a_rule_strikes_callbacks_by_type_as_often_as_it_should(mpesa):
    await mpesa.control("faults", {"fault": "webhook_drop", "match": {"event_type": "stk", "amount": 10}, "times": 1})
    for phone in (PAYS, CANCELS):
        await mpesa.ended(await mpesa.pushed(PhoneNumber=phone))
    assert [one["ResultCode"] for one in await mpesa.called_back()] == [1032]


async def test_the_seed_decides_whom_a_chance_strikes(mpesa_with):
    runs = []
    for seed in ("a", "a", "b"):
        async with mpesa_with(seed=seed) as mpesa:
            await mpesa.control("faults", {"fault": "system_busy", "probability": 0.5})
            token = None
            while token is None:
                answer = await mpesa.http.get(
                    "/oauth/v1/generate?grant_type=client_credentials", auth=("key", "secret")
                )
                token = answer.json().get("access_token")
            answers = [await mpesa.post("/mpesa/stkpush/v1/processrequest", {}, token=token) for _ in range(20)]
            runs.append([answer.status_code for answer in answers])
    assert runs[0] == runs[1] != runs[2]


async def test_a_fault_that_nobody_knows_is_refused(mpesa):
    assert code_of(await mpesa.push(fault="meteor")) == (400, "400.002.02")
    assert (await mpesa.http.post("/_sim/faults", json={"fault": "lock_timeout"})).status_code == 422
