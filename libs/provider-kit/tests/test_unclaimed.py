"""A charge is run as it was recorded, without a claim: the mark leases it, and only if nobody else has had it in hand."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from malipo import clock, ids
from malipo.contracts.commands import PaymentMethod
from malipo.contracts.outcomes import AttemptPostponed, Canceled, Succeeded
from malipo.contracts.provider_commands import Withdraw
from malipo.messaging.subscription import Received
from malipo.money import Money
from provider_kit.attempt_rows import ClaimedAttempt, unclaimed
from provider_kit.errors import NotSent
from provider_kit.handlers import handle_batch
from provider_kit.runner import EXPIRED, UNREADABLE
from provider_kit.work import CONCURRENT_OPERATIONS
from testkit.waiting import until

DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
WITHDRAW = Withdraw(
    payment_id="pay_1", operation_id="pay_1.1", merchant_id="mer_1", mode="test", config_version=1, step=4
)


async def recorded(kit, command) -> ClaimedAttempt:
    """As it is handed over after the commit."""
    await kit.handle(command)
    received = Received(command, ids.new("msg"), "topic", command.payment_id, {})
    return unclaimed(received, kit.lease)


@pytest.fixture
async def running(kit, monkeypatch):
    """The executor of operations, which looks by itself once, at its beginning. Returns how often it has."""
    claims, claim = [], kit.attempts._claim

    async def counted(*args):
        claims.append(args)
        return await claim(*args)

    monkeypatch.setattr(kit.attempts, "_claim", counted)
    operations = kit.runner.work.operations
    monkeypatch.setattr(operations, "_poll_seconds", 3600)
    task = asyncio.create_task(operations.run())
    await until(lambda: claims and not operations._claiming, what="the first look")
    yield lambda: len(claims)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def before_the_mark(kit, act) -> None:
    """Have this happen while the attempt is prepared."""

    async def prepare(attempt) -> None:
        kit.provider.prepare = type(kit.provider).prepare.__get__(kit.provider)
        await act()

    kit.provider.prepare = prepare


@pytest.mark.usefixtures("running")
async def test_a_charge_is_carried_out_without_a_claim(kit, make, running):
    await kit.handle(make.charge())

    async def answered() -> bool:
        return (await kit.row("pay_1.1"))["done_at"] is not None

    await until(answered, what="the answer")
    assert (await kit.outcomes(), running()) == ([DONE], 1)
    row = await kit.row("pay_1.1")
    assert (row["tries"], row["lease_token"]) == (1, None)


async def test_what_comes_after_something_is_claimed_in_its_turn(kit, make, running):
    await kit.handle(make.refund())
    await until(lambda: kit.provider.executed, what="the refund")
    assert running() >= 2


async def test_no_account_takes_more_than_its_share_and_all_are_carried_out(kit, make, running, monkeypatch):
    go, at_once = asyncio.Event(), []

    async def wait(attempt):
        at_once.append(attempt)
        await go.wait()
        return DONE

    monkeypatch.setattr(kit.provider, "execute", wait)
    for number in range(1, 41):
        await kit.handle(make.charge(number))
    await until(lambda: len(at_once) == CONCURRENT_OPERATIONS // 2, what="half of the slots")
    assert len(kit.runner.work.operations._running) == CONCURRENT_OPERATIONS // 2
    go.set()

    async def all_reported() -> bool:
        return await kit.database.reads.fetchval("SELECT count(*) FROM outbox") == 40

    await until(all_reported, what="forty outcomes")
    assert len(at_once) == 40


async def test_the_mark_leases_it_and_tells_how_long_it_may_still_be_sent(kit, make, monkeypatch):
    seen = []

    async def look(attempt):
        seen.append((await kit.row("pay_1.1"), attempt.ages))
        return DONE

    monkeypatch.setattr(kit.provider, "execute", look)
    await kit.runner.run(await recorded(kit, make.charge(expires_at=clock.now() + timedelta(seconds=60))))
    [(row, ages)] = seen
    assert (row["lease_token"], row["tries"]) == (kit.lease.token, 1)
    assert row["lease_until"] - row["first_sent_at"] == timedelta(seconds=kit.lease.seconds)
    assert timedelta(seconds=30) < ages.expires_in < timedelta(seconds=90)


async def test_what_another_process_has_claimed_meanwhile_is_left_to_it_without_a_word(kit, make):
    claimed, other = await recorded(kit, make.charge()), kit.another_replica()
    theirs = []

    async def be_faster() -> None:
        theirs.extend(await other.attempts.claim_operations(kit.lease, 10, []))  # under the same token, even

    before_the_mark(kit, be_faster)
    with capture_logs() as lines:
        await kit.runner.run(claimed)
    assert (kit.provider.executed, await kit.reports(), lines) == ([], [], [])
    await other.runner.run(*theirs)
    assert (await kit.outcomes(), len(kit.provider.executed)) == ([DONE], 1)


async def test_of_two_that_hold_it_unclaimed_one_sends_it(kit, make):
    first = await recorded(kit, make.charge())
    second = await recorded(kit, make.charge())
    await asyncio.gather(kit.runner.run(first), kit.another_replica().runner.run(second))
    assert (await kit.outcomes(), len(kit.provider.executed)) == ([DONE], 1)


async def test_a_command_that_comes_again_starts_nothing(kit, make):
    await kit.runner.run(await recorded(kit, make.charge()))
    assert await kit.outcomes() == [DONE]
    await kit.runner.run(await recorded(kit, make.charge()))
    assert (await kit.reports(), len(kit.provider.executed)) == ([], 1)


async def test_a_command_that_comes_again_while_it_is_carried_out_leaves_its_lease_to_be_renewed(kit, make):
    await kit.handle(make.charge())
    (claimed,) = await kit.claim()
    since = claimed.hold.since
    await kit.handle(make.charge())
    await kit.attempts.renew(kit.lease, [claimed.id])
    assert claimed.hold.since > since


async def test_its_lease_is_renewed_from_its_mark_on(kit, make):
    claimed = await recorded(kit, make.charge())
    await kit.attempts.renew(kit.lease, [claimed.id])
    assert (await kit.row("pay_1.1"))["lease_until"] is None
    await kit.mark(claimed)
    since = claimed.hold.since
    await kit.attempts.renew(kit.lease, [claimed.id])
    assert claimed.hold.since > since


async def test_one_that_was_perhaps_sent_before_is_not_taken_for_new(kit, make):
    claimed = await recorded(kit, make.charge())
    await kit.die_after_sending()
    await kit.runner.run(claimed)
    assert (kit.provider.executed, await kit.reports()) == ([], [])
    await kit.run()
    (report,) = await kit.reports()
    assert (report.tries, [one.error for one in report.exchanges]) == (2, ["answer_never_recorded"])


async def test_one_that_dies_before_its_mark_can_be_claimed_at_once(kit, make):
    claimed = await recorded(kit, make.charge())

    async def die() -> None:
        raise asyncio.CancelledError

    before_the_mark(kit, die)
    with pytest.raises(asyncio.CancelledError):
        await kit.runner.run(claimed)
    assert await kit.another_replica().run() == 1
    assert await kit.outcomes() == [DONE]


async def test_one_that_is_withdrawn_before_its_mark_is_never_sent(kit, make):
    claimed = await recorded(kit, make.charge())

    async def withdraw() -> None:
        async with kit.database.begin() as unit:
            batch = [Received(WITHDRAW, ids.new("msg"), "topic", "pay_1")]
            await handle_batch("fake", kit.attempts, kit.runner.work, unit, batch)

    before_the_mark(kit, withdraw)
    await kit.runner.run(claimed)
    assert (await kit.outcomes(), kit.provider.executed) == ([Canceled()], [])


async def test_one_that_ends_unsent_is_leased_for_that(kit, make):
    await kit.runner.run(await recorded(kit, make.charge(expires_at=clock.now() - timedelta(seconds=60))))
    await kit.runner.run(await recorded(kit, make.charge(2, method=PaymentMethod(type="card", details={}))))
    assert (await kit.outcomes(), kit.provider.executed) == ([EXPIRED, UNREADABLE], [])
    assert await kit.claim() == []


async def test_one_that_could_not_be_sent_waits_and_is_tried_again(kit, make):
    claimed = await recorded(kit, make.charge())

    async def be_away() -> None:
        raise NotSent("no connection")

    before_the_mark(kit, be_away)
    await kit.runner.run(claimed)
    (postponed,) = await kit.reports()
    assert isinstance(postponed, AttemptPostponed)
    row = await kit.row("pay_1.1")
    assert (row["tries"], row["lease_token"], row["first_sent_at"]) == (1, None, None)
    await kit.make_due()
    await kit.run()
    assert ([one.tries for one in await kit.reports()], len(kit.provider.executed)) == ([2], 1)


async def test_what_another_has_claimed_is_neither_ended_nor_postponed_by_who_could_not_send_it(kit, make):
    claimed = await recorded(kit, make.charge())

    async def be_away() -> None:
        await kit.another_replica().attempts.claim_operations(kit.lease, 10, [])
        raise NotSent("no connection")

    before_the_mark(kit, be_away)
    await kit.runner.run(claimed)
    assert (await kit.reports(), (await kit.row("pay_1.1"))["lease_token"]) == ([], kit.lease.token)
