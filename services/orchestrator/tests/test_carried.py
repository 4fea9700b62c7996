"""What a payment carries from its merchant to the provider, and from the provider to its merchant. Real database."""

from malipo.contracts.outcomes import Approved
from orchestrator import commands, store


async def test_a_charge_says_where_the_customer_returns_to_also_when_it_is_repeated(orchestrator, make):
    pages = {"return_url": "https://shop.example/back", "cancel_url": "https://shop.example/basket"}
    create = make.create(**pages)
    [transition, charge] = await orchestrator.handle(create)
    kept, _ = await store.read(orchestrator.database.reads, {create.payment_id})
    repeated = commands.operation_command(kept[create.payment_id], None)
    for one in (transition.payment, charge, repeated):
        assert {name: getattr(one, name) for name in pages} == pages


async def test_a_payment_shows_who_pays_as_the_provider_has_told_it_first(orchestrator, make):
    create = make.create()
    approved = Approved(reference="or_1", payer="j***@e***.com")
    await orchestrator.handle(create, make.report(create.payment_id, approved))
    [done] = await orchestrator.handle(make.paid(create.payment_id))
    assert done.payment.payer == "j***@e***.com"
