"""The ids that a provider gives: all are kept, under every name, and an operation is found by any of them."""

from malipo.contracts.outcomes import ActionRequired, PhonePrompt, Reversed, Succeeded, Unknown
from malipo.money import Money
from provider_kit.provider import CallbackOutcome, ParsedCallback
from provider_kit.references import CUSTOMER

USD_10 = Money(1000, "USD")


async def paid_in_two_steps(kit, make, monkeypatch) -> None:
    """A charge whose id was an order's at first, and a capture's once it was paid."""

    async def execute(attempt):
        attempt.references.note("order", "or_1")
        return ActionRequired(action=PhonePrompt("2547*****12"), reference="or_1")

    monkeypatch.setattr(kit.provider, "execute", execute)
    kit.provider.script = [Succeeded(amount=USD_10, reference="cap_1")]
    await kit.handle(make.charge())
    await kit.run()
    await kit.handle(make.query())
    await kit.run()
    await kit.reports()


async def test_ids_that_come_under_one_name_are_all_kept_and_one_id_may_have_two_names(kit, make, monkeypatch):
    await paid_in_two_steps(kit, make, monkeypatch)
    original = await kit.attempts.original("pay_1.1")
    assert set(original.references) == {("main", "or_1"), ("order", "or_1"), ("main", "cap_1")}


async def test_a_provider_asks_for_the_ids_of_one_name_or_the_last_of_them(kit, make, monkeypatch):
    await paid_in_two_steps(kit, make, monkeypatch)
    await kit.handle(make.query())
    await kit.run()
    references = kit.provider.queried[-1].references
    assert (references.all("main"), references.get("main"), references.get("order")) == (
        ["or_1", "cap_1"],
        "cap_1",
        "or_1",
    )


async def test_a_return_that_names_the_later_of_two_ids_is_believed(kit, make, monkeypatch):
    await paid_in_two_steps(kit, make, monkeypatch)
    back = CallbackOutcome(operation_id="pay_1.1", kind="charge", outcome=Reversed(code="R10", reference="cap_1"))
    account = await kit.credentials.by_id("cred_1")
    assert await kit.door.take(account, ParsedCallback("evt_1", [back])) == "stored"
    assert await kit.outcomes() == [back.outcome]


async def test_an_operation_of_which_only_its_customer_is_known_is_told_by_a_callback(kit, make, monkeypatch):
    async def prepare(attempt):
        attempt.references.note(CUSTOMER, "cus_1")

    monkeypatch.setattr(kit.provider, "prepare", prepare)
    kit.provider.script = [Unknown(reason="silence")]
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()
    paid = Succeeded(amount=USD_10, reference="obj_1")
    told = CallbackOutcome(operation_id="pay_1.1", kind="charge", outcome=paid)
    assert await kit.door.take(await kit.credentials.by_id("cred_1"), ParsedCallback("evt_1", [told])) == "stored"
    assert await kit.outcomes() == [paid]
