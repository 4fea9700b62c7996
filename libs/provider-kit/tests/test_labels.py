"""Two labels of one account at the provider: what is reported of an operation to either is about it, and to no stranger."""

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from malipo.contracts.config import MerchantConfigured
from malipo.contracts.outcomes import Declined, OperationOpened, Outcome, Pending, Succeeded
from malipo.money import Money
from provider_kit.looking import LookingAgain
from provider_kit.opened import OpenedOperations
from provider_kit.provider import CallbackOutcome, Opened, ParsedCallback, ReceivedMoney

USD_10 = Money(1000, "USD")
DONE = Succeeded(amount=USD_10, reference="obj_1")
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
SUCCESS = CallbackOutcome(operation_id="pay_1.1", kind="charge", outcome=DONE)
REFUND = Opened(
    event_type="refund.created", reference="re_9", about={"charge": "obj_1"}, amount=USD_10, outcome=DONE, opened_at=AT
)
ELSEWHERE = b'{"secret": "of another account"}'


async def label(kit, make, credentials: bytes | None = None, mode: str = "test") -> None:
    """The merchant has another label, `shop`, of the same account unless `credentials` are of another."""
    shop = make.credential(id="cred_2", label="shop", credentials=credentials, mode=mode)
    await kit.configure(MerchantConfigured(merchant_id="mer_1", version=2, credentials=(make.credential(), shop)))


async def take(kit, parsed: ParsedCallback) -> str:
    """Comes to the address of `shop`."""
    return await kit.door.take(await kit.credentials.by_id("cred_2"), parsed)


async def charged(kit, make, answer: Outcome = DONE) -> None:
    kit.provider.script = [answer]
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()


async def test_what_is_reported_to_another_label_of_the_same_account_is_no_alert(kit, make):
    await label(kit, make)
    await charged(kit, make, Pending(reference="obj_1"))
    with capture_logs() as lines:
        assert await take(kit, ParsedCallback("evt_1", [SUCCESS])) == "stored"
    assert "unmatched callback" not in [line["event"] for line in lines]
    assert await kit.outcomes() == [DONE]
    assert await kit.database.reads.fetchval("SELECT count(*) FROM unmatched") == 0


@pytest.mark.parametrize("other", [{"credentials": ELSEWHERE}, {"mode": "live"}])
async def test_nothing_is_believed_of_another_account_or_mode(kit, make, other):
    await label(kit, make, **other)
    await charged(kit, make)
    declined = CallbackOutcome(operation_id="pay_1.1", kind="charge", outcome=Declined(code="no", reference="obj_1"))
    assert await take(kit, ParsedCallback("evt_1", [declined])) == "not_ours"
    assert await kit.reports() == []


async def test_a_refund_made_at_the_provider_is_one_though_both_labels_are_told_of_it(kit, make):
    await label(kit, make)
    await charged(kit, make)
    account = await kit.credentials.by_id("cred_1")
    for one in (account, await kit.credentials.by_id("cred_2")):
        assert await kit.door.take(one, ParsedCallback("evt_1", opened=[REFUND])) == "stored"
    first, second = await kit.reports()
    assert isinstance(first, OperationOpened)
    assert (first.payment_id, first.reference) == (second.payment_id, second.reference)


async def test_a_refund_that_comes_before_its_charge_is_known_is_found_under_the_other_label(kit, make):
    await label(kit, make)
    assert await take(kit, ParsedCallback("evt_1", opened=[REFUND])) == "not_ours"
    await charged(kit, make)
    await kit.sql(
        "UPDATE unmatched SET look_at = now(), received_at = received_at - $1::interval", timedelta(minutes=1)
    )
    await LookingAgain(OpenedOperations("fake"), lambda: None).look(kit.database)
    (told,) = await kit.reports()
    assert (told.payment_id, told.reference) == ("pay_1", "re_9")


async def test_money_of_a_charge_is_explained_though_another_label_is_told_of_it(kit, make):
    await label(kit, make)
    await charged(kit, make)
    money = ReceivedMoney(reference="obj_1", amount=USD_10, method="card", received_at=AT)
    assert await take(kit, ParsedCallback("evt_1", received=[money])) == "stored"
    assert await kit.database.reads.fetchval("SELECT count(*) FROM received_money") == 0
