"""What is about a person: sealed under a key of its payment, which is published apart and destroyed when it is to be erased."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from gateway.tables import PERSONAL_KEYS as KEYS
from malipo.contracts.commands import Mode, PaymentMethod
from malipo.contracts.descriptor import Method
from malipo.contracts.personal import PersonalKeyErased, PersonalKeyIssued, parted
from malipo.contracts.topics import PERSONAL_KEYS
from malipo.messaging.database import Database
from malipo.messaging.pool import Queries
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import insert
from malipo.platform.personal_data import seal_texts
from malipo.platform.secrets import KeyRing

AT_ONCE = 100
"""How many payments' data is erased in one transaction."""

_NEW = (KEYS.c.payment_id, KEYS.c.merchant_id, KEYS.c.mode, KEYS.c.customer_ref, KEYS.c.wrapped)
_KEEP = insert(KEYS, columns=_NEW)
_THEIRS = "merchant_id = $1 AND mode = $2 AND {column} = $3"
_REQUEST = f"""
UPDATE personal_keys SET erase_requested_at = coalesce(erase_requested_at, now()) WHERE {_THEIRS}
"""  # noqa: S608 - names of ours
_COUNT = f"""
SELECT count(*) FILTER (WHERE erased_at IS NOT NULL) AS erased,
    count(*) FILTER (WHERE erased_at IS NULL AND erase_requested_at IS NOT NULL) AS waiting
FROM personal_keys WHERE {_THEIRS}
"""  # noqa: S608 - names of ours
# A payment that is under way needs its data. The keys' rows stay, so that a repeat of the request finds them.
_ENDED = """
SELECT k.payment_id FROM personal_keys AS k JOIN payments AS p ON p.id = k.payment_id
WHERE k.erase_requested_at IS NOT NULL AND k.erased_at IS NULL
  AND p.status NOT IN ('processing', 'requires_action', 'authorized')
ORDER BY k.payment_id LIMIT $1
"""
_CLAIM_ENDED = f"{_ENDED} FOR UPDATE OF k SKIP LOCKED"
_ERASE = "UPDATE personal_keys SET wrapped = NULL, erased_at = now() WHERE payment_id = ANY($1::text[])"
_WRAPPED = "SELECT payment_id, wrapped FROM personal_keys WHERE payment_id = ANY($1::text[])"


class Whose(NamedTuple):
    """Whose data: a payment's, or that of all payments of a customer. Of one merchant, in one mode."""

    merchant_id: str
    mode: Mode
    column: Literal["payment_id", "customer_ref"]
    value: str

    def arguments(self) -> tuple[str, Mode, str]:
        """For a statement about these payments."""
        return self.merchant_id, self.mode, self.value


class Sealed(NamedTuple):
    """A method as it travels, and the wrapped key to what is personal in it; None when nothing is."""

    method: PaymentMethod
    wrapped: str | None


class Erasure(NamedTuple):
    """Of how many payments the data is erased, and of how many it will be once they have ended."""

    erased: int
    waiting: int


def sealed(payment_id: str, method: Method, key_ring: KeyRing) -> Sealed:
    """The method with what is personal masked and, beside it, sealed under a new key."""
    details, personal = parted(method)
    method_type = details.pop("type")
    if not personal:
        return Sealed(PaymentMethod(type=method_type, details=details), None)
    ciphertext, wrapped = seal_texts(personal, payment_id, key_ring)
    return Sealed(PaymentMethod(type=method_type, details=details, personal=ciphertext), wrapped)


def keep(unit: UnitOfWork, owner: tuple[str, Mode], payment_id: str, customer_ref: str | None, wrapped: str) -> None:
    """Keep the key to a payment that is just accepted, and publish it to the providers' services."""
    unit.put(_KEEP, [(payment_id, *owner, customer_ref, wrapped)])
    unit.send(PERSONAL_KEYS, payment_id, PersonalKeyIssued(payment_id=payment_id, wrapped=wrapped))


async def request_erasure(unit: UnitOfWork, whose: Whose) -> None:
    """Have this personal data erased as soon as each payment has ended."""
    await unit.transaction.execute(_REQUEST.format(column=whose.column), *whose.arguments())


async def erasure(source: Queries, whose: Whose) -> Erasure:
    """How far the erasure is that was requested."""
    row = await source.fetchrow(_COUNT.format(column=whose.column), *whose.arguments())
    assert row is not None
    return Erasure(row["erased"], row["waiting"])


async def erase_ended(database: Database) -> bool:
    """Destroy the keys that are to be erased, of payments that have ended; returns whether there may be more."""
    if not await database.reads.fetch(_ENDED, 1):
        return False
    async with database.begin() as unit:
        payment_ids = [row["payment_id"] for row in await unit.transaction.fetch(_CLAIM_ENDED, AT_ONCE)]
        await unit.transaction.execute(_ERASE, payment_ids)
        _publish(unit, dict.fromkeys(payment_ids))
    return len(payment_ids) == AT_ONCE


async def publish_again(unit: UnitOfWork, payment_ids: Iterable[str]) -> None:
    """Publish the keys of these payments once more, or that they are erased: a provider's service lacks them."""
    if asked := sorted(payment_ids):
        rows = await unit.reads.fetch(_WRAPPED, asked)
        _publish(unit, {row["payment_id"]: row["wrapped"] for row in rows})


def _publish(unit: UnitOfWork, wrapped: Mapping[str, str | None]) -> None:
    for payment_id, key in wrapped.items():
        issued = PersonalKeyIssued(payment_id=payment_id, wrapped=key) if key else None
        unit.send(PERSONAL_KEYS, payment_id, issued or PersonalKeyErased(payment_id=payment_id))
