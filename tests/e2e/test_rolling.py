"""A deploy: under payments each service is replaced, replica by replica, and nobody notices."""

import asyncio
from functools import partial

import pytest

from bench import books
from bench.rolling import PATH, Rolling, during, up
from testkit.access import access
from testkit.groups import members

PAYMENTS_A_SECOND = 5


def instances(system: Rolling, service: str) -> set[str]:
    return {f"{service}.{unit.name}" for unit in system.stack.status() if unit.service == service}


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with up(tmp_path_factory.mktemp("rolling") / "stack", {}, merchants=1) as running:
        yield running
        assert books.differences(running) == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize("service", PATH)
def test_a_service_is_replaced_and_no_request_fails_and_each_merchant_is_told_once(system, service):
    before = instances(system, service)
    phase = during(system, service, PAYMENTS_A_SECOND, partial(system.replace, service))
    assert phase.errors == {}
    after = instances(system, service)
    assert not before & after
    assert asyncio.run(members(access(system.stack.kafka_settings()), service)) == after
