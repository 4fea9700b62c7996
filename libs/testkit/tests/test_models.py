"""Every trait of a provider is held before a real one needs it: four models keep the laws, and broken ones are caught."""

import asyncio
from dataclasses import replace

import model_keyed as keyed
import model_keyless as keyless
import model_parts as parts
import model_two_step as two_step
import msgspec
import pytest
from model_wire import AMOUNTS, MINE, OTHER, USD_10, exchange, sign

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
    Unknown,
)
from malipo.contracts.provider_commands import Cancel
from malipo.money import Money
from malipo.platform.client import http_client
from provider_kit.provider import ParsedCallback, ReceivedMoney
from provider_kit.tokens import FetchedToken
from testkit.conformance import ProviderConformance
from testkit.examples import Example, Story
from testkit.operations import attempt, cancel, capture, charge, confirm, refund, return_request
from testkit.tokens import MemoryTokens
from testkit.transports import Reply

PROMPTED = charge(method=keyless.PHONE)
PLAIN = {"amount": 1000, "currency": "USD"}
MISMATCHES = ({"amount": 999, "currency": "USD"}, {"amount": 1000, "currency": "EUR"})


class _Laws(ProviderConformance):
    credentials = MINE
    other_credentials = OTHER
    content_type = "application/json"
    rate_limit_is_unprocessed = True

    def traceless(self):
        return [Reply([]), Reply({}, 404)]

    def amounts(self):
        return AMOUNTS

    def sign(self, event, credentials, signed_at):
        return sign(event, credentials, signed_at)


class TestKeyed(_Laws):
    def connect(self, http):
        return keyed.KeyedProvider(http)

    def examples(self):
        paid, waiting, refused = ({"id": "ob_1", "status": status} | PLAIN for status in ("paid", "waiting", "refused"))
        return [
            Example(charge(), Reply(paid), Succeeded(amount=USD_10, reference="ob_1")),
            Example(charge(), Reply(refused), Declined(code="refused", reference="ob_1")),
            Example(refund(), Reply(paid), Succeeded(amount=USD_10, reference="ob_1")),
            Example(refund(), Reply(waiting), Pending(reference="ob_1")),
            Example(return_request(), Reply(paid), Succeeded(amount=USD_10, reference="ob_1")),
            Example(return_request(), Reply(waiting), Pending(reference="ob_1")),
            Example(return_request(), Reply(refused), Declined(code="refused", reference="ob_1")),
        ]

    def unheard_of(self, operation):
        return Reply({"id": "ob_1", "status": "mulled_over"} | PLAIN)

    def mismatched(self, operation):
        return [Reply({"id": "ob_1", "status": "paid"} | other) for other in MISMATCHES]

    def stories(self):
        paid = {"id": "ob_1", "status": "paid"} | PLAIN
        return [
            Story(one, paid | {"tag": one.operation_id}, Reply(paid)) for one in (charge(), refund(), return_request())
        ]


class TestKeyless(_Laws):
    a_5xx_may_tell = True

    def is_read(self, request):
        return request.method == "GET" or request.url.path == "/ask"

    def connect(self, http):
        return keyless.KeylessProvider(http)

    def sign(self, event, credentials, signed_at):
        return replace(sign(event, credentials, signed_at), headers={})

    def examples(self):
        prompted, paid, refused = (
            {"checkout": "co_1", "state": one} | PLAIN for one in ("prompted", "paid", "refused")
        )
        return [
            Example(PROMPTED, Reply(prompted), ActionRequired(action=keyless.PROMPT, reference="co_1")),
            Example(PROMPTED, Reply(paid), Succeeded(amount=USD_10, reference="co_1")),
            Example(PROMPTED, Reply(refused), Declined(code="refused", reference="co_1")),
        ]

    def unheard_of(self, operation):
        return Reply({"checkout": "co_1", "state": "mulled_over"} | PLAIN)

    def mismatched(self, operation):
        return [Reply({"checkout": "co_1", "state": "paid"} | other) for other in MISMATCHES]

    def stories(self):
        paid = {"checkout": "co_1", "state": "paid"} | PLAIN
        return [Story(PROMPTED, paid, Reply(paid), frozenset({"co_1"}))]

    def hints(self):
        return [{"transaction": "tx_1", "for": "order 7"} | PLAIN]


class TestTwoStep(_Laws):
    fetches_tokens = True
    secrets = ("token-of-the-account",)

    def is_token_request(self, request):
        return request.url.path == "/token"

    def token_reply(self):
        return Reply({"token": "token-of-the-account", "life": 3600})

    def connect(self, http):
        return two_step.TwoStepProvider(http, MemoryTokens())

    def examples(self):
        created = {"id": "or_1", "status": "created", "url": "https://w.example"} | PLAIN
        captured = created | {"status": "captured", "capture": "cap_1"}
        page = ActionRequired(action=Approval("https://w.example"), reference="or_1")
        return [
            Example(charge(), Reply(created), page),
            Example(charge(), Reply(created | {"status": "approved"}), Approved(reference="or_1")),
            Example(confirm(), Reply(captured), Succeeded(amount=USD_10, reference="cap_1")),
        ]

    def unheard_of(self, operation):
        return Reply({"id": "or_1", "status": "mulled_over"} | PLAIN)

    def mismatched(self, operation):
        return [Reply({"id": "or_1", "status": "captured", "capture": "cap_1"} | other) for other in MISMATCHES]

    def stories(self):
        approved = {"id": "or_1", "status": "approved"} | PLAIN
        return [Story(charge(), approved, Reply(approved), frozenset({"or_1"}))]


HOLD = charge(capture="manual")
PART = capture(amount=Money(400, "USD"), final=False)


class TestParts(_Laws):
    def connect(self, http):
        return parts.PartsProvider(http)

    def examples(self):
        held = {"id": "ho_1", "status": "held", "captured": 0} | PLAIN
        part = {"hold": "ho_1", "amount": 400, "currency": "USD"}
        ended = held | {"status": "ended"}
        return [
            Example(HOLD, Reply(held), Authorized(amount=USD_10, reference="ho_1")),
            Example(HOLD, Reply(ended | {"captured": 900}), Succeeded(amount=Money(900, "USD"), reference="ho_1")),
            Example(PART, Reply(part | {"status": "paid"}), Succeeded(amount=PART.amount, reference="ho_1")),
            Example(PART, Reply(part | {"status": "waiting"}), Pending(reference="ho_1")),
            Example(PART, Reply(part | {"status": "refused"}), Declined(code="refused", reference="ho_1")),
            Example(cancel(), Reply(ended), Canceled(reference="ho_1")),
            Example(cancel(), Reply(ended | {"captured": 400}), Succeeded(amount=PART.amount, reference="ho_1")),
        ]

    def unheard_of(self, operation):
        return Reply({"id": "ho_1", "hold": "ho_1", "status": "mulled_over"} | PLAIN)

    def mismatched(self, operation):
        if isinstance(operation, Cancel):  # which has no amount
            return []
        found = {"hold": "ho_1", "status": "paid"} if operation is PART else {"id": "ho_1", "status": "held"}
        return [Reply(found | other) for other in MISMATCHES]

    def stories(self):
        part = {"hold": "ho_1", "status": "paid", "amount": 400, "currency": "USD"}
        return [Story(PART, part | {"tag": PART.operation_id}, Reply(part))]


class RepeatsWithoutAKey(keyless.KeylessProvider):
    async def execute(self, attempt):
        outcome = await super().execute(attempt)
        return await super().execute(attempt) if isinstance(outcome, Unknown) else outcome


class RepeatsWithAnotherTimestamp(keyless.KeylessProvider):
    times = 0

    async def execute(self, attempt):
        outcome = await super().execute(attempt)
        return await super().execute(attempt) if isinstance(outcome, Unknown) else outcome

    async def _exchange(self, credentials, method, path, body=None):
        self.times += 1
        return await super()._exchange(credentials, method, path, body and body | {"at": self.times})


class SendsWhatHasExpired(keyed.KeyedProvider):
    times = 0

    async def query(self, attempt):
        return await self.execute(attempt)

    async def _exchange(self, attempt, method, path, body=None, **headers):
        self.times += 1 + attempt.ages.expired
        return await super()._exchange(attempt, method, path, body and body | {"at": self.times}, **headers)


class SendsTheMask(keyless.KeylessProvider):
    def _phone(self, attempt):
        return attempt.operation.method.details["phone"]


class SendsTheSecretInThePath(keyed.KeyedProvider):
    async def _exchange(self, attempt, method, path, body=None, **headers):
        return await super()._exchange(attempt, method, f"/{attempt.credentials['secret']}{path}", body, **headers)


class ShowsNothing(keyed.KeyedProvider):
    async def _exchange(self, attempt, method, path, body=None, **headers):
        kept = body and {name: value for name, value in body.items() if name != "shown"}
        return await super()._exchange(attempt, method, path, kept, **headers)


class CarriesNoAddress(keyless.KeylessProvider):
    async def _exchange(self, credentials, method, path, body=None):
        kept = body and {name: value for name, value in body.items() if name != "callback"}
        return await super()._exchange(credentials, method, path, kept)


class NamesAChargeOtherwise(keyless.KeylessProvider):
    async def _exchange(self, credentials, method, path, body=None):
        return await super()._exchange(credentials, method, path, body and body | {"for": "order 7"})


class BelievesAHint(keyless.KeylessProvider):
    async def _received(self, transaction, callback_id, credentials):
        money = ReceivedMoney(reference=transaction, amount=USD_10, method="phone", received_at=clock.now())
        return ParsedCallback(callback_id, received=[money])


class SaysThatHintsAreSigned(keyless.KeylessProvider):
    descriptor = replace(keyless.DESCRIPTOR, callbacks="signed")


class FetchesATokenForEachCall(two_step.TwoStepProvider):
    def _with_token(self, attempt, call):
        async def fetch_and_call():
            _, found = await exchange(self.http, "POST", "/token", {}, authorization=attempt.credentials["secret"])
            return await call(FetchedToken(found["token"], found["life"]).token)

        return fetch_and_call()


class FetchesATokenAsItSends(two_step.TwoStepProvider):
    async def prepare(self, attempt):
        pass


class ConfirmsInAQuery(two_step.TwoStepProvider):
    async def query(self, attempt):
        seen = await super().query(attempt)
        if isinstance(seen, Approved):
            paid = confirm(payment_id=attempt.operation.payment_id, reference=seen.reference)
            return await self.execute(replace(attempt, operation=paid))
        return seen


@pytest.mark.parametrize(
    ("laws", "broken", "law"),
    [
        (TestKeyless, RepeatsWithoutAKey, "test_what_has_no_key_is_sent_once"),
        (TestKeyless, RepeatsWithAnotherTimestamp, "test_what_has_no_key_is_sent_once"),
        (TestKeyed, SendsWhatHasExpired, "test_a_charge_that_has_expired_is_only_queried"),
        (TestKeyless, SendsTheMask, "test_no_mask_of_what_is_personal_is_sent"),
        (TestKeyed, SendsTheSecretInThePath, "test_no_secret_is_shown"),
        (
            TestKeyed,
            ShowsNothing,
            "test_what_a_statement_is_to_show_is_sent_with_the_charge_and_with_every_repeat_of_it",
        ),
        (TestKeyless, CarriesNoAddress, "test_requests_carry_the_addresses_of_their_own_callbacks"),
        (TestKeyless, NamesAChargeOtherwise, "test_a_charges_requests_carry_the_names_of_our_own_making"),
        (TestKeyless, BelievesAHint, "test_a_hint_alone_is_believed_nothing"),
        (TestKeyless, SaysThatHintsAreSigned, "test_a_forged_stale_or_tampered_callback_is_refused"),
        (TestTwoStep, FetchesATokenForEachCall, "test_a_burst_of_calls_fetches_one_access_token"),
        (TestTwoStep, FetchesATokenAsItSends, "test_nothing_is_fetched_any_more_once_an_operation_is_prepared"),
        (TestTwoStep, ConfirmsInAQuery, "test_a_query_sends_nothing_but_reads_and_the_very_operation"),
    ],
)
async def test_a_broken_provider_is_caught_by_the_law_that_is_there_for_it(laws, broken, law, monkeypatch, caplog):
    suite = laws()
    arguments = (MemoryTokens(),) if laws is TestTwoStep else ()
    monkeypatch.setattr(laws, "connect", lambda _, http: broken(http, *arguments))
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        await getattr(suite, law)(*([caplog] if law == "test_no_secret_is_shown" else []))


def sent(operation, provider, **changes):
    return attempt(operation, provider.descriptor, MINE, **changes)


async def test_a_lost_response_of_a_keyed_provider_is_repeated_to_one_effect():
    bank = keyed.KeyedBank()
    async with http_client(timeout_seconds=1, base_url="http://bank.test", transport=bank) as http:
        provider = keyed.KeyedProvider(http)
        one = sent(charge(), provider)
        assert await provider.execute(one) == await provider.query(replace(one, first_sent_at=clock.now()))
    assert len(bank.made) == 1


async def test_two_captures_take_two_parts_of_one_hold_and_a_cancel_leaves_them():
    bank = parts.HoldingBank()
    async with http_client(timeout_seconds=1, base_url="http://bank.test", transport=bank) as http:
        provider = parts.PartsProvider(http)
        held = await provider.execute(sent(HOLD, provider))
        for name in ("cap_1", "cap_2", "cap_2"):  # the last one is a repeat
            part = msgspec.structs.replace(PART, operation_id=name, reference=held.reference)
            assert await provider.execute(sent(part, provider)) == Succeeded(amount=PART.amount, reference="ho_1")
        ended = await provider.execute(sent(cancel(reference=held.reference), provider))
    assert ended == Succeeded(amount=Money(800, "USD"), reference="ho_1")


async def test_a_lost_response_of_a_keyless_provider_is_found_by_asking_and_the_phone_rings_once():
    bank = keyless.PhoneBank()
    bank.lost = 1
    async with http_client(timeout_seconds=1, base_url="http://bank.test", transport=bank) as http:
        provider = keyless.KeylessProvider(http)
        one = sent(PROMPTED, provider)
        assert isinstance(await provider.execute(one), Unknown)
        bank.agree()
        seen = await provider.query(replace(one, first_sent_at=clock.now()))
    assert (seen, len(bank.prompts)) == (Succeeded(amount=USD_10, reference="co_0"), 1)
    assert one.references.get("transaction") == "tx_1"  # by which its money at the account is known as its own


async def test_an_approved_order_is_captured_once_however_often_it_is_confirmed_and_whoever_takes_the_token():
    wallet = two_step.Wallet()
    async with http_client(timeout_seconds=1, base_url="http://wallet.test", transport=wallet) as http:
        provider = two_step.TwoStepProvider(http, MemoryTokens())
        waiting = await provider.execute(sent(charge(), provider))
        wallet.approve()
        assert await provider.query(sent(charge(), provider, reference=waiting.reference)) == Approved(reference="or_0")
        wallet.tokens += 1  # another system has fetched one, which ends ours
        agreed = sent(confirm(reference=waiting.reference), provider)
        paid = await asyncio.gather(provider.execute(agreed), provider.execute(agreed))
    assert paid == [Succeeded(amount=USD_10, reference="cap_1")] * 2
    assert (wallet.captures, agreed.references.noted) == (1, [("order", "or_0")] * 2)
