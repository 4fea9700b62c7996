"""Partner bank held to the laws of every provider."""

from provider_bank.client import BankClient
from provider_bank.provider import BankProvider
from testkit.conformance import ProviderConformance
from testkit.provider_examples import TIMEOUT_SECONDS


class TestBank(ProviderConformance):
    @property
    def credentials(self):
        raise NotImplementedError("test_conformance.py, credentials: a merchant's credentials in test mode")

    @property
    def other_credentials(self):
        raise NotImplementedError("test_conformance.py, other_credentials: those of another merchant")

    @property
    def content_type(self):
        raise NotImplementedError("test_conformance.py, content_type: of a request that is no mere read")

    @property
    def rate_limit_is_unprocessed(self):
        raise NotImplementedError("test_conformance.py, rate_limit_is_unprocessed: whether 429 means not processed")

    def connect(self, http):
        return BankProvider(BankClient(http, timeout_seconds=TIMEOUT_SECONDS))

    def examples(self):
        raise NotImplementedError("test_conformance.py, examples: a response for each result of each operation")

    def traceless(self):
        raise NotImplementedError("test_conformance.py, traceless: responses about an operation that never came")

    def unheard_of(self, operation):
        raise NotImplementedError("test_conformance.py, unheard_of: a response with a status that is not documented")

    def mismatched(self, operation):
        raise NotImplementedError("test_conformance.py, mismatched: responses with another amount, another currency")

    def amounts(self):
        raise NotImplementedError("test_conformance.py, amounts: how USD, JPY and KWD are written in a charge, or None")

    def sign(self, event, credentials, signed_at):
        raise NotImplementedError("test_conformance.py, sign: a callback as the provider sends it")

    def stories(self):
        raise NotImplementedError("test_conformance.py, stories: transactions as a callback and as a query report them")
