"""One address for all accounts: a callback names its account, and each account of that name verifies it as its own."""

from dataclasses import replace
from datetime import timedelta

import httpx
import msgspec
import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette

from malipo import clock
from malipo.contracts.config import MerchantConfigured
from malipo.contracts.outcomes import Canceled, Declined, Pending, Reversed, Succeeded
from malipo.money import Money
from malipo.platform.client import http_client
from provider_kit.callbacks import MAX_BODY_BYTES, Callbacks
from provider_kit.credentials import CredentialStore
from provider_kit.door import Door
from provider_kit.errors import BadSignature, NotSent, Stale
from provider_kit.provider import CallbackOutcome, ParsedCallback, ReceivedMoney
from provider_kit.shared import MOST_NAMED, SharedAddress

AT = "/webhooks"
DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
SUCCESS = CallbackOutcome(operation_id="pay_1.1", kind="charge", outcome=DONE)


def named_in(callback) -> str:
    name = callback.headers.get("x-key", "")
    if not name:
        raise BadSignature("names no key")
    return name


SHARED = SharedAddress(names_of=lambda credentials: credentials["keys"], named_in=named_in)


def moved(reference: str, amount: Money) -> ReceivedMoney:
    return ReceivedMoney(reference=reference, amount=amount, method="bank_transfer", received_at=clock.now())


def described(secret: str, *keys: str) -> bytes:
    return msgspec.json.encode({"secret": secret, "keys": keys})


@pytest.fixture
async def service(bare_kit):
    """A kit whose provider signs with an account's secret: whatever has another `x-secret` is none of the account's."""
    kit, provider = bare_kit, bare_kit.provider
    provider.descriptor = replace(provider.descriptor, shared_callbacks_at=AT)

    async def parse(callback, credentials) -> ParsedCallback:
        if isinstance(provider.parsed, NotSent | Stale):
            raise provider.parsed
        if callback.headers["x-secret"] != credentials["secret"]:
            raise BadSignature("forged")
        return provider.parsed

    provider.parse_callback = parse
    provider.parsed = ParsedCallback("evt_1", [SUCCESS])
    store = CredentialStore(provider.descriptor, kit.database, kit.credentials._key_ring, shared=SHARED)
    kit.credentials = kit.runner._credentials = store
    kit.door = Door(provider, kit.database, kit.keys, lambda: None)
    kit.callbacks = Callbacks(provider, store, kit.door, shared=SHARED)
    return kit


@pytest.fixture
async def post(service):
    app = Starlette(routes=service.callbacks.routes())
    async with http_client(
        timeout_seconds=5, base_url="http://service.test", transport=httpx.ASGITransport(app)
    ) as http:

        async def send(key: str = "key-1", secret: str = "s", body: bytes = b"{}") -> tuple[int, str]:
            headers = {"x-key": key, "x-secret": secret}
            response = await http.post(AT, content=body, headers=headers)
            return response.status_code, response.json()["result"]

        yield send


async def configure(kit, make, *keys: str, secret: str = "s", version: int = 1) -> None:
    await kit.configure(make.configured(version, credentials=described(secret, *keys)))


async def charged(kit, make) -> None:
    """A charge has made `obj_1`, which waits."""
    kit.provider.script = [Pending(reference="obj_1")]
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()


async def test_the_account_is_found_by_the_name_that_the_callback_gives(service, make, post):
    await configure(service, make, "key-1", "key-2")
    await charged(service, make)
    assert [await post("key-2"), await post("key-1")] == [(200, "stored"), (200, "duplicate")]
    assert await service.outcomes() == [DONE]


async def test_a_name_that_no_account_has_is_404_and_one_that_verifies_nothing_401(service, make, post):
    await configure(service, make, "key-1")
    assert await post("key-9") == (404, "unknown_key")
    assert await post("") == (401, "bad_signature")
    assert await post("key-1", secret="another's") == (401, "bad_signature")
    service.provider.parsed = Stale("too old")
    assert await post("key-1") == (401, "stale")
    assert await service.reports() == []


async def test_what_is_too_large_is_refused(service, make, post):
    await configure(service, make, "key-1")
    assert await post(body=b"x" * (MAX_BODY_BYTES + 1)) == (413, "too_large")


async def test_of_several_accounts_of_one_name_the_one_takes_it_whose_secret_it_is(service, make, post):
    await configure(service, make, "key-1")
    await service.configure(make.configured(1, "mer_0", id="cred_0", credentials=described("another's", "key-1")))
    await charged(service, make)
    assert await post("key-1") == (200, "stored")
    assert await service.outcomes() == [DONE]


async def test_two_labels_of_one_account_take_it_once(service, make, post):
    labels = [make.credential(credentials=described("s", "key-1"))]
    labels.append(make.credential(id="cred_2", label="shop", credentials=described("s", "key-1")))
    await service.configure(MerchantConfigured(merchant_id="mer_1", version=1, credentials=tuple(labels)))
    await charged(service, make)
    assert await post("key-1") == (200, "stored")
    assert await service.outcomes() == [DONE]


async def test_so_many_accounts_are_tried_and_no_more(service, make, post):
    some = [
        make.credential(id=f"cred_{number:03}", label=f"l{number}", credentials=described(f"s{number}", "key-1"))
        for number in range(MOST_NAMED + 1)
    ]
    await service.configure(MerchantConfigured(merchant_id="mer_1", version=1, credentials=tuple(some)))
    assert await post("key-1", secret=f"s{MOST_NAMED - 1}") == (200, "not_ours")
    assert await post("key-1", secret=f"s{MOST_NAMED}") == (401, "bad_signature")


async def test_a_name_that_was_taken_back_finds_nobody(service, make, post):
    await configure(service, make, "key-1", "key-2")
    await configure(service, make, "key-2", version=2)
    assert await post("key-1") == (404, "unknown_key")
    assert (await post("key-2"))[0] == 200
    await service.configure(MerchantConfigured(merchant_id="mer_1", version=3))
    assert await post("key-2") == (404, "unknown_key")


async def test_while_it_cannot_be_found_out_the_callback_is_to_come_again(service, make, post):
    await configure(service, make, "key-1")
    service.provider.parsed = NotSent("no keys")
    assert await post("key-1") == (503, "unavailable")


async def test_credentials_that_cannot_be_opened_keep_no_other_configuration_away(service, make, post):
    damaged = msgspec.structs.replace(make.credential(id="cred_9", credentials=described("s", "key-9")), ciphertext="x")
    await service.configure(
        MerchantConfigured(merchant_id="mer_9", version=1, credentials=(damaged,)),
        make.configured(1, credentials=described("s", "key-1")),
    )
    assert (await post("key-1"))[0] == 200
    assert await post("key-9") == (404, "unknown_key")


async def test_money_of_no_operation_of_ours_goes_to_suspense_and_what_moved_none_is_only_recorded(service, make, post):
    await configure(service, make, "key-1")
    money = moved("obj_9", Money(500, "USD"))
    unknown = CallbackOutcome(kind="charge", references={"payment": "obj_9"}, outcome=DONE)
    service.provider.parsed = ParsedCallback("evt_1", [unknown])
    assert await post() == (200, "not_ours")
    service.provider.parsed = ParsedCallback("evt_2", [replace(unknown, otherwise=money)])
    assert await post() == (200, "stored")
    (told,) = await service.look_at_money(minutes=2)
    assert (told.reference, told.amount, told.points_at) == ("obj_9", Money(500, "USD"), None)
    assert await service.database.reads.fetchval("SELECT count(*) FROM unmatched") == 1


async def test_the_money_of_an_operation_of_ours_is_that_operations_alone(service, make, post):
    await configure(service, make, "key-1")
    await charged(service, make)
    money = moved("obj_1", Money(1000, "USD"))
    service.provider.parsed = ParsedCallback("evt_1", [replace(SUCCESS, otherwise=money)])
    assert await post() == (200, "stored")
    assert await service.outcomes() == [DONE]
    assert await service.database.reads.fetchval("SELECT count(*) FROM received_money") == 0


@pytest.mark.parametrize(
    "told",
    [
        {
            "outcome": Reversed(code="R02", message="closed", reference="obj_1"),
            "otherwise": moved("obj_1", Money(999, "USD")),
        },
        {"outcome": Declined(code="AC04", reference="obj_1"), "amount": Money(999, "USD")},
        {"outcome": Canceled(reference="obj_1"), "amount": Money(1000, "EUR")},
    ],
    ids=["returned", "declined", "canceled"],
)
async def test_what_is_told_with_another_amount_than_the_operations_is_asked_about_and_not_believed(
    service, make, post, told
):
    await configure(service, make, "key-1")
    await charged(service, make)
    service.provider.parsed = ParsedCallback("evt_1", [replace(SUCCESS, **told)])
    assert await post() == (200, "stored")
    assert await service.outcomes() == []
    assert await service.database.reads.fetchval("SELECT count(*) FROM attempts WHERE kind = 'query'") == 1


async def test_it_is_measured_how_long_ago_it_was_that_is_stored_and_a_repeat_is_not(service, make, post):
    def measured(what: str) -> float:
        return REGISTRY.get_sample_value(f"payment_webhook_latency_seconds_{what}", {"direction": "in"}) or 0

    await configure(service, make, "key-1")
    await charged(service, make)
    count, total = measured("count"), measured("sum")
    service.provider.parsed = replace(service.provider.parsed, happened_at=clock.now() - timedelta(hours=1))
    await post()
    await post()
    assert measured("count") == count + 1
    assert measured("sum") - total >= 3600
