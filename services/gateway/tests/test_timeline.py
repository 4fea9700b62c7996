"""The timeline: every entry once, causes before effects whatever the clocks say, and nothing secret in it."""

from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.history import store
from gateway.history.entries import Kind, entry_of
from gateway.history.schemas import TIMELINE
from gateway.history.timeline import arranged, in_causal_order
from malipo import clock, ids
from malipo.contracts.deliveries import DeliveryReported
from malipo.contracts.events import Cause
from malipo.contracts.identity import charge_id, opened_id
from malipo.contracts.outcomes import (
    ActionRequired,
    AttemptPostponed,
    Declined,
    Exchange,
    OperationOpened,
    OutcomeReported,
    PaymentReceived,
    Redirect,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.topics import DELIVERIES, OUTCOMES
from malipo.money import Money

NOW = clock.now()
LONG_AGO = NOW - timedelta(days=400)
TRACE_ID = "a" * 32


@st.composite
def histories(draw):
    """Names with times as wrong as clocks can be, and what came before each: only what is listed before it."""
    count = draw(st.integers(0, 30))
    times = {str(n): NOW + timedelta(seconds=draw(st.integers(-1000, 1000))) for n in range(count)}
    earlier = {
        str(n): draw(st.sets(st.sampled_from([str(one) for one in range(n)]), max_size=3)) if n else set()
        for n in range(count)
    }
    shuffled = draw(st.permutations(list(times)))
    return {name: times[name] for name in shuffled}, earlier


@given(histories())
def test_clock_skew_never_turns_cause_and_effect_around(history):
    times, earlier = history
    ordered = in_causal_order(times, earlier)
    place = {name: number for number, name in enumerate(ordered)}
    assert all(place[before] < place[name] for name in times for before in earlier[name])


@given(histories())
def test_every_entry_appears_once(history):
    times, earlier = history
    assert sorted(in_causal_order(times, earlier)) == sorted(times)


@given(st.dictionaries(st.text(), st.datetimes()))
def test_among_what_is_unrelated_the_earlier_comes_first(times):
    ordered = in_causal_order(times, {})
    assert ordered == sorted(ordered, key=times.__getitem__)


def test_what_came_before_the_oldest_shown_is_not_waited_for_and_a_cycle_loses_nothing():
    assert in_causal_order({"b": NOW, "a": LONG_AGO}, {"b": {"gone"}}) == ["a", "b"]
    assert in_causal_order({"b": NOW, "a": LONG_AGO}, {"b": {"a"}, "a": {"b"}}) == ["a", "b"]


def report(payment, outcome, *, source: str = "attempt", step: int = 1, **changes) -> OutcomeReported:
    base = OutcomeReported(
        payment_id=payment["id"], operation_id=charge_id(payment["id"], 1), kind="charge", provider="stripe", outcome=outcome,
        source=source, step=step, observed_at=NOW, exchanges=(Exchange(at=NOW, method="POST", path="/v1/x", status=200),),
    )  # fmt: skip
    return replace(base, **changes)


def delivery(step, number: int = 1, result: str = "delivered") -> DeliveryReported:
    return DeliveryReported(
        delivery_id="del_1", endpoint_id="ep_1", event_id=step.public_event.id, payment_id=step.payment_id,
        merchant_id=step.merchant_id, attempt=number, result=result, duration_ms=12, attempted_at=LONG_AGO,
        http_status=500 if result == "retrying" else 200,
    )  # fmt: skip


def because(step, message_id: str, source: str = "attempt", **changes):
    cause = Cause(trigger=changes.pop("trigger", "succeeded"), source=source, message_id=message_id)
    return replace(step, cause=cause, **changes)


async def timeline(merchant, payment) -> dict:
    answer = await merchant.get(f"/v1/payments/{payment['id']}/timeline")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def entries(merchant, payment) -> list[dict]:
    return (await timeline(merchant, payment))["entries"]


@pytest.fixture
async def payment(merchant) -> dict:
    return (await merchant.pay()).json()


@pytest.fixture
async def doubted(gateway, merchant, payment):
    """A payment through doubt, reported by services whose clocks are wrong, some of it twice, some of it late."""
    [request] = await entries(merchant, payment)
    charged = because(gateway.step(merchant, payment, "processing"), request["id"], "merchant", sent="charge")
    lost = report(payment, Unknown(reason="timeout"), observed_at=NOW - timedelta(hours=1))
    doubt = because(
        gateway.step(merchant, payment, "processing", event="payment.processing"), "msg_lost", to_state="in_doubt"
    )
    again = because(gateway.step(merchant, payment, "processing"), "deadline:x", "deadline", occurred_at=LONG_AGO)
    found = report(payment, Succeeded(amount=Money(1250, "USD"), reference="pi_1"), source="query", step=3)
    done = because(gateway.step(merchant, payment, event="payment.completed"), "msg_found", "query")
    callback = replace(found, source="callback", step=1, callback_id="evt_1", exchanges=())
    await gateway.receive(delivery(done, 2), delivery(done, 1, "retrying"), topic=DELIVERIES)
    for _ in range(2):
        await gateway.receive(done, again, doubt, charged)
        await gateway.receive(callback, topic=OUTCOMES, message_id="msg_callback")
        await gateway.receive(found, topic=OUTCOMES, message_id="msg_found")
        await gateway.receive(lost, topic=OUTCOMES, message_id="msg_lost")
        await gateway.pool.execute("DELETE FROM inbox")  # as if each came again after the inbox has forgotten it
    return [request["id"], "step-1", "msg_lost", "step-2", "step-3", "msg_found", "step-4", "del_1-1", "del_1-2"]


async def test_a_timeline_shows_everything_once_in_causal_order_with_causes(merchant, payment, doubted):
    shown = await entries(merchant, payment)
    assert [entry["id"] for entry in shown if entry["id"] != "msg_callback"] == doubted
    causes = {entry["id"]: entry["cause"] for entry in shown}
    request = doubted[0]
    assert causes == {
        request: None,
        "step-1": request,
        "msg_lost": "step-1",
        "step-2": "msg_lost",
        "step-3": "step-2",
        "msg_found": "step-3",
        "step-4": "msg_found",
        "del_1-1": "step-4",
        "del_1-2": "step-4",
        "msg_callback": "step-1",
    }


@pytest.mark.usefixtures("doubted")
async def test_a_timeline_is_complete_when_the_cause_of_each_entry_has_come(gateway, merchant, payment):
    assert (await timeline(merchant, payment))["complete"]
    refused = report(payment, Declined(code="card_declined"), step=4)
    await gateway.receive(because(gateway.step(merchant, payment), "msg_late"))
    assert not (await timeline(merchant, payment))["complete"]
    await gateway.receive(refused, topic=OUTCOMES, message_id="msg_late")
    assert (await timeline(merchant, payment))["complete"]


async def test_every_entry_names_its_service_its_time_and_its_trace(merchant, payment, doubted):
    shown = await entries(merchant, payment)
    assert {entry["kind"]: entry["service"] for entry in shown} == {
        "request": "gateway",
        "step": "orchestrator",
        "attempt": "provider-stripe",
        "query": "provider-stripe",
        "callback": "provider-stripe",
        "webhook": "webhook-dispatcher",
    }
    assert all(entry["at"] for entry in shown)
    assert {entry["trace_id"] for entry in shown if entry["kind"] != "request"} == {TRACE_ID}


async def test_every_entry_is_as_the_api_describes_it(gateway, merchant, payment, doubted):
    await gateway.receive(postponed(payment), topic=OUTCOMES)
    described = TIMELINE.components["TimelineEntry"]
    for entry in await entries(merchant, payment):
        assert set(described["required"]) <= set(entry) <= set(described["properties"])
        assert entry["kind"] in described["properties"]["kind"]["enum"]
        for exchange in entry.get("exchanges", ()):
            assert set(exchange) <= set(TIMELINE.components["Exchange"]["properties"])


@pytest.mark.usefixtures("doubted")
async def test_an_outcome_that_changed_nothing_is_marked(merchant, payment):
    effects = {entry["id"]: entry["effect"] for entry in await entries(merchant, payment) if "effect" in entry}
    assert effects == {"msg_lost": "step", "msg_found": "step", "msg_callback": "none"}


async def test_a_request_shows_what_was_asked_by_whom_and_a_replay_adds_nothing(gateway, merchant):
    payment = (await merchant.pay(key="once")).json()
    answer = await merchant.pay(key="once")
    assert answer.headers["Idempotent-Replayed"] == "true"
    [request] = await entries(merchant, payment)
    assert (request["kind"], request["method"], request["path"]) == ("request", "POST", "/v1/payments")
    assert request["api_key_id"] == merchant.key_id
    assert request["request_id"].startswith("req_")
    (sent,) = await gateway.pool.fetch("SELECT message_id FROM outbox WHERE topic = 'payments.commands.v1'")
    assert request["id"] == sent["message_id"]


async def test_a_refused_operation_stands_behind_its_request(gateway, merchant, payment, make):
    refund = (await merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 1})).json()
    *_, asked = await entries(merchant, payment)
    assert (asked["about"], asked["operation_id"]) == ("refund", refund["id"])
    refusal = replace(make.refusal(merchant.id, refund, "refund_exceeds_captured"), command_id=asked["id"])
    await gateway.receive(replace(refusal, occurred_at=LONG_AGO))
    *_, shown = await entries(merchant, payment)
    assert (shown["kind"], shown["cause"], shown["code"]) == ("refusal", asked["id"], "refund_exceeds_captured")


async def test_a_postponed_attempt_stands_between_the_step_and_the_answer(gateway, merchant, payment):
    await gateway.receive(gateway.step(merchant, payment, "processing"))
    await gateway.receive(postponed(payment, 2), postponed(payment, 1), topic=OUTCOMES)
    done = report(payment, Declined(code="no"), tries=3, observed_at=LONG_AGO)
    await gateway.receive(done, topic=OUTCOMES)
    shown = [(entry["kind"], entry.get("tries")) for entry in await entries(merchant, payment)]
    assert shown[1:] == [("step", None), ("postponed", 1), ("postponed", 2), ("attempt", 3)]


def postponed(payment, tries: int = 1, **changes) -> AttemptPostponed:
    base = AttemptPostponed(
        payment_id=payment["id"], operation_id=charge_id(payment["id"], 1), kind="charge", provider="stripe", step=1,
        code="provider_unreachable", detail="no connection", tries=tries, retry_at=NOW, observed_at=NOW,
    )  # fmt: skip
    return replace(base, **changes)


async def test_a_timeline_holds_no_secret_and_nothing_about_the_customer(gateway, merchant, make):
    private = {"description": "private-1", "metadata": {"private-2": "private-3"}, "client_ref": "private-4"}
    private |= {"method": {"type": "card", "token": "pm_private5"}, "return_url": "https://private-6.example"}
    private |= {"cancel_url": "https://private-11.example"}
    payment = (await merchant.pay(make.payment | private, key="private-7")).json()
    refund = (await merchant.post(f"/v1/payments/{payment['id']}/refunds", {"reason": "private-8"})).json()
    step = gateway.step(merchant, payment, "requires_action", event="payment.requires_action")
    await gateway.receive(step, gateway.step(merchant, payment, operation=make.operation(refund)))
    action = ActionRequired(action=Redirect("https://bank.example/private-9"), reference="pi_1")
    declined = Declined(code="card_declined", message="private-10")
    await gateway.receive(report(payment, action), report(payment, declined), topic=OUTCOMES)
    stored = await gateway.pool.fetchval("SELECT string_agg(entry::text, '') FROM timeline")
    shown = (await merchant.get(f"/v1/payments/{payment['id']}/timeline")).text
    assert "card_declined" in shown
    for secret in ("private", merchant.key, make.credentials["secret_key"]):
        assert secret not in stored
        assert secret not in shown


async def test_a_long_timeline_shows_its_end(gateway, merchant, payment, monkeypatch):
    monkeypatch.setattr(store, "MAX_ENTRIES", 3)
    await gateway.receive(*(gateway.step(merchant, payment, "processing") for _ in range(5)))
    shown = await timeline(merchant, payment)
    assert [entry["step"] for entry in shown["entries"]] == [3, 4, 5]
    assert not shown["complete"]


async def test_the_timeline_of_a_payment_shows_no_other(gateway, merchant, payment):
    other = (await merchant.pay()).json()
    await gateway.receive(gateway.step(merchant, other))
    assert [entry["kind"] for entry in await entries(merchant, payment)] == ["request"]
    assert ids.is_id(other["id"], "pay")


def test_what_was_begun_at_the_provider_is_an_entry_that_nothing_here_has_caused():
    opened = OperationOpened(
        payment_id="pay_1", kind="refund", provider="stripe", reference="re_1", amount=Money(400, "USD"),
        outcome=Reversed(code="account_closed", reference="re_1"), opened_at=NOW, observed_at=NOW,
    )  # fmt: skip
    received = PaymentReceived(
        payment_id="pay_2", merchant_id="mer_1", mode="test", provider="stripe", account="till", method="card",
        reference="QK1", amount=Money(400, "USD"), account_reference="order 7", received_at=NOW, observed_at=NOW,
    )  # fmt: skip
    refund, payment = entry_of(opened, "msg_1", {}), entry_of(received, "msg_2", {})
    assert (refund.kind, refund.body["about"], refund.body["cause"]) == ("callback", "refund", None)
    assert refund.body["operation_id"] == opened_id("ref", NOW, "pay_1", "stripe", "re_1")
    assert (refund.body["result"], refund.body["code"]) == ("reversed", "account_closed")
    assert (payment.body["about"], payment.body["result"], payment.body["reference"]) == ("payment", "succeeded", "QK1")
    assert "order 7" not in str(payment.body)
    assert set(refund.body) | {"effect"} <= set(TIMELINE.components["TimelineEntry"]["properties"])
    fetched = [entry_of(replace(one, source="reconciliation"), "msg_3", {}) for one in (opened, received)]
    assert [one.kind for one in fetched] == ["reconciliation"] * 2


def test_an_outcome_that_a_statement_has_shown_is_an_entry_of_its_own_kind():
    told = OutcomeReported(
        payment_id="pay_1", operation_id="pay_1.1", kind="charge", provider="stripe", step=1, observed_at=NOW,
        outcome=Succeeded(amount=Money(400, "USD"), reference="QK1"), source="reconciliation", callback_id="fetched/QK1",
    )  # fmt: skip
    entry = entry_of(told, "msg_1", {})
    assert (entry.kind, entry.body["callback_id"], entry.body["cause"]) == ("reconciliation", "fetched/QK1", "step-1")
    step = {"kind": "step", "step": 2, "operation_id": None, "source": "reconciliation", "event": None}
    rows = [(NOW, {**entry.body}), (NOW, step | {"id": "step-2", "cause": "msg_1"})]
    assert [one.get("effect") for one in arranged(rows)] == ["step", None]


def test_every_kind_of_entry_is_described():
    described = TIMELINE.components["TimelineEntry"]["properties"]["kind"]["enum"]
    assert described == list(get_args(Kind))


@pytest.mark.parametrize("kind", ["callback", "reconciliation"])
def test_a_refund_that_others_report_is_shown_under_the_id_that_it_has_here(kind):
    report = {"kind": kind, "about": "refund", "operation_id": "ref_derived", "cause": None}
    step = {"kind": "step", "about": "refund", "operation_id": "ref_ours", "source": "callback", "event": None}
    rows = [
        (NOW, report | {"id": "msg_1"}),
        (NOW, step | {"id": "step-3", "step": 3, "cause": "msg_1"}),
        (NOW, report | {"id": "msg_2"}),
        (NOW, report | {"id": "msg_3", "operation_id": "ref_ours"}),
    ]
    shown = {entry["id"]: entry["operation_id"] for entry in arranged(rows)}
    assert shown == {"msg_1": "ref_ours", "step-3": "ref_ours", "msg_2": None, "msg_3": "ref_ours"}
