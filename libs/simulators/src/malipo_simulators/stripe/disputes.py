"""Disputes: a customer asks the bank for the money back, which takes it at once and decides later."""

from typing import Literal

from malipo_simulators.stripe.book import Kind
from malipo_simulators.stripe.errors import refused_state
from malipo_simulators.stripe.models import Charge, Dispute, DisputeStatus
from malipo_simulators.stripe.refunds import chargeable
from malipo_simulators.stripe.shapes import Json
from malipo_simulators.stripe.work import Work

type Verdict = Literal["won", "lost"]


def open_dispute(work: Work, charge: Charge, amount: int | None, reason: str) -> Dispute:
    """Take back what the customer has paid, or a part; 400 when there is nothing, or it is disputed already."""
    amount = amount or chargeable(charge).refundable
    if not 1 <= amount <= charge.refundable:
        raise refused_state(f"Charge {charge.id} has {charge.refundable} left to dispute.")
    dispute = Dispute(work.mint("du"), charge, amount, work.now, reason)
    charge.dispute = dispute
    work.account.disputes.append(dispute)
    work.account.earn(charge.intent.currency, -amount)
    work.book(Kind.DISPUTE, charge, amount)
    work.tell_dispute("created", dispute)
    work.tell_dispute("funds_withdrawn", dispute)
    return dispute


def close_dispute(work: Work, dispute: Dispute, verdict: Verdict) -> bool:
    """The bank has decided: what is won comes back. False if it had decided already."""
    if dispute.status is not DisputeStatus.NEEDS_RESPONSE:
        return False
    previous: Json = {"status": dispute.status}
    dispute.status = DisputeStatus(verdict)
    if dispute.status is DisputeStatus.WON:
        work.account.earn(dispute.charge.intent.currency, dispute.amount)
        work.book(Kind.DISPUTE_WON, dispute.charge, dispute.amount)
        work.tell_dispute("funds_reinstated", dispute)
    work.tell_dispute("closed", dispute, previous)
    return True
