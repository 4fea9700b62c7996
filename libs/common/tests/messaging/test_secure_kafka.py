"""A broker that asks who is there: every way to tell it, what a service says that is not let in, how it comes in then, and what
it lets each one do.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from secure_kafka import USERS, WAYS, SecureKafka
from structlog.testing import capture_logs

from malipo import ids
from malipo.contracts.commands import CancelPayment
from malipo.contracts.permissions import OPERATOR, Operation, Resource, rules, services
from malipo.contracts.topics import MERCHANT_CONFIG, OUTCOMES, PAYMENT_COMMANDS, PAYMENT_EVENTS, TOPICS, Topic
from malipo.messaging.acls import AclSettings
from malipo.messaging.batch_consumer import BatchConsumer
from malipo.messaging.consumers import Consumers
from malipo.messaging.database import Database
from malipo.messaging.provision import allow
from malipo.messaging.raw import raw_batch
from malipo.messaging.redrive import redrive
from malipo.messaging.relay import Relay
from malipo.messaging.runtime import Runtime
from malipo.messaging.security import KafkaAccess
from malipo.messaging.subscription import Received, Subscription
from malipo.messaging.trouble import trouble
from malipo.messaging.unit_of_work import MESSAGE_ID, UnitOfWork
from malipo.platform.kafka_settings import KafkaSettings
from malipo.platform.settings import ServiceSettings
from malipo_local.authority import Authority
from testkit.service import KEY_RING, client_of
from testkit.waiting import until

EVERYBODY = (*services(), OPERATOR)
NAMES = [name for topic in TOPICS for name in (topic.name, topic.dead_letter)]
GROUPS = [*(f"{service}.trial" for service in services()), "redrive"]
_ONLY_BROKER = 1


class Way:
    """From the outbox of a gateway into a transaction of an orchestrator, each let in as itself."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.seen: set[str] = set()

    async def handle(self, unit: UnitOfWork, batch: Sequence[Received]) -> None:
        unit.after_commit(partial(self.seen.update, [received.key for received in batch]))

    async def carry_one(self) -> None:
        """Send a message, and wait until it is applied."""
        payment_id = ids.new("pay")
        async with self.database.begin() as unit:
            unit.send(PAYMENT_COMMANDS, payment_id, CancelPayment(payment_id=payment_id, cancel_id="one"))
        await until(lambda: payment_id in self.seen, seconds=30, what="the message arrives")


@pytest.fixture
async def opened(new_database, pool_of):
    """Opens the path between two clients of Kafka; closes it with the test."""
    async with AsyncExitStack() as closing:

        async def open_path(sender: KafkaAccess, receiver: KafkaAccess) -> Way:
            url = new_database("orchestrator")
            relay = Relay(url, sender, "gateway.test.relay")
            database = Database(relay.handover)
            database.use(await pool_of(url))
            path = Way(database)
            consumers = Consumers(receiver, "orchestrator", "test")
            subscription = Subscription("payments", (PAYMENT_COMMANDS,), path.handle)
            consumers.add(subscription, BatchConsumer(subscription, database, "orchestrator"))
            for run in (relay.run, consumers.run):
                task = asyncio.create_task(run())
                closing.push_async_callback(asyncio.wait, [task])
                closing.callback(task.cancel)
            return path

        yield open_path


@pytest.mark.parametrize("way", [way for way in WAYS if way != "OAUTHBEARER"])
async def test_by_passwords_and_by_certificates_a_message_comes_through(secure: SecureKafka, opened, way):
    path = await opened(secure.access("gateway", way), secure.access("orchestrator", way))
    await path.carry_one()


async def test_tokens_are_fetched_once_for_all_clients_and_anew_before_they_end(secure: SecureKafka, opened):
    async with secure.tokens() as tokens:
        tokens.life_seconds = 4
        sender, receiver = (KafkaAccess.of(secure.settings_by_token(user, tokens)) for user in USERS)
        provider = sender.security["sasl_oauth_token_provider"]
        assert len(set(await asyncio.gather(*(provider.token() for _ in range(9))))) == 1
        assert tokens.asked == ["gateway"]
        path = await opened(sender, receiver)
        while tokens.asked.count("orchestrator") < 3:  # brokers end a connection whose token has ended
            await path.carry_one()


async def test_what_a_consumer_cannot_read_is_looked_at_by_the_same_credentials(secure: SecureKafka):
    partition = TopicPartition(PAYMENT_COMMANDS.name, 0)
    assert await raw_batch(secure.access("orchestrator"), partition, 1 << 40) is None


def service(kafka: KafkaSettings, database_url: str, name: str = "orchestrator", *, called: bool = False) -> Runtime:
    """A service of this name with one subscription."""
    told = kafka.model_dump() | {"database_url": database_url, "key_ring": KEY_RING, "instance": ids.new("test")}
    runtime = Runtime(name, ServiceSettings.model_validate(told))

    async def ignore(unit: UnitOfWork, batch: Sequence[Received]) -> None:
        """Nothing is to be done."""

    runtime.subscribe(Subscription("trials", (PAYMENT_COMMANDS,), ignore), called=called)
    return runtime


async def told_by(runtime: Runtime) -> tuple[int, str]:
    """The answer of its health page; it lives in any case."""
    async with client_of(runtime.application().admin) as http:
        assert (await http.get("/health/live")).status_code == 200
        answer = await http.get("/health/ready")
        return answer.status_code, answer.text


async def until_told(runtime: Runtime, words: str) -> str:
    async def told() -> bool:
        status, text = await told_by(runtime)
        return status == 503 and words in text

    await until(told, seconds=30, what=words)
    return (await told_by(runtime))[1]


async def until_ready(runtime: Runtime) -> None:
    async def ready() -> bool:
        return (await told_by(runtime))[0] == 200

    await until(ready, seconds=30, what="ready")


WITH_PASSWORD = {"kafka_password": "not-the-password"}
IN_THE_CLEAR = {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_ca_file": None}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda _: WITH_PASSWORD, "refuses our credentials"),
        (lambda secure: {"kafka_bootstrap": secure.elsewhere}, "certificate that is not accepted"),
        (lambda secure: {"kafka_bootstrap": secure.mutual}, "does not agree on TLS"),
        (lambda _: IN_THE_CLEAR, "wants another KAFKA_SECURITY_PROTOCOL"),
    ],
    ids=["password", "host", "listener", "protocol"],
)
async def test_a_replica_that_a_broker_refuses_takes_the_place_of_none_that_is_let_in_though_it_could_store(
    secure: SecureKafka, new_database, wrong, told
):
    """A deploy goes on with the next replica as soon as this one is ready."""
    settings = secure.settings("orchestrator", **wrong(secure))
    runtime = service(settings, new_database("orchestrator"), called=True)
    async with runtime.running():
        assert "joins its consumer groups" in await until_told(runtime, told)


async def test_a_wrong_password_is_told_once_and_forgotten_when_the_broker_knows_it(secure: SecureKafka, new_database):
    wrong = secure.settings("orchestrator", kafka_password="not-the-password")
    runtime = service(wrong, new_database("orchestrator"))
    with capture_logs() as lines:
        async with runtime.running():
            await until_told(runtime, "refuses our credentials")
            async with secure.administrating() as broker:
                await broker.know({"orchestrator": "not-the-password"})
            try:
                await until_ready(runtime)
            finally:
                async with secure.administrating() as broker:
                    await broker.know({"orchestrator": secure.password("orchestrator")})
    assert [line["event"] for line in lines if "kafka" in line["event"]] == ["kafka away", "kafka is back"]
    assert "not-the-password" not in repr(lines)


async def test_who_may_not_read_is_named_with_what_would_allow_it(secure: SecureKafka, new_database):
    runtime = service(secure.settings(OPERATOR), new_database("orchestrator"))
    async with runtime.running():
        told = await until_told(runtime, f"Kafka refuses to have this read by its user {OPERATOR}: ")
    assert "GroupAuthorizationFailedError: orchestrator.trials; " in told
    assert "KAFKA_CONSUMERS" in told
    assert "docs/operations/kafka.md" in told


async def test_an_unknown_authority_is_told_until_the_file_has_the_right_one(
    secure: SecureKafka, new_database, tmp_path
):
    file = tmp_path / "ca.pem"
    file.write_bytes(Authority(tmp_path / "another").certificate.read_bytes())
    runtime = service(secure.settings("orchestrator", kafka_ca_file=str(file)), new_database("orchestrator"))
    async with runtime.running():
        await until_told(runtime, "certificate that is not accepted: unable to get local issuer certificate")
        file.write_bytes(secure.authority.certificate.read_bytes())
        await until_ready(runtime)


async def test_a_broker_whose_certificate_names_another_host_is_not_believed(secure: SecureKafka, new_database):
    settings = secure.settings("orchestrator", "mutual TLS", kafka_bootstrap=secure.elsewhere)
    runtime = service(settings, new_database("orchestrator"))
    async with runtime.running():
        await until_told(runtime, "certificate that is not accepted: IP address mismatch")


async def test_without_a_certificate_nobody_is_let_in_where_it_is_asked_for(secure: SecureKafka, new_database):
    changes = {"kafka_security_protocol": "SSL", "kafka_bootstrap": secure.mutual}
    settings = KafkaSettings.model_validate(
        {"environment": "test", "kafka_ca_file": str(secure.authority.certificate)} | changes
    )
    runtime = service(settings, new_database("orchestrator"))
    async with runtime.running():
        await until_told(runtime, "does not agree on TLS")


async def test_who_speaks_tls_where_none_is_spoken_or_none_where_it_is_is_told_so(secure: SecureKafka, stores):
    for kafka in (secure.access("gateway", kafka_bootstrap=stores.kafka), KafkaAccess(secure.mutual)):
        assert "wants another KAFKA_SECURITY_PROTOCOL" in (await trouble(kafka)).words


async def test_brokers_that_tell_clients_to_go_where_nobody_is_are_named(secure: SecureKafka):
    kafka = secure.access("gateway", "mutual TLS", kafka_bootstrap=secure.misleading)
    assert (await trouble(kafka)).words == f"127.0.0.1:1 does not answer, of which {secure.misleading} told"


async def test_a_token_that_nobody_gives_or_no_broker_takes_is_told_and_the_next_one_is_tried(
    secure: SecureKafka, new_database, monkeypatch
):
    monkeypatch.setattr("malipo.messaging.security._REST_SECONDS", 0.2)
    async with secure.tokens() as tokens:
        tokens.refuses, tokens.life_seconds = True, 1000
        runtime = service(secure.settings_by_token("orchestrator", tokens), new_database("orchestrator"))
        async with runtime.running():
            await until_told(runtime, "was not asked: no access token: 127.0.0.1 answers 401")
            tokens.refuses, tokens.ended = False, True
            await until_told(runtime, "refuses our credentials")
            tokens.ended = False
            await until_ready(runtime)


async def test_the_listing_of_topics_shows_a_service_its_own_alone(secure: SecureKafka):
    async with AIOKafkaConsumer(**secure.access("provider-stripe").options) as consumer:
        assert "providers.mpesa.commands.v1" not in await consumer.topics()


@pytest.mark.parametrize(
    ("user", "name", "told"),
    [
        ("provider-bank", "provider-bank", "TopicAuthorizationFailedError: [Error 29]"),
        # it may write there, and so see the topic
        ("webhook-dispatcher", "webhook-dispatcher", "TopicAuthorizationFailedError: [Error 29]"),
        ("orchestrator", "gateway", "GroupAuthorizationFailedError: [Error 30]"),
    ],
)
async def test_a_service_that_may_not_read_is_not_ready_and_says_so(
    secure: SecureKafka, new_database, user, name, told
):
    runtime = service(secure.settings(user), new_database("orchestrator"), name)
    async with runtime.running():
        await until_told(runtime, told)


async def test_a_topic_that_a_service_may_not_write_is_told_waits_in_its_outbox_and_holds_up_no_other(
    secure: SecureKafka, new_database, pool_of, monkeypatch
):
    monkeypatch.setattr("malipo.messaging.refusals._REFUSED_SECONDS", 0.5)
    runtime = service(secure.settings("orchestrator"), url := new_database("orchestrator"))
    pool = await pool_of(url)
    async with runtime.running():
        await until_ready(runtime)
        await fill(runtime.database, MERCHANT_CONFIG, PAYMENT_EVENTS)
        await until(lambda: told_of_topic(runtime, MERCHANT_CONFIG.name), what="the refusal is told")
        assert await pool.fetchval("SELECT array_agg(topic) FROM outbox") == [MERCHANT_CONFIG.name]


async def fill(database: Database, *topics: Topic) -> None:
    async with database.begin() as unit:
        for topic in topics:
            unit.send_raw(topic.name, "trial", b"{}", {MESSAGE_ID: ids.new("msg")})


async def told_of_topic(runtime: Runtime, topic: str) -> bool:
    status, text = await told_by(runtime)
    return status == 200 and "degraded" in text and topic in text


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
    assert joined == ({"redrive"} if who == OPERATOR else {f"{who}.trial"})


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


async def test_a_consumer_of_ones_own_is_taken_its_topics_by_naming_it_with_nothing_to_read(secure: SecureKafka):
    await allow(secure.admin, AclSettings(kafka_consumers={"sink": [PAYMENT_EVENTS.name]}))
    taken = await allow(secure.admin, AclSettings(kafka_consumers={"sink": []}), remove=True)
    ours = {str(entry) for entry in taken.removed if entry.principal == "User:sink"}
    assert ours == {
        f"User:sink may READ topic {PAYMENT_EVENTS.name}",
        f"User:sink may WRITE topic {PAYMENT_EVENTS.dead_letter}",
        f"User:sink may WRITE topic {PAYMENT_COMMANDS.name}",
    }
