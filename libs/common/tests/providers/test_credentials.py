"""The merchants' credentials: how they come here, what waits for them, and what their change means for what was sent."""

import pytest
from structlog.testing import capture_logs

from malipo.contracts.outcomes import Declined, Succeeded, Unknown
from malipo.money import Money
from malipo.providers.errors import Misconfigured, NotSent

DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
THREE_UNREACHABLE = [NotSent("no connection")] * 3  # one run tries quickly three times


async def test_a_refund_that_may_have_been_sent_is_in_doubt_when_the_credentials_stay_away(kit, make):
    await kit.take(make.refund())
    await kit.die_after_sending()
    await kit.configure(type(make.configured())(merchant_id="mer_1", version=2))
    await kit.grow_old(hours=25)
    await kit.run()
    assert await kit.outcomes() == [Unknown(reason="provider_misconfigured")]


async def test_what_was_perhaps_sent_to_another_account_is_handed_on_as_such(kit, make):
    kit.provider.script = [Unknown(reason="account_changed")] * 2
    await kit.take(make.charge(), make.query())
    await kit.die_after_sending()
    await kit.configure(make.configured(2, account=b'{"secret": "of another account"}'))
    with capture_logs() as events:
        await kit.run()
        await kit.run()
    (executed,), (queried,) = kit.provider.executed, kit.provider.queried
    assert (executed.same_account, queried.same_account) == (False, False)
    assert [event["event"] for event in events if event["log_level"] == "error"] == ["provider account changed"] * 2


async def test_doubts_about_another_account_do_not_keep_this_one_from_being_asked(kit, make):
    kit.provider.script = [Unknown(reason="account_changed")] * 5
    await kit.take(*[make.charge(number) for number in range(1, 6)])
    await kit.run()
    await kit.take(make.charge(6))
    await kit.run()
    assert (await kit.outcomes())[5] == DONE


async def test_the_same_account_is_known_again_and_the_first_try_has_no_other(kit, make):
    await kit.configure(make.configured(2, account=b'{"secret": "s2"}'))
    await kit.take(make.charge(1))
    await kit.run()
    await kit.configure(make.configured(3, account=b'{"secret": "s3"}'))
    await kit.take(make.charge(2), make.query("pay_2"))
    await kit.run()
    kit.provider.script = [DONE]
    await kit.run()
    assert {attempt.same_account for attempt in (*kit.provider.executed, *kit.provider.queried)} == {True}


async def test_what_certainly_was_not_sent_may_go_to_another_account(kit, make):
    kit.provider.script = [*THREE_UNREACHABLE]
    await kit.take(make.charge())
    await kit.run()
    await kit.configure(make.configured(2, account=b'{"secret": "of another account"}'))
    await kit.make_due()
    await kit.run()
    assert [attempt.same_account for attempt in kit.provider.executed] == [True] * 4
    assert (await kit.row("pay_1"))["account"] == kit.caller.fingerprint({"secret": "of another account"})


async def test_an_account_is_on_record_before_anything_is_sent_and_its_secret_is_not(kit, make, monkeypatch):
    async def look(attempt):
        return Unknown(reason=str((await kit.row("pay_1"))["account"]))

    monkeypatch.setattr(kit.provider, "execute", look)
    await kit.configure(make.configured(2, account=b'{"secret": "s3cret"}'))
    await kit.take(make.charge())
    await kit.run()
    (outcome,) = await kit.outcomes()
    assert outcome.reason == kit.caller.fingerprint({"secret": "s3cret"})
    assert "s3cret" not in str(await kit.row("pay_1"))


async def test_a_charge_under_refused_credentials_is_declined_at_once(kit, make):
    kit.provider.script = [Misconfigured("the key was refused")]
    await kit.take(make.charge())
    await kit.run()
    assert await kit.outcomes() == [Declined(code="provider_misconfigured", message="the key was refused")]


async def test_a_refund_under_refused_credentials_waits_for_new_ones(kit, make):
    kit.provider.script = [Misconfigured("the key was refused")]
    await kit.take(make.refund())
    await kit.run()
    assert await kit.run() == 0
    await kit.configure(make.configured(2))
    assert await kit.run() == 1
    assert await kit.outcomes() == [DONE]


async def test_a_charge_of_a_merchant_without_credentials_is_declined(kit, make):
    await kit.take(make.charge(mode="live"))
    await kit.run()
    (outcome,) = await kit.outcomes()
    assert outcome.code == "provider_misconfigured"
    assert "PUT /v1/provider-credentials" in outcome.message


@pytest.mark.parametrize("account", [b"no json: s3cret", b'["s3cret"]'])
async def test_credentials_that_cannot_be_read_end_a_charge_and_are_not_shown(kit, make, account, caplog):
    await kit.configure(make.configured(2, account=account))
    await kit.take(make.charge())
    await kit.run()
    (outcome,) = await kit.outcomes()
    assert outcome.code == "provider_misconfigured"
    assert "s3cret" not in f"{outcome} {caplog.text}"


async def test_a_command_that_relies_on_a_newer_configuration_waits_for_it(kit, make):
    await kit.take(make.charge(config_version=3))
    await kit.run()
    await kit.configure(make.configured(2))
    await kit.run()
    assert kit.provider.executed == []
    await kit.configure(make.configured(3))
    assert await kit.run() == 1
    assert await kit.outcomes() == [DONE]
    assert kit.provider.executed[0].first_sent_at is None


async def test_a_charge_does_not_wait_for_ever_for_a_configuration_that_never_comes(bare_kit, make):
    await bare_kit.take(make.charge())
    await bare_kit.grow_old(seconds=61)
    await bare_kit.run()
    (outcome,) = await bare_kit.outcomes()
    assert outcome.code == "configuration_behind"
    assert bare_kit.provider.executed == []


async def test_an_older_configuration_that_comes_late_changes_nothing(kit, make):
    await kit.configure(make.configured(5, account=b'{"secret": "new"}'), make.configured(4))
    await kit.take(make.charge())
    await kit.run()
    assert kit.provider.executed[0].account == {"secret": "new"}


async def test_an_equal_configuration_heals_a_replica_that_was_damaged(kit, make):
    await kit.sql("DELETE FROM credentials")
    await kit.configure(make.configured())
    await kit.take(make.charge())
    await kit.run()
    assert await kit.outcomes() == [DONE]


async def test_a_batch_takes_each_merchants_newest_configuration_and_locks_in_one_order(kit, make):
    newest = make.configured(9, account=b'{"secret": "newest"}')
    two = make.configured(1, "mer_2", id="cred_2")
    await kit.configure(two, make.configured(7), newest, make.configured(8), make.configured(0, "mer_0", id="cred_0"))
    rows = await kit.units.reads.fetch(
        "SELECT merchant_id, version FROM merchants ORDER BY ctid"
    )  # as they were written
    assert [tuple(row) for row in rows] == [("mer_0", 0), ("mer_1", 9), ("mer_2", 1)]
    assert (await kit.credentials.account("mer_1", "test", 9)) == {"secret": "newest"}
    assert (await kit.credentials.account("mer_2", "test", 1)) == {"secret": "s"}


async def test_credentials_that_were_deleted_are_gone(kit, make):
    other = make.credential(id="cred_2", provider="another")
    await kit.configure(type(make.configured())(merchant_id="mer_1", version=2, credentials=(other,)))
    await kit.take(make.charge())
    await kit.run()
    assert (await kit.outcomes())[0].code == "provider_misconfigured"
