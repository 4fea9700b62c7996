"""Partner bank as a payment provider: execute, query, read callbacks."""

from collections.abc import Awaitable

from malipo.contracts.outcomes import Outcome, Unknown
from malipo.contracts.providers.bank import DESCRIPTOR
from provider_bank.client import BankClient, headers, identity, verify
from provider_bank.mapping import inquiry, outcome_of, read_callback, request
from provider_kit.provider import ACCOUNT_CHANGED, Attempt, Callback, Credentials, ParsedCallback, kind_of
from provider_kit.sending import ResponseTooLong, Silence


class BankProvider:
    """The three verbs; see `provider_kit.provider.Provider` for what they promise."""

    descriptor = DESCRIPTOR

    def __init__(self, client: BankClient) -> None:
        self._client = client

    def identity(self, credentials: Credentials) -> str:
        """What names the account."""
        return identity(credentials)

    async def prepare(self, attempt: Attempt) -> None:
        """Nothing: the credentials are all that a request needs."""

    async def execute(self, attempt: Attempt) -> Outcome:
        """Send the operation. What may have been sent to another account, or has expired, is only looked for."""
        if attempt.same_account and not attempt.ages.expired:
            return await _unless_silent(self._send(attempt))
        return await self.query(attempt)

    async def query(self, attempt: Attempt) -> Outcome:
        """Read how the operation stands. That another account shows no trace of it proves nothing."""
        outcome = await _unless_silent(self._look(attempt))
        traceless = isinstance(outcome, Unknown) and outcome.reference is None and not outcome.silent
        return Unknown(reason=ACCOUNT_CHANGED) if traceless and not attempt.same_account else outcome

    async def parse_callback(self, callback: Callback, credentials: Credentials) -> ParsedCallback:
        """Verify and read a callback."""
        verify(callback, credentials)
        return read_callback(callback.body)

    async def _send(self, attempt: Attempt) -> Outcome:
        key = attempt.key_for(kind_of(attempt.operation))
        response = await self._client.send(request(attempt), headers(attempt.credentials, key))
        return outcome_of(attempt.operation, response)

    async def _look(self, attempt: Attempt) -> Outcome:
        response = await self._client.send(inquiry(attempt), headers(attempt.credentials, ""))
        return outcome_of(attempt.operation, response)


async def _unless_silent(call: Awaitable[Outcome]) -> Outcome:
    try:
        return await call
    except Silence as silence:
        return Unknown(reason=str(silence), silent=True)
    except ResponseTooLong:
        return Unknown(reason="answer_too_long")
