"""The provider against the simulated bank, over real sockets: what it makes of the answers, and what the book holds."""

from datetime import timedelta

import pytest
from bank_account import PAYMENTS, Bank, cancel_of, new_charge, return_request_of
from bank_samples import BY_ALIAS, USD_10, transfer

from malipo.contracts.outcomes import AMOUNT_MISMATCH, Canceled, Declined, Pending, Reversed, Succeeded, Unknown
from malipo.platform.client import http_client
from malipo_simulators.bank.app import create_bank_app
from malipo_simulators.bank.settings import BankSettings
from malipo_simulators.kit.server import make_server
from provider_kit.errors import Misconfigured, NotSent
from testkit.serving import serving
from testkit.waiting import until

LOST = ("answer_lost", "reset_after_effect", "error_after_effect", "malformed_json")
FAST = BankSettings(begin_seconds=0, rtp_seconds=0, zelle_seconds=0, return_answer_seconds=0, day_seconds=0.1)


@pytest.fixture
async def bank():
    async with (
        serving(make_server(create_bank_app(FAST))) as url,
        http_client(timeout_seconds=10, base_url=url) as http,
    ):
        yield Bank(http, url)


async def ended(bank: Bank, charge):
    """How it stands when the bank has nothing more to do."""

    async def decided():
        found = await bank.query(charge)
        return None if isinstance(found, Pending) else found

    return await until(decided, seconds=20, what="an end")


@pytest.mark.parametrize("rail", ["RTP", "ACH", "BOOK"])
async def test_a_transfer_to_an_account_is_completed_and_paid_once(bank, rail):
    charge = new_charge(rail, remittance="Invoice 7")
    first = await bank.execute(charge)
    assert isinstance(first, Pending | Succeeded)
    assert await ended(bank, charge) == Succeeded(amount=USD_10, reference=first.reference)
    assert isinstance(await bank.again(charge), Succeeded)
    assert await bank.book() == ["debit"]
    (made,) = await bank.payments()
    assert (made["rail"], made["remittance"], made["amount"]) == (rail, "Invoice 7", "10.00")


async def test_an_alias_is_paid_by_zelle(bank):
    charge = new_charge(method=transfer("ZELLE", BY_ALIAS))
    await bank.execute(charge)
    assert isinstance(await ended(bank, charge), Succeeded)


@pytest.mark.parametrize("fault", LOST)
async def test_a_transfer_whose_answer_was_lost_is_found_and_not_sent_again(bank, fault):
    charge = new_charge("BOOK")
    await bank.fault(fault)
    assert isinstance(await bank.execute(charge), Unknown)
    assert isinstance(await ended(bank, charge), Succeeded)
    assert await bank.book() == ["debit"]


@pytest.mark.parametrize("fault", ["connection_reset", "error_before_effect", "request_late"])
async def test_one_that_never_arrived_or_late_is_sent_once_more_and_paid_once(bank, fault):
    charge = new_charge("BOOK")
    await bank.fault(fault)
    assert isinstance(await bank.execute(charge), Unknown)
    await bank.again(charge)
    assert isinstance(await ended(bank, charge), Succeeded)
    assert await bank.book() == ["debit"]


async def test_a_book_that_lags_behind_pays_nothing_twice(bank):
    charge = new_charge("BOOK")
    await bank.fault("answer_lost")
    assert isinstance(await bank.execute(charge), Unknown)
    await bank.fault("read_lag", "GET")
    await bank.again(charge)
    assert isinstance(await ended(bank, charge), Succeeded)
    assert await bank.book() == ["debit"]


async def test_what_comes_back_days_later_is_returned_with_its_reason(bank):
    await bank.plan("return", code="R03", return_after_seconds=0)
    charge = new_charge("ACH")
    await bank.execute(charge)

    async def came_back():
        found = await bank.query(charge)
        return found if isinstance(found, Reversed) else None

    returned = await until(came_back, seconds=20, what="the return")
    assert (returned.code, "finds no account" in returned.message) == ("R03", True)


async def test_what_the_bank_rejects_is_declined_with_its_reason(bank):
    await bank.plan("reject", code="AC04")
    charge = new_charge()
    await bank.execute(charge)
    rejected = await ended(bank, charge)
    assert (rejected.code, rejected.message) == ("AC04", "The recipient's account is closed.")
    assert await bank.book() == []


@pytest.mark.parametrize(("plan", "reason"), [("hold", "HELD"), ("research", "RESEARCH")])
async def test_what_waits_says_why(bank, plan, reason):
    await bank.plan(plan)
    charge = new_charge()
    await bank.execute(charge)

    async def waits():
        return (await bank.query(charge)).reason == reason

    await until(waits, seconds=20, what=reason)


async def test_what_is_held_is_canceled_and_a_repeat_finds_that(bank):
    await bank.plan("hold")
    charge = new_charge()
    held = await bank.execute(charge)
    cancel = cancel_of(charge, held.reference)
    await bank.fault("answer_lost", path=f"{PAYMENTS}/*/cancel")
    assert isinstance(await bank.execute(cancel), Unknown)
    assert await bank.again(cancel) == Canceled(reference=held.reference)
    assert await bank.query(charge) == Canceled(reference=held.reference)
    assert await bank.book() == []


async def test_what_is_completed_is_canceled_no_more(bank):
    charge = new_charge("BOOK")
    await bank.execute(charge)
    paid = await ended(bank, charge)
    assert await bank.execute(cancel_of(charge, paid.reference)) == paid


async def test_what_the_other_bank_gives_back_is_back_and_the_payment_returned(bank):
    await bank.plan("complete", reply="accept")
    charge = new_charge()
    await bank.execute(charge)
    paid = await ended(bank, charge)
    asked = return_request_of(charge, paid.reference)
    await bank.fault("answer_lost", path=f"{PAYMENTS}/*/return-request")
    assert isinstance(await bank.execute(asked), Unknown)
    assert await ended(bank, asked) == Succeeded(amount=USD_10, reference=None)
    assert (await bank.query(charge)).code == "FOCR"
    assert await bank.book() == ["debit", "return"]


async def test_what_the_other_bank_keeps_is_declined_and_the_payment_stays(bank):
    await bank.plan("complete", reply="refuse")
    charge = new_charge()
    await bank.execute(charge)
    paid = await ended(bank, charge)
    asked = return_request_of(charge, paid.reference)
    await bank.execute(asked)
    assert isinstance(await ended(bank, asked), Declined)
    assert await bank.query(charge) == paid


@pytest.mark.parametrize("fault", ["amount_mismatch", "unknown_status"])
async def test_an_answer_that_is_not_as_it_should_be_is_a_doubt_that_the_book_ends(bank, fault):
    charge = new_charge("BOOK")
    await bank.fault(fault)
    doubt = await bank.execute(charge)
    assert isinstance(doubt, Unknown)
    assert (doubt.reason == AMOUNT_MISMATCH) == (fault == "amount_mismatch")
    assert isinstance(await ended(bank, charge), Succeeded)


async def test_a_rail_that_does_not_reach_the_recipient_is_refused_with_the_field(bank):
    refused = await bank.execute(new_charge(method=transfer("RTP", BY_ALIAS)))
    assert refused == Declined(code="rail_unfit", message="The bank refuses it: rail_unfit (/rail rail_unfit).")


async def test_a_refused_client_is_a_misconfiguration_and_a_rate_limit_a_pause(bank):
    charge = new_charge()
    await bank.execute(charge)
    await bank.fault("rate_limited")
    with pytest.raises(NotSent):
        await bank.execute(new_charge())
    stranger = Bank(bank.http, bank.url, bank.credentials | {"oauth": {"client_id": "revoked", "client_secret": "x"}})
    with pytest.raises(Misconfigured, match="client_id"):
        await stranger.execute(charge)


async def test_tokens_that_end_early_are_renewed(bank):
    await bank.execute(new_charge())
    await bank.control("tokens/kill")
    assert isinstance(await bank.execute(new_charge()), Pending | Succeeded)


async def test_an_expired_transfer_that_may_be_under_way_is_looked_for_until_its_key_is_dead(bank):
    charge = new_charge("BOOK")
    ages = bank.attempt(charge).ages.ended()
    assert isinstance(await bank.query(charge, ages=ages), Unknown)
    ended_at_last = await bank.query(charge, age=timedelta(days=8))
    assert isinstance(ended_at_last, Declined)
    assert await bank.payments() == []
