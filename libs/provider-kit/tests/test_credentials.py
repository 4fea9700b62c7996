"""Merchants' credentials: how they arrive, what waits for them, and what a change means for what was sent."""

import asyncio
from functools import partial
from types import SimpleNamespace
from unittest.mock import AsyncMock, Mock

import pytest
from structlog.testing import capture_logs

from malipo.contracts.outcomes import Declined, Succeeded, Unknown
from malipo.messaging.subscription import Received
from malipo.money import Money
from malipo.platform.recent import Recent
from malipo.platform.secrets import SecretUnreadable
from provider_kit.credentials import NoCredentials
from provider_kit.errors import Lacking, Misconfigured, NotSent
from provider_kit.provider import fingerprint

NEW = b'{"secret": "new"}'
DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
THREE_UNREACHABLE = [NotSent("no connection")] * 3  # one run tries quickly three times


async def test_a_refund_that_may_have_been_sent_is_in_doubt_when_the_credentials_stay_away(kit, make):
    await kit.handle(make.refund())
    await kit.die_after_sending()
    await kit.configure(type(make.configured())(merchant_id="mer_1", version=2))
    await kit.grow_old(hours=25)
    await kit.run()
    assert await kit.outcomes() == [Unknown(reason="provider_misconfigured")]


async def test_what_was_perhaps_sent_to_another_account_is_handed_on_as_such(kit, make):
    kit.provider.script = [Unknown(reason="account_changed")] * 2
    await kit.handle(make.charge(), make.query())
    await kit.die_after_sending()
    await kit.configure(make.configured(2, credentials=b'{"secret": "of another account"}'))
    with capture_logs() as events:
        await kit.run()
        await kit.run()
    (executed,), (queried,) = kit.provider.executed, kit.provider.queried
    assert (executed.same_account, queried.same_account) == (False, False)
    assert [event["event"] for event in events if event["log_level"] == "error"] == ["provider account changed"] * 2


@pytest.mark.parametrize("reason", ["account_changed", "error_stored"])
async def test_doubts_about_operations_do_not_open_the_circuit(kit, make, reason):
    kit.provider.script = [Unknown(reason=reason)] * 5
    await kit.handle(*[make.charge(number) for number in range(1, 6)])
    await kit.run()
    await kit.handle(make.charge(6))
    await kit.run()
    assert (await kit.outcomes())[5] == DONE


async def test_the_same_account_is_known_again_and_the_first_try_has_no_other(kit, make):
    await kit.configure(make.configured(2, credentials=b'{"secret": "s2"}'))
    await kit.handle(make.charge(1))
    await kit.run()
    await kit.configure(make.configured(3, credentials=b'{"secret": "s3"}'))
    await kit.handle(make.charge(2), make.query("pay_2.1"))
    await kit.run()
    kit.provider.script = [DONE]
    await kit.run()
    assert {attempt.same_account for attempt in (*kit.provider.executed, *kit.provider.queried)} == {True}


async def test_what_certainly_was_not_sent_may_go_to_another_account(kit, make):
    kit.provider.script = [*THREE_UNREACHABLE]
    await kit.handle(make.charge())
    await kit.run()
    await kit.configure(make.configured(2, credentials=b'{"secret": "of another account"}'))
    await kit.make_due()
    await kit.run()
    assert [attempt.same_account for attempt in kit.provider.executed] == [True] * 4
    assert (await kit.row("pay_1.1"))["account_fingerprint"] == fingerprint(
        kit.provider, {"secret": "of another account"}
    )


async def test_an_account_is_on_record_before_anything_is_sent_and_its_secret_is_not(kit, make, monkeypatch):
    async def look(attempt):
        return Unknown(reason=str((await kit.row("pay_1.1"))["account_fingerprint"]))

    monkeypatch.setattr(kit.provider, "execute", look)
    await kit.configure(make.configured(2, credentials=b'{"secret": "s3cret"}'))
    await kit.handle(make.charge())
    await kit.run()
    (outcome,) = await kit.outcomes()
    assert outcome.reason == fingerprint(kit.provider, {"secret": "s3cret"})
    assert "s3cret" not in str(await kit.row("pay_1.1"))


async def test_a_charge_under_refused_credentials_is_declined_at_once(kit, make):
    kit.provider.script = [Misconfigured("the key was refused")]
    await kit.handle(make.charge())
    await kit.run()
    assert await kit.outcomes() == [Declined(code="provider_misconfigured", message="the key was refused")]


async def test_a_refund_that_the_credentials_were_never_meant_for_is_declined_at_once(kit, make):
    kit.provider.script = [Lacking("there is no initiator")]
    await kit.handle(make.refund())
    await kit.run()
    assert await kit.outcomes() == [Declined(code="provider_misconfigured", message="there is no initiator")]


async def test_a_refund_under_refused_credentials_waits_for_new_ones(kit, make):
    kit.provider.script = [Misconfigured("the key was refused")]
    await kit.handle(make.refund())
    await kit.run()
    assert await kit.run() == 0
    await kit.configure(make.configured(2))
    assert await kit.run() == 1
    assert await kit.outcomes() == [DONE]


async def test_a_new_configuration_makes_nothing_due_that_waits_for_the_provider(kit, make):
    kit.provider.script = [NotSent("rate limited", retry_after_seconds=30)]
    await kit.handle(make.refund())
    await kit.run()
    await kit.configure(make.configured())
    await kit.configure(make.configured(2))
    assert await kit.run() == 0
    assert await kit.database.reads.fetchval("SELECT due_at > now() + interval '20 seconds' FROM attempts")


async def test_a_refund_looks_ever_less_often_for_a_configuration_that_does_not_come(kit, make):
    await kit.handle(make.refund(config_version=3))
    waits = []
    for _ in range(8):
        await kit.run()
        waits.append(
            await kit.database.reads.fetchval("SELECT extract(epoch FROM due_at - now())::float8 FROM attempts")
        )
        await kit.make_due()
    assert waits[0] < 0.3
    assert 3 < waits[-1] < 7


async def test_a_charge_of_a_merchant_without_credentials_is_declined(kit, make):
    await kit.handle(make.charge(mode="live"))
    await kit.run()
    (outcome,) = await kit.outcomes()
    assert outcome.code == "provider_misconfigured"
    assert "PUT /v1/provider-credentials" in outcome.message


@pytest.mark.parametrize("credentials", [b"no json: s3cret", b'["s3cret"]'])
async def test_credentials_that_cannot_be_read_end_a_charge_and_are_not_shown(kit, make, credentials, caplog):
    await kit.configure(make.configured(2, credentials=credentials))
    await kit.handle(make.charge())
    await kit.run()
    (outcome,) = await kit.outcomes()
    assert outcome.code == "provider_misconfigured"
    assert "s3cret" not in f"{outcome} {caplog.text}"


async def test_a_command_that_relies_on_a_newer_configuration_waits_for_it(kit, make):
    await kit.handle(make.charge(config_version=3))
    await kit.run()
    await kit.configure(make.configured(2))
    await kit.run()
    assert kit.provider.executed == []
    await kit.configure(make.configured(3))
    assert await kit.run() == 1
    assert await kit.outcomes() == [DONE]
    assert kit.provider.executed[0].first_sent_at is None


async def test_a_charge_does_not_wait_for_ever_for_a_configuration_that_never_comes(bare_kit, make):
    await bare_kit.handle(make.charge())
    await bare_kit.grow_old(seconds=61)
    await bare_kit.run()
    (outcome,) = await bare_kit.outcomes()
    assert outcome.code == "configuration_behind"
    assert bare_kit.provider.executed == []


async def test_an_older_configuration_that_comes_late_changes_nothing(kit, make):
    await kit.configure(make.configured(5, credentials=b'{"secret": "new"}'), make.configured(4))
    await kit.handle(make.charge())
    await kit.run()
    assert kit.provider.executed[0].credentials == {"secret": "new"}


async def test_an_equal_configuration_mends_a_replica_that_was_damaged(kit, make):
    await kit.sql("DELETE FROM credentials")
    await kit.configure(make.configured())
    await kit.handle(make.charge())
    await kit.run()
    assert await kit.outcomes() == [DONE]


async def test_a_batch_applies_each_merchants_newest_configuration_and_locks_in_one_order(kit, make):
    newest = make.configured(9, credentials=b'{"secret": "newest"}')
    two = make.configured(1, "mer_2", id="cred_2")
    await kit.configure(two, make.configured(7), newest, make.configured(8), make.configured(0, "mer_0", id="cred_0"))
    rows = await kit.database.reads.fetch(
        "SELECT merchant_id, version FROM merchants ORDER BY ctid"
    )  # as they were written
    assert [tuple(row) for row in rows] == [("mer_0", 0), ("mer_1", 9), ("mer_2", 1)]
    assert (await kit.credentials.of_merchant("mer_1", "test", "default", 9, anew=True)).credentials == {
        "secret": "newest"
    }
    assert (await kit.credentials.of_merchant("mer_2", "test", "default", 1, anew=True)).credentials == {"secret": "s"}


async def test_credentials_that_were_deleted_are_gone(kit, make):
    other = make.credential(id="cred_2", provider="another")
    await kit.configure(type(make.configured())(merchant_id="mer_1", version=2, credentials=(other,)))
    await kit.handle(make.charge())
    await kit.run()
    assert (await kit.outcomes())[0].code == "provider_misconfigured"


@pytest.fixture
def clock(monkeypatch):
    """The clock that credentials are kept by, which the test turns."""
    turned = SimpleNamespace(seconds=1000.0)
    for module in ("malipo.platform.recent", "provider_kit.credentials"):
        monkeypatch.setattr(f"{module}.clock", SimpleNamespace(monotonic=lambda: turned.seconds))
    return turned


async def secrets(replica) -> set:
    """The secret as this replica knows it, by both ways to it."""
    known = (
        await replica.credentials.of_merchant("mer_1", "test", "default", 1, anew=False),
        await replica.credentials.by_id("cred_1"),
    )
    return {known[0].credentials["secret"], known[1].credentials["secret"]}


async def test_a_replaced_credential_is_used_at_once_here_and_within_half_a_second_elsewhere(clock, kit, make):
    other = kit.another_replica()
    assert await secrets(kit) == await secrets(other) == {"s"}
    await kit.configure(make.configured(2, credentials=NEW))
    clock.seconds += 0.3
    assert (await secrets(kit), await secrets(other)) == ({"new"}, {"s"})
    clock.seconds += 0.2
    assert await secrets(other) == {"new"}


async def test_a_deleted_credential_is_used_no_longer_than_half_a_second(clock, kit, make):
    other = kit.another_replica()
    await secrets(other)
    await kit.configure(type(make.configured())(merchant_id="mer_1", version=2))
    clock.seconds += 0.5
    for replica in (kit, other):
        with pytest.raises(NoCredentials):
            await replica.credentials.of_merchant("mer_1", "test", "default", 1, anew=False)
        with pytest.raises(NoCredentials):
            await replica.credentials.by_id("cred_1")


async def test_a_configuration_that_was_not_committed_is_not_used(kit, make):
    await secrets(kit)
    with pytest.raises(ZeroDivisionError):
        async with kit.database.begin() as unit:
            newer = make.configured(2, credentials=NEW)
            await kit.credentials.replicate(lambda: None, unit, [Received(newer, "msg_1", "topic", "mer_1")])
            assert await secrets(kit) == {"s"}
            raise ZeroDivisionError
    assert await secrets(kit) == {"s"}


async def test_a_burst_reads_a_credential_once(clock, kit, monkeypatch):
    opened = Mock(wraps=kit.credentials._key_ring.open)
    monkeypatch.setattr(kit.credentials, "_key_ring", Mock(open=opened))
    credentials, merchant = (
        partial(kit.credentials.of_merchant, "mer_1", "test", "default", 1, anew=False),
        kit.credentials.by_id,
    )
    await asyncio.gather(*[credentials() for _ in range(50)], *[merchant("cred_1") for _ in range(50)])
    assert opened.call_count == 2


@pytest.mark.parametrize("callback_first", [False, True])
async def test_a_call_and_its_callback_read_a_credential_once_and_together_no_longer(
    clock, kit, make, monkeypatch, callback_first
):
    ways = [
        partial(kit.credentials.of_merchant, "mer_1", "test", "default", 1, anew=False),
        partial(kit.credentials.by_id, "cred_1"),
    ]
    first, second = reversed(ways) if callback_first else ways
    opened = Mock(wraps=kit.credentials._key_ring.open)
    monkeypatch.setattr(kit.credentials, "_key_ring", Mock(open=opened))
    await first()
    clock.seconds += 0.3
    await second()
    assert opened.call_count == 1
    await kit.another_replica().configure(make.configured(2, credentials=NEW))
    clock.seconds += 0.2  # half a second after it was read, by whichever way
    assert {(await way()).credentials["secret"] for way in (second, first)} == {"new"}


async def test_a_command_that_needs_a_newer_configuration_than_the_one_that_is_kept_waits_for_it(kit, make):
    other = kit.another_replica()
    await kit.handle(make.charge(1))
    await other.run()
    await kit.handle(make.charge(2, config_version=2))
    await other.run()
    assert (await kit.row("pay_2.1"))["problem"].startswith("configuration_behind")
    await kit.configure(make.configured(2, credentials=NEW))
    await other.run()
    assert [attempt.credentials["secret"] for attempt in kit.provider.executed] == ["s", "new"]


async def test_a_command_uses_a_newer_configuration_as_soon_as_it_needs_one(kit, make):
    other = kit.another_replica()
    await kit.handle(make.charge(1))
    await other.run()
    await kit.configure(make.configured(2, credentials=NEW))
    await kit.handle(make.charge(2, config_version=2))
    await other.run()
    assert [attempt.credentials["secret"] for attempt in kit.provider.executed] == ["s", "new"]


async def test_an_operation_that_a_new_credential_wakes_is_sent_with_it_by_every_replica(kit, make):
    kit.provider.script = [Misconfigured("the key was refused")]
    other = kit.another_replica()
    await kit.handle(make.refund())
    await other.run()
    await kit.configure(make.configured(2, credentials=NEW))
    await other.run()
    assert [attempt.credentials["secret"] for attempt in kit.provider.executed] == ["s", "new"]
    assert await kit.outcomes() == [DONE]


async def test_a_key_that_comes_back_into_the_ring_is_used_at_once(kit):
    ciphertext = await kit.database.reads.fetchval("SELECT ciphertext FROM credentials")
    await kit.sql("UPDATE credentials SET ciphertext = 'v1.k9.a.b'")
    with pytest.raises(SecretUnreadable):
        await secrets(kit)
    await kit.sql("UPDATE credentials SET ciphertext = $1", ciphertext)
    assert await secrets(kit) == {"s"}


async def test_credentials_show_their_secrets_nowhere(kit, make):
    await kit.configure(make.configured(2, credentials=b'{"secret": "s3cret"}'))
    await kit.handle(make.charge())
    await kit.run()
    assert "s3cret" not in repr([await kit.credentials.by_id("cred_1"), *kit.provider.executed])


async def test_no_more_credentials_are_kept_than_there_is_room_for():
    kept = Recent[int, int](seconds=60, most=2)
    read = AsyncMock(side_effect=lambda: 7)
    for key in (1, 2, 3, 3, 2, 1):
        await kept.find(key, read, suits=lambda _: True)
    assert read.await_count == 4
