"""What merchants and their customers do: each operation of the crash matrix, and what must have become of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from chaos.merchant import Merchant
from chaos.onlooker import Onlooker
from malipo_local.shop import NeverHappened
from malipo_local.waiting import until

_SECONDS = 60
_CARD = "pm_card_visa"
_3DS_CARD = "pm_card_authenticationRequired"
_REFUSED_CARD = "pm_card_visa_chargeDeclinedInsufficientFunds"
EARLY_CALLBACK_AMOUNT = 4321
"""Stripe sends the callback before the answer for charges of this amount."""


@dataclass
class Scene:
    """Who takes part in an operation: the merchant, and one who looks on from outside."""

    merchant: Merchant
    onlooker: Onlooker


@dataclass(frozen=True)
class Ending:
    """What must be true in the end, whatever was killed: Malipo's status and Stripe's book, amounts in minor units."""

    status: str
    event: str
    effects: tuple[tuple[str, int], ...] = ()
    captured: int = 0
    refunded: int = 0


@dataclass(frozen=True)
class Operation:
    """`prepare` makes what it needs (not part of the matrix), `act` is what is crashed; both answer the payment's id."""

    name: str
    told: str
    act: Callable[[Scene, str], str]
    ending: Ending
    prepare: Callable[[Scene], str] = lambda _: ""


def charge(scene: Scene, _: str) -> str:
    """One card payment."""
    return scene.merchant.pay(_CARD)


def with_3ds(decision: str) -> Callable[[Scene, str], str]:
    """A card payment that the customer must confirm; he takes longer than any part of Malipo does."""

    def act(scene: Scene, _: str) -> str:
        payment_id = scene.merchant.pay(_3DS_CARD, return_url="https://shop.example/thanks")
        intent = wait_at_stripe(scene, payment_id, "requires_action")
        wait_in_malipo(scene, payment_id, "requires_action")
        wait_a_little(scene)
        scene.merchant.shop.stripe.post(f"/_sim/3ds/{intent}/{decision}").raise_for_status()
        wait_in_malipo(scene, payment_id, "completed", "failed")
        return payment_id

    return act


def decline(scene: Scene, _: str) -> str:
    """A card without money."""
    return scene.merchant.pay(_REFUSED_CARD)


def authorize(scene: Scene) -> str:
    """A payment that waits to be captured."""
    payment_id = scene.merchant.pay(_CARD, capture="manual")
    wait_in_malipo(scene, payment_id, "authorized")
    return payment_id


def manual_capture(scene: Scene, _: str) -> str:
    """Authorize, and when the goods are sent, take all of it."""
    payment_id = authorize(scene)
    wait_a_little(scene)
    scene.merchant.ask(f"/v1/payments/{payment_id}/capture", {})
    return payment_id


def partial_capture(scene: Scene, payment_id: str) -> str:
    """Take less than was authorized."""
    scene.merchant.ask(f"/v1/payments/{payment_id}/capture", {"amount": 500})
    return payment_id


def cancel(scene: Scene, payment_id: str) -> str:
    """Give up an authorized payment."""
    scene.merchant.ask(f"/v1/payments/{payment_id}/cancel", {})
    return payment_id


def complete(scene: Scene) -> str:
    """A payment that is paid."""
    payment_id = scene.merchant.pay(_CARD)
    wait_in_malipo(scene, payment_id, "completed")
    return payment_id


def refund(scene: Scene, payment_id: str) -> str:
    """Give part of it back."""
    scene.merchant.ask(f"/v1/payments/{payment_id}/refunds", {"amount": 500})
    return payment_id


def two_refunds(scene: Scene, payment_id: str) -> str:
    """Two refunds of 800 at the same moment, on a payment of 1250: one of them must be refused."""
    path = f"/v1/payments/{payment_id}/refunds"
    with ThreadPoolExecutor(2) as both:
        list(both.map(lambda _: scene.merchant.ask(path, {"amount": 800}), range(2)))
    return payment_id


def delivery(scene: Scene, _: str) -> str:
    """A payment whose first webhook the merchant's server refuses."""
    scene.merchant.shop.behave(kind="fail", times=1)
    return scene.merchant.pay(_CARD)


def early_callback(scene: Scene, _: str) -> str:
    """Stripe's callback comes before its answer."""
    return scene.merchant.pay(_CARD, amount=EARLY_CALLBACK_AMOUNT)


_PAID = Ending("completed", "payment.completed", (("charge", 1250),), captured=1250)
OPERATIONS: tuple[Operation, ...] = (
    Operation("charge", "a card payment", charge, _PAID),
    Operation("3DS approved", "the customer confirms", with_3ds("approve"), _PAID),
    Operation("3DS refused", "the customer does not", with_3ds("refuse"), Ending("failed", "payment.failed")),
    Operation("decline", "the card's bank refuses", decline, Ending("failed", "payment.failed")),
    Operation(
        "manual capture",
        "authorized, then taken",
        manual_capture,
        Ending("completed", "payment.completed", (("authorize", 1250), ("capture", 1250)), captured=1250),
    ),
    Operation(
        "partial capture",
        "less than authorized is taken",
        partial_capture,
        Ending(
            "completed", "payment.completed", (("authorize", 1250), ("capture", 500), ("release", 750)), captured=500
        ),
        prepare=authorize,
    ),
    Operation(
        "cancel",
        "an authorized payment is given up",
        cancel,
        Ending("canceled", "payment.canceled", (("authorize", 1250), ("release", 1250))),
        prepare=authorize,
    ),
    Operation(
        "refund",
        "part is given back",
        refund,
        Ending("completed", "refund.completed", (("charge", 1250), ("refund", 500)), captured=1250, refunded=500),
        prepare=complete,
    ),
    Operation(
        "two refunds at once",
        "together more than was paid",
        two_refunds,
        Ending("completed", "refund.completed", (("charge", 1250), ("refund", 800)), captured=1250, refunded=800),
        prepare=complete,
    ),
    Operation("webhook delivery", "the first try fails", delivery, _PAID),
    Operation(
        "callback before the answer",
        "Stripe's two words cross",
        early_callback,
        Ending(
            "completed",
            "payment.completed",
            (("charge", EARLY_CALLBACK_AMOUNT),),
            captured=EARLY_CALLBACK_AMOUNT,
        ),
    ),
)


def wait_at_stripe(scene: Scene, payment_id: str, status: str) -> str:
    """The PaymentIntent of a payment once Stripe has it in this status. Raises `NeverHappened`."""
    found: list[str] = []

    def there() -> bool:
        book = scene.merchant.shop.stripe.get("/_sim/book", params={"metadata[malipo_payment_id]": payment_id})
        found[:] = [one["payment_intent"] for one in book.json()["payment_intents"] if one["status"] == status]
        return bool(found)

    if not until(there, _SECONDS):
        message = f"{payment_id} never came to {status} at Stripe"
        raise NeverHappened(message)
    return found[0]


def wait_a_little(scene: Scene) -> None:
    """Return once every message has been taken and its offset committed. Raises `NeverHappened`."""
    if not until(lambda: not scene.onlooker.behind(), _SECONDS):
        message = f"messages are never taken: {scene.onlooker.behind()}"
        raise NeverHappened(message)


def wait_in_malipo(scene: Scene, payment_id: str, *statuses: str) -> None:
    """Return once the merchant would be shown one of these statuses. Raises `NeverHappened`."""
    query = "SELECT status FROM payments WHERE id = $1"

    def there() -> bool:
        return any(row["status"] in statuses for row in scene.onlooker.rows("gateway", query, payment_id))

    if not until(there, _SECONDS):
        message = f"{payment_id} never came to {statuses}"
        raise NeverHappened(message)
