"""Every topic as one table: provisioning, decoding, `docs/topics.md` and AsyncAPI all come from here."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from types import UnionType

import msgspec

from malipo.contracts.accounts import AccountRegistered
from malipo.contracts.commands import CreatePayment, PaymentCommand, ResendEvents, SaveMethod
from malipo.contracts.config import ConfigurationMissed, MerchantConfigured
from malipo.contracts.deliveries import DeliveryReported
from malipo.contracts.events import PaymentEvent, RollCalled
from malipo.contracts.message import Message
from malipo.contracts.movements import MovementsReported
from malipo.contracts.outcomes import ProviderReport
from malipo.contracts.personal import PersonalKeyErased, PersonalKeyIssued
from malipo.contracts.provider_commands import Charge, ProviderMessage, Setup
from malipo.contracts.providers import METHODS, PROVIDERS

DEAD_LETTER_SUFFIX = ".dlq"


class _Named(msgspec.Struct):
    type: str


_NAMED = msgspec.json.Decoder(_Named)


@dataclass(frozen=True)
class Topic:
    """One topic. A `retention` of None means compacted: the last message of each key is kept for ever.

    `dead_letters_kept` is how long what could not be applied waits for a person. `methods` are the types of payments' methods
    that the consumers of commands know.
    """

    name: str
    key: str
    partitions: int
    retention: timedelta | None
    messages: type[Message] | UnionType
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    dead_letters_kept: timedelta = timedelta(days=90)
    methods: AbstractSet[str] = frozenset()

    @property
    def dead_letter(self) -> str:
        """The topic of this one's dead letters: messages that could not be applied."""
        return self.name + DEAD_LETTER_SUFFIX

    @property
    def message_types(self) -> tuple[type[Message], ...]:
        """The classes that may appear on this topic."""
        return self.messages.__args__ if isinstance(self.messages, UnionType) else (self.messages,)

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[Message]:
        return msgspec.json.Decoder(self.messages)

    def unknown_type(self, value: bytes) -> str | None:
        """The type of a message, or of its payment's method, that this release does not know, as a newer producer may send;
        None for any other bytes.
        """
        try:
            named = _NAMED.decode(value).type
            known = named in {message.__name__ for message in self.message_types}
            return self.unknown_method(self.decode(value)) if known else named
        except msgspec.MsgspecError:
            return None

    def unknown_method(self, message: Message) -> str | None:
        """The type of the method that a payment is to be made with, or that is to be kept, if this release does not know it."""
        begins = isinstance(message, CreatePayment | SaveMethod | Charge | Setup)
        return message.method.type if begins and message.method.type not in self.methods else None

    def decode(self, value: bytes) -> Message:
        """The message in `value`. Raises `msgspec.MsgspecError` when it is not one of this topic's types."""
        return self._decoder.decode(value)


_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_MONTH = timedelta(days=30)

PAYMENT_COMMANDS = Topic(
    name="payments.commands.v1",
    key="payment id",
    partitions=12,
    retention=_WEEK,
    messages=PaymentCommand | ResendEvents,
    producers=("gateway", "webhook-dispatcher"),
    consumers=("orchestrator",),
    methods=METHODS.keys(),
)
PROVIDER_COMMANDS: dict[str, Topic] = {
    provider: Topic(
        name=f"providers.{provider}.commands.v1",
        key="payment id",
        partitions=12,
        retention=_WEEK,
        messages=ProviderMessage,
        producers=("orchestrator",),
        consumers=(f"provider-{provider}",),
        methods={rules.type for rules in described.methods},
    )
    for provider, described in PROVIDERS.items()
}
"""The commands topic of each provider, by the provider's name."""
OUTCOMES = Topic(
    name="providers.outcomes.v1",
    key="payment id",
    partitions=12,
    retention=_WEEK,
    messages=ProviderReport,
    producers=("provider-*",),
    consumers=("orchestrator", "gateway"),
)
PAYMENT_EVENTS = Topic(
    name="payments.events.v1",
    key="payment id",
    partitions=12,
    retention=_MONTH,
    messages=PaymentEvent | RollCalled,
    producers=("orchestrator",),
    consumers=("gateway", "webhook-dispatcher"),
)
MERCHANT_CONFIG = Topic(
    name="merchants.config.v1",
    key="merchant id",
    partitions=4,
    retention=None,
    messages=MerchantConfigured,
    producers=("gateway",),
    consumers=("provider-*", "webhook-dispatcher"),
)
PROVIDER_ACCOUNTS = Topic(
    name="providers.accounts.v1",
    key="credential id",
    partitions=4,
    retention=None,
    messages=AccountRegistered,
    producers=("provider-*",),
    consumers=("gateway",),
)
MOVEMENTS = Topic(
    name="providers.movements.v1",
    key="merchant id",
    partitions=4,
    retention=_WEEK,
    messages=MovementsReported,
    producers=("provider-*",),
    consumers=("gateway",),
)
PERSONAL_KEYS = Topic(
    name="personal.keys.v1",
    key="payment id",
    partitions=4,
    retention=_DAY,  # what is erased must leave Kafka soon, and what a service has missed it asks for
    messages=PersonalKeyIssued | PersonalKeyErased,
    producers=("gateway",),
    consumers=("provider-*",),
    dead_letters_kept=_DAY,
)
DELIVERIES = Topic(
    name="webhooks.deliveries.v1",
    key="endpoint id",
    partitions=4,
    retention=_WEEK,
    messages=DeliveryReported | ConfigurationMissed,
    producers=("webhook-dispatcher",),
    consumers=("gateway",),
)

TOPICS: tuple[Topic, ...] = (
    PAYMENT_COMMANDS,
    *PROVIDER_COMMANDS.values(),
    OUTCOMES,
    PAYMENT_EVENTS,
    MERCHANT_CONFIG,
    PROVIDER_ACCOUNTS,
    MOVEMENTS,
    PERSONAL_KEYS,
    DELIVERIES,
)
BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}
