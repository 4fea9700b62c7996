"""How a prompt may end, with the code and the text that Daraja has for it."""

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """In the order of their codes."""

    PAID = "paid"
    INSUFFICIENT = "insufficient"
    BELOW_MINIMUM = "below_minimum"
    ABOVE_MAXIMUM = "above_maximum"
    DAILY_LIMIT = "daily_limit"
    MAXIMUM_BALANCE = "maximum_balance"
    RULE_LIMITED = "rule_limited"
    SYSTEM_BUSY = "system_busy"
    SUBSCRIBER_LOCKED = "subscriber_locked"
    EXPIRED = "expired"
    PUSH_ERROR = "push_error"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    WRONG_PIN = "wrong_pin"
    NOT_PERMITTED = "not_permitted"
    CREDENTIAL_LOCKED = "credential_locked"
    PUSH_FAILED = "push_failed"
    OPERATOR_UNKNOWN = "operator_unknown"
    UNKNOWN_CODE = "unknown_code"


@dataclass(frozen=True, slots=True)
class Result:
    code: int | str
    text: str


RESULTS = {
    Ending.PAID: Result(0, "The service request is processed successfully."),
    Ending.INSUFFICIENT: Result(1, "The balance is insufficient for the transaction."),
    Ending.BELOW_MINIMUM: Result(2, "Declined due to limit rule."),
    Ending.ABOVE_MAXIMUM: Result(3, "Declined due to limit rule: greater than the maximum transaction amount."),
    Ending.DAILY_LIMIT: Result(4, "Declined due to limit rule: would exceed daily transfer limit."),
    Ending.MAXIMUM_BALANCE: Result(8, "Declined due to limit rule: would exceed the maximum balance."),
    Ending.RULE_LIMITED: Result(17, "Rule limited."),
    Ending.SYSTEM_BUSY: Result(26, "System busy. The transaction could not be processed at the moment."),
    Ending.SUBSCRIBER_LOCKED: Result(1001, "Unable to lock subscriber, a transaction is already in process."),
    Ending.EXPIRED: Result(1019, "Transaction has expired."),
    Ending.PUSH_ERROR: Result(1025, "An error occurred while sending a push request."),
    Ending.CANCELLED: Result(1032, "Request cancelled by user"),
    Ending.TIMEOUT: Result(1037, "DS timeout user cannot be reached."),
    Ending.WRONG_PIN: Result(2001, "The initiator information is invalid."),
    Ending.NOT_PERMITTED: Result(2028, "The request is not permitted according to product assignment."),
    Ending.CREDENTIAL_LOCKED: Result(8006, "The security credential is locked."),
    Ending.PUSH_FAILED: Result(9999, "An error occurred while sending a push request."),
    Ending.OPERATOR_UNKNOWN: Result("SFC_IC0003", "The operator does not exist."),
    Ending.UNKNOWN_CODE: Result(5417, "A result that no document names."),
}
