"""What PayPal answers and sends, after the examples of its API reference: orders, payments, errors, webhooks."""

import copy
from typing import Any

import msgspec

from malipo import clock
from malipo.contracts.commands import PaymentMethod
from malipo.contracts.providers.paypal import own_reference
from malipo.money import Money
from provider_paypal.objects import StatementRow
from testkit import operations

ORDER, AUTHORIZATION, CAPTURE, REFUND = (
    "5O190127TN364715T",
    "0VF52814937998046",
    "3C679366HH908993F",
    "1JU08902781691411",
)
USD_10 = Money(1000, "USD")
PAGE = f"https://www.sandbox.paypal.com/checkoutnow?token={ORDER}"
API = "https://api-m.sandbox.paypal.com"
CREDENTIALS = {
    "client_id": "AexampleClientId0123456789",
    "client_secret": "example-client-secret-of-mine",
    "webhook_ids": ["1JE4291016473214C"],
}
OTHER_CREDENTIALS = {
    "client_id": "AsecondClientId9876543210",
    "client_secret": "example-client-secret-of-another",
    "webhook_ids": ["8PT597110X687430L"],
}
METHOD = PaymentMethod(type="paypal")
PAYER = {"email_address": "john.doe@example.com", "name": {"given_name": "John", "surname": "Doe"}}
CHARGE = "pay_1.1"
INVALID = "Specified resource ID does not exist. Please check the resource ID and try again."


def charge(**changes: Any):
    pages = {"return_url": "https://shop.example/done", "cancel_url": "https://shop.example/back"}
    return operations.charge(**{"method": METHOD} | pages | changes)


def confirm(**changes: Any):
    return operations.confirm(**{"reference": ORDER} | changes)


def capture(**changes: Any):
    return operations.capture(**{"reference": ORDER} | changes)


def cancel(**changes: Any):
    return operations.cancel(**{"reference": ORDER} | changes)


def refund(**changes: Any):
    return operations.refund(**{"reference": ORDER} | changes)


def money(minor: int = 1000, currency: str = "USD") -> dict:
    return {"currency_code": currency, "value": f"{minor // 100}.{minor % 100:02d}"}


def order(status: str = "PAYER_ACTION_REQUIRED", *, amount: dict | None = None, **payments: list) -> dict:
    """An order as `Prefer: return=representation` shows it."""
    unit = {
        "reference_id": "default",
        "amount": amount or money(),
        "custom_id": CHARGE,
        "invoice_id": own_reference(CHARGE),
    }
    if payments:
        unit["payments"] = payments
    rel = "payer-action" if status == "PAYER_ACTION_REQUIRED" else "approve"
    links = [link(f"/v2/checkout/orders/{ORDER}", "self")]
    if status in ("CREATED", "PAYER_ACTION_REQUIRED"):
        links.append({"href": PAGE, "rel": rel, "method": "GET"})
    return {
        "id": ORDER,
        "intent": "CAPTURE",
        "status": status,
        "payment_source": {"paypal": PAYER},
        "payer": PAYER | {"payer_id": "QYR5Z8XDVJNXQ"},
        "purchase_units": [unit],
        "create_time": "2026-11-27T21:00:00Z",
        "links": links,
    }


def minimal(status: str = "PAYER_ACTION_REQUIRED") -> dict:
    return {name: value for name, value in order(status).items() if name in ("id", "status", "links")}


def captured(status: str = "COMPLETED", *, of: str | None = None, **changes: Any) -> dict:
    """A capture: of the order, or of an authorization."""
    related = {"order_id": ORDER} | ({"authorization_id": of} if of else {})
    up = f"/v2/payments/authorizations/{of}" if of else f"/v2/checkout/orders/{ORDER}"
    return {
        "id": CAPTURE,
        "status": status,
        "amount": money(),
        "final_capture": True,
        "custom_id": CHARGE,
        "invoice_id": own_reference("cap_1" if of else CHARGE),
        "seller_receivable_breakdown": {"gross_amount": money(), "paypal_fee": money(84), "net_amount": money(916)},
        "supplementary_data": {"related_ids": related},
        "create_time": "2026-11-27T21:05:00Z",
        "links": [link(f"/v2/payments/captures/{CAPTURE}", "self"), link(up, "up")],
    } | changes


def authorized(status: str = "CREATED", **changes: Any) -> dict:
    return {
        "id": AUTHORIZATION,
        "status": status,
        "amount": money(),
        "custom_id": CHARGE,
        "invoice_id": own_reference(CHARGE),
        "expiration_time": "2026-12-26T21:05:00Z",
        "supplementary_data": {"related_ids": {"order_id": ORDER}},
        "create_time": clock.now().isoformat(timespec="seconds"),
        "links": [link(f"/v2/payments/authorizations/{AUTHORIZATION}", "self")],
    } | changes


def refunded(status: str = "COMPLETED", **changes: Any) -> dict:
    return {
        "id": REFUND,
        "status": status,
        "amount": money(),
        "custom_id": "ref_1",
        "invoice_id": own_reference("ref_1"),
        "create_time": "2026-11-27T22:00:00Z",
        "links": [
            link(f"/v2/payments/refunds/{REFUND}", "self"),
            link(f"/v2/payments/captures/{CAPTURE}", "up"),
        ],
    } | changes


def problem(issue: str, name: str = "UNPROCESSABLE_ENTITY", *, words: str = "", links: list | None = None) -> dict:
    return {
        "name": name,
        "message": "The requested action could not be performed, semantically incorrect, or failed business validation.",
        "debug_id": "90957fca61718",
        "details": [{"issue": issue, "description": words}],
        "links": links or [],
    }


def not_found() -> dict:
    return problem("INVALID_RESOURCE_ID", "RESOURCE_NOT_FOUND", words=INVALID)


def link(path: str, rel: str) -> dict:
    return {"href": f"{API}{path}", "rel": rel, "method": "GET"}


def event(event_type: str, resource: dict) -> dict:
    return {
        "id": "WH-58D329510W468432D-8HN650336L201105X",
        "create_time": "2026-11-27T21:05:01.000Z",
        "resource_type": "capture",
        "event_type": event_type,
        "summary": "Payment completed for $ 10.00 USD",
        "resource": copy.deepcopy(resource),
    }


def statement_json(code: str = "T0006", status: str = "S", value: str = "10.00", **changes: Any) -> dict:
    """A row of transaction search with what a payment of ours has; None leaves a field out."""
    info = {
        "paypal_account_id": "QYR5Z8XDVJNXQ",
        "transaction_id": CAPTURE,
        "transaction_event_code": code,
        "transaction_initiation_date": "2026-11-27T21:05:00+0000",
        "transaction_updated_date": "2026-11-27T21:05:00+0000",
        "transaction_amount": {"currency_code": "USD", "value": value},
        "fee_amount": {"currency_code": "USD", "value": "-0.84"},
        "transaction_status": status,
        "invoice_id": own_reference(CHARGE),
        "custom_field": CHARGE,
        "protection_eligibility": "01",
    } | changes
    return {"transaction_info": {name: value for name, value in info.items() if value is not None}}


def statement_row(code: str = "T0006", status: str = "S", value: str = "10.00", **changes: Any) -> StatementRow:
    return msgspec.convert(statement_json(code, status, value, **changes)["transaction_info"], StatementRow)


def statement_page(entries: list, **changes: Any) -> dict:
    return {
        "transaction_details": entries,
        "account_number": "5BSQ6AUL2CFYL",
        "last_refreshed_datetime": "2026-11-27T22:00:00+0000",
        "page": 1,
        "total_items": len(entries),
        "total_pages": 1,
        "links": [],
    } | changes
