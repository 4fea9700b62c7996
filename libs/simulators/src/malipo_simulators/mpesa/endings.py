"""How a prompt may end, with what M-Pesa says of each."""

from enum import StrEnum

from malipo_simulators.mpesa.result_codes import (
    ABOVE_MOST,
    DONE,
    INSUFFICIENT,
    INVALID_INITIATOR,
    LOCKED,
    UNKNOWN,
    ResultCode,
)


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


RESULTS = {
    Ending.PAID: DONE,
    Ending.INSUFFICIENT: INSUFFICIENT,
    Ending.BELOW_MINIMUM: ResultCode(2, "Declined due to limit rule."),
    Ending.ABOVE_MAXIMUM: ABOVE_MOST,
    Ending.DAILY_LIMIT: ResultCode(4, "Declined due to limit rule: would exceed daily transfer limit."),
    Ending.MAXIMUM_BALANCE: ResultCode(8, "Declined due to limit rule: would exceed the maximum balance."),
    Ending.RULE_LIMITED: ResultCode(17, "Rule limited."),
    Ending.SYSTEM_BUSY: ResultCode(26, "System busy. The transaction could not be processed at the moment."),
    Ending.SUBSCRIBER_LOCKED: ResultCode(1001, "Unable to lock subscriber, a transaction is already in process."),
    Ending.EXPIRED: ResultCode(1019, "Transaction has expired."),
    Ending.PUSH_ERROR: ResultCode(1025, "An error occurred while sending a push request."),
    Ending.CANCELLED: ResultCode(1032, "Request cancelled by user"),
    Ending.TIMEOUT: ResultCode(1037, "DS timeout user cannot be reached."),
    Ending.WRONG_PIN: INVALID_INITIATOR,
    Ending.NOT_PERMITTED: ResultCode(2028, "The request is not permitted according to product assignment."),
    Ending.CREDENTIAL_LOCKED: LOCKED,
    Ending.PUSH_FAILED: ResultCode(9999, "An error occurred while sending a push request."),
    Ending.OPERATOR_UNKNOWN: ResultCode("SFC_IC0003", "The operator does not exist."),
    Ending.UNKNOWN_CODE: UNKNOWN,
}
