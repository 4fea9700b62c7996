"""A method that a payment has saved for later ones, as the orchestrator keeps it. Pure data."""

from dataclasses import dataclass
from datetime import datetime

from malipo.contracts.commands import PaymentMethod
from malipo.contracts.events import CardChange
from malipo.contracts.methods import SAVED


@dataclass(slots=True, kw_only=True)
class SavedMethod:
    """What a provider keeps under `reference`, of its own customer `holder`. Only these names leave us, and only to that provider.

    `changed` is what the card was before it was changed last. `payment_id` is the payment that has saved it; its merchant, mode, provider, account and customer are the method's.
    """

    id: str
    payment_id: str
    merchant_id: str
    mode: str
    type: str
    reference: str
    holder: str | None
    brand: str
    last_four: str
    exp_month: int
    exp_year: int
    fingerprint: str | None
    created_at: datetime
    updated_at: datetime
    changed: CardChange | None = None


def saved_before(method: PaymentMethod) -> str | None:
    """The id of the saved method that a payment is made with, if it is one."""
    return str(method.details.get("id")) if method.type == SAVED else None
