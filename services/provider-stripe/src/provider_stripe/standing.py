"""How a dispute stands at Stripe, as an outcome. Pure."""

import re
from typing import cast, get_args

from malipo import clock
from malipo.contracts.outcomes import Disputed, DisputeStatus, Unknown
from malipo.money import Money
from provider_stripe.objects import StripeDispute

_TOKEN = re.compile(r"[\w.:-]{1,100}", re.ASCII)


def token(text: str | None) -> str | None:
    """A code or type of Stripe's; None for what does not look like one, and could be anything."""
    return text if text and _TOKEN.fullmatch(text) else None


def dispute_standing(dispute: StripeDispute) -> Disputed | Unknown:
    """How it stands; Stripe's words of its status are those of the contract. `ValueError` for an impossible amount.

    Whether the money is withdrawn its balance transactions say, whatever the status is.
    """
    if dispute.status not in get_args(DisputeStatus):
        return Unknown(reason=f"status {token(dispute.status)}", reference=dispute.id)
    due_by = dispute.evidence_details and dispute.evidence_details.due_by
    return Disputed(
        reference=dispute.id,
        amount=Money(dispute.amount, dispute.currency.upper()),
        status=cast("DisputeStatus", dispute.status),
        reason=token(dispute.reason),
        respond_by=clock.from_unix(due_by) if due_by else None,
        withdrawn=sum(one.amount for one in dispute.balance_transactions) < 0,
    )
