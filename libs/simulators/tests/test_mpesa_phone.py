"""The phone page and the scripts of the simulated Daraja: who answers a prompt, and how."""

import pytest

pytestmark = pytest.mark.asyncio

BROWSER = {"accept": "text/html"}


async def test_the_page_shows_whoever_is_prompted_and_takes_the_pin(mpesa):
    assert "No phone is prompted" in (await mpesa.http.get("/_sim/phone")).text
    checkout = await mpesa.pushed()
    page = (await mpesa.http.get("/_sim/phone")).text
    assert "+254712345678" in page
    assert "pay Ksh 10 to 174379, account ORDER7" in page
    done = await mpesa.http.post(f"/_sim/phone/{checkout}/pay", data={"pin": "1234"}, headers=BROWSER)
    assert (done.status_code, done.headers["location"]) == (303, "../../phone")
    assert "account ORDER7: paid" in (await mpesa.http.get("/_sim/phone")).text
    assert len((await mpesa.book())["effects"]) == 1


@pytest.mark.parametrize(
    ("choice", "form", "code"),
    [
        ("cancel", {}, "1032"),
        ("timeout", {}, "1037"),
        ("wrong_pin", {}, "2001"),
        ("pay", {"pin": "9999"}, "2001"),
        ("pay", {"pin": ""}, "2001"),
        ("pay", {}, "0"),
    ],
)
async def test_a_customer_decides_once(mpesa, choice, form, code):
    checkout = await mpesa.pushed()
    answer = await mpesa.http.post(f"/_sim/phone/{checkout}/{choice}", data=form)
    assert answer.status_code == 200
    assert (await mpesa.query(checkout)).json()["ResultCode"] == code
    again = await mpesa.http.post(f"/_sim/phone/{checkout}/pay")
    assert again.status_code == 409
    assert len((await mpesa.book())["effects"]) == (1 if code == "0" else 0)


async def test_what_is_not_there_cannot_be_answered(mpesa):
    assert (await mpesa.http.post("/_sim/phone/ws_CO_1/pay")).status_code == 404
    checkout = await mpesa.pushed()
    assert (await mpesa.http.post(f"/_sim/phone/{checkout}/shrug")).status_code == 422
    assert (await mpesa.http.post(f"/_sim/phone/{checkout}/pay", content=b"p" * 2_000)).status_code == 422


async def test_a_script_answers_the_prompts_that_it_matches_as_often_as_it_should(mpesa):
    script = {"match": {"account_reference": "SCRIPTED"}, "ending": "insufficient", "after_seconds": 0, "times": 2}
    await mpesa.control("scripts", script)
    for _ in range(2):
        checkout = await mpesa.pushed(AccountReference="SCRIPTED")
        assert (await mpesa.query(checkout)).json()["ResultCode"] == "1"
    for reference in ("SCRIPTED", "OTHER"):
        checkout = await mpesa.pushed(AccountReference=reference, PhoneNumber=f"25471000000{len(reference)}")
        assert (await mpesa.query(checkout)).status_code == 500
    assert (await mpesa.http.get("/_sim/scripts")).json() == []


async def test_a_script_goes_before_a_test_number_and_can_be_silent_or_late(mpesa, until):
    await mpesa.control("scripts", {"ending": "timeout", "silent": True, "paid_after_seconds": 0.02, "told": True})
    checkout = await mpesa.pushed(PhoneNumber="254700000001")

    async def told():
        return mpesa.callbacks

    await until(told, "the callback of the late payment")
    assert [one["ResultCode"] for one in mpesa.callbacks] == [0]
    assert (await mpesa.ended(checkout))["ResultCode"] == "0"


async def test_scripts_are_listed_and_removed(mpesa):
    first = await mpesa.control("scripts", {"match": {"phone": "254712345678"}, "ending": "cancelled", "times": None})
    await mpesa.control("scripts", {"match": {"amount": 9}, "ending": "paid"})
    assert [one["ending"] for one in (await mpesa.http.get("/_sim/scripts")).json()] == ["cancelled", "paid"]
    assert (await mpesa.http.delete(f"/_sim/scripts/{first['id']}")).status_code == 204
    assert (await mpesa.http.delete(f"/_sim/scripts/{first['id']}")).status_code == 404
    await mpesa.http.delete("/_sim/scripts")
    assert (await mpesa.http.get("/_sim/scripts")).json() == []
    assert (await mpesa.http.post("/_sim/scripts", json={"ending": "vanished"})).status_code == 422


async def test_a_late_payment_that_was_planned_is_not_made_twice(mpesa, until):
    await mpesa.control("scripts", {"ending": "timeout", "after_seconds": 0, "paid_after_seconds": 0.05})
    checkout = await mpesa.pushed()
    await mpesa.control(f"phone/{checkout}/pay_late")
    marker = await mpesa.pushed(PhoneNumber="254700000030")

    async def also_late():
        return (await mpesa.book(checkout_request_id=marker))["effects"]

    await until(also_late, "a payment that was planned later")
    assert len((await mpesa.book(checkout_request_id=checkout))["effects"]) == 1


async def test_prompts_are_listed_the_newest_first(mpesa):
    paid = await mpesa.pushed(PhoneNumber="254700000000", AccountReference="A")
    await mpesa.ended(paid)
    waiting = await mpesa.pushed(AccountReference="B")
    listed = (await mpesa.http.get("/_sim/prompts")).json()
    assert [(one["checkout_request_id"], one["status"]) for one in listed] == [(waiting, "prompted"), (paid, "paid")]
    assert [one["account_reference"] for one in (await mpesa.http.get("/_sim/prompts?open=true")).json()] == ["B"]
    found = (await mpesa.http.get("/_sim/prompts", params={"account_reference": "A"})).json()
    assert found[0]["receipt"]


async def test_a_customer_may_pay_after_the_prompts_time_once_and_nobody_is_told(mpesa):
    checkout = await mpesa.pushed()
    late = f"/_sim/phone/{checkout}/pay_late"
    assert (await mpesa.http.post(late)).status_code == 409
    await mpesa.http.post(f"/_sim/phone/{checkout}/timeout")
    assert (await mpesa.http.post(late)).json()["status"] == "paid_late"
    assert (await mpesa.query(checkout)).json()["ResultCode"] == "1037"
    assert (await mpesa.http.post(late)).status_code == 409
    assert (await mpesa.http.post("/_sim/phone/ws_CO_1/pay_late")).status_code == 404
    assert [effect["kind"] for effect in (await mpesa.book())["effects"]] == ["stk"]
    assert [one["ResultCode"] for one in await mpesa.called_back()] == [1037]
