"""The life of a payment at the simulated bank: its states, its money, and what those who follow it are told."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

pytestmark = pytest.mark.asyncio

NEW_YORK = ZoneInfo("America/New_York")

DAY = 86_400


async def test_a_payment_by_rtp_goes_and_is_completed_in_seconds(bank):
    answer = await bank.order(remittance="Order 7")
    view = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/payments/{view['id']}")
    assert (view["status"], view["iso_status"], view["version"]) == ("initiated", "ACTC", 1)
    assert view["creditor"] == {"name": "J. D.", "account": {"number": "****6789", "routing": "021000021"}}
    await bank.later(11)
    going = await bank.payment(view["id"])
    assert (going["status"], going["iso_status"], going["clearing_ref"] is None) == ("processing", "ACSP", False)
    assert await bank.effects() == []
    await bank.later(11)
    ended = await bank.payment(view["id"])
    assert (ended["status"], ended["iso_status"], ended["version"]) == ("completed", "ACSC", 3)
    assert await bank.effects() == [("debit", 1250)]
    assert bank.told == ["payment.initiated", "payment.processing", "payment.completed"]


async def test_within_the_banks_own_books_a_payment_is_completed_when_it_is_answered(bank):
    answer = await bank.order(rail="BOOK")
    assert answer.json()["status"] == "completed"
    assert [one.resource["status"] for one in bank.happenings] == ["initiated", "processing", "completed"]


async def test_an_ach_payment_to_a_closed_account_is_completed_and_comes_back_two_banking_days_later(bank, ending):
    payment = await bank.ordered(rail="ACH", creditor=ending("0002"))
    await bank.later(DAY + 11)
    assert await bank.status(payment) == "completed"
    await bank.later(2 * DAY - 20)
    assert await bank.status(payment) == "completed"
    await bank.later(30)
    view = await bank.payment(payment)
    assert (view["status"], view["returned"]["code"], view["returned"]["amount"]) == ("returned", "R02", "12.50")
    assert view["status_reason"]["code"] == "R02"
    assert await bank.effects() == [("debit", 1250), ("return", 1250)]


async def test_moved_over_many_days_the_clock_has_each_step_happen_at_its_own_time(bank, ending):
    payment = await bank.ordered(rail="ACH", creditor=ending("0003"))
    await bank.later(10 * DAY)
    first, *_, last = (await bank.http.get(f"/_sim/payments/{payment}/history")).json()
    assert last["status"] == "returned"
    days = [one["updated_at"][:10] for one in (await bank.http.get(f"/_sim/payments/{payment}/history")).json()]
    assert len(set(days)) == 3, f"ordered and sent, completed, and returned on three days: {days}"
    assert first["created_at"] == last["created_at"]


@pytest.mark.parametrize(
    ("digits", "code"), [("1003", "AC03"), ("1004", "AC04"), ("1006", "AC06"), ("1604", "RC04"), ("0002", "AC04")]
)
async def test_some_accounts_numbers_are_rejected_with_the_code_that_they_stand_for(bank, ending, digits, code):
    payment = await bank.ordered(creditor=ending(digits))
    await bank.later(30)
    view = await bank.payment(payment)
    assert (view["status"], view["iso_status"], view["status_reason"]["code"]) == ("rejected", "RJCT", code)
    assert await bank.effects() == []


async def test_an_alias_that_nobody_has_is_rejected_and_one_that_nobody_claims_comes_back(bank, known_as):
    unknown = await bank.ordered(rail="ZELLE", creditor=known_as("ann.2002@example.com"))
    unclaimed = await bank.ordered(rail="ZELLE", creditor=known_as("+12125552014"))
    enrolled = await bank.ordered(rail="ZELLE", creditor=known_as("ann@example.com"))
    await bank.later(60)
    assert (await bank.payment(unknown))["status_reason"]["code"] == "TK02"
    assert [await bank.status(one) for one in (unclaimed, enrolled)] == ["completed", "completed"]
    await bank.later(14 * DAY)
    assert (await bank.payment(unclaimed))["returned"]["code"] == "TK03"
    assert await bank.status(enrolled) == "completed"


@pytest.mark.parametrize(
    ("digits", "end"), [("3001", "completed"), ("3002", "rejected"), ("4001", "completed"), ("4002", "rejected")]
)
async def test_what_is_held_or_looked_into_ends_by_itself_later(bank, ending, digits, end):
    payment = await bank.ordered(creditor=ending(digits))
    await bank.later(25)
    waiting = await bank.payment(payment)
    expected = ("held", "PDNG", "HELD") if digits.startswith("3") else ("unknown", "ACSP", "RESEARCH")
    assert (waiting["status"], waiting["iso_status"], waiting["status_reason"]["code"]) == expected
    await bank.later(100)
    assert await bank.status(payment) == end


async def test_an_amount_that_is_checked_is_held_until_a_person_lets_it_go(bank):
    payment = await bank.ordered(amount="1333.33")
    await bank.later(DAY)
    assert await bank.status(payment) == "held"
    assert (await bank.decide(payment, "release"))["status"] == "processing"
    await bank.later(11)
    assert await bank.status(payment) == "completed"


async def test_a_payment_can_be_canceled_until_it_goes(bank, code, ending):
    early, held, late = await bank.ordered(), await bank.ordered(creditor=ending("3000")), await bank.ordered()
    canceled = await bank.send("POST", f"/v1/payments/{early}/cancel", key="cancel-1")
    assert (canceled.status_code, canceled.json()["status"], canceled.json()["iso_status"]) == (200, "canceled", "CANC")
    await bank.later(30)
    assert (await bank.send("POST", f"/v1/payments/{held}/cancel", key="cancel-2")).json()["status"] == "canceled"
    refused = await bank.send("POST", f"/v1/payments/{late}/cancel", key="cancel-3")
    assert code(refused) == [409, "not_cancelable"]
    await bank.later(DAY)
    assert await bank.effects() == [("debit", 1250)]


async def test_a_payment_without_the_money_for_it_is_rejected(bank):
    await bank.completed()
    left = (await bank.http.get("/_sim/accounts")).json()[0]["available"]
    await bank.control("accounts/acc-1/entries", {"direction": "debit", "amount": left - 1249})
    payment = await bank.ordered()
    await bank.later(11)
    assert (await bank.payment(payment))["status_reason"]["code"] == "AM04"


async def test_what_another_bank_gives_back_is_returned_and_what_it_refuses_stays(bank, ending, code):
    given, kept = await bank.completed(), await bank.completed(creditor=ending("6001"))
    asked = await bank.send("POST", f"/v1/payments/{given}/return-request", {"reason": "paid twice"})
    assert (asked.status_code, asked.json()["return_request"]["status"]) == (202, "pending")
    again = await bank.send("POST", f"/v1/payments/{given}/return-request", {"reason": "other words"})
    assert (again.status_code, again.json()["return_request"]) == (200, asked.json()["return_request"])
    await bank.send("POST", f"/v1/payments/{kept}/return-request", {})
    await bank.later(61)
    view = await bank.payment(given)
    assert (view["status"], view["returned"]["code"], view["return_request"]["status"]) == (
        "returned",
        "FOCR",
        "accepted",
    )
    view = await bank.payment(kept)
    assert (view["status"], view["return_request"]["status"]) == ("completed", "refused")
    assert view["return_request"]["answer"]["code"] == "CUST"
    assert {"payment.return_request.accepted", "payment.return_request.refused"} <= set(bank.told)
    assert await bank.effects() == [("debit", 1250), ("debit", 1250), ("return", 1250)]


async def test_what_cannot_be_asked_back_is_refused(bank, code, known_as):
    under_way, zelle = await bank.ordered(), await bank.completed(rail="ZELLE", creditor=known_as("ann@example.com"))
    for payment in (under_way, zelle):
        refused = await bank.send("POST", f"/v1/payments/{payment}/return-request", {})
        assert code(refused) == [409, "return_request_impossible"]


async def test_a_script_goes_before_numbers_and_is_played_as_often_as_it_says(bank, ending):
    await bank.script("return", code="R20", match={"rail": "ACH"}, return_after_seconds=5)
    first, second = [await bank.ordered(rail="ACH", creditor=ending("1004")) for _ in range(2)]
    await bank.later(DAY + 20)
    assert (await bank.payment(first))["returned"]["code"] == "R20"
    assert (await bank.payment(second))["status_reason"]["code"] == "AC04"


async def test_by_themselves_payments_go_in_real_time_too(bank_with):
    async with bank_with(begin_seconds=0.01, rtp_seconds=0.01) as bank:
        await bank.ordered()
        await bank.until(lambda: bank.told[-1] == "payment.completed")


async def test_on_a_saturday_an_ach_payment_says_that_it_goes_on_a_banking_day_and_goes_then(bank_with):
    async with bank_with(day_seconds=None) as bank:
        now = datetime.now(UTC).astimezone(NEW_YORK)
        saturday = (now + timedelta(days=1 + (4 - now.weekday()) % 7)).replace(hour=12, minute=0)
        await bank.later((saturday - now).total_seconds())
        view = (await bank.order(rail="ACH")).json()
        goes = datetime.fromisoformat(view["execution_at"]).astimezone(NEW_YORK)
        assert (view["status"], view["status_reason"]["code"], goes.hour) == ("initiated", "AFTER_CUT_OFF", 6)
        assert goes.weekday() < 5
        await bank.later((goes - saturday).total_seconds() - 3600)
        assert await bank.status(view["id"]) == "initiated"
        await bank.later(7200)
        assert await bank.status(view["id"]) == "processing"
        await bank.later(4 * DAY)
        assert await bank.status(view["id"]) == "completed"


async def test_money_on_its_way_is_set_aside_until_it_has_gone_or_stays(bank, ending):
    payments = [await bank.ordered(creditor=ending(digits)) for digits in ("5000", "5000")]
    await bank.later(11)
    before = (await bank.http.get("/_sim/accounts")).json()[0]
    await bank.decide(payments[0], "complete")
    await bank.decide(payments[1], "reject")
    after = (await bank.http.get("/_sim/accounts")).json()[0]
    assert [before["balance"] - one for one in (before["available"], after["balance"], after["available"])] == [
        2500,
        1250,
        1250,
    ]


async def test_a_payment_for_a_later_day_waits_for_it(bank):
    today = datetime.now(UTC).astimezone(NEW_YORK).date()
    payment = await bank.ordered(requested_execution_date=(today + timedelta(days=3)).isoformat())
    await bank.later(2 * DAY)
    view = await bank.payment(payment)
    assert (view["status"], view["status_reason"]) == ("initiated", None)
    await bank.later(DAY + 60)
    assert await bank.status(payment) == "completed"
