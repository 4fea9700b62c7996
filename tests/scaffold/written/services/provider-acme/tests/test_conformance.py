"""Acme Pay held to the laws of every provider."""

import json

from malipo.contracts.commands import PaymentMethod
from malipo.contracts.outcomes import Declined, Succeeded
from malipo.money import Money
from provider_acme.client import AcmeClient, signature
from provider_acme.provider import AcmeProvider
from provider_kit.provider import Callback
from testkit.conformance import ProviderConformance
from testkit.examples import Example, Story
from testkit.operations import charge, refund
from testkit.provider_examples import TIMEOUT_SECONDS
from testkit.transports import Reply

MINE, OTHER = {"secret": "acme-secret-of-mine"}, {"secret": "acme-secret-of-another"}
USD_10 = Money(1000, "USD")
PAID = {"id": "ob_1", "status": "paid", "amount": 1000, "currency": "USD"}
CHARGE = charge(method=PaymentMethod(type="acme", details={"phone": "0712345678"}))


class TestAcme(ProviderConformance):
    credentials = MINE
    other_credentials = OTHER
    content_type = "application/json"
    rate_limit_is_unprocessed = True

    def connect(self, http):
        return AcmeProvider(AcmeClient(http, timeout_seconds=TIMEOUT_SECONDS))

    def examples(self):
        refused = Declined(code="refused", message="The customer did not agree.", reference="ob_1")
        return [
            Example(CHARGE, Reply(PAID), Succeeded(amount=USD_10, reference="ob_1")),
            Example(CHARGE, Reply(PAID | {"status": "refused"}), refused),
            Example(refund(), Reply(PAID), Succeeded(amount=USD_10, reference="ob_1")),
        ]

    def traceless(self):
        return [Reply({}, 404)]

    def unheard_of(self, operation):
        return Reply(PAID | {"status": "mulled_over"})

    def mismatched(self, operation):
        return [Reply(PAID | {"amount": 999}), Reply(PAID | {"currency": "EUR"})]

    def amounts(self):
        return {
            USD_10: b'"amount":1000,"currency":"USD"',
            Money(500, "JPY"): b'"amount":500,"currency":"JPY"',
            Money(5125, "KWD"): None,
        }

    def sign(self, event, credentials, signed_at):
        body = json.dumps(event).encode()
        return Callback({"acme-signature": f"{signed_at}.{signature(body, credentials, signed_at)}"}, body)

    def stories(self):
        return [Story(one, PAID | {"tag": one.operation_id}, Reply(PAID)) for one in (CHARGE, refund())]
