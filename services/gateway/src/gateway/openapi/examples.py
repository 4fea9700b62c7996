"""Examples of what the API returns."""

from typing import Any

AT = "2026-11-21T09:30:00.000000Z"
PAYMENT: dict[str, Any] = {
    "id": "pay_0001kbw4x3e7v8r2m5n9q4t6yz",
    "status": "completed",
    "amount": 1250,
    "currency": "USD",
    "amount_captured": 1250,
    "amount_refunded": 0,
    "capture": "automatic",
    "method": "card",
    "created_at": AT,
    "updated_at": AT,
    "status_reason": None,
    "provider": "stripe",
    "account": "default",
    "provider_reference": "pi_3P0",
    "client_ref": "order-1001",
    "customer_ref": "customer-7",
    "description": None,
    "metadata": {},
    "return_url": None,
    "cancel_url": None,
    "action": None,
    "failure": None,
    "expires_at": "2026-11-21T09:45:00.000000Z",
    "payer": None,
    "remittance": None,
    "statement_descriptor": None,
    "transfer": None,
    "return_request": None,
    "amount_disputed": 0,
    "payment_method": None,
    "series": None,
}
PAYMENT_METHOD: dict[str, Any] = {
    "id": "pm_0001kbw4x3f6g7h8j9k0m1n2p3",
    "type": "card",
    "status": "active",
    "customer_ref": "customer-7",
    "payment_id": PAYMENT["id"],
    "provider": "stripe",
    "account": "default",
    "card": {
        "brand": "visa",
        "last_four": "4242",
        "exp_month": 8,
        "exp_year": 2030,
        "fingerprint": "3f8a6c0e9b7d4152a1c3e5f708192a3b",
        "expired": False,
    },
    "created_at": AT,
    "updated_at": AT,
    "changed": None,
    "detached_at": None,
    "failure": None,
}
REFUND: dict[str, Any] = {
    "id": "ref_0001kbw4x9d2f6h8j3k5m7p1qr",
    "payment_id": PAYMENT["id"],
    "kind": "refund",
    "status": "completed",
    "amount": 250,
    "currency": "USD",
    "created_at": AT,
    "updated_at": AT,
    "reason": "one item returned",
    "failure": None,
    "provider_reference": "re_3P0",
}
DISPUTE: dict[str, Any] = {
    "id": "dis_0001kbw4x4c8d1e5f7g9h2j3k6",
    "payment_id": PAYMENT["id"],
    "kind": "dispute",
    "status": "needs_response",
    "amount": 1250,
    "currency": "USD",
    "created_at": AT,
    "updated_at": AT,
    "opened_by": "provider",
    "reason": "product_not_received",
    "failure": None,
    "provider_reference": "du_3P0",
    "respond_by": "2026-11-28T23:59:59.000000Z",
    "withdrawn": True,
}
PAYMENT_UNDER_WAY = PAYMENT | {
    "status": "processing",
    "amount_captured": 0,
    "provider": None,
    "provider_reference": None,
}
REFUND_UNDER_WAY = REFUND | {"status": "processing", "provider_reference": None}
EVENT: dict[str, Any] = {
    "type": "payment.completed",
    "timestamp": "2026-11-21T09:30:00.000Z",
    "data": {
        "id": "evt_0001kbw4x5a1b2c3d4e5f6g7h8",
        "payment_id": PAYMENT["id"],
        "sequence": 1,
        "mode": "test",
        "payment": PAYMENT,
    },
}
CREDENTIAL: dict[str, Any] = {
    "id": "cred_0001kbw4x8d4e5f6g7h8j9k0m1",
    "provider": "stripe",
    "account": "default",
    "mode": "test",
    "credentials": {"secret_key": "sk_test_...9f3a", "webhook_secrets": ["whsec_...77c1"]},
    "callback_path": "/callbacks/stripe/cred_0001kbw4x8d4e5f6g7h8j9k0m1",
    "registered": [],
    "created_at": AT,
    "updated_at": AT,
}
PROVIDER: dict[str, Any] = {
    "provider": "stripe",
    "title": "Stripe",
    "configured": True,
    "accounts": ["default"],
    "methods": [
        {
            "type": "card",
            "captures": ["automatic", "manual"],
            "actions": ["redirect", "other"],
            "needs": [],
            "statement_descriptor": {
                "max_length": 22,
                "pattern": "^[A-Za-z ]*$",
                "characters": "letters and blanks",
            },
            "saves": True,
            "life_seconds": 900,
            "shortest_life_seconds": 60,
            "longest_life_seconds": 86400,
            "currencies": [{"currency": "USD", "step": 1, "least": 1, "most": 99999999}],
        }
    ],
    "operations": [{"operation": "refund", "partial": True, "several": True, "asynchronous": True}],
    "disputes": True,
}
SERIES: dict[str, Any] = {
    "id": "mandate-7",
    "customer_ref": "customer-7",
    "currency": "USD",
    "max_amount": 1500,
    "max_count": 1,
    "per": "month",
    "starts_on": "2026-11-05",
    "period": {
        "starts_at": "2026-11-05T00:00:00.000000Z",
        "ends_at": "2026-12-05T00:00:00.000000Z",
        "count": 1,
        "amount": 1250,
        "payments": [PAYMENT["id"]],
    },
    "created_at": AT,
    "updated_at": AT,
}
SETTINGS: dict[str, Any] = {"late_payments": "keep"}
ENDPOINT: dict[str, Any] = {
    "id": "ep_0001kbw4x7c3d4e5f6g7h8j9k0",
    "mode": "test",
    "url": "https://shop.example/webhooks/malipo",
    "event_types": [],
    "description": None,
    "created_at": AT,
}
