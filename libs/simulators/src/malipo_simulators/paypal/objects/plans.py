"""What payers do by themselves, and what they pay with."""

from enum import StrEnum


class Funding(StrEnum):
    """What a payer pays with. It decides what becomes of the payment.

    `declined_card` is refused as INSTRUMENT_DECLINED, and the payer may choose again; `failing_card` makes a capture that
    is DECLINED; an `echeck` and a payment under `review` are pending first, and the `bouncing_` and `denied_` end badly.
    """

    BALANCE = "balance"
    DECLINED_CARD = "declined_card"
    FAILING_CARD = "failing_card"
    ECHECK = "echeck"
    BOUNCING_ECHECK = "bouncing_echeck"
    REVIEW = "review"
    DENIED_REVIEW = "denied_review"


class Plan(StrEnum):
    """`approve_twice` clicks twice. `decline_then_approve` pays with a declined card first, and then from the balance.

    `decline` never has another card. The `pending_` and `denied` ones approve, and the money is long on its way;
    `capture_declined` approves, and the capture itself is DECLINED. `refuse` goes back to the shop, `never` does nothing.
    """

    APPROVE = "approve"
    APPROVE_TWICE = "approve_twice"
    DECLINE_THEN_APPROVE = "decline_then_approve"
    DECLINE = "decline"
    CAPTURE_DECLINED = "capture_declined"
    PENDING_THEN_COMPLETED = "pending_then_completed"
    PENDING_THEN_DENIED = "pending_then_denied"
    REVIEW_THEN_COMPLETED = "review_then_completed"
    REVIEW_THEN_DENIED = "review_then_denied"
    REFUSE = "refuse"
    NEVER = "never"


FUNDINGS: dict[Plan, tuple[Funding, ...]] = {
    Plan.APPROVE: (Funding.BALANCE,),
    Plan.APPROVE_TWICE: (Funding.BALANCE,),
    Plan.DECLINE_THEN_APPROVE: (Funding.DECLINED_CARD, Funding.BALANCE),
    Plan.DECLINE: (Funding.DECLINED_CARD,),
    Plan.CAPTURE_DECLINED: (Funding.FAILING_CARD,),
    Plan.PENDING_THEN_COMPLETED: (Funding.ECHECK,),
    Plan.PENDING_THEN_DENIED: (Funding.BOUNCING_ECHECK,),
    Plan.REVIEW_THEN_COMPLETED: (Funding.REVIEW,),
    Plan.REVIEW_THEN_DENIED: (Funding.DENIED_REVIEW,),
    Plan.REFUSE: (),
    Plan.NEVER: (),
}
"""What is paid with, the first time and each time that the payer is sent back; the last one is kept to."""
