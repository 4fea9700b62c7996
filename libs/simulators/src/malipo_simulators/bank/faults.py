"""What goes wrong at the bank alone, beside the faults of every simulator."""

from enum import StrEnum


class BankFault(StrEnum):
    """Tokens that die early, answers that are not as they should be, webhooks whose key nobody knows."""

    TOKEN_EXPIRED_EARLY = "token_expired_early"  # noqa: S105 (a fault, no password)
    AMOUNT_MISMATCH = "amount_mismatch"
    UNKNOWN_STATUS = "unknown_status"
    READ_LAG = "read_lag"
    STATEMENT_UNBALANCED = "statement_unbalanced"
    STATEMENT_ENTRY_MISSING = "statement_entry_missing"
    WEBHOOK_UNKNOWN_KEY = "webhook_unknown_key"
