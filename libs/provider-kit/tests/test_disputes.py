"""Disputes, which others open: each report is told, and as reports overtake each other the provider is asked what is true."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace as with_
from structlog.testing import capture_logs

from malipo.contracts.identity import opened_id
from malipo.contracts.outcomes import Disputed, OperationOpened, OutcomeReported, Succeeded, Unknown
from malipo.contracts.provider_commands import OpenedOperation
from malipo.money import Money
from provider_kit.disputes import Dispute
from provider_kit.errors import NotSent
from provider_kit.looking import LookingAgain
from provider_kit.opened import OpenedOperations
from provider_kit.provider import ACCOUNT_CHANGED, Opened, ParsedCallback

USD_10, EUR_12 = Money(1000, "USD"), Money(1234, "EUR")
DONE = Succeeded(amount=USD_10, reference="obj_1")
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
OPEN = Disputed(reference="du_1", amount=EUR_12, status="needs_response", reason="fraudulent", withdrawn=True)
LOST = with_(OPEN, status="lost")
DISPUTE = Opened(
    event_type="dispute.created", reference="du_1", about={"charge": "obj_1"}, amount=EUR_12, outcome=OPEN, opened_at=AT,
    reason="fraudulent", kind="dispute",
)  # fmt: skip
DISPUTE_ID = opened_id("dis", AT, "pay_1", "fake", "du_1")


async def take(kit, dispute: Opened = DISPUTE, callback_id: str = "evt_1", credential: str = "cred_1") -> str:
    return await kit.door.take(await kit.credentials.by_id(credential), ParsedCallback(callback_id, opened=[dispute]))


async def paid(kit, make) -> None:
    kit.provider.script = [DONE]
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()


async def look(kit) -> list:
    await kit.sql("UPDATE unmatched SET look_at = now() WHERE look_at IS NOT NULL")
    await LookingAgain(OpenedOperations("fake"), lambda: None).look(kit.database)
    return await kit.reports()


async def test_the_first_report_of_a_dispute_is_told_of_its_payment_as_it_is(kit, make):
    await paid(kit, make)
    assert await take(kit) == "stored"
    [told] = await kit.reports()
    assert isinstance(told, OperationOpened)
    assert (told.payment_id, told.kind, told.reference, told.amount) == ("pay_1", "dispute", "du_1", EUR_12)
    assert (told.outcome, told.opened_at, told.source, told.callback_id) == (OPEN, AT, "callback", "evt_1")
    assert await kit.run() == 0, "nothing is there to be in doubt of"


async def test_each_later_report_is_told_and_the_provider_is_asked_what_is_true(kit, make):
    await paid(kit, make)
    await take(kit)
    await kit.reports()
    await take(kit, replace(DISPUTE, outcome=LOST), "evt_2")
    [told] = await kit.reports()
    assert (told.reference, told.outcome) == ("du_1", LOST)
    kit.provider.script = [LOST]
    assert await kit.run() == 1
    [asked] = kit.provider.queried
    assert isinstance(asked.operation, Dispute)
    assert (asked.reference, asked.operation.reference, asked.operation.amount) == ("du_1", "obj_1", EUR_12)
    assert asked.same_account is False  # nothing is ever sent for it
    [answer] = await kit.reports()
    assert isinstance(answer, OutcomeReported)
    assert (answer.operation_id, answer.kind, answer.source, answer.outcome) == (DISPUTE_ID, "dispute", "query", LOST)


async def test_the_same_event_twice_is_told_once(kit, make):
    await paid(kit, make)
    assert (await take(kit), await take(kit)) == ("stored", "duplicate")
    assert len(await kit.reports()) == 1


async def test_two_reports_at_once_are_told_and_one_dispute_is_recorded(kit, make):
    await paid(kit, make)
    await asyncio.gather(take(kit), take(kit, replace(DISPUTE, outcome=LOST), "evt_2"))
    assert {told.outcome.status for told in await kit.reports()} == {"needs_response", "lost"}
    assert await kit.database.reads.fetchval("SELECT count(*) FROM attempts WHERE kind = 'dispute'") == 1


async def test_the_orchestrators_query_reads_it_by_its_reference_whether_or_not_a_report_came_here(kit, make):
    opened = OpenedOperation(EUR_12, charge="obj_1")
    query = make.query(DISPUTE_ID, "dispute", reference="du_1", opened=opened)
    for _ in range(2):
        kit.provider.script = [OPEN]
        await kit.handle(query)
        await kit.run()
        [answer] = await kit.reports()
        assert (answer.kind, answer.outcome) == ("dispute", OPEN)
    assert {(one.reference, one.operation.amount) for one in kit.provider.queried} == {("du_1", EUR_12)}


async def test_a_provider_that_is_away_is_asked_again_and_one_that_finds_nothing_ends_nothing(kit, make):
    await paid(kit, make)
    await take(kit)
    await take(kit, replace(DISPUTE, outcome=LOST), "evt_2")
    await kit.reports()
    kit.provider.script = [*[NotSent("away")] * 3, Unknown(reason=ACCOUNT_CHANGED)]
    await kit.run()
    assert await kit.reports() == []
    await kit.make_due()
    await kit.run()
    assert await kit.outcomes() == [Unknown(reason="not_found")]


async def test_a_dispute_of_a_payment_that_is_none_of_ours_is_kept_as_another_systems(kit):
    with capture_logs() as lines:
        assert await take(kit) == "not_ours"
    [line] = [line for line in lines if line["event"] == "unmatched callback"]
    assert (line["log_level"], line["concerns"]) == ("info", "others")
    assert line["references"] == {"charge": "obj_1", "dispute": "du_1"}


async def test_a_dispute_that_overtakes_the_answer_with_its_charges_id_is_told_once_that_is_known(kit, make):
    await take(kit)
    assert await kit.reports() == []
    await paid(kit, make)
    [told] = await look(kit)
    assert (told.payment_id, told.kind, told.reference) == ("pay_1", "dispute", "du_1")
    assert await kit.database.reads.fetchval("SELECT count(*) FROM unmatched") == 0
    await take(kit, replace(DISPUTE, outcome=LOST), "evt_2")
    kit.provider.script = [LOST]
    assert await kit.run() == 1, "it can be asked about from then on"


async def test_a_refund_of_ours_in_doubt_keeps_no_dispute_waiting(kit, make):
    kit.provider.script = [DONE, Unknown(reason="silence")]
    await kit.handle(make.charge(), make.refund())
    await kit.run()
    await kit.run()
    await kit.reports()
    await take(kit, replace(DISPUTE, amount=USD_10, outcome=with_(OPEN, amount=USD_10)))
    assert [told.kind for told in await kit.reports()] == ["dispute"]


async def test_a_warning_of_fraud_is_told_once_of_its_payment_and_nothing_is_asked(kit, make):
    await paid(kit, make)
    warning = replace(DISPUTE, reference="issfr_1", kind="fraud_warning", amount=None, outcome=None)
    assert await take(kit, warning) == "stored"
    [told] = await kit.reports()
    assert (told.payment_id, told.kind, told.reference) == ("pay_1", "fraud_warning", "issfr_1")
    assert (told.amount, told.outcome, told.reason) == (None, None, "fraudulent")
    await take(kit, warning, "evt_2")
    assert (len(await kit.reports()), await kit.run()) == (1, 0)


async def test_a_warning_that_overtakes_the_answer_with_its_charges_id_is_told_later(kit, make):
    await take(kit, replace(DISPUTE, reference="issfr_1", kind="fraud_warning", amount=None, outcome=None))
    await paid(kit, make)
    assert [told.kind for told in await look(kit)] == ["fraud_warning"]


async def test_two_payments_disputes_of_one_name_are_two(kit, make):
    kit.provider.script = [DONE, Succeeded(amount=USD_10, reference="obj_2")]
    await kit.handle(make.charge(1), make.charge(2))
    await kit.run()
    await kit.reports()
    await take(kit)
    await take(kit, replace(DISPUTE, about={"charge": "obj_2"}, opened_at=AT + timedelta(seconds=1)), "evt_2")
    assert {told.payment_id for told in await kit.reports()} == {"pay_1", "pay_2"}
