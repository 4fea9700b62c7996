"""Payments to a recipient: how they go is decided once, when they are accepted, and shown."""

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from gateway.payments import personal
from malipo import clock
from malipo.contracts.commands import CreatePayment, RequestReturn, Transfer
from malipo.contracts.events import Failure

ACCOUNT = {"name": "Ada Lovelace", "account": {"number": "000123456789", "routing": "021000021"}}
TRANSFER = {
    "amount": 1250,
    "currency": "USD",
    "method": {"type": "bank_transfer", "recipient": ACCOUNT},
    "remittance": "Invoice 7",
}
CREDENTIALS = {"debtor_account_id": "acc-1", "oauth": {"client_id": "shop", "client_secret": "of the shop, secret"}}


@pytest.fixture
async def payer(gateway):
    """A merchant with an account at a partner bank."""
    merchant = await gateway.merchant(configured=False)
    put = await merchant.send("PUT", "/v1/provider-credentials/bank", CREDENTIALS)
    assert put.status_code == 201, put.text
    return merchant


async def commands(gateway) -> list[CreatePayment]:
    return [one for one in await gateway.sent() if isinstance(one, CreatePayment)]


async def test_a_rail_is_chosen_once_and_shown_with_when_it_goes(gateway, payer):
    accepted = await payer.pay(TRANSFER, key="k")
    assert accepted.status_code == 202, accepted.text
    shown = accepted.json()["transfer"]
    assert shown["rail"] in ("RTP", "ACH")
    assert shown["rail_chosen"] is True
    assert shown["execution_at"] >= accepted.json()["created_at"][:23]
    assert shown["recipient"] == {"name": "A. L.", "account": {"number": "****6789", "routing": "021000021"}}
    for again in (await payer.pay(TRANSFER, key="k"), await payer.get(f"/v1/payments/{accepted.json()['id']}")):
        assert again.json()["transfer"] == shown
    [command] = await commands(gateway)
    assert (command.method.details["rail"], command.method.transfer.rail) == (shown["rail"], shown["rail"])


async def test_it_is_initiated_until_the_bank_works_on_it(gateway, payer):
    accepted = (await payer.pay(TRANSFER)).json()
    assert accepted["status"] == "initiated"
    assert [one["id"] for one in (await payer.get("/v1/payments?status=initiated")).json()["data"]] == [accepted["id"]]
    explained = (await payer.get(f"/v1/payments/{accepted['id']}/explain")).json()
    assert (explained["status"], [one["code"] for one in explained["you_may"]]) == (
        "initiated",
        ["cancel", "wait", "repeat"],
    )


async def test_one_that_its_bank_has_taken_and_not_begun_is_explained_so(gateway, payer):
    accepted = (await payer.pay(TRANSFER)).json()
    steps = [gateway.step(payer, accepted, to="initiated", provider="bank") for _ in range(2)]
    cause = replace(steps[1].cause, trigger="pending", detail="AFTER_CUT_OFF")
    await gateway.receive(steps[0], replace(steps[1], to_state="pending", cause=cause))
    explained = (await payer.get(f"/v1/payments/{accepted['id']}/explain")).json()
    assert explained["status"] == "initiated"
    assert "has not begun to work on it" in explained["why"]
    assert "cut-off" in explained["why"]
    assert "cancel" in [one["code"] for one in explained["you_may"]]


async def test_who_waits_for_a_first_state_waits_until_the_bank_has_taken_it(gateway, payer):
    plain = (await payer.pay(TRANSFER, key="k")).json()
    taken = gateway.step(payer, plain, to="initiated", provider="bank", status_reason="pending_at_provider")
    waiting = asyncio.create_task(payer.pay(TRANSFER, key="k", Prefer="wait=20"))
    await gateway.receive(taken)
    answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (202, "initiated")
    assert answer.json()["status_reason"] == "pending_at_provider"


async def test_personal_data_of_one_that_is_initiated_is_erased_when_it_has_ended(gateway, payer):
    accepted = (await payer.pay(TRANSFER)).json()
    asked = await payer.post(f"/v1/payments/{accepted['id']}/erase", key="k")
    assert asked.json() == {"erased": 0, "waiting": 1}
    assert not await personal.erase_ended(gateway.dependencies.database)
    await gateway.receive(gateway.step(payer, accepted))
    await personal.erase_ended(gateway.dependencies.database)
    assert await gateway.pool.fetchval("SELECT wrapped IS NULL FROM personal_keys")


async def test_a_rail_that_is_named_is_not_shown_as_chosen(payer):
    method = TRANSFER["method"] | {"rail": "BOOK"}
    shown = (await payer.pay(TRANSFER | {"method": method})).json()["transfer"]
    assert (shown["rail"], shown["rail_chosen"]) == ("BOOK", False)


async def test_what_the_recipient_reads_goes_with_the_payment_and_is_shown(gateway, payer):
    accepted = (await payer.pay(TRANSFER)).json()
    assert accepted["remittance"] == "Invoice 7"
    [command] = await commands(gateway)
    assert command.remittance == "Invoice 7"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"remittance": "x" * 141}, "text_too_long", "/remittance"),
        ({"remittance": ""}, "text_empty", "/remittance"),
        ({"remittance": "two\nlines"}, "text_control_characters", "/remittance"),
        ({"remittance": "4242 4242 4242 4242"}, "raw_card_number", "/remittance"),
        ({"amount": 1_000_000_001}, "amount_too_large", "/amount"),
        ({"currency": "EUR"}, "currency_unsupported", "/currency"),
        ({"capture": "manual"}, "operation_unsupported", "/capture"),
    ],
)
async def test_what_no_transfer_takes_is_refused_before_anything_is_written(gateway, payer, changes, code, field):
    refused = await payer.pay(TRANSFER | changes)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert [error["field"] for error in refused.json()["errors"]] == [field]
    assert await gateway.count("payments") == 0


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ({"rail": "ZELLE"}, "rail_unfit"),
        ({"recipient": {"name": "Ada"}}, "recipient_unclear"),
        ({"recipient": ACCOUNT | {"account": {"number": "12", "routing": "021000021"}}}, "account_number_invalid"),
        ({"recipient": ACCOUNT | {"account": {"number": "1234", "routing": "021000022"}}}, "routing_number_invalid"),
        ({"recipient": {"name": "Ada", "alias": {"type": "email", "value": "ada"}}}, "alias_invalid"),
    ],
)
async def test_a_recipient_that_cannot_be_reached_is_refused_by_a_code_of_its_own(gateway, payer, method, code):
    refused = await payer.pay(TRANSFER | {"method": TRANSFER["method"] | method})
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert await gateway.count("payments") == 0


@pytest.mark.parametrize(
    ("alias", "code", "field", "detail"),
    [
        ({"type": "phone", "value": "212-555-0123"}, "alias_invalid", "value", "must be a number of the United States"),
        ({"type": "email"}, "field_missing", "value", "is required"),
        ({"type": "email", "value": "ada@shop.test", "at": 1}, "field_unknown", "at", "no such field"),
        ({"value": "ada@shop.test"}, "field_missing", "type", "is required"),
        ({"type": "iban", "value": "ada"}, "choice_unknown", "type", "must be one of 'email', 'phone'"),
    ],
)
async def test_what_is_wrong_with_an_alias_is_told_at_its_place_in_the_request(payer, alias, code, field, detail):
    method = TRANSFER["method"] | {"recipient": {"name": "Ada", "alias": alias}}
    (error,) = (await payer.pay(TRANSFER | {"method": method})).json()["errors"]
    assert (error["code"], error["field"]) == (code, f"/method/recipient/alias/{field}")
    assert error["detail"].startswith(detail)


async def test_a_card_has_no_recipient_who_reads_anything(merchant, make):
    refused = await merchant.pay(make.payment | {"remittance": "Invoice 7"})
    assert (refused.status_code, refused.json()["code"]) == (422, "remittance_unsupported")
    assert "description" in refused.json()["detail"]


async def arrived(gateway, payer, rail: str = "RTP") -> dict:
    """A transfer that its bank has completed."""
    method = TRANSFER["method"] | {"rail": rail}
    payment = (await payer.pay(TRANSFER | {"method": method})).json()
    shown = Transfer(rail=rail, rail_chosen=False, execution_at=clock.now(), recipient={})
    of_the_bank = {"provider": "bank", "method": "bank_transfer", "transfer": shown, "provider_reference": "bp_1"}
    await gateway.receive(gateway.step(payer, payment, **of_the_bank))
    return payment | of_the_bank


def completed_step(gateway, payer, payment, **changes):
    kept = {name: payment[name] for name in ("provider", "method", "transfer", "provider_reference")}
    return gateway.step(payer, payment, **kept | changes)


async def may(payer, payment) -> list[str]:
    explained = (await payer.get(f"/v1/payments/{payment['id']}/explain")).json()
    return [one["code"] for one in explained["you_may"]]


async def test_the_recipients_bank_can_be_asked_for_the_money_where_the_rail_knows_that(gateway, payer):
    payment = await arrived(gateway, payer)
    assert await may(payer, payment) == ["request_return"]
    asked = await payer.post(f"/v1/payments/{payment['id']}/return-request", {"reason": "sent twice"}, key="k")
    assert asked.status_code == 202, asked.text
    shown = asked.json()
    assert (shown["kind"], shown["status"], shown["amount"], shown["reason"]) == (
        "return_request",
        "processing",
        1250,
        "sent twice",
    )
    again = await payer.post(f"/v1/payments/{payment['id']}/return-request", {"reason": "sent twice"}, key="k")
    assert again.json()["id"] == shown["id"]
    [command] = [one for one in await gateway.sent() if isinstance(one, RequestReturn)]
    assert (command.return_request_id, command.reason) == (shown["id"], "sent twice")
    timeline = (await payer.get(f"/v1/payments/{payment['id']}/timeline")).json()["entries"]
    assert [one["about"] for one in timeline if one["operation_id"] == shown["id"]] == ["return_request"]
    assert await may(payer, payment) == ["wait", "repeat"]


async def test_what_came_of_it_is_told_and_explained(gateway, payer, make):
    payment = await arrived(gateway, payer)
    shown = (await payer.post(f"/v1/payments/{payment['id']}/return-request")).json()
    given_back = make.operation(shown)
    told = completed_step(gateway, payer, payment, event="return_request.completed", operation=given_back)
    await gateway.receive(told)
    [event] = (await payer.get("/v1/events?type=return_request.completed")).json()["data"]
    assert event["data"]["return_request"]["id"] == shown["id"]
    assert "request_return" not in await may(payer, payment)


async def test_the_payment_shows_the_request_with_its_own_end_and_the_banks_reason(gateway, payer, make):
    payment = await arrived(gateway, payer)
    shown = (await payer.post(f"/v1/payments/{payment['id']}/return-request", {"reason": "sent twice"})).json()
    kept = Failure(code="CUST", message="The recipient does not give it back.")
    refused = make.operation(shown, status="failed", failure=kept)
    told = {"event": "return_request.failed", "operation": refused, "return_request": refused}
    await gateway.receive(completed_step(gateway, payer, payment, **told))
    read = (await payer.get(f"/v1/payments/{payment['id']}")).json()
    request = read["return_request"]
    assert (read["status"], request["id"], request["status"]) == ("completed", shown["id"], "failed")
    assert request["failure"] == {"code": "CUST", "message": "The recipient does not give it back.", "retry": None}
    [event] = (await payer.get("/v1/events?type=return_request.failed")).json()["data"]
    assert event["data"]["return_request"]["failure"]["code"] == "CUST"
    assert event["data"]["payment"]["return_request"]["status"] == "failed"


async def test_it_is_refused_for_good_with_the_orchestrators_reason(gateway, payer, make):
    payment = await arrived(gateway, payer, "BOOK")
    assert await may(payer, payment) == []
    path = f"/v1/payments/{payment['id']}/return-request"
    shown = (await payer.post(path, key="k")).json()
    await gateway.receive(make.refusal(payer.id, shown, "return_request_impossible"))
    refused = await payer.post(path, key="k")
    assert (refused.status_code, refused.json()["code"]) == (409, "return_request_impossible")


async def test_of_a_card_nobody_is_asked_and_what_is_possible_is_said(gateway, merchant):
    payment = (await merchant.pay()).json()
    await gateway.receive(gateway.step(merchant, payment))
    refused = await merchant.post(f"/v1/payments/{payment['id']}/return-request")
    assert (refused.status_code, refused.json()["code"]) == (422, "operation_unsupported")
    assert "Stripe has no return_request; it has: charge, " in refused.json()["detail"]


async def test_a_transfer_that_came_back_is_explained_as_money_of_the_merchants_own(gateway, payer):
    payment = await arrived(gateway, payer)
    back = completed_step(gateway, payer, payment, to="returned", amount_captured=0)
    await gateway.receive(msgspec.structs.replace(back, cause=replace(back.cause, trigger="reversed", detail="R02")))
    explained = (await payer.get(f"/v1/payments/{payment['id']}/explain")).json()
    assert "came back to your account" in explained["why"]
    assert [one["code"] for one in explained["you_may"]] == ["pay_anew"]
