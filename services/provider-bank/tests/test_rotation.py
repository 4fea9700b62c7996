"""Credentials are exchanged and tokens end while payments are made, over real TLS and upon a real database: none fails."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from secure_bank import Replica, SecureBank, new_charge, replica, running

from malipo.contracts.outcomes import OutcomeReported, Succeeded
from malipo.contracts.provider_commands import Charge
from malipo.contracts.providers.bank import own_reference
from malipo.messaging.database import Database

TOKEN, PAYMENTS = "/oauth2/token", "/v1/payments"


@dataclass
class Service:
    """Two processes of one service, and what was ordered so far."""

    bank: SecureBank
    one: Replica
    two: Replica
    ordered: list[Charge]

    async def order(self, number: int, version: int = 1) -> None:
        """So many payments, accepted when the merchant's configuration had this version."""
        for _ in range(number):
            self.ordered.append(new_charge(config_version=version))
            await self.one.handle(self.ordered[-1])

    async def run(self) -> None:
        """Both send what is due; two have sent something."""
        await asyncio.gather(self.one.run(), self.two.run())

    async def all_are_paid_once(self) -> None:
        """And nothing else was told of any."""
        told = [report for report in await self.one.reports() if isinstance(report, OutcomeReported)]
        assert {type(report.outcome) for report in told} == {Succeeded}
        assert sorted(report.operation_id for report in told) == sorted(one.operation_id for one in self.ordered)
        assert sorted(await self.bank.debited()) == sorted(own_reference(one.operation_id) for one in self.ordered)

    async def sent(self, path: str) -> int:
        return len(await self.bank.requests(path))


@pytest.fixture
async def service(tmp_path, new_database, pool_of):
    database = Database()
    database.use(await pool_of(new_database("provider_bank")))
    async with AsyncExitStack() as stack:
        bank = await stack.enter_async_context(running(tmp_path))
        replicas = [await stack.enter_async_context(replica(bank, database, name)) for name in ("one", "two")]
        yield Service(bank, *replicas, ordered=[])


async def test_a_certificate_is_exchanged_while_payments_are_on_their_way_and_none_fails(service):
    bank = service.bank
    old, new = [await bank.credentials("mtls") for _ in range(2)]
    await service.one.set_up(old)
    await bank.control("faults", fault="slow", delay_seconds=0.2, match={"method": "POST"}, times=6)
    await service.order(6)
    await asyncio.gather(service.run(), service.one.set_up(new, version=2))
    await service.order(6, version=2)
    await service.run()
    await bank.revoke(old)  # both have read the new one
    await service.order(6)
    await service.run()
    await service.all_are_paid_once()
    assert await service.sent(PAYMENTS) == 18


async def test_payments_wait_while_a_certificate_is_refused_and_flow_by_themselves_when_it_is_replaced(service):
    old = await service.bank.credentials("mtls")
    await service.one.set_up(old)
    await service.bank.revoke(old)
    await service.order(4)
    await service.run()
    assert not await service.bank.debited()
    await service.two.set_up(await service.bank.credentials("mtls"), version=2)
    await service.run()
    await service.all_are_paid_once()


async def test_two_processes_share_one_token(service):
    await service.one.set_up(await service.bank.credentials("oauth2"))
    await service.order(8)
    await service.run()
    await service.all_are_paid_once()
    assert await service.sent(TOKEN) == 1


async def test_a_token_that_ends_early_is_renewed_once_for_both_and_no_payment_is_made_twice(service):
    await service.one.set_up(await service.bank.credentials("oauth2"))
    await service.order(4)
    await service.run()
    await service.bank.control("tokens/kill")
    await service.order(4)
    await service.run()
    await service.all_are_paid_once()
    assert await service.sent(TOKEN) == 2


async def test_another_secret_of_the_same_client_fetches_a_token_of_its_own(service):
    credentials = await service.bank.credentials("oauth2")
    await service.one.set_up(credentials)
    await service.order(1)
    await service.run()
    other = {"client_id": "shop.2", "client_secret": "another secret"}
    await service.two.set_up(credentials | {"oauth": other}, version=2)
    await service.order(1, version=2)
    await service.run()
    await service.all_are_paid_once()
    assert await service.sent(TOKEN) == 2
