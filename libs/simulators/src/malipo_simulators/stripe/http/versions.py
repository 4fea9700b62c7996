"""The Stripe-Version header, and what changed on which date."""

import re

from malipo_simulators.stripe.errors import StripeError, error_body, invalid
from malipo_simulators.stripe.settings import API_VERSION

VERSION = re.compile(r"(\d{4}-\d{2}-\d{2})(\.[a-z]+)?")
PAYMENT_METHOD_TYPES_REMOVED = "2026-09-30"


def checked_version(header: str | None) -> str:
    if header is None:
        return API_VERSION
    if VERSION.fullmatch(header) is None:
        raise invalid(f"Invalid Stripe API version: {header}")
    return header


def takes_payment_method_types(version: str) -> bool:
    """Up to the endive release (2026-09-30) a PaymentIntent could be given `payment_method_types`."""
    return version[:10] < PAYMENT_METHOD_TYPES_REMOVED


def types_no_longer_supported(noun: str) -> StripeError:
    message = f"payment_method_types can no longer be set on a {noun}; use allowed_payment_method_types."
    code = "payment_method_types_no_longer_supported"
    return StripeError(400, error_body("invalid_request_error", message, code, "payment_method_types"))
