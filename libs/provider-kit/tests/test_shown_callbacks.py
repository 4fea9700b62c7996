"""A statement that shows the callbacks themselves: what comes both ways is one, whichever was first."""

from dataclasses import replace

import pytest

from malipo.contracts.outcomes import OutcomeReported, Succeeded, Unknown
from malipo.money import Money
from provider_kit.provider import CallbackOutcome, ParsedCallback

PAID = Succeeded(amount=Money(1000, "USD"), reference="tx_1")
REPORT = ParsedCallback("tx_1", [CallbackOutcome(kind="charge", operation_id="pay_1.1", outcome=PAID)])


@pytest.mark.parametrize("told_first", [True, False])
async def test_a_callback_that_is_shown_in_the_statement_as_well_is_taken_once(kit, make, reader, told_first):
    reader.statement.rows, reader.statement.terms = [REPORT], replace(reader.statement.terms, callbacks=True)
    kit.provider.script = [Unknown(reason="silence")]
    await kit.handle(make.charge())
    await kit.run()
    await kit.reports()

    async def told() -> str:
        return await kit.door.take(await kit.credentials.by_id("cred_1"), REPORT)

    if told_first:
        assert await told() == "stored"
        await reader.look()
    else:
        await reader.look()
        assert await told() == "duplicate"
    (report, *_) = reports = [one for one in await kit.reports() if isinstance(one, OutcomeReported)]
    assert (len(reports), report.callback_id, report.outcome) == (1, "tx_1", PAID)
    assert report.source == ("callback" if told_first else "reconciliation")
