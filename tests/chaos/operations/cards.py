"""Saved cards at Stripe: each operation of the crash matrix, and what must have become of it."""

import uuid
from collections.abc import Callable
from functools import partial

from chaos.operations.operation import Ending, Operation, Scene
from chaos.operations.steps import wait, wait_a_little, wait_in_malipo
from chaos.operations.stripe import wait_at_stripe

_VISA = "pm_card_visa"
_ASKS = "pm_card_authenticationRequired"
_BACK = "https://shop.example/thanks"


def keep(scene: Scene, _: str) -> None:
    """One card payment that keeps its card, of a customer that Stripe does not know yet."""
    pay_and_keep(scene)


def pay_and_keep(scene: Scene) -> str:
    """The same; returns the payment's id."""
    customer = f"customer-{uuid.uuid4().hex[:12]}"
    return scene.merchant.pay({"type": "card", "token": _VISA}, 1250, "USD", customer_ref=customer, save_method=True)


def keep_first(scene: Scene) -> str:
    """A payment that has kept its card, and is looked at in the end; returns the saved method's id."""
    demo, payment_id = scene.merchant.demo, pay_and_keep(scene)
    wait(f"the card of {payment_id} is never kept", lambda: demo.payment(payment_id)["payment_method"] is not None)
    return str(demo.payment(payment_id)["payment_method"])


def detach(scene: Scene, method_id: str) -> None:
    """The merchant gives a saved card up."""
    scene.merchant.request(f"/v1/payment-methods/{method_id}/detach", {})


def replaced(scene: Scene, method_id: str) -> None:
    """The card's network replaces it, which only Stripe's event tells."""
    demo = scene.merchant.demo
    newest = demo.stripe.get("/v1/payment_methods", params={"limit": 1}, auth=(demo.stripe_key, ""))
    name = newest.raise_for_status().json()["data"][0]["id"]
    demo.stripe.post(f"/_sim/payment_methods/{name}/network", json={"last4": "1881"}).raise_for_status()
    query = "SELECT view #>> '{card,last_four}' AS last_four FROM payment_methods WHERE id = $1"

    def shown() -> bool:
        return any(row["last_four"] == "1881" for row in scene.onlooker.rows("gateway", query, method_id))

    wait(f"{method_id} never shows its new card", shown)


def kept(token: str) -> Callable[[Scene], str]:
    """A card that was kept before; returns the saved method's id."""
    return lambda scene: str(scene.merchant.demo.keep_card(token)["id"])


def charge_alone(scene: Scene, method_id: str) -> str:
    """The merchant charges a saved card with nobody there; returns the payment's id."""
    method = {"type": "saved", "id": method_id, "initiator": "merchant"}
    return scene.merchant.pay(method, 1250, "USD", return_url=_BACK)


def charge_without_being_asked(scene: Scene, method_id: str) -> None:
    """The bank wants nobody."""
    charge_alone(scene, method_id)


def charge_and_ask(scene: Scene, method_id: str) -> None:
    """The bank wants the customer, who comes later than any part of Malipo needs, and approves."""
    payment_id = charge_alone(scene, method_id)
    intent = wait_at_stripe(scene, payment_id, "requires_action")
    wait_in_malipo(scene, payment_id, "requires_action")
    wait_a_little(scene)
    scene.merchant.demo.stripe.post(f"/_sim/3ds/{intent}/approve").raise_for_status()
    wait_in_malipo(scene, payment_id, "completed", "failed")


_PAID = (("charge", 1250),)
_Operation = partial(Operation, provider="stripe")
OPERATIONS: tuple[Operation, ...] = (
    _Operation(
        "card kept",
        keep,
        Ending("completed", "payment_method.saved", _PAID, captured=1250),
        steady=False,  # Stripe's callback, and the query that it causes, come before the answer or behind it
    ),
    _Operation(
        "saved card",
        charge_without_being_asked,
        Ending("completed", "payment.completed", _PAID, captured=1250),
        prepare=kept(_VISA),
    ),
    _Operation(
        "saved card asks its customer",
        charge_and_ask,
        Ending("completed", "payment.completed", _PAID, captured=1250),
        prepare=kept(_ASKS),
        steady=False,  # the callback about the decline comes before the answer or behind it
    ),
    _Operation(
        "card detached",
        detach,
        Ending("completed", "payment_method.detached", _PAID, captured=1250),
        prepare=keep_first,
        steady=False,  # Stripe's event about it, and the query that it causes, come before the answer or behind it
        like={"orchestrator": "refund", "provider-stripe": "refund"},
    ),
    _Operation(
        "card replaced by its network",
        replaced,
        Ending("completed", "payment_method.updated", _PAID, captured=1250),
        prepare=keep_first,
        like={"orchestrator": "card kept", "provider-stripe": "card kept"},
    ),
)
