"""A provider's service on a stack, with an account and charges that were sent: what its callbacks are about."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeGuard

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.callbacks.senders import ACCOUNT, AMOUNT_MINOR, Sender, event_id, payment_id
from bench.database import tidy
from gateway.payments.personal import sealed
from malipo import clock
from malipo.contracts.commands import DEFAULT_ACCOUNT
from malipo.contracts.config import Credential, MerchantConfigured, secret_owner
from malipo.contracts.identity import account_name, charge_id
from malipo.contracts.message import Message, encode
from malipo.contracts.outcomes import OutcomeReported, Pending
from malipo.contracts.provider_commands import Charge
from malipo.contracts.providers import PROVIDERS
from malipo.contracts.topics import MERCHANT_CONFIG, OUTCOMES
from malipo.money import Money
from malipo.platform.secrets import KeyRing
from malipo_local import Stack
from malipo_local.connection import connected
from malipo_local.waiting import until
from provider_kit.references import OWN

MERCHANT = "mer_receiver"
_START_SECONDS = 60.0
_TOLD_SECONDS = 60.0
_ATTEMPT = ("id", "operation_id", "payment_id", "merchant_id", "kind", "command", "headers", "account", "account_fingerprint",
            "outcome", "first_sent_at", "done_at")  # fmt: skip
_PENDING = msgspec.json.encode(Pending()).decode()
_STORED = "SELECT count(*) FROM inbox WHERE consumer = 'callbacks' AND message_id = ANY($1::text[])"
_KNOWN = "SELECT count(*) FROM credentials WHERE id = $1"
_OUTBOX = "SELECT count(*) FROM outbox"


class _Made(NamedTuple):
    """A charge that was sent, and the key to what of it is about a person."""

    id: str
    payment_id: str
    command: bytes
    key: str | None

    @property
    def row(self) -> tuple[object, ...]:
        """Its attempt: sent, and pending at the provider."""
        now, account = clock.now(), account_name(MERCHANT, "test", DEFAULT_ACCOUNT)
        sent = self.id, self.id, self.payment_id, MERCHANT, "charge", self.command, "{}", account, "the account there"
        return (*sent, _PENDING, now, now)


class Receiver:
    """The service of a provider, whose callbacks are sent by `sender`."""

    def __init__(self, stack: Stack, sender: Sender) -> None:
        self.stack = stack
        self.sender = sender
        self.service = f"provider-{sender.provider}"
        self.url = stack.url(self.service) + sender.path
        self._database_url = stack.database_url(self.service)

    def set_up(self, charges: int) -> None:
        """Have the account, and so many charges that were sent and wait for their callbacks. Raises `TimeoutError`."""
        ring = KeyRing.parse(self.stack.service_env(self.service)["KEY_RING"])
        asyncio.run(self._configure(ring))
        if not until(lambda: bool(self._ask(_KNOWN, ACCOUNT)), _START_SECONDS):
            msg = f"{self.service} does not know its account"
            raise TimeoutError(msg)
        asyncio.run(self.add(charges, ring))
        asyncio.run(tidy(self.stack.administrator_url(self.service)))

    def stored(self, numbers: Sequence[int]) -> int:
        """How many of the callbacks about these charges are in the service's inbox."""
        return self._ask(_STORED, [f"{ACCOUNT}/{event_id(number)}" for number in numbers])

    def told(self, numbers: Sequence[int]) -> int:
        """Of how many of these charges the outcome is on the topic, once nothing is on its way there any more."""
        until(lambda: not self._ask(_OUTBOX), _TOLD_SECONDS)
        wanted = {charge_id(payment_id(number), 1) for number in numbers}
        return len(wanted & asyncio.run(_reported(self.stack.kafka)))

    @property
    def roots(self) -> dict[str, list[int]]:
        """The processes of each part."""
        return {unit.service: [unit.pid] for unit in self.stack.status() if unit.pid is not None}

    def _ask(self, query: str, *arguments: object) -> int:
        return asyncio.run(_value(self._database_url, query, arguments))

    async def _configure(self, ring: KeyRing) -> None:
        owner = secret_owner(MERCHANT, "test", ACCOUNT)
        sealed = ring.seal(msgspec.json.encode(self.sender.credentials), owner=owner)
        credential = Credential(id=ACCOUNT, provider=self.sender.provider, mode="test", ciphertext=sealed)
        configured = MerchantConfigured(merchant_id=MERCHANT, version=1, credentials=(credential,))
        made: Any = AIOKafkaProducer(bootstrap_servers=self.stack.kafka)
        async with made as producer:
            await producer.send_and_wait(MERCHANT_CONFIG.name, encode(configured), key=MERCHANT.encode())

    async def add(self, charges: int, ring: KeyRing) -> None:
        made = [self._made(number, ring) for number in range(charges)]
        own = PROVIDERS[self.sender.provider].own_references
        names = [(name, one.id, OWN) for one in made for name in own(one.id)]
        keys = [(one.payment_id, one.key) for one in made if one.key is not None]
        async with connected(self._database_url) as connection:
            copy = connection.copy_records_to_table
            await copy("attempts", records=[one.row for one in made], columns=_ATTEMPT)
            await copy("attempt_references", records=names, columns=("reference", "attempt_id", "role"))
            await copy("personal_keys", records=keys, columns=("payment_id", "wrapped"))

    def _made(self, number: int, ring: KeyRing) -> _Made:
        payment, provider = payment_id(number), PROVIDERS[self.sender.provider]
        method, key = sealed(payment, provider.read_method(self.sender.method), ring)
        charge = Charge(
            payment_id=payment,
            operation_id=charge_id(payment, 1),
            merchant_id=MERCHANT,
            mode="test",
            config_version=1,
            step=1,
            client_ref=f"order {number}",
            amount=Money(AMOUNT_MINOR, "USD"),
            method=method,
            capture="automatic",
        )
        return _Made(charge.operation_id, payment, encode(charge), key)


async def _value(url: str, query: str, arguments: Sequence[object]) -> int:
    async with connected(url) as connection:
        return await connection.fetchval(query, *arguments)


async def _reported(bootstrap: str) -> set[str]:
    """The operations of which a callback's outcome is on the topic."""
    found: set[str] = set()
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(OUTCOMES.name, number) for number in range(OUTCOMES.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            for records in (await consumer.getmany(timeout_ms=1000, max_records=5000)).values():
                reports = [OUTCOMES.decode(record.value) for record in records]
                found |= {one.operation_id for one in reports if _is_of_a_callback(one)}
    finally:
        await consumer.stop()
    return found


def _is_of_a_callback(report: Message) -> TypeGuard[OutcomeReported]:
    return isinstance(report, OutcomeReported) and report.source == "callback"
