"""Transfers by a partner bank: each operation of the crash matrix, and what must have become of it.

The bank knows keys, takes each name once, shows what it has, and sends its webhooks again, so that nothing is left to a
person: every operation ends the same way, whatever was killed. What it does meanwhile somebody at its desk decides, once
Malipo has nothing to do.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import httpx

from chaos.operations.operation import Ending, Operation, Scene
from chaos.operations.steps import fault, forget_faults, wait, wait_a_little, wait_in_malipo
from malipo_local.bank import HELD, STAYS, UNANSWERED, DebtorAccount, Decision, by_account, by_alias
from malipo_local.merchant import DemoMerchant, Json

_AMOUNT = 1250
_LOST_ANSWER_AMOUNT = 1251
"""The answer to a transfer of this amount is lost, and its webhooks."""
_EARLY_WEBHOOK_AMOUNT = 1252
"""The answer to a transfer of this amount waits until its webhooks were delivered."""
_REJECTED = "1004"
_CLIENT = "crash-matrix"
"""All merchants have one client at the bank: its access token is fetched where it was killed, and nowhere else by chance."""

_WAITS_BECAUSE = "SELECT FROM payments WHERE id = $1 AND state = 'pending' AND pending_reason = $2"


def pay(scene: Scene, recipient: Json, rail: str, amount: int = _AMOUNT, prefer: str = "wait=2") -> str:
    """Request a transfer; returns its id. What its recipient reads is its own: by that it is found in the bank's book."""
    method = {"type": "bank_transfer", "rail": rail, "recipient": recipient}
    return scene.merchant.pay(method, amount, "USD", prefer=prefer, remittance=f"Invoice {uuid.uuid4()}")


def completed(scene: Scene, _: str) -> None:
    """A transfer that the bank takes, begins, and completes, later than any part of Malipo has anything to do."""
    payment_id = pay(scene, by_account(STAYS), "RTP")
    wait_in_malipo(scene, payment_id, "processing")
    wait_a_little(scene)
    _decide(scene, payment_id, "complete")
    wait_in_malipo(scene, payment_id, "completed", "failed")


def by_every_rail(scene: Scene, _: str) -> None:
    """One transfer over each rail at once, which the bank completes by itself."""
    recipients = {"RTP": by_account(), "ACH": by_account(), "BOOK": by_account(), "ZELLE": by_alias()}
    sent = [pay(scene, to, rail, prefer="respond-async") for rail, to in recipients.items()]
    for payment_id in sent:
        wait_in_malipo(scene, payment_id, "completed", "failed")


def by_itself(amount: int, digits: str = "7890", rail: str = "BOOK") -> Callable[[Scene, str], None]:
    """A transfer that ends without anybody at the bank's desk."""

    def act(scene: Scene, _: str) -> None:
        payment_id = pay(scene, by_account(digits), rail, amount)
        wait_in_malipo(scene, payment_id, "completed", "failed")

    return act


def returned(scene: Scene, payment_id: str) -> None:
    """The money comes back, long after it had gone."""
    _decide(scene, payment_id, "return", "R03")
    wait_in_malipo(scene, payment_id, "returned")


def released(scene: Scene, _: str) -> None:
    """The bank holds it for a check, and lets it go."""
    payment_id = _pay_held(scene)
    _decide(scene, payment_id, "release")
    wait_in_malipo(scene, payment_id, "completed", "failed")


def canceled(scene: Scene, _: str) -> None:
    """The merchant cancels what the bank holds."""
    payment_id = _pay_held(scene)
    scene.merchant.request(f"/v1/payments/{payment_id}/cancel", {})
    wait_in_malipo(scene, payment_id, "completed", "failed", "canceled")


def asked_back(decision: Decision) -> Callable[[Scene, str], None]:
    """The recipient's bank is asked for the money, and answers once Malipo has nothing to do."""

    def act(scene: Scene, payment_id: str) -> None:
        request = scene.merchant.request(f"/v1/payments/{payment_id}/return-request", {"reason": "sent twice"})
        wait(f"{payment_id} was never asked back", lambda: _is_asked_back(scene, payment_id))
        wait_a_little(scene)
        _decide(scene, payment_id, decision)
        query = "SELECT FROM operations WHERE id = $1 AND view ->> 'status' <> 'processing'"
        ended = str(request.answer["id"])
        wait(f"{ended} never ended", lambda: bool(scene.onlooker.rows("gateway", query, ended)))

    return act


def arrived(rail: str, digits: str) -> Callable[[Scene], str]:
    """Prepares a transfer that has arrived."""

    def prepare(scene: Scene) -> str:
        forget_faults(_bank(scene).http)
        payment_id = pay(scene, by_account(digits), rail)
        wait_in_malipo(scene, payment_id, "completed")
        return payment_id

    return prepare


def kill_token(scene: Scene) -> str:
    """Have the bank refuse the access token, as after its life."""
    forget_faults(_bank(scene).http)
    _bank(scene).http.post("/_sim/tokens/kill").raise_for_status()
    return ""


def lose_answer(scene: Scene) -> str:
    """Have the bank's answer to a transfer get lost, and all of its webhooks: only the bank's book shows the transfer."""
    forget_faults(_bank(scene).http)
    transfer = {"method": "POST", "path": "/v1/payments", "amount": _LOST_ANSWER_AMOUNT}
    fault(_bank(scene).http, "answer_lost", match=transfer, times=1)
    fault(_bank(scene).http, "webhook_drop", match={"amount": _LOST_ANSWER_AMOUNT})
    return ""


def hurry_webhooks(scene: Scene) -> str:
    """Have the bank's webhooks about a transfer come before its answer."""
    forget_faults(_bank(scene).http)
    transfer = {"method": "POST", "path": "/v1/payments", "amount": _EARLY_WEBHOOK_AMOUNT}
    fault(_bank(scene).http, "webhook_before_answer", match=transfer)
    return ""


def connect(merchant: DemoMerchant) -> None:
    """Have Malipo know the merchant's account, and the bank the address of its webhooks."""
    merchant.bank.client_id, merchant.bank.client_secret = _CLIENT, f"secret of the {_CLIENT}"
    merchant.connect_bank()


def _pay_held(scene: Scene) -> str:
    """Request a transfer; return its id once Malipo knows that the bank holds it, and has nothing to do."""
    payment_id = pay(scene, by_account(HELD), "RTP")
    query = partial(scene.onlooker.rows, "orchestrator", _WAITS_BECAUSE, payment_id, "HELD")
    wait(f"{payment_id} was never held", lambda: bool(query()))
    wait_a_little(scene)
    return payment_id


def _decide(scene: Scene, payment_id: str, decision: Decision, code: str | None = None) -> None:
    """Decide at the bank's desk, where what is decided already cannot be once more."""
    with suppress(httpx.HTTPStatusError):
        _bank(scene).decide(payment_id, decision, code)


def _is_asked_back(scene: Scene, payment_id: str) -> bool:
    [payment] = _bank(scene).payments(payment_id)
    return payment["return_request"] is not None


def _bank(scene: Scene) -> DebtorAccount:
    return scene.merchant.demo.bank


def _paid(amount: int) -> Ending:
    return Ending("completed", "payment.completed", (("debit", amount),), captured=amount)


_PAID = _paid(_AMOUNT)
_BACK = (*_PAID.effects, ("return", _AMOUNT))
_LIKE_TRANSFER: dict[str, str] = {"orchestrator": "bank transfer", "provider-bank": "bank transfer"}
_LIKE_DOUBTED = _LIKE_TRANSFER | {"orchestrator": "answer lost"}
_LIKE_ASKED = _LIKE_TRANSFER | {"orchestrator": "bank return request"}
"""All webhooks of the bank are one thing to its service and the orchestrator, which has an operation for return requests."""

_Operation = partial(Operation, provider="bank", connect=connect)
_Plain = partial(_Operation, prepare=lambda scene: forget_faults(_bank(scene).http))
OPERATIONS: tuple[Operation, ...] = (
    _Operation("bank transfer", completed, _PAID, prepare=kill_token),
    _Plain("bank transfer by every rail", by_every_rail, _PAID, steady=False, like=_LIKE_TRANSFER),
    _Plain(
        "bank transfer rejected",
        by_itself(_AMOUNT, _REJECTED, "RTP"),
        Ending("failed", "payment.failed"),
        steady=False,
        like=_LIKE_TRANSFER,
    ),
    _Operation(
        "bank transfer returned",
        returned,
        Ending("returned", "payment.returned", _BACK),
        prepare=arrived("ACH", "7890"),
        like=_LIKE_TRANSFER,
    ),
    _Plain("bank transfer held", released, _PAID, steady=False, like=_LIKE_TRANSFER),
    _Plain(
        "bank transfer canceled",
        canceled,
        Ending("canceled", "payment.canceled"),
        steady=False,
        like=_LIKE_TRANSFER,
    ),
    _Operation(
        "bank answer lost",
        by_itself(_LOST_ANSWER_AMOUNT),
        _paid(_LOST_ANSWER_AMOUNT),
        prepare=lose_answer,
        steady=False,
        like=_LIKE_DOUBTED,
    ),
    _Operation(
        "bank webhook before the answer",
        by_itself(_EARLY_WEBHOOK_AMOUNT),
        _paid(_EARLY_WEBHOOK_AMOUNT),
        prepare=hurry_webhooks,
        steady=False,
        like=_LIKE_TRANSFER,
    ),
    _Operation(
        "bank return request",
        asked_back("accept-return-request"),
        Ending("returned", "return_request.completed", _BACK),
        prepare=arrived("RTP", UNANSWERED),
    ),
    _Operation(
        "bank return request refused",
        asked_back("refuse-return-request"),
        Ending("completed", "return_request.failed", _PAID.effects, captured=_AMOUNT),
        prepare=arrived("RTP", UNANSWERED),
        steady=False,
        like=_LIKE_ASKED,
    ),
)
