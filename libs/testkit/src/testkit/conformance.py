"""The laws that every provider keeps, as a pytest class: `class TestAcme(ProviderConformance)` and a few examples."""

import asyncio
import logging
from dataclasses import replace

import aiohttp
import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from malipo import clock
from malipo.contracts.descriptor import Never
from malipo.contracts.outcomes import ActionRequired, Approval, Declined, OtherAction, Pending, Redirect, Unknown
from malipo.contracts.provider_commands import Charge, Confirm, Setup
from malipo.platform.client import USER_AGENT, http_client
from provider_kit.concealed import Concealed
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.personal import personal_texts
from provider_kit.provider import (
    kind_of,
    refusal,
)
from testkit.callback_laws import CallbackLaws
from testkit.examples import masks, raised_or_logged, redirecting, require_doubt, texts
from testkit.operations import OWN_BASE, cancel, capture, charge, confirm, detach, refund, return_request, setup
from testkit.provider_examples import NOT_JSON, PATIENCE_SECONDS, REAL_NETWORK
from testkit.transports import Dripping, Hanging, Recorder, Reply, Tokened, answer, broken, places

_NO_PAGES = ("javascript:alert(1)", "//pay.example/3ds", "intent://pay#Intent;end", "https://pay.example@evil.example/")
_OTHER_SHAPES: tuple[object, ...] = ({}, [], None, "ok", 42, {"error": "no"}, {"id": 1, "status": {}}, {"data": []})


class ProviderConformance(CallbackLaws):
    """Holds one provider to the laws. A subclass gives what is abstract here and may not override a law.

    Laws about what the provider does not declare in its descriptor are skipped: operations, keys (`repeat`), signatures
    (`callbacks`), currencies; nothing else is.
    """

    def __init_subclass__(cls) -> None:
        laws = [name for name in dir(ProviderConformance) if name.startswith("test_")]
        overridden = [name for name in laws if getattr(cls, name) is not getattr(ProviderConformance, name)]
        if overridden:
            msg = f"{cls.__name__} overrides laws: {', '.join(overridden)}"
            raise TypeError(msg)

    async def test_every_result_that_the_provider_claims_is_read(self) -> None:
        """Each example's response is read as the example's outcome."""
        declared = self.descriptor.operations
        assert {kind_of(example.operation) for example in self.examples()} == set(declared)
        for example in self.examples():
            assert await self.outcome_of(example) == example.outcome, example

    async def test_the_key_is_sent_and_a_repeat_is_the_same_to_the_byte(self) -> None:
        """A try after a lost response is the very request of the first."""
        if isinstance(self.descriptor.repeat, Never):
            pytest.skip("the provider knows no keys")
        for example in self.examples():
            attempt = self.attempt(example.operation)
            first, second = self.recorder(example.reply), self.recorder(example.reply)
            for recorder, one_try in ((first, attempt), (second, replace(attempt, first_sent_at=clock.now()))):
                async with self.on(recorder) as provider:
                    await provider.execute(one_try)
            assert first.effects == second.effects != [], f"a repeat differs: {example.operation}"
            assert all(attempt.key_for("") in effect for effect in first.effects), "no `Attempt.key_for` in a request"

    async def test_what_a_statement_is_to_show_is_sent_with_the_charge_and_with_every_repeat_of_it(self) -> None:
        """Where the method's statements show anything; elsewhere the gateway refuses it."""
        if not any(rules.statement for rules in self.descriptor.methods):
            pytest.skip("no statement shows anything of a merchant's")
        shown = "SHOP7"
        for example in self.examples():
            match example.operation:
                case Charge(method=method) if (rules := self.descriptor.rules_of(method.type)) and rules.statement:
                    attempt = self.attempt(msgspec.structs.replace(example.operation, statement_descriptor=shown))
                case _:
                    continue
            assert rules.statement.takes(shown)
            first, second = self.recorder(example.reply), self.recorder(example.reply)
            for recorder, one_try in ((first, attempt), (second, replace(attempt, first_sent_at=clock.now()))):
                async with self.on(recorder) as provider:
                    await provider.execute(one_try)
            assert any(shown.encode() in body for body in first.bodies), "the statement shows nothing of the merchant's"
            assert first.effects == second.effects, "a repeat differs"

    async def test_what_has_no_key_is_sent_once(self) -> None:
        """By one call, whatever comes back: the kit calls for no second one, and no library may try again by itself."""
        if not isinstance(self.descriptor.repeat, Never):
            pytest.skip("the provider knows keys")
        for operation in self.operations():
            for inner in (answer(Reply({}, 500)), answer(Reply({}, 400)), broken(httpx.ReadError("reset"), None)):
                recorder = self.recorder(inner)
                await self.execute(operation, recorder)
                sent = places(recorder.requests)
                assert len(sent) == len(set(sent)), operation

    async def test_every_request_names_its_client_and_its_content_type(self) -> None:
        """Also a request with an empty body, and whichever verb makes it: a strict server refuses others."""
        for example in self.examples():
            recorder = self.recorder(example.reply)
            attempt = self.attempt(example.operation)
            async with self.on(recorder) as provider:
                await provider.execute(attempt)
                await provider.query(replace(attempt, first_sent_at=clock.now()))
            assert recorder.effects
            assert {request.headers["content-type"] for request in recorder.requests} == {self.content_type}, (
                "another content type"
            )
            assert {request.headers["user-agent"] for request in recorder.requests} == {USER_AGENT}

    async def test_a_query_sends_nothing_but_reads_and_the_very_operation(self) -> None:
        """Whatever a query sends that may have an effect is the operation itself, under its own key, if there are keys.

        So a charge that waits to be confirmed is not confirmed by a query of it. What is held may be renewed (`is_renewal`).
        """
        repeats = not isinstance(self.descriptor.repeat, Never)
        for example in self.examples():
            for reply in (example.reply, Reply({}, 500)):
                executed = self.recorder(example.reply)
                queried = Recorder(reply, lambda request: self.is_read(request) or self.is_renewal(request))
                attempt = replace(self.attempt(example.operation), first_sent_at=clock.now())
                async with self.on(executed) as provider:
                    await provider.execute(attempt)
                async with self.on(queried) as provider:
                    await provider.query(attempt)
                assert set(queried.effects) <= (set(executed.effects) if repeats else set()), (
                    f"a query has sent more: {example.operation}"
                )

    async def test_another_accounts_credentials_never_settle_an_attempt_by_sending_nor_decline_it(self) -> None:
        """What was perhaps sent to one account is only looked for in another, where no trace proves nothing, ever."""
        for operation in self.operations():
            for reference in (None, "obj_1"):
                for reply in (*self.traceless(), Reply({}, 400), Reply({}, 500)):
                    assert isinstance(await self.elsewhere(operation, reply, reference), Unknown), (operation, reply)
        for example in self.examples():
            await self.elsewhere(example.operation, example.reply, None)

    async def test_a_charge_that_has_expired_is_only_queried(self) -> None:
        """Whatever a query still sends for it is not the charge: that could take money that is not wanted any more."""
        charges = [example for example in self.examples() if isinstance(example.operation, Charge | Setup | Confirm)]
        for example in charges:
            for reply in (example.reply, Reply({}, 500), *self.traceless()):
                executed, queried = self.recorder(example.reply), self.recorder(reply)
                attempt = replace(self.attempt(example.operation), first_sent_at=clock.now())
                async with self.on(executed) as provider:
                    await provider.execute(attempt)
                async with self.on(queried) as provider:
                    await provider.query(replace(attempt, ages=attempt.ages.ended()))
                sent = [request for request in queried.requests if not self.is_fence(request)]
                assert not set(places(executed.requests)) & set(places(sent)), (
                    f"sent after its expiry: {example.operation}"
                )

    async def test_silence_after_sending_is_unknown(self) -> None:
        """No response, one that never ends, and one whose pieces come just in time to keep a timeout from firing.

        Each is `silent`, as are a broken connection and a 5xx: signs that the provider is down, which open its circuit.
        """
        for transport in (broken(httpx.ReadTimeout("slow"), aiohttp.SocketTimeoutError()), Hanging(), Dripping()):
            await self.each_is_unknown(transport, silent=True)

    async def test_a_connection_that_broke_after_sending_is_unknown(self) -> None:
        """Also where the library calls it a failure to connect, and where it broke within the response."""
        for transport in (
            broken(httpx.ConnectTimeout("Server disconnected"), aiohttp.ServerDisconnectedError()),
            broken(httpx.ConnectTimeout("reset"), aiohttp.ClientOSError(104, "Connection reset by peer")),
            broken(httpx.ReadError("reset"), None),
            broken(httpx.RemoteProtocolError("no HTTP"), None),
            Dripping(httpx.ReadError("cut short")),
        ):
            await self.each_is_unknown(transport, silent=True)

    async def test_a_5xx_is_unknown(self) -> None:
        """Whatever its body is, unless the provider documents that it may tell something."""
        for status in (500, 502, 503, 504, 599):
            for example in () if self.a_5xx_may_tell else self.examples():
                await self.each_is_unknown(answer(replace(example.reply, status=status)), silent=True)
            await self.each_is_unknown(answer(Reply(b"<html>", status)), silent=True)

    async def test_an_unheard_of_status_is_unknown(self) -> None:
        """A status that the provider adds one day is never mistaken for another."""
        for operation in self.operations():
            require_doubt(await self.execute(operation, answer(self.unheard_of(operation))), silent=False)

    async def test_what_is_not_json_is_unknown(self) -> None:
        """Also with a status of success, or of a bad request.

        It is never `silent`, whatever is odd about it: the provider answers, and other operations must not wait for it.
        """
        for body in NOT_JSON:
            for status in (200, 201, 302, 400, 404):
                await self.each_is_unknown(answer(Reply(body, status)), silent=False)

    async def test_json_of_another_shape_is_unknown(self) -> None:
        """Nothing is read into a response of another shape than the documented one."""
        for body in _OTHER_SHAPES:
            for status in (200, 400, 402, 404):
                await self.each_is_unknown(answer(Reply(body, status)), silent=False)

    async def test_a_refused_connection_is_not_sent(self) -> None:
        """Nothing has left us: it may be tried again as if for the first time."""
        too_slow = broken(httpx.ConnectTimeout("too slow"), aiohttp.ConnectionTimeoutError())
        for transport in (broken(httpx.ConnectError("refused"), None), too_slow, REAL_NETWORK):
            for operation in self.operations():
                with pytest.raises(NotSent):
                    await self.execute(operation, transport)

    async def test_a_rate_limit_is_not_sent_only_where_that_is_documented(self) -> None:
        """And then the pause that the provider requests is kept."""
        reply = Reply({"error": {"type": "rate_limit"}}, 429, {"Retry-After": "7"})
        for operation in self.operations():
            if self.rate_limit_is_unprocessed:
                with pytest.raises(NotSent) as raised:
                    await self.execute(operation, answer(reply))
                assert raised.value.retry_after_seconds == 7
            else:
                assert isinstance(await self.execute(operation, answer(reply)), Unknown)

    async def test_refused_credentials_are_a_misconfiguration(self) -> None:
        """A person has to act; the payment is not declined by the provider."""
        for operation in self.operations():
            with pytest.raises(Misconfigured):
                async with self.on_wire(answer(Reply({}, 401))) as provider:
                    await provider.execute(self.attempt(operation))

    async def test_another_amount_or_currency_than_the_operations_is_unknown(self) -> None:
        """A success is believed only of the operation's own amount, whether a response or a query reports it."""
        for operation in self.operations():
            for reply in self.mismatched(operation):
                require_doubt(await self.execute(operation, answer(reply)), silent=False)
                require_doubt(await self.query(operation, answer(reply)), silent=False)

    def test_what_the_descriptor_says_of_customers_and_of_waiting_is_what_happens(self) -> None:
        """What a customer may be asked to do, and which operations may be pending: merchants are told these."""
        seen = [(kind_of(example.operation), example.outcome) for example in self.examples()]
        asked = {str(one.action.__struct_config__.tag) for _, one in seen if isinstance(one, ActionRequired)}
        assert asked == {action for rules in self.descriptor.methods for action in rules.actions}, "`actions`"
        pending = {kind for kind, one in seen if isinstance(one, Pending)}
        assert pending == {kind for kind, rules in self.descriptor.operations.items() if rules.asynchronous}, (
            "`asynchronous`"
        )

    async def test_a_customer_is_sent_to_web_addresses_alone(self) -> None:
        """Whatever stands in place of one: a browser would run it, or be led elsewhere than it seems."""
        for example in self.examples():
            match example.outcome:
                case ActionRequired(action=Redirect() | Approval()):
                    for url in _NO_PAGES:
                        outcome = await self.execute(example.operation, answer(redirecting(example, url)))
                        assert isinstance(outcome, ActionRequired)
                        assert isinstance(outcome.action, OtherAction), url
                case _:
                    pass

    async def test_amounts_are_written_as_the_provider_reads_them_or_refused(self) -> None:
        """A yen is no hundredth of anything; what cannot be written the descriptor refuses, and it is never sent."""
        amounts = self.amounts()
        assert {"USD", "JPY", "KWD"} <= {amount.currency for amount in amounts}
        some_charge = next(one for one in self.operations() if isinstance(one, Charge))
        for amount, written in amounts.items():
            recorder = self.recorder(Reply({}, 500))
            operation = msgspec.structs.replace(some_charge, amount=amount)
            assert (refusal(self.descriptor, operation) is None) == (written is not None), amount
            if written is not None:
                await self.execute(operation, recorder)
                assert written in recorder.bodies[0], amount

    async def test_requests_carry_the_addresses_of_their_own_callbacks(self) -> None:
        """Where the descriptor says so: of a charge whose answer is lost, the callback is all that finds it."""
        if not self.descriptor.own_addresses:
            pytest.skip("requests carry no addresses of their own")
        carried = [await self.carries(one, f"{OWN_BASE}{self.descriptor.callbacks_at}") for one in self.operations()]
        assert any(carried), "`own_addresses` is set, and no request carries `Attempt.callback_url`"

    async def test_a_charges_requests_carry_the_names_of_our_own_making(self) -> None:
        """Money that names one is asked about: a name that the provider never gets explains nothing."""
        for operation in self.operations():
            if isinstance(operation, Charge):
                for name in self.descriptor.own_references(operation.operation_id):
                    assert await self.carries(operation, name), f"no request carries {name}, an own reference"

    async def test_no_mask_of_what_is_personal_is_sent(self) -> None:
        """The operation shows a mask; what the provider needs of the customer is in the attempt's `method`."""
        for sent in self.personal_attempts():
            recorder = self.recorder(Reply({}, 500))
            async with self.on(recorder) as provider:
                await provider.execute(sent)
                await provider.query(replace(sent, first_sent_at=clock.now()))
            assert not [mask for mask in masks(sent) if recorder.has_sent(mask)], "a mask is sent: see `Attempt.method`"

    async def test_what_became_of_a_charge_is_asked_without_what_was_erased(self) -> None:
        """A query may come without a `method`: then it only reads, or it cannot ask."""
        for sent in self.personal_attempts():
            recorder = self.recorder(Reply({}, 500))
            async with self.on(recorder) as provider:
                outcome = await provider.query(replace(sent, first_sent_at=clock.now(), method=None))
            assert isinstance(outcome, Unknown), outcome
            assert not recorder.effects

    async def test_accounts_are_told_apart(self) -> None:
        """By the `identity` that is kept with each try, so that a key is never used in an account that does not know it."""
        provider = self.connect(http_client(timeout_seconds=1, transport=answer(Reply({}))))
        assert provider.identity(self.credentials) == provider.identity(dict(self.credentials))
        assert provider.identity(self.credentials) != provider.identity(self.other_credentials)

    async def test_no_secret_is_shown(self, caplog: pytest.LogCaptureFixture) -> None:
        """Not even in logs before they are scrubbed, at any level, on any path; nor in what is raised, returned or recorded.

        The kit knows what is personal of a charge, and takes it out of the paths that it records; of ids it can take
        nothing out.
        """
        caplog.set_level(logging.DEBUG)
        shown: list[object] = []
        breaks = broken(httpx.ReadError("reset"), None)
        with capture_logs() as events:
            for transport in (answer(Reply({}, 401)), answer(Reply({}, 500)), answer(Reply({}, 400)), breaks):
                for sent in (*map(self.attempt, self.operations()), *self.personal_attempts()):
                    shown.append(await self.shown_by("execute", sent, transport))
                    shown.append(await self.shown_by("query", replace(sent, first_sent_at=clock.now()), transport))
            forged = self.sign(self.stories()[0].event, self.other_credentials, clock.unix_seconds())
            shown.append(await raised_or_logged(self.read(forged)))
        text = f"{events} {caplog.text} {shown}"
        personal = [one for sent in self.personal_attempts() for one in personal_texts(sent.method)]
        given = {*texts(self.credentials), *texts(self.other_credentials)} - set(self.names)
        for secret in (*given, "tok_1", *self.secrets, *personal):
            assert secret not in text, "a secret is shown: in a log, an error, an outcome, or an exchange's path"

    async def test_no_id_that_is_kept_holds_what_is_personal(self) -> None:
        """Ids are kept, told and logged as they are: what a provider has made of the customer is cut out of them before."""
        kept: list[str] = []
        for sent in self.personal_attempts():
            for reply in [
                one.reply for one in self.examples() if one.operation.operation_id == sent.operation.operation_id
            ]:
                async with self.on(answer(reply)) as provider:
                    await raised_or_logged(provider.execute(sent))
            kept += [reference for _, reference in sent.references.noted]
        for story in self.stories():
            parsed = await self.read(self.sign(story.event, self.credentials, clock.unix_seconds()))
            kept += [reference for one in parsed.outcomes for reference in one.references.values()]
        concealed = Concealed([text for sent in self.personal_attempts() for text in personal_texts(sent.method)])
        assert [concealed.without(reference) for reference in kept] == kept, "an id holds what is personal"

    async def test_a_burst_of_calls_fetches_one_access_token(self) -> None:
        """Another one could end the first, or be one too many: all calls share it, and a refused one is renewed once."""
        if not self.fetches_tokens:
            pytest.skip("the provider needs no access tokens")
        operation = self.operations()[0]
        tokened = Tokened(answer(self.examples()[0].reply), self.is_token_request, self.token_reply())
        async with self.on_wire(tokened) as provider:
            await asyncio.gather(*[provider.execute(self.attempt(operation)) for _ in range(5)])
        assert tokened.fetched == 1, f"{tokened.fetched} access tokens were fetched"

    async def test_nothing_is_fetched_any_more_once_an_operation_is_prepared(self) -> None:
        """What dies after that was perhaps sent: so `prepare` fetches the access token, and has no effect itself."""
        for operation in self.operations():
            attempt, recorder = self.attempt(operation), self.recorder(self.examples()[0].reply)
            tokened = Tokened(recorder, self.is_token_request, self.token_reply()) if self.fetches_tokens else None
            async with self.on_wire(tokened or recorder) as provider:
                await provider.prepare(attempt)
                assert not recorder.effects, "`prepare` has sent what may have an effect"
                fetched = tokened and tokened.fetched
                await provider.execute(attempt)
                assert (tokened and tokened.fetched) == fetched, "an access token was fetched after `prepare`"

    async def test_an_undeclared_command_is_refused_before_it_is_sent(self) -> None:
        """By the kit, with the same text for every provider."""
        declared = self.descriptor.operations
        every = (charge(), confirm(), capture(), cancel(), refund(), return_request(), detach(), setup())
        undeclared = [one for one in every if kind_of(one) not in declared]
        if "capture" in declared and not declared["capture"].several:
            undeclared.append(capture(final=False))
        assert all(isinstance(refusal(self.descriptor, one), Declined) for one in undeclared)
        assert not any(refusal(self.descriptor, one) for one in self.operations())

    async def test_a_cancelled_call_leaves_no_half_read_response(self) -> None:
        """Its connection is closed, never handed to the next call with another call's response inside."""
        for operation in self.operations():
            dripping = Dripping()
            call = asyncio.create_task(self.execute(operation, dripping))
            await asyncio.wait_for(dripping.stream.started.wait(), PATIENCE_SECONDS)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert dripping.stream.closed
