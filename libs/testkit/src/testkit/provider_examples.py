"""What a provider's conformance suite is given, and how its laws call the provider."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Literal

import httpx

from malipo import clock
from malipo.contracts.descriptor import ProviderDescriptor
from malipo.contracts.outcomes import Outcome
from malipo.contracts.provider_commands import Charge
from malipo.money import Money
from malipo.platform.client import http_client
from provider_kit import exchanges
from provider_kit.integrity import checked
from provider_kit.personal import personal_texts
from provider_kit.provider import (
    Ages,
    Attempt,
    Callback,
    Credentials,
    Named,
    ParsedCallback,
    Provider,
    ProviderOperation,
    References,
    fingerprint,
)
from testkit.examples import Example, Story, masks, raised_or_logged, require_doubt
from testkit.operations import attempt
from testkit.transports import Recorder, Reply, Tokened, answer

TIMEOUT_SECONDS = 0.3
"""The longest time of one request that `connect` is to give its provider."""

REAL_NETWORK = None
"""In place of a transport: aiohttp's own, to a port of this machine that is closed."""

PATIENCE_SECONDS = 10.0
NOT_JSON = (b"", b"<html><body>502 Bad Gateway</body></html>", b'{"id": "cut sho', b"\xff\xfe")
_CLOSED = "http://127.0.0.1:1"
_LONG_AGO = timedelta(days=60)


class ProviderExamples(ABC):
    """One provider, examples of its API, and calls of it on stand-ins for the network."""

    credentials: Credentials
    """A merchant's credentials in test mode."""
    other_credentials: Credentials
    """Those of another merchant."""
    content_type: str
    """What the provider documents as the content type of a request that is no mere read."""
    rate_limit_is_unprocessed: bool
    """Whether the provider documents that it has not processed a request that it answers with 429."""
    a_5xx_may_tell = False
    """Whether the provider documents that it reports how an operation stands with a status of 500."""
    secrets: Sequence[str] = ()
    """What else must never be shown, such as access tokens."""
    names: Sequence[str] = ()
    """What of the credentials is no secret, and stands in addresses: what the provider calls the account."""
    callbacks_stale_after = timedelta(hours=1)
    """How old a signed callback may be at the most, whose sender may repeat it with its first time."""
    fetches_tokens = False
    """Whether the provider's requests need an access token, which `is_token_request` tells."""

    @abstractmethod
    def connect(self, http: httpx.AsyncClient) -> Provider:  # noqa: TID251 - made by the laws
        """The provider on this client, with `TIMEOUT_SECONDS` for one request."""

    @abstractmethod
    def examples(self) -> Sequence[Example]:
        """At least one example of a `Succeeded`, and of all other results, for each declared operation; of each action."""

    def known(self, operation: ProviderOperation) -> Sequence[Named]:  # noqa: ARG002 - by default a query needs none
        """The ids that the answer to an operation has given, if a query of it can only ask by these."""
        return ()

    def is_read(self, request: httpx.Request) -> bool:
        """Whether a request has no effect: another than GET only where the provider documents it."""
        return request.method == "GET" or self.is_token_request(request)

    def is_fence(self, request: httpx.Request) -> bool:  # noqa: ARG002 - by default there are none
        """Whether a request only makes a charge's key useless: it can take no money, whatever comes of it."""
        return False

    def is_renewal(self, request: httpx.Request) -> bool:  # noqa: ARG002 - by default there are none
        """Whether a request only renews what an operation holds: it takes no money, and holds no more than before."""
        return False

    def is_token_request(self, request: httpx.Request) -> bool:  # noqa: ARG002 - by default there are none
        """Whether a request only fetches an access token."""
        return False

    def token_reply(self) -> Reply:
        """A good response to a request that fetches an access token."""
        raise NotImplementedError

    @abstractmethod
    def traceless(self) -> Sequence[Reply]:
        """What an account's API answers about an operation that it never had: no such object, and lists without it."""

    @abstractmethod
    def unheard_of(self, operation: ProviderOperation) -> Reply:
        """A good response to `operation`, but for a status that the provider has never documented."""

    @abstractmethod
    def mismatched(self, operation: ProviderOperation) -> Sequence[Reply]:
        """Good responses to `operation`, but for another amount, and for another currency."""

    @abstractmethod
    def amounts(self) -> Mapping[Money, bytes | None]:
        """How amounts are written in a charge's body: two, zero and three decimals; None where it must be refused."""

    @abstractmethod
    def sign(self, event: object, credentials: Credentials, signed_at: int) -> Callback:
        """A genuine callback that reports `event`, signed at this Unix time; a hint is not signed."""

    def hints(self) -> Sequence[object]:
        """Events that report what no operation of ours explains: money received, refunds opened; if any are hints."""
        return ()

    def disputes(self) -> Sequence[Story]:
        """Disputes that are open, won and lost, each as a callback and as a query report it; if the provider has them."""
        return ()

    @abstractmethod
    def stories(self) -> Sequence[Story]:
        """Transactions, each as a callback and as a query report it."""

    @property
    def descriptor(self) -> ProviderDescriptor:
        return self.connect(http_client(timeout_seconds=1, transport=answer(Reply({})))).descriptor

    def recorder(self, reply: Reply | httpx.MockTransport) -> Recorder:
        return Recorder(reply, self.is_read)

    def operations(self) -> list[ProviderOperation]:
        return list({type(example.operation): example.operation for example in self.examples()}.values())

    def personal_attempts(self) -> list[Attempt]:
        """Attempts of charges whose method says something about a person."""
        charges = [
            self.attempt(example.operation) for example in self.examples() if isinstance(example.operation, Charge)
        ]
        return [sent for sent in charges if masks(sent)]

    async def each_is_unknown(self, transport: httpx.AsyncBaseTransport | None, *, silent: bool) -> None:
        for operation in self.operations():
            async with asyncio.timeout(PATIENCE_SECONDS):
                require_doubt(await self.execute(operation, transport), silent=silent)
                require_doubt(await self.query(operation, transport), silent=silent)

    async def outcome_of(self, example: Example) -> Outcome:
        """What the provider makes of an example's response."""
        sent = replace(self.attempt(example.operation), ages=example.ages)
        if example.verb == "query":
            sent = replace(sent, first_sent_at=clock.now())
        async with self.on(answer(example.reply)) as provider:
            call = provider.execute if example.verb == "execute" else provider.query
            return checked(example.operation, await call(sent))

    async def execute(self, operation: ProviderOperation, transport: httpx.AsyncBaseTransport | None) -> Outcome:
        async with self.on(transport) as provider:
            return checked(operation, await provider.execute(self.attempt(operation)))

    async def query(
        self, operation: ProviderOperation, transport: httpx.AsyncBaseTransport | None, reference: str | None = None
    ) -> Outcome:
        sent = replace(self.attempt(operation), first_sent_at=clock.now(), reference=reference)
        async with self.on(transport) as provider:
            return checked(operation, await provider.query(sent))

    async def shown_by(
        self, verb: Literal["execute", "query"], sent: Attempt, transport: httpx.AsyncBaseTransport
    ) -> str:
        """All that a call returns or raises, and what is recorded of its exchanges."""
        with exchanges.recorded():
            exchanges.conceal(personal_texts(sent.method))
            async with self.on(transport) as provider:
                told = await raised_or_logged(provider.execute(sent) if verb == "execute" else provider.query(sent))
            return f"{told} {exchanges.made()}"

    async def carries(self, operation: ProviderOperation, text: str) -> bool:
        """Whether a request of the operation has this text in it."""
        replies = [example.reply for example in self.examples() if example.operation == operation]
        recorder = self.recorder(replies[0])
        await self.execute(operation, recorder)
        return recorder.has_sent(text)

    async def elsewhere(self, operation: ProviderOperation, reply: Reply, reference: str | None) -> Outcome:
        """What both verbs make of an old operation that may be another account's. Nothing may be sent."""
        outcomes: list[Outcome] = []
        for key_age in (timedelta(), _LONG_AGO):
            sent = replace(self.attempt(operation), first_sent_at=clock.now() - key_age, ages=Ages(key_age))
            sent = replace(sent, reference=reference, same_account=False)
            recorder = self.recorder(reply)
            async with self.on(recorder) as provider:
                outcomes += [await provider.execute(sent), await provider.query(sent)]
            assert not recorder.effects, operation
        assert len(set(map(type, outcomes))) == 1, outcomes
        return outcomes[0]

    async def read(self, callback: Callback) -> ParsedCallback:
        http = http_client(timeout_seconds=1, base_url=_CLOSED, transport=answer(self.traceless()[0]))
        return await self.connect(http).parse_callback(callback, self.credentials)

    def attempt(self, operation: ProviderOperation) -> Attempt:
        provider = self.connect(http_client(timeout_seconds=1, transport=answer(Reply({}))))
        account = fingerprint(provider, self.credentials)
        references = References(self.known(operation))
        return attempt(operation, provider.descriptor, self.credentials, account=account, references=references)

    @asynccontextmanager
    async def on(self, transport: httpx.AsyncBaseTransport | None) -> AsyncGenerator[Provider]:
        if self.fetches_tokens and transport is not REAL_NETWORK:
            transport = Tokened(transport, self.is_token_request, self.token_reply())
        async with self.on_wire(transport) as provider:
            yield provider

    @asynccontextmanager
    async def on_wire(self, transport: httpx.AsyncBaseTransport | None) -> AsyncGenerator[Provider]:
        """The provider on a transport that answers its requests for tokens, too."""
        around = partial(exchanges.Recording, request_id_header=None)
        async with http_client(
            timeout_seconds=PATIENCE_SECONDS, base_url=_CLOSED, transport=transport, around=around
        ) as http:
            yield self.connect(http)
