"""M-Pesa held to the laws of every provider."""

from datetime import timedelta

import mpesa_samples as samples

from malipo.contracts.outcomes import ActionRequired, Declined, Pending, PhonePrompt, Succeeded, Unknown
from malipo.contracts.provider_commands import Charge
from malipo.money import Money
from provider_kit.provider import Ages
from provider_mpesa.codes import PROMPT_ENDS
from testkit.conformance import ProviderConformance
from testkit.examples import Example, Story
from testkit.provider_examples import TIMEOUT_SECONDS
from testkit.transports import Reply

CHARGE, REFUND = samples.charge(), samples.refund()
PROMPT = ActionRequired(action=PhonePrompt(samples.MASK))
INVALID = "Bad Request - Invalid TransactionID"


class TestMpesa(ProviderConformance):
    credentials = samples.CREDENTIALS
    other_credentials = samples.OTHER_CREDENTIALS
    content_type = "application/json"
    rate_limit_is_unprocessed = False
    a_5xx_may_tell = True
    fetches_tokens = True
    secrets = (samples.TOKEN["access_token"],)

    def connect(self, http):
        return samples.provider(http, timeout_seconds=TIMEOUT_SECONDS)

    def is_token_request(self, request):
        return request.url.path == "/oauth/v1/generate"

    def token_reply(self):
        return Reply(samples.TOKEN)

    def is_read(self, request):
        return super().is_read(request) or request.url.path.endswith("/query")

    def known(self, operation):
        if isinstance(operation, Charge):
            return [("checkout", samples.NAME)]
        return [("conversation", samples.CONVERSATION), ("originator", samples.ORIGINATOR)]

    def examples(self):
        busy = samples.failure("500.001.1001", "Unable to lock subscriber, a transaction is already in process")
        under_way = Reply(samples.UNDER_WAY, 500)
        canceled = Reply(samples.asked("1032", "Request cancelled by user"))
        over = Ages(expires_in=timedelta())
        return [
            Example(CHARGE, Reply(samples.pushed()), PROMPT),
            Example(CHARGE, Reply(busy, 500), Declined(code="customer_busy", message=BUSY)),
            Example(CHARGE, Reply(samples.asked()), Succeeded(amount=samples.KES_10), "query"),
            Example(CHARGE, under_way, PROMPT, "query"),
            Example(CHARGE, under_way, Pending(), "query", over),
            Example(CHARGE, canceled, PROMPT_ENDS["1032"], "query"),
            Example(CHARGE, Reply(samples.asked("5417")), Unknown(reason="result 5417"), "query"),
            Example(REFUND, Reply(samples.accepted()), Pending()),
            Example(REFUND, Reply(samples.accepted()), Pending(), "query"),
            Example(
                REFUND,
                Reply(samples.failure("400.002.02", INVALID), 400),
                Declined(code="invalid_request", message=INVALID),
            ),
        ]

    def traceless(self):
        return [Reply(samples.failure("400.002.02", "Bad Request - Invalid CheckoutRequestID"), 400)]

    def unheard_of(self, operation):
        return Reply((samples.pushed if isinstance(operation, Charge) else samples.accepted)(ResponseCode="77"))

    def mismatched(self, operation):
        return []  # no answer tells an amount: what callbacks tell is compared, see test_callbacks.py

    def amounts(self):
        refused = (Money(1000, "USD"), Money(1000, "JPY"), Money(1000, "KWD"), Money(1050, "KES"), Money(0, "KES"))
        return {Money(25_000_000, "KES"): b'"Amount":250000,', **dict.fromkeys(refused)}

    def sign(self, event, credentials, signed_at):
        return samples.callback(event)

    def stories(self):
        checkout, conversation = frozenset({samples.NAME}), frozenset({samples.CONVERSATION})
        return [
            Story(CHARGE, samples.paid(), Reply(samples.asked()), checkout),
            Story(CHARGE, samples.unpaid(), Reply(samples.asked("1032")), checkout),
            Story(REFUND, samples.result(), Reply(samples.accepted()), conversation),
        ]


BUSY = "The customer has another payment at M-Pesa under way: no second prompt is sent."
