"""Disputes: a customer asks the bank for the money back, which takes it at once and decides later. Here the book is written."""

from typing import Literal

from malipo_simulators.stripe.errors import refused_state
from malipo_simulators.stripe.objects.ledger import BalanceTransaction, Movement
from malipo_simulators.stripe.objects.metadata import merge_metadata
from malipo_simulators.stripe.objects.models import Charge, Dispute, DisputeStatus, EarlyFraudWarning
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.state.balance import DISPUTE_FEE, move_balance
from malipo_simulators.stripe.state.book import EffectKind
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.moved import Moved
from malipo_simulators.stripe.state.settling import settle

type Verdict = Literal["won", "lost"]

SECONDS_TO_ANSWER = 7 * 86_400
VERDICTS: dict[str, Verdict] = {"winning_evidence": "won", "losing_evidence": "lost"}
ESCALATING = "escalate_inquiry_evidence"
"""What Stripe's test mode reads in `uncategorized_text`."""


def open_dispute(
    change: Change,
    charge: Charge,
    amount: int | None,
    reason: str,
    *,
    inquiry: bool = False,
    at_most: int | None = None,
) -> Dispute:
    """Take back what the customer has paid, or a part; 400 when there is nothing left.

    An `inquiry` only asks. A bank that converts currencies may take up to `at_most`, which is more than was paid.
    """
    amount = amount or charge.disputable
    if not 1 <= amount <= (at_most or charge.disputable) or charge.disputable < 1:
        raise refused_state(f"Charge {charge.id} has {charge.disputable} left to dispute.")
    dispute = Dispute(change.mint("du"), charge, amount, change.now, reason, change.now + SECONDS_TO_ANSWER)
    if inquiry:
        dispute.status = DisputeStatus.WARNING_NEEDS_RESPONSE
    before = render(charge)
    charge.disputes.append(dispute)
    change.account.disputes.append(dispute)
    withdrawn = None if inquiry else withdraw(change, dispute)
    change.emit("charge.dispute.created", dispute)
    change.emit_update("charge.updated", charge, before)
    if withdrawn:
        change.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def withdraw(change: Change, dispute: Dispute) -> BalanceTransaction:
    """The bank takes the money, and Stripe its fee, which never comes back."""
    settle(change, dispute.charge)
    moved = Moved(
        kind=Movement.ADJUSTMENT,
        amount=-dispute.amount,
        currency=dispute.charge.intent.currency,
        category="dispute",
        fee=DISPUTE_FEE,
        description=f"Chargeback withdrawal for {dispute.charge.id}",
        fee_description="Dispute fee",
    )
    taken = move_balance(change, dispute, moved)
    dispute.transactions.append(taken)
    change.book(EffectKind.DISPUTE, dispute.charge, dispute.amount, fee=DISPUTE_FEE)
    return taken


def reinstate(change: Change, dispute: Dispute) -> None:
    moved = Moved(
        kind=Movement.ADJUSTMENT,
        amount=dispute.amount,
        currency=dispute.charge.intent.currency,
        category="dispute_reversal",
        description=f"Chargeback reversal for {dispute.charge.id}",
    )
    dispute.transactions.append(move_balance(change, dispute, moved))
    change.book(EffectKind.DISPUTE_WON, dispute.charge, dispute.amount)


def close_dispute(change: Change, dispute: Dispute, verdict: Verdict) -> bool:
    """The bank has decided: what is won comes back. False if it had decided already.

    An inquiry has no verdict: it is closed, or becomes a dispute that is lost.
    """
    if not dispute.status.is_open:
        return False
    if dispute.status.is_inquiry and verdict == "lost":
        escalate(change, dispute)
    before = render(dispute)
    dispute.status = DisputeStatus.WARNING_CLOSED if dispute.status.is_inquiry else DisputeStatus(verdict)
    if dispute.status is DisputeStatus.WON:
        reinstate(change, dispute)
        change.emit("charge.dispute.funds_reinstated", dispute)
    change.emit_update("charge.dispute.closed", dispute, before)
    return True


def escalate(change: Change, dispute: Dispute) -> None:
    """An inquiry becomes a dispute, and now the money goes."""
    before = render(dispute)
    dispute.status = DisputeStatus.NEEDS_RESPONSE
    withdraw(change, dispute)
    change.emit_update("charge.dispute.updated", dispute, before)
    change.emit("charge.dispute.funds_withdrawn", dispute)


def answer(
    change: Change, dispute: Dispute, evidence: dict[str, str], metadata: dict[str, str], *, submit: bool
) -> None:
    """Keep evidence, and with `submit` show it to the bank, which is done once; 400 for a dispute that is decided."""
    if evidence and not dispute.status.is_open:
        raise refused_state(f"This dispute is already closed: its status is {dispute.status}.")
    if evidence and dispute.submissions:
        raise refused_state("Evidence has already been submitted for this dispute.")
    before = render(dispute)
    merge_metadata(dispute.evidence, evidence)
    merge_metadata(dispute.metadata, metadata)
    if submit and dispute.evidence and dispute.status.is_open and not dispute.submissions:
        dispute.submissions += 1
        inquiry = dispute.status.is_inquiry
        dispute.status = DisputeStatus.WARNING_UNDER_REVIEW if inquiry else DisputeStatus.UNDER_REVIEW
        plan_verdict(change, dispute)
    if render(dispute) != before:
        change.emit_update("charge.dispute.updated", dispute, before)


def plan_verdict(change: Change, dispute: Dispute) -> None:
    """Evidence that decides in Stripe's test mode decides here, too; for any other a person plays the bank."""
    text = dispute.evidence.get("uncategorized_text", "")
    later, seconds = change.later("/_sim/disputes"), change.world.settings.aftermath_seconds
    if text == ESCALATING and dispute.status.is_inquiry:
        change.world.timers.later(seconds, lambda: escalate(later, dispute) if dispute.status.is_inquiry else None)
    elif verdict := VERDICTS.get(text):
        change.world.timers.later(seconds, lambda: close_dispute(later, dispute, verdict))


def warn(change: Change, charge: Charge, fraud_type: str = "unauthorized_use_of_card") -> EarlyFraudWarning:
    """The issuer reports fraud, before anybody disputes; at most once for a charge."""
    if charge.warning is None:
        charge.warning = EarlyFraudWarning(change.mint("issfr"), charge, change.now, fraud_type)
        change.account.warnings.append(charge.warning)
        change.emit("radar.early_fraud_warning.created", charge.warning)
    return charge.warning
