"""The keys to what is about a person: kept apart from the commands that carry it sealed, and gone once they are erased."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from pydantic import ValidationError

from malipo.contracts.commands import PaymentMethod
from malipo.contracts.descriptor import Method, ProviderDescriptor
from malipo.contracts.message import Message
from malipo.contracts.outcomes import PersonalKeyDestroyed
from malipo.contracts.personal import PersonalKeyErased, PersonalKeyIssued, parted, whole
from malipo.contracts.provider_commands import Charge, Setup
from malipo.contracts.topics import OUTCOMES
from malipo.messaging.database import Database
from malipo.messaging.subscription import Received
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.platform.logs import log
from malipo.platform.personal_data import open_texts
from malipo.platform.secrets import KeyRing, SecretUnreadable
from provider_kit.concealed import Concealed
from provider_kit.provider import ProviderOperation

# An erased key never comes back, in whichever order the messages arrive.
_KEEP = """
INSERT INTO personal_keys (payment_id, wrapped) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING
"""
_ERASE = """
INSERT INTO personal_keys (payment_id, wrapped) SELECT unnest($1::text[]), NULL
ON CONFLICT (payment_id) DO UPDATE SET wrapped = NULL
"""
_FIND = "SELECT payment_id, wrapped FROM personal_keys WHERE payment_id = ANY($1::text[])"
_WAKE_WAITING = """
UPDATE attempts SET due_at = now()
WHERE payment_id = ANY($1::text[]) AND done_at IS NULL AND lease_token IS NULL AND split_part(problem, ':', 1) = 'personal_data_behind'
RETURNING 1
"""

type _Keys = Mapping[str, str | None]
"""Wrapped keys by the payment; None is one that was erased."""


class KeyBehind(Exception):
    """The key to a payment's personal data has not arrived here yet: wait for it."""


class PersonalDataErased(Exception):
    """The key was destroyed: nothing that needs this data can be carried out any more."""


class PersonalDataUnreadable(Exception):
    """The key is there and opens nothing: a key of the ring that wrapped it is gone, or the data is damaged."""


class MethodUnreadable(Exception):
    """The provider's own model does not read this method: nothing can be charged with it, and nothing was sent."""


def personal_texts(method: Method | None) -> Sequence[str]:
    """What of a method is about a person, in clear."""
    return list(parted(method)[1].values()) if method else []


class PersonalKeys:
    """The keys to personal data of one provider's payments, wrapped as they came."""

    def __init__(self, descriptor: ProviderDescriptor, database: Database, key_ring: KeyRing) -> None:
        self._descriptor = descriptor
        self._database = database
        self._key_ring = key_ring

    async def replicate(self, nudge: Callable[[], None], unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        """Handler of the keys' topic: those of payments that may come here are kept, and reported when they are destroyed.

        After the commit `nudge` is called if there are operations that waited for a key: they are due.
        """
        ours = [one.message for one in batch if self._is_for_us(one.message)]
        issued = {one.payment_id: one.wrapped for one in ours if isinstance(one, PersonalKeyIssued)}
        erased = sorted({one.payment_id for one in ours if isinstance(one, PersonalKeyErased)})
        kept = sorted(issued.items())
        await unit.transaction.execute(_KEEP, [payment_id for payment_id, _ in kept], [wrapped for _, wrapped in kept])
        await unit.transaction.execute(_ERASE, erased)
        woken = await unit.transaction.fetch(_WAKE_WAITING, sorted({*issued, *erased}))
        for payment_id in erased:
            destroyed = PersonalKeyDestroyed(payment_id=payment_id, provider=self._descriptor.name)
            unit.send(OUTCOMES, payment_id, destroyed)
        if woken:
            unit.after_commit(nudge)

    def _is_for_us(self, message: Message) -> bool:
        match message:
            case PersonalKeyIssued(providers=providers) | PersonalKeyErased(providers=providers):
                return self._descriptor.name in providers
            case other:
                raise TypeError(type(other).__name__)

    async def open(self, payment_id: str, method: PaymentMethod) -> Method:
        """The method as the merchant sent it.

        Raises `KeyBehind`, `PersonalDataErased`, `PersonalDataUnreadable` or `MethodUnreadable`.
        """
        return self._open(payment_id, method, await self._found([(payment_id, method)]))

    async def open_if_there(self, payment_id: str, method: PaymentMethod) -> Method | None:
        """The method, or None when it cannot be read, or no key opens it: to ask what became of it needs neither."""
        return self._open_if_there(payment_id, method, await self._found([(payment_id, method)]))

    async def concealed_of(self, operations: Iterable[ProviderOperation]) -> dict[str, Concealed]:
        """By the ids of those of them that are charges: what takes their personal texts out, as far as these can be read."""
        charges = [one for one in operations if isinstance(one, Charge | Setup) and one.method.personal is not None]
        keys = await self._found((one.payment_id, one.method) for one in charges)
        opened = {one.operation_id: self._open_if_there(one.payment_id, one.method, keys) for one in charges}
        return {operation_id: Concealed(personal_texts(method)) for operation_id, method in opened.items()}

    async def _found(self, methods: Iterable[tuple[str, PaymentMethod]]) -> _Keys:
        """The keys to these payments' methods, by one statement however many they are; what needs none is not looked for."""
        sealed = sorted({payment_id for payment_id, method in methods if method.personal is not None})
        rows = await self._database.reads.fetch(_FIND, sealed) if sealed else ()
        return {row["payment_id"]: row["wrapped"] for row in rows}

    def _open_if_there(self, payment_id: str, method: PaymentMethod, keys: _Keys) -> Method | None:
        try:
            return self._open(payment_id, method, keys)
        except (KeyBehind, PersonalDataErased, MethodUnreadable):
            return None
        except PersonalDataUnreadable:
            log.error("personal data cannot be read", provider=self._descriptor.name, payment_id=payment_id)
            return None

    def _open(self, payment_id: str, method: PaymentMethod, keys: _Keys) -> Method:
        if method.personal is None:
            return self._read(method)
        if payment_id not in keys:
            raise KeyBehind
        wrapped = keys[payment_id]
        if wrapped is None:
            raise PersonalDataErased
        return self._opened(payment_id, method, method.personal, wrapped)

    def _opened(self, payment_id: str, method: PaymentMethod, sealed: str, wrapped: str) -> Method:
        try:
            texts = open_texts(sealed, wrapped, payment_id, self._key_ring)
        except SecretUnreadable:
            raise PersonalDataUnreadable from None  # without a cause: it would quote the data
        return self._read(msgspec.structs.replace(method, details=whole(method.details, texts), personal=None))

    def _read(self, method: PaymentMethod) -> Method:
        try:
            return self._descriptor.read_method(method)
        except (LookupError, ValidationError):
            raise MethodUnreadable from None  # without a cause: it would quote the data
