"""Each request has an address of its own for its callbacks: it finds its operation though the answer was lost."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from malipo.contracts.config import secret_owner
from malipo.contracts.descriptor import Never, SameKey
from malipo.contracts.outcomes import Declined, Succeeded, Unknown
from malipo.money import Money
from malipo.platform.client import http_client
from malipo.platform.secrets import KeyRing
from provider_kit.provider import CallbackOutcome, NamedOperation, ParsedCallback
from provider_kit.turns import AT_ONCE

USD_10 = Money(1000, "USD")
PAID = Succeeded(amount=USD_10, reference="receipt_1")
BASE = "https://pay.example"
NAMELESS = CallbackOutcome(kind="charge", references={"checkout": "co_1"}, outcome=PAID)


@pytest.fixture
def kit(kit, monkeypatch):
    """A provider without keys and signatures, whose requests carry the addresses of their own callbacks."""
    kit.provider.descriptor = replace(
        kit.provider.descriptor, repeat=Never(), callbacks="hint", own_addresses=True, own_references=lambda _: ("P1",)
    )
    kit.__post_init__()
    monkeypatch.setattr(kit.credentials, "_callback_base", BASE)
    return kit


async def post(kit, url: str, parsed: ParsedCallback):
    kit.provider.parsed = parsed
    transport = httpx.ASGITransport(Starlette(routes=[kit.callbacks.route()]))
    async with http_client(timeout_seconds=5, base_url=BASE, transport=transport) as http:
        return (await http.post(url.removeprefix(BASE), content=b"{}")).status_code


async def sent(kit, make, number: int = 1) -> str:
    """The address that a charge's request carried, whose answer was lost."""
    kit.provider.script = [Unknown(reason="silence")]
    await kit.handle(make.charge(number))
    await kit.run()
    await kit.reports()
    return kit.provider.executed[-1].callback_url("push")


async def test_a_callback_to_a_requests_own_address_finds_its_operation_though_no_id_of_it_is_known(kit, make):
    url = await sent(kit, make)
    assert url.startswith(f"{BASE}/callbacks/fake/cred_1/")
    assert await post(kit, url, ParsedCallback("evt_1", [NAMELESS])) == 200
    assert await kit.reports() == []  # a hint still
    assert await kit.run() == 1
    (attempt,) = kit.provider.queried
    assert (attempt.operation.operation_id, attempt.references.claimed("checkout")) == ("pay_1.1", ["co_1"])
    assert attempt.references.claimed("main") == ["receipt_1"]
    assert attempt.reference is None  # claims are no knowledge


async def test_an_early_callback_finds_the_operation_that_is_being_sent(kit, make):
    await kit.handle(make.charge())
    (claimed,) = await kit.claim()
    await kit.mark(claimed)
    url = kit.credentials.callback_url(await kit.credentials.by_id("cred_1"), "pay_1.1", "push")
    assert await post(kit, url, ParsedCallback("evt_1", [NAMELESS])) == 200
    await kit.runner.run(claimed)
    assert await kit.run() == 1
    assert len(kit.provider.queried) == 1


async def test_what_is_confirmed_of_the_operation_of_its_address_is_believed(kit, make):
    url = await sent(kit, make)
    assert await post(kit, url, ParsedCallback("evt_1", confirmed=[NAMELESS])) == 200
    (told,) = await kit.reports()
    assert (told.operation_id, told.source, told.outcome) == ("pay_1.1", "callback", PAID)
    assert await kit.run() == 0  # there is nothing to ask
    assert ("main", "receipt_1") in (await kit.attempts.original("pay_1.1")).references


async def test_callbacks_of_one_text_to_two_operations_addresses_are_two(kit, make):
    for number in (1, 2):
        url = await sent(kit, make, number)
        outcome = msgspec.structs.replace(PAID, reference=f"receipt_{number}")
        assert await post(kit, url, ParsedCallback("same", confirmed=[replace(NAMELESS, outcome=outcome)])) == 200
        assert [told.operation_id for told in await kit.reports()] == [f"pay_{number}.1"]


async def test_what_is_confirmed_of_another_operation_or_without_such_an_address_is_a_hint(kit, make):
    url, _ = await sent(kit, make, 1), await sent(kit, make, 2)
    other = replace(NAMELESS, operation_id="pay_2.1")
    await post(kit, url, ParsedCallback("evt_1", confirmed=[other]))
    account = kit.credentials.callback_path(await kit.credentials.by_id("cred_1"))
    await post(kit, account, ParsedCallback("evt_2", confirmed=[other]))
    assert await kit.reports() == []
    assert await kit.run() == 1
    assert [attempt.operation.operation_id for attempt in kit.provider.queried] == ["pay_2.1"]


async def test_the_provider_is_told_what_the_callback_is_about(kit, make, monkeypatch):
    heard = []

    async def parse_callback(callback, _credentials):
        heard.append(callback.about)
        return ParsedCallback("evt_1")

    url = await sent(kit, make)
    monkeypatch.setattr(kit.provider, "parse_callback", parse_callback)
    await post(kit, url, ParsedCallback("evt_1"))
    (about,) = heard
    assert (about.operation.operation_id, about.operation.amount, about.request) == ("pay_1.1", USD_10, "push")


async def test_an_address_cannot_be_made_of_another_one(kit, make):
    mine, other = await sent(kit, make, 1), await sent(kit, make, 2)
    *account, named, token = mine.split("/")
    forged = [
        "/".join([*account, other.split("/")[-2], token]),
        "/".join([*account, named, "0" * 64]),
        "/".join([*account, "pay_1.1/push", token]),
        "/".join([*account, named]),
        "/".join([*account, "zz", token]),
        mine.replace("cred_1", "cred_2"),
        f"{mine}/more",
    ]
    for url in forged:
        assert await post(kit, url, ParsedCallback("evt_1", confirmed=[NAMELESS])) == 404, url
    assert await kit.reports() == []


async def test_the_own_address_of_an_operation_that_is_none_of_the_accounts_is_unknown(kit, make):
    url = kit.credentials.callback_url(await kit.credentials.by_id("cred_1"), "pay_9.1", "push")
    assert await post(kit, url, ParsedCallback("evt_1", confirmed=[NAMELESS])) == 404


async def test_claims_have_an_end(kit, make):
    url = await sent(kit, make)
    for number in range(30):
        claim = CallbackOutcome(kind="charge", references={"checkout": f"co_{number}"}, outcome=Declined(code="no"))
        await post(kit, url, ParsedCallback(f"evt_{number}", [claim]))
    assert len((await kit.attempts.original("pay_1.1")).claims) == 20


async def test_claims_of_one_callback_have_an_end(kit, make):
    url = await sent(kit, make)
    claimed = [{"checkout": f"co_{number}"} for number in range(30)]
    outcomes = [CallbackOutcome(kind="charge", references=one, outcome=Declined(code="no")) for one in claimed]
    await post(kit, url, ParsedCallback("evt_1", outcomes))
    assert len((await kit.attempts.original("pay_1.1")).claims) == 20


async def test_a_flood_of_claims_hides_no_later_one(kit, make):
    url = await sent(kit, make)
    for number in range(25):
        claim = CallbackOutcome(kind="charge", references={"checkout": f"junk_{number}"}, outcome=Declined(code="no"))
        await post(kit, url, ParsedCallback(f"evt_{number}", [claim]))
    await post(kit, url, ParsedCallback("evt_genuine", [NAMELESS]))
    await kit.run()
    assert kit.provider.queried[-1].references.claimed("checkout")[0] == "co_1"


async def test_the_ids_of_what_is_only_to_be_asked_about_are_claims_and_an_unknown_one_leaves_a_row(kit, make):
    url = await sent(kit, make)
    named = NamedOperation(kind="charge", references={"checkout": "co_1"})
    unknown = NamedOperation(kind="charge", operation_id="pay_9.1", references={"checkout": "co_9"})
    await post(kit, url, ParsedCallback("evt_1", ask=[named, unknown]))
    assert await kit.run() == 1
    assert kit.provider.queried[-1].references.claimed("checkout") == ["co_1"]
    (row,) = await kit.database.reads.fetch("SELECT * FROM unmatched")
    assert (row["concerns"], row["reference_ids"]["operation"]) == ("claimed", "pay_9.1")


async def test_a_flood_of_callbacks_asks_the_provider_a_few_times_at_once(kit, make, monkeypatch):
    present, most, answered = 0, 0, asyncio.Event()

    async def parse_callback(_callback, _credentials):
        nonlocal present, most
        present += 1
        most = max(most, present)
        await answered.wait()
        present -= 1
        return ParsedCallback("evt_1")

    url = await sent(kit, make)
    monkeypatch.setattr(kit.provider, "parse_callback", parse_callback)
    flood = [asyncio.create_task(post(kit, url, ParsedCallback("evt_1"))) for _ in range(100)]
    refused, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
    answered.set()
    assert {one.result() for one in refused} == {503}
    assert (most <= AT_ONCE, set(await asyncio.gather(*flood))) == (True, {200, 503})


@pytest.mark.parametrize("ring", [{"k2": b"2" * 32, "k1": b"k" * 32}, {"k2": b"2" * 32}])
async def test_a_repeat_has_the_addresses_of_the_first_try_for_as_long_as_their_key_is_on_the_ring(kit, make, ring):
    kit.provider.descriptor = replace(kit.provider.descriptor, repeat=SameKey(timedelta(days=1)))
    kit.__post_init__()
    url = await sent(kit, make)
    path = kit.provider.executed[-1].callback_path
    kit.credentials._key_ring = rotated = KeyRing(ring)
    sealed = rotated.seal(b'{"secret": "s"}', owner=secret_owner("mer_1", "test", "cred_1"))
    credential = msgspec.structs.replace(make.credential(), ciphertext=sealed)
    await kit.configure(type(make.configured())(merchant_id="mer_1", version=2, credentials=(credential,)))
    await kit.handle(make.query())
    await kit.run()
    again = kit.provider.queried[-1]
    kept = (again.callback_url("push"), again.callback_path) == (url, path)
    assert kept == ("k1" in ring)
    await kit.handle(make.charge(2))
    await kit.run()
    assert kit.provider.executed[-1].callback_path != path
