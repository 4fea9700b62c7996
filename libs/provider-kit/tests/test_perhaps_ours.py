"""Reports of what may as well be nothing of ours, as a saved method's: what is ours is asked about, of the rest nobody hears."""

import pytest
from structlog.testing import capture_logs

from malipo.contracts.outcomes import Detached, Succeeded, Unknown
from malipo.contracts.provider_commands import Detach
from malipo.money import Money
from provider_kit.provider import NamedOperation, ParsedCallback
from testkit.operations import detach

PAID = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
METHOD = NamedOperation(kind="charge", references={"payment_method": "pm_1"}, perhaps=True)


@pytest.fixture
def keeping(kit, monkeypatch):
    """A provider that keeps the method of each charge, under one name."""
    execute = kit.provider.execute

    async def kept(attempt):
        attempt.references.note("payment_method", "pm_1")
        return await execute(attempt)

    monkeypatch.setattr(kit.provider, "execute", kept)


async def take(kit, callback_id: str = "evt_1", source: str = "callback") -> str:
    account = await kit.credentials.by_id("cred_1")
    return await kit.door.take(account, ParsedCallback(callback_id, ask=[METHOD]), source=source)


async def pay(kit, make, *numbers: int) -> None:
    kit.provider.script = [PAID for _ in numbers]
    await kit.handle(*[make.charge(number) for number in numbers])
    await kit.run()
    await kit.reports()


async def test_what_is_none_of_ours_is_kept_nowhere_and_nobody_is_told(kit):
    with capture_logs() as lines:
        assert await take(kit) == "not_ours"
    assert [line for line in lines if line["event"] == "unmatched callback"] == []
    assert await kit.database.reads.fetchval("SELECT count(*) FROM unmatched") == 0
    assert await kit.run() == 0


@pytest.mark.usefixtures("keeping")
async def test_the_operation_that_is_known_by_its_name_is_only_read_about(kit, make):
    await pay(kit, make, 1)
    assert await take(kit) == "stored"
    kit.provider.script = [PAID]
    assert await kit.run() == 1
    [asked] = kit.provider.queried
    assert (asked.operation.operation_id, asked.same_account) == ("pay_1.1", False)
    [answer] = await kit.reports()
    assert (answer.source, answer.outcome) == ("query", PAID)


@pytest.mark.usefixtures("keeping")
async def test_of_one_that_two_payments_have_saved_both_are_asked_about(kit, make):
    await pay(kit, make, 1, 2)
    await take(kit)
    kit.provider.script = [PAID, PAID]
    await kit.run()
    assert {one.operation.payment_id for one in kit.provider.queried} == {"pay_1", "pay_2"}


@pytest.mark.usefixtures("keeping")
async def test_one_that_overtakes_the_answer_with_its_name_is_asked_about_once_it_is_fetched_again(kit, make):
    assert await take(kit) == "not_ours"
    await pay(kit, make, 1)
    await take(kit, source="reconciliation")
    kit.provider.script = [PAID]
    assert await kit.run() == 1


async def test_a_detach_is_sent_by_its_methods_name_and_its_end_is_told(kit):
    command = detach()
    kit.provider.script = [Detached()]
    await kit.handle(command)
    await kit.run()
    [told] = await kit.reports()
    assert (told.kind, told.operation_id, told.outcome) == ("detach", "det_1", Detached())


async def test_a_detach_that_is_answered_with_money_is_in_doubt(kit):
    kit.provider.script = [PAID]
    await kit.handle(detach())
    await kit.run()
    assert await kit.outcomes() == [Unknown(reason="amount_mismatch", reference="obj_1")]


async def test_a_detach_in_doubt_is_asked_about_as_what_it_was(kit, make):
    kit.provider.script = [Unknown(reason="silence"), Detached()]
    await kit.handle(detach())
    await kit.run()
    await kit.handle(make.query("det_1", "detach", reference="ref_method"))
    await kit.run()
    assert isinstance(kit.provider.queried[0].operation, Detach)
    assert (await kit.outcomes())[-1] == Detached()
