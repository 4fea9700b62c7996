"""The attempt store: one attempt an operation, in order a payment, one process at a time."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from malipo import clock
from malipo.contracts.outcomes import Succeeded, Unknown
from malipo.contracts.topics import OUTCOMES
from malipo.money import Money
from provider_kit import reports
from provider_kit.attempt_rows import FinishedAttempt
from provider_kit.attempts import LeaseLost

DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")


async def finish(replica, claimed, outcome=DONE) -> bool:
    return claimed.id in await replica.attempts.finish([end(claimed, outcome)])


def end(claimed, outcome=DONE) -> FinishedAttempt:
    return FinishedAttempt(claimed, reports.outcome_of(claimed, "fake", outcome, ()))


async def test_an_operation_that_is_requested_twice_is_one_attempt(kit, make):
    await kit.handle(make.charge(), make.charge())
    await kit.handle(make.charge(amount=Money(5, "USD")))
    (claimed,) = await kit.claim()
    assert claimed.command == make.charge()
    await finish(kit, claimed)
    await kit.handle(make.charge())
    assert await kit.claim() == []


async def test_the_operations_of_one_payment_run_one_after_the_other_and_payments_side_by_side(kit, make):
    await kit.handle(make.charge(), make.refund(1), make.refund(2), make.charge(2))
    charge, other = await kit.claim()
    assert [charge.id, other.id] == ["pay_1.1", "pay_2.1"]
    assert await kit.claim() == []
    await finish(kit, charge)
    (first,) = await kit.claim()
    assert first.id == "ref_1"
    await kit.postpone(first, seconds=60)
    assert await kit.claim() == []
    await kit.make_due()
    (again,) = await kit.claim()
    assert again.id == "ref_1"


async def test_what_one_replica_runs_no_other_claims(kit, make):
    await kit.handle(*[make.charge(number) for number in range(1, 9)])
    other = kit.another_replica()
    mine, theirs = await asyncio.gather(
        kit.attempts.claim_operations(kit.lease, 5, ()), other.attempts.claim_operations(other.lease, 5, ())
    )
    claimed = [one.id for one in (*mine, *theirs)]
    assert len(claimed) == len(set(claimed))
    rest = await other.claim()
    assert {*claimed, *(one.id for one in rest)} == {f"pay_{number}.1" for number in range(1, 9)}
    assert await kit.claim() == await other.claim() == []


async def test_the_attempt_of_a_dead_process_is_claimed_and_known_to_have_perhaps_been_sent(kit, make):
    await kit.handle(make.charge())
    (claimed,) = await kit.claim()
    assert (claimed.first_sent_at, claimed.account_fingerprint, claimed.tries) == (None, None, 1)
    await kit.mark(claimed)
    other = kit.another_replica()
    assert await other.claim() == []
    await kit.end_leases()
    (reclaimed,) = await other.claim()
    assert reclaimed.first_sent_at is not None
    assert reclaimed.account_fingerprint is not None
    assert (reclaimed.id, reclaimed.tries) == ("pay_1.1", 2)


async def test_what_a_process_claimed_and_died_before_sending_was_not_sent(kit, make):
    await kit.handle(make.charge())
    await kit.claim()
    await kit.end_leases()
    (reclaimed,) = await kit.another_replica().claim()
    assert (reclaimed.first_sent_at, reclaimed.account_fingerprint) == (None, None)


async def test_the_account_of_the_first_try_stays_on_record(kit, make):
    await kit.handle(make.charge())
    await kit.die_after_sending()
    other = kit.another_replica()
    (reclaimed,) = await other.claim()
    await other.attempts.mark(reclaimed, "another account")
    assert (await kit.row("pay_1.1"))["account_fingerprint"] == reclaimed.account_fingerprint != "another account"


async def test_the_age_of_a_key_is_measured_by_the_database(kit, make):
    await kit.handle(make.charge())
    await kit.die_after_sending()
    await kit.age_keys(hours=22)
    (reclaimed,) = await kit.another_replica().claim()
    original = await kit.attempts.original("pay_1.1")
    for known in (reclaimed, original):
        assert timedelta(hours=22) < known.ages.key_age < timedelta(hours=22, minutes=1)


async def test_a_process_that_lost_its_lease_changes_nothing(kit, make):
    await kit.handle(make.charge())
    (claimed,) = await kit.claim()
    await kit.end_leases()
    other = kit.another_replica()
    (reclaimed,) = await other.claim()
    await kit.attempts.renew(kit.lease, ["pay_1.1"])
    with pytest.raises(LeaseLost):
        await kit.mark(claimed)
    await kit.postpone(claimed, seconds=0)
    assert not await finish(kit, claimed, Unknown(reason="late"))
    assert await finish(other, reclaimed)
    assert not await finish(other, reclaimed)


async def test_what_a_process_without_the_lease_has_chosen_is_kept_neither_with_its_mark_nor_when_it_gives_up(
    kit, make
):
    await kit.handle(make.charge())
    (slow,) = await kit.claim()
    slow.references.note("made of", "one")
    await kit.end_leases()
    (quick,) = await kit.another_replica().claim()
    quick.references.note("made of", "another")
    with pytest.raises(LeaseLost):
        await kit.mark(slow)
    await kit.postpone(slow, seconds=0)
    await kit.mark(quick)
    await kit.end_leases()
    (third,) = await kit.claim()
    assert third.references.all("made of") == ["another"]


async def test_what_was_chosen_for_an_operation_that_could_not_be_sent_is_known_to_the_next_try(kit, make):
    await kit.handle(make.charge())
    (claimed,) = await kit.claim()
    claimed.references.note("made of", "one")
    await kit.postpone(claimed, seconds=0)
    (again,) = await kit.claim()
    assert again.references.all("made of") == ["one"]


async def test_a_lost_lease_affects_no_other_attempt_when_several_are_marked_together(kit, make):
    await kit.handle(*[make.charge(number) for number in (1, 2, 3)])
    first, lost, last = await kit.claim()
    await kit.lose(lost)
    results = await asyncio.gather(*[kit.mark(one) for one in (first, lost, last)], return_exceptions=True)
    assert [type(result) for result in results] == [type(None), LeaseLost, type(None)]
    marked = {one.id for one in (first, lost, last) if (await kit.row(one.id))["first_sent_at"] is not None}
    assert marked == {first.id, last.id}


async def test_attempts_that_are_marked_together_go_each_to_its_own_account(kit, make):
    await kit.handle(make.charge(1), make.charge(2))
    claimed = await kit.claim()
    await asyncio.gather(*[kit.attempts.mark(one, f"account of {one.id}") for one in claimed])
    assert [(await kit.row(one.id))["account_fingerprint"] for one in claimed] == [
        "account of pay_1.1",
        "account of pay_2.1",
    ]


async def test_attempts_that_are_ended_together_have_each_its_own_outcome_and_a_lost_one_none(kit, make):
    await kit.handle(*[make.charge(number) for number in (1, 2, 3)], make.refund(3, payment_id="pay_3"))
    first, lost, last = await kit.claim()
    await kit.lose(lost)
    ends = [end(first), end(lost), end(last, Unknown(reason="timeout"))]
    assert await kit.attempts.finish(ends) == {"pay_1.1": None, "pay_3.1": "refund"}
    published = await kit.database.reads.fetch("SELECT key, topic FROM outbox ORDER BY key")
    assert [tuple(row) for row in published] == [("pay_1", OUTCOMES.name), ("pay_3", OUTCOMES.name)]
    outcomes_on_record = [(await kit.attempts.original(f"pay_{number}.1")).outcome for number in (1, 2, 3)]
    assert outcomes_on_record == [DONE, None, Unknown(reason="timeout")]


async def test_leases_are_renewed_while_attempts_are_marked_and_ended(kit, make):
    await kit.handle(*[make.charge(number) for number in range(1, 1001)])
    claimed = sorted(await kit.attempts.claim_operations(kit.lease, 1000, ()), key=lambda one: one.id, reverse=True)

    async def finish_all() -> None:
        assert len(await kit.attempts.finish([end(one) for one in claimed])) == 1000

    renewals = [kit.attempts.renew(kit.lease, [one.id for one in claimed]) for _ in range(4)]
    await asyncio.gather(*[kit.mark(one) for one in claimed], *renewals)
    await asyncio.gather(finish_all(), *[kit.attempts.renew(kit.lease, [one.id for one in claimed]) for _ in range(4)])


async def test_a_process_does_not_claim_what_it_still_runs_although_its_lease_was_lost(kit, make):
    await kit.handle(make.charge())
    await kit.claim()
    await kit.end_leases()
    assert await kit.claim("pay_1.1") == []
    assert len(await kit.claim("pay_2.1")) == 1


async def test_a_lease_is_extended_for_what_is_still_ours(kit, make):
    await kit.handle(make.charge())
    await kit.claim()
    before = (await kit.row("pay_1.1"))["lease_until"]
    await kit.attempts.renew(kit.lease, ["pay_1.1", "pay_9.1"])
    assert (await kit.row("pay_1.1"))["lease_until"] > before


async def test_a_lease_is_known_to_be_ours_from_before_it_was_claimed_or_renewed(kit, make, monkeypatch):
    now = 1000.0

    def ticking() -> float:
        nonlocal now
        now += 1
        return now

    monkeypatch.setattr(clock, "since_boot", ticking)
    await kit.handle(make.charge(1), make.charge(2))
    kept, lost = await kit.attempts.claim_operations(kit.lease, 10, ())
    assert kept.hold.since == lost.hold.since == kept.ages.read_at == 1001
    await kit.lose(lost)
    await kit.attempts.renew(kit.lease, [kept.id, lost.id])
    assert (kept.hold.since, lost.hold.since, kept.ages.read_at) == (1002, 1001, 1001)


DAMAGES = {
    "cut short": "command = '{\"s3cret\":'",
    "another shape": """command = '{"type": "s3cret"}'""",
    "no text": "command = '\\x80ff'",
    "other headers": """headers = '["s3cret"]'""",
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_an_attempt_that_cannot_be_read_is_postponed_and_alerted_and_the_others_are_claimed(kit, make, damage):
    await kit.handle(make.charge(1), make.charge(2), make.refund(2, payment_id="pay_2"), make.charge(3))
    await kit.sql(f"UPDATE attempts SET {DAMAGES[damage]} WHERE id = 'pay_2.1'")
    with capture_logs() as events:
        assert [one.id for one in await kit.claim()] == ["pay_1.1", "pay_3.1"]
        await kit.end_leases()
        assert [one.id for one in await kit.claim()] == ["pay_1.1", "pay_3.1"]
    (event,) = events
    assert (event["event"], event["log_level"]) == ("attempt cannot be read", "error")
    assert (event["payment_id"], event["attempt_id"]) == ("pay_2", "pay_2.1")
    assert "s3cret" not in repr(event)
    bad = await kit.row("pay_2.1")
    assert (bad["tries"], bad["lease_token"], bad["lease_until"]) == (1, None, None)
    assert bad["due_at"] - bad["created_at"] >= timedelta(seconds=60)


async def test_what_was_certainly_not_sent_is_marked_so(kit, make):
    await kit.handle(make.charge())
    (claimed,) = await kit.claim()
    await kit.mark(claimed)
    assert (await kit.row("pay_1.1"))["first_sent_at"] is not None
    await kit.postpone(claimed, seconds=0)
    (again,) = await kit.claim()
    assert (again.first_sent_at, again.account_fingerprint, again.tries) == (None, None, 2)


async def test_an_operation_is_found_with_its_outcome_and_reference(kit, make):
    await kit.handle(make.charge())
    (claimed,) = await kit.claim()
    await finish(kit, claimed)
    original = await kit.attempts.original("pay_1.1")
    assert (original.operation, original.outcome, original.reference) == (make.charge(), DONE, "obj_1")


async def test_an_operation_with_a_tombstone_has_no_effect_when_it_comes_after_all(kit, make):
    assert await kit.attempts.tombstone(make.query())
    assert await kit.attempts.tombstone(make.query())
    await kit.handle(make.charge())
    assert await kit.claim() == []
    assert await kit.attempts.original("pay_1.1") is None


async def test_an_operation_that_has_come_gets_no_tombstone(kit, make):
    await kit.handle(make.charge())
    assert not await kit.attempts.tombstone(make.query())
    assert len(await kit.claim()) == 1
