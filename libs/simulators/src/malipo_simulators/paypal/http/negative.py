"""Negative tests as PayPal's sandbox has them: a header that names the error to answer, whatever was asked for."""

import json

from malipo_simulators.paypal.errors import ENVELOPES, PaypalError, detail
from malipo_simulators.paypal.objects.values import as_list, as_object
from malipo_simulators.paypal.spec import issues_of

HEADER = "paypal-mock-response"
NAMES = {name: status for status, (name, _) in ENVELOPES.items()}


def mocked(header: str | None, call: str) -> PaypalError | None:
    """`{"mock_application_codes": "INSTRUMENT_DECLINED"}`: an issue of this call, or the name of an error.

    As documented, anything else is answered as if the header were not there. Nothing happens to what was asked for.
    """
    code = code_in(header)
    if code in NAMES:
        return PaypalError(NAMES[code])
    status, words = issues_of(call).get(code, (0, ""))
    return PaypalError(status, [detail(code, words)]) if status else None


def code_in(header: str | None) -> str:
    try:
        given = as_object(json.loads(header or "{}")) or {}
    except (ValueError, RecursionError):
        return ""
    codes = given.get("mock_application_codes")
    several = as_list(codes)
    return str(several[0] if several else codes)
