"""Steps that stories of a partner bank are made of."""

from malipo_local.bank import HELD, STAYS, by_account
from malipo_local.merchant import DemoMerchant, Json
from malipo_local.waiting import until

SECONDS = 90
BANK_DAY_SECONDS = 2
"""How long a day lasts at the bank of the stack."""


def sent(shop: DemoMerchant, recipient: Json | None = None, **fields: object) -> str:
    """A transfer that the bank has; returns its id."""
    payment = shop.transfer(recipient, **fields)
    assert until(lambda: bool(shop.bank.payments(payment["id"])), SECONDS), "the bank never had it"
    return payment["id"]


def arrived(shop: DemoMerchant, recipient: Json | None = None, **fields: object) -> str:
    payment_id = sent(shop, recipient, **fields)
    shop.wait(payment_id, "completed", seconds=SECONDS)
    return payment_id


def held(shop: DemoMerchant, **fields: object) -> str:
    """One that the bank holds for a check, as Malipo knows."""
    payment_id = sent(shop, by_account(HELD), rail="RTP", **fields)
    explained(shop, payment_id, "holds it for a check")
    return payment_id


def worked_on(shop: DemoMerchant, **fields: object) -> str:
    """One that the bank works on until a person decides."""
    payment_id = sent(shop, by_account(STAYS), rail="RTP", **fields)
    shop.wait(payment_id, "processing", seconds=SECONDS)
    return payment_id


def explained(shop: DemoMerchant, payment_id: str, why: str) -> None:
    """Return once the payment's explanation says so."""
    assert until(lambda: why in shop.explain(payment_id)["why"], SECONDS), shop.explain(payment_id)


def moved(shop: DemoMerchant, payment_id: str) -> list[tuple[str, int]]:
    """What the bank's book has of a payment."""
    return [(effect["kind"], effect["amount"]) for effect in shop.bank.effects(payment_id)]


def statuses(shop: DemoMerchant, payment_id: str) -> list[str]:
    """What a payment has been at the bank, version by version."""
    [payment] = shop.bank.payments(payment_id)
    history = shop.bank.http.get(f"/_sim/payments/{payment['id']}/history").raise_for_status().json()
    return [one["status"] for one in history]


def asked_back(shop: DemoMerchant, payment_id: str) -> Json:
    """Have the recipient's bank asked for the money, which does not answer by itself; the request."""
    asked = shop.post(f"/v1/payments/{payment_id}/return-request", {"reason": "sent twice"}).raise_for_status().json()
    assert until(lambda: shop.bank.payments(payment_id)[0]["return_request"] is not None, SECONDS)
    return asked


def operation(shop: DemoMerchant, payment_id: str) -> Json:
    """How the one operation upon a payment stands."""
    [one] = shop.explain(payment_id)["operations"]
    return one
