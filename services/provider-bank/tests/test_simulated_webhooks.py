"""Webhooks as the simulated bank sends them: the genuine ones are believed, its bad ones refused, and keys are exchanged."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from secure_bank import Caller, SecureBank, calling, new_charge, running

from malipo.contracts.outcomes import Succeeded
from malipo.contracts.providers.bank import own_reference
from provider_bank import keys as key_sets
from provider_kit.errors import BadSignature, NotSent, ProviderError, Stale
from provider_kit.provider import Callback, ParsedCallback
from testkit.waiting import until

KEYS = [{"id": "key-1", "secret": "first secret"}, {"id": "key-2", "secret": "second secret"}]
SIGNINGS = ("hmac", "jws")


@dataclass
class Door:
    """Takes webhooks as the service's does: answers 200 to what is verified, and 401 or 503 to what is not."""

    credentials: dict[str, Any] = field(default_factory=dict)
    caller: Caller | None = None
    bank: SecureBank | None = None
    endpoint: str = ""
    believed: list[ParsedCallback] = field(default_factory=list)
    refused: list[ProviderError] = field(default_factory=list)

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        assert self.caller is not None
        callback = Callback({name.lower(): value for name, value in headers.items()}, body)
        try:
            self.believed.append(await self.caller.provider.parse_callback(callback, self.credentials))
        except ProviderError as error:
            self.refused.append(error)
            return 401 if isinstance(error, BadSignature | Stale) else 503
        return 200

    async def close(self) -> None:
        pass

    @property
    def completed(self) -> list[str | None]:
        """The names of the payments that were told to be completed."""
        outcomes = [outcome for parsed in self.believed for outcome in parsed.outcomes]
        return [one.own for one in outcomes if isinstance(one.outcome, Succeeded)]

    async def pay(self) -> str:
        """The `end_to_end_id` of a payment that the bank completes and tells of."""
        assert self.caller is not None
        charge = new_charge()
        await self.caller.charge(self.credentials, charge)
        return own_reference(charge.operation_id)

    async def told(self, payment: str) -> None:
        await until(lambda: payment in self.completed, what="the webhook of its completion")


@pytest.fixture(params=SIGNINGS)
async def door(request, tmp_path):
    door = Door()
    async with running(tmp_path, poster=door) as bank:
        partners = {"api-key": bank.partner("api_key", webhooks=request.param)}
        async with calling(partners) as caller:
            door.bank, door.caller = bank, caller
            door.credentials = await bank.credentials("api_key")
            await listen(door, request.param)
            yield door


async def listen(door: Door, signing: str) -> None:
    assert door.bank is not None
    key = {"key": KEYS[0]} if signing == "hmac" else {}
    hook = {"url": "https://shop.example/hook", "debtor_account_id": door.credentials["debtor_account_id"]}
    made = await door.bank.control("webhooks", signing=signing, **hook, **key)
    door.credentials |= {"webhook_keys": KEYS[:1]} if signing == "hmac" else {}
    door.endpoint = made["id"]


def only(signing: str):
    return pytest.mark.parametrize("door", [signing], indirect=True)


async def test_genuine_webhooks_are_believed(door):
    await door.told(await door.pay())
    assert len(door.believed) == 3
    assert not door.refused


async def test_what_the_bank_did_not_sign_is_refused_and_the_genuine_one_believed(door):
    await door.bank.control("faults", fault="webhook_forged", match={"event_type": "payment.completed"}, times=1)
    await door.told(await door.pay())
    await until(lambda: door.refused, what="the forgery's refusal")
    assert [type(error) for error in door.refused] == [BadSignature]
    assert len({parsed.callback_id for parsed in door.believed}) == 3


async def test_what_is_not_of_this_time_is_refused_and_believed_when_it_is_sent_again(door):
    await door.bank.control("faults", fault="webhook_stale", match={"event_type": "payment.completed"}, times=1)
    await door.told(await door.pay())
    assert [type(error) for error in door.refused] == [Stale]


async def test_a_key_that_nobody_knows_is_refused(door):
    await door.bank.control("faults", fault="webhook_unknown_key", match={"event_type": "payment.completed"}, times=1)
    await door.told(await door.pay())
    assert [type(error) for error in door.refused] == [BadSignature]


async def test_an_event_that_comes_twice_is_one_callback(door):
    await door.bank.control("faults", fault="webhook_duplicate", match={"event_type": "payment.completed"}, times=1)
    payment = await door.pay()
    await until(lambda: door.completed == [payment] * 2, what="both")
    await until(lambda: len(door.believed) == 4, what="the others")
    assert len({parsed.callback_id for parsed in door.believed}) == 3
    assert not door.refused


@only("hmac")
async def test_while_the_secrets_are_exchanged_no_webhook_is_refused(door):
    door.credentials["webhook_keys"] = KEYS
    await door.bank.control(f"webhooks/{door.endpoint}/rotate", **KEYS[1])
    for _ in range(3):
        await door.told(await door.pay())
    await door.bank.control(f"webhooks/{door.endpoint}/rotate", keep_old=False, **KEYS[1])
    door.credentials["webhook_keys"] = KEYS[1:]
    await door.told(await door.pay())
    assert not door.refused


@only("jws")
async def test_a_key_set_is_read_once_and_again_for_a_new_key(door, monkeypatch):
    monkeypatch.setattr(key_sets, "AGAIN_SECONDS", 0)
    await door.told(await door.pay())
    await door.told(await door.pay())
    assert len(await door.bank.requests("/.well-known/jwks.json")) == 1
    await door.bank.control("jwks/rotate", algorithm="ES256")
    await door.told(await door.pay())
    assert len(await door.bank.requests("/.well-known/jwks.json")) == 2
    assert not door.refused


@only("jws")
async def test_while_the_key_set_cannot_be_read_webhooks_are_not_refused_for_good(door, monkeypatch):
    monkeypatch.setattr(key_sets, "_AWAY_SECONDS", 0)
    await door.bank.control("faults", fault="error_before_effect", match={"path": "/.well-known/*"}, times=2)
    await door.told(await door.pay())
    assert {type(error) for error in door.refused} == {NotSent}
