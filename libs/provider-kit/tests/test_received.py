"""Money that a provider reports beside its answers: explained by its transaction alone, and never lost."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    MISFITS,
    PAYER_MISMATCH,
    ActionRequired,
    Declined,
    OutcomeReported,
    PaymentReceived,
    Pending,
    PhonePrompt,
    Reversed,
    Succeeded,
    Unknown,
    UnmatchedReported,
)
from malipo.money import Money
from provider_kit import reports
from provider_kit.credentials import Account
from provider_kit.errors import NotSent
from provider_kit.provider import CallbackOutcome, Opened, ParsedCallback, ReceivedMoney, Unmatched
from provider_kit.reports import Origin

USD_10 = Money(1000, "USD")
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
BY_HAND = ReceivedMoney(
    reference="tx_2", amount=USD_10, method="phone", received_at=AT, account_reference="ORDER7", role="receipt"
)
CANCELED_BY_CUSTOMER = Declined(code="1032", reference="co_1")


@pytest.fixture
def kit(kit):
    """A provider whose requests name an operation by a purpose of ours."""
    names = {"pay_1.1": ("ORDER7",)}
    kit.provider.descriptor = replace(kit.provider.descriptor, own_references=lambda name: names.get(name, ()))
    kit.__post_init__()
    return kit


async def charged(kit, make, *script, **changes) -> None:
    kit.provider.script = list(script)
    await kit.handle(make.charge(**changes))
    await kit.run()
    await kit.reports()


async def report(kit, money: ReceivedMoney = BY_HAND, callback_id: str = "evt_1") -> str:
    return await kit.money_came(money, callback_id)


async def look(kit, **older) -> list:
    return await kit.look_at_money(**older)


async def kept(kit) -> int:
    """How much is still looked at."""
    return await kit.database.reads.fetchval("SELECT count(*) FROM received_money WHERE look_at IS NOT NULL")


async def answered(kit) -> None:
    """The queries that the money has caused are answered."""
    assert await kit.run() == 1
    await kit.reports()


async def test_money_is_kept_for_a_minute_in_which_an_answer_of_ours_may_explain_it(kit, make):
    assert await report(kit) == "stored"
    assert (await kit.reports(), await look(kit, seconds=30)) == ([], [])
    await charged(kit, make, Succeeded(amount=USD_10, reference="tx_2"))
    assert (await look(kit, seconds=60), await kept(kit)) == ([], 0)


async def test_money_that_nothing_explains_is_a_payment_if_it_says_what_for_and_else_kept_in_suspense(kit):
    await report(kit, replace(BY_HAND, account_reference="order 8"))
    await report(kit, replace(BY_HAND, reference="tx_3", account_reference=None), "evt_2")
    paid, suspended = sorted(await look(kit, seconds=61), key=lambda found: found.reference)
    assert isinstance(paid, PaymentReceived)
    assert (paid.reference, paid.account_reference, paid.amount) == ("tx_2", "order 8", USD_10)
    assert isinstance(suspended, UnmatchedReported)
    assert (suspended.reference, suspended.points_at, await kept(kit)) == ("tx_3", None, 0)


async def test_money_by_hand_for_a_charge_that_failed_is_the_charges_own_success(kit, make):
    await charged(kit, make, CANCELED_BY_CUSTOMER, CANCELED_BY_CUSTOMER)
    await report(kit)
    assert await look(kit) == []
    await answered(kit)
    (told,) = await look(kit)
    assert isinstance(told, OutcomeReported)
    assert (told.operation_id, told.outcome) == ("pay_1.1", Succeeded(amount=USD_10, reference="tx_2"))
    await report(kit, callback_id="evt_2")
    assert (await look(kit, minutes=2), await kept(kit)) == ([], 0)  # its transaction is known now


async def test_money_that_overtook_the_charges_answer_ends_its_doubt(kit, make):
    kit.provider.script = [Unknown(reason="no answer"), Unknown(reason="no trace")]
    await kit.handle(make.charge())
    await kit.die_after_sending()  # nothing is known but the purpose, which was written with the mark
    await report(kit)
    assert await look(kit, minutes=2) == []
    while await kit.run():
        await kit.reports()
    (told,) = await look(kit)
    assert (told.operation_id, told.outcome) == ("pay_1.1", Succeeded(amount=USD_10, reference="tx_2"))


async def test_while_the_customer_may_yet_answer_money_for_the_charge_waits(kit, make):
    prompt = ActionRequired(action=PhonePrompt("2547*****12"), reference="co_1")
    await charged(kit, make, prompt, prompt, Succeeded(amount=USD_10, reference="tx_2"))
    await report(kit)
    await answered(kit)
    assert await look(kit) == []
    await answered(kit)
    assert (await look(kit), await kept(kit)) == ([], 0)


async def test_of_a_charge_that_was_paid_and_then_by_hand_once_more_the_second_is_in_suspense(kit, make):
    await charged(kit, make, Succeeded(amount=USD_10, reference="tx_1"))
    await kit.sql("UPDATE attempt_references SET role = 'receipt' WHERE reference = 'tx_1'")
    await report(kit)
    (told,) = await look(kit, seconds=1)
    assert isinstance(told, UnmatchedReported)
    assert (told.reference, told.points_at) == ("tx_2", "pay_1")


async def test_of_two_by_hand_for_one_charge_that_failed_the_first_pays_it_and_the_second_is_in_suspense(kit, make):
    await charged(kit, make, CANCELED_BY_CUSTOMER, CANCELED_BY_CUSTOMER)
    await report(kit)
    await report(kit, replace(BY_HAND, reference="tx_3"), "evt_2")
    await answered(kit)
    paid, suspended = await look(kit, seconds=1)
    assert isinstance(paid, OutcomeReported)
    assert isinstance(suspended, UnmatchedReported)
    assert {paid.outcome.reference, suspended.reference} == {"tx_2", "tx_3"}


@pytest.mark.parametrize(
    "money",
    [
        replace(BY_HAND, account_reference=None),
        replace(BY_HAND, account_reference=None, reference="tx_3", references={"checkout": "tx_2"}),
    ],
)
async def test_money_under_an_id_of_a_charge_that_failed_is_the_charges_own_success(kit, make, money):
    failed = Declined(code="1037", reference="tx_2")
    await charged(kit, make, failed, failed)
    await report(kit, money)
    await answered(kit)
    (told,) = await look(kit)
    assert (told.operation_id, told.outcome) == ("pay_1.1", Succeeded(amount=USD_10, reference=money.reference))


async def test_money_under_the_id_of_a_charge_that_is_still_undecided_waits_for_its_answer(kit, make):
    waits = Pending(reference="tx_2")
    await charged(kit, make, waits, waits, Succeeded(amount=USD_10, reference="tx_2"))
    await report(kit, replace(BY_HAND, account_reference=None))
    await answered(kit)
    assert (await look(kit), await kept(kit)) == ([], 1)
    await answered(kit)
    assert (await look(kit), await kept(kit)) == ([], 0)


async def test_a_second_receipt_of_one_checkout_that_was_paid_is_in_suspense(kit, make):
    await charged(kit, make, Succeeded(amount=USD_10, reference="co_1"))
    first = replace(BY_HAND, account_reference=None, references={"checkout": "co_1"})
    await report(kit, first)
    assert (await look(kit), await kept(kit)) == ([], 0)
    await report(kit, replace(first, reference="tx_3"), "evt_2")
    (told,) = await look(kit)
    assert (told.reference, told.points_at) == ("tx_3", "pay_1")


async def test_a_query_that_could_not_be_sent_is_no_answer_of_the_provider(kit, make):
    prompt = ActionRequired(action=PhonePrompt("2547*****12"), reference="co_1")
    await charged(kit, make, prompt, *[NotSent("no connection")] * 3, Succeeded(amount=USD_10, reference="tx_1"))
    await report(kit)
    await answered(kit)
    assert await look(kit, seconds=12) == []
    await kit.make_due()
    await answered(kit)
    await kit.sql("UPDATE attempt_references SET role = 'receipt' WHERE reference = 'tx_1'")
    (told,) = await look(kit)
    assert (told.reference, told.points_at) == ("tx_2", "pay_1")


@pytest.mark.parametrize("answer", [Unknown(reason="no answer", silent=True), KeyError("a bug of ours")])
async def test_silence_is_no_answer_of_the_provider(kit, make, answer):
    await charged(kit, make, CANCELED_BY_CUSTOMER, answer)
    await report(kit)
    await answered(kit)
    assert (await look(kit, seconds=12), await kept(kit)) == ([], 1)


async def test_money_by_hand_for_a_charge_whose_callback_was_believed_is_in_suspense(kit, make):
    prompt = ActionRequired(action=PhonePrompt("2547*****12"), reference="co_1")
    await charged(kit, make, prompt, prompt)
    paid = CallbackOutcome(
        operation_id="pay_1.1", kind="charge", references={"main": "co_1", "receipt": "tx_1"},
        outcome=Succeeded(amount=USD_10, reference="co_1"),
    )  # fmt: skip
    account = await kit.credentials.by_id("cred_1")
    assert await kit.door.take(account, ParsedCallback("evt_1", [paid])) == "stored"
    assert len(await kit.outcomes()) == 1
    await report(kit, callback_id="evt_2")
    (told,) = await look(kit)
    assert (told.reference, told.points_at, await kit.run()) == ("tx_2", "pay_1", 0)


async def test_another_transaction_of_a_charge_than_the_one_that_it_is_known_by_is_in_suspense(kit, make):
    await charged(kit, make, CANCELED_BY_CUSTOMER, CANCELED_BY_CUSTOMER)
    await kit.sql("INSERT INTO attempt_references VALUES ('tx_1', 'pay_1.1', 'receipt')")
    await report(kit)
    await answered(kit)
    (told,) = await look(kit)
    assert (told.reference, told.points_at) == ("tx_2", "pay_1")


async def test_of_ten_confirms_the_latest_takes_the_money(kit, make):
    for number in (9, 10):
        await kit.handle(make.confirm(operation_id=f"pay_1.1.c{number}"))
        kit.provider.script = [CANCELED_BY_CUSTOMER]
        await kit.run()
        await kit.sql("INSERT INTO attempt_references VALUES ('ORDER7', $1, 'own')", f"pay_1.1.c{number}")
    await kit.reports()
    kit.provider.script = [CANCELED_BY_CUSTOMER] * 2
    await report(kit)
    while await kit.run():
        await kit.reports()
    (told,) = await look(kit)
    assert (told.operation_id, told.outcome.reference) == ("pay_1.1.c10", "tx_2")


async def test_another_amount_than_was_ordered_is_in_suspense_and_names_the_payment(kit, make):
    await charged(kit, make, CANCELED_BY_CUSTOMER, CANCELED_BY_CUSTOMER)
    await report(kit, replace(BY_HAND, amount=Money(999, "USD")))
    await answered(kit)
    (told,) = await look(kit)
    assert (told.amount, told.points_at) == (Money(999, "USD"), "pay_1")


@pytest.mark.parametrize("reason", sorted(MISFITS))
async def test_a_misfit_that_a_hint_has_claimed_is_refuted_by_money_for_that_purpose_of_the_ordered_amount(
    kit, make, reason
):
    await charged(kit, make, *[Unknown(reason=reason)] * 2)
    await report(kit)
    await answered(kit)
    (told,) = await look(kit)
    assert (told.operation_id, told.outcome) == ("pay_1.1", Succeeded(amount=USD_10, reference="tx_2"))


@pytest.mark.parametrize(
    ("doubt", "money"),
    [
        (Unknown(reason=AMOUNT_MISMATCH, reference="tx_1"), BY_HAND),
        (Unknown(reason=AMOUNT_MISMATCH), replace(BY_HAND, amount=Money(999, "USD"))),
        (Unknown(reason=PAYER_MISMATCH), replace(BY_HAND, amount=Money(999, "USD"))),
    ],
    ids=["the provider has named the other money", "another amount", "another amount of another payer"],
)
async def test_else_a_misfit_is_left_to_a_person_and_so_is_the_money(kit, make, doubt, money):
    await charged(kit, make, *[doubt] * 2)
    await report(kit, money)
    await answered(kit)
    (told,) = await look(kit)
    assert isinstance(told, UnmatchedReported)
    assert told.points_at == "pay_1"


async def test_a_success_that_was_told_without_its_receipt_is_explained_by_the_first_and_by_no_second(kit, make):
    await charged(kit, make, Succeeded(amount=USD_10, reference="co_1"))
    await report(kit)
    assert (await look(kit), await kept(kit)) == ([], 0)
    await report(kit, replace(BY_HAND, reference="tx_3"), "evt_2")
    (told,) = await look(kit, seconds=1)
    assert isinstance(told, UnmatchedReported)


async def paid_by_hand(kit) -> PaymentReceived:
    """Money that is told as a payment of its own."""
    await report(kit, replace(BY_HAND, account_reference="order 8"))
    (paid,) = await look(kit, seconds=61)
    assert isinstance(paid, PaymentReceived)
    return paid


async def test_a_refund_made_at_the_provider_of_a_payment_by_hand_is_told_of_it(kit):
    paid = await paid_by_hand(kit)
    refund = Opened(
        event_type="refund", reference="re_9", about={"receipt": "tx_2"}, amount=USD_10, opened_at=AT,
        outcome=Succeeded(amount=USD_10, reference="re_9"),
    )  # fmt: skip
    assert (
        await kit.door.take(await kit.credentials.by_id("cred_1"), ParsedCallback("evt_9", opened=[refund])) == "stored"
    )
    (told,) = await kit.reports()
    assert (told.payment_id, told.reference) == (paid.payment_id, "re_9")


async def test_a_payment_by_hand_that_goes_back_is_told_as_its_return(kit):
    paid = await paid_by_hand(kit)
    back = CallbackOutcome(
        kind="charge", references={"receipt": "tx_2"}, outcome=Reversed(code="R10", reference="tx_2")
    )
    assert await kit.door.take(await kit.credentials.by_id("cred_1"), ParsedCallback("evt_9", [back])) == "stored"
    (told,) = await kit.reports()
    assert (told.payment_id, told.operation_id) == (paid.payment_id, f"{paid.payment_id}.1")
    assert told.outcome == back.outcome


async def test_money_that_was_told_is_not_told_again_when_it_is_reported_again(kit):
    await paid_by_hand(kit)
    await report(kit, replace(BY_HAND, reference="tx_3", account_reference=None), "evt_3")
    assert len(await look(kit, seconds=61)) == 1
    await report(kit, replace(BY_HAND, account_reference="order 8"), "evt_4")
    await report(kit, replace(BY_HAND, reference="tx_3", account_reference=None), "evt_5")
    assert (await look(kit, seconds=61), await kept(kit)) == ([], 0)


async def test_what_becomes_of_money_in_suspense_is_alerted(kit):
    await report(kit, replace(BY_HAND, account_reference=None))
    await look(kit, seconds=61)
    back = ParsedCallback("evt_9", unmatched=[Unmatched("reversal", {"receipt": "tx_2"}, USD_10)])
    await kit.door.take(await kit.credentials.by_id("cred_1"), back)
    assert await kit.database.reads.fetchval("SELECT concerns FROM unmatched") == "ours"


async def test_an_attempt_that_cannot_be_read_stops_only_the_money_that_names_it(kit, make):
    await charged(kit, make, CANCELED_BY_CUSTOMER)
    await report(kit, replace(BY_HAND, reference="tx_3", account_reference="order 8"))
    await report(kit, callback_id="evt_2")
    await kit.run()
    await kit.reports()
    await kit.sql("UPDATE attempts SET command = 'no command'::bytea")
    with capture_logs() as lines:
        (told,) = await look(kit, minutes=2)
    assert (told.reference, await kept(kit)) == ("tx_3", 1)
    assert [line["log_level"] for line in lines if line["event"] == "money cannot be read"] == ["error"]


async def test_money_is_counted_by_what_it_turned_out_to_be(kit, make):
    before = {result: counted(result) for result in ("kept", "explained", "payment", "suspense")}
    await paid_by_hand(kit)
    await report(kit, replace(BY_HAND, account_reference="order 8"), "evt_2")
    await report(kit, replace(BY_HAND, reference="tx_3", account_reference=None), "evt_3")
    await look(kit, seconds=61)
    assert {result: counted(result) - number for result, number in before.items()} == {
        "kept": 2,
        "explained": 1,
        "payment": 1,
        "suspense": 1,
    }


def counted(result: str) -> float:
    return (
        REGISTRY.get_sample_value("malipo_provider_received_money_total", {"provider": "fake", "result": result}) or 0.0
    )


async def test_another_accounts_purposes_explain_nothing(kit, make):
    await charged(kit, make, CANCELED_BY_CUSTOMER)
    await kit.sql("UPDATE attempts SET command = replace(encode(command, 'escape'), '\"test\"', '\"live\"')::bytea")
    await report(kit)
    (told,) = await look(kit, minutes=2)
    assert isinstance(told, PaymentReceived)


async def test_a_row_that_cannot_be_read_stops_no_other(kit):
    await report(kit)
    await kit.sql("UPDATE received_money SET report = '{}'")
    await report(kit, replace(BY_HAND, reference="tx_3"), "evt_2")
    (told,) = await look(kit, minutes=2)
    assert (told.reference, await kept(kit)) == ("tx_3", 1)


def test_the_same_reference_at_two_accounts_is_two_transactions():
    owners = product(("mer_1", "mer_2"), ("test", "live"), ("default", "till"))
    accounts = [Account("cred_1", merchant, mode, label, {}) for merchant, mode, label in owners]
    origins = [Origin("bank", account, "evt_1", "callback") for account in accounts]
    paid = {reports.received(BY_HAND, origin).payment_id for origin in origins}
    nameless = replace(BY_HAND, account_reference=None)
    suspended = {reports.received(nameless, origin).id for origin in origins}
    assert (len(paid), len(suspended)) == (8, 8)
