"""A refund that was begun at the provider itself is read about by its id there, and never carried out."""

import httpx
from starlette.applications import Starlette

from malipo import clock
from malipo.contracts.outcomes import Declined, OutcomeReported, Pending, Succeeded, Unknown
from malipo.contracts.provider_commands import OpenedOperation
from malipo.money import Money
from malipo.platform.client import http_client
from provider_kit.errors import NotSent
from provider_kit.provider import ACCOUNT_CHANGED, Opened, ParsedCallback

USD_4 = Money(400, "USD")
DONE = Succeeded(amount=USD_4, reference="re_1")
PENDING = Pending(reference="re_1")


def asked(make, **changes):
    return make.query("ref_1", "refund", reference="re_1", opened=OpenedOperation(USD_4, charge="obj_1"), **changes)


async def test_it_is_asked_about_by_its_reference_until_it_ends(kit, make):
    kit.provider.script = [PENDING, DONE]
    for outcome in (PENDING, DONE):
        await kit.handle(asked(make))
        await kit.run()
        [report] = await kit.reports()
        assert isinstance(report, OutcomeReported)
        assert (report.operation_id, report.kind, report.source, report.outcome) == (
            "ref_1",
            "refund",
            "query",
            outcome,
        )
    first, _ = kit.provider.queried
    assert (first.reference, first.operation.reference, first.operation.amount) == ("re_1", "obj_1", USD_4)
    assert first.same_account is False  # so no provider sends anything for it
    assert kit.provider.executed == []


async def test_a_command_to_carry_it_out_has_no_effect(kit, make):
    kit.provider.script = [PENDING]
    await kit.handle(asked(make))
    await kit.run()
    await kit.handle(make.refund(1, amount=USD_4))
    assert await kit.run() == 0
    assert kit.provider.executed == []


async def test_that_it_is_not_found_is_a_doubt_and_no_end(kit, make):
    kit.provider.script = [Unknown(reason=ACCOUNT_CHANGED)]
    await kit.handle(asked(make))
    await kit.run()
    assert await kit.outcomes() == [Unknown(reason="not_found")]


async def test_that_it_failed_at_the_provider_is_believed(kit, make):
    refused = Declined(code="expired_or_canceled_card", reference="re_1")
    kit.provider.script = [refused]
    await kit.handle(asked(make))
    await kit.run()
    assert await kit.outcomes() == [refused]


async def test_another_amount_than_was_reported_is_doubt(kit, make):
    kit.provider.script = [Succeeded(amount=Money(401, "USD"), reference="re_1")]
    await kit.handle(asked(make))
    await kit.run()
    assert await kit.outcomes() == [Unknown(reason="amount_mismatch", reference="re_1")]


async def test_a_provider_that_is_away_is_asked_again_and_nothing_is_recorded_twice(kit, make):
    kit.provider.script = [*[NotSent("no connection")] * 3, DONE]
    await kit.handle(asked(make))
    for outcomes in ([], [DONE]):
        await kit.run()
        assert await kit.outcomes() == outcomes
        await kit.make_due()


async def test_a_later_callback_about_it_is_reported_as_the_same_refund(kit, make):
    await kit.handle(make.charge())
    await kit.run()
    kit.provider.script = [PENDING]
    await kit.handle(asked(make))
    await kit.run()
    await kit.reports()
    report = Opened(
        event_type="refund.updated", reference="re_1", about={"charge": "obj_1"}, amount=USD_4, outcome=DONE,
        opened_at=clock.now(),
    )  # fmt: skip
    kit.provider.parsed = ParsedCallback("evt_1", opened=[report])
    transport = httpx.ASGITransport(Starlette(routes=[kit.callbacks.route()]))
    async with http_client(timeout_seconds=5, base_url="http://service.test", transport=transport) as http:
        assert (await http.post("/callbacks/fake/cred_1", content=b"{}")).is_success
    [told] = [one for one in await kit.reports() if not isinstance(one, OutcomeReported)]
    assert (told.payment_id, told.reference, told.outcome) == ("pay_1", "re_1", DONE)
