"""A provider's service on a stack, with an account and charges that were sent: what its callbacks are about."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.database import connected, tidy
from bench.receiver.senders import ACCOUNT, AMOUNT_MINOR, Sender, event_id, payment_id
from malipo import clock
from malipo.contracts.config import Credential, MerchantConfigured, secret_owner
from malipo.contracts.identity import account_name, charge_id
from malipo.contracts.message import encode
from malipo.contracts.outcomes import OutcomeReported
from malipo.contracts.provider_commands import Charge
from malipo.contracts.providers import PROVIDERS
from malipo.contracts.topics import MERCHANT_CONFIG, OUTCOMES
from malipo.money import Money
from malipo.platform.secrets import KeyRing
from malipo_local import Stack
from malipo_local.waiting import until
from provider_kit.references import OWN

MERCHANT = "mer_receiver"
_START_SECONDS = 60.0
_TOLD_SECONDS = 60.0
_COLUMNS = ("id", "operation_id", "payment_id", "merchant_id", "kind", "command", "headers", "account",
            "first_sent_at", "done_at")  # fmt: skip
_STORED = "SELECT count(*) FROM inbox WHERE consumer = 'callbacks' AND message_id = ANY($1::text[])"
_KNOWN = "SELECT count(*) FROM credentials WHERE id = $1"
_OUTBOX = "SELECT count(*) FROM outbox"


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
        asyncio.run(self._add(charges))
        asyncio.run(tidy(self._database_url))

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

    async def _add(self, charges: int) -> None:
        made = [self._charge(number) for number in range(charges)]
        own = PROVIDERS[self.sender.provider].own_references
        names = [(name, one.operation_id, OWN) for one in made for name in own(one.operation_id)]
        now = clock.now()
        rows = [
            (one.operation_id, one.operation_id, one.payment_id, MERCHANT, "charge", encode(one), "{}",
             account_name(MERCHANT, "test", one.account), now, now)
            for one in made
        ]  # fmt: skip
        async with connected(self._database_url) as connection:
            await connection.copy_records_to_table("attempts", records=rows, columns=_COLUMNS)
            columns = ("reference", "attempt_id", "role")
            await connection.copy_records_to_table("attempt_references", records=names, columns=columns)

    def _charge(self, number: int) -> Charge:
        payment = payment_id(number)
        return Charge(
            payment_id=payment,
            operation_id=charge_id(payment, 1),
            merchant_id=MERCHANT,
            mode="test",
            config_version=1,
            step=1,
            client_ref=f"order {number}",
            amount=Money(AMOUNT_MINOR, "USD"),
            method=self.sender.method,
            capture="automatic",
        )


async def _value(url: str, query: str, arguments: Sequence[object]) -> int:
    async with connected(url) as connection:
        return await connection.fetchval(query, *arguments)


async def _reported(bootstrap: str) -> set[str]:
    """The operations of which a callback's outcome is on the topic."""
    found: set[str] = set()
    decode = partial(msgspec.json.decode, type=OUTCOMES.messages)
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(OUTCOMES.name, number) for number in range(OUTCOMES.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(one) < ends[one] for one in partitions]):
            for records in (await consumer.getmany(timeout_ms=1000, max_records=5000)).values():
                reports = [decode(record.value) for record in records]
                found |= {one.operation_id for one in reports if isinstance(one, OutcomeReported)}
    finally:
        await consumer.stop()
    return found
