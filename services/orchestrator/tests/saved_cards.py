"""Saved cards for tests: as a provider tells of one, and a payment that is made with it."""

from malipo.contracts.commands import PaymentMethod, SavedReference
from malipo.contracts.events import PaymentTransitioned
from malipo.contracts.outcomes import Saved, Succeeded
from malipo.money import Money

KEPT = SavedReference(reference="pm_at_stripe", holder="cus_at_stripe")
VISA = Saved(method=KEPT, brand="visa", last_four="4242", exp_month=8, exp_year=2030, fingerprint="f1")
USD_10 = Money(1000, "USD")
PAID = Succeeded(amount=USD_10, reference="pi_1", saved=VISA)
PLAIN = Succeeded(amount=USD_10, reference="pi_1")


def paying_with(make, method_id: str, **changes):
    method = PaymentMethod(type="saved", details={"id": method_id, "initiator": "merchant"})
    return make.create(method=method, **changes)


def told(messages) -> list:
    """The saved methods that were told of, each with the event."""
    steps = [one for one in messages if isinstance(one, PaymentTransitioned) and one.payment_method]
    return [(one.payment_method, one.public_event.type) for one in steps]
