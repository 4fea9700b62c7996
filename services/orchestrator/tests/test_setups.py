"""A method is saved without a payment: by the steps of a payment, under the method's own id, and no money moves."""

from datetime import timedelta
from itertools import permutations

import pytest
from msgspec.structs import replace as changed

from malipo import clock, ids
from malipo.contracts.commands import DetachMethod, PaymentMethod, ResendEvents, SavedReference, SaveMethod
from malipo.contracts.events import PaymentTransitioned, event_body
from malipo.contracts.identity import charge_id
from malipo.contracts.message import encode
from malipo.contracts.outcomes import (
    ActionRequired,
    Canceled,
    Declined,
    Detached,
    Kept,
    OutcomeReported,
    Pending,
    Redirect,
    Saved,
    Unknown,
)
from malipo.contracts.provider_commands import Cancel, Charge, Detach, Query, Setup
from orchestrator import handlers, setups
from orchestrator.advance import Fold
from orchestrator.machine import Ignored
from orchestrator.states import State, Subject, Trigger
from testkit.operations import card

THERE = SavedReference(reference="pm_at_stripe", holder="cus_at_stripe")
VISA = Saved(method=THERE, brand="visa", last_four="4242", exp_month=8, exp_year=2030, fingerprint="f1")
KEPT = Kept(saved=VISA, reference="seti_1")
DECLINED, CANCELED = Declined(code="card_declined", reference="seti_1"), Canceled(reference="seti_1")
PAGE = ActionRequired(action=Redirect("https://hooks.stripe.com/3ds"), reference="seti_1")
UNKNOWN, PENDING = Unknown(reason="timeout"), Pending(reference="seti_1")


def save(**changes) -> SaveMethod:
    values = {
        "payment_id": ids.new("pm"), "merchant_id": "mer_1", "mode": "test", "method": card("pm_card_visa"),
        "customer_ref": "customer-7", "config_version": 1, "configured": ("stripe",), "client_ref": "card 7",
        "metadata": {"a": "b"}, "return_url": "https://shop.example/back", "expires_at": clock.now() + timedelta(minutes=15),
    }  # fmt: skip
    return SaveMethod(**values | changes)


def of(messages, kind) -> list:
    return [one for one in messages if isinstance(one, kind)]


class Told:
    """One setup that is told what happens to it, without a database, and what was sent of it."""

    def __init__(self, **changes) -> None:
        command = save(**changes)
        self.now, self.sent, self.ignored = clock.now(), [], []
        self.setup = setups.new_setup(command, {}, self.now)
        self.handle(command)

    def handle(self, message) -> list:
        fold = Fold(self.setup, self.now, getattr(message, "source", "merchant"), "msg_1")
        handlers._decide_or_refuse(fold, message)
        return self.keep(fold)

    def keep(self, fold) -> list:
        self.sent += fold.messages
        self.ignored += fold.ignored
        return fold.messages

    def report(self, outcome, source="callback", kind="setup", operation_id=None) -> list:
        return self.handle(
            OutcomeReported(
                payment_id=self.setup.id, operation_id=operation_id or charge_id(self.setup.id, 1), kind=kind,
                provider="stripe", outcome=outcome, source=source, step=1, observed_at=self.now,
            )
        )  # fmt: skip

    def overdue(self, subject_id: str | None = None) -> list:
        fold = Fold(self.setup, self.now, "deadline", "deadline:1")
        fold.overdue(subject_id or self.setup.id)
        return self.keep(fold)

    @property
    def events(self) -> list:
        return [one.public_event.type for one in of(self.sent, PaymentTransitioned) if one.public_event]

    @property
    def view(self):
        return of(self.sent, PaymentTransitioned)[-1].payment_method


async def test_the_provider_is_asked_to_keep_it_and_that_it_has_is_told_with_the_card(orchestrator, make):
    command = save()
    step, setup = await orchestrator.handle(command)
    assert isinstance(setup, Setup)
    assert (setup.operation_id, setup.customer_ref) == (charge_id(command.payment_id, 1), "customer-7")
    assert (step.payment, step.payment_method.status, step.payment_method.card) == (None, "pending", None)
    [saved] = await orchestrator.handle(make.report(command.payment_id, KEPT, "setup"))
    method = saved.payment_method
    assert (saved.public_event.type, saved.public_event.sequence) == ("payment_method.saved", 1)
    assert (method.id, method.status, method.card.last_four) == (command.payment_id, "active", "4242")
    assert (method.client_ref, method.metadata, method.payment_id) == ("card 7", {"a": "b"}, None)
    body = event_body(saved)
    assert set(body["data"]) == {"id", "sequence", "mode", "payment_method"}
    assert not any(name in encode(saved) for name in (b"pm_at_stripe", b"cus_at_stripe"))


async def test_a_payment_is_made_with_it_as_with_one_that_a_payment_has_saved(orchestrator, make):
    command = save()
    await orchestrator.handle(command, make.report(command.payment_id, KEPT, "setup"))
    method = PaymentMethod(type="saved", details={"id": command.payment_id, "initiator": "merchant"})
    step, charge = await orchestrator.handle(make.create(method=method))
    assert isinstance(charge, Charge)
    assert (charge.method.saved, step.payment.payment_method) == (THERE, command.payment_id)
    [refused] = await orchestrator.handle(make.create(method=method, merchant_id="mer_2"))
    assert refused.payment.failure.code == "method_unavailable"


async def test_what_is_not_kept_yet_cannot_be_paid_with(orchestrator, make):
    command = save()
    await orchestrator.handle(command)
    method = PaymentMethod(type="saved", details={"id": command.payment_id, "initiator": "merchant"})
    [step] = await orchestrator.handle(make.create(method=method))
    assert step.payment.failure.code == "method_unavailable"


async def test_it_is_kept_once_however_often_it_is_reported_and_a_command_that_comes_again_begins_nothing(
    orchestrator, make
):
    command = save()
    await orchestrator.handle(command, make.report(command.payment_id, KEPT, "setup"))
    assert await orchestrator.handle(make.report(command.payment_id, KEPT, "setup", source="query")) == []
    again = await orchestrator.handle(command)
    assert [one.step for one in again] == [1, 2]
    resent = await orchestrator.handle(ResendEvents(payment_id=command.payment_id))
    assert [encode(one) for one in resent] == [encode(one) for one in again]
    rows = await orchestrator.database.reads.fetch("SELECT id, payment_id, reference FROM payment_methods")
    assert [tuple(row) for row in rows] == [(command.payment_id, command.payment_id, "pm_at_stripe")]
    row = await orchestrator.payment(command.payment_id)
    assert (row["subject"], row["amount_minor"], row["captured_minor"], row["state"]) == ("setup", 0, 0, "completed")


async def test_a_customer_who_comes_back_has_saved_it_and_one_who_never_does_has_it_canceled(orchestrator, make):
    back, never = save(), save(expires_at=clock.now() + timedelta(seconds=0.2))
    await orchestrator.handle(back, never)
    for one in (back, never):
        [waiting] = await orchestrator.handle(make.report(one.payment_id, PAGE, "setup"))
        shown = waiting.payment_method
        assert (waiting.public_event.type, shown.status) == ("payment_method.requires_action", "requires_action")
        assert (shown.action, shown.status_reason) == (PAGE.action, "awaiting_customer")
    [saved] = await orchestrator.handle(make.report(back.payment_id, KEPT, "setup", source="query"))
    assert (saved.payment_method.status, saved.payment_method.action) == ("active", None)
    await orchestrator.database.write("UPDATE payments SET expires_at = now() - interval '1 minute'")
    await orchestrator.database.write("UPDATE timers SET due_at = now() - interval '1 second'")
    async with orchestrator.database.begin() as unit:
        await handlers.fire_timers(unit, [back.payment_id, never.payment_id])
    sent = await orchestrator.sent()
    [cancel] = of(sent, Cancel)
    assert (cancel.reference, cancel.of) == ("seti_1", "setup")
    over = await orchestrator.handle(make.report(never.payment_id, CANCELED, "cancel", cancel.operation_id))
    [told] = [one for one in over if one.public_event]
    assert (told.public_event.type, told.payment_method.status) == ("payment_method.expired", "expired")


def test_a_decline_is_told_with_its_code_and_the_method_may_be_kept_after_all():
    told = Told()
    told.report(DECLINED)
    assert (told.events, told.view.status, told.view.failure.code) == (
        ["payment_method.failed"],
        "failed",
        "card_declined",
    )
    told.report(KEPT)
    assert (told.events[-1], told.view.status, told.view.failure) == ("payment_method.saved", "active", None)


def test_silence_is_doubt_and_has_the_provider_asked_until_it_answers():
    told = Told()
    told.report(UNKNOWN, source="attempt")
    [query] = of(told.sent, Query)
    assert (query.kind, query.operation_id) == ("setup", charge_id(told.setup.id, 1))
    assert (told.view.status, told.view.status_reason) == ("pending", "awaiting_provider_confirmation")
    told.overdue()
    assert len(of(told.sent, Setup)) == 2, "sent again in front of the query: it may have been lost"
    told.report(KEPT, source="query")
    assert told.events == ["payment_method.saved"]


def test_a_cancel_that_came_too_late_ends_and_the_method_is_kept():
    told = Told()
    told.report(PAGE)
    told.now = told.setup.expires_at
    told.overdue()
    [cancel] = of(told.sent, Cancel)
    told.report(Declined(code="setup_intent_unexpected_state"), "attempt", "cancel", cancel.operation_id)
    assert told.setup.operations[cancel.operation_id].state is State.FAILED
    told.overdue()
    assert [one.kind for one in of(told.sent, Query)] == ["setup"]
    told.report(KEPT, source="query")
    assert (told.setup.state, told.events[-1]) == (State.COMPLETED, "payment_method.saved")


def test_a_method_that_is_kept_while_its_cancel_is_under_way_ends_the_cancel():
    told = Told()
    told.report(PAGE)
    told.now = told.setup.expires_at
    told.overdue()
    told.report(KEPT)
    [cancel] = told.setup.operations.values()
    assert (cancel.state, cancel.failure.code) == (State.FAILED, "payment_method_saved")
    assert told.setup.state is State.COMPLETED


def test_what_somebody_cancels_at_the_provider_before_its_time_has_failed():
    told = Told()
    told.report(PAGE)
    told.report(CANCELED)
    assert (told.view.status, told.view.failure.code, told.events[-1]) == (
        "failed",
        "setup_canceled",
        "payment_method.failed",
    )


@pytest.mark.parametrize("late", [True, False], ids=["at the orchestrator", "at the provider's service"])
def test_what_expires_before_it_could_be_sent_is_expired_and_no_failure(late):
    told = Told(**({"expires_at": clock.now() - timedelta(seconds=1)} if late else {}))
    if not late:
        told.report(Declined(code="expired", message="too late"), source="attempt")
    assert (told.events, told.view.status, told.view.failure) == (["payment_method.expired"], "expired", None)
    assert len(of(told.sent, Setup)) == (0 if late else 1)


def test_what_becomes_of_its_card_later_is_told_as_of_any_other():
    told = Told()
    told.report(KEPT)
    told.report(Kept(saved=changed(VISA, last_four="1881"), reference="seti_1"), source="query")
    assert (told.events[-1], told.view.card.last_four, told.view.status) == ("payment_method.updated", "1881", "active")
    told.report(Kept(saved=changed(VISA, last_four="1881", attached=False), reference="seti_1"), source="query")
    assert (told.events[-1], told.view.status) == ("payment_method.detached", "detached")
    assert told.events.count("payment_method.saved") == 1


def test_a_card_that_was_detached_before_it_was_told_of_is_told_of_as_saved_and_detached():
    told = Told()
    told.report(Kept(saved=changed(VISA, attached=False), reference="seti_1"), source="query")
    assert told.events == ["payment_method.saved", "payment_method.detached"]


def test_its_merchant_detaches_it_under_its_own_id():
    told = Told()
    told.report(KEPT)
    told.handle(DetachMethod(payment_id=told.setup.id, detach_id=ids.new("det")))
    [command] = of(told.sent, Detach)
    assert (command.reference, told.view.status) == ("pm_at_stripe", "detaching")
    told.report(Detached(), "attempt", "detach", command.operation_id)
    assert (told.events[-1], told.view.status) == ("payment_method.detached", "detached")


def test_what_no_provider_keeps_fails_and_nothing_is_sent():
    for changes in ({"provider": "paypal"}, {"configured": ()}, {"method": PaymentMethod(type="mpesa")}):
        told = Told(**changes)
        assert (told.events, told.view.failure.code) == (["payment_method.failed"], "provider_unsupported")
        assert not of(told.sent, Setup)


@pytest.mark.parametrize(
    "order",
    list(permutations([PAGE, KEPT, PENDING, UNKNOWN])),
    ids=lambda order: " ".join(type(one).__name__ for one in order),
)
def test_whatever_order_reports_come_in_the_method_is_kept_once_and_no_charge_is_sent(order):
    told = Told()
    for outcome in (*order, KEPT):
        told.report(outcome, source="query" if outcome is UNKNOWN else "callback")
    assert (told.setup.state, told.events.count("payment_method.saved")) == (State.COMPLETED, 1)
    assert told.setup.captured_minor == 0
    assert not of(told.sent, Charge)
    assert Ignored.CONTRADICTION not in told.ignored


def test_a_person_can_only_decide_that_it_has_failed():
    told = Told()
    told.report(UNKNOWN)
    fold = Fold(told.setup, told.now, "operator", "operator:x", because="The book shows none.")
    fold.decide(Trigger.DECIDED_FAILED, None)
    told.keep(fold)
    assert (told.view.failure.code, told.setup.subject) == ("decided_by_operator", Subject.SETUP)
