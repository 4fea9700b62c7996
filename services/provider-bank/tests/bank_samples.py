"""The bank's JSON as its contract has it, and operations of ours, each open to change."""

from typing import Any

from malipo.contracts.commands import PaymentMethod
from malipo.contracts.provider_commands import Cancel, Charge, ReturnRequest
from malipo.contracts.providers.bank import own_reference
from malipo.money import Money
from provider_bank.partners import Partner
from testkit import operations

USD_10 = Money(1000, "USD")
PAYMENT_ID, CLEARING = "pmt_1", "20261128RTP0001"
ACCOUNT = "acc-1"
PARTNERS = {
    "default": Partner(mode="test", authentication="oauth2", api_base="http://127.0.0.1:1", timeout_seconds=0.3),
    "by-key": Partner(mode="test", authentication="api_key", api_base="http://127.0.0.1:1", timeout_seconds=0.3),
}
CREDENTIALS = {
    "partner": "default",
    "debtor_account_id": ACCOUNT,
    "oauth": {"client_id": "shop-client", "client_secret": "shop-secret"},
    "webhook_keys": [{"id": "key-1", "secret": "shop-signing-secret"}],
}
OTHER_CREDENTIALS = {
    "partner": "default",
    "debtor_account_id": "acc-2",
    "oauth": {"client_id": "cafe-client", "client_secret": "cafe-secret"},
    "webhook_keys": [{"id": "key-1", "secret": "cafe-signing-secret"}],
}
BY_KEY = {
    "partner": "by-key",
    "debtor_account_id": ACCOUNT,
    "api_key": "key-of-the-shop",
    "webhook_keys": CREDENTIALS["webhook_keys"],
}
OTHER_BY_KEY = {
    "partner": "by-key",
    "debtor_account_id": "acc-2",
    "api_key": "key-of-the-cafe",
    "webhook_keys": OTHER_CREDENTIALS["webhook_keys"],
}
RECIPIENT = {"name": "Grace Brewster Hopper", "account": {"number": "000123456789", "routing": "021000021"}}
BY_ALIAS = {"name": "Grace Brewster Hopper", "alias": {"type": "email", "value": "grace@navy.example"}}


def transfer(rail: str = "RTP", recipient: dict[str, Any] | None = None) -> PaymentMethod:
    return PaymentMethod(type="bank_transfer", details={"rail": rail, "recipient": recipient or RECIPIENT})


def charge(**changes: Any) -> Charge:
    return operations.charge(**{"method": transfer()} | changes)


def cancel(**changes: Any) -> Cancel:
    return operations.cancel(**{"reference": PAYMENT_ID} | changes)


def return_request(**changes: Any) -> ReturnRequest:
    return operations.return_request(**{"reference": PAYMENT_ID} | changes)


def payment(status: str = "initiated", **changes: Any) -> dict[str, Any]:
    """The payment of `charge()`."""
    return {
        "id": PAYMENT_ID,
        "end_to_end_id": own_reference(charge().operation_id),
        "rail": "RTP",
        "status": status,
        "status_reason": None,
        "iso_status": "ACTC",
        "clearing_ref": None,
        "amount": "10.00",
        "currency": "USD",
        "debtor_account_id": ACCOUNT,
        "creditor": {"name": "G. B. H.", "account": {"number": "****6789", "routing": "****"}},
        "remittance": None,
        "execution_at": "2026-11-27T15:00:00+00:00",
        "returned": None,
        "return_request": None,
        "created_at": "2026-11-27T15:00:00+00:00",
        "updated_at": "2026-11-27T15:00:00+00:00",
        "version": 1,
    } | changes


def rejected(code: str = "AC04") -> dict[str, Any]:
    return payment("rejected", iso_status="RJCT", status_reason={"code": code, "text": "the bank's own words"})


def returned(code: str = "R02", amount: str = "10.00") -> dict[str, Any]:
    back = {"code": code, "text": "Account closed", "at": "2026-12-01T15:00:00+00:00", "amount": amount}
    return payment("returned", rail="ACH", returned=back, version=5)


def event(shown: dict[str, Any], event_id: str = "evt_1") -> dict[str, Any]:
    """What a webhook carries."""
    return {"id": event_id, "type": f"payment.{shown['status']}", "created_at": shown["updated_at"], "data": shown}


def asked(status: str = "pending", code: str | None = None, **changes: Any) -> dict[str, Any]:
    """A payment whose recipient's bank was asked to give it back."""
    answer = {"code": code, "text": "the bank's own words"} if code else None
    request = {"id": "rtr_1", "status": status, "reason": None, "answer": answer}
    return payment("completed", **{"return_request": request} | changes)


def page(*payments: dict[str, Any]) -> dict[str, Any]:
    return {"data": list(payments), "next_cursor": None}


def problem(status: int, code: str, *errors: dict[str, str]) -> dict[str, Any]:
    return {
        "type": f"https://bank.example/problems/{code}",
        "title": "Refused",
        "status": status,
        "code": code,
        "detail": "The bank's own words.",
        "errors": list(errors),
        "request_id": "req_1",
    }
