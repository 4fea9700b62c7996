"""The desk of the simulated bank, its control routes, and its book."""

import pytest

pytestmark = pytest.mark.asyncio


async def test_the_page_has_each_payment_with_what_can_be_done_to_it(bank):
    assert "There is no payment yet" in (await bank.http.get("/_sim/desk")).text
    payment = await bank.ordered(creditor={"name": "<Eve>", "account": {"number": "1234", "routing": "021000021"}})
    page = (await bank.http.get("/_sim/desk")).text
    assert all(f"desk/{payment}/{one}" in page for one in ("hold", "release", "complete", "reject"))
    assert f"desk/{payment}/return" not in page
    assert "&lt;Eve&gt;" in page
    assert "<Eve>" not in page


async def test_a_person_at_the_desk_completes_and_returns_a_payment(bank):
    payment = await bank.ordered()
    led_back = await bank.http.post(f"/_sim/desk/{payment}/complete", headers={"accept": "text/html"})
    assert (led_back.status_code, led_back.headers["location"]) == (303, "../../desk")
    returned = await bank.http.post(f"/_sim/desk/{payment}/return", data={"code": "R23"})
    assert returned.json()["returned"]["code"] == "R23"
    assert (await bank.http.post(f"/_sim/desk/{payment}/release")).status_code == 409


async def test_a_person_holds_releases_and_rejects_and_what_was_planned_is_off(bank):
    payment = await bank.ordered()
    assert (await bank.decide(payment, "hold"))["status"] == "held"
    await bank.later(30)
    assert await bank.status(payment) == "held"
    await bank.decide(payment, "release")
    assert (await bank.decide(payment, "research"))["status"] == "unknown"
    rejected = await bank.decide(payment, "reject", "ZZ99")
    assert (rejected["status"], rejected["status_reason"]) == ("rejected", {"code": "ZZ99", "text": "Rejected"})
    assert await bank.effects() == []


async def test_a_person_answers_a_return_request(bank):
    given, kept = await bank.completed(), await bank.completed()
    for payment in (given, kept):
        await bank.send("POST", f"/v1/payments/{payment}/return-request", {})
    assert (await bank.decide(given, "accept-return-request"))["status"] == "returned"
    assert (await bank.decide(kept, "refuse-return-request", "NOAS"))["return_request"]["answer"]["code"] == "NOAS"
    answered = await bank.http.post(f"/_sim/payments/{kept}/accept-return-request")
    assert answered.status_code == 409


async def test_a_payment_that_came_back_by_itself_is_not_given_back_again(bank, ending):
    payment = await bank.completed(rail="ACH", creditor=ending("0002"))
    await bank.send("POST", f"/v1/payments/{payment}/return-request", {})
    await bank.decide(payment, "return")
    view = await bank.decide(payment, "accept-return-request")
    assert (view["status"], view["return_request"]["status"]) == ("returned", "refused")
    assert await bank.effects() == [("debit", 1250), ("return", 1250)]


async def test_payments_are_found_by_the_end_to_end_id_and_in_the_book(bank):
    payment = await bank.ordered(end_to_end_id="mine", remittance="Order 7", rail="BOOK", key="key-7")
    assert (await bank.http.get("/_sim/payments/mine")).json()["id"] == payment
    assert (await bank.http.get("/_sim/payments?end_to_end_id=mine")).json()[0]["id"] == payment
    assert (await bank.http.get("/_sim/payments?status=held")).json() == []
    assert (await bank.http.get("/_sim/payments/other")).status_code == 404
    for found in ({"end_to_end_id": "mine"}, {"remittance": "Order 7"}, {"payment": payment}, {"account": "acc-1"}):
        book = await bank.book(**found)
        [effect], [line] = book["effects"], book["payments"]
        assert (effect["kind"], effect["amount"], effect["idempotency_key"]) == ("debit", 1250, "key-7")
        assert (line["status"], line["debited"], line["returned"]) == ("completed", 1250, 0)
    assert await bank.book(end_to_end_id="other") == {"effects": [], "payments": []}


async def test_scripts_are_shown_and_removed_and_the_world_starts_anew(bank):
    script = await bank.script("hold", match={"amount": 701}, times=None)
    assert (await bank.http.get("/_sim/scripts")).json() == [script]
    assert (await bank.http.delete(f"/_sim/scripts/{script['id']}")).status_code == 204
    await bank.ordered()
    await bank.control("tokens/kill")
    assert (await bank.http.post("/_sim/reset")).status_code == 204
    assert await bank.book() == {"effects": [], "payments": []}


async def test_the_contract_and_the_control_routes_are_described_each_at_its_place(bank):
    contract = (await bank.http.get("/openapi.json")).json()
    assert {"/v1/payments", "/oauth2/token", "/v1/statements"} <= set(contract["paths"])
    control = (await bank.http.get("/_sim/openapi.json")).json()
    assert {"/_sim/book", "/_sim/scripts", "/_sim/clock"} <= set(control["paths"])
    assert "/_sim/openapi.json" in (await bank.http.get("/docs")).text
