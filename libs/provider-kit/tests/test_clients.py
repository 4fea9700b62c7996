"""HTTP clients of accounts: one each, a bounded number, closed when idle and never while they are used."""

import pytest

from malipo.platform.client import http_client
from provider_kit import clients as module
from provider_kit.clients import AccountClients
from provider_kit.errors import NotSent


def make():
    return http_client(timeout_seconds=1)


async def test_an_account_has_one_client_and_another_account_another():
    clients = AccountClients()
    async with clients.of("a", make) as first, clients.of("a", make) as second, clients.of("b", make) as third:
        assert first is second is not third
    await clients.aclose()
    assert first.is_closed
    assert third.is_closed


async def test_one_that_nobody_uses_makes_room_and_one_that_is_used_does_not():
    clients = AccountClients(most=2)
    async with clients.of("a", make) as used:
        async with clients.of("b", make) as idle:
            pass
        async with clients.of("c", make):
            assert (used.is_closed, idle.is_closed) == (False, True)
            with pytest.raises(NotSent):
                async with clients.of("d", make):
                    pass
    await clients.aclose()


async def test_an_answer_that_came_before_all_are_closed_is_kept():
    clients = AccountClients()

    async def call():
        async with clients.of("a", make):
            await clients.aclose()
            return "answer"

    assert await call() == "answer"


async def test_what_is_idle_for_long_is_closed(monkeypatch):
    clients = AccountClients(idle_seconds=60)
    async with clients.of("a", make) as old:
        pass
    now = module.clock.monotonic()
    monkeypatch.setattr(module.clock, "monotonic", lambda: now + 61)
    async with clients.of("b", make):
        assert old.is_closed
    await clients.aclose()
