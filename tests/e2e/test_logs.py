"""What may be seen: log lines name their payment and its trace, and no secret is in a log, a topic or a row."""

import asyncio
import json
import re
import uuid
from collections.abc import Iterator

import httpx
import pytest
from operating import run_command

from malipo_local.bank import HELD, by_account, by_alias
from malipo_local.kafka_security import ADMIN
from malipo_local.merchant import DemoMerchant, Json
from malipo_local.paybill import new_phone
from malipo_local.services import Kind, names
from testkit.access import access
from testkit.dumps import every_record, every_row

SERVICES = names(Kind.SERVICE)
CARD, PHONE, LIVE_KEY = "4242424242424242", "+254712345678", "sk_live_51NotOursAtAll"
PAYMENT = re.compile(r"pay_[0-9a-z]{26}")
REVEALING = re.compile(
    r"\b(?:sk|rk|pk)_(?:test|live)_\w+|mk_(?:test|live)_\w+|whsec_\w+|\bpm_(?![0-9a-z]{26}\b)\w+|\b\d(?:[ -]?\d){12,18}\b"
)


class Watched(DemoMerchant):
    """A merchant that remembers the secrets of both directions of webhooks, and who its customers are."""

    def __init__(self, *about) -> None:
        super().__init__(*about)
        self.secrets = {self.key, self.stripe_key}
        self.persons: set[str] = set()
        """Phone numbers, addresses and names of customers."""

    def put_credentials(self, webhook_secrets: list[str]) -> Json:
        self.secrets |= {self.stripe_key, *webhook_secrets}
        return super().put_credentials(webhook_secrets)

    def ask_for_webhooks(self) -> Json:
        endpoint = super().ask_for_webhooks()
        self.secrets.add(endpoint["secret"])
        return endpoint

    def connect_mpesa(self, **how) -> Json:
        secret = f"daraja-{uuid.uuid4().hex}"
        self.secrets |= {secret, self.paybill.credentials()["passkey"]}
        return super().connect_mpesa(consumer_secret=secret, **how)

    def ask_on_phone(self, ending: str, client_ref: str) -> Json:
        """A payment on the phone of a customer who does this; once it has ended."""
        phone = new_phone()
        self.persons |= {phone, f"254{phone[1:]}"}
        self.paybill.script(ending, phone=phone, after_seconds=0)
        return self.wait(self.prompt(phone, client_ref=client_ref)["id"], seconds=60)

    def connect_paypal(self) -> Json:
        self.secrets.add(self.paypal.client_secret)
        return super().connect_paypal()

    def pay_at_paypal(self, plan: str, client_ref: str, **fields: object) -> Json:
        """A payment of a payer who does this at PayPal; once it has ended, or money is held."""
        self.paypal.script(plan, after_seconds=0)
        payment = self.check_out(client_ref=client_ref, **fields)
        reached = self.wait(payment["id"], "completed", "failed", "authorized", seconds=60)
        (order,) = self.paypal.orders(payment["id"])
        payer = order["payment_source"]["paypal"]
        names = payer["name"].values()
        self.persons |= {payer["email_address"], payer["account_id"], " ".join(names), *(f'"{name}"' for name in names)}
        return reached

    def connect_bank(self, **more) -> Json:
        self.secrets |= {self.bank.client_secret, self.bank.key_secret}
        return super().connect_bank(**more)

    def send(self, recipient: Json, client_ref: str, **how: object) -> Json:
        """A transfer to somebody with a name of their own; its JSON."""
        name = f"Ada {uuid.uuid4().hex}"
        numbers = recipient.get("account", {}).get("number"), recipient.get("alias", {}).get("value")
        self.persons |= {name, *filter(None, numbers)}
        return self.transfer(recipient | {"name": name}, client_ref=client_ref, **how)


@pytest.fixture(scope="module")
def watched(stack) -> Iterator[tuple[Watched, list[Json]]]:
    """A merchant after a day of everything that could leak something, and its payments."""
    with Watched.open(stack, running=run_command) as merchant:
        yield (
            merchant,
            [*careless_day(merchant), *day_on_phones(merchant), *day_at_paypal(merchant), *day_at_the_bank(merchant)],
        )


def careless_day(merchant: Watched) -> Iterator[Json]:
    """Secrets, cards and phone numbers in every place where a client could put them."""
    fields = {"description": f"call {PHONE}", "metadata": {"phone": PHONE, "note": LIVE_KEY}}
    payment = merchant.pay(client_ref=f"tel-{PHONE}", **fields)
    yield merchant.wait(payment["id"], "completed")
    declined = merchant.pay("pm_card_visa_chargeDeclinedInsufficientFunds", client_ref="declined-1")
    yield merchant.wait(declined["id"], "failed")
    merchant.behave(kind="fail", times=2)
    retried = merchant.pay(amount=4361)
    merchant.events(retried["id"], "payment.completed")
    yield merchant.payment(retried["id"])
    for fault in ("html_error", "rate_limited", "answer_lost"):
        merchant.stripe_fault(fault, match={"method": "POST", "amount": 4362}, times=1)
        troubled = merchant.pay(amount=4362, client_ref=fault)
        yield merchant.wait(troubled["id"], "completed", seconds=60)
    send_refused_requests(merchant)
    yield revoked(merchant)


def day_on_phones(merchant: Watched) -> Iterator[Json]:
    """Customers who pay and who do not, by numbers that nobody else may see."""
    merchant.connect_mpesa()
    paid = merchant.ask_on_phone("paid", "by-phone-1")
    refund = merchant.post(f"/v1/payments/{paid['id']}/refunds").raise_for_status().json()
    assert merchant.wait_refund(refund["id"], seconds=60)["status"] == "completed"
    yield paid
    with merchant.paybill.fault("answer_lost", match={"method": "POST"}, times=1):
        yield merchant.ask_on_phone("paid", "by-phone-2")
    yield merchant.ask_on_phone("cancelled", "by-phone-3")


def day_at_paypal(merchant: Watched) -> Iterator[Json]:
    """Payers whose addresses and names PayPal tells, and nobody else may see."""
    merchant.connect_paypal()
    paid = merchant.pay_at_paypal("approve", "at-paypal-1", description=f"call {PHONE}")
    refund = merchant.post(f"/v1/payments/{paid['id']}/refunds").raise_for_status().json()
    assert merchant.wait_refund(refund["id"], seconds=60)["status"] == "completed"
    yield paid
    with merchant.paypal.fault("answer_lost", match={"method": "POST"}, times=1):
        yield merchant.pay_at_paypal("decline_then_approve", "at-paypal-2")
    yield merchant.pay_at_paypal("capture_declined", "at-paypal-3")
    held = merchant.pay_at_paypal("approve", "at-paypal-4", capture="manual")
    merchant.post(f"/v1/payments/{held['id']}/cancel").raise_for_status()
    yield merchant.wait(held["id"], "canceled", seconds=60)


def day_at_the_bank(merchant: Watched) -> Iterator[Json]:
    """Recipients whose names, accounts and addresses the bank is told, and nobody else may see."""
    merchant.connect_bank()
    to_alias = merchant.send(by_alias(f"{uuid.uuid4().hex}.7890"), "by-bank-1", remittance="Invoice 1")
    yield merchant.wait(to_alias["id"], "completed", seconds=60)
    with merchant.bank.fault("answer_lost", match={"method": "POST", "path": "/v1/payments"}, times=1):
        back = merchant.send(by_account("0002"), "by-bank-2", rail="ACH")
        yield merchant.wait(back["id"], "returned", seconds=60)
    refused = merchant.send(by_account("1004"), "by-bank-3", rail="RTP")
    yield merchant.wait(refused["id"], "failed", seconds=60)
    held = merchant.send(by_account(HELD), "by-bank-4", rail="RTP")
    merchant.wait(held["id"], "processing", seconds=60)
    merchant.post(f"/v1/payments/{held['id']}/cancel").raise_for_status()
    yield merchant.wait(held["id"], "canceled", seconds=60)


def send_refused_requests(merchant: Watched) -> None:
    """Requests that are refused, each with something revealing in it."""
    body = {"amount": 100, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}
    unknown_key = f"mk_test_{uuid.uuid4().hex}"
    merchant.secrets.add(unknown_key)
    assert merchant.api.get("/v1/payments", headers={"X-API-Key": unknown_key}).status_code == 401
    assert merchant.api.get("/v1/payments", headers={"Authorization": f"Bearer {unknown_key}"}).is_success
    assert merchant.api.get("/v1/payments", params={"api_key": unknown_key}).is_client_error
    assert merchant.api.get(f"/v1/payments/{CARD}").status_code == 404
    assert merchant.api.get(f"/{unknown_key}").status_code == 404
    assert merchant.post("/v1/payments", body | {"method": {"type": "card", "number": CARD}}).is_client_error
    assert merchant.post("/v1/payments", body | {"description": f"card {CARD}"}).is_client_error
    assert merchant.post("/v1/payments", body | {"secret_key": LIVE_KEY}).is_client_error
    assert merchant.post("/v1/payments", body | {"method": {"type": "mpesa", "phone": PHONE}}).is_client_error
    forged = {"Stripe-Signature": f"t=1,v1={unknown_key}"}
    callbacks = merchant.stack.url("provider-stripe") + merchant.put_credentials([])["callback_path"]
    assert httpx.post(callbacks, json={"card": CARD, "key": unknown_key}, headers=forged).status_code == 401


def revoked(merchant: Watched) -> Json:
    """A payment with a key that Stripe does not accept any more."""
    merchant.stripe_key = f"sk_test_revoked{uuid.uuid4().hex}"
    merchant.put_credentials([])
    return merchant.wait(merchant.pay(client_ref="revoked")["id"], "failed")


def heard_by(service: str, payments: list[Json]) -> set[str]:
    """The ids of those that a service hears of: a provider's of its own, the others of all."""
    own = service.removeprefix("provider-")
    return {payment["id"] for payment in payments if own in (service, payment["provider"])}


def log_lines(stack, service: str) -> list[str]:
    return stack.log_path(service).read_text("utf-8").splitlines()


@pytest.mark.parametrize("service", SERVICES)
def test_every_line_is_one_json_object_with_service_time_and_level(stack, watched, service):
    for line in log_lines(stack, service):
        assert {"event", "level", "timestamp", "service"} <= json.loads(line).keys(), line


@pytest.mark.parametrize("service", SERVICES)
def test_a_line_about_a_payment_names_it_its_trace_and_the_merchants_reference(stack, watched, service):
    references = {payment["id"]: payment["client_ref"] for payment in watched[1]}
    seen: set[str] = set()
    for line in log_lines(stack, service):
        if not PAYMENT.search(line):
            continue
        fields = json.loads(line)
        if several := fields.get("payment_ids"):  # an alert, as of commands that an outage kept from being answered
            assert all(map(PAYMENT.fullmatch, several)), line
            continue
        assert re.fullmatch("[0-9a-f]{32}", fields.get("trace_id", "")), line
        assert PAYMENT.fullmatch(fields.get("payment_id", "")), line
        if reference := references.get(fields["payment_id"]):
            assert fields.get("client_ref") == reference.replace(PHONE, "[redacted]"), line
            seen.add(fields["payment_id"])
    assert seen == {payment_id for payment_id in heard_by(service, watched[1]) if references[payment_id]}


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_in_a_services_log_looks_like_a_secret_a_card_or_a_phone_number(stack, watched, service):
    revealing = [line for line in log_lines(stack, service) if any(map(is_revealing, REVEALING.findall(line)))]
    assert revealing == []
    assert PHONE.removeprefix("+") not in "\n".join(log_lines(stack, service))


def is_revealing(text: str) -> bool:
    """Not a number that fails the check which every card number passes."""
    digits = [int(digit) for digit in text if digit.isdigit()]
    if len(digits) != len(re.sub("[ -]", "", text)):
        return True
    doubled = [sum(divmod(digit * (1 + place % 2), 10)) for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0 and digits[0] > 1  # times in milliseconds begin with 1


def test_no_secret_of_ours_or_of_a_merchant_is_in_any_log(stack, watched):
    texts = {log.name: log.read_text("utf-8", errors="replace") for log in stack.home.logs.iterdir()}
    assert leaks(texts, all_secrets(stack, watched[0])) == []


def test_no_secret_is_in_a_row_of_any_database(stack, watched):
    rows = {service: asyncio.run(every_row(stack.database_url(service))) for service in SERVICES}
    for service, text in rows.items():
        heard = heard_by(service, watched[1])
        assert not heard or heard & set(PAYMENT.findall(text)), service
    assert leaks(rows, all_secrets(stack, watched[0])) == []


def test_no_secret_is_in_any_topic(stack, watched):
    topics = asyncio.run(every_record(access(stack.kafka_settings())))
    assert {"payments.commands.v1", "merchants.config.v1"} <= topics.keys()
    assert leaks(topics, all_secrets(stack, watched[0])) == []


def all_secrets(stack, merchant: Watched) -> set[str]:
    key_ring = {key.partition(":")[2] for key in stack.service_env("gateway")["KEY_RING"].split(",")}
    of_kafka = {stack.kafka_settings(user)["KAFKA_PASSWORD"] for user in (*SERVICES, ADMIN)}
    assert all(len(secret) > 20 for secret in merchant.secrets | key_ring | of_kafka)
    return merchant.secrets | merchant.persons | key_ring | of_kafka


def leaks(texts: dict[str, str], secrets: set[str]) -> list[tuple[str, str]]:
    return [(place, secret[:12]) for place, text in texts.items() for secret in secrets if secret in text]
