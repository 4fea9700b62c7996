"""Movements of the balance that a statement shows: told once, with their payment, and again when more is known of them."""

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
from prometheus_client import REGISTRY

from malipo.contracts.config import MerchantConfigured
from malipo.contracts.movements import Movement, MovementsReported
from malipo.contracts.outcomes import Unknown
from malipo.contracts.topics import MOVEMENTS
from provider_kit.errors import NotSent
from provider_kit.movements import Moved

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
CHARGE = Movement(
    id="txn_1", kind="charge", currency="USD", amount=1000, fee=59, net=941, moved_at=AT, reference="ch_1"
)
REFUND = msgspec.structs.replace(CHARGE, id="txn_2", kind="refund", amount=-400, fee=0, net=-400, reference="re_1")
PAYOUT = msgspec.structs.replace(CHARGE, id="txn_3", kind="payout", reference="po_1")


async def charged(kit, make) -> None:
    """The charge `pay_1.1` is known at the provider as `obj_1`."""
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()


async def told(kit) -> list[Movement]:
    reports = [one for one in await kit.reports() if isinstance(one, MovementsReported)]
    assert all((one.merchant_id, one.mode, one.account) == ("mer_1", "test", "default") for one in reports)
    return [movement for one in reports for movement in one.movements]


async def look(kit, reader, *rows) -> list[Movement]:
    """What is told of a look at a statement with these rows."""
    reader.statement.rows = list(rows)
    await reader.make_due()
    await reader.look()
    return await told(kit)


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("malipo_provider_movements_total", {"provider": "fake", "result": result}) or 0


async def test_a_movement_is_told_once_with_its_payment_however_often_it_is_read(kit, make, reader):
    await charged(kit, make)
    row = Moved(CHARGE, references=["obj_1"])
    assert await look(kit, reader, row) == [msgspec.structs.replace(CHARGE, payment_id="pay_1")]
    before = counted("duplicate")
    assert await look(kit, reader, row) == []
    assert counted("duplicate") == before + 1


async def test_a_page_is_one_message(kit, make, reader):
    await charged(kit, make)
    some = [Moved(msgspec.structs.replace(PAYOUT, id=f"txn_{number}")) for number in range(100)]
    reader.statement.rows = []
    await reader.look()
    account = replace(await kit.credentials.by_id("cred_1"), fingerprint="f")
    await reader.statements._movements.take(account, some)
    rows = await kit.database.reads.fetch("SELECT topic, key FROM outbox")
    assert [(row["topic"], row["key"]) for row in rows] == [(MOVEMENTS.name, "mer_1")]
    assert len(await told(kit)) == 100


async def test_a_payment_is_found_by_our_own_name_before_its_answer_is_there(kit, make, reader):
    kit.provider.script = [Unknown(reason="silence")]
    await charged(kit, make)
    (movement,) = await look(kit, reader, Moved(CHARGE, operation_id="pay_1.1"))
    assert movement.payment_id == "pay_1"


async def test_what_nothing_explains_is_told_and_once_more_when_its_payment_is_known(kit, make, reader):
    row = Moved(CHARGE, references=["obj_1"])
    assert await look(kit, reader, row) == [CHARGE]
    assert await look(kit, reader, row) == []
    await charged(kit, make)
    assert await look(kit, reader, row) == [msgspec.structs.replace(CHARGE, payment_id="pay_1")]
    assert await look(kit, reader, row) == []


async def test_a_refund_is_told_once_more_when_it_is_known_which(kit, make, reader):
    await charged(kit, make)
    row = Moved(REFUND, references=["obj_1"])
    (movement,) = await look(kit, reader, row)
    assert (movement.payment_id, movement.operation_id) == ("pay_1", None)
    await kit.handle(make.refund())
    refund_id = make.refund().operation_id
    await kit.sql("INSERT INTO attempt_references VALUES ('re_1', $1, 'main')", refund_id)
    (movement,) = await look(kit, reader, row)
    assert (movement.payment_id, movement.operation_id) == ("pay_1", refund_id)
    assert await look(kit, reader, row) == []


async def test_what_two_payments_are_known_by_is_of_none(kit, make, reader):
    await charged(kit, make)
    await kit.handle(make.charge(payment_id="pay_2", operation_id="pay_2.1"))
    await kit.sql("INSERT INTO attempt_references VALUES ('obj_1', 'pay_2.1', 'object')")
    (movement,) = await look(kit, reader, Moved(CHARGE, references=["obj_1"]))
    assert movement.payment_id is None


async def test_an_operation_of_another_merchant_or_account_explains_nothing(kit, make, reader):
    await charged(kit, make)
    await kit.sql("UPDATE attempts SET account = 'mer_2/test/default', account_fingerprint = account_fingerprint")
    assert await look(kit, reader, Moved(CHARGE, operation_id="pay_1.1", references=["obj_1"])) == [CHARGE]


async def test_a_payment_under_another_label_of_the_same_account_is_found(kit, make, reader):
    shop = make.credential(id="cred_shop", label="shop")
    await kit.configure(MerchantConfigured(merchant_id="mer_1", version=2, credentials=(make.credential(), shop)))
    await kit.handle(make.charge(account="shop"))
    await kit.run()
    await kit.reports()
    (movement,) = await look(kit, reader, Moved(CHARGE, references=["obj_1"]))
    assert movement.payment_id == "pay_1"


async def test_a_death_between_two_pages_loses_nothing_and_tells_nothing_twice(kit, make, reader):
    await charged(kit, make)
    first, second = Moved(CHARGE, references=["obj_1"]), Moved(PAYOUT)
    assert [one.id for one in await look(kit, reader, first, NotSent("away"))] == ["txn_1"]
    assert [one.id for one in await look(kit, reader, first, second)] == ["txn_3"]


async def test_two_replicas_that_read_the_same_tell_it_once(kit, make, reader):
    account = replace(await kit.credentials.by_id("cred_1"), fingerprint="f")
    other = reader.another()
    for one in (reader, other):
        await one.statements._movements.take(account, [Moved(PAYOUT)])
    assert await told(kit) == [PAYOUT]
