"""How long a charge that no customer waits for is tried."""

from dataclasses import replace
from datetime import timedelta

import pytest

from malipo import clock
from malipo.contracts.outcomes import Succeeded
from malipo.money import Money
from provider_kit.errors import Misconfigured, NotSent

DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
THREE_UNREACHABLE = [NotSent("no connection")] * 3  # one run tries quickly three times


def nobody_waits_for_any(kit) -> None:
    known = kit.provider.descriptor
    kit.provider.descriptor = replace(known, methods=tuple(replace(one, attended=False) for one in known.methods))


@pytest.mark.parametrize("problems", [THREE_UNREACHABLE, [Misconfigured("the certificate expired")]])
async def test_a_charge_that_no_customer_waits_for_is_tried_until_it_expires(kit, make, problems):
    nobody_waits_for_any(kit)
    kit.provider.script = [*problems]
    await kit.handle(make.charge(expires_at=clock.now() + timedelta(days=7)))
    await kit.grow_old(days=3)
    await kit.run()
    assert await kit.outcomes() == []
    await kit.make_due()
    await kit.run()
    assert await kit.outcomes() == [DONE]


async def test_one_that_expires_meanwhile_is_declined(kit, make):
    nobody_waits_for_any(kit)
    kit.provider.script = [*THREE_UNREACHABLE]
    await kit.handle(make.charge(expires_at=clock.now() + timedelta(days=1)))
    await kit.run()
    await kit.sql("UPDATE attempts SET expires_at = now()")
    await kit.make_due()
    await kit.run()
    assert [one.code for one in await kit.outcomes()] == ["expired"]
