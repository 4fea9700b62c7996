"""Stripe held to the laws of every provider."""

import stripe_samples as samples
from stripe_customers import MemoryCustomers

from malipo.contracts.commands import SavedReference
from malipo.contracts.outcomes import (
    ActionRequired,
    Authorized,
    Canceled,
    Declined,
    Detached,
    Kept,
    OtherAction,
    Pending,
    Redirect,
    Saved,
    Succeeded,
)
from malipo.contracts.provider_commands import Capture, Charge, Refund, Setup
from malipo.money import Money
from provider_stripe.client import StripeClient
from provider_stripe.customers import Customers
from provider_stripe.provider import StripeProvider
from testkit.conformance import ProviderConformance
from testkit.examples import Example, Story
from testkit.operations import cancel, capture, charge, detach, dispute, refund, setup
from testkit.provider_examples import TIMEOUT_SECONDS
from testkit.transports import Reply

USD_10 = Money(1000, "USD")
MANUAL = charge(capture="manual")
RETURNED = Declined(
    code="refund_failed", message="The refund failed at Stripe, which gave no reason.", reference="re_1"
)
VISA = Saved(
    method=SavedReference(reference="pm_there", holder="cus_1"),
    brand="visa",
    last_four="4242",
    exp_month=8,
    exp_year=2030,
)
SHORT = "Your card has insufficient funds."


class TestStripe(ProviderConformance):
    credentials = samples.CREDENTIALS
    other_credentials = samples.OTHER_CREDENTIALS
    content_type = "application/x-www-form-urlencoded"
    rate_limit_is_unprocessed = True

    def connect(self, http):
        client = StripeClient(http, version="2026-10-28.endive", timeout_seconds=TIMEOUT_SECONDS)
        return StripeProvider(client, Customers(client, MemoryCustomers()), tolerance_seconds=300)

    def examples(self):
        waiting = samples.intent("requires_action", next_action=samples.redirect())
        page = Redirect("https://hooks.stripe.com/3ds/1")
        by_bank = samples.intent("requires_action", next_action={"type": "use_stripe_sdk"})
        elsewhere = ActionRequired(action=OtherAction("use_stripe_sdk"), reference="pi_1")
        poor = Declined(code="insufficient_funds", message=SHORT, reference="pi_1", retry=samples.LATER)
        return [
            Example(charge(), Reply(samples.intent()), Succeeded(amount=USD_10, reference="pi_1")),
            Example(MANUAL, Reply(samples.intent("requires_capture")), Authorized(amount=USD_10, reference="pi_1")),
            Example(charge(), Reply(samples.intent("processing")), Pending(reference="pi_1")),
            Example(charge(), Reply(waiting), ActionRequired(action=page, reference="pi_1")),
            Example(charge(), Reply(by_bank), elsewhere),
            Example(charge(), Reply(samples.card_error(), 402), poor),
            Example(capture(reference="pi_1"), Reply(samples.intent()), Succeeded(amount=USD_10, reference="pi_1")),
            Example(cancel(reference="pi_1"), Reply(samples.intent("canceled")), Canceled(reference="pi_1")),
            Example(
                cancel(of="setup", reference="seti_1"),
                Reply(samples.setup_intent("canceled")),
                Canceled(reference="seti_1"),
            ),
            Example(setup(), Reply(samples.setup_intent()), Kept(saved=VISA, reference="seti_1")),
            Example(setup(), Reply(samples.setup_intent("processing")), Pending(reference="seti_1")),
            Example(
                setup(),
                Reply(samples.setup_intent("requires_action", next_action=samples.redirect())),
                ActionRequired(action=page, reference="seti_1"),
            ),
            Example(
                setup(),
                Reply(samples.setup_error(), 402),
                Declined(code="insufficient_funds", message=SHORT, reference="seti_1"),
            ),
            Example(refund(), Reply(samples.refund()), Succeeded(amount=USD_10, reference="re_1")),
            Example(refund(), Reply(samples.refund("pending")), Pending(reference="re_1")),
            Example(refund(), Reply(samples.refund("failed")), RETURNED),
            Example(detach(), Reply(samples.method()), Detached()),
        ]

    def known(self, operation):
        return [("customer", "cus_1")] if isinstance(operation, Setup) else []

    def is_fence(self, request):
        return b"malipo_fence" in request.content and b"confirm" not in request.content

    def traceless(self):
        missing = samples.error("invalid_request_error", "resource_missing")
        return [Reply(missing, 404), Reply(missing, 400), Reply(samples.page())]

    def unheard_of(self, operation):
        made = {Refund: samples.refund, Setup: samples.setup_intent}.get(type(operation), samples.intent)
        return Reply(made("mulled_over"))

    def mismatched(self, operation):
        match operation:
            case Charge():
                return [Reply(samples.intent(amount=1001)), Reply(samples.intent(currency="eur"))]
            case Setup():  # which has no amount
                return []
            case Refund():
                return [Reply(samples.refund(amount=999)), Reply(samples.refund(currency="eur"))]
            case Capture():
                return [Reply(samples.intent(amount_received=999)), Reply(samples.intent(currency="eur"))]
            case _:
                return [Reply(samples.intent(amount_received=-1)), Reply(samples.intent(currency="no money"))]

    def amounts(self):
        return {
            USD_10: b"amount=1000&currency=usd&",
            Money(500, "JPY"): b"amount=500&currency=jpy&",
            Money(5120, "KWD"): b"amount=5120&currency=kwd&",
            Money(5125, "KWD"): None,
            Money(100, "GHS"): None,
        }

    def sign(self, event, credentials, signed_at):
        return samples.signed(event, credentials, signed_at)

    def disputes(self):
        shown = [
            samples.dispute(),
            samples.dispute("under_review"),
            samples.dispute("lost"),
            samples.dispute("won", moved=(-1000, 1000)),
        ]
        types = ("created", "updated", "closed", "closed")
        return [
            Story(dispute(), samples.event(one, f"charge.dispute.{name}"), Reply(one))
            for one, name in zip(shown, types, strict=True)
        ]

    def stories(self):
        back = samples.refund("failed", failure_reason="lost_or_stolen_card")
        return [
            Story(charge(), samples.event(samples.intent()), Reply(samples.intent())),
            Story(MANUAL, samples.event(samples.intent("requires_capture")), Reply(samples.intent("requires_capture"))),
            Story(charge(), samples.event(samples.intent("canceled")), Reply(samples.intent("canceled"))),
            Story(setup(), samples.event(samples.setup_intent("canceled")), Reply(samples.setup_intent("canceled"))),
            Story(refund(), samples.event(back, "refund.failed"), Reply(back)),
        ]
