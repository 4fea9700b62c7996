"""What we fetch of an account comes in through the same door as its callbacks, each report once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from malipo.contracts.outcomes import OutcomeReported, Succeeded, Unknown
from malipo.money import Money
from provider_kit.errors import NotSent
from provider_kit.fetching import Fetching
from provider_kit.provider import CallbackOutcome, ParsedCallback, ReceivedMoney

USD_10 = Money(1000, "USD")
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
PAID = Succeeded(amount=USD_10, reference="tx_1")
REPORT = ParsedCallback("tx_1", [CallbackOutcome(kind="charge", operation_id="pay_1.1", outcome=PAID)])
BY_HAND = ParsedCallback(
    "tx_2", received=[ReceivedMoney(reference="tx_2", amount=USD_10, method="phone", received_at=AT)]
)


@pytest.fixture
def kit(kit):
    """A provider whose callbacks are hints."""
    kit.provider.descriptor = replace(kit.provider.descriptor, callbacks="hint")
    kit.__post_init__()
    return kit


async def in_doubt(kit, make) -> None:
    kit.provider.script = [Unknown(reason="silence")]
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()


async def look(kit, fetch) -> list:
    await Fetching("fake", kit.credentials, kit.door, fetch).look(kit.database)
    return await kit.reports()


async def test_each_transaction_of_a_list_is_taken_once_however_often_it_is_fetched(kit, make):
    async def fetch(_account):
        return [REPORT, BY_HAND]

    await in_doubt(kit, make)
    (told,) = await look(kit, fetch)
    assert isinstance(told, OutcomeReported)
    assert (told.operation_id, told.outcome) == ("pay_1.1", PAID)
    assert await kit.database.reads.fetchval("SELECT count(*) FROM received_money") == 1
    assert await look(kit, fetch) == []


async def test_what_is_fetched_is_believed_though_a_callback_of_the_same_id_was_a_hint(kit, make):
    async def fetch(_account):
        return [REPORT]

    await in_doubt(kit, make)
    await kit.door.take(await kit.credentials.by_id("cred_1"), REPORT, believed=False)
    assert await kit.reports() == []
    assert [told.outcome for told in await look(kit, fetch)] == [PAID]


async def test_an_account_that_cannot_be_fetched_stops_no_other(kit, make):
    fetched = []

    async def fetch(account):
        fetched.append(account.label)
        if account.label == "till":
            raise NotSent("away")
        return [REPORT]

    till = make.credential(id="cred_0", label="till")
    await kit.configure(type(make.configured())(merchant_id="mer_1", version=2, credentials=(till, make.credential())))
    await in_doubt(kit, make)
    assert [told.outcome for told in await look(kit, fetch)] == [PAID]
    assert fetched == ["till", "default"]
