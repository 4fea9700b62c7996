"""Steps that stories of PayPal are made of."""

from malipo_local.merchant import DemoMerchant, Json
from malipo_local.waiting import until

SECONDS = 90
CAPTURE = {"method": "POST", "path": "/v2/checkout/orders/*/capture"}


def asked(shop: DemoMerchant, **fields: object) -> str:
    """A payment whose payer is asked to approve it; returns its id."""
    payment = shop.check_out(**fields)
    shop.wait(payment["id"], "requires_action", seconds=SECONDS)
    return payment["id"]


def paid(shop: DemoMerchant, **fields: object) -> str:
    payment_id = asked(shop, **fields)
    shop.paypal.approve(payment_id)
    shop.wait(payment_id, "completed", seconds=SECONDS)
    return payment_id


def held(shop: DemoMerchant, **fields: object) -> str:
    payment_id = asked(shop, capture="manual", **fields)
    shop.paypal.approve(payment_id)
    shop.wait(payment_id, "authorized", seconds=SECONDS)
    return payment_id


def moved(shop: DemoMerchant, payment_id: str) -> list[tuple[str, int]]:
    """What PayPal's book has of a payment."""
    return [(effect["kind"], effect["amount"]) for effect in shop.paypal.effects(payment_id)]


def on_statements(shop: DemoMerchant, payment_id: str) -> list[str | None]:
    """What the payer may read of the order, and of each capture."""
    (order,) = shop.paypal.orders(payment_id)
    captured = [one["soft_descriptor"] for one in shop.paypal.effects(payment_id) if one["kind"] == "capture"]
    return [order["purchase_units"][0].get("soft_descriptor"), *captured]


def step(shop: DemoMerchant, payment_id: str, trigger: str) -> Json:
    """The last step that this led to."""
    return [e for e in shop.timeline(payment_id) if e["kind"] == "step" and e["trigger"] == trigger][-1]


def told_everything(shop: DemoMerchant) -> bool:
    """Whether none of PayPal's webhooks is on its way."""
    health = shop.paypal.http.get("/_sim/health").raise_for_status().json()
    return health["webhooks"]["pending"] == 0


def capture(shop: DemoMerchant, payment_id: str, **what: object) -> Json:
    answer = shop.post(f"/v1/payments/{payment_id}/capture", dict(what))
    return answer.raise_for_status().json()


def captures_amount_to(shop: DemoMerchant, payment_id: str, amount: int) -> bool:
    return until(lambda: shop.payment(payment_id)["amount_captured"] == amount, SECONDS)
