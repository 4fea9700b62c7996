"""Card payments through Stripe: each operation of the crash matrix, and what must have become of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from chaos.crossings import BLIND
from chaos.operations.operation import Ending, Operation, Scene
from chaos.operations.steps import PART, SECONDS, cancel, forget_faults, refund, wait, wait_a_little, wait_in_malipo
from malipo_local.merchant import NeverHappened
from malipo_local.waiting import until

_CARD = "pm_card_visa"
_3DS_CARD = "pm_card_authenticationRequired"
_REFUSED_CARD = "pm_card_visa_chargeDeclinedInsufficientFunds"
_EARLY_CALLBACK_AMOUNT = 4321
"""Stripe sends the callback before the answer for charges of this amount."""
_LOST_ANSWER_AMOUNT = 4322
"""Stripe sends no callbacks for charges of this amount: only a query shows the outcome."""
_QUERY_SECONDS = 1
"""Longer than it takes to notify the merchant of the doubt, so that each run reaches the same crossings."""


def pay(scene: Scene, token: str, *, amount: int = 1250, prefer: str = "wait=2", **fields: str) -> str:
    """Request a payment with this card; returns its id."""
    return scene.merchant.pay({"type": "card", "token": token}, amount, "USD", prefer=prefer, **fields)


def charge(scene: Scene, _: str) -> None:
    """One card payment."""
    pay(scene, _CARD)


def with_3ds(decision: str) -> Callable[[Scene, str], None]:
    """A card payment that the customer must confirm, which takes longer than any part of Malipo does."""

    def act(scene: Scene, _: str) -> None:
        payment_id = pay(scene, _3DS_CARD, return_url="https://shop.example/thanks")
        intent = wait_at_stripe(scene, payment_id, "requires_action")
        wait_in_malipo(scene, payment_id, "requires_action")
        wait_a_little(scene)
        scene.merchant.demo.stripe.post(f"/_sim/3ds/{intent}/{decision}").raise_for_status()
        wait_in_malipo(scene, payment_id, "completed", "failed")

    return act


def decline(scene: Scene, _: str) -> None:
    """A card without money."""
    pay(scene, _REFUSED_CARD)


def authorize(scene: Scene) -> str:
    """A payment that waits to be captured."""
    payment_id = pay(scene, _CARD, capture="manual")
    wait_in_malipo(scene, payment_id, "authorized")
    return payment_id


def manual_capture(scene: Scene, _: str) -> None:
    """Authorize, and when the goods are sent, capture all of it."""
    payment_id = authorize(scene)
    wait_a_little(scene)
    scene.merchant.request(f"/v1/payments/{payment_id}/capture", {})


def partial_capture(scene: Scene, payment_id: str) -> None:
    """Capture less than was authorized."""
    scene.merchant.request(f"/v1/payments/{payment_id}/capture", {"amount": PART})


def complete(scene: Scene) -> str:
    """A payment that is paid."""
    payment_id = pay(scene, _CARD)
    wait_in_malipo(scene, payment_id, "completed")
    return payment_id


def two_refunds(scene: Scene, payment_id: str) -> None:
    """Two refunds of 800 at the same moment, on a payment of 1250: one of them must be refused."""
    path = f"/v1/payments/{payment_id}/refunds"
    with ThreadPoolExecutor(2) as both:
        list(both.map(scene.merchant.request, [path] * 2, [{"amount": 800}] * 2))


def delivery(scene: Scene, _: str) -> None:
    """A payment whose first webhook the merchant's server refuses."""
    scene.merchant.demo.behave(kind="fail", times=1)
    pay(scene, _CARD)


def hurry_callback(scene: Scene) -> str:
    """Have Stripe call back before it answers."""
    forget_faults(scene.merchant.demo.stripe)
    scene.merchant.demo.stripe_fault("webhook_before_answer", match={"amount": _EARLY_CALLBACK_AMOUNT})
    return ""


def early_callback(scene: Scene, _: str) -> None:
    """Stripe's callback comes before its answer."""
    pay(scene, _CARD, amount=_EARLY_CALLBACK_AMOUNT)


def disputed(decision: str) -> Callable[[Scene, str], None]:
    """The customer disputes a payment, and when Malipo knows of it the bank decides."""

    def act(scene: Scene, payment_id: str) -> None:
        stripe = scene.merchant.demo.stripe
        intent = wait_at_stripe(scene, payment_id, "succeeded")
        opened = stripe.post(f"/_sim/payment_intents/{intent}/disputes", json={}).raise_for_status().json()
        wait_for_dispute(scene, payment_id, "needs_response")
        wait_a_little(scene)
        stripe.post(f"/_sim/disputes/{opened['id']}/{decision}").raise_for_status()
        wait_for_dispute(scene, payment_id, decision)

    return act


def wait_for_dispute(scene: Scene, payment_id: str, status: str) -> None:
    """Return once the gateway shows the payment's dispute in this status. Raises `NeverHappened`."""
    query = "SELECT FROM operations WHERE payment_id = $1 AND kind = 'dispute' AND view ->> 'status' = $2"
    wait(
        f"{payment_id} has no dispute that is {status}",
        lambda: bool(scene.onlooker.rows("gateway", query, payment_id, status)),
    )


def lose_answer(scene: Scene) -> str:
    """The next charge's answer does not come through, and its repeat under the same key is answered late."""
    charge = {"method": "POST", "path": "/v1/payment_intents", "amount": _LOST_ANSWER_AMOUNT}
    forget_faults(scene.merchant.demo.stripe)
    scene.merchant.demo.stripe_fault("webhook_drop", match={"amount": _LOST_ANSWER_AMOUNT})
    scene.merchant.demo.stripe_fault("answer_lost", match=charge, times=1)
    scene.merchant.demo.stripe_fault("slow", match=charge, times=1, delay_seconds=_QUERY_SECONDS)
    return ""


def lost_answer(scene: Scene, _: str) -> None:
    """Stripe has charged and its answer is lost: Malipo must query."""
    pay(scene, _CARD, amount=_LOST_ANSWER_AMOUNT)


def renew_endpoint(scene: Scene) -> str:
    """An endpoint in the place of the one that is gone; the merchant's server will answer 410 there too."""
    merchant = scene.merchant.demo
    for endpoint in merchant.api.get("/v1/webhook-endpoints").raise_for_status().json()["data"]:
        merchant.api.delete(f"/v1/webhook-endpoints/{endpoint['id']}").raise_for_status()
    merchant.ask_for_webhooks()
    merchant.behave(kind="gone")
    return ""


def four_at_once(scene: Scene, _: str) -> None:
    """Four payments at once; the orchestrator is frozen until all are there, and so handles them as one batch."""
    stack = scene.merchant.demo.stack
    stack.pause("orchestrator")
    try:
        with ThreadPoolExecutor(4) as four:
            list(four.map(partial(pay, scene, prefer="respond-async"), [_CARD] * 4))
        until(lambda: not scene.onlooker.rows("gateway", "SELECT FROM outbox"), SECONDS)
    finally:
        stack.resume("orchestrator")


def wait_at_stripe(scene: Scene, payment_id: str, status: str) -> str:
    """The PaymentIntent of a payment once Stripe has it in this status. Raises `NeverHappened`."""
    found: list[str] = []

    def there() -> bool:
        book = scene.merchant.demo.stripe.get("/_sim/book", params={"metadata[malipo_payment_id]": payment_id})
        found[:] = [one["payment_intent"] for one in book.json()["payment_intents"] if one["status"] == status]
        return bool(found)

    if not until(there, SECONDS):
        message = f"{payment_id} never reached {status} at Stripe"
        raise NeverHappened(message)
    return found[0]


_A_CHARGE = {"orchestrator": "charge", "provider-stripe": "charge"}
"""Only what the merchant's server does with the webhooks differs."""
_DISPATCHER: frozenset[str] = frozenset({"webhook-dispatcher"})

_PAID = Ending("completed", "payment.completed", (("charge", 1250),), captured=1250)
_Operation = partial(Operation, provider="stripe")
OPERATIONS: tuple[Operation, ...] = (
    _Operation("charge", charge, _PAID),
    _Operation("3DS approved", with_3ds("approve"), _PAID),
    _Operation(
        "3DS refused",
        with_3ds("refuse"),
        Ending("failed", "payment.failed"),
    ),
    _Operation("decline", decline, Ending("failed", "payment.failed")),
    _Operation(
        "manual capture",
        manual_capture,
        Ending("completed", "payment.completed", (("authorize", 1250), ("capture", 1250)), captured=1250),
    ),
    _Operation(
        "partial capture",
        partial_capture,
        Ending(
            "completed", "payment.completed", (("authorize", 1250), ("capture", 500), ("release", 750)), captured=500
        ),
        prepare=authorize,
    ),
    _Operation(
        "cancel",
        cancel,
        Ending("canceled", "payment.canceled", (("authorize", 1250), ("release", 1250))),
        prepare=authorize,
    ),
    _Operation(
        "refund",
        refund,
        Ending("completed", "refund.completed", (("charge", 1250), ("refund", 500)), captured=1250, refunded=500),
        prepare=complete,
    ),
    _Operation(
        "two refunds at once",
        two_refunds,
        Ending("completed", "refund.completed", (("charge", 1250), ("refund", 800)), captured=1250, refunded=800),
        prepare=complete,
        own=frozenset({"gateway"}),
    ),
    _Operation(
        "dispute lost",
        disputed("lost"),
        Ending("completed", "dispute.lost", (("charge", 1250), ("dispute", 1250)), captured=1250),
        prepare=complete,
    ),
    _Operation(
        "dispute won",
        disputed("won"),
        Ending("completed", "dispute.won", (("charge", 1250), ("dispute", 1250), ("dispute_won", 1250)), captured=1250),
        prepare=complete,
        like={"orchestrator": "dispute lost", "provider-stripe": "dispute lost"},
    ),
    _Operation(
        "webhook delivery",
        delivery,
        _PAID,
        like=_A_CHARGE,
        own=_DISPATCHER,
    ),
    _Operation(
        "callback before the answer",
        early_callback,
        Ending(
            "completed",
            "payment.completed",
            (("charge", _EARLY_CALLBACK_AMOUNT),),
            captured=_EARLY_CALLBACK_AMOUNT,
        ),
        prepare=hurry_callback,
    ),
    _Operation(
        "answer lost",
        lost_answer,
        Ending("completed", "payment.completed", (("charge", _LOST_ANSWER_AMOUNT),), captured=_LOST_ANSWER_AMOUNT),
        prepare=lose_answer,
    ),
    _Operation(
        "endpoint gone",
        charge,
        replace(_PAID, delivery="endpoint_gone"),
        prepare=renew_endpoint,
        like=_A_CHARGE,
        own=_DISPATCHER,
    ),
    _Operation("four at once", four_at_once, _PAID, steady=False, own=BLIND),
)
