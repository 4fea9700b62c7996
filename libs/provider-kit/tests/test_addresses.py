"""Each request has an address of its own for its callbacks: it finds its operation though the answer was lost."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from http_limits.remote import networks
from malipo.contracts.config import secret_owner
from malipo.contracts.descriptor import Never, SameKey
from malipo.contracts.outcomes import Declined, Succeeded, Unknown
from malipo.money import Money
from malipo.platform.client import http_client
from malipo.platform.secrets import KeyRing
from provider_kit.callbacks import Callbacks
from provider_kit.provider import Callback, CallbackOutcome, NamedOperation, ParsedCallback
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


@pytest.fixture
def heard(kit, monkeypatch) -> list[Callback]:
    """What the provider's adapter is given to parse."""
    given = []

    async def parse_callback(callback, _credentials):
        given.append(callback)
        return ParsedCallback("evt_1")

    monkeypatch.setattr(kit.provider, "parse_callback", parse_callback)
    return given


async def post(kit, url: str, parsed: ParsedCallback, sender: str = "127.0.0.1") -> int:
    kit.provider.parsed = parsed
    transport = httpx.ASGITransport(Starlette(routes=[kit.callbacks.route()]), client=(sender, 4711))
    async with http_client(timeout_seconds=5, base_url=BASE, transport=transport) as http:
        return (await http.post(url.removeprefix(BASE), content=b"{}")).status_code


async def account_path(kit) -> str:
    return kit.credentials.callback_path(await kit.credentials.by_id("cred_1"))


async def sent(kit, make, number: int = 1) -> str:
    """The address that a charge's request carried, whose answer was lost."""
    kit.provider.script = [Unknown(reason="silence")]
    await kit.handle(make.charge(number))
    await kit.run()
    await kit.reports()
    return kit.provider.executed[-1].callback_url("push")


async def test_a_callback_to_a_requests_own_address_finds_its_operation_though_no_id_of_it_is_known(kit, make):
    url = await sent(kit, make)
    assert url.startswith(f"{BASE}{await account_path(kit)}/")
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
    await post(kit, await account_path(kit), ParsedCallback("evt_2", confirmed=[other]))
    assert await kit.reports() == []
    assert await kit.run() == 1
    assert [attempt.operation.operation_id for attempt in kit.provider.queried] == ["pay_2.1"]


async def test_the_provider_is_told_what_the_callback_is_about(kit, make, heard):
    await post(kit, await sent(kit, make), ParsedCallback("evt_1"))
    (about,) = [callback.about for callback in heard]
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
        mine.replace(b"cred_1".hex(), b"cred_2".hex()),
        f"{mine}/more",
    ]
    for url in forged:
        assert await post(kit, url, ParsedCallback("evt_1", confirmed=[NAMELESS])) == 404, url
    assert await kit.reports() == []


async def test_the_own_address_of_an_operation_that_is_none_of_the_accounts_is_unknown(kit, make):
    url = kit.credentials.callback_url(await kit.credentials.by_id("cred_1"), "pay_9.1", "push")
    assert await post(kit, url, ParsedCallback("evt_1", confirmed=[NAMELESS])) == 404


async def test_an_address_for_hints_holds_no_word_by_chance(kit):
    account = replace(await kit.credentials.by_id("cred_1"), id="cred_0cmdexesq1sqlquery")
    for url in (kit.credentials.callback_path(account), kit.credentials.callback_url(account, "pay_exe.1", "query")):
        assert re.fullmatch("(https://pay.example)?/callbacks/fake(/[0-9a-f]+)+", url)


@pytest.mark.parametrize("callbacks", ["hint", "signed"])
async def test_an_account_has_further_addresses_by_the_words_of_its_descriptor_alone(kit, heard, callbacks):
    kit.provider.descriptor = replace(
        kit.provider.descriptor, callbacks=callbacks, account_words=("confirmation", "validation")
    )
    kit.__post_init__()
    kit.credentials._callback_base = BASE
    path = await account_path(kit)
    url = kit.credentials.account_url(await kit.credentials.by_id("cred_1"), "confirmation")
    assert url == f"{BASE}{path}/confirmation"
    assert [await post(kit, one, ParsedCallback("evt_1")) for one in (url, path)] == [200, 200]
    assert [(one.word, one.about) for one in heard] == [("confirmation", None), ("", None)]
    for more in ("/pull", "/", "/confirmation/", "/confirmation/validation", "/confirmation/" + "0" * 64):
        assert await post(kit, path + more, ParsedCallback("evt_1")) == 404, more
    with pytest.raises(LookupError):
        kit.credentials.account_url(await kit.credentials.by_id("cred_1"), "pull")


async def test_the_words_of_an_account_take_no_requests_own_address(kit, make, heard):
    kit.provider.descriptor = replace(kit.provider.descriptor, account_words=("confirmation",))
    kit.__post_init__()
    kit.credentials._callback_base = BASE
    url = await sent(kit, make)
    assert await post(kit, url, ParsedCallback("evt_1")) == 200
    assert await post(kit, f"{url}/confirmation", ParsedCallback("evt_1")) == 404
    (callback,) = heard
    assert (callback.word, callback.about.request) == ("", "push")


@pytest.mark.parametrize(
    ("sender", "status"),
    [("196.201.214.200", 200), ("::ffff:196.201.214.200", 200), ("196.201.214.201", 403), ("a socket", 403)],
)
async def test_where_senders_are_listed_no_other_is_read(kit, heard, sender, status):
    kit.callbacks = Callbacks(kit.provider, kit.credentials, kit.door, senders=networks("196.201.214.200, 10.0.0.0/8"))
    path = await account_path(kit)
    assert await post(kit, path, ParsedCallback("evt_1"), sender) == status
    assert len(heard) == (status == 200)


async def test_who_is_no_listed_sender_learns_of_no_address(kit):
    kit.callbacks = Callbacks(kit.provider, kit.credentials, kit.door, senders=networks("10.0.0.0/8"))
    assert await post(kit, "/callbacks/fake/00/00", ParsedCallback("evt_1"), "192.0.2.1") == 404


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
