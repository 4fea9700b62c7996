"""Payments by PayPal: each operation of the crash matrix, and what must have become of it.

A payer approves at PayPal's page, and only then a confirm takes the money. PayPal knows keys and sends its webhooks again, so
that nothing is left to a person: every operation ends the same way, whatever was killed.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import httpx

from chaos.operations.operation import Ending, Operation, Scene
from chaos.operations.steps import (
    LOOK_AFTER,
    PART,
    cancel,
    fault,
    forget_faults,
    refund,
    wait,
    wait_a_little,
    wait_in_malipo,
)
from malipo_local.merchant import DemoMerchant
from malipo_local.paypal import Funding, PaypalAccount

_SERVICE = "provider-paypal"
_AMOUNT = 1250
_UNTOLD_AMOUNT = 1251
"""PayPal sends no webhooks about payments of this amount: only a query shows that the payer has approved."""
_LOST_CAPTURE_AMOUNT = 1252
"""The answer to the capture of a payment of this amount is lost."""

_CONFIRMED_TWICE = "SELECT FROM payments WHERE id = $1 AND state = 'requires_action' AND confirms = 1"
_HELD_LONG = (
    "SELECT FROM attempts WHERE payment_id = $1 AND kind = 'confirm' AND done_at < now() - interval '2 seconds'"
)
_ASKED = "SELECT FROM attempts WHERE payment_id = $1 AND kind = 'query' AND done_at IS NOT NULL"


def pay(scene: Scene, amount: int = _AMOUNT, **fields: str) -> str:
    """Request a payment that waits for its payer; returns its id."""
    back = {"return_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/cart"}
    return scene.merchant.pay({"type": "paypal"}, amount, "USD", **back, **fields)


def approved(funding: Funding = "balance", *, times: int = 1) -> Callable[[Scene, str], None]:
    """A payment that its payer approves, once or with a second click, later than any part of Malipo has anything to do."""

    def act(scene: Scene, _: str) -> None:
        payment_id = _pay_and_wait(scene)
        for _number in range(times):
            _approve(scene, payment_id, funding)
        wait_in_malipo(scene, payment_id, "completed", "failed")

    return act


def pending(scene: Scene, _: str) -> None:
    """A payment whose money is long on its way, and comes in the end."""
    payment_id = _pay_and_wait(scene)
    _approve(scene, payment_id, "echeck")
    wait(f"nothing of {payment_id} was captured", lambda: bool(_paypal(scene).captures(payment_id)))
    wait_a_little(scene)
    _paypal(scene).end_pending(payment_id, "settle")
    wait_in_malipo(scene, payment_id, "completed", "failed")


def declined_and_approved_again(scene: Scene, _: str) -> None:
    """The payer's first card is declined, and the second approval pays."""
    payment_id = _pay_and_wait(scene)
    _approve(scene, payment_id, "declined_card")
    wait(
        f"{payment_id} was not sent back",
        lambda: bool(scene.onlooker.rows("orchestrator", _CONFIRMED_TWICE, payment_id)),
    )
    wait_a_little(scene)
    _approve(scene, payment_id)
    wait_in_malipo(scene, payment_id, "completed", "failed")


def untold(scene: Scene, _: str) -> None:
    """A payment whose webhooks do not come, so that it is asked about after a while."""
    payment_id = _pay_and_wait(scene, _UNTOLD_AMOUNT)
    _approve(scene, payment_id)
    scene.onlooker.rows("orchestrator", LOOK_AFTER, payment_id)
    wait_in_malipo(scene, payment_id, "completed", "failed")


def lost_capture(scene: Scene, _: str) -> None:
    """PayPal has captured and its answer is lost: Malipo must ask."""
    payment_id = _pay_and_wait(scene, _LOST_CAPTURE_AMOUNT)
    _approve(scene, payment_id)
    wait_in_malipo(scene, payment_id, "completed", "failed")


def authorize(scene: Scene) -> str:
    """A payment that waits to be captured."""
    forget_faults(_paypal(scene).http)
    payment_id = pay(scene, capture="manual")
    wait_in_malipo(scene, payment_id, "requires_action")
    _approve(scene, payment_id)
    wait_in_malipo(scene, payment_id, "authorized")
    return payment_id


def capture_in_two_parts(scene: Scene, payment_id: str) -> None:
    """Ship in two parcels, and capture for each."""
    path = f"/v1/payments/{payment_id}/capture"
    first = scene.merchant.request(path, {"amount": PART, "final": False})
    _wait_for_operation(scene, str(first.answer["id"]))
    scene.merchant.request(path, {})


def reauthorize(scene: Scene, payment_id: str) -> None:
    """Look after what is held for longer than PayPal stands in for it, a second here, and then capture it."""
    wait(f"{payment_id} was never held", lambda: bool(scene.onlooker.rows(_SERVICE, _HELD_LONG, payment_id)))
    scene.onlooker.rows("orchestrator", LOOK_AFTER, payment_id)
    wait(f"{payment_id} was never looked after", lambda: _is_asked_about(scene, payment_id))
    scene.merchant.request(f"/v1/payments/{payment_id}/capture", {})


def complete(scene: Scene) -> str:
    """A payment that is paid."""
    forget_faults(_paypal(scene).http)
    payment_id = pay(scene)
    wait_in_malipo(scene, payment_id, "requires_action")
    _approve(scene, payment_id)
    wait_in_malipo(scene, payment_id, "completed")
    return payment_id


def drop_webhooks(scene: Scene) -> str:
    """Have PayPal's webhooks about one amount get lost, and not come again."""
    forget_faults(_paypal(scene).http)
    fault(_paypal(scene).http, "webhook_drop", match={"amount": _UNTOLD_AMOUNT})
    return ""


def lose_answer(scene: Scene) -> str:
    """Have PayPal's answer to the capture of an order get lost, the one to the look right after it, and its webhooks too."""
    forget_faults(_paypal(scene).http)
    capture = {"method": "POST", "path": "/v2/checkout/orders/*/capture", "amount": _LOST_CAPTURE_AMOUNT}
    fault(_paypal(scene).http, "answer_lost", match=capture, times=1)
    look = {"method": "GET", "path": "/v2/checkout/orders/*"}
    fault(_paypal(scene).http, "error_before_effect", match=look, times=1)
    fault(_paypal(scene).http, "webhook_drop", match={"amount": _LOST_CAPTURE_AMOUNT, "event_type": "PAYMENT.*"})
    return ""


def connect(merchant: DemoMerchant) -> None:
    """Have Malipo know the merchant's app, and PayPal the address of its webhooks."""
    merchant.connect_paypal()


def _pay_and_wait(scene: Scene, amount: int = _AMOUNT) -> str:
    """Request a payment; return its id once there is nothing to be done before its payer approves."""
    payment_id = pay(scene, amount)
    wait_in_malipo(scene, payment_id, "requires_action")
    wait_a_little(scene)
    return payment_id


def _approve(scene: Scene, payment_id: str, funding: Funding = "balance") -> None:
    """Approve it; a click on what is captured already changes nothing."""
    with suppress(httpx.HTTPStatusError):
        _paypal(scene).approve(payment_id, funding)


def _is_asked_about(scene: Scene, payment_id: str) -> bool:
    return bool(scene.onlooker.rows(_SERVICE, _ASKED, payment_id))


def _wait_for_operation(scene: Scene, operation_id: str) -> None:
    query = "SELECT FROM operations WHERE id = $1 AND view ->> 'status' <> 'processing'"
    wait(f"{operation_id} never ended", lambda: bool(scene.onlooker.rows("gateway", query, operation_id)))


def _paypal(scene: Scene) -> PaypalAccount:
    return scene.merchant.demo.paypal


_ORDER = ("order", 0)
"""One order of each payment, whatever was killed."""


def _paid(amount: int) -> Ending:
    return Ending("completed", "payment.completed", (_ORDER, ("capture", amount)), captured=amount)


_PAID = _paid(_AMOUNT)
_HELD = (_ORDER, ("authorize", _AMOUNT))

_Operation = partial(Operation, provider="paypal", connect=connect)
_Plain = partial(_Operation, prepare=lambda scene: forget_faults(_paypal(scene).http))
OPERATIONS: tuple[Operation, ...] = (
    _Plain("PayPal approved", approved(), _PAID),
    _Plain("PayPal approved twice", approved(times=2), _PAID, steady=False, like={"orchestrator": "PayPal approved"}),
    _Plain("PayPal capture pending", pending, _PAID, steady=False),
    _Plain(
        "PayPal declined and approved again",
        declined_and_approved_again,
        _PAID,
    ),
    _Operation(
        "PayPal webhook lost",
        untold,
        _paid(_UNTOLD_AMOUNT),
        prepare=drop_webhooks,
        steady=False,
    ),
    _Operation(
        "PayPal capture's answer lost",
        lost_capture,
        _paid(_LOST_CAPTURE_AMOUNT),
        prepare=lose_answer,
        steady=False,
    ),
    _Operation(
        "PayPal capture in two parts",
        capture_in_two_parts,
        Ending(
            "completed",
            "payment.completed",
            (*_HELD, ("capture", PART), ("capture", _AMOUNT - PART)),
            captured=_AMOUNT,
        ),
        prepare=authorize,
    ),
    _Operation(
        "PayPal void",
        cancel,
        Ending("canceled", "payment.canceled", (*_HELD, ("release", _AMOUNT))),
        prepare=authorize,
        like={"orchestrator": "cancel"},
    ),
    _Operation(
        "PayPal reauthorize",
        reauthorize,
        Ending(
            "completed",
            "payment.completed",
            (*_HELD, ("reauthorize", _AMOUNT), ("capture", _AMOUNT)),
            captured=_AMOUNT,
        ),
        prepare=authorize,
        steady=False,
    ),
    _Operation(
        "PayPal refund",
        refund,
        Ending("completed", "refund.completed", (*_PAID.effects, ("refund", PART)), captured=_AMOUNT, refunded=PART),
        prepare=complete,
        like={"orchestrator": "refund"},
    ),
)
