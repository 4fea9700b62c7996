"""What goes wrong at Daraja alone, beside the faults of every simulator."""

from enum import StrEnum


class MpesaFault(StrEnum):
    """Refusals and pages of its proxies, tokens that die early, and what its prompts and callbacks may do."""

    TOKEN_KILLED = "token_killed"  # noqa: S105 (a fault, no password)
    SYSTEM_BUSY = "system_busy"
    QUOTA_VIOLATION = "quota_violation"
    HTML_WITH_200 = "html_with_200"
    HTML_WITH_200_BEFORE_EFFECT = "html_with_200_before_effect"
