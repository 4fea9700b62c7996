"""The laws about callbacks: what is signed is believed, what is not is a hint."""

from contextlib import suppress
from dataclasses import replace

import httpx
import pytest

from malipo import clock
from malipo.contracts.outcomes import Disputed, Unknown
from provider_kit.errors import BadSignature, NotSent
from provider_kit.provider import (
    Callback,
    kind_of,
)
from testkit.examples import names, other_end
from testkit.nothing_is_left import NothingIsLeft
from testkit.provider_examples import NOT_JSON
from testkit.transports import Reply, answer, broken

_HOUR = 3600


class CallbackLaws(NothingIsLeft):
    """What every provider's `parse_callback` keeps."""

    async def test_a_genuine_callback_is_read_and_a_repeat_is_known_by_its_id(self) -> None:
        """The inbox drops replays within the tolerance: their id is the same."""
        now = clock.unix_seconds()
        for story in self.stories():
            first = await self.read(self.sign(story.event, self.credentials, now))
            again = await self.read(self.sign(story.event, self.credentials, now + 1))
            assert first.callback_id == again.callback_id
            (reported,) = first.outcomes
            assert names(reported, story)

    async def test_a_hint_alone_is_believed_nothing(self) -> None:
        """Anyone may send it: what would be believed of it, the provider has confirmed first, or it has raised `NotSent`."""
        if self.descriptor.callbacks == "signed":
            pytest.skip("callbacks are signed")
        for event in (*(story.event for story in self.stories()), *self.hints()):
            for transport in (broken(httpx.ConnectError("refused"), None), *map(answer, self.traceless())):
                with suppress(NotSent):
                    async with self.on(transport) as provider:
                        parsed = await provider.parse_callback(self.sign(event, self.credentials, 0), self.credentials)
                    assert not parsed.confirmed  # it came to no address of a request's own
                    assert not parsed.opened
                    assert not parsed.received

    async def test_what_is_no_hint_at_all_is_refused_or_empty(self) -> None:
        """Whatever is posted to an address that became known."""
        if self.descriptor.callbacks == "signed":
            pytest.skip("callbacks are signed")
        for body in NOT_JSON:
            with suppress(BadSignature):
                parsed = await self.read(Callback({}, body))
                assert not any((parsed.outcomes, parsed.opened, parsed.received, parsed.ask))

    async def test_a_forged_stale_or_tampered_callback_is_refused(self) -> None:
        """Signed by another, unsigned, too old, from the future, or changed in any byte."""
        if self.descriptor.callbacks == "hint":
            pytest.skip("callbacks are hints")
        now, event = clock.unix_seconds(), self.stories()[0].event
        genuine = self.sign(event, self.credentials, now)
        changed = [
            replace(genuine, body=genuine.body[:at] + bytes([genuine.body[at] ^ 1]) + genuine.body[at + 1 :])
            for at in range(0, len(genuine.body), max(1, len(genuine.body) // 50))
        ]
        for callback in (
            *changed,
            self.sign(event, self.other_credentials, now),
            self.sign(event, self.credentials, now - int(self.callbacks_stale_after.total_seconds())),
            self.sign(event, self.credentials, now + _HOUR),
            replace(genuine, headers={}),
            replace(genuine, headers=dict.fromkeys(genuine.headers, "")),
            replace(genuine, headers={name: other_end(value) for name, value in genuine.headers.items()}),
            replace(genuine, body=genuine.body + b" "),
            replace(genuine, body=b""),
        ):
            with pytest.raises(BadSignature):
                await self.read(callback)

    async def test_a_dispute_is_opened_by_its_callback_as_a_query_shows_it_and_only_read_about(self) -> None:
        """It is one dispute however often it is reported, and whatever is no answer of the provider's ends none."""
        seen = set[str]()
        for story in self.disputes():
            (opened,) = (await self.read(self.sign(story.event, self.credentials, clock.unix_seconds()))).opened
            assert isinstance(opened.outcome, Disputed)
            assert (opened.kind, opened.reference, opened.amount) == (
                "dispute",
                opened.outcome.reference,
                opened.outcome.amount,
            )
            assert opened.about, "nothing says which payment it is about"
            recorder = self.recorder(story.reply)
            assert await self.query(story.operation, recorder, opened.reference) == opened.outcome
            assert recorder.effects == [], "a dispute is only read about"
            for reply in (Reply({}, 500), *self.traceless()):
                assert isinstance(await self.query(story.operation, answer(reply), opened.reference), Unknown)
            seen.add(f"{opened.reference} {opened.opened_at}")
            seen.add(opened.outcome.status)
        names = {name for name in seen if " " in name}
        assert (bool(names), {"won", "lost"} <= seen) == (self.descriptor.disputes, self.descriptor.disputes)
        assert len(names) <= 1, "a dispute's id and time are the same in every report"

    async def test_callback_and_query_agree(self) -> None:
        """Kind, outcome and reference are the same. Of a hint only the kind is looked at: the query's answer is believed."""
        for story in self.stories():
            (reported,) = (await self.read(self.sign(story.event, self.credentials, clock.unix_seconds()))).outcomes
            assert reported.kind == kind_of(story.operation)
            if self.descriptor.callbacks == "hint":
                continue
            reference = reported.outcome.reference
            assert reference is not None
            assert await self.query(story.operation, answer(story.reply), reference) == reported.outcome
