"""What goes wrong at PayPal alone, beside the faults of every simulator."""

from enum import StrEnum


class PaypalFault(StrEnum):
    """Tokens that die early, what captures and payers may do, answers that are not as they should be, and bad signatures."""

    TOKEN_EXPIRED_EARLY = "token_expired_early"  # noqa: S105 (a fault, no password)
    INSTRUMENT_DECLINED = "instrument_declined"
    CAPTURE_DECLINED = "capture_declined"
    CAPTURE_PENDING = "capture_pending"
    CAPTURE_PENDING_THEN_DENIED = "capture_pending_then_denied"
    REFUND_PENDING = "refund_pending"
    REFUND_PENDING_THEN_FAILS = "refund_pending_then_fails"
    APPROVAL_UNSEEN = "approval_unseen"
    ORDER_COMPLETION_IN_PROGRESS = "order_completion_in_progress"
    DUPLICATE_APPROVAL = "duplicate_approval"
    UNKNOWN_ISSUE = "unknown_issue"
    UNKNOWN_ISSUE_AFTER_EFFECT = "unknown_issue_after_effect"
    UNKNOWN_STATUS = "unknown_status"
    AMOUNT_MISMATCH = "amount_mismatch"
    MINIMAL_ANSWER = "minimal_answer"
    WEBHOOK_WRONG_ID = "webhook_wrong_id"
    WEBHOOK_CERT_ELSEWHERE = "webhook_cert_elsewhere"
    WEBHOOK_CERT_EXPIRED = "webhook_cert_expired"
    WEBHOOK_CERT_OTHER_NAME = "webhook_cert_other_name"
    WEBHOOK_CERT_UNTRUSTED = "webhook_cert_untrusted"
