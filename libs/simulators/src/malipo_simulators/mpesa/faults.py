"""What goes wrong at Daraja alone, beside the faults of every simulator."""

from enum import StrEnum


class MpesaFault(StrEnum):
    """Refusals and pages of its proxies, tokens that die early, and what its prompts and callbacks may do."""

    TOKEN_KILLED = "token_killed"  # noqa: S105 (a fault, no password)
    SYSTEM_BUSY = "system_busy"
    QUOTA_VIOLATION = "quota_violation"
    HTML_WITH_200 = "html_with_200"
    HTML_WITH_200_BEFORE_EFFECT = "html_with_200_before_effect"
    PAID_AFTER_TIMEOUT = "paid_after_timeout"
    UNKNOWN_CODE = "unknown_code"
    AMOUNT_MISMATCH = "amount_mismatch"
    RESULT_CODE_AS_TEXT = "result_code_as_text"
    FORGED_SUCCESS = "forged_success"
    PULL_ROW_MISSING_FOR = "pull_row_missing_for"
    QUEUE_TIMEOUT = "queue_timeout"


class PullQuirk(StrEnum):
    """How Pull Transactions has been seen to answer, beside what is documented: always (a setting), or once (a fault)."""

    FLAT = "pull_flat"
    SPACED_KEYS = "pull_spaced_keys"
    EMPTY_AS_ERROR = "pull_empty_as_error"
    UTC = "pull_utc"
