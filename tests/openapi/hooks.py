"""What no schema can express of the API: keys are new, payments need credentials, times pass, no amount has a point."""

import os
import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import schemathesis

from malipo import clock, ids
from malipo.contracts.providers import PROVIDERS

_MOMENT = re.compile(r"20\d\d-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_GOOD_KEY = re.compile("[!-~](?:[ -~]{0,198}[!-~])?")
_LABEL = re.compile("[a-z0-9][a-z0-9-]{0,31}")
_NEEDS_CREDENTIALS = re.compile("POST /v1/payments(?:/.*/(?:capture|refunds))?")
_MERCHANT = httpx.Client(base_url=os.environ["MALIPO_URL"], headers={"X-API-Key": os.environ["MALIPO_KEY"]})
_CREDENTIALS = {
    name: provider.credentials.model_json_schema()["example"]
    for name, provider in PROVIDERS.items()
    if provider.methods
}
_HALF_AN_HOUR = timedelta(minutes=30)


@schemathesis.hook
def before_call(_context: Any, case: Any, _options: Any) -> None:
    """Corrects what is right by the schema alone, and nothing else: a wrong request stays wrong."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and _GOOD_KEY.fullmatch(key):  # one that comes again with another body is refused
        case.headers["Idempotency-Key"] = f"{key}-{ids.new('key')}"
    if isinstance(case.body, dict):
        _put_right(case.body)
    if _NEEDS_CREDENTIALS.fullmatch(case.operation.label):  # which another request may have deleted
        for name, credentials in _CREDENTIALS.items():
            _MERCHANT.put(f"/v1/provider-credentials/{name}", json=credentials).raise_for_status()


def _put_right(body: dict[str, Any]) -> None:
    amount = body.get("amount")
    if isinstance(amount, float) and amount.is_integer():  # 5.0 is an integer to JSON Schema; here it is a float
        body["amount"] = int(amount)
    account = body.get("account")
    if isinstance(account, str) and _LABEL.fullmatch(account):  # right only if it is one of the merchant's
        body["account"] = "default"
    if is_moment(body.get("expires_at")):  # right for a day only
        body["expires_at"] = (clock.now() + _HALF_AN_HOUR).isoformat()


def is_moment(text: object) -> bool:
    try:
        return isinstance(text, str) and _MOMENT.fullmatch(text) is not None and bool(datetime.fromisoformat(text))
    except ValueError:
        return False
