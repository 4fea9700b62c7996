"""The laws that every provider keeps, as a pytest class: `class TestAcme(ProviderConformance)` and a few examples."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import httpx
import pytest
from structlog.testing import capture_logs

from malipo import clock
from malipo.contracts.outcomes import ActionRequired, Declined, OtherAction, Outcome, Redirect, Unknown
from malipo.contracts.provider_commands import Charge
from malipo.money import Money
from malipo.platform.client import USER_AGENT, http_client
from provider_kit.errors import BadSignature, Misconfigured, NotSent
from provider_kit.integrity import checked
from provider_kit.provider import Ages, Attempt, Callback, Credentials, Provider, ProviderOperation, kind_of, refusal
from testkit.examples import Example, Story, other_end, raised_or_logged, redirecting, require_doubt, texts
from testkit.operations import cancel, capture, charge, refund
from testkit.transports import Dripping, Hanging, Recorder, Reply, answer, broken

TIMEOUT_SECONDS = 0.3
"""The longest time of one request that `connect` is to give its provider."""

REAL_NETWORK = None
"""In place of a transport: aiohttp's own, to a port of this machine that is closed."""

_PATIENCE_SECONDS = 10.0
_CLOSED = "http://127.0.0.1:1"
_HOUR = 3600
_LONG_AGO = timedelta(days=60)
_NO_PAGES = ("javascript:alert(1)", "//pay.example/3ds", "intent://pay#Intent;end", "https://pay.example@evil.example/")
_NOT_JSON = (b"", b"<html><body>502 Bad Gateway</body></html>", b'{"id": "cut sho', b"\xff\xfe")
_OTHER_SHAPES: tuple[object, ...] = ({}, [], None, "ok", 42, {"error": "no"}, {"id": 1, "status": {}}, {"data": []})


class ProviderConformance(ABC):
    """Holds one provider to the laws. A subclass gives what is abstract here and may not override a law.

    Laws about operations that the provider does not declare in `capabilities` are skipped; nothing else is.
    """

    credentials: Credentials
    """A merchant's credentials in test mode."""
    other_credentials: Credentials
    """Those of another merchant."""
    content_type: str
    """What the provider documents as the content type of a request that is no mere read."""
    rate_limit_is_unprocessed: bool
    """Whether the provider documents that it has not processed a request that it answers with 429."""

    @abstractmethod
    def connect(self, http: httpx.AsyncClient) -> Provider:  # noqa: TID251 - made by the laws
        """The provider on this client, with `TIMEOUT_SECONDS` for one request."""

    @abstractmethod
    def examples(self) -> Sequence[Example]:
        """At least one example of a `Succeeded`, and of all other results, for each declared operation."""

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
        """A genuine callback that reports `event`, signed at this Unix time."""

    @abstractmethod
    def stories(self) -> Sequence[Story]:
        """Transactions, each as a callback and as a query report it."""

    def __init_subclass__(cls) -> None:
        laws = [name for name in vars(ProviderConformance) if name.startswith("test_")]
        overridden = [name for name in laws if getattr(cls, name) is not getattr(ProviderConformance, name)]
        if overridden:
            msg = f"{cls.__name__} overrides laws: {', '.join(overridden)}"
            raise TypeError(msg)

    async def test_every_result_that_the_provider_claims_is_read(self) -> None:
        """Each example's response is read as the example's outcome."""
        declared = self.connect(http_client(timeout_seconds=1, transport=answer(Reply({})))).capabilities
        assert {type(example.operation) for example in self.examples()} == declared
        for example in self.examples():
            assert await self._execute(example.operation, answer(example.reply)) == example.outcome, example

    async def test_the_key_is_sent_and_a_repeat_is_the_same_to_the_byte(self) -> None:
        """A try after a lost response is the very request of the first."""
        for example in self.examples():
            recorder = Recorder(example.reply)
            attempt = self._attempt(example.operation)
            async with self._on(recorder) as provider:
                await provider.execute(attempt)
                await provider.execute(replace(attempt, first_sent_at=clock.now()))
            first, second = recorder.effects[0], recorder.effects[1]
            assert first == second
            assert attempt.key in first

    async def test_every_request_names_its_client_and_its_content_type(self) -> None:
        """Also a request with an empty body, and whichever verb makes it: a strict server refuses others."""
        for example in self.examples():
            recorder = Recorder(example.reply)
            attempt = self._attempt(example.operation)
            async with self._on(recorder) as provider:
                await provider.execute(attempt)
                await provider.query(replace(attempt, first_sent_at=clock.now()))
            assert recorder.effects
            assert {headers["content-type"] for headers in recorder.headers} == {self.content_type}
            assert {headers["user-agent"] for headers in recorder.headers} == {USER_AGENT}

    async def test_a_query_sends_nothing_but_reads_and_the_very_operation(self) -> None:
        """Whatever a query sends that may have an effect is the operation itself, under its own key."""
        for example in self.examples():
            for reply in (example.reply, Reply({}, 500)):
                executed, queried = Recorder(example.reply), Recorder(reply)
                attempt = replace(self._attempt(example.operation), first_sent_at=clock.now())
                async with self._on(executed) as provider:
                    await provider.execute(attempt)
                async with self._on(queried) as provider:
                    await provider.query(attempt)
                assert set(queried.effects) <= {executed.effects[0]}

    async def test_another_accounts_credentials_never_settle_an_attempt_by_sending_nor_decline_it(self) -> None:
        """What was perhaps sent to one account is only looked for in another, where no trace proves nothing, ever."""
        for operation in self._operations():
            for reference in (None, "obj_1"):
                for reply in (*self.traceless(), Reply({}, 400), Reply({}, 500)):
                    assert isinstance(await self._elsewhere(operation, reply, reference), Unknown), (operation, reply)
        for example in self.examples():
            await self._elsewhere(example.operation, example.reply, None)

    async def test_a_charge_that_has_expired_is_only_queried(self) -> None:
        """Whatever a query still sends for it is not the charge: that could take money that is not wanted any more."""
        charges = [example for example in self.examples() if isinstance(example.operation, Charge)]
        for example in charges:
            for reply in (example.reply, Reply({}, 500), *self.traceless()):
                executed, queried = Recorder(example.reply), Recorder(reply)
                attempt = replace(self._attempt(example.operation), first_sent_at=clock.now())
                async with self._on(executed) as provider:
                    await provider.execute(attempt)
                async with self._on(queried) as provider:
                    await provider.query(replace(attempt, ages=attempt.ages.ended()))
                assert executed.bodies[0] not in queried.bodies

    async def test_silence_after_sending_is_unknown(self) -> None:
        """No response, one that never ends, and one whose pieces come just in time to keep a timeout from firing.

        Each is `silent`, as are a broken connection and a 5xx: signs that the provider is down, which open its circuit.
        """
        for transport in (broken(httpx.ReadTimeout("slow"), aiohttp.SocketTimeoutError()), Hanging(), Dripping()):
            await self._each_is_unknown(transport, silent=True)

    async def test_a_connection_that_broke_after_sending_is_unknown(self) -> None:
        """Also where the library calls it a failure to connect, and where it broke within the response."""
        for transport in (
            broken(httpx.ConnectTimeout("Server disconnected"), aiohttp.ServerDisconnectedError()),
            broken(httpx.ConnectTimeout("reset"), aiohttp.ClientOSError(104, "Connection reset by peer")),
            broken(httpx.ReadError("reset"), None),
            broken(httpx.RemoteProtocolError("no HTTP"), None),
            Dripping(httpx.ReadError("cut short")),
        ):
            await self._each_is_unknown(transport, silent=True)

    async def test_a_5xx_is_unknown(self) -> None:
        """Whatever its body is."""
        for status in (500, 502, 503, 504, 599):
            for example in self.examples():
                await self._each_is_unknown(answer(replace(example.reply, status=status)), silent=True)
            await self._each_is_unknown(answer(Reply(b"<html>", status)), silent=True)

    async def test_an_unheard_of_status_is_unknown(self) -> None:
        """A status that the provider adds one day is never mistaken for another."""
        for operation in self._operations():
            require_doubt(await self._execute(operation, answer(self.unheard_of(operation))), silent=False)

    async def test_what_is_not_json_is_unknown(self) -> None:
        """Also with a status of success, or of a bad request.

        It is never `silent`, whatever is odd about it: the provider answers, and other operations must not wait for it.
        """
        for body in _NOT_JSON:
            for status in (200, 201, 302, 400, 404):
                await self._each_is_unknown(answer(Reply(body, status)), silent=False)

    async def test_json_of_another_shape_is_unknown(self) -> None:
        """Nothing is read into a response of another shape than the documented one."""
        for body in _OTHER_SHAPES:
            for status in (200, 400, 402, 404):
                await self._each_is_unknown(answer(Reply(body, status)), silent=False)

    async def test_a_refused_connection_is_not_sent(self) -> None:
        """Nothing has left us: it may be tried again as if for the first time."""
        too_slow = broken(httpx.ConnectTimeout("too slow"), aiohttp.ConnectionTimeoutError())
        for transport in (broken(httpx.ConnectError("refused"), None), too_slow, REAL_NETWORK):
            for operation in self._operations():
                with pytest.raises(NotSent):
                    await self._execute(operation, transport)

    async def test_a_rate_limit_is_not_sent_only_where_that_is_documented(self) -> None:
        """And then the pause that the provider requests is kept."""
        reply = Reply({"error": {"type": "rate_limit"}}, 429, {"Retry-After": "7"})
        for operation in self._operations():
            if self.rate_limit_is_unprocessed:
                with pytest.raises(NotSent) as raised:
                    await self._execute(operation, answer(reply))
                assert raised.value.retry_after_seconds == 7
            else:
                assert isinstance(await self._execute(operation, answer(reply)), Unknown)

    async def test_refused_credentials_are_a_misconfiguration(self) -> None:
        """A person has to act; the payment is not declined by the provider."""
        for operation in self._operations():
            with pytest.raises(Misconfigured):
                await self._execute(operation, answer(Reply({}, 401)))

    async def test_another_amount_or_currency_than_the_operations_is_unknown(self) -> None:
        """A success is believed only of the operation's own amount, whether a response or a query reports it."""
        for operation in self._operations():
            for reply in self.mismatched(operation):
                require_doubt(await self._execute(operation, answer(reply)), silent=False)
                require_doubt(await self._query(operation, answer(reply)), silent=False)

    async def test_a_customer_is_sent_to_web_addresses_alone(self) -> None:
        """Whatever stands in place of one: a browser would run it, or be led elsewhere than it seems."""
        for example in self.examples():
            match example.outcome:
                case ActionRequired(action=Redirect()):
                    for url in _NO_PAGES:
                        outcome = await self._execute(example.operation, answer(redirecting(example, url)))
                        assert isinstance(outcome, ActionRequired)
                        assert isinstance(outcome.action, OtherAction), url
                case _:
                    pass

    async def test_amounts_are_written_as_the_provider_reads_them_or_refused(self) -> None:
        """A yen is no hundredth of anything; what cannot be written is declined before it is sent."""
        amounts = self.amounts()
        assert {"USD", "JPY", "KWD"} <= {amount.currency for amount in amounts}
        for amount, written in amounts.items():
            recorder = Recorder(Reply({}, 500))
            outcome = await self._execute(charge(amount=amount), recorder)
            if written is None:
                assert isinstance(outcome, Declined)
                assert not recorder.effects
            else:
                assert written in recorder.bodies[0], amount

    async def test_a_genuine_callback_is_read_and_a_repeat_is_known_by_its_id(self) -> None:
        """The inbox drops replays within the tolerance: their id is the same."""
        now = clock.unix_seconds()
        for story in self.stories():
            first = self._read(self.sign(story.event, self.credentials, now))
            again = self._read(self.sign(story.event, self.credentials, now + 1))
            assert first.callback_id == again.callback_id
            assert [reported.operation_id for reported in first.outcomes] == [story.operation.operation_id]

    async def test_a_forged_stale_or_tampered_callback_is_refused(self) -> None:
        """Signed by another, unsigned, too old, from the future, or changed in any byte."""
        now, event = clock.unix_seconds(), self.stories()[0].event
        genuine = self.sign(event, self.credentials, now)
        changed = [
            replace(genuine, body=genuine.body[:at] + bytes([genuine.body[at] ^ 1]) + genuine.body[at + 1 :])
            for at in range(0, len(genuine.body), max(1, len(genuine.body) // 50))
        ]
        for callback in (
            *changed,
            self.sign(event, self.other_credentials, now),
            self.sign(event, self.credentials, now - _HOUR),
            self.sign(event, self.credentials, now + _HOUR),
            replace(genuine, headers={}),
            replace(genuine, headers=dict.fromkeys(genuine.headers, "")),
            replace(genuine, headers={name: other_end(value) for name, value in genuine.headers.items()}),
            replace(genuine, body=genuine.body + b" "),
            replace(genuine, body=b""),
        ):
            with pytest.raises(BadSignature):
                self._read(callback)

    async def test_callback_and_query_agree(self) -> None:
        """Kind, outcome and reference are the same."""
        for story in self.stories():
            (reported,) = self._read(self.sign(story.event, self.credentials, clock.unix_seconds())).outcomes
            assert reported.kind == kind_of(story.operation)
            assert reported.payment_id == story.operation.payment_id
            reference = reported.outcome.reference
            assert reference is not None
            assert await self._query(story.operation, answer(story.reply), reference) == reported.outcome

    async def test_accounts_are_told_apart(self) -> None:
        """By the `identity` that is kept with each try, so that a key is never used in an account that does not know it."""
        provider = self.connect(http_client(timeout_seconds=1, transport=answer(Reply({}))))
        assert provider.identity(self.credentials) == provider.identity(dict(self.credentials))
        assert provider.identity(self.credentials) != provider.identity(self.other_credentials)

    async def test_no_secret_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """Not even before the logs are scrubbed, at any level, on any path; nor in what is raised or returned."""
        caplog.set_level(logging.DEBUG)
        shown: list[object] = []
        breaks = broken(httpx.ReadError("reset"), None)
        with capture_logs() as events:
            for transport in (answer(Reply({}, 401)), answer(Reply({}, 500)), answer(Reply({}, 400)), breaks):
                for operation in self._operations():
                    shown.append(await raised_or_logged(self._execute(operation, transport)))
                    shown.append(await raised_or_logged(self._query(operation, transport)))
            forged = self.sign(self.stories()[0].event, self.other_credentials, clock.unix_seconds())
            with pytest.raises(BadSignature) as refused:
                self._read(forged)
            shown.append(refused.value)
        text = f"{events} {caplog.text} {shown}"
        for secret in (*texts(self.credentials), *texts(self.other_credentials), "tok_1"):
            assert secret not in text

    async def test_an_undeclared_command_is_refused_before_it_is_sent(self) -> None:
        """By the kit, with the same text for every provider."""
        async with self._on(answer(Reply({}))) as provider:
            for operation in (charge(), capture(), cancel(), refund()):
                refused = refusal(provider, operation)
                assert (refused is None) == (type(operation) in provider.capabilities)
                assert refused is None or isinstance(refused, Declined)

    async def test_a_cancelled_call_leaves_no_half_read_response(self) -> None:
        """Its connection is closed, never handed to the next call with another call's response inside."""
        for operation in self._operations():
            dripping = Dripping()
            call = asyncio.create_task(self._execute(operation, dripping))
            await asyncio.wait_for(dripping.stream.started.wait(), _PATIENCE_SECONDS)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert dripping.stream.closed

    def _operations(self) -> list[ProviderOperation]:
        return list({type(example.operation): example.operation for example in self.examples()}.values())

    async def _each_is_unknown(self, transport: httpx.AsyncBaseTransport | None, *, silent: bool) -> None:
        for operation in self._operations():
            async with asyncio.timeout(_PATIENCE_SECONDS):
                require_doubt(await self._execute(operation, transport), silent=silent)
                require_doubt(await self._query(operation, transport), silent=silent)

    async def _execute(self, operation: ProviderOperation, transport: httpx.AsyncBaseTransport | None) -> Outcome:
        async with self._on(transport) as provider:
            return checked(operation, await provider.execute(self._attempt(operation)))

    async def _query(
        self, operation: ProviderOperation, transport: httpx.AsyncBaseTransport | None, reference: str | None = None
    ) -> Outcome:
        attempt = replace(self._attempt(operation), first_sent_at=clock.now(), reference=reference)
        async with self._on(transport) as provider:
            return checked(operation, await provider.query(attempt))

    async def _elsewhere(self, operation: ProviderOperation, reply: Reply, reference: str | None) -> Outcome:
        """What both verbs make of an old operation that may be another account's. Nothing may be sent."""
        outcomes: list[Outcome] = []
        for key_age in (timedelta(), _LONG_AGO):
            attempt = replace(self._attempt(operation), first_sent_at=clock.now() - key_age, ages=Ages(key_age))
            attempt = replace(attempt, reference=reference, same_account=False)
            recorder = Recorder(reply)
            async with self._on(recorder) as provider:
                outcomes += [await provider.execute(attempt), await provider.query(attempt)]
            assert not recorder.effects, operation
        assert len(set(map(type, outcomes))) == 1, outcomes
        return outcomes[0]

    def _read(self, callback: Callback) -> Any:
        http = http_client(timeout_seconds=1, transport=answer(Reply({})))
        return self.connect(http).parse_callback(callback, self.credentials)

    def _attempt(self, operation: ProviderOperation) -> Attempt:
        return Attempt(operation, f"malipo-{operation.operation_id}", self.credentials)

    @asynccontextmanager
    async def _on(self, transport: httpx.AsyncBaseTransport | None) -> AsyncGenerator[Provider]:
        async with http_client(timeout_seconds=_PATIENCE_SECONDS, base_url=_CLOSED, transport=transport) as http:
            yield self.connect(http)
