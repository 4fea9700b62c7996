"""What the kit makes of a provider without keys, of hints, of ids that a provider gives, and of what it opens by itself."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from starlette.applications import Starlette

from malipo.contracts.descriptor import Never
from malipo.contracts.outcomes import (
    OperationOpened,
    Pending,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import Confirm
from malipo.money import Money
from malipo.platform.client import http_client
from provider_kit import reminders
from provider_kit.errors import NotSent
from provider_kit.looking import LookingAgain
from provider_kit.opened import OpenedOperations
from provider_kit.provider import CallbackOutcome, NamedOperation, Opened, ParsedCallback

USD_10 = Money(1000, "USD")
DONE = Succeeded(amount=USD_10, reference="obj_1")
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
REFUND = Opened(
    event_type="refund.created", reference="re_9", about={"charge": "obj_1"}, amount=USD_10, outcome=DONE, opened_at=AT
)


@pytest.fixture
def keyless(kit):
    """The same kit with a provider that knows no keys, and whose callbacks are hints."""
    kit.provider.descriptor = replace(kit.provider.descriptor, repeat=Never(), callbacks="hint")
    kit.__post_init__()
    return kit


async def post(kit, parsed: ParsedCallback, path: str = "/callbacks/fake/cred_1") -> tuple[int, dict]:
    kit.provider.parsed = parsed
    transport = httpx.ASGITransport(Starlette(routes=[kit.callbacks.route()]))
    async with http_client(timeout_seconds=5, base_url="http://service.test", transport=transport) as http:
        response = await http.post(path, content=b"{}", headers={"content-type": "x/y"})
    return response.status_code, response.json()


async def hint(kit, callback_id: str = "evt_1") -> dict:
    account = await kit.credentials.by_id("cred_1")
    path = kit.credentials.callback_path(account)
    outcome = CallbackOutcome(kind="charge", references={"object": "obj_1"}, outcome=DONE)
    status, body = await post(kit, ParsedCallback(callback_id, [outcome]), path)
    assert status == 200
    return body


async def test_what_has_no_key_and_may_have_been_sent_is_asked_about_and_never_sent_again(keyless, make):
    await keyless.handle(make.charge())
    await keyless.die_after_sending()
    await keyless.run()
    assert await keyless.outcomes() == [Unknown(reason="may_have_been_sent")]
    await keyless.handle(make.query())
    await keyless.run()
    assert (keyless.provider.executed, await keyless.outcomes()) == ([], [DONE])


async def test_what_has_no_key_and_was_certainly_not_sent_is_sent_later(keyless, make):
    keyless.provider.script = [NotSent("busy", retry_after_seconds=1), DONE]
    await keyless.handle(make.charge())
    await keyless.run()
    await keyless.make_due()
    await keyless.run()
    assert await keyless.outcomes() == [DONE]


async def test_while_the_circuit_is_open_nothing_is_marked_as_sent(keyless, make, monkeypatch):
    monkeypatch.setattr(keyless.runner._calls._breaker, "wait_seconds", lambda _: 5.0)

    async def mark(*_):
        raise AssertionError

    monkeypatch.setattr(keyless.attempts, "mark", mark)
    await keyless.handle(make.charge())
    await keyless.run()
    assert (await keyless.row("pay_1.1"))["problem"].startswith("provider_unreachable")


async def test_what_dies_while_a_token_is_fetched_leaves_no_doubt(keyless, make, monkeypatch):
    async def die(_attempt):
        raise asyncio.CancelledError

    await keyless.handle(make.charge())
    with monkeypatch.context() as patched:
        patched.setattr(keyless.provider, "prepare", die)
        with pytest.raises(asyncio.CancelledError):
            await keyless.run()
    await keyless.end_leases()
    await keyless.run()
    assert (len(keyless.provider.executed), await keyless.outcomes()) == (1, [DONE])


async def test_what_was_chosen_before_the_mark_is_known_to_who_comes_after_a_death(kit, make, monkeypatch):
    async def choose(attempt):
        if attempt.references.get("target") is None:
            attempt.references.note("target", f"cap_{len(kit.provider.executed)}")

    async def die(attempt):
        kit.provider.executed.append(attempt)
        raise asyncio.CancelledError

    monkeypatch.setattr(kit.provider, "prepare", choose)
    await kit.handle(make.refund())
    with monkeypatch.context() as patched:
        patched.setattr(kit.provider, "execute", die)
        with pytest.raises(asyncio.CancelledError):
            await kit.run()
    await kit.end_leases()
    await kit.run()
    assert [one.references.get("target") for one in kit.provider.executed] == ["cap_0", "cap_0"]


@pytest.mark.parametrize("error", [NotSent("no token"), KeyError("a bug")])
async def test_what_could_not_be_prepared_is_sent_later(keyless, make, monkeypatch, error):
    async def fail(_attempt):
        raise error

    await keyless.handle(make.charge())
    with monkeypatch.context() as patched:
        patched.setattr(keyless.provider, "prepare", fail)
        await keyless.run()
    row = await keyless.row("pay_1.1")
    assert (row["first_sent_at"], row["problem"].partition(":")[0]) == (None, "provider_unreachable")
    await keyless.make_due()
    await keyless.run()
    assert await keyless.outcomes() == [DONE]


async def test_a_hint_is_not_believed_but_asked_about(keyless, make):
    keyless.provider.script = [Pending(reference="obj_1"), DONE]
    await keyless.handle(make.charge())
    await keyless.run()
    await keyless.reports()
    assert await hint(keyless) == {"result": "stored"}
    assert await keyless.reports() == []
    await keyless.run()
    (report,) = await keyless.reports()
    assert (report.operation_id, report.source, report.outcome) == ("pay_1.1", "query", DONE)


async def test_many_hints_are_one_query_at_a_time_and_at_most_twenty_in_an_hour(keyless, make):
    await keyless.handle(make.charge())
    await keyless.run()
    for number in range(5):
        await hint(keyless, f"evt_{number}")
    assert await keyless.run() == 1
    for number in range(5, 40):
        await hint(keyless, f"evt_{number}")
        await keyless.run()
    assert len(keyless.provider.queried) == 20


async def test_a_hint_that_overtakes_the_response_is_asked_about_after_it(keyless, make):
    await keyless.handle(make.charge())
    (claimed,) = await keyless.claim()
    named = NamedOperation(kind="charge", operation_id="pay_1.1")
    account = await keyless.credentials.by_id("cred_1")
    await keyless.door.take(account, ParsedCallback("evt_1", ask=[named]))
    await keyless.runner.run(claimed)
    assert await keyless.run() == 1
    assert len(keyless.provider.queried) == 1


async def test_the_address_for_hints_cannot_be_guessed(keyless):
    path = keyless.credentials.callback_path(await keyless.credentials.by_id("cred_1"))
    for guessed in (path.rpartition("/")[0] + "/" + "0" * 64, path.rpartition("/")[0], "/callbacks/fake/cred_1"):
        assert (await post(keyless, ParsedCallback("evt_1"), guessed))[0] == 404


async def test_callbacks_come_to_another_word_than_the_providers_name_where_its_descriptor_has_one(kit):
    kit.provider.descriptor = replace(kit.provider.descriptor, callback_word="phone")
    kit.__post_init__()
    path = kit.credentials.callback_path(await kit.credentials.by_id("cred_1"))
    assert path == "/callbacks/phone/cred_1"
    assert await post(kit, ParsedCallback("evt_1", reply={}), path) == (200, {})


async def test_the_reply_to_a_callback_is_the_providers(kit):
    assert await post(kit, ParsedCallback("evt_1", reply={"ResultCode": 0})) == (200, {"ResultCode": 0})


async def test_an_operation_is_known_by_every_id_that_a_provider_has_noted(kit, make, monkeypatch):
    async def execute(attempt):
        attempt.references.note("order", "or_1")
        return DONE

    monkeypatch.setattr(kit.provider, "execute", execute)
    await kit.handle(make.charge())
    await kit.run()
    original = await kit.attempts.original("pay_1.1")
    assert original.references == [("main", "obj_1"), ("order", "or_1")]
    await kit.reports()
    outcome = CallbackOutcome(kind="charge", references={"order": "or_1"}, outcome=replace_reference("cap_1"))
    await post(kit, ParsedCallback("evt_1", [outcome]))
    (report,) = await kit.reports()
    assert (report.operation_id, report.outcome.reference) == ("pay_1.1", "cap_1")
    assert "cap_1" in await references(kit)


async def test_what_a_try_has_noted_is_kept_although_it_is_tried_again(kit, make, monkeypatch):
    async def execute(attempt):
        attempt.references.note("order", "or_1")
        raise NotSent("the second request was not sent", retry_after_seconds=1)

    monkeypatch.setattr(kit.provider, "execute", execute)
    await kit.handle(make.charge())
    await kit.run()
    assert await references(kit) == {"or_1"}


async def test_a_confirm_runs_like_any_operation_and_its_query_is_about_it(kit, make):
    operations = dict(kit.provider.descriptor.operations)
    kit.provider.descriptor = replace(
        kit.provider.descriptor, operations=operations | {"confirm": operations["charge"]}
    )
    charge = make.charge()
    confirm = Confirm(
        payment_id="pay_1", operation_id="pay_1.1.c1", merchant_id="mer_1", mode="test", config_version=1, step=3,
        reference="obj_1", amount=USD_10, capture="automatic",
    )  # fmt: skip
    await kit.handle(charge, confirm, make.query("pay_1.1.c1", "confirm"))
    while await kit.run():
        pass
    assert [(one.operation_id, one.kind, one.source) for one in await kit.reports()] == [
        ("pay_1.1", "charge", "attempt"),
        ("pay_1.1.c1", "confirm", "attempt"),
        ("pay_1.1.c1", "confirm", "query"),
    ]


async def test_a_refund_made_at_the_provider_is_told_of_its_payment(kit, make):
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()
    assert (await post(kit, ParsedCallback("evt_1", opened=[REFUND])))[1] == {"result": "stored"}
    (report,) = await kit.reports()
    assert isinstance(report, OperationOpened)
    assert (report.payment_id, report.reference, report.opened_at) == ("pay_1", "re_9", AT)


async def test_a_refund_made_at_the_provider_is_told_once_its_charge_is_known(kit, make):
    await post(kit, ParsedCallback("evt_1", opened=[REFUND]))
    assert await kit.reports() == []
    await kit.sql("UPDATE unmatched SET look_at = now()")
    await LookingAgain(OpenedOperations("fake"), lambda: None).look(kit.database)
    assert await kit.reports() == []
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()
    await kit.sql("UPDATE unmatched SET look_at = now()")
    await LookingAgain(OpenedOperations("fake"), lambda: None).look(kit.database)
    (report,) = await kit.reports()
    assert (report.payment_id, report.reference, report.outcome) == ("pay_1", "re_9", DONE)
    await kit.sql("UPDATE reminders SET due_at = due_at - interval '2 hours'")
    await reminders.remind(kit.database)
    assert {type(again) for again in await kit.reports()} == {OperationOpened}  # Kafka may have lost the first
    assert await kit.database.reads.fetchval("SELECT count(*) FROM unmatched") == 0


async def test_a_refund_of_ours_that_looks_like_one_made_there_is_asked_about(kit, make):
    kit.provider.script = [DONE, replace_reference("re_9")]
    await kit.handle(make.charge(), make.refund())
    await kit.run()
    await kit.run()
    await kit.reports()
    await post(kit, ParsedCallback("evt_1", opened=[REFUND]))
    assert await kit.reports() == []
    assert await kit.run() == 1


async def test_each_account_of_a_merchant_has_credentials_of_its_own(kit, make):
    till = make.credential(id="cred_2", label="till", credentials=b'{"secret": "of the till"}')
    await kit.configure(type(make.configured())(merchant_id="mer_1", version=2, credentials=(make.credential(), till)))
    await kit.handle(make.charge(1), make.charge(2, account="till"), make.charge(3, account="none"))
    await kit.run()
    assert {one.operation.account: one.credentials["secret"] for one in kit.provider.executed} == {
        "default": "s",
        "till": "of the till",
    }


async def test_an_account_takes_at_most_half_of_the_slots_and_another_one_comes_at_once(kit, make):
    await kit.handle(*[make.charge(number) for number in range(60)], make.charge(60, account="till"))
    claim = kit.runner.work.operations._claim
    first = await claim(kit.lease, 48, [])
    second = await claim(kit.lease, 24, [one.id for one in first])
    assert (len(first), [one.command.account for one in second]) == (24, ["till"])
    await kit.runner.work.operations._run(first[0])
    third = await claim(kit.lease, 24, [one.id for one in (*first[1:], *second)])
    assert len(third) == 1
    tries = await kit.database.reads.fetch("SELECT max(tries) AS tries FROM attempts")
    assert tries[0]["tries"] == 1


async def test_what_is_beyond_an_accounts_share_is_not_claimed(kit, make):
    await kit.handle(*[make.charge(number) for number in range(24)])
    await kit.handle(*[make.charge(number, account="till") for number in range(24, 48)])
    claim = kit.runner.work.operations._claim
    held = [*await claim(kit.lease, 48, []), *await claim(kit.lease, 24, [])]
    assert len(held) == 24 + 12
    waiting = await kit.database.reads.fetch("SELECT DISTINCT tries FROM attempts WHERE lease_token IS NULL")
    assert [row["tries"] for row in waiting] == [0]


def replace_reference(reference: str) -> Succeeded:
    return Succeeded(amount=USD_10, reference=reference)


async def references(kit) -> set[str]:
    return {row["reference"] for row in await kit.database.reads.fetch("SELECT reference FROM attempt_references")}
