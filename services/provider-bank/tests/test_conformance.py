"""The partner bank held to the laws of every provider, with an access token and with a key."""

import json
from datetime import UTC, datetime

import bank_samples as samples
from bank_samples import PAYMENT_ID, USD_10, page, payment, problem, rejected, returned
from bank_signing import signed

from malipo.contracts.outcomes import Canceled, Declined, Pending, Reversed, Succeeded
from malipo.contracts.provider_commands import Cancel, ReturnRequest
from malipo.money import Money
from provider_bank.client import BankClient
from provider_bank.codes import REASONS
from provider_bank.connections import Connections
from provider_bank.provider import BankProvider
from testkit.conformance import ProviderConformance
from testkit.examples import Example, Story
from testkit.tokens import MemoryTokens
from testkit.transports import Reply

NOT_YET = "Only what is completed can be asked back: cancel it while its bank allows, or ask again then."
CHARGE, CANCEL, ASKED = samples.charge(), samples.cancel(), samples.return_request(reference="pmt_paid")
BY_ALIAS = samples.charge(method=samples.transfer("ZELLE", samples.BY_ALIAS))
CLOSED = {"created_at": "2026-11-27T23:00:00+00:00", "execution_at": "2026-11-30T11:00:00+00:00"}
GOES, OPENS = datetime(2026, 11, 27, 15, tzinfo=UTC), datetime(2026, 11, 30, 11, tzinfo=UTC)
PAID = Succeeded(amount=USD_10, reference=PAYMENT_ID)
REFUSED = problem(422, "invalid", {"field": "/creditor/name", "code": "too_long"})


def paid(shown):
    """It, as the payment that a return request is about."""
    return shown | {"id": ASKED.reference}


class TestBank(ProviderConformance):
    credentials = samples.CREDENTIALS
    other_credentials = samples.OTHER_CREDENTIALS
    content_type = "application/json"
    rate_limit_is_unprocessed = True
    fetches_tokens = True
    names = (samples.ACCOUNT, "acc-2")
    secrets = ("token-of-the-account", "Grace Brewster Hopper", "the bank's own words")

    def is_token_request(self, request):
        return request.url.path == "/oauth2/token"

    def token_reply(self):
        return Reply({"access_token": "token-of-the-account", "token_type": "Bearer", "expires_in": 1800})

    def connect(self, http):
        return BankProvider(BankClient(Connections(lambda *_: http), MemoryTokens()), samples.PARTNERS)

    def recorder(self, reply):
        """A bank at which the operation has had no effect before: repeats of it, and every cancel, look first."""
        if reply not in [example.reply for example in self.examples()]:
            return super().recorder(reply)

        def respond(request):
            if request.method == "POST":
                return reply(request)
            known = paid(payment("completed")) if request.url.path.endswith(ASKED.reference) else payment("initiated")
            return Reply(page() if request.url.path == "/v1/payments" else known)(request)

        return super().recorder(respond)

    def examples(self):
        def waiting(reason=None):
            return Pending(reference=PAYMENT_ID, reason=reason)

        def initiated(execution_at, reason=None):
            return Pending(reference=PAYMENT_ID, reason=reason, begun=False, execution_at=execution_at)

        gone_back = Reversed(code="R02", message=REASONS["R02"], reference=PAYMENT_ID)
        refused = Declined(code="invalid", message="The bank refuses it: invalid (/creditor/name too_long).")
        too_late = Declined(
            code="not_cancelable",
            message="The bank works on it already. Once it is completed, ask for its return if the rail knows that.",
        )
        return [
            Example(CHARGE, Reply(payment(), 202), initiated(GOES)),
            Example(CHARGE, Reply(payment(**CLOSED), 202), initiated(OPENS, "AFTER_CUT_OFF")),
            Example(CHARGE, Reply(payment("held"), 202), waiting("HELD")),
            Example(CHARGE, Reply(payment("processing"), 202), waiting()),
            Example(CHARGE, Reply(payment("unknown"), 202), waiting("RESEARCH")),
            Example(CHARGE, Reply(payment("completed", clearing_ref=samples.CLEARING), 202), PAID),
            Example(BY_ALIAS, Reply(payment("completed", rail="ZELLE"), 202), PAID),
            Example(CHARGE, Reply(page(payment("completed"))), PAID, "query"),
            Example(CHARGE, Reply(returned(), 202), gone_back),
            Example(CHARGE, Reply(page(returned())), gone_back, "query"),
            Example(
                CHARGE,
                Reply(rejected("AC04"), 202),
                Declined(code="AC04", message="The recipient's account is closed.", reference=PAYMENT_ID),
            ),
            Example(CHARGE, Reply(payment("canceled"), 202), Canceled(reference=PAYMENT_ID)),
            Example(CHARGE, Reply(REFUSED, 422), refused),
            Example(CANCEL, Reply(payment("canceled")), Canceled(reference=PAYMENT_ID)),
            Example(CANCEL, Reply(payment("processing")), too_late),
            Example(CANCEL, Reply(payment("unknown")), too_late),
            Example(CANCEL, Reply(payment("completed")), PAID),
            Example(CANCEL, Reply(rejected()), Declined(code="payment_failed")),
            Example(CANCEL, Reply(returned()), Declined(code="payment_returned")),
            Example(ASKED, Reply(paid(samples.asked())), Pending(reference="rtr_1")),
            Example(ASKED, Reply(paid(samples.asked("accepted"))), Pending(reference="rtr_1")),
            Example(ASKED, Reply(paid(returned("FOCR"))), Succeeded(amount=USD_10)),
            Example(
                ASKED,
                Reply(paid(samples.asked("refused", "CUST"))),
                Declined(code="CUST", message="The recipient does not give it back.", reference="rtr_1"),
            ),
            Example(
                ASKED,
                Reply(paid(payment("processing"))),
                Declined(code="return_request_impossible", message=NOT_YET),
            ),
        ]

    def traceless(self):
        return [Reply(problem(404, "not_found"), 404), Reply(page())]

    def unheard_of(self, operation):
        shown = payment("mulled_over")
        return Reply(paid(shown) if isinstance(operation, ReturnRequest) else shown)

    def mismatched(self, operation):
        if isinstance(operation, Cancel):
            return []
        if isinstance(operation, ReturnRequest):
            back = [returned("FOCR", "9.99"), returned("FOCR") | {"currency": "EUR"}]
            return [Reply(paid(one)) for one in back]
        return [Reply(payment("completed", amount="9.99")), Reply(payment("completed", currency="EUR"))]

    def amounts(self):
        return {
            USD_10: b'"amount":"10.00","currency":"USD"',
            Money(5, "USD"): b'"amount":"0.05"',
            Money(1000, "EUR"): None,
            Money(500, "JPY"): None,
            Money(5125, "KWD"): None,
        }

    def sign(self, event, credentials, signed_at):
        key, body = credentials["webhook_keys"][0], json.dumps(event).encode()
        return signed(body, key["id"], secret=key["secret"], event_id=event["id"], at=signed_at)

    def stories(self):
        named = frozenset({PAYMENT_ID})
        shown = [payment("initiated"), payment("processing"), payment("completed"), returned(), rejected()]
        return [Story(CHARGE, samples.event(one), Reply(page(one)), named) for one in shown]


class TestBankByKey(TestBank):
    credentials = samples.BY_KEY
    other_credentials = samples.OTHER_BY_KEY
    fetches_tokens = False
