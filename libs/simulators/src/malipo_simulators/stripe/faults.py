"""What goes wrong at Stripe alone, beside the faults of every simulator."""

from enum import StrEnum


class StripeFault(StrEnum):
    """Wrong responses, its lock, and what its cards and refunds may do."""

    LOCK_TIMEOUT = "lock_timeout"
    AMOUNT_MISMATCH = "amount_mismatch"
    UNKNOWN_STATUS = "unknown_status"
    ACTION_WITHOUT_PAGE = "action_without_page"
    REFUND_PENDING_THEN_SUCCEEDS = "refund_pending_then_succeeds"
    REFUND_PENDING_THEN_FAILS = "refund_pending_then_fails"
    REFUND_SUCCEEDS_THEN_FAILS = "refund_succeeds_then_fails"
