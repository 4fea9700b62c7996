"""Payments that customers make by hand: the merchant's rule in time, and a confirmation that nobody has signed."""

import asyncio

import mpesa_samples as samples
import pytest

from malipo.contracts.providers.mpesa import own_reference
from malipo.money import Money
from malipo.platform.client import http_client
from provider_kit.errors import NotReady, NotSent
from provider_kit.provider import fingerprint
from provider_mpesa import provider as module
from provider_mpesa.events import SHOWN_WITHIN
from testkit.transports import Reply, answer

PULLED = samples.CREDENTIALS | {"pull_number": "0722000999"}
KNOWN_ONLY = samples.CREDENTIALS | {"by_hand": {"references": "known", "least": 1000, "most": 100_000}}


def payment(**changes) -> dict:
    return {
        "TransactionType": "Pay Bill",
        "TransID": "SKL4HAND1A",
        "TransTime": "20261121123045",
        "TransAmount": "10.00",
        "BusinessShortCode": "600111",
        "BillRefNumber": "invoice 8",
        "InvoiceNumber": "",
        "OrgAccountBalance": "",
        "ThirdPartyTransID": "",
        "MSISDN": "2547 ***** 111",
        "FirstName": "AMINA",
        "MiddleName": "",
        "LastName": "",
    } | changes


@pytest.fixture
def purposes():
    return samples.MemoryPurposes()


@pytest.fixture
async def provider(purposes):
    async with http_client(timeout_seconds=1, base_url="http://m.test", transport=answer(Reply(samples.TOKEN))) as http:
        yield samples.provider(http, purposes=purposes)


@pytest.fixture
def validate(provider):
    async def validate(credentials=KNOWN_ONLY, **changes) -> str:
        callback = samples.callback(payment(**changes), word="validation")
        return (await provider.parse_callback(callback, credentials)).reply["ResultCode"]

    return validate


async def test_without_a_rule_every_payment_to_the_number_is_taken(validate):
    for changes in ({}, {"BillRefNumber": ""}, {"TransAmount": 250_000}, {"TransAmount": "1"}):
        assert await validate(samples.CREDENTIALS, **changes) == "0"


async def test_amounts_out_of_bounds_and_payments_to_another_number_are_refused(validate):
    for amount in ("9", "1001", "10.005", "ten", "-10", None):
        assert await validate(TransAmount=amount) == "C2B00013", amount
    assert await validate(BusinessShortCode="600222") == "C2B00015"
    assert await validate(TransID=None) == "C2B00016"


async def test_a_till_is_known_by_its_stores_number_and_by_that_of_each_till_of_the_store(validate):
    for number in ("600333", 500333, "500444"):
        assert await validate(samples.TILL, BusinessShortCode=number) == "0"


async def test_of_known_references_are_those_of_the_accounts_payments_however_they_are_typed(provider, validate):
    assert await validate(BillRefNumber="order 7") == "C2B00012"
    operation = samples.charge()
    account = fingerprint(provider, KNOWN_ONLY)
    await provider.prepare(samples.attempt(operation, credentials=KNOWN_ONLY, account=account))
    for reference in ("order 7", " Order 7 ", own_reference(operation.operation_id).lower()):
        assert await validate(BillRefNumber=reference) == "0"
    assert await validate(samples.OTHER_CREDENTIALS | {"by_hand": {"references": "known"}},
                          BusinessShortCode="600222", BillRefNumber="order 7") == "C2B00012"  # fmt: skip


async def test_what_cannot_be_decided_in_time_is_left_to_what_was_registered(validate, purposes, monkeypatch):
    purposes.error = NotReady("away")
    with pytest.raises(NotSent):
        await validate()

    async def never(*_):
        await asyncio.Event().wait()

    monkeypatch.setattr(purposes, "knows", never)
    monkeypatch.setattr(module, "_VALIDATION_SECONDS", 0.01)
    with pytest.raises(NotSent, match="in time"):
        await validate()


async def test_a_validation_stores_nothing(provider):
    parsed = await provider.parse_callback(samples.callback(payment(), word="validation"), KNOWN_ONLY)
    assert not any((parsed.outcomes, parsed.ask, parsed.unmatched, parsed.received, parsed.hastens))


async def confirm(provider, credentials=PULLED, **changes):
    parsed = await provider.parse_callback(samples.callback(payment(**changes), word="confirmation"), credentials)
    assert parsed.reply == {"ResultCode": 0, "ResultDesc": "Accepted"}
    assert parsed.hastens
    assert not any((parsed.received, parsed.confirmed, parsed.opened, parsed.outcomes))
    assert "AMINA" not in repr(parsed)
    return parsed


async def test_a_confirmation_hastens_the_look_at_the_statement_and_waits_until_that_shows_it(provider):
    parsed = await confirm(provider)
    assert not parsed.ask
    (kept,) = parsed.unmatched
    assert (dict(kept.references), kept.unless_ours, kept.waits) == ({"receipt": "SKL4HAND1A"}, True, SHOWN_WITHIN)


async def test_where_no_statement_is_read_a_payment_by_hand_is_kept_for_a_person(provider):
    (kept,) = (await confirm(provider, samples.CREDENTIALS)).unmatched
    assert (dict(kept.references), kept.amount) == ({"receipt": "SKL4HAND1A"}, Money(1000, "KES"))
    assert kept.unless_ours
    assert kept.waits is None
    (prompted,) = (await confirm(provider, samples.CREDENTIALS, BillRefNumber=own_reference("pay_1.1"))).unmatched
    assert not prompted.unless_ours


async def test_a_confirmation_with_a_charges_name_has_the_charge_asked_about(provider):
    name = own_reference("pay_1.1")
    (asked,) = (await confirm(provider, BillRefNumber=name.lower())).ask
    assert dict(asked.references) == {"purpose": name}


async def test_a_confirmation_that_is_not_understood_hastens_the_look_as_well(provider):
    await confirm(provider, TransID=None)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"TransID=1", b'{"TransAmount": "10.00"}', b'{"TransID": {}}'])
async def test_a_confirmation_that_cannot_be_read_is_for_a_person_where_no_statement_shows_its_money(provider, body):
    told = samples.callback(body, word="confirmation")
    (kept,) = (await provider.parse_callback(told, samples.CREDENTIALS)).unmatched
    assert (kept.event_type, dict(kept.references)) == ("payment_by_hand.unreadable", {})
    assert not (await provider.parse_callback(told, PULLED)).unmatched


@pytest.mark.parametrize("field", ["TransAmount", "BusinessShortCode", "BillRefNumber"])
async def test_a_payment_by_hand_is_kept_by_its_receipt_whatever_is_not_told_of_it(provider, field):
    told = {name: value for name, value in payment().items() if name != field}
    parsed = await provider.parse_callback(samples.callback(told, word="confirmation"), samples.CREDENTIALS)
    assert [dict(one.references) for one in parsed.unmatched] == [{"receipt": "SKL4HAND1A"}]


async def test_what_comes_to_the_address_of_pull_hastens_the_look(provider):
    parsed = await provider.parse_callback(samples.callback(b"anything", word="pull"), PULLED)
    assert parsed.hastens
