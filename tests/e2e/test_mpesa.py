"""Stories of M-Pesa: the customer's phone, silence, statements, money by hand, reversals. All of one merchant's PayBill."""

import json
import time
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from operating import run_command

from malipo_local import Stack
from malipo_local.demo import books
from malipo_local.demo.phone_stories import PHONE_STORIES
from malipo_local.demo.tour import timeline_lines
from malipo_local.faults import strikes
from malipo_local.merchant import DemoMerchant, Json
from malipo_local.paybill import new_phone, reference_of
from malipo_local.waiting import until
from provider_mpesa.certificate import encrypted, read_certificate

PUSH = {"method": "POST", "path": "/mpesa/stkpush/v1/processrequest"}
SECONDS = 90
AT_ONCE = 8
BY_HAND = 77_700
INVOICE = "INV-2041"


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Generator[DemoMerchant]:
    """Every story pays to it: each PayBill's statement is read again and again."""
    with DemoMerchant.open(stack, running=run_command) as opened:
        opened.connect_mpesa()
        yield opened


@pytest.fixture(scope="module", autouse=True)
def by_hand(shop: DemoMerchant) -> dict[str, str]:
    """Receipts of what nobody was asked for, by what the customers gave as the account number: told of after a minute."""
    return {number: shop.paybill.pay_by_hand(BY_HAND, number) for number in (INVOICE, "")}


def receipts(shop: DemoMerchant, payment_id: str) -> list[str]:
    """What M-Pesa's book has of a payment's prompt."""
    return [effect["receipt"] for effect in shop.paybill.effects(payment_id) if effect["kind"] != "reversal"]


def ending_step(shop: DemoMerchant, payment_id: str, state: str = "completed") -> Json:
    """The step that led to this state."""
    return next(e for e in shop.timeline(payment_id) if e["kind"] == "step" and e["to_state"] == state)


def failed_payment(shop: DemoMerchant, **fields: object) -> Json:
    """One whose customer canceled the prompt."""
    phone = new_phone()
    shop.paybill.script("cancelled", phone=phone, after_seconds=0)
    return shop.wait(shop.prompt(phone, **fields)["id"], "failed", seconds=SECONDS)


@pytest.mark.parametrize(
    "story", [story for story in PHONE_STORIES if "silent" not in story.title], ids=lambda story: story.title
)
def test_the_story_of_the_demo(shop, story):
    story.play(shop)


def test_a_customer_who_enters_the_pin_has_paid_and_the_receipt_is_the_reference(shop):
    payment = shop.prompt("+254 712 345 678")
    waiting = shop.wait(payment["id"], "requires_action")
    assert (waiting["action"]["type"], waiting["action"]["phone"]) == ("phone_prompt", "2547*****678")
    shop.paybill.answer(payment["id"], "pay")
    shop.wait(payment["id"], "completed")
    (receipt,) = receipts(shop, payment["id"])
    assert wait_for_receipt(shop, receipt)["id"] == payment["id"]
    shop.events(payment["id"], "payment.requires_action", "payment.completed")


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ("cancel", "customer_canceled", "The customer canceled the prompt."),
        ("wrong_pin", "wrong_pin", "The customer entered a wrong PIN."),
    ],
)
def test_a_customer_who_does_not_pay_is_told_of_in_words(shop, answer, code, words):
    payment = shop.prompt()
    shop.wait(payment["id"], "requires_action")
    shop.paybill.answer(payment["id"], answer)
    assert shop.wait(payment["id"], "failed")["failure"] == {"code": code, "message": words, "retry": None}
    shop.events(payment["id"], "payment.failed")


def test_what_neither_an_answer_nor_a_callback_tells_is_learned_by_reconciliation(shop):
    story = next(story for story in PHONE_STORIES if story.title == "M-Pesa, silent")
    assert ending_step(shop, story.play(shop))["source"] == "reconciliation"


def test_a_payment_that_timed_out_and_is_paid_after_all_is_corrected(shop):
    payment = shop.prompt()
    shop.wait(payment["id"], "requires_action")
    shop.paybill.answer(payment["id"], "timeout")
    failed = shop.wait(payment["id"], "failed", seconds=SECONDS)
    assert failed["failure"]["code"] == "customer_not_reached"
    shop.paybill.pay_late(payment["id"])
    paid = shop.wait(payment["id"], "completed", seconds=SECONDS)
    assert [paid["provider_reference"]] == receipts(shop, payment["id"])
    shop.events(payment["id"], "payment.failed", "payment.corrected")
    print("\n1037, then paid:", *timeline_lines(shop.reported(payment["id"])), sep="\n")  # noqa: T201


def test_money_paid_by_hand_with_the_reference_of_a_payment_that_failed_corrects_it(shop):
    failed = failed_payment(shop)
    receipt = shop.paybill.pay_by_hand(failed["amount"], reference_of(failed["id"]))
    paid = shop.wait(failed["id"], "completed", seconds=SECONDS)
    assert paid["provider_reference"] == receipt
    shop.events(failed["id"], "payment.failed", "payment.corrected")


def test_a_payment_that_callback_confirmation_and_statement_report_is_one(shop):
    with shop.paybill.fault("webhook_duplicate") as doubling:
        paid, later = ask_and_have_paid(shop), ask_and_have_paid(shop, silent=True)
        for payment_id in (paid, later):
            shop.wait(payment_id, "completed", seconds=SECONDS)  # the later by the statement, which shows both
        assert until(lambda: strikes(shop.paybill.http, doubling) >= 3, SECONDS), (
            "the callback of one, the confirmations of both"
        )
    (receipt,) = receipts(shop, paid)
    assert wait_for_receipt(shop, receipt)["id"] == paid


def test_a_payment_is_given_back_whole_and_not_in_part(shop):
    payment_id = ask_and_have_paid(shop)
    shop.wait(payment_id, "completed")
    part = shop.post(f"/v1/payments/{payment_id}/refunds", {"amount": 100})
    assert part.json()["code"] == "operation_unsupported"


def test_a_refund_of_what_somebody_has_reversed_at_mpesa_is_in_doubt_until_a_person_decides(shop, stack):
    payment_id = ask_and_have_paid(shop)
    shop.wait(payment_id, "completed")
    (receipt,) = receipts(shop, payment_id)
    wait_for_receipt(shop, receipt)
    reverse_in_portal(shop, stack, receipt)
    assert until(lambda: len(shop.paybill.effects(payment_id)) == 2, SECONDS), "the money went back"
    refund = shop.post(f"/v1/payments/{payment_id}/refunds").raise_for_status().json()
    assert until(lambda: shop.explain(payment_id)["operations"][-1]["state"] == "in_doubt", SECONDS)
    why = ("--because", "it was reversed in the portal", "--by", "a person")
    run_command(stack, "orchestrator", "decide", refund["id"], "--as", "completed", *why)
    assert shop.wait_refund(refund["id"])["status"] == "completed"
    assert shop.payment(payment_id)["amount_refunded"] == shop.payment(payment_id)["amount"]


def test_a_token_that_somebody_else_kills_under_load_costs_no_payment_and_no_second_prompt(shop):
    shop.paybill.script("paid", times=30)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = [pool.submit(lambda: shop.prompt(prefer="respond-async")["id"]) for _ in range(30)]
        for one in made[::5]:
            one.result()
            shop.paybill.http.post("/_sim/tokens/kill").raise_for_status()
        payment_ids = [one.result() for one in made]
    for payment_id in payment_ids:
        assert shop.wait(payment_id, seconds=SECONDS)["status"] == "completed"
        assert len(shop.paybill.prompts(payment_id)) == 1


@pytest.mark.timeout(240)
def test_with_every_callback_of_an_hour_dropped_all_payments_end_right_with_nobodys_help(shop):
    """The hour is short: the settings of this stack have everything that waits for minutes wait for seconds."""
    ends = {
        "paid": ("completed", None),
        "cancelled": ("failed", "customer_canceled"),
        "timeout": ("failed", "customer_not_reached"),
    }
    asked: dict[str, str] = {}
    with shop.paybill.fault("webhook_drop") as dropping:
        began = time.monotonic()
        for ending in ["paid", "cancelled", "paid", "timeout"] * 10:
            phone = new_phone()
            shop.paybill.script(ending, phone=phone)
            asked[shop.prompt(phone, prefer="respond-async")["id"]] = ending
        ended = {payment_id: shop.wait(payment_id, "completed", "failed", seconds=120) for payment_id in asked}
        seconds = time.monotonic() - began
        dropped = strikes(shop.paybill.http, dropping)
    for payment_id, ending in asked.items():
        failure = ended[payment_id]["failure"]
        assert (ended[payment_id]["status"], failure and failure["code"]) == ends[ending]
    assert dropped >= len(asked)
    told = Counter(event["type"] for payment_id in asked for event in shop.received(payment_id))
    figures = {"callbacks dropped": dropped, "payments": len(asked), "seconds": round(seconds, 1), "told": dict(told)}
    print("\nan hour without callbacks:", json.dumps(figures))  # noqa: T201


def test_money_paid_by_hand_with_the_merchants_own_reference_is_a_payment_of_that_reference(shop, by_hand):
    found = wait_for_receipt(shop, by_hand[INVOICE])
    assert (found["status"], found["amount_captured"], found["client_ref"]) == ("completed", BY_HAND, INVOICE)
    shop.events(found["id"], "payment.completed")


def test_money_that_nothing_explains_waits_for_a_person_who_assigns_it(shop, stack, by_hand):
    failed, receipt = failed_payment(shop, amount=BY_HAND), by_hand[""]
    listed = lambda: [line for line in suspense(stack, "list") if receipt in line]  # noqa: E731
    assert until(lambda: bool(listed()), SECONDS), f"{receipt} is not in suspense"
    why = ("--because", "the customer showed the receipt", "--by", "a person")
    suspense(stack, "assign", listed()[0].split()[0], "--to", failed["id"], *why)
    assert wait_for_receipt(shop, receipt)["id"] == failed["id"]
    assert listed() == []


def test_after_all_of_this_malipos_book_equals_mpesas(shop):
    assert books.differences(shop) == []
    assert books.double_charges(shop) == []


def reverse_in_portal(shop: DemoMerchant, stack: Stack, receipt: str) -> None:
    """As somebody does who knows the account's API operator: Malipo has no part in it, nor hears of it."""
    known, http = shop.paybill.credentials(), shop.paybill.http
    certificate = read_certificate(Path(stack.service_env("provider-mpesa")["MPESA_CERTIFICATE_FILE"]))
    token = http.get("/oauth/v1/generate?grant_type=client_credentials", auth=("portal", "portal")).raise_for_status()
    elsewhere = f"{stack.url('merchant-sim')}/hooks/{shop.name}"
    body = {
        "Initiator": known["initiator"],
        "SecurityCredential": encrypted(certificate, known["initiator_password"]),
        "CommandID": "TransactionReversal",
        "TransactionID": receipt,
        "Amount": 100,
        "ReceiverParty": known["shortcode"],
        "RecieverIdentifierType": "11",
        "ResultURL": elsewhere,
        "QueueTimeOutURL": elsewhere,
        "Remarks": "Goods returned",
    }
    headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
    http.post("/mpesa/reversal/v1/request", json=body, headers=headers).raise_for_status()


def ask_and_have_paid(shop: DemoMerchant, **how: object) -> str:
    """A payment whose customer pays at once; returns its id."""
    phone = new_phone()
    shop.paybill.script("paid", phone=phone, after_seconds=0, **how)
    return shop.prompt(phone, prefer="respond-async")["id"]


def payments(shop: DemoMerchant) -> list[Json]:
    """The latest hundred."""
    return shop.api.get("/v1/payments", params={"limit": 100}).raise_for_status().json()["data"]


def wait_for_receipt(shop: DemoMerchant, receipt: str) -> Json:
    """The payment that has this receipt, once there is one, and no other."""
    found: list[Json] = []

    def there() -> bool:
        found[:] = [one for one in payments(shop) if one["provider_reference"] == receipt]
        return bool(found)

    assert until(there, SECONDS), f"no payment has {receipt}"
    (payment,) = found
    return payment


def suspense(stack: Stack, *arguments: str) -> list[str]:
    """The lines that an operator is shown."""
    return run_command(stack, "orchestrator", "suspense", *arguments).splitlines()
