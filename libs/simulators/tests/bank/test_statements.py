"""Statements of the simulated bank: a day's entries, and what an account held before and after them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

pytestmark = pytest.mark.asyncio

DAY = 86_400


def bank_day(days: int = 0) -> str:
    today = datetime.now(UTC).astimezone(ZoneInfo("America/New_York")).date()
    return (today + timedelta(days=days)).isoformat()


async def test_a_day_has_what_was_booked_on_it_once_it_is_over(bank, code):
    payment = await bank.ordered(rail="BOOK", end_to_end_id="mine", remittance="Order 7")
    day = (await bank.payment(payment))["updated_at"]
    date = datetime.fromisoformat(day).astimezone(ZoneInfo("America/New_York")).date().isoformat()
    await bank.control("accounts/acc-1/entries", {"direction": "credit", "amount": 500, "text": "From elsewhere"})
    assert code(await bank.send("GET", f"/v1/statements?date={bank_day(1)}")) == [404, "statement_not_ready"]
    await bank.later(2 * DAY)
    statement = await bank.get(f"/v1/statements?date={date}")
    assert [(one["kind"], one["direction"], one["amount"]) for one in statement["entries"]] == [
        ("transfer", "debit", "12.50"),
        ("other", "credit", "5.00"),
    ]
    transfer, other = statement["entries"]
    assert (transfer["payment_id"], transfer["end_to_end_id"]) == (payment, "mine")
    assert (other["payment_id"], other["end_to_end_id"]) == (None, None)
    assert (statement["opening_balance"], statement["closing_balance"]) == ("100000000.00", "99999992.50")
    empty = await bank.get(f"/v1/statements?date={bank_day(1)}")
    assert (empty["entries"], empty["opening_balance"], empty["closing_balance"]) == ([], *["99999992.50"] * 2)


async def test_a_return_is_booked_on_the_day_on_which_it_came(bank, ending):
    payment = await bank.ordered(rail="ACH", creditor=ending("0002"))
    await bank.later(6 * DAY)
    returned = (await bank.payment(payment))["returned"]["at"]
    day = datetime.fromisoformat(returned).astimezone(ZoneInfo("America/New_York")).date().isoformat()
    statement = await bank.get(f"/v1/statements?date={day}")
    assert [(one["kind"], one["direction"], one["payment_id"]) for one in statement["entries"]] == [
        ("return", "credit", payment)
    ]
    assert statement["closing_balance"] == "100000000.00"


async def test_a_statement_may_be_wrong_by_fault(bank):
    await bank.ordered(rail="BOOK")
    await bank.later(2 * DAY)
    [day] = [one for one in (bank_day(), bank_day(-1)) if (await bank.get(f"/v1/statements?date={one}"))["entries"]]
    unbalanced = await bank.get(f"/v1/statements?date={day}", fault="statement_unbalanced")
    assert unbalanced["closing_balance"] == "99999987.51"
    missing = await bank.get(f"/v1/statements?date={day}", fault="statement_entry_missing")
    assert (missing["entries"], missing["closing_balance"]) == ([], "100000000.00")


async def test_a_customer_of_several_accounts_says_which_one_and_nobody_sees_that_of_another(bank, code):
    await bank.ordered()
    await bank.ordered(debtor_account_id="acc-2")
    day = bank_day(-1)
    assert code(await bank.send("GET", f"/v1/statements?date={day}")) == [422, "account_unclear"]
    assert (await bank.get(f"/v1/statements?date={day}&debtor_account_id=acc-2"))["debtor_account_id"] == "acc-2"
    foreign = await bank.send("GET", f"/v1/statements?date={day}&debtor_account_id=acc-2", api_key="rival.1")
    assert code(foreign) == [403, "account_forbidden"]
    for wrong in ("2026-02-30", "yesterday"):
        assert code(await bank.send("GET", f"/v1/statements?date={wrong}")) == [422, "invalid", ("date", "invalid")]
