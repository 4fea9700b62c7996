"""Payments by M-Pesa: each operation of the crash matrix, and what must have become of it.

M-Pesa calls back once, and knows no keys: what it may have been sent is not sent again. If it was not, or both its answer and
its callback were lost, only the account's statement tells, or a person who has looked into M-Pesa's book.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import httpx

from chaos.doubts import decide, is_contradicted, is_nameless
from chaos.operations.operation import Ending, Operation, Scene
from chaos.operations.steps import LOOK_AFTER, SECONDS, fault, forget_faults, wait, wait_a_little, wait_ready
from malipo.contracts.identity import charge_id
from malipo.contracts.providers.mpesa import SHILLING
from malipo_local.merchant import DemoMerchant
from malipo_local.paybill import Answer, PayBill, new_phone
from malipo_local.waiting import until

_SERVICE = "provider-mpesa"
_AMOUNT = 120_000
_EARLY_CALLBACK_AMOUNT = 120_100
"""M-Pesa's customers pay what is of this amount at once, and it calls back before it answers."""
_LOST_ANSWER_AMOUNT = 120_200
"""The answer to a prompt of this amount is lost."""
_PUSH = "/mpesa/stkpush/v1/processrequest"
_ANSWER_SECONDS = 0.2
"""How long customers take who pay at once."""
_CALLBACK_SECONDS = 3
"""Longer than a callback takes that is on its way."""
_HASTENED_SECONDS = 5
"""Longer than the look takes that a confirmation hastens."""
_RESULT_SECONDS = 1
"""Longer than Malipo takes to write down that a reversal was accepted, so that each run reaches the same crossings."""

# As if the time had passed after which a result is the last word, a statement is read again, and
# money in it is looked at again, or told.
_SETTLE = """
UPDATE attempts SET first_sent_at = first_sent_at - interval '1 hour'
WHERE id = $1 AND first_sent_at > now() - interval '10 minutes' AND EXISTS (
    SELECT FROM attempts AS asked WHERE asked.operation_id = $1 AND asked.outcome ->> 'reason' = 'result 1037')
RETURNING 1
"""
_READ = "UPDATE statements SET due_at = now() WHERE credential_id = $1 AND due_at > now() RETURNING 1"
_JUDGE = "UPDATE received_money SET look_at = now() WHERE look_at > now() RETURNING 1"
_TELL = """
UPDATE received_money SET received_at = received_at - interval '1 minute', look_at = now() WHERE look_at > now() RETURNING 1
"""
_KEPT = "SELECT FROM received_money WHERE look_at IS NOT NULL"
_WAS_READ = "SELECT FROM statements WHERE credential_id = $1 AND looked_at IS NOT NULL AND due_at > now()"


def pay(scene: Scene, *, phone: str = "", amount: int = _AMOUNT) -> str:
    """Request a payment, on a phone of its own unless given; returns its id."""
    return scene.merchant.pay({"type": "mpesa", "phone": phone or new_phone()}, amount, "KES")


def answered(answer: Answer) -> Callable[[Scene, str], None]:
    """A payment that the customer answers later than any part of Malipo has anything to do."""

    def act(scene: Scene, _: str) -> None:
        payment_id = pay(scene)
        if _reaches_phone(scene, payment_id):
            _wait_for_malipo(scene, payment_id)
            _paybill(scene).answer(payment_id, answer)
        _see_to_the_end(scene, payment_id)

    return act


def cancelled(scene: Scene, _: str) -> None:
    """A payment that the customer cancels, while somebody who knows the address of its callback says that it was paid."""
    payment_id = _pay_at_once(scene, "cancelled", silent=True)
    if _reaches_phone(scene, payment_id):
        _wait_for_malipo(scene, payment_id)
        _forge(scene, payment_id)
    _see_to_the_end(scene, payment_id)


def paid_at_once(amount: int, *, silent: bool = False) -> Callable[[Scene, str], None]:
    """A payment that its customer makes as soon as the phone asks; `silent`: and no callback comes."""

    def act(scene: Scene, _: str) -> None:
        _see_to_the_end(scene, _pay_at_once(scene, "paid", amount, silent=silent))

    return act


def callback_lost(scene: Scene, _: str) -> None:
    """A payment whose callback does not come, so that it is asked about after a while."""
    payment_id = _pay_at_once(scene, "paid", silent=True)
    if _reaches_phone(scene, payment_id):
        wait(f"{payment_id} was never paid", lambda: _paybill(scene).prompts(payment_id)[0]["status"] == "paid")
        _wait_for_malipo(scene, payment_id)
        scene.onlooker.rows("orchestrator", LOOK_AFTER, payment_id)
    _see_to_the_end(scene, payment_id)


def kill_token(scene: Scene) -> str:
    """Have M-Pesa refuse the access token, as after somebody else has fetched one for the same app."""
    forget_faults(_paybill(scene).http)
    _paybill(scene).http.post("/_sim/tokens/kill").raise_for_status()
    return ""


def read_statement(scene: Scene) -> str:
    """Have the account's statement read, so that it rests for an hour."""
    forget_faults(_paybill(scene).http)
    credential_id = _credential_id(scene)
    wait("the statement was never read", lambda: _finds(scene, _WAS_READ, credential_id))
    return ""


def lose_confirmation(scene: Scene) -> str:
    """Have M-Pesa tell of no prompt's payment by the account's address, as it does of payments by hand."""
    read_statement(scene)
    fault(_paybill(scene).http, "webhook_drop", match={"event_type": "c2b.confirmation"})
    return ""


def hurry_callback(scene: Scene) -> str:
    """Have M-Pesa call back before it answers."""
    lose_confirmation(scene)
    fault(
        _paybill(scene).http,
        "webhook_before_answer",
        match={"path": _PUSH, "amount": _EARLY_CALLBACK_AMOUNT // SHILLING},
    )
    return ""


def lose_answer(scene: Scene) -> str:
    """Have M-Pesa's answer to a prompt get lost."""
    lose_confirmation(scene)
    fault(_paybill(scene).http, "answer_lost", match={"path": _PUSH, "amount": _LOST_ANSWER_AMOUNT // SHILLING})
    return ""


def complete(scene: Scene) -> str:
    """A payment that is paid, and whose receipt is known."""
    forget_faults(_paybill(scene).http)
    payment_id = _pay_at_once(scene, "paid")
    query = "SELECT FROM payments WHERE id = $1 AND view ->> 'provider_reference' IS NOT NULL AND status = 'completed'"
    wait(f"{payment_id} was never paid", lambda: bool(scene.onlooker.rows("gateway", query, payment_id)))
    fault(_paybill(scene).http, "webhook_late", match={"event_type": "reversal.result"}, delay_seconds=_RESULT_SECONDS)
    return payment_id


def reverse(scene: Scene, payment_id: str) -> None:
    """Refund all of it."""
    refund = scene.merchant.request(f"/v1/payments/{payment_id}/refunds", {"amount": _AMOUNT})
    refund_id = str(refund.answer["id"])
    query = "SELECT FROM operations WHERE id = $1 AND view ->> 'status' <> 'processing'"

    def ended() -> bool:
        if is_nameless(scene.onlooker, refund_id):
            decide(scene.merchant.demo.stack, refund_id, "completed" if _is_reversed(scene, payment_id) else "failed")
        return bool(scene.onlooker.rows("gateway", query, refund_id))

    wait(f"{refund_id} never ended", ended)


def by_hand(scene: Scene, _: str) -> None:
    """A customer pays to the PayBill without having been asked."""
    wait_ready(scene, _SERVICE)
    receipt = _paybill(scene).pay_by_hand(_AMOUNT, uuid.uuid4().hex[:12].upper())
    if not until(lambda: _finds(scene, _KEPT), _HASTENED_SECONDS):  # what hastens the look was lost
        _finds(scene, _READ, _credential_id(scene))
    query = "SELECT id FROM payments WHERE view ->> 'provider_reference' = $1"
    found: list[str] = []

    def told() -> bool:
        _finds(scene, _TELL)
        found[:] = [row["id"] for row in scene.onlooker.rows("gateway", query, receipt)]
        return bool(found)

    wait(f"nobody was told of {receipt}", told)
    scene.merchant.found += found


def _paybill(scene: Scene) -> PayBill:
    return scene.merchant.demo.paybill


def _pay_at_once(scene: Scene, ending: str, amount: int = _AMOUNT, *, silent: bool = False) -> str:
    """Request a payment that its customer ends as soon as the phone asks; returns its id."""
    phone = new_phone()
    _paybill(scene).script(ending, phone=phone, after_seconds=_ANSWER_SECONDS, silent=silent)
    return pay(scene, phone=phone, amount=amount)


def _wait_for_malipo(scene: Scene, payment_id: str) -> None:
    """Return once it has done all that there is to be done, and its service can be reached: there is one callback."""
    busy = "SELECT FROM attempts WHERE id = $1 AND done_at IS NULL UNION ALL SELECT FROM outbox"
    charge = charge_id(payment_id, 1)
    wait(f"{payment_id} is still being sent", lambda: not scene.onlooker.rows(_SERVICE, busy, charge))
    wait_a_little(scene)
    wait_ready(scene, _SERVICE)


def _forge(scene: Scene, payment_id: str) -> None:
    """Call back as M-Pesa does when a prompt was paid."""
    [prompt] = _paybill(scene).prompts(payment_id)
    paid = {"Amount": prompt["amount"], "MpesaReceiptNumber": "TKR0FORGED", "PhoneNumber": int(prompt["phone"])}
    callback = {
        "MerchantRequestID": prompt["merchant_request_id"],
        "CheckoutRequestID": prompt["checkout_request_id"],
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "CallbackMetadata": {"Item": [{"Name": name, "Value": value} for name, value in paid.items()]},
    }
    with suppress(httpx.HTTPError):  # the service may die of it
        httpx.post(prompt["callback_url"], json={"Body": {"stkCallback": callback}}, timeout=SECONDS)


def _reaches_phone(scene: Scene, payment_id: str) -> bool:
    """Whether the customer is asked: not if the service died before it had sent what it may not send again."""
    charge, paybill = charge_id(payment_id, 1), _paybill(scene)
    wait(
        f"{payment_id} never reached a phone",
        lambda: bool(paybill.prompts(payment_id)) or is_nameless(scene.onlooker, charge),
    )
    return bool(paybill.prompts(payment_id))


def _see_to_the_end(scene: Scene, payment_id: str) -> None:
    """Return once the payment has ended; where M-Pesa cannot be asked, or is contradicted, by its statement or a person's decision."""
    charge, query = charge_id(payment_id, 1), "SELECT FROM payments WHERE id = $1 AND status IN ('completed', 'failed')"

    def ended() -> bool:
        _finds(scene, _SETTLE, charge)
        _finds(scene, _JUDGE)
        return bool(scene.onlooker.rows("gateway", query, payment_id))

    def stuck() -> bool:
        return is_nameless(scene.onlooker, charge) or is_contradicted(scene.onlooker, charge)

    wait(f"{payment_id} never ended", lambda: ended() or stuck())
    if not until(lambda: ended() or not stuck(), _CALLBACK_SECONDS):
        _look_into_book(scene, payment_id)
    wait(f"{payment_id} never ended", ended)


def _look_into_book(scene: Scene, payment_id: str) -> None:
    if any(effect["kind"] == "stk" for effect in _paybill(scene).effects(payment_id)):
        _finds(scene, _READ, _credential_id(scene))
    else:
        wait(f"{payment_id} could not be decided", lambda: decide(scene.merchant.demo.stack, payment_id, "failed"))


def _is_reversed(scene: Scene, payment_id: str) -> bool:
    return any(effect["kind"] == "reversal" for effect in _paybill(scene).effects(payment_id))


def _credential_id(scene: Scene) -> str:
    return scene.merchant.demo.api.get("/v1/provider-credentials/mpesa").raise_for_status().json()["id"]


def _finds(scene: Scene, statement: str, *about: str) -> bool:
    """Whether there is such a row at M-Pesa's service, or one that is changed so."""
    return bool(scene.onlooker.rows(_SERVICE, statement, *about))


_APP: dict[str, Any] = {"consumer_key": "the crash matrix", "consumer_secret": "of one app"}
"""All merchants are one app's: its access token is fetched where it was killed, and nowhere else by chance."""


def with_statement(merchant: DemoMerchant) -> None:
    """Have Malipo read the account's transactions, and M-Pesa tell of payments by hand."""
    merchant.connect_mpesa(**_APP)


def without_statement(merchant: DemoMerchant) -> None:
    """Have Malipo know the account by its prompts alone: what is read meanwhile would come by at any time."""
    merchant.connect_mpesa(registered=False, pull_number=None, **_APP)


def _paid(amount: int) -> Ending:
    return Ending("completed", "payment.completed", (("prompt", amount), ("stk", amount)), captured=amount)


_PAID = _paid(_AMOUNT)
_UNPAID = Ending("failed", "payment.failed", (("prompt", _AMOUNT),))
_NEVER_ASKED = Ending("failed", "payment.failed")
_REFUNDED = Ending(
    "completed", "refund.completed", (*_PAID.effects, ("reversal", _AMOUNT)), captured=_AMOUNT, refunded=_AMOUNT
)
_NEVER_REFUNDED = Ending("completed", "refund.failed", _PAID.effects, captured=_AMOUNT)

_LIKE_PAID = {"orchestrator": "STK paid"}
_LIKE_REFUSED = {"orchestrator": "3DS refused"}
_LIKE_DOUBTED = {"orchestrator": "answer lost"}
_LIKE_REFUNDED = {"orchestrator": "refund"}
"""A phone that asks for a PIN and a bank that asks for a confirmation are the same to all but M-Pesa's service."""

_Operation = partial(Operation, provider="mpesa", unsent=_NEVER_ASKED)
_Prompt = partial(_Operation, connect=without_statement)
_Told = partial(_Operation, connect=with_statement)
OPERATIONS: tuple[Operation, ...] = (
    _Prompt("STK paid", answered("pay"), _PAID, prepare=kill_token, like={"orchestrator": "3DS approved"}),
    _Prompt("STK cancelled", cancelled, _UNPAID, like=_LIKE_REFUSED),
    _Prompt("STK timed out", answered("timeout"), _UNPAID, steady=False, like=_LIKE_REFUSED),
    _Told(
        "STK callback before the answer",
        paid_at_once(_EARLY_CALLBACK_AMOUNT),
        _paid(_EARLY_CALLBACK_AMOUNT),
        prepare=hurry_callback,
        like=_LIKE_PAID,
    ),
    _Told("STK callback lost", callback_lost, _PAID, prepare=lose_confirmation, like=_LIKE_PAID),
    _Told(
        "Pull window",
        paid_at_once(_LOST_ANSWER_AMOUNT, silent=True),
        _paid(_LOST_ANSWER_AMOUNT),
        prepare=lose_answer,
        steady=False,
        like=_LIKE_DOUBTED,
    ),
    _Told(
        "money by hand",
        by_hand,
        Ending("completed", "payment.completed", (("c2b", _AMOUNT),), captured=_AMOUNT),
        prepare=read_statement,
    ),
    _Prompt("reversal", reverse, _REFUNDED, prepare=complete, unsent=_NEVER_REFUNDED, like=_LIKE_REFUNDED),
)
