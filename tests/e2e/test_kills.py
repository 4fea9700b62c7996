"""kill -9 of each service in the middle of fifty payments under load: nothing lost, nothing twice."""

import signal
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from malipo.contracts.providers.mpesa import SHILLING
from malipo_local import Stack
from malipo_local.bank import by_account
from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant, Json
from malipo_local.paybill import new_phone
from malipo_local.services import Kind, names
from malipo_local.waiting import until

PAYMENTS = 50
AT_ONCE = 8
SECONDS = 90
OF_CARDS = [name for name in names(Kind.SERVICE) if name == "provider-stripe" or not name.startswith("provider-")]


def by_card(number: int) -> Json:
    return {"amount": 1000 + number, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}


def by_phone(number: int) -> Json:
    return {"amount": (10 + number) * SHILLING, "currency": "KES", "method": {"type": "mpesa", "phone": new_phone()}}


def by_paypal(number: int) -> Json:
    back = {"return_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/cart"}
    return {"amount": 1000 + number, "currency": "USD", "method": {"type": "paypal"}, **back}


def by_bank(number: int) -> Json:
    method = {"type": "bank_transfer", "rail": ("RTP", "BOOK")[number % 2], "recipient": by_account()}
    return {"amount": 1000 + number, "currency": "USD", "method": method}


def pay_until_answered(merchant: DemoMerchant, number: int, payment: Json) -> str:
    """What a careful merchant does: the same request with the same key until there is an answer."""
    key = uuid.uuid4().hex
    body = payment | {"client_ref": f"order-{number}"}
    answer: list[Json] = []

    def answered() -> bool:
        try:
            response = merchant.post("/v1/payments", body, key=key, Prefer="respond-async")
        except httpx.TransportError:
            return False
        if response.is_success:
            answer.append(response.json())
        return response.is_success

    assert until(answered, SECONDS, 0.1), f"payment {number} was never answered"
    return answer[0]["id"]


def is_whole(timeline: list[Json]) -> bool:
    """Whether a timeline has everything, once, each entry behind its cause."""
    kinds = [entry["kind"] for entry in timeline]
    steps = [entry["step"] for entry in timeline if entry["kind"] == "step"]
    seen: set[str | None] = {None}
    for entry in timeline:
        if entry["cause"] not in seen or entry["id"] in seen:
            return False
        seen.add(entry["id"])
    return {"request", "attempt", "webhook"} <= set(kinds) and steps == list(range(1, len(steps) + 1))


def restarts_of(stack: Stack, service: str) -> int:
    return sum(unit.restarts for unit in stack.status() if unit.service == service)


def killed_halfway(stack: Stack, merchant: DemoMerchant, service: str, payment: Callable[[int], Json]) -> list[str]:
    """The ids of fifty payments in whose middle the service was killed."""
    before = restarts_of(stack, service)
    halfway = threading.Event()
    killer = threading.Thread(target=lambda: halfway.wait(SECONDS) and stack.kill(service, signal.SIGKILL))
    killer.start()

    def pay(number: int) -> str:
        if number == PAYMENTS // 2:
            halfway.set()
        return pay_until_answered(merchant, number, payment(number))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        payment_ids = list(pool.map(pay, range(PAYMENTS)))
    killer.join()
    stack.wait_ready(service, SECONDS)
    assert restarts_of(stack, service) > before, "nothing was killed"
    assert len(set(payment_ids)) == PAYMENTS
    return payment_ids


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", OF_CARDS)
def test_killed_in_the_middle_of_fifty_payments_every_payment_ends_as_in_stripes_book(stack, merchant, service):
    merchant.stripe_fault(
        "slow", match={"method": "POST", "path": "/v1/payment_intents"}, delay_seconds=0.3, times=PAYMENTS
    )
    payment_ids = killed_halfway(stack, merchant, service, by_card)
    for payment_id in payment_ids:
        assert merchant.wait(payment_id, seconds=SECONDS)["status"] == "completed"
        received = merchant.events(payment_id, "payment.completed", seconds=SECONDS)
        first_arrivals = list({one["id"]: one["sequence"] for one in received}.values())
        assert first_arrivals == list(range(1, len(first_arrivals) + 1)), "an event is missing or overtook another"
        assert until(lambda of=payment_id: is_whole(merchant.timeline(of)), SECONDS), (
            "a timeline with something missing"
        )
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []
    assert len(books.malipos(merchant)) == PAYMENTS, "a payment exists that was not requested"


@pytest.mark.timeout(300)
def test_killed_in_the_middle_of_fifty_prompts_nobody_is_prompted_twice_and_every_payment_ends_as_in_mpesas_book(
    stack, merchant
):
    merchant.connect_mpesa()
    merchant.paybill.script("paid", times=PAYMENTS)
    push = {"path": "/mpesa/stkpush/v1/processrequest"}
    with merchant.paybill.fault("slow", match=push, delay_seconds=0.3, times=PAYMENTS):
        payment_ids = killed_halfway(stack, merchant, "provider-mpesa", by_phone)
    for payment_id in payment_ids:
        assert len(merchant.paybill.prompts(payment_id)) <= 1
        ended = merchant.wait(payment_id, seconds=SECONDS)
        assert (ended["status"] == "completed") == bool(merchant.paybill.effects(payment_id))
        assert until(lambda of=payment_id: is_whole(merchant.timeline(of)), SECONDS)
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []
    assert len(books.malipos(merchant)) == PAYMENTS, "a payment exists that was not requested"


@pytest.mark.timeout(300)
def test_killed_in_the_middle_of_fifty_approvals_each_payment_is_captured_once_and_ends_as_in_paypals_book(
    stack, merchant
):
    merchant.connect_paypal()
    merchant.paypal.script("approve", times=PAYMENTS, after_seconds=0.3)
    capture = {"path": "/v2/checkout/orders/*/capture"}
    with merchant.paypal.fault("slow", match=capture, delay_seconds=0.3, times=PAYMENTS):
        payment_ids = killed_halfway(stack, merchant, "provider-paypal", by_paypal)
    for payment_id in payment_ids:
        assert merchant.wait(payment_id, seconds=SECONDS)["status"] == "completed"
        assert [effect["kind"] for effect in merchant.paypal.effects(payment_id)] == ["capture"]
        assert until(lambda of=payment_id: is_whole(merchant.timeline(of)), SECONDS)
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []
    assert len(books.malipos(merchant)) == PAYMENTS, "a payment exists that was not requested"


@pytest.mark.timeout(300)
def test_killed_in_the_middle_of_fifty_transfers_each_leaves_the_account_once_and_ends_as_in_the_banks_book(
    stack, merchant
):
    merchant.connect_bank()
    transfer = {"method": "POST", "path": "/v1/payments"}
    with merchant.bank.fault("slow", match=transfer, delay_seconds=0.3, times=PAYMENTS):
        payment_ids = killed_halfway(stack, merchant, "provider-bank", by_bank)
    for payment_id in payment_ids:
        assert merchant.wait(payment_id, seconds=SECONDS)["status"] == "completed"
        assert [effect["kind"] for effect in merchant.bank.effects(payment_id)] == ["debit"]
        assert until(lambda of=payment_id: is_whole(merchant.timeline(of)), SECONDS)
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []
    assert len(books.malipos(merchant)) == PAYMENTS, "a payment exists that was not requested"
