"""What no webhook has told, the statement does: of payments, refunds and reversals, and of nobody else's."""

import asyncio
import json
from itertools import count

import pytest
from paypal_account import Approved
from paypal_replica import Replica
from paypal_samples import USD_10

from malipo import ids
from malipo.contracts.outcomes import (
    Authorized,
    OperationOpened,
    OutcomeReported,
    Pending,
    Succeeded,
)
from malipo.money import Money
from provider_paypal.account import read_account
from provider_paypal.requests import ORDERS_PATH, PaypalRequest

SEARCH = "/v1/reporting/transactions"


@pytest.fixture
async def replica(replica):
    """Its account's statement is read up to now."""
    await replica.read()
    return replica


async def paid(replica: Replica, **changes) -> Approved:
    """Paid and answered, and all of its webhooks are lost."""
    one = await replica.approve(**changes)
    await replica.command(one.confirm())
    await replica.reports()
    return one


async def told(replica: Replica) -> list:
    """What is told when the statement is read once more, however often that is."""
    for _ in range(2):
        await replica.cover(minutes=5)
        await replica.read()
    return await replica.reports()


async def unmatched(replica: Replica) -> list[tuple[str, str, int | None]]:
    rows = await replica.database.reads.fetch("SELECT * FROM unmatched ORDER BY event_type")
    return [(row["event_type"], row["concerns"], row["amount_minor"]) for row in rows]


async def asked(replica: Replica, path: str) -> int:
    found = (await replica.paypal.http.get("/_sim/requests", params={"limit": 1000})).json()
    return sum(one["path"].startswith(path) for one in found)


async def test_a_payment_that_is_known_costs_nothing_and_tells_nothing(replica):
    await paid(replica)
    before = await asked(replica, "/v2/")
    assert await told(replica) == []
    assert (await asked(replica, "/v2/"), await unmatched(replica)) == (before, [])


async def test_a_payment_whose_answer_was_lost_is_found_by_the_statement(replica, paypal):
    one = await replica.approve()
    await paypal.lose_capture(one)
    await replica.command(one.confirm())
    await replica.reports()
    (report,) = [found for found in await told(replica) if isinstance(found, OutcomeReported)]
    assert (report.operation_id, report.outcome) == (
        one.charge.operation_id,
        Succeeded(amount=USD_10, reference=one.order),
    )


async def test_a_row_whose_question_was_not_answered_is_asked_about_when_it_is_read_again(replica, paypal):
    one = await replica.approve()
    await paypal.lose_capture(one)
    await replica.command(one.confirm())
    await replica.reports()
    await paypal.fault("error_before_effect", f"{ORDERS_PATH}/{one.order}", "GET")
    reports = [
        found.outcome for found in [*await told(replica), *await told(replica)] if isinstance(found, OutcomeReported)
    ]
    assert Succeeded(amount=USD_10, reference=one.order) in reports


async def test_a_capture_in_parts_whose_answer_was_lost_is_found_by_the_statement(replica, paypal):
    one = await replica.approve(capture="manual")
    assert isinstance(await replica.command(one.confirm()), Authorized)
    part = one.part("capture", 400, final=False)
    await paypal.fault("answer_lost", "/v2/payments/authorizations/*")
    await replica.command(part)
    await replica.reports()
    reports = [found for found in await told(replica) if isinstance(found, OutcomeReported)]
    assert [(found.operation_id, found.outcome) for found in reports] == [
        (part.operation_id, Succeeded(amount=Money(400, "USD"), reference=one.order))
    ]


async def test_a_pending_capture_that_completes_unheard_is_told(replica, paypal):
    one = await replica.approve()
    await paypal.fault("capture_pending", f"/v2/checkout/orders/{one.order}/capture", delay_seconds=3600)
    assert isinstance(await replica.command(one.confirm()), Pending)
    (capture,) = await paypal.capture_ids(one)
    await paypal.control(f"captures/{capture}/settle")
    reports = [found.outcome for found in await told(replica) if isinstance(found, OutcomeReported)]
    assert reports == [Succeeded(amount=USD_10, reference=one.order)]


async def test_a_refund_whose_answer_was_lost_is_found_by_the_statement(replica, paypal):
    one = await paid(replica)
    refund = one.part("refund", 400)
    await paypal.fault("answer_lost", "/v2/payments/captures/*")
    await replica.command(refund)
    await replica.reports()
    reports = [found for found in await told(replica) if isinstance(found, OutcomeReported)]
    assert [(found.operation_id, found.outcome.amount) for found in reports] == [
        (refund.operation_id, Money(400, "USD"))
    ]


async def test_a_refund_that_was_made_at_paypal_is_told_as_its_webhook_tells_it(replica, paypal):
    one = await paid(replica)
    (capture,) = await paypal.capture_ids(one)
    await paypal.control(f"captures/{capture}/refunds", amount=400)
    (by_statement,) = [found for found in await told(replica) if isinstance(found, OperationOpened)]
    await replica.hear()
    (by_webhook,) = [found for found in await replica.reports() if isinstance(found, OperationOpened)]
    assert by_statement.source == "reconciliation"
    assert by_statement.amount == Money(400, "USD")
    names = ("payment_id", "reference", "amount", "opened_at", "outcome")
    assert [getattr(by_statement, name) for name in names] == [getattr(by_webhook, name) for name in names]


@pytest.mark.parametrize("fault", ["error_before_effect", "html_error", "malformed_json"])
async def test_a_refund_that_paypal_does_not_show_is_for_a_person_and_told_once_it_is_shown(replica, paypal, fault):
    one, other = await paid(replica), await paid(replica)
    for each in (one, other):
        (capture,) = await paypal.capture_ids(each)
        await paypal.control(f"captures/{capture}/refunds", amount=400)
    (hidden,) = (await paypal.payments(one))["refunds"]
    await paypal.fault(fault, f"/v2/payments/refunds/{hidden['id']}", "GET", times=2)
    (shown,) = await told(replica)
    assert shown.payment_id == other.charge.payment_id
    assert await unmatched(replica) == [("statement.T1107", "ours", None)]
    (at_last,) = await told(replica)
    assert (at_last.payment_id, at_last.reference) == (one.charge.payment_id, hidden["id"])


async def test_a_refund_that_fails_unheard_is_told(replica, paypal):
    one = await paid(replica)
    refund = one.part("refund", 400)
    await paypal.fault("refund_pending", "/v2/payments/captures/*", delay_seconds=3600)
    pending = await replica.command(refund)
    assert isinstance(pending, Pending)
    await paypal.control(f"refunds/{pending.reference}/fail")
    reports = [found.outcome for found in await told(replica) if isinstance(found, OutcomeReported)]
    assert [type(found).__name__ for found in reports] == ["Declined"]


async def test_a_reversal_is_told_to_a_person_once(replica, paypal):
    one = await paid(replica)
    (capture,) = await paypal.capture_ids(one)
    await paypal.control(f"captures/{capture}/reverse")
    await told(replica)
    assert await unmatched(replica) == [("statement.T1106", "ours", 1000)]


async def test_what_is_held_for_a_dispute_is_told_to_a_person(replica, paypal):
    one = await paid(replica)
    (capture,) = await paypal.capture_ids(one)
    dispute = await paypal.control(f"captures/{capture}/disputes", amount=600)
    await paypal.control(f"disputes/{dispute['dispute_id']}/won")
    await told(replica)
    assert await unmatched(replica) == [("statement.T1110", "ours", 600), ("statement.T1111", "ours", 600)]


async def of_another_shop(replica: Replica) -> str:
    """A payment of the same account and app that another system has made; returns its capture."""
    client, account = replica.provider._client, read_account(replica.paypal.credentials)

    async def post(path: str, body: dict) -> dict:
        asked = PaypalRequest(path, f"shop-{ids.token(8)}", json.dumps(body).encode())
        return json.loads((await client.post(account, "test", asked)).body)

    amount = {"currency_code": "USD", "value": "30.00"}
    unit = {"amount": amount, "custom_id": "order-17", "invoice_id": ids.token(8)}
    order = await post(ORDERS_PATH, {"intent": "CAPTURE", "purchase_units": [unit]})
    await replica.paypal.control(f"orders/{order['id']}/approve")
    paid = await post(f"{ORDERS_PATH}/{order['id']}/capture", {})
    return paid["purchase_units"][0]["payments"]["captures"][0]["id"]


async def test_what_another_shop_does_with_the_same_account_is_neither_told_nor_kept(replica, paypal):
    capture = await of_another_shop(replica)
    await paypal.control(f"captures/{capture}/refunds", amount=100)
    dispute = await paypal.control(f"captures/{capture}/disputes", amount=100)
    await paypal.control(f"disputes/{dispute['dispute_id']}/lost")
    before = await asked(replica, "/v2/")
    assert await told(replica) == []
    assert (await unmatched(replica), await asked(replica, "/v2/")) == ([], before)


async def test_a_payment_with_our_name_that_nobody_ordered_is_told_to_a_person(replica, paypal):
    await paypal.paid()
    assert await told(replica) == []
    assert [(event, concerns) for event, concerns, _ in await unmatched(replica)] == [("malipo.charge", "claimed")]


@pytest.mark.parametrize("fault", ["rate_limited", "error_before_effect", "html_error", "malformed_json"])
async def test_a_statement_that_cannot_be_read_is_read_from_there_later(replica, paypal, fault):
    one = await replica.approve()
    await paypal.lose_capture(one)
    await replica.command(one.confirm())
    await replica.reports()
    await paypal.fault(fault, SEARCH, method="GET")
    await replica.cover(minutes=1)
    await replica.read()
    assert await replica.reports() == []
    await replica.sql("UPDATE statements SET failures = 0")
    await replica.read()
    outcomes = [found.outcome for found in await replica.reports() if isinstance(found, OutcomeReported)]
    assert outcomes == [Succeeded(amount=USD_10, reference=one.order)]


async def test_a_process_that_dies_while_it_reads_loses_nothing(replica, monkeypatch):
    one = await replica.approve()
    await replica.paypal.lose_capture(one)
    await replica.command(one.confirm())
    await replica.reports()
    await replica.cover(minutes=1)

    async def die(*_, **__):
        raise asyncio.CancelledError

    with monkeypatch.context() as patched, pytest.raises(asyncio.CancelledError):
        patched.setattr(replica.door, "take", die)
        await replica.read()
    await replica.sql("UPDATE statements SET lease_until = now() - interval '1 second'")
    second = replica.another()
    await second.read()
    assert [found.outcome for found in await second.reports() if isinstance(found, OutcomeReported)] == [
        Succeeded(amount=USD_10, reference=one.order)
    ]


async def test_a_day_on_which_webhooks_and_answers_are_lost_is_reconciled_with_the_book(replica, paypal):
    """Of twenty payments one in five lacks the answer to its capture and one in four is refunded in PayPal's pages; and of
    all webhooks one in twenty is lost.
    """
    paid: dict[str, Money] = {}
    reports: list = []
    webhooks = count()
    for number in range(20):
        one = await replica.approve()
        if number % 5 == 0:
            await paypal.lose_capture(one)
        outcome = await replica.command(one.confirm())
        paid |= {one.charge.payment_id: outcome.amount} if isinstance(outcome, Succeeded) else {}
        if number % 4 == 0:
            (capture,) = await paypal.capture_ids(one)
            await paypal.control(f"captures/{capture}/refunds", amount=10 + number)
        await replica.hear(lost=lambda: next(webhooks) % 20 == 7)
        reports += await replica.reports()
    found = await told(replica)
    assert found
    reports += found
    paid |= {one.payment_id: one.outcome.amount for one in reports if is_paid(one)}
    given_back = {one.reference: one.amount for one in reports if isinstance(one, OperationOpened)}
    moved = dict.fromkeys(("capture", "refund"), 0)
    for kind, minor in await paypal.book():
        moved[kind] += minor
    assert (len(paid), len(given_back)) == (20, 5)
    assert sum(one.amount_minor for one in paid.values()) == moved["capture"]
    assert sum(one.amount_minor for one in given_back.values()) == moved["refund"]
    assert (await told(replica), await unmatched(replica)) == ([], [])


def is_paid(report) -> bool:
    return isinstance(report, OutcomeReported) and isinstance(report.outcome, Succeeded) and report.kind != "refund"
