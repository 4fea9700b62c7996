"""PayPal held to the laws of every provider."""

from datetime import timedelta

import paypal_samples as samples
from paypal_samples import AUTHORIZATION, CAPTURE, ORDER, PAGE, USD_10, authorized, captured, order, refunded
from paypal_signing import PaypalsKey, signed

from malipo import clock
from malipo.contracts.outcomes import (
    ActionRequired,
    Approval,
    Approved,
    Authorized,
    Canceled,
    Declined,
    Pending,
    Succeeded,
)
from malipo.contracts.provider_commands import Cancel, Capture, Charge, Confirm, Refund
from malipo.money import Money
from provider_paypal.client import PaypalClient
from provider_paypal.provider import PaypalProvider
from provider_paypal.verification import WINDOW, BySignature
from testkit.conformance import ProviderConformance
from testkit.examples import Example, Story
from testkit.provider_examples import TIMEOUT_SECONDS
from testkit.tokens import MemoryTokens
from testkit.transports import Reply

LONG_AGO = (clock.now() - timedelta(days=10)).isoformat()
CHARGE, CONFIRM, MANUAL = samples.charge(), samples.confirm(), samples.confirm(capture="manual")
CAPTURED, CANCELED, REFUNDED = samples.capture(), samples.cancel(), samples.refund()
PAID = Succeeded(amount=USD_10, reference=ORDER)
PENDING = captured("PENDING", status_details={"reason": "ECHECK"})
WAITING = Pending(reference=ORDER, check_after=6 * 3600, reason="ECHECK")
REFUSED = Declined(code="TRANSACTION_REFUSED", message="The request was refused.", reference=ORDER)


class TestPaypal(ProviderConformance):
    credentials = samples.CREDENTIALS
    other_credentials = samples.OTHER_CREDENTIALS
    content_type = "application/json"
    rate_limit_is_unprocessed = True
    fetches_tokens = True
    callbacks_stale_after = WINDOW + timedelta(hours=1)
    secrets = ("A21-token-of-the-account", samples.PAYER["email_address"], "Doe")

    def is_token_request(self, request):
        return request.url.path == "/v1/oauth2/token"

    def is_renewal(self, request):
        return request.url.path.endswith("/reauthorize")

    def token_reply(self):
        return Reply({"access_token": "A21-token-of-the-account", "token_type": "Bearer", "expires_in": 32400})

    def connect(self, http):
        hosts = {"test": "", "live": ""}
        client = PaypalClient(http, MemoryTokens(), hosts=hosts, timeout_seconds=TIMEOUT_SECONDS)
        return PaypalProvider(client, BySignature(PaypalsKey()))

    def known(self, operation):
        match operation:
            case Capture():
                return [("order", ORDER), ("authorization", AUTHORIZATION)]
            case Cancel():
                return [("authorization", AUTHORIZATION)]
            case Refund():
                return [("capture", CAPTURE)]
            case _:
                return []

    def examples(self):
        page = ActionRequired(action=Approval(PAGE), reference=ORDER)
        refused = samples.problem("TRANSACTION_REFUSED", words="The request was refused.")
        again = samples.problem("INSTRUMENT_DECLINED", links=[{"href": PAGE, "rel": "redirect"}])
        declined = Declined(
            code="declined", message="The capture was declined by PayPal, which gave no reason.", reference=ORDER
        )
        failed = Declined(
            code="refund_failed",
            message="The refund was refused by PayPal, which gave no reason.",
            reference=samples.REFUND,
        )
        held = Authorized(amount=USD_10, reference=ORDER)
        return [
            Example(CHARGE, Reply(order(), 201), page),
            Example(CHARGE, Reply(samples.minimal("CREATED"), 201), page),
            Example(CHARGE, Reply(order("APPROVED")), Approved(reference=ORDER, payer="j***@e***.com")),
            Example(CHARGE, Reply(order("COMPLETED", captures=[captured()])), PAID),
            Example(CHARGE, Reply(order("COMPLETED", captures=[PENDING])), WAITING),
            Example(CHARGE, Reply(refused, 422), Declined(code=REFUSED.code, message=REFUSED.message)),
            Example(CONFIRM, Reply(order("COMPLETED", captures=[captured()]), 201), PAID),
            Example(CONFIRM, Reply(order("COMPLETED", captures=[PENDING]), 201), WAITING),
            Example(CONFIRM, Reply(order("COMPLETED", captures=[captured("DECLINED")]), 201), declined),
            Example(CONFIRM, Reply(refused, 422), REFUSED),
            Example(CONFIRM, Reply(again, 422), page),
            Example(MANUAL, Reply(order("COMPLETED", authorizations=[authorized(create_time=LONG_AGO)]), 201), held),
            Example(MANUAL, Reply(order("COMPLETED", authorizations=[authorized()]), 201), held),
            Example(CAPTURED, Reply(captured(of=AUTHORIZATION), 201), PAID),
            Example(CAPTURED, Reply(captured("PENDING", of=AUTHORIZATION), 201), Pending(reference=ORDER)),
            Example(CANCELED, Reply(b"", 204), Canceled(reference=ORDER)),
            Example(CANCELED, Reply(authorized("VOIDED")), Canceled(reference=ORDER)),
            Example(REFUNDED, Reply(refunded(), 201), Succeeded(amount=USD_10, reference=samples.REFUND)),
            Example(REFUNDED, Reply(refunded("PENDING"), 201), Pending(reference=samples.REFUND, check_after=6 * 3600)),
            Example(REFUNDED, Reply(refunded("FAILED"), 201), failed),
        ]

    def traceless(self):
        return [Reply(samples.not_found(), 404)]

    def unheard_of(self, operation):
        match operation:
            case Charge():
                return Reply(order("MULLED_OVER"))
            case Confirm():
                return Reply(order("COMPLETED", captures=[captured("MULLED_OVER")]))
            case Capture():
                return Reply(captured("MULLED_OVER", of=AUTHORIZATION))
            case Cancel():
                return Reply(authorized("MULLED_OVER"))
            case Refund():
                return Reply(refunded("MULLED_OVER"))

    def mismatched(self, operation):
        others = [samples.money(999), samples.money(1000, "EUR")]
        match operation:
            case Charge():
                return [Reply(order(amount=other)) for other in others]
            case Confirm(capture="manual"):
                return [Reply(order("COMPLETED", authorizations=[authorized(amount=other)])) for other in others]
            case Confirm():
                return [Reply(order("COMPLETED", captures=[captured(amount=other)])) for other in others]
            case Capture():
                return [Reply(captured(of=AUTHORIZATION, amount=other)) for other in others]
            case Refund():
                return [Reply(refunded(amount=other)) for other in others]
            case Cancel():
                return []

    def amounts(self):
        return {
            USD_10: b'"amount":{"currency_code":"USD","value":"10.00"}',
            Money(5, "EUR"): b'"value":"0.05"',
            Money(500, "JPY"): b'"value":"500"',
            Money(12300, "HUF"): b'"value":"123"',
            Money(12345, "HUF"): None,
            Money(50050, "TWD"): None,
            Money(5125, "KWD"): None,
            Money(100, "KES"): None,
        }

    def sign(self, event, credentials, signed_at):
        return signed(event, credentials, signed_at)

    def stories(self):
        paid, pending = order("COMPLETED", captures=[captured()]), order("COMPLETED", captures=[PENDING])
        held = order("COMPLETED", authorizations=[authorized()])
        part = captured(of=AUTHORIZATION)
        by_order, by_capture = frozenset({ORDER}), frozenset({CAPTURE})
        return [
            Story(
                CHARGE, samples.event("CHECKOUT.ORDER.APPROVED", order("APPROVED")), Reply(order("APPROVED")), by_order
            ),
            Story(CHARGE, samples.event("PAYMENT.CAPTURE.COMPLETED", captured()), Reply(paid), by_order),
            Story(CHARGE, samples.event("PAYMENT.CAPTURE.PENDING", PENDING), Reply(pending), by_order),
            Story(
                samples.charge(capture="manual"),
                samples.event("PAYMENT.AUTHORIZATION.CREATED", authorized()),
                Reply(held),
                by_order,
            ),
            Story(
                CAPTURED,
                samples.event("PAYMENT.CAPTURE.COMPLETED", part),
                Reply(order("COMPLETED", authorizations=[authorized("CAPTURED")], captures=[part])),
                by_capture,
            ),
            Story(REFUNDED, samples.event("PAYMENT.CAPTURE.REFUNDED", refunded()), Reply(refunded())),
            Story(REFUNDED, samples.event("PAYMENT.REFUND.FAILED", refunded("FAILED")), Reply(refunded("FAILED"))),
        ]
