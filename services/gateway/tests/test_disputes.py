"""Disputes as merchants see them: listed, in the timeline, explained, and in the way of refunds."""

import asyncio
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from malipo import clock, ids
from malipo.contracts.commands import RefundPayment
from malipo.contracts.events import Cause, OperationView
from malipo.contracts.identity import opened_id
from malipo.contracts.outcomes import Disputed, OperationOpened
from malipo.contracts.topics import OUTCOMES
from malipo.money import Money
from testkit.waiting import until

NOW = clock.now()
UNTIL = NOW + timedelta(days=7)


@pytest.fixture
async def payment(gateway, merchant) -> dict:
    made = (await merchant.pay()).json()
    await gateway.receive(gateway.step(merchant, made))
    return (await merchant.get(f"/v1/payments/{made['id']}")).json()


def dispute_of(payment: dict, reference: str = "du_1", **changes) -> OperationView:
    shown = OperationView(
        id=opened_id("dis", NOW, payment["id"], "stripe", reference), payment_id=payment["id"], kind="dispute",
        status="needs_response", amount=1234, currency="EUR", created_at=NOW, updated_at=NOW, opened_by="provider",
        reason="fraudulent", provider_reference=reference, respond_by=UNTIL, withdrawn=True,
    )  # fmt: skip
    return replace(shown, **changes)


@pytest.fixture
def disputed(gateway, merchant, payment):
    """Brings a dispute of the payment into a state."""

    async def there(state: str, trigger: str, event: str, taken: int, **changes) -> OperationView:
        dispute = dispute_of(payment, **changes)
        step = gateway.step(merchant, payment, operation=dispute, event=event, amount_disputed=taken)
        cause = Cause(trigger=trigger, source="callback", message_id="msg_1")
        await gateway.receive(
            replace(step, to_state=state, cause=cause, deadline=UNTIL if state == "pending" else None)
        )
        return dispute

    return there


async def explain(merchant, payment: dict) -> dict:
    return (await merchant.get(f"/v1/payments/{payment['id']}/explain")).json()


def codes(explained: dict) -> list[str]:
    return [may["code"] for may in explained["you_may"]]


async def test_a_payments_disputes_are_listed_with_their_deadlines(merchant, payment, disputed):
    path = f"/v1/payments/{payment['id']}/disputes"
    assert (await merchant.get(path)).json()["data"] == []
    dispute = await disputed("pending", "opened", "dispute.opened", 1250)
    (shown,) = (await merchant.get(path)).json()["data"]
    assert (shown["id"], shown["status"], shown["reason"], shown["withdrawn"]) == (dispute.id, "needs_response", "fraudulent", True)  # fmt: skip
    assert (shown["amount"], shown["currency"]) == (1234, "EUR")
    assert datetime.fromisoformat(shown["respond_by"]) == UNTIL
    assert (await merchant.get(f"/v1/payments/{payment['id']}")).json()["amount_disputed"] == 1250
    assert (await merchant.get(f"/v1/payments/{payment['id']}/refunds")).json()["data"] == []


async def test_another_merchants_disputes_are_not_there(gateway, payment):
    other = await gateway.merchant()
    assert (await other.get(f"/v1/payments/{payment['id']}/disputes")).json()["code"] == "payment_not_found"


async def test_an_open_dispute_is_explained_with_what_to_do_and_by_when(merchant, payment, disputed):
    await disputed("pending", "opened", "dispute.opened", 1250)
    explained = await explain(merchant, payment)
    assert "disputed the payment at the bank" in explained["why"]
    assert codes(explained) == ["answer_dispute", "wait"]
    (dispute,) = explained["operations"]
    assert (dispute["kind"], dispute["state"], dispute["currency"]) == ("dispute", "pending", "EUR")
    assert codes(dispute) == ["answer_dispute", "wait"]
    assert (datetime.fromisoformat(dispute["respond_by"]), dispute["withdrawn"]) == (UNTIL, True)
    assert dispute["detail"] == "fraudulent"
    assert dispute["next_by"] is not None


async def test_nothing_is_to_be_answered_once_the_bank_has_the_evidence(merchant, payment, disputed):
    await disputed("pending", "disputed", "dispute.updated", 1250, status="under_review")
    assert codes(await explain(merchant, payment)) == ["wait"]


@pytest.mark.parametrize(
    ("state", "taken", "may", "why"),
    [
        ("won", 0, ["refund"], "has taken the money"),
        ("lost", 1250, [], "a dispute has given it back to the customer"),
        ("lost", 1000, ["refund"], "a dispute has given it back to the customer"),
    ],
)
async def test_a_dispute_that_has_ended_leaves_what_is_left_to_be_refunded(
    merchant, payment, disputed, state, taken, may, why
):
    await disputed(state, state, f"dispute.{state}", taken, status=state, withdrawn=state == "lost")
    explained = await explain(merchant, payment)
    assert (codes(explained), why in explained["why"]) == (may, True)
    (dispute,) = explained["operations"]
    assert (dispute["state"], dispute["next_by"]) == (state, None)


async def test_the_providers_report_and_the_step_that_it_led_to_are_in_the_timeline_as_the_disputes(
    gateway, merchant, payment, disputed
):
    report = OperationOpened(
        payment_id=payment["id"], kind="dispute", provider="stripe", reference="du_1", amount=Money(1234, "EUR"),
        outcome=Disputed(reference="du_1", amount=Money(1234, "EUR"), status="needs_response"), opened_at=NOW,
        observed_at=clock.now(), callback_id="evt_1",
    )  # fmt: skip
    await gateway.receive(report, topic=OUTCOMES, message_id="msg_1")
    dispute = await disputed("pending", "opened", "dispute.opened", 1250)
    entries = (await merchant.get(f"/v1/payments/{payment['id']}/timeline")).json()["entries"]
    told, step = [one for one in entries if one["about"] == "dispute"]
    assert (told["kind"], told["result"], told["reference"], told["callback_id"]) == (
        "callback",
        "disputed",
        "du_1",
        "evt_1",
    )
    assert (step["status"], step["cause"]) == ("needs_response", told["id"])
    assert datetime.fromisoformat(step["respond_by"]) == UNTIL
    assert told["operation_id"] == step["operation_id"] == dispute.id


async def test_a_refund_that_is_refused_for_a_dispute_says_so_and_a_merchant_who_insists_is_passed_on(
    gateway, merchant, payment, make
):
    path = f"/v1/payments/{payment['id']}/refunds"
    waiting = asyncio.create_task(merchant.post(path, {"amount": 250}, Prefer="wait=10"))

    async def sent() -> RefundPayment | None:
        return next((one for one in await gateway.sent() if isinstance(one, RefundPayment)), None)

    command = await until(sent, what="the command")
    assert not command.despite_dispute
    shown = {"id": command.refund_id, "payment_id": payment["id"]}
    await gateway.receive(make.refusal(merchant.id, shown, "payment_disputed"))
    response = await asyncio.wait_for(waiting, 5)
    assert (response.status_code, response.json()["code"]) == (409, "payment_disputed")
    await merchant.post(path, {"amount": 250, "despite_dispute": True})
    assert [one.despite_dispute for one in await gateway.sent() if isinstance(one, RefundPayment)] == [False, True]


async def test_a_refund_says_whether_it_insists_with_true_or_false_alone(merchant, payment):
    response = await merchant.post(f"/v1/payments/{payment['id']}/refunds", {"despite_dispute": "yes"})
    assert response.status_code == 422


def test_the_id_of_a_dispute_is_one_that_lists_go_on_from():
    assert ids.is_id(opened_id("dis", NOW, "pay_1", "stripe", "du_1"), "dis")
