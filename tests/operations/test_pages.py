"""Each page of docs/operations is followed on a local stack, in the case that it is for."""

import json
import re

import pytest
from databases import sql

from malipo import ids
from malipo.contracts.commands import CancelPayment, CreatePayment
from malipo.contracts.topics import PAYMENT_COMMANDS
from malipo.money import Money
from malipo_local import Stack
from malipo_local.demo import books
from malipo_local.services import Kind, names
from malipo_local.waiting import until
from operations import pages
from operations.acts import lose_kafka, merchant_id, publish
from operations.shop import BY_HAND, told_once
from testkit.operations import card

pytestmark = pytest.mark.timeout(900)
SECONDS = 240
CREATES = {"method": "POST", "path": "/v1/payment_intents"}


def test_going_live(stack):
    pages.run(stack, "going-live.md", "What it stands on")
    printed = pages.run(stack, "going-live.md", "Every service is ready")
    assert printed.count('{"status":"ready"') == 3, printed
    pages.run(stack, "going-live.md", "The first merchant")


def test_connections(stack):
    printed = pages.run(stack, "capacity.md", "Connections to PostgreSQL")
    assert all(f"malipo_{name}".replace("-", "_") in printed for name in names(Kind.SERVICE))


def test_an_account_is_added(stack, shop):
    pages.run(stack, "accounts.md", "Give Malipo the credentials", KEY=shop.key, STRIPE_KEY=shop.stripe_key)
    pages.run(stack, "accounts.md", "Look whether it works", KEY=shop.key)
    shop.connect_stripe()


def test_a_service_is_drained_and_what_waited_for_it_flows_when_it_is_back(stack, shop):
    payment_ids = [shop.pay(amount=1000 + number)["id"] for number in range(3)]
    pages.run(stack, "draining.md", "One service", SERVICE="webhook-dispatcher")
    for payment_id in payment_ids:
        told_once(shop, payment_id)


def test_a_dead_letter_is_read_and_sent_again_once_its_cause_is_mended(stack, shop):
    """A cancel of a payment that nobody knows; then its payment comes."""
    payment_id = ids.new("pay")
    cancel = CancelPayment(payment_id=payment_id, cancel_id=ids.new("can"))
    publish(stack, PAYMENT_COMMANDS, payment_id, cancel)

    def letters() -> list[str]:
        printed = pages.run(stack, "dead-letters.md", "Read them")
        return [line["reason"] for line in map(json.loads, printed.splitlines()) if line["key"] == payment_id]

    assert until(lambda: letters() == [f"UnknownPayment: {payment_id}"], SECONDS, 1), letters()
    create = CreatePayment(
        payment_id=payment_id, merchant_id=merchant_id(stack, shop), mode="test", amount=Money(1000, "USD"),
        method=card("pm_card_visa"), capture="manual", config_version=1, configured=("stripe",),
    )  # fmt: skip
    publish(stack, PAYMENT_COMMANDS, payment_id, create)
    assert until(lambda: shop.api.get(f"/v1/payments/{payment_id}").status_code == 200, SECONDS)
    shop.wait(payment_id, "authorized", seconds=SECONDS)
    printed = pages.run(stack, "dead-letters.md", "Mend, then send them again")
    assert printed == "1 messages sent again to payments.commands.v1\n"
    shop.wait(payment_id, "canceled", seconds=SECONDS)


@pytest.mark.whole
def test_a_key_is_put_first_and_what_was_sealed_before_is_sealed_under_it(stack, shop):
    ring = stack.service_env("gateway")["KEY_RING"]
    shop.pay(amount=1111, key="before the rotation")
    printed = pages.run(stack, "keys.md", "Put a new key first", KEY_RING=ring)
    assert re.findall(r"resealed +(\d+)", printed)[1:] == ["0"]
    for service in names(Kind.SERVICE):
        stack.wait_ready(service, SECONDS)
    first = Stack.attach(stack.home.folder).service_env("gateway")["KEY_RING"].partition(":")[0]
    assert first != ring.partition(":")[0]
    sealed = "SELECT count(*) FROM provider_credentials WHERE split_part(ciphertext, '.', 2) <> $1"
    assert sql(stack, "gateway", sealed, first) == 0
    told_once(shop, shop.pay(amount=1112)["id"])
    again = shop.post(
        "/v1/payments",
        {"amount": 1111, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}},
        key="before the rotation",
    )
    assert again.headers["Idempotent-Replayed"] == "true"


def test_an_api_key_is_exchanged(stack, shop):
    pages.run(stack, "keys.md", "API keys", MERCHANT=merchant_id(stack, shop))
    assert sql(stack, "gateway", "SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL") == 1


def test_a_payment_in_doubt_is_decided(stack, shop):
    shop.stripe_fault("error_before_effect", match=CREATES | {"amount": 4471})
    payment_id = shop.pay(amount=4471, prefer="respond-async")["id"]
    shop.wait(payment_id, "processing", reason="awaiting_provider_confirmation", seconds=SECONDS)
    printed = pages.run(stack, "doubt-and-suspense.md", "Payments in doubt", PAYMENT=payment_id, KEY=shop.key)
    assert payment_id in printed
    decided = {"DOUBT": payment_id, "PAYMENT": payment_id, "END": "failed", "KEY": shop.key}

    def is_decided() -> bool:
        try:
            told = pages.run(stack, "doubt-and-suspense.md", "Decide how it ended", **decided)
        except pages.CommandFailed:  # what may still be sent is not decided
            return False
        return f"{payment_id} is failed" in told

    assert until(is_decided, SECONDS, 1)
    shop.wait(payment_id, "failed", seconds=SECONDS)


@pytest.mark.whole
def test_money_that_no_payment_explains_is_assigned_to_one(stack, shop):
    payment_id = shop.prompt(amount=BY_HAND)["id"]
    shop.wait(payment_id, "requires_action", seconds=SECONDS)
    shop.paybill.answer(payment_id, "cancel")
    shop.wait(payment_id, "failed", seconds=SECONDS)

    def listed() -> str:
        found = re.search(r"\bsus_\w+", pages.run(stack, "doubt-and-suspense.md", "Money in suspense"))
        return found[0] if found else ""

    assert until(lambda: bool(listed()), SECONDS, 1)
    pages.run(stack, "doubt-and-suspense.md", "Assign it, or settle it", SUSPENSE=listed(), PAYMENT=payment_id)
    shop.wait(payment_id, "completed", seconds=SECONDS)
    pages.run(stack, "doubt-and-suspense.md", "What no operation explains")
    assert books.differences(shop) == []


@pytest.mark.whole
def test_with_kafka_lost_everything_comes_right_as_the_page_says(stack, shop):
    payment_ids = [shop.pay(amount=2000 + number, prefer="respond-async")["id"] for number in range(5)]
    lose_kafka(stack)
    pages.run(stack, "kafka-lost.md", "Make the topics anew")
    pages.run(stack, "kafka-lost.md", "Send again what nobody asks for")
    pages.run(stack, "kafka-lost.md", "Look")
    for payment_id in payment_ids:
        told_once(shop, payment_id)
    assert books.differences(shop) == []
    assert books.double_charges(shop) == []


def test_a_database_is_looked_at(stack):
    printed = pages.run(stack, "database-lost.md", "Look")
    assert printed.count("takes writes: true") == len(names(Kind.SERVICE))


@pytest.mark.whole
def test_with_a_provider_down_its_payments_wait_and_flow_when_it_is_back(stack, shop):
    """The last of all: the stand-in begins anew, and remembers nothing."""
    stack.stop_service("stripe-sim")
    payment_id = shop.pay(amount=5000, prefer="respond-async")["id"]
    printed = pages.run(stack, "provider-down.md", "Look", PAYMENT=payment_id, KEY=shop.key)
    assert "waiting" in printed
    stack.start_service("stripe-sim")
    stack.wait_ready("stripe-sim", SECONDS)
    pages.run(stack, "provider-down.md", "When it is back")
    shop.wait(payment_id, seconds=SECONDS)
    told_once(shop, shop.pay(amount=5001)["id"])


def test_commands_of_pages_are_those_of_make():
    targets = set(re.findall(r"^([a-z-]+):", (pages.ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {
        target
        for page in pages.GUIDES.rglob("*.md")
        for target in re.findall(r"(?:`|^|do )make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    }
    assert named <= targets, named - targets


def test_every_block_of_commands_is_executed_by_a_test():
    executed = {
        pair
        for path in (pages.ROOT / "tests/operations").glob("test_*.py")
        for pair in followed(path.read_text("utf-8"))
    }
    missing = [
        (page.name, section)
        for page in sorted(pages.GUIDES.glob("*.md"))
        for section in pages.sections(page.name)
        if (page.name, section) not in executed
    ]
    assert missing == []


def followed(source: str) -> set[tuple[str, str]]:
    """The pages and sections that a file of tests follows; a page may stand at the file's top, as `PAGE`."""
    names = re.search(r'^PAGE = "(.+)"$', source, re.MULTILINE)
    calls = re.findall(r'pages\.run\(stack, (?:"([^"]+)"|PAGE), "([^"]+)"', source)
    return {(page or (names[1] if names else ""), section) for page, section in calls}
