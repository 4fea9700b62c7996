"""What is about a person: sealed under a key of its payment, which is published apart and destroyed when it is to be erased."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple

from gateway.tables import PAYMENTS, UNDER_WAY
from gateway.tables import PERSONAL_KEYS as KEYS
from malipo.contracts.commands import Mode, PaymentMethod
from malipo.contracts.descriptor import Method
from malipo.contracts.outcomes import PersonalKeyDestroyed
from malipo.contracts.personal import PersonalKeyErased, PersonalKeyIssued, parted
from malipo.contracts.topics import PERSONAL_KEYS
from malipo.messaging.database import Database
from malipo.messaging.pool import Queries, Row
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import Write, insert
from malipo.platform.personal_data import seal_texts
from malipo.platform.secrets import KeyRing

AT_ONCE = 100
"""How many payments' data is erased in one transaction."""

_NEW = (KEYS.c.payment_id, KEYS.c.merchant_id, KEYS.c.mode, KEYS.c.customer_ref, KEYS.c.wrapped, KEYS.c.held_by)
_KEEP = insert(KEYS, columns=_NEW)
_THEIRS = "merchant_id = $1 AND mode = $2 AND {column} = $3"
_REQUEST = f"""
UPDATE personal_keys SET erase_requested_at = coalesce(erase_requested_at, now()) WHERE {_THEIRS}
"""  # noqa: S608 - names of ours
_COUNT = f"""
SELECT count(*) FILTER (WHERE erased_at IS NOT NULL AND announce_at IS NULL) AS erased,
    count(*) FILTER (WHERE erase_requested_at IS NOT NULL AND (erased_at IS NULL OR announce_at IS NOT NULL)) AS waiting
FROM personal_keys WHERE {_THEIRS}
"""  # noqa: S608 - names of ours
# A payment that is under way needs its data. The keys' rows stay, so that a repeat of the request finds them.
_ENDED = f"""
SELECT k.payment_id FROM personal_keys AS k JOIN payments AS p ON p.id = k.payment_id
WHERE k.erase_requested_at IS NOT NULL AND k.erased_at IS NULL
  AND p.status NOT IN {UNDER_WAY}
ORDER BY k.payment_id LIMIT $1
"""  # noqa: S608 - of ours
_CLAIM_ENDED = f"{_ENDED} FOR UPDATE OF k SKIP LOCKED"
_ERASE = """
UPDATE personal_keys SET wrapped = NULL, erased_at = now(),
    announce_at = CASE WHEN held_by <> '[]' THEN now() + interval '1 minute' END
WHERE payment_id = ANY($1::text[]) RETURNING payment_id, wrapped, held_by
"""
_TO_ANNOUNCE = "SELECT EXISTS (SELECT FROM personal_keys WHERE announce_at <= now())"
# After a minute, and then whenever twice as long has passed, but at least once a day, for as long as it takes.
_ANNOUNCE = """
WITH due AS (
    SELECT payment_id FROM personal_keys WHERE announce_at <= now() ORDER BY announce_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE personal_keys AS k
SET announce_at = now() + least(greatest(now() - k.erased_at, interval '1 minute'), interval '1 day')
FROM due WHERE k.payment_id = due.payment_id RETURNING k.payment_id, k.wrapped, k.held_by
"""
_CONFIRM = Write(
    """UPDATE personal_keys AS k SET held_by = k.held_by - gone.providers,
    announce_at = CASE WHEN k.held_by - gone.providers <> '[]' THEN k.announce_at END
FROM (SELECT payment_id, array_agg(provider) FROM unnest({arrays}) AS new (payment_id, provider) GROUP BY payment_id)
    AS gone (payment_id, providers)
WHERE k.payment_id = gone.payment_id AND k.erased_at IS NOT NULL""",
    (KEYS.c.payment_id, PAYMENTS.c.provider),
)
_WRAPPED = "SELECT payment_id, wrapped, held_by FROM personal_keys WHERE payment_id = ANY($1::text[])"


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
    """Of how many payments all have destroyed the key, and of how many they will, at the latest once these have ended."""

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


def keep(
    unit: UnitOfWork,
    owner: tuple[str, Mode],
    payment_id: str,
    *,
    customer_ref: str | None,
    wrapped: str,
    providers: tuple[str, ...],
) -> None:
    """Keep the key to a payment that is just accepted, and publish it to the services of those that it may go to."""
    unit.put(_KEEP, [(payment_id, *owner, customer_ref, wrapped, providers)])
    issued = PersonalKeyIssued(payment_id=payment_id, wrapped=wrapped, providers=providers)
    unit.send(PERSONAL_KEYS, payment_id, issued)


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
        _publish(unit, await unit.transaction.fetch(_ERASE, payment_ids))
    return len(payment_ids) == AT_ONCE


async def announce_again(database: Database) -> bool:
    """Publish once more what is erased and not yet destroyed everywhere; returns whether there may be more.

    The message before may be lost, or not applied, or deleted before a service came back that was away for long.
    """
    if not await database.reads.fetchval(_TO_ANNOUNCE):
        return False
    async with database.begin() as unit:
        due = await unit.transaction.fetch(_ANNOUNCE, AT_ONCE)
        _publish(unit, due)
    return len(due) == AT_ONCE


def confirm(unit: UnitOfWork, destroyed: Sequence[PersonalKeyDestroyed]) -> None:
    """Put into the unit that these services have destroyed their copies: once all have, nothing is published any more."""
    unit.put(_CONFIRM, sorted({(one.payment_id, one.provider) for one in destroyed}))


async def publish_again(unit: UnitOfWork, asked: AbstractSet[tuple[str, str]]) -> None:
    """Publish keys once more, or that they are erased: of each payment this provider's service lacks it."""
    if asked:
        rows = await unit.reads.fetch(_WRAPPED, sorted({payment_id for payment_id, _ in asked}))
        _publish(unit, rows, asked)


def _publish(unit: UnitOfWork, rows: Iterable[Row], asked: AbstractSet[tuple[str, str]] = frozenset()) -> None:
    for row in rows:
        payment_id, wrapped = row["payment_id"], row["wrapped"]
        providers = tuple(sorted({*row["held_by"], *(by for about, by in asked if about == payment_id)}))
        erased = PersonalKeyErased(payment_id=payment_id, providers=providers)
        issued = PersonalKeyIssued(payment_id=payment_id, wrapped=wrapped, providers=providers) if wrapped else None
        unit.send(PERSONAL_KEYS, payment_id, issued or erased)
