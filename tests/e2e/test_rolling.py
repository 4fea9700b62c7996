"""A deploy: under payments each service is replaced, replica by replica, and nobody notices."""

import asyncio
from functools import partial

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from bench import books
from bench.rolling import PATH, Rolling, during, up

PAYMENTS_A_SECOND = 5
_MEMBERS = 5
"""Of a described group: error, name, state, protocol type, protocol, members."""


async def names_in_groups(kafka: str, service: str) -> set[str]:
    """The instances that Kafka takes for members of a service's groups."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        groups = [name for name, *_ in await admin.list_consumer_groups() if name.startswith(f"{service}.")]
        described = [
            await admin.describe_consumer_groups([group]) for group in groups
        ]  # it cannot read an answer about several
        members = [member for [answer] in described for member in answer.groups[0][_MEMBERS]]
        return {client_id for _, client_id, *_ in members}
    finally:
        await admin.close()


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
    assert asyncio.run(names_in_groups(system.stack.kafka, service)) == after
