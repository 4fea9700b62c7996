"""A merchant on a running stack: what its engineer sets up once, and the requests that it makes all day.

Used by the demo, the end-to-end tests and the benchmarks; everything goes through public interfaces.
"""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any, Self

import httpx

from malipo.contracts.providers import paypal, stripe
from malipo_local.bank import DebtorAccount, by_account
from malipo_local.paybill import PayBill, new_phone
from malipo_local.paypal import PaypalAccount
from malipo_local.stack import Stack
from malipo_local.waiting import until

Json = dict[str, Any]
type Running = Callable[[Stack, str, *tuple[str, ...]], str]
"""Runs a command of one of a stack's services, as `run_command` does."""

_ENDED = frozenset({"completed", "returned", "failed", "canceled"})
_TIMEOUT_SECONDS = 30.0
_LIMITS = httpx.Limits(keepalive_expiry=2)  # shorter than servers keep idle connections: none closes in our hands


class NeverHappened(AssertionError):
    """Something expected did not happen; the message says what was there instead."""


class DemoMerchant:
    """One merchant with a key, Stripe credentials, and a webhook endpoint at the merchant simulator.

    Malipo learns of its `paybill` by `connect_mpesa`, of its account at `paypal` by `connect_paypal`, and of that at a partner
    `bank` by `connect_bank`: what an account's transactions tell is fetched again and again.
    """

    def __init__(self, stack: Stack, name: str, key: str, running: Running | None = None) -> None:
        self.stack = stack
        self._run = running or run_command
        self.name = name
        self.key = key
        self.stripe_key = f"sk_test_{uuid.uuid4().hex}"
        self.api = httpx.Client(
            base_url=stack.url("gateway"), headers={"X-API-Key": key}, timeout=_TIMEOUT_SECONDS, limits=_LIMITS
        )
        self.stripe = _client(stack.url("stripe-sim"))
        self.inbox = _client(stack.url("merchant-sim"))
        self.paybill = PayBill(_client(stack.url("mpesa-sim")))
        self.paypal = PaypalAccount(_client(stack.url("paypal-sim")))
        self.bank = DebtorAccount(_client(stack.url("bank-sim")))

    @classmethod
    def open(cls, stack: Stack, name: str | None = None, running: Running | None = None) -> Self:
        """Make the merchant with a key by the operator's command line, then set up both directions of webhooks."""
        name = name or f"merchant-{uuid.uuid4().hex[:8]}"
        made = json.loads(
            (running or run_command)(stack, "gateway", "merchant", "create", name, "--test-key", "--json")
        )
        merchant = cls(stack, name, made["key"], running)
        try:
            merchant.connect_stripe()
            merchant.ask_for_webhooks()
        except BaseException:
            merchant.close()
            raise
        return merchant

    def close(self) -> None:
        """Close the connections."""
        for client in (self.api, self.stripe, self.inbox, self.paybill.http, self.paypal.http, self.bank.http):
            client.close()

    def __enter__(self) -> Self:
        """The merchant itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def connect_stripe(self) -> None:
        """Give Malipo the Stripe key, Stripe the callback's address, and Malipo the callback's signing secret."""
        credential = self.put_credentials([])
        callback = self.stack.url("provider-stripe") + credential["callback_path"]
        form = {"url": callback, "enabled_events[]": list(stripe.EVENT_TYPES)}
        answer = self.stripe.post("/v1/webhook_endpoints", data=form, auth=(self.stripe_key, ""))
        self.put_credentials([answer.raise_for_status().json()["secret"]])

    def put_credentials(self, webhook_secrets: list[str]) -> Json:
        """Give Malipo this merchant's Stripe key."""
        body = {"secret_key": self.stripe_key, "webhook_secrets": webhook_secrets}
        return self.api.put("/v1/provider-credentials/stripe", json=body).raise_for_status().json()

    def connect_mpesa(self, *, registered: bool = True, **more: Any) -> Json:
        """Give Malipo the credentials of the PayBill, and have it registered at M-Pesa; returns what Malipo shows of it.

        Raises `NeverHappened`.
        """
        body = self.paybill.credentials(**more)
        shown: Json = self.api.put("/v1/provider-credentials/mpesa", json=body).raise_for_status().json()
        if registered and not until(lambda: self._is_registered(shown["id"]), _TIMEOUT_SECONDS):
            message = f"{shown['id']} could not be registered at M-Pesa"
            raise NeverHappened(message)
        return shown

    def _is_registered(self, credential_id: str) -> bool:
        """Whether it could be; not before the service has heard of the account."""
        try:
            self._run(self.stack, "provider-mpesa", "register", "--credential", credential_id)
        except RuntimeError:
            return False
        return True

    def connect_paypal(self) -> Json:
        """Give Malipo the PayPal app, PayPal the callback's address, and Malipo the webhook's id; returns what Malipo shows."""
        shown = self._put_paypal()
        callback = self.stack.url("provider-paypal") + shown["callback_path"]
        self.paypal.add_webhook(callback, paypal.EVENT_TYPES)
        return self._put_paypal()

    def _put_paypal(self) -> Json:
        body = self.paypal.credentials()
        return self.api.put("/v1/provider-credentials/paypal", json=body).raise_for_status().json()

    def connect_bank(self, **more: Any) -> Json:
        """Give Malipo what opens the account at the bank, and the bank the address of its webhooks; returns what Malipo shows."""
        body = self.bank.credentials(**more)
        shown: Json = self.api.put("/v1/provider-credentials/bank", json=body).raise_for_status().json()
        self.bank.tell(self.stack.url("provider-bank"))
        return shown

    def ask_for_webhooks(self) -> Json:
        """Have every event delivered to this merchant's receiver."""
        body = {"url": self.hooks()}
        endpoint: Json = self.post("/v1/webhook-endpoints", body).raise_for_status().json()
        secret = {"secret": endpoint["secret"]}
        self.inbox.put(f"/_sim/receivers/{self.name}", json=secret).raise_for_status()
        return endpoint

    def hooks(self) -> str:
        """Where Malipo reaches this merchant's receiver."""
        return f"{self.stack.url('merchant-sim')}/hooks/{self.name}"

    def behave(self, **behaviour: Any) -> None:
        """Have this merchant's receiver fail, hang, redirect and so on."""
        self.inbox.put(f"/_sim/receivers/{self.name}/behaviour", json=behaviour).raise_for_status()

    def post(self, path: str, body: Json | None = None, *, key: str | None = None, **headers: str) -> httpx.Response:
        """A mutating request with an idempotency key, a new one unless given."""
        headers_sent = {
            "Idempotency-Key": key or uuid.uuid4().hex,
            **{n.replace("_", "-"): v for n, v in headers.items()},
        }
        return self.api.post(path, json={} if body is None else body, headers=headers_sent)

    def pay(
        self,
        token: str = "pm_card_visa",  # noqa: S107 - a public test token
        *,
        amount: int = 1250,
        key: str | None = None,
        prefer: str = "",
        **fields: Any,
    ) -> Json:
        """Create a card payment; returns its JSON, whatever its status by then."""
        body = {"amount": amount, "currency": "USD", "method": {"type": "card", "token": token}, **fields}
        return self._create(body, key, prefer)

    def keep_card(self, token: str = "pm_card_visa", customer_ref: str = "", **fields: Any) -> Json:  # noqa: S107 - a public test token
        """Pay with a card that is to be kept; returns the saved method. Approves what the bank asks. Raises `NeverHappened`."""
        back = {"return_url": "https://shop.example/thanks"}
        customer = customer_ref or f"customer-{uuid.uuid4().hex[:12]}"
        payment = self.pay(token, save_method=True, customer_ref=customer, **back, **fields)
        if self.wait(payment["id"], "requires_action", *_ENDED)["status"] == "requires_action":
            self.authenticate(payment["id"], "approve")
        self.wait(payment["id"], "completed")
        if not until(lambda: self.payment(payment["id"])["payment_method"] is not None, _TIMEOUT_SECONDS):
            message = f"the card of {payment['id']} was never kept"
            raise NeverHappened(message)
        method_id = self.payment(payment["id"])["payment_method"]
        return self.api.get(f"/v1/payment-methods/{method_id}").raise_for_status().json()

    def save_card(
        self,
        token: str = "pm_card_visa",  # noqa: S107 - a public test token
        customer_ref: str = "",
        *,
        key: str | None = None,
        prefer: str = "",
        **fields: Any,
    ) -> Json:
        """Have a card kept without a payment; returns the method, whatever its status by then."""
        customer = customer_ref or f"customer-{uuid.uuid4().hex[:12]}"
        body = {"customer_ref": customer, "method": {"type": "card", "token": token}, **fields}
        headers = {"Prefer": prefer} if prefer else {}
        return self.post("/v1/payment-methods", body, key=key, **headers).raise_for_status().json()

    def method(self, method_id: str) -> Json:
        """The saved method as it is now."""
        return self.api.get(f"/v1/payment-methods/{method_id}").raise_for_status().json()

    def wait_method(self, method_id: str, status: str, *, seconds: float = 30) -> Json:
        """The saved method once it has this status. Raises `NeverHappened`."""
        last: Json = {}

        def there() -> bool:
            last.update(self.method(method_id))
            return last["status"] == status

        if not until(there, seconds):
            message = f"{method_id} is {last.get('status')}, not {status}, after {seconds:.0f} s"
            raise NeverHappened(message)
        return last

    def authenticate(self, owner_id: str, decision: str) -> None:
        """Be the customer whom the bank asks about a payment, or a method that is to be saved: `approve` or `refuse`."""
        shown = self.method(owner_id) if owner_id.startswith("pm_") else self.payment(owner_id)
        intent = shown["provider_reference"]
        self.stripe.post(f"/_sim/3ds/{intent}/{decision}").raise_for_status()

    def pay_again(
        self,
        method_id: str,
        initiator: str = "merchant",
        *,
        amount: int = 1250,
        key: str | None = None,
        prefer: str = "",
        **fields: Any,
    ) -> Json:
        """Create a payment with a saved method; returns its JSON, whatever its status by then."""
        method = {"type": "saved", "id": method_id, "initiator": initiator}
        return self._create({"amount": amount, "currency": "USD", "method": method, **fields}, key, prefer)

    def prompt(
        self, phone: str = "", *, amount: int = 10_000, key: str | None = None, prefer: str = "", **fields: Any
    ) -> Json:
        """Create a payment by M-Pesa, in minor units, on a phone of its own unless given; returns its JSON."""
        method = {"type": "mpesa", "phone": phone or new_phone()}
        return self._create({"amount": amount, "currency": "KES", "method": method, **fields}, key, prefer)

    def check_out(
        self, *, amount: int = 1250, currency: str = "USD", key: str | None = None, prefer: str = "", **fields: Any
    ) -> Json:
        """Create a payment by PayPal, in minor units, whose payer is to approve it at PayPal; returns its JSON."""
        back = {"return_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/cart"}
        body = {"amount": amount, "currency": currency, "method": {"type": "paypal"}, **back, **fields}
        return self._create(body, key, prefer)

    def transfer(
        self,
        recipient: Json | None = None,
        *,
        rail: str | None = None,
        amount: int = 1250,
        key: str | None = None,
        prefer: str = "",
        **fields: Any,
    ) -> Json:
        """Create a bank transfer, in cents, to a recipient who gets it unless another is given; returns its JSON."""
        method = {"type": "bank_transfer", "recipient": recipient or by_account(), **({"rail": rail} if rail else {})}
        return self._create({"amount": amount, "currency": "USD", "method": method, **fields}, key, prefer)

    def _create(self, body: Json, key: str | None, prefer: str) -> Json:
        answer = self.post("/v1/payments", body, key=key, **({"Prefer": prefer} if prefer else {}))
        return answer.raise_for_status().json()

    def payment(self, payment_id: str) -> Json:
        """The payment as it is now."""
        return self.api.get(f"/v1/payments/{payment_id}").raise_for_status().json()

    def timeline(self, payment_id: str) -> list[Json]:
        """What every service did about the payment, or to save a method without one; causes before effects."""
        return self._timeline(payment_id)["entries"]

    def _timeline(self, payment_id: str) -> Json:
        noun = "payment-methods" if payment_id.startswith("pm_") else "payments"
        return self.api.get(f"/v1/{noun}/{payment_id}/timeline").raise_for_status().json()

    def explain(self, payment_id: str) -> Json:
        """Why the payment has its status, what happens next, and what may safely be done."""
        return self.api.get(f"/v1/payments/{payment_id}/explain").raise_for_status().json()

    def reported(self, payment_id: str, *, seconds: float = 20) -> list[Json]:
        """The timeline once it is complete and shows that every event was delivered. Raises `NeverHappened`.

        The report of a delivery comes after the delivery itself.
        """
        entries: list[Json] = []

        def all_reported() -> bool:
            read = self._timeline(payment_id)
            entries[:] = read["entries"]
            return read["complete"] and not _undelivered(entries)

        if not until(all_reported, seconds):
            silent = _undelivered(entries)
            message = f"webhooks of {payment_id} without a report of their delivery after {seconds:.0f} s: {silent}"
            raise NeverHappened(message)
        return entries

    def wait(self, payment_id: str, *statuses: str, seconds: float = 30, reason: str | None = None) -> Json:
        """The payment once it has one of these statuses (any end by default). Raises `NeverHappened`."""
        wanted = set(statuses) or _ENDED
        last: Json = {}

        def there() -> bool:
            last.update(self.payment(payment_id))
            return last["status"] in wanted and (reason is None or last["status_reason"] == reason)

        if not until(there, seconds):
            found = self.explain(payment_id)
            why = found["obstacle"] or found["why"]
            message = f"{payment_id} is {last.get('status')}, not {sorted(wanted)}, after {seconds:.0f} s: {why}"
            raise NeverHappened(message)
        return last

    def wait_refund(self, refund_id: str, *, seconds: float = 30) -> Json:
        """The refund once it has ended. Raises `NeverHappened`."""
        last: Json = {}

        def ended() -> bool:
            last.update(self.api.get(f"/v1/refunds/{refund_id}").raise_for_status().json())
            return last["status"] in _ENDED

        if not until(ended, seconds):
            message = f"{refund_id} is {last.get('status')} after {seconds:.0f} s"
            raise NeverHappened(message)
        return last

    def received(self, payment_id: str | None = None) -> list[Json]:
        """The webhooks that this merchant received, in order of arrival."""
        params = {"name": self.name} | ({"payment_id": payment_id} if payment_id else {})
        return self.inbox.get("/_sim/received", params=params).raise_for_status().json()

    def events(self, payment_id: str, *types: str, seconds: float = 30) -> list[Json]:
        """The verified webhooks of a payment once all of `types` have come. Raises `NeverHappened`."""
        came: list[Json] = []

        def all_came() -> bool:
            came[:] = [one for one in self.received(payment_id) if one["verified"]]
            return set(types) <= {one["type"] for one in came}

        if not until(all_came, seconds):
            message = (
                f"webhooks of {payment_id}: {[one['type'] for one in came]}, not {list(types)}, after {seconds:.0f} s"
            )
            raise NeverHappened(message)
        return came

    def stripe_book(self) -> Json:
        """What really happened to this merchant's money at Stripe: `{"effects": [...], "payment_intents": [...]}`."""
        owner = {"Authorization": f"Bearer {self.stripe_key}"}
        return self.stripe.get("/_sim/book", headers=owner).raise_for_status().json()

    def stripe_fault(self, fault: str, **rule: Any) -> None:
        """Have Stripe misbehave, by a rule of the simulator."""
        self.stripe.post("/_sim/faults", json={"fault": fault, **rule}).raise_for_status()


def _client(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, limits=_LIMITS)


def _undelivered(entries: list[Json]) -> list[str]:
    """The events of a timeline that lacks a report of their delivery."""
    arrived = {entry["cause"] for entry in entries if entry["kind"] == "webhook" and entry["result"] == "delivered"}
    steps = [entry for entry in entries if entry["kind"] == "step" and entry["event"]]
    return [step["event"]["type"] for step in steps if step["id"] not in arrived]


def run_command(stack: Stack, service: str, *arguments: str) -> str:
    """Run a command of one of the stack's services; returns what it prints. Raises `RuntimeError` if it fails."""
    command = [sys.executable, "-m", service.replace("-", "_"), *arguments]
    done = subprocess.run(command, env=stack.service_env(service), capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{' '.join(command[2:])} failed: {done.stderr.strip() or done.stdout.strip()}"
        raise RuntimeError(message)
    return done.stdout
