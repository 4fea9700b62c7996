"""What a broker with ACLs lets each service do, and what becomes of ACLs that are not in the table."""

from collections.abc import Iterable

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from secure_kafka import BY_CERTIFICATE, SecureKafka

from malipo.contracts.permissions import OPERATOR, Operation, Pattern, Resource, rules, services
from malipo.contracts.topics import OUTCOMES, PAYMENT_EVENTS, PROVIDER_COMMANDS, TOPICS
from malipo.messaging.acls import AclSettings, commands
from malipo.messaging.provision import allow
from malipo.messaging.redrive import redrive
from malipo.messaging.security import KafkaAccess

EVERYBODY = (*services(), OPERATOR)
NAMES = [name for topic in TOPICS for name in (topic.name, topic.dead_letter)]
GROUPS = [*(f"{service}.trial" for service in services()), "redrive"]
_ONLY_BROKER = 1


def allowed(who: str, operation: Operation, resource: Resource) -> set[str]:
    """What the table says."""
    return {one.name for one in rules() if (one.who, one.operation, one.resource) == (who, operation, resource)}


async def ask(kafka: KafkaAccess, *requests: object) -> list:
    """The broker's answers; a request needs no metadata, which would not show what is not ours."""
    client = AIOKafkaClient(**kafka.options)
    await client.bootstrap()
    try:
        return [await client.send(_ONLY_BROKER, request) for request in requests]
    finally:
        await client.close()


def a_record() -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 16384)
    builder.append(0, timestamp=None, key=b"trial", value=b"{}", headers=[("x-original-message-id", b"trial")])
    return bytes(builder.build())


def unless(refusal: type[Exception], codes: Iterable[tuple[str, int]]) -> set[str]:
    return {name for name, code in codes if for_code(code) is not refusal}


@pytest.mark.parametrize("who", EVERYBODY)
async def test_each_may_write_read_and_join_what_the_table_says_and_nothing_else(secure: SecureKafka, who):
    written, read, *groups = await ask(
        secure.access(who),
        ProduceRequest(None, -1, 10_000, [(name, [(0, a_record())]) for name in NAMES]),
        FetchRequest(0, 0, 1 << 20, 0, [(name, [(0, 0, 1 << 16)]) for name in NAMES], rack_id=""),
        *(HeartbeatRequest(group, 1, "nobody") for group in GROUPS),
    )
    refused = TopicAuthorizationFailedError
    assert unless(refused, ((name, parts[0][1]) for name, parts in written.topics)) == allowed(
        who, Operation.WRITE, Resource.TOPIC
    )
    assert unless(refused, ((name, parts[0][1]) for name, parts in read.topics)) == allowed(
        who, Operation.READ, Resource.TOPIC
    )
    joined = unless(GroupAuthorizationFailedError, zip(GROUPS, (one.error_code for one in groups), strict=True))
    assert joined == {f"{who}.trial"} if who != OPERATOR else {"redrive"}


async def test_nobody_but_the_administrator_makes_topics(secure: SecureKafka):
    admin = AIOKafkaAdminClient(**secure.access("gateway").options)
    await admin.start()
    answer = await admin.create_topics([NewTopic("gateway.own.v1", 1, 1)])
    await admin.close()
    assert for_code(answer.topic_errors[0][1]) is TopicAuthorizationFailedError


async def test_the_operator_redrives_dead_letters(secure: SecureKafka):
    await ask(secure.access("gateway"), ProduceRequest(None, -1, 10_000, [(OUTCOMES.dead_letter, [(0, a_record())])]))
    assert (await redrive(secure.access(OPERATOR), OUTCOMES)).sent >= 1


async def test_rules_that_are_there_are_not_added_again_and_what_is_beyond_them_is_told(secure: SecureKafka):
    again = await allow(secure.admin, AclSettings())
    assert (again.created, again.removed) == (0, [])
    assert f"User:CN=gateway may READ topic {OUTCOMES.name}" in map(str, again.beyond)


async def test_what_the_table_gives_a_service_no_more_is_taken_from_it_when_told_so_and_others_keep_theirs(
    secure: SecureKafka,
):
    """A consumer of a team's own, and a service that has read more in a former release, here under a name of its own."""
    named = {"webhook-dispatcher": "User:former"}
    more = AclSettings(kafka_principals=named, kafka_consumers={"reports": [PAYMENT_EVENTS.name]})
    await allow(secure.admin, more)
    former = more.model_copy(update={"kafka_consumers": {"former": [OUTCOMES.name]}})
    await allow(secure.admin, former)
    kept = await allow(secure.admin, more)
    told = f"User:former may READ topic {OUTCOMES.name}"
    assert told in map(str, kept.beyond)
    taken = await allow(secure.admin, AclSettings(kafka_principals=named), remove=True)
    assert told in map(str, taken.removed)
    assert f"User:reports may READ topic {PAYMENT_EVENTS.name}" in map(str, taken.beyond)
    assert told not in map(str, (await allow(secure.admin, AclSettings())).beyond)


def test_the_commands_of_a_provider_are_its_own():
    for provider, topic in PROVIDER_COMMANDS.items():
        named = {rule.who for rule in rules() if rule.name in (topic.name, topic.dead_letter)} - {OPERATOR}
        assert named == {"orchestrator", f"provider-{provider}"}


def test_only_providers_and_an_operator_write_outcomes():
    writers = {rule.who for rule in rules() if (rule.name, rule.operation) == (OUTCOMES.name, Operation.WRITE)}
    assert writers == {f"provider-{provider}" for provider in PROVIDER_COMMANDS} | {OPERATOR}


def test_rules_are_printed_for_kafkas_own_tool_with_the_principals_of_the_cluster():
    printed = commands(AclSettings(kafka_principals=BY_CERTIFICATE, kafka_consumers={"reports": [PAYMENT_EVENTS.name]}))
    lines = list(printed.values())
    assert any(
        "--allow-principal User:CN=gateway --operation Read --group gateway. --resource-pattern-type prefixed" in one
        for one in lines
    )
    assert any(f"--allow-principal User:reports --operation Read --topic {PAYMENT_EVENTS.name}" in one for one in lines)
    assert {rule.pattern for rule in printed} == set(Pattern)


@pytest.mark.parametrize(
    "given", [{"kafka_principals": {"gateway": "CN=gateway"}}, {"kafka_consumers": {"reports": ["payments.events"]}}]
)
def test_a_principal_without_a_type_and_a_topic_that_is_none_are_refused(given):
    with pytest.raises(ValueError, match=r"no type|no topic"):
        AclSettings(**given)
