"""A charge of a series shows which; the rules are the gateway's business."""

from malipo.contracts.commands import PaymentMethod
from malipo.contracts.identity import saved_id
from malipo.contracts.outcomes import Saved, SavedReference, Succeeded
from malipo.money import Money

KEPT = Saved(
    method=SavedReference(reference="pm_at_stripe"), brand="visa", last_four="4242", exp_month=8, exp_year=2030
)
PAID = Succeeded(amount=Money(1000, "USD"), reference="pi_1", saved=KEPT)


async def test_a_charge_of_a_series_names_it_in_every_step(orchestrator, make):
    saving = make.create(save_method=True, customer_ref="customer-7")
    steps = await orchestrator.handle(saving, make.report(saving.payment_id, PAID))
    assert {one.payment.series for one in steps if hasattr(one, "payment")} == {None}
    details = {"id": saved_id(saving.payment_id), "initiator": "merchant", "series": "mandate-7"}
    charge = make.create(method=PaymentMethod(type="saved", details=details))
    begun, command = await orchestrator.handle(charge)
    assert (begun.payment.series, command.method.details) == ("mandate-7", details)
    [done] = await orchestrator.handle(make.paid(charge.payment_id))
    assert done.payment.series == "mandate-7"
