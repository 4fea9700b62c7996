"""PayPal's issues: what each says of whether money has moved. From the errors of Orders v2 (2.13) and Payments v2 (2.5)."""

LOOK_AT_ORDER = frozenset(
    {
        *("ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_AUTHORIZED", "ORDER_COMPLETED_OR_VOIDED"),
        *("ORDER_COMPLETION_IN_PROGRESS", "MAX_AUTHORIZATION_COUNT_EXCEEDED", "DUPLICATE_INVOICE_ID"),
        *("AUTHORIZATION_ALREADY_CAPTURED", "PREVIOUSLY_CAPTURED", "PREVIOUSLY_VOIDED"),
    }
)
"""Something was done before, perhaps by this very operation: the order's payments tell."""

NOT_APPROVED = "ORDER_NOT_APPROVED"
"""Nothing has moved. It comes of an order that shows as approved as well, whose approval is not known everywhere at PayPal yet."""

PAYER_MUST_APPROVE = frozenset(
    {
        *("INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED", "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING"),
        NOT_APPROVED,
    }
)
"""Nothing has moved, and the payer may choose another way to pay."""

SPENT = frozenset({"CAPTURE_FULLY_REFUNDED", "REFUND_AMOUNT_EXCEEDED", "MAX_NUMBER_OF_REFUNDS_EXCEEDED"})
"""Nothing has moved by this request; an earlier one of the same refund may be why."""

DECLINED = SPENT | frozenset(
    {
        # Of an order that is captured or authorized:
        *("ACTION_DOES_NOT_MATCH_INTENT", "AGREEMENT_ALREADY_CANCELLED", "AUTHORIZATION_AMOUNT_EXCEEDED"),
        *("AUTHORIZATION_CURRENCY_MISMATCH", "AUTH_CAPTURE_NOT_ENABLED", "BILLING_AGREEMENT_NOT_FOUND"),
        *("COMPLIANCE_VIOLATION", "DECLINED_DUE_TO_RELATED_TXN", "DOMESTIC_TRANSACTION_REQUIRED"),
        *("MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", "ORDER_EXPIRED", "PAYEE_ACCOUNT_INVALID"),
        *("PAYEE_ACCOUNT_LOCKED_OR_CLOSED", "PAYEE_ACCOUNT_RESTRICTED", "PAYEE_BLOCKED_TRANSACTION"),
        *("PAYER_ACCOUNT_LOCKED_OR_CLOSED", "PAYER_ACCOUNT_RESTRICTED", "PAYER_CANNOT_PAY"),
        *("PAYMENT_SOURCE_CANNOT_BE_USED", "PAYMENT_SOURCE_DECLINED_BY_PROCESSOR"),
        *("PAYMENT_SOURCE_INFO_CANNOT_BE_VERIFIED", "PAYMENT_SOURCE_NOT_SUPPORTED", "SHIPPING_ADDRESS_INVALID"),
        *("TOKEN_EXPIRED", "TRANSACTION_BLOCKED_BY_PAYEE", "TRANSACTION_LIMIT_EXCEEDED"),
        *("TRANSACTION_RECEIVING_LIMIT_EXCEEDED", "TRANSACTION_REFUSED", "UNSUPPORTED_INTENT_FOR_PAYMENT_SOURCE"),
        # Of an authorization that is captured, reauthorized or voided:
        *("AUTHORIZATION_DENIED", "AUTHORIZATION_EXPIRED", "AUTHORIZATION_VOIDED"),
        *("AUTH_CAPTURE_CURRENCY_MISMATCH", "AUTH_CURRENCY_MISMATCH", "CANNOT_BE_VOIDED"),
        *("MAX_CAPTURE_AMOUNT_EXCEEDED", "MAX_CAPTURE_COUNT_EXCEEDED", "REAUTHORIZATION_NOT_SUPPORTED"),
        # Of a refund:
        *("CURRENCY_MISMATCH", "PARTIAL_REFUND_NOT_ALLOWED", "PENDING_CAPTURE", "REFUND_AMOUNT_TOO_LOW"),
        *("REFUND_CAPTURE_CURRENCY_MISMATCH", "REFUND_FAILED_INSUFFICIENT_FUNDS", "REFUND_IS_RESTRICTED"),
        *("REFUND_NOT_ALLOWED", "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK", "REFUND_TIME_LIMIT_EXCEEDED"),
        "TRANSACTION_DISPUTED",
        # Of any amount:
        *("CANNOT_BE_NEGATIVE", "CANNOT_BE_ZERO_OR_NEGATIVE", "DECIMALS_NOT_SUPPORTED", "DECIMAL_PRECISION"),
        *("INVALID_CURRENCY_CODE", "MAX_VALUE_EXCEEDED"),
    }
)
"""Nothing has moved, and nothing will by this request. An issue that is not listed here is a doubt: PayPal adds some."""

IN_PROGRESS = "PREVIOUS_REQUEST_IN_PROGRESS"
"""Another request about the same is being carried out, and this one is not."""
ACCOUNT_INVALID = "INVALID_ACCOUNT_STATUS"
"""It comes with a 401, and is about the merchant's account, not the access token: a new one mends nothing."""
NO_SUCH_RESOURCE = "INVALID_RESOURCE_ID"
"""The id in the path names nothing. A 404 without it may be of a path that is wrong, or of a proxy."""
