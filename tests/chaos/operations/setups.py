"""Cards that are saved without paying: each operation of the crash matrix, and what must have become of it."""

import uuid
from functools import partial

from chaos.operations.operation import Ending, Operation, Scene
from chaos.operations.steps import wait, wait_a_little

_VISA = "pm_card_visa"
_ASKS = "pm_card_authenticationRequired"
_BACK = "https://shop.example/cards"


def save(scene: Scene, token: str) -> str:
    """Have a card kept without a payment, of a customer that Stripe does not know yet; returns the method's id."""
    names = {"customer_ref": f"customer-{uuid.uuid4().hex[:12]}", "client_ref": uuid.uuid4().hex}
    body = {"method": {"type": "card", "token": token}, "return_url": _BACK, **names}
    return str(scene.merchant.request("/v1/payment-methods", body).answer["id"])


def save_alone(scene: Scene, _: str) -> None:
    """The bank wants nobody."""
    save(scene, _VISA)


def save_and_ask(scene: Scene, _: str) -> None:
    """The bank wants the customer, who comes later than any part of Malipo needs, and approves."""
    method_id = save(scene, _ASKS)
    wait_for(scene, method_id, "requires_action")
    wait_a_little(scene)
    intent = scene.merchant.demo.method(method_id)["provider_reference"]
    scene.merchant.demo.stripe.post(f"/_sim/3ds/{intent}/approve").raise_for_status()
    wait_for(scene, method_id, "active", "failed")


def wait_for(scene: Scene, method_id: str, *statuses: str) -> None:
    """Return once the gateway shows one of these statuses. Raises `NeverHappened`."""
    query = "SELECT view ->> 'status' AS status FROM payment_methods WHERE id = $1"

    def there() -> bool:
        return any(row["status"] in statuses for row in scene.onlooker.rows("gateway", query, method_id))

    wait(f"{method_id} never becomes {' or '.join(statuses)}", there)


_SAVED = Ending("active", "payment_method.saved")
_Operation = partial(Operation, provider="stripe")
OPERATIONS: tuple[Operation, ...] = (
    _Operation(
        "card saved without paying",
        save_alone,
        _SAVED,
        steady=False,  # Stripe's callback, and the query that it causes, come before the answer or behind it
        like={"orchestrator": "card kept"},
    ),
    _Operation(
        "card saved with 3DS",
        save_and_ask,
        _SAVED,
        steady=False,  # as above
        like={"orchestrator": "3DS approved", "provider-stripe": "card saved without paying"},
    ),
)
