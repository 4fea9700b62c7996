"""Stories of bank transfers: they arrive by each rail, wait, fail, come back, and are asked back."""

from datetime import datetime, timedelta

import httpx
import pytest
from bank_steps import (
    BANK_DAY_SECONDS,
    SECONDS,
    arrived,
    asked_back,
    explained,
    held,
    moved,
    operation,
    sent,
    statuses,
    worked_on,
)
from scraping import value

from malipo import clock
from malipo.contracts.bank_rails import RAILS, goes_at
from malipo_local.bank import UNANSWERED, DebtorAccount, by_account, by_alias
from malipo_local.demo.bank_stories import BANK_STORIES
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until
from provider_kit.breaker import FAILURES_TO_OPEN

HALF_A_DAY = 12 * 3600
WRONG_CHECK_DIGIT = "021000022"


@pytest.mark.parametrize("story", BANK_STORIES, ids=lambda story: story.title)
def test_the_story_of_the_demo(bank_shop, story):
    story.play(bank_shop)


@pytest.mark.parametrize(
    ("rail", "recipient"),
    [("RTP", by_account()), ("ACH", by_account()), ("ZELLE", by_alias()), ("BOOK", by_account())],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_money_arrives_by_the_rail_that_is_named(bank_shop, rail, recipient):
    payment_id = arrived(bank_shop, recipient, rail=rail, remittance="Invoice 7")
    payment, [shown] = bank_shop.payment(payment_id), bank_shop.bank.payments(payment_id)
    assert (payment["transfer"]["rail"], payment["transfer"]["rail_chosen"]) == (rail, False)
    assert (shown["rail"], shown["remittance"], payment["provider_reference"]) == (rail, "Invoice 7", shown["id"])
    assert moved(bank_shop, payment_id) == [("debit", 1250)]
    assert statuses(bank_shop, payment_id) == ["initiated", "processing", "completed"]
    received = bank_shop.events(payment_id, "payment.completed")
    assert [one["sequence"] for one in received] == list(range(1, len(received) + 1))


@pytest.mark.parametrize(
    ("recipient", "amount", "rail"),
    [(by_alias(), 1250, "ZELLE"), (by_account(), RAILS["RTP"].most + 1, "ACH")],
    ids=["an alias", "more than RTP takes"],
)
def test_a_rail_that_is_not_named_is_chosen_and_shown(bank_shop, recipient, amount, rail):
    payment_id = arrived(bank_shop, recipient, amount=amount)
    shown = bank_shop.payment(payment_id)["transfer"]
    assert (shown["rail"], shown["rail_chosen"]) == (rail, True)
    assert [one["rail"] for one in bank_shop.bank.payments(payment_id)] == [rail]


def test_a_routing_number_whose_check_digit_is_wrong_is_refused_and_nothing_is_written(bank_shop):
    recipient = {"name": "Jane Doe", "account": {"number": "000123457890", "routing": WRONG_CHECK_DIGIT}}
    body = {"amount": 1250, "currency": "USD", "method": {"type": "bank_transfer", "recipient": recipient}}
    refused = bank_shop.post("/v1/payments", body | {"client_ref": "wrong-digit"})
    assert (refused.status_code, refused.json()["code"]) == (422, "routing_number_invalid")
    found = bank_shop.api.get("/v1/payments", params={"client_ref": "wrong-digit"}).raise_for_status().json()
    assert found["data"] == []


def test_money_that_comes_back_three_days_after_it_arrived_is_told_with_the_reason(bank_shop):
    three_days = 3 * BANK_DAY_SECONDS
    bank_shop.bank.script("return", match={"amount": 1303}, code="R03", return_after_seconds=three_days)
    payment_id = arrived(bank_shop, rail="ACH", amount=1303)
    back = bank_shop.wait(payment_id, "returned", seconds=SECONDS)
    assert back["failure"]["code"] == "R03"
    assert "finds no account" in back["failure"]["message"]
    received = bank_shop.events(payment_id, "payment.completed", "payment.returned")
    assert [one["type"] for one in received][-2:] == ["payment.completed", "payment.returned"]
    [last] = [entry for entry in bank_shop.timeline(payment_id) if entry.get("to_state") == "returned"]
    assert (last["from_state"], last["trigger"], last["detail"]) == ("completed", "reversed", "R03")
    assert moved(bank_shop, payment_id) == [("debit", 1303), ("return", 1303)]
    debit, gave_back = bank_shop.bank.effects(payment_id)
    assert gave_back["at"] - debit["at"] >= three_days - 1, "the book has whole seconds"


def test_a_transfer_that_the_bank_rejects_has_failed_for_the_banks_reason_in_words(bank_shop):
    payment_id = sent(bank_shop, by_account("1004"), rail="RTP")
    failed = bank_shop.wait(payment_id, "failed", seconds=SECONDS)
    assert (failed["failure"]["code"], "closed" in failed["failure"]["message"]) == ("AC04", True)
    bank_shop.events(payment_id, "payment.failed")
    assert moved(bank_shop, payment_id) == []


def test_what_the_bank_holds_waits_with_the_reason_and_goes_when_it_is_released(bank_shop):
    payment_id = held(bank_shop)
    assert bank_shop.payment(payment_id)["status"] == "processing"
    bank_shop.bank.decide(payment_id, "release")
    bank_shop.wait(payment_id, "completed", seconds=SECONDS)
    assert moved(bank_shop, payment_id) == [("debit", 1250)]


@pytest.mark.parametrize(("decision", "status"), [("complete", "completed"), ("reject", "failed")])
def test_what_the_bank_looks_into_waits_with_the_reason_and_ends_as_the_bank_finds(bank_shop, decision, status):
    payment_id = sent(bank_shop, by_account("4000"), rail="RTP")
    explained(bank_shop, payment_id, "looks into it")
    bank_shop.bank.decide(payment_id, decision)
    bank_shop.wait(payment_id, status, seconds=SECONDS)
    assert moved(bank_shop, payment_id) == ([("debit", 1250)] if status == "completed" else [])


def test_a_transfer_is_canceled_as_long_as_the_bank_allows(bank_shop):
    payment_id = held(bank_shop)
    bank_shop.post(f"/v1/payments/{payment_id}/cancel").raise_for_status()
    bank_shop.wait(payment_id, "canceled", seconds=SECONDS)
    bank_shop.events(payment_id, "payment.canceled")
    assert (statuses(bank_shop, payment_id)[-1], moved(bank_shop, payment_id)) == ("canceled", [])


def test_a_cancel_of_what_the_bank_works_on_fails_and_the_transfer_arrives(bank_shop):
    payment_id = worked_on(bank_shop)
    bank_shop.post(f"/v1/payments/{payment_id}/cancel").raise_for_status()
    bank_shop.events(payment_id, "cancel.failed", seconds=SECONDS)
    assert operation(bank_shop, payment_id)["failure"]["code"] == "not_cancelable"
    bank_shop.bank.decide(payment_id, "complete")
    bank_shop.wait(payment_id, "completed", seconds=SECONDS)
    assert moved(bank_shop, payment_id) == [("debit", 1250)]


def test_money_that_is_asked_back_and_given_back_is_returned(bank_shop):
    payment_id = arrived(bank_shop, by_account(UNANSWERED), rail="RTP")
    asked_back(bank_shop, payment_id)
    bank_shop.bank.decide(payment_id, "accept-return-request")
    back = bank_shop.wait(payment_id, "returned", seconds=SECONDS)
    assert back["failure"]["code"] == "FOCR"
    bank_shop.events(payment_id, "return_request.completed", "payment.returned", seconds=SECONDS)
    assert moved(bank_shop, payment_id) == [("debit", 1250), ("return", 1250)]


def test_money_that_is_asked_back_and_not_given_back_stays_where_it_is(bank_shop):
    payment_id = arrived(bank_shop, by_account(UNANSWERED), rail="RTP")
    asked_back(bank_shop, payment_id)
    bank_shop.bank.decide(payment_id, "refuse-return-request")
    bank_shop.events(payment_id, "return_request.failed", seconds=SECONDS)
    assert operation(bank_shop, payment_id)["failure"]["code"] == "CUST"
    assert bank_shop.payment(payment_id)["status"] == "completed"
    assert moved(bank_shop, payment_id) == [("debit", 1250)]


def test_where_a_rail_knows_no_return_requests_one_is_refused(bank_shop):
    payment_id = arrived(bank_shop, rail="BOOK")
    refused = bank_shop.post(f"/v1/payments/{payment_id}/return-request", Prefer="wait=20")
    assert (refused.status_code, refused.json()["code"]) == (409, "return_request_impossible")


def test_a_transfer_after_the_cut_off_says_when_it_goes_and_can_be_canceled_until_then(after_cut_off):
    payment = after_cut_off.transfer(rail="ACH")
    explained(after_cut_off, payment["id"], "cut-off")
    shown = after_cut_off.payment(payment["id"])
    [at_the_bank] = after_cut_off.bank.payments(payment["id"])
    assert shown["status"] == "initiated"
    assert moment(shown["transfer"]["execution_at"]) == moment(at_the_bank["execution_at"])
    assert moment(shown["transfer"]["execution_at"]) > moment(at_the_bank["created_at"]) + timedelta(minutes=1)
    after_cut_off.post(f"/v1/payments/{payment['id']}/cancel").raise_for_status()
    after_cut_off.wait(payment["id"], "canceled", seconds=SECONDS)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
def after_cut_off(merchant, calendar_bank):
    """A merchant with an account at a bank that keeps the calendar, where the rail ACH is closed."""
    with calendar_bank:
        merchant.bank.http.close()
        merchant.bank = DebtorAccount(httpx.Client(base_url=calendar_bank.url("bank-sim"), timeout=SECONDS))
        if goes_at(RAILS["ACH"], now := clock.now()) == now:
            merchant.bank.http.post("/_sim/clock", json={"advance_seconds": HALF_A_DAY}).raise_for_status()
        merchant.connect_bank(partner="calendar")
        yield merchant


@pytest.mark.timeout(240)
def test_with_the_bank_down_transfers_wait_with_the_reason_and_flow_when_it_is_back_and_none_has_failed(
    stack, bank_shop
):
    stack.pause("bank-sim")
    try:
        payment_ids = [soon(bank_shop, number) for number in range(FAILURES_TO_OPEN)]
        assert until(lambda: is_open(stack), SECONDS), "the circuit does not open"
        later = [soon(bank_shop, number) for number in range(FAILURES_TO_OPEN, 20)]
        payment_ids += later
        waits = lambda: any(bank_shop.explain(one)["obstacle"] for one in later)  # noqa: E731
        assert until(waits, SECONDS), "no payment says why it waits"
        assert {bank_shop.payment(one)["status"] for one in payment_ids} == {"initiated"}
    finally:
        stack.resume("bank-sim")
    for number, payment_id in enumerate(payment_ids):
        assert bank_shop.wait(payment_id, seconds=SECONDS)["status"] == "completed"
        assert moved(bank_shop, payment_id) == [("debit", 2000 + number)]


def soon(shop: DemoMerchant, number: int) -> str:
    return shop.transfer(rail="BOOK", amount=2000 + number, prefer="respond-async")["id"]


def is_open(stack) -> bool:
    """Whether the bank is not called for now, or only to probe, as the metrics show."""
    return value(stack, "provider-bank", "malipo_provider_circuits", provider="bank") > 0
