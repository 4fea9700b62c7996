"""What no schema can express of the API: keys are new, payments need credentials, ids are known, times pass."""

import os
import re
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import httpx
import schemathesis
from schemathesis.generation import GenerationMode
from schemathesis.generation.meta import TestPhase

from malipo import clock, ids
from malipo.contracts.providers import PROVIDERS
from malipo.contracts.providers.bank import RAILS
from malipo_simulators.bank.payments.parameters import check_digit

_MOMENT = re.compile(r"20\d\d-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_GOOD_KEY = re.compile("[!-~](?:[ -~]{0,198}[!-~])?")
_LABEL = re.compile("[a-z0-9][a-z0-9-]{0,31}")
_ROUTING = re.compile(r"\d{9}", re.ASCII)
_NEEDS_CREDENTIALS = re.compile("POST /v1/(?:payments(?:/.*/(?:capture|refunds))?|payment-methods(?:/.*/detach)?)")
_OF_METHODS = re.compile("(?:GET|POST) /v1/payment-methods/{payment_method_id}.*")
_AMOUNT = 1250
_CARD = {"type": "card", "token": "pm_card_visa"}
_ACCOUNT = {"number": "000123456789", "routing": "021000021"}
_TRANSFER = {"type": "bank_transfer", "rail": "RTP", "recipient": {"name": "Asha", "account": _ACCOUNT}}
_PAYMENTS: dict[str, dict[str, Any]] = {
    "POST /v1/payments/{payment_id}/capture": {"method": _CARD, "capture": "manual"},
    "POST /v1/payments/{payment_id}/refunds": {"method": _CARD},
    "POST /v1/payments/{payment_id}/return-request": {"method": _TRANSFER},
}
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
    if _is_of_its_own(case) and (known := _known_ids(case.operation.label)):
        case.path_parameters = {name: known[name] for name in case.path_parameters}
        _leave_enough(case.body)


def _leave_enough(body: Any) -> None:
    """No more than that payment's amount: what else is right by the schema would be refused for most numbers that there are."""
    if isinstance(body, dict) and isinstance(body.get("amount"), int):
        body["amount"] = min(body["amount"], _AMOUNT)


def _is_of_its_own(case: Any) -> bool:
    """Whether it is right by the schema, and follows no answer to another request."""
    return case.meta.phase.name is not TestPhase.STATEFUL and case.meta.generation.mode is GenerationMode.POSITIVE


def _put_credentials() -> None:
    for name, credentials in _CREDENTIALS.items():
        _MERCHANT.put(f"/v1/provider-credentials/{name}", json=credentials).raise_for_status()


@cache
def _known_ids(label: str) -> dict[str, str]:
    """The ids of a payment with which that can be done, of a refund and its payment, of a series, or of a saved method: by chance
    alone there may be none in a whole run.
    """
    if label == "GET /v1/series/{series_id}":
        return {"series_id": _series()}
    if _OF_METHODS.fullmatch(label):
        _put_credentials()
        return {"payment_method_id": _made("/v1/payment-methods", {"customer_ref": "customer-7", "method": _CARD})}
    if label not in _PAYMENTS and label not in _ABOUT_REFUNDS:
        return {}
    _put_credentials()
    payment_id = _made(
        "/v1/payments", {"amount": _AMOUNT, "currency": "USD", "method": _CARD} | _PAYMENTS.get(label, {})
    )
    if label in _PAYMENTS:
        return {"payment_id": payment_id}
    return {"payment_id": payment_id, "refund_id": _made(f"/v1/payments/{payment_id}/refunds", {})}


def _series() -> str:
    name = ids.new("key")
    rules = {"customer_ref": "customer-7", "currency": "USD", "max_amount": 1500, "max_count": 1, "per": "month"}
    _MERCHANT.put(f"/v1/series/{name}", json=rules).raise_for_status()
    return name


def _made(path: str, body: dict[str, Any]) -> str:
    answer = _MERCHANT.post(path, json=body, headers={"Idempotency-Key": ids.new("key")})
    return answer.raise_for_status().json()["id"]


def _put_right(body: dict[str, Any]) -> None:
    for name in ("amount", "max_amount", "max_count"):
        number = body.get(name)
        if isinstance(number, float) and number.is_integer():  # 5.0 is an integer to JSON Schema; here it is a float
            body[name] = int(number)
    account = body.get("account")
    if isinstance(account, str) and _LABEL.fullmatch(account):  # right only if it is one of the merchant's
        body["account"] = "default"
    method = body.get("method")
    if isinstance(method, dict) and method.get("type") == "bank_transfer":
        _put_transfer_right(body, method)
    if is_moment(body.get("expires_at")):  # right for a day only
        body["expires_at"] = (clock.now() + _HALF_AN_HOUR).isoformat()


def _put_transfer_right(body: dict[str, Any], method: dict[str, Any]) -> None:
    """What a rail takes is another thing for each, and whom it reaches; without one it is chosen by the recipient. The last
    digit of a routing number follows from the others.
    """
    if isinstance(body.get("amount"), int):
        body["amount"] = min(body["amount"], *(rail.most for rail in RAILS.values()))
    if method.get("rail") in RAILS:
        del method["rail"]
    match method.get("recipient"):
        case {"account": {"routing": str(routing)} as account} if _ROUTING.fullmatch(routing):
            account["routing"] = routing[:8] + check_digit(routing[:8])
        case _:
            pass


def is_moment(text: object) -> bool:
    try:
        return (
            isinstance(text, str) and _MOMENT.fullmatch(text) is not None and bool(datetime.fromisoformat(text.upper()))
        )
    except ValueError:
        return False
