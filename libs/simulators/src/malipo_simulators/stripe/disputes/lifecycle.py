"""Disputes: a customer asks the bank for the money back, which takes it at once and decides later."""

from typing import Literal

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import refused_state
from malipo_simulators.stripe.objects.models import Charge, Dispute, DisputeStatus
from malipo_simulators.stripe.refunds.lifecycle import chargeable
from malipo_simulators.stripe.state.book import EffectKind
from malipo_simulators.stripe.state.change import Change

type Verdict = Literal["won", "lost"]


def open_dispute(change: Change, charge: Charge, amount: int | None, reason: str) -> Dispute:
    """Take back what the customer has paid, or a part; 400 when there is nothing, or it is disputed already."""
    amount = amount or chargeable(charge).refundable
    if not 1 <= amount <= charge.refundable:
        raise refused_state(f"Charge {charge.id} has {charge.refundable} left to dispute.")
    dispute = Dispute(change.mint("du"), charge, amount, change.now, reason)
    charge.dispute = dispute
    change.account.disputes.append(dispute)
    change.account.earn(charge.intent.currency, -amount)
    change.book(EffectKind.DISPUTE, charge, amount)
    change.emit_dispute("created", dispute)
    change.emit_dispute("funds_withdrawn", dispute)
    return dispute


def close_dispute(change: Change, dispute: Dispute, verdict: Verdict) -> bool:
    """The bank has decided: what is won comes back. False if it had decided already."""
    if dispute.status is not DisputeStatus.NEEDS_RESPONSE:
        return False
    previous: Json = {"status": dispute.status}
    dispute.status = DisputeStatus(verdict)
    if dispute.status is DisputeStatus.WON:
        change.account.earn(dispute.charge.intent.currency, dispute.amount)
        change.book(EffectKind.DISPUTE_WON, dispute.charge, dispute.amount)
        change.emit_dispute("funds_reinstated", dispute)
    change.emit_dispute("closed", dispute, previous)
    return True
