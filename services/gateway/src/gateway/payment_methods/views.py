"""What merchants see of a saved method: as the orchestrator has told it, by what was accepted here since, and at this time. Pure."""

from datetime import datetime

from msgspec.structs import replace

from malipo.contracts.events import PaymentMethodView
from malipo.contracts.methods import is_over


def shown(method: PaymentMethodView, detach_id: str | None, now: datetime) -> PaymentMethodView:
    """The method as it is now. Once its detach is accepted it is no more `active`, though nobody has told so yet."""
    status = "detaching" if detach_id is not None and method.status == "active" else method.status
    card = method.card
    over = card is not None and is_over(card.exp_year, card.exp_month, now)
    return replace(method, status=status, card=card and replace(card, expired=over))
