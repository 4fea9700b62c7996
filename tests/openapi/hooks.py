"""What no schema can express of the API: keys are new, payments need credentials, ids are known, times pass."""

import os
import re
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import httpx
import schemathesis
from schemathesis.generation.meta import TestPhase

from malipo import clock, ids
from malipo.contracts.providers import PROVIDERS

_MOMENT = re.compile(r"20\d\d-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_GOOD_KEY = re.compile("[!-~](?:[ -~]{0,198}[!-~])?")
_LABEL = re.compile("[a-z0-9][a-z0-9-]{0,31}")
_NEEDS_CREDENTIALS = re.compile("POST /v1/payments(?:/.*/(?:capture|refunds))?")
_ABOUT_REFUNDS = frozenset({"GET /v1/refunds/{refund_id}", "GET /v1/payments/{payment_id}/refunds"})
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
        _put_credentials()
    if case.operation.label in _ABOUT_REFUNDS and case.meta.phase.name is TestPhase.FUZZING:
        case.path_parameters = {name: _refund()[name] for name in case.path_parameters}


def _put_credentials() -> None:
    for name, credentials in _CREDENTIALS.items():
        _MERCHANT.put(f"/v1/provider-credentials/{name}", json=credentials).raise_for_status()


@cache
def _refund() -> dict[str, str]:
    """The ids of a refund and its payment: by chance alone there may be none in a whole run."""
    _put_credentials()
    body = {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}
    payment_id = _made("/v1/payments", body)
    return {"payment_id": payment_id, "refund_id": _made(f"/v1/payments/{payment_id}/refunds", {})}


def _made(path: str, body: dict[str, Any]) -> str:
    answer = _MERCHANT.post(path, json=body, headers={"Idempotency-Key": ids.new("key")})
    return answer.raise_for_status().json()["id"]


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
        return (
            isinstance(text, str) and _MOMENT.fullmatch(text) is not None and bool(datetime.fromisoformat(text.upper()))
        )
    except ValueError:
        return False
