"""A charge that is captured in parts, where its provider does that: what is told of it, and what is refused. Real database."""

import pytest

from malipo import ids
from malipo.contracts.commands import CancelPayment, CapturePayment, PaymentMethod, RefundPayment
from malipo.contracts.events import CommandRefused, PaymentTransitioned
from malipo.contracts.outcomes import AMOUNT_MISMATCH, Authorized, Canceled, Declined, Pending, Succeeded, Unknown
from malipo.contracts.provider_commands import Capture
from malipo.money import Money
from orchestrator import decisions

CAP_1, CAP_2, CAP_3 = (ids.new("cap") for _ in range(3))
CANCEL = ids.new("can")


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def paid(minor: int) -> Succeeded:
    return Succeeded(amount=usd(minor), reference="pi_1")


class Charge:
    """A charge of USD 10 that is held, and what its merchant and its provider say of it."""

    def __init__(self, orchestrator, make) -> None:
        self.orchestrator, self.make = orchestrator, make
        method = PaymentMethod(type="paypal")
        self.create = make.create(capture="manual", method=method, configured=("paypal",))
        self.id = self.create.payment_id

    async def hold(self) -> "Charge":
        await self.orchestrator.handle(self.create)
        await self.told(Authorized(amount=usd(1000), reference="pi_1"))
        return self

    async def told(self, outcome, kind="charge", operation_id=None, **how):
        report = self.make.report(self.id, outcome, kind, operation_id, provider="paypal", **how)
        return await self.orchestrator.handle(report)

    async def doubted(self, kind="charge", operation_id=None):
        """No trace of it is found, nor when that is asked, and asked again."""
        await self.told(Unknown(reason="silence"), kind, operation_id)
        for _ in range(2):
            await self.told(Unknown(reason="no trace"), kind, operation_id, source="query", step=99)

    async def capture(self, capture_id, amount=None, *, final=False):
        command = CapturePayment(payment_id=self.id, capture_id=capture_id, amount_minor=amount, final=final)
        return await self.orchestrator.handle(command)

    async def captured(self, capture_id, amount, *, final=False):
        await self.capture(capture_id, amount, final=final)
        return await self.told(paid(amount), "capture", capture_id)

    async def cancel(self):
        return await self.orchestrator.handle(CancelPayment(payment_id=self.id, cancel_id=CANCEL))

    async def stands(self) -> tuple[str, int]:
        row = await self.orchestrator.payment(self.id)
        return row["state"], row["captured_minor"]

    async def operation(self, operation_id) -> str:
        query = "SELECT state FROM operations WHERE id = $1"
        return await self.orchestrator.database.reads.fetchval(query, operation_id)


@pytest.fixture
async def charge(orchestrator, make):
    return await Charge(orchestrator, make).hold()


def events(messages) -> list[str]:
    return [one.public_event.type for one in messages if isinstance(one, PaymentTransitioned) and one.public_event]


def contradicted(messages) -> bool:
    return any(one.contradiction for one in messages if isinstance(one, PaymentTransitioned))


def refused(messages) -> str:
    [refusal] = [one for one in messages if isinstance(one, CommandRefused)]
    return f"{refusal.code}: {refusal.detail}"


async def test_a_part_is_told_and_the_rest_can_still_be_captured(charge):
    first = await charge.captured(CAP_1, 400)
    assert events(first) == ["payment.partially_captured"]
    assert (first[-1].payment.status, first[-1].payment.amount_captured) == ("authorized", 400)
    last = await charge.captured(CAP_2, 500, final=True)
    assert events(last) == ["payment.completed"]
    assert await charge.stands() == ("completed", 900)


async def test_each_capture_says_whether_the_rest_is_to_be_released(charge):
    [told, command] = await charge.capture(CAP_1, 400)
    assert isinstance(command, Capture)
    assert (command.amount, command.final, told.operation.final) == (usd(400), False, False)
    await charge.told(paid(400), "capture", CAP_1)
    [told, command] = await charge.capture(CAP_2, final=False)
    assert (command.amount, command.final, told.operation.final) == (usd(600), True, True)  # it leaves nothing


async def test_more_than_is_left_is_refused_and_what_is_possible_is_said(charge):
    await charge.captured(CAP_1, 400)
    assert "600 of 1000" in refused(await charge.capture(CAP_2, 601))


async def test_a_provider_that_does_one_capture_is_not_asked_for_a_part(orchestrator, make):
    create = make.create(capture="manual")
    await orchestrator.handle(create, make.report(create.payment_id, Authorized(amount=usd(1000), reference="pi_1")))
    part = CapturePayment(payment_id=create.payment_id, capture_id=CAP_1, amount_minor=400, final=False)
    assert "leave `final` out" in refused(await orchestrator.handle(part))


async def test_one_capture_is_under_way_at_a_time_also_while_it_is_pending_or_in_doubt(charge):
    await charge.capture(CAP_1, 400)
    await charge.told(Pending(reference="pi_1"), "capture", CAP_1)
    assert refused(await charge.capture(CAP_2, 100)).startswith("capture_in_progress")
    await charge.told(Unknown(reason="silence"), "capture", CAP_1)
    assert refused(await charge.capture(CAP_3, 100)).startswith("capture_in_progress")


async def test_a_capture_that_is_reported_again_and_late_adds_nothing(charge):
    await charge.captured(CAP_1, 400)
    await charge.captured(CAP_2, 300)
    for _ in range(2):
        assert await charge.told(paid(400), "capture", CAP_1) == []
    assert await charge.stands() == ("authorized", 700)
    await charge.captured(CAP_3, 100, final=True)
    assert not contradicted(await charge.told(paid(300), "capture", CAP_2))
    assert await charge.stands() == ("completed", 800)


async def test_that_the_charge_is_still_held_says_nothing_against_what_was_captured(charge):
    await charge.captured(CAP_1, 400)
    await charge.told(Authorized(amount=usd(1000), reference="pi_1"))
    assert await charge.stands() == ("authorized", 400)


@pytest.mark.parametrize("answer", [Canceled(reference="pi_1"), paid(400)])
async def test_a_cancel_after_a_part_releases_the_rest_and_the_payment_is_completed_with_the_part(charge, answer):
    await charge.captured(CAP_1, 400)
    await charge.cancel()
    assert events(await charge.told(answer, "cancel", CANCEL)) == ["payment.completed"]
    assert await charge.stands() == ("completed", 400)
    assert await charge.operation(CANCEL) == "completed"
    for again in (answer, Canceled(reference="pi_1"), paid(400)):
        assert await charge.told(again, "cancel", CANCEL) == []
        assert await charge.told(again) == []


async def test_a_cancel_that_comes_when_more_was_captured_is_too_late(charge):
    await charge.captured(CAP_1, 400)
    await charge.cancel()
    await charge.told(paid(1000), "cancel", CANCEL)
    assert await charge.stands() == ("completed", 1000)
    assert await charge.operation(CANCEL) == "failed"


@pytest.mark.parametrize("end", [Canceled(), Declined(code="authorization_expired"), paid(400)])
async def test_a_hold_that_ends_by_itself_leaves_what_was_captured(charge, end):
    await charge.captured(CAP_1, 400)
    assert events(await charge.told(end)) == ["payment.completed"]
    assert await charge.stands() == ("completed", 400)
    assert await charge.told(end) == []


@pytest.mark.parametrize("before", [0, 400])
async def test_the_end_of_a_hold_says_nothing_of_a_capture_that_is_in_doubt(charge, before):
    if before:
        await charge.captured(CAP_1, before)
    await charge.capture(CAP_2, 300)
    await charge.told(Unknown(reason="silence"), "capture", CAP_2)
    assert await charge.told(Canceled(reference="pi_1")) == []
    assert await charge.operation(CAP_2) == "in_doubt"
    await charge.told(paid(300), "capture", CAP_2)
    await charge.told(Canceled(reference="pi_1"))
    assert await charge.stands() == ("completed", before + 300)


async def test_the_whole_sum_of_an_ended_charge_says_what_became_of_the_capture_in_doubt(charge):
    await charge.captured(CAP_1, 400)
    await charge.capture(CAP_2, 300, final=True)
    await charge.told(Unknown(reason="silence"), "capture", CAP_2)
    assert events(await charge.told(paid(700))) == ["payment.completed"]
    assert await charge.operation(CAP_2) == "completed"


async def test_a_charge_that_ended_without_the_capture_in_doubt_ends_that_as_failed(charge):
    await charge.captured(CAP_1, 400)
    await charge.capture(CAP_2, 300, final=True)
    assert events(await charge.told(paid(400))) == ["payment.completed", "capture.failed"]
    assert await charge.stands() == ("completed", 400)


async def test_less_than_was_captured_is_not_believed(charge):
    await charge.captured(CAP_1, 400)
    [told, *_] = await charge.told(paid(300))
    assert (told.to_state, told.cause.detail) == ("in_doubt", AMOUNT_MISMATCH)
    assert await charge.stands() == ("in_doubt", 400)


async def test_a_capture_that_failed_here_and_was_made_all_the_same_is_counted(charge, orchestrator):
    await charge.capture(CAP_1, 400)
    await charge.doubted("capture", CAP_1)
    await decisions.decide(orchestrator.database, CAP_1, "failed", "The book has none.", "Jo")
    await orchestrator.sent()
    await charge.captured(CAP_2, 500)
    assert events(await charge.told(paid(400), "capture", CAP_1)) == ["payment.partially_captured"]
    assert await charge.stands() == ("authorized", 900)


async def test_captures_beyond_what_was_held_are_a_contradiction(charge, orchestrator):
    await charge.capture(CAP_1, 600)
    await charge.doubted("capture", CAP_1)
    await decisions.decide(orchestrator.database, CAP_1, "failed", "The book has none.", "Jo")
    await orchestrator.sent()
    await charge.captured(CAP_2, 600)
    assert contradicted(await charge.told(paid(600), "capture", CAP_1))
    assert await charge.stands() == ("authorized", 600)


async def test_a_person_who_finds_it_completed_means_all_its_captures_and_cannot_deny_a_part_that_was_reported(
    charge, orchestrator
):
    await charge.captured(CAP_1, 400)
    await charge.doubted()
    with pytest.raises(decisions.Impossible, match="against-report"):
        await decisions.decide(orchestrator.database, charge.id, "failed", "The book has none.", "Jo")
    await decisions.decide(orchestrator.database, charge.id, "completed", "The book has it.", "Jo")
    assert await charge.stands() == ("completed", 400)


async def test_what_was_captured_is_refunded_once_the_payment_is_completed(charge, orchestrator):
    await charge.captured(CAP_1, 400)
    refund = RefundPayment(payment_id=charge.id, refund_id=ids.new("ref"))
    assert "cancel to release what is left" in refused(await orchestrator.handle(refund))
    await charge.cancel()
    await charge.told(Canceled(), "cancel", CANCEL)
    refund = RefundPayment(payment_id=charge.id, refund_id=ids.new("ref"))
    [_, sent] = await orchestrator.handle(refund)
    assert sent.amount == usd(400)
