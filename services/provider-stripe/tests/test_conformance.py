"""Stripe held to the laws of every provider."""

import stripe_says as says

from malipo.contracts.outcomes import ActionRequired, Authorized, Canceled, Declined, Pending, Redirect, Succeeded
from malipo.contracts.provider_commands import Capture, Charge, Refund
from malipo.money import Money
from provider_stripe.client import StripeClient
from provider_stripe.provider import StripeProvider
from testkit import conformance as law
from testkit.conformance import ProviderConformance
from testkit.examples import Example, Story
from testkit.operations import cancel, capture, charge, refund
from testkit.transports import Reply

USD_10 = Money(1000, "USD")
MANUAL = charge(capture="manual")
RETURNED = Declined(
    code="refund_failed", message="The refund failed at Stripe, which gave no reason.", reference="re_1"
)
SHORT = "Your card has insufficient funds."


class TestStripe(ProviderConformance):
    credentials = says.ACCOUNT
    other_credentials = says.OTHER_ACCOUNT
    content_type = "application/x-www-form-urlencoded"
    rate_limit_is_unprocessed = True

    def connect(self, http):
        client = StripeClient(http, version="2026-10-28.endive", timeout_seconds=law.TIMEOUT_SECONDS)
        return StripeProvider(client, tolerance_seconds=300)

    def examples(self):
        waiting = says.intent("requires_action", next_action=says.redirect())
        page = Redirect("https://hooks.stripe.com/3ds/1")
        poor = Declined(code="insufficient_funds", message=SHORT, reference="pi_1")
        return [
            Example(charge(), Reply(says.intent()), Succeeded(amount=USD_10, reference="pi_1")),
            Example(MANUAL, Reply(says.intent("requires_capture")), Authorized(amount=USD_10, reference="pi_1")),
            Example(charge(), Reply(says.intent("processing")), Pending(reference="pi_1")),
            Example(charge(), Reply(waiting), ActionRequired(action=page, reference="pi_1")),
            Example(charge(), Reply(says.card_error(), 402), poor),
            Example(capture(), Reply(says.intent()), Succeeded(amount=USD_10, reference="pi_1")),
            Example(cancel(), Reply(says.intent("canceled")), Canceled(reference="pi_1")),
            Example(refund(), Reply(says.refund()), Succeeded(amount=USD_10, reference="re_1")),
            Example(refund(), Reply(says.refund("pending")), Pending(reference="re_1")),
            Example(refund(), Reply(says.refund("failed")), RETURNED),
        ]

    def traceless(self):
        missing = says.error("invalid_request_error", "resource_missing")
        return [Reply(missing, 404), Reply(missing, 400), Reply(says.page())]

    def unheard_of(self, operation):
        return Reply(says.refund("mulled_over") if isinstance(operation, Refund) else says.intent("mulled_over"))

    def mismatched(self, operation):
        match operation:
            case Charge():
                return [Reply(says.intent(amount=1001)), Reply(says.intent(currency="eur"))]
            case Refund():
                return [Reply(says.refund(amount=999)), Reply(says.refund(currency="eur"))]
            case Capture():
                return [Reply(says.intent(amount_received=999)), Reply(says.intent(currency="eur"))]
            case _:
                return [Reply(says.intent(amount_received=-1)), Reply(says.intent(currency="no money"))]

    def amounts(self):
        return {
            USD_10: b"amount=1000&currency=usd&",
            Money(500, "JPY"): b"amount=500&currency=jpy&",
            Money(5120, "KWD"): b"amount=5120&currency=kwd&",
            Money(5125, "KWD"): None,
            Money(100, "GHS"): None,
        }

    def sign(self, event, credentials, signed_at):
        return says.signed(event, credentials, signed_at)

    def stories(self):
        back = says.refund("failed", failure_reason="lost_or_stolen_card")
        return [
            Story(charge(), says.event(says.intent()), Reply(says.intent())),
            Story(MANUAL, says.event(says.intent("requires_capture")), Reply(says.intent("requires_capture"))),
            Story(charge(), says.event(says.intent("canceled")), Reply(says.intent("canceled"))),
            Story(refund(), says.event(back, "refund.failed"), Reply(back)),
        ]
