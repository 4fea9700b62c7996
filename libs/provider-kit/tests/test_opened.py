"""Refunds made at the provider itself: none of ours is told as one of them, and none hides another."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from malipo.contracts.outcomes import Declined, OperationOpened, Succeeded, Unknown
from malipo.money import Money
from provider_kit import knowledge
from provider_kit.looking import LookingAgain
from provider_kit.opened import OpenedOperations
from provider_kit.provider import Opened, ParsedCallback

USD_10 = Money(1000, "USD")
DONE = Succeeded(amount=USD_10, reference="obj_1")
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
REFUND = Opened(
    event_type="refund.created", reference="re_9", about={"charge": "obj_1"}, amount=USD_10, outcome=DONE, opened_at=AT
)


async def take(kit, refund: Opened = REFUND, callback_id: str = "evt_1") -> str:
    return await kit.door.take(await kit.credentials.by_id("cred_1"), ParsedCallback(callback_id, opened=[refund]))


async def look(kit, **older) -> list:
    await kit.sql(
        "UPDATE unmatched SET look_at = now(), received_at = received_at - $1::interval WHERE look_at IS NOT NULL",
        timedelta(**older),
    )
    await LookingAgain(OpenedOperations("fake"), lambda: None).look(kit.database)
    return await kit.reports()


async def refund_in_doubt(kit, make) -> None:
    """A refund of ours was sent, and its answer was lost."""
    kit.provider.script = [DONE, Unknown(reason="silence")]
    await kit.handle(make.charge(), make.refund())
    await kit.run()
    await kit.run()
    await kit.reports()


async def test_a_refund_of_ours_whose_answer_was_lost_is_not_told_as_made_at_the_provider(kit, make):
    await refund_in_doubt(kit, make)
    with capture_logs() as lines:
        assert await take(kit) == "stored"
    assert "unmatched callback" not in [line["event"] for line in lines]
    kit.provider.script = [Succeeded(amount=USD_10, reference="re_9")]
    assert (await kit.reports(), await kit.run()) == ([], 1)
    [asked] = kit.provider.queried
    assert asked.same_account is False  # only read: a person may have decided meanwhile that it has failed
    (told,) = await kit.reports()
    assert (told.operation_id, told.outcome.reference) == ("ref_1", "re_9")
    assert (await look(kit), await kit.database.reads.fetchval("SELECT count(*) FROM unmatched")) == ([], 0)


async def test_a_refund_of_ours_is_not_told_as_another_though_what_it_is_made_of_has_an_id(kit, make, monkeypatch):
    async def prepare(attempt):
        attempt.references.note("capture", "cap_1")

    monkeypatch.setattr(kit.provider, "prepare", prepare)
    await refund_in_doubt(kit, make)
    await take(kit)
    assert await kit.reports() == []
    kit.provider.script = [Succeeded(amount=USD_10, reference="re_9")]
    assert await kit.run() == 1


async def test_a_refund_that_has_a_name_of_ours_is_asked_about_however_old_it_is_and_never_told_as_another(
    kit, make, monkeypatch
):
    named = replace(kit.provider.descriptor, own_references=lambda operation_id: (f"invoice of {operation_id}",))
    monkeypatch.setattr(kit.provider, "descriptor", named)
    await refund_in_doubt(kit, make)
    await take(kit, replace(REFUND, amount=Money(999, "USD"), own=["invoice of ref_1"]))
    assert await kit.run() == 1
    await kit.reports()
    assert await look(kit, days=2) == []


async def test_a_name_of_a_charge_of_ours_does_not_make_a_refund_ours(kit, make, monkeypatch):
    named = replace(kit.provider.descriptor, own_references=lambda operation_id: (f"invoice of {operation_id}",))
    monkeypatch.setattr(kit.provider, "descriptor", named)
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()
    await take(kit, replace(REFUND, own=["invoice of pay_1.1"]))
    assert [told.reference for told in await kit.reports()] == ["re_9"]


async def test_a_refund_made_there_is_told_once_ours_has_ended_otherwise(kit, make):
    await refund_in_doubt(kit, make)
    await take(kit)
    kit.provider.script = [Declined(code="no")]
    await kit.run()
    await kit.reports()
    (told,) = await look(kit)
    assert isinstance(told, OperationOpened)
    assert (told.payment_id, told.reference) == ("pay_1", "re_9")


async def test_a_refund_of_ours_that_succeeded_without_an_id_is_not_told_as_another(kit, make):
    kit.provider.script = [DONE, Succeeded(amount=USD_10)]
    await kit.handle(make.charge(), make.refund())
    await kit.run()
    await kit.run()
    await kit.reports()
    await take(kit)
    assert await kit.reports() == []
    kit.provider.script = [Succeeded(amount=USD_10, reference="re_9")]
    await kit.run()
    await kit.reports()
    assert (await look(kit), await kit.database.reads.fetchval("SELECT count(*) FROM unmatched")) == ([], 0)


async def test_a_refund_waits_for_one_of_ours_for_a_day_and_is_told_then(kit, make):
    await refund_in_doubt(kit, make)
    await take(kit)
    kit.provider.script = [Unknown(reason="silence")]
    await kit.run()
    await kit.reports()
    assert await look(kit, hours=23) == []
    (told,) = await look(kit, hours=2)
    assert isinstance(told, OperationOpened)
    assert (told.payment_id, told.reference) == ("pay_1", "re_9")


async def test_a_refund_of_ours_that_is_named_while_the_report_is_matched_is_not_told_as_another(
    kit, make, monkeypatch
):
    await refund_in_doubt(kit, make)
    read = knowledge.originals

    async def named_before(*asked):
        await kit.sql("INSERT INTO attempt_references VALUES ('re_9', 'ref_1', 'main') ON CONFLICT DO NOTHING")
        return await read(*asked)

    monkeypatch.setattr(knowledge, "originals", named_before)
    await take(kit)
    assert await kit.reports() == []

    async def named_after(*asked):
        found = await read(*asked)
        await kit.sql("INSERT INTO attempt_references VALUES ('re_8', 'ref_1', 'main') ON CONFLICT DO NOTHING")
        return found

    monkeypatch.setattr(knowledge, "originals", named_after)
    await kit.sql("DELETE FROM attempt_references WHERE reference = 're_9'")
    await take(kit, replace(REFUND, reference="re_8"), "evt_2")
    assert await kit.reports() == []


async def test_a_refund_whose_payment_is_never_found_is_alerted_before_it_is_looked_at_no_more(kit, make):
    kit.provider.script = [DONE, Succeeded(amount=USD_10, reference="obj_2")]
    await kit.handle(make.charge(1), make.charge(2))
    await kit.run()
    await kit.reports()
    await take(kit, replace(REFUND, about={"charge": "obj_1", "order": "obj_2"}))
    with capture_logs() as lines:
        assert await look(kit, days=30) == []
    assert [line["log_level"] for line in lines if line["event"] == "unmatched callback"] == ["error"]
    assert await kit.database.reads.fetchval("SELECT count(*) FROM unmatched WHERE look_at IS NULL") == 1


async def test_an_attempt_that_cannot_be_read_stops_no_other_refund(kit, make):
    await take(kit)
    await take(kit, replace(REFUND, reference="re_8", about={"charge": "obj_2"}), "evt_2")
    kit.provider.script = [DONE, Succeeded(amount=USD_10, reference="obj_2")]
    await kit.handle(make.charge(1), make.charge(2))
    await kit.run()
    await kit.reports()
    await kit.sql("UPDATE attempts SET command = 'no command'::bytea WHERE id = 'pay_1.1'")
    with capture_logs() as lines:
        assert [told.reference for told in await look(kit)] == ["re_8"]
    assert [
        line["log_level"] for line in lines if line["event"] == "what was opened at the provider cannot be read"
    ] == ["error"]


async def test_a_refund_of_another_amount_than_ours_is_told_at_once(kit, make):
    await refund_in_doubt(kit, make)
    await take(kit, replace(REFUND, amount=Money(999, "USD")))
    assert [told.reference for told in await kit.reports()] == ["re_9"]


async def test_a_row_that_cannot_be_read_stops_no_other_and_is_alerted(kit, make):
    await take(kit)
    await kit.sql("UPDATE unmatched SET opened = '{}'")
    await take(kit, replace(REFUND, reference="re_8"), "evt_2")
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()
    with capture_logs() as lines:
        assert [told.reference for told in await look(kit)] == ["re_8"]
    assert [
        line["log_level"] for line in lines if line["event"] == "what was opened at the provider cannot be read"
    ] == ["error"]


async def test_a_refund_that_names_objects_of_two_payments_is_told_of_neither(kit, make):
    kit.provider.script = [DONE, Succeeded(amount=USD_10, reference="obj_2")]
    await take(kit, replace(REFUND, about={"charge": "obj_1", "order": "obj_2"}))
    await kit.handle(make.charge(1), make.charge(2))
    await kit.run()
    await kit.reports()
    assert await look(kit) == []


async def test_an_object_of_another_account_of_the_merchant_is_not_meant(kit, make):
    await take(kit)
    till = make.credential(id="cred_2", label="till", credentials=b'{"secret": "of another account"}')
    await kit.configure(type(make.configured())(merchant_id="mer_1", version=2, credentials=(make.credential(), till)))
    await kit.handle(make.charge(account="till"))
    await kit.run()
    await kit.reports()
    assert await look(kit) == []
