"""Which customer at Stripe a merchant's customer is: one for each, begun under a key of its own and found again after a crash."""

import hashlib
from datetime import timedelta
from typing import NamedTuple, Protocol

from malipo import clock
from malipo.contracts.identity import account_name
from malipo.contracts.provider_commands import Charge, Setup
from malipo.contracts.providers.stripe import REPEAT
from malipo.messaging.database import Database
from provider_kit.errors import Misconfigured, NotReady, NotSent
from provider_kit.exchanges import conceal
from provider_kit.readiness import database_of
from provider_kit.reasons import KEY_MARGIN
from provider_kit.sending import nothing_begun
from provider_stripe.client import StripeClient
from provider_stripe.objects import CUSTOMER, LISTING, StripeResponse
from provider_stripe.requests import CLOCK_SKEW, PAGE_SIZE

TAG = "malipo_customer"
_REPLAY_LIMIT = REPEAT.life - KEY_MARGIN
_MOST_PAGES = 20
_MOST_TURNS = 4  # known, begun anew, known, and one for another replica that was faster
_UNANSWERED = "Stripe has not answered about the customer"

_BEGIN = """
WITH begun AS (INSERT INTO customers (name) VALUES ($1) ON CONFLICT (name) DO NOTHING RETURNING number, reference, begun_at)
SELECT number, reference, extract(epoch FROM now() - begun_at)::float8 AS age FROM begun
UNION ALL SELECT number, reference, extract(epoch FROM now() - begun_at)::float8 FROM customers WHERE name = $1
"""
_KEEP = "UPDATE customers SET reference = $3 WHERE name = $1 AND number = $2 AND reference IS NULL RETURNING 1"
_ANEW = "UPDATE customers SET number = number + 1, reference = NULL, begun_at = now() WHERE name = $1 AND number = $2 RETURNING 1"


class Begun(NamedTuple):
    """A customer that was begun for the `number`th time, `age` ago; `reference` once it is known to be there."""

    number: int
    reference: str | None
    age: timedelta


class CustomerRows(Protocol):
    """What `Customers` keeps them in: `StoredCustomers`, or a stand-in without a database. Each may raise `NotReady`."""

    async def begin(self, name: str) -> Begun:
        """The customer as it is known, begun now if it was not."""
        ...

    async def keep(self, name: str, number: int, reference: str) -> None:
        """Know what it is called, unless that is known already or it was begun anew."""
        ...

    async def begin_anew(self, name: str, number: int) -> None:
        """Forget the `number`th, unless another has."""
        ...


class StoredCustomers:
    """The rows of the table `customers`: all replicas share them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, name: str) -> Begun:
        """See `CustomerRows`."""
        with database_of("customers"):
            row, *_ = await self._database.write(_BEGIN, name) or await self._database.write(_BEGIN, name)
        return Begun(row["number"], row["reference"], timedelta(seconds=row["age"]))

    async def keep(self, name: str, number: int, reference: str) -> None:
        """See `CustomerRows`."""
        with database_of("customers"):
            await self._database.write(_KEEP, name, number, reference)

    async def begin_anew(self, name: str, number: int) -> None:
        """See `CustomerRows`."""
        with database_of("customers"):
            await self._database.write(_ANEW, name, number)


class Customers:
    """The customers of all accounts. Whatever dies or comes twice, the row decides which one is used, and that is one."""

    def __init__(self, client: StripeClient, rows: CustomerRows) -> None:
        self._client = client
        self._rows = rows

    async def of(self, operation: Charge | Setup, secret_key: str) -> str:
        """Stripe's id of the customer of an operation that has a `customer_ref`; made if there is none.

        Nothing here moves money. One that is known is looked at before it is used: it may have been deleted, or the account be
        another by now. Raises `NotSent` or `Misconfigured`.
        """
        name = name_of(operation)
        for _ in range(_MOST_TURNS):
            begun = await self._rows.begin(name)
            if begun.reference is not None and await self._is_there(secret_key, begun.reference):
                return begun.reference
            if begun.reference is not None:
                await self._rows.begin_anew(name, begun.number)
                continue
            await self._make(secret_key, name, begun)
        raise NotReady("the customer is being changed by others", retry_after_seconds=1)

    async def _make(self, secret_key: str, name: str, begun: Begun) -> None:
        """Make the customer under its key, or find it where the key may be dead or is of no use."""
        found = None
        if begun.age < _REPLAY_LIMIT:
            form, key = {f"metadata[{TAG}]": name}, f"malipo-{name}-{begun.number}"
            with nothing_begun(_UNANSWERED, retry_after_seconds=1):
                response = await self._client.post(secret_key, "/v1/customers", form, key=key)
            stored_error = response.status >= 500 and response.replayed
            found = None if stored_error else _customer(response)
        found = found or await self._find(secret_key, name, begun)
        if found is None:
            await self._rows.begin_anew(name, begun.number)
        else:
            await self._rows.keep(name, begun.number, found)

    async def _is_there(self, secret_key: str, reference: str) -> bool:
        conceal([reference])  # an exchange's path is shown, and a customer's id is nobody's business
        with nothing_begun(_UNANSWERED, retry_after_seconds=1):
            response = await self._client.get(secret_key, f"/v1/customers/{reference}", {})
        return response.status != 404 and _customer(response) is not None

    async def _find(self, secret_key: str, name: str, begun: Begun) -> str | None:
        """The customer among those that were made since it was begun, by its tag. Too many to look through are as none: one more
        moves nothing, and whose it was begun for could keep no card for as long as it is looked for.
        """
        since = int((clock.now() - begun.age - CLOCK_SKEW).timestamp())
        query = {"created[gte]": str(since), "limit": PAGE_SIZE}
        for _ in range(_MOST_PAGES):
            with nothing_begun(_UNANSWERED, retry_after_seconds=1):
                response = await self._client.get(secret_key, "/v1/customers", query)
            _refuse_unknown(response)
            page = LISTING.decode(response.body)
            customers = [CUSTOMER.decode(raw) for raw in page.data]
            tagged = [one.id for one in customers if (one.metadata or {}).get(TAG) == name]
            if tagged or not page.has_more or not customers:
                return tagged[0] if tagged else None
            query = query | {"starting_after": customers[-1].id}
        return None


def name_of(operation: Charge | Setup) -> str:
    """What names the customer: a hash of the account and the merchant's own name, so that it tells Stripe nothing."""
    account = account_name(operation.merchant_id, operation.mode, operation.account)
    return hashlib.sha256(f"{account}/{operation.customer_ref}".encode()).hexdigest()[:40]


def _customer(response: StripeResponse) -> str | None:
    """The customer that an answer shows; None for one that was deleted."""
    _refuse_unknown(response)
    customer = CUSTOMER.decode(response.body)
    return None if customer.deleted else customer.id


def _refuse_unknown(response: StripeResponse) -> None:
    match response.status:
        case 200:
            pass
        case 401 | 403:
            raise Misconfigured("Stripe refuses the secret_key, or it may not make customers.")
        case status:
            msg = f"Stripe answered about the customer with {status}"
            away = status == 429 or status >= 500  # else it is odd about this one customer
            raise (NotSent if away else NotReady)(msg, retry_after_seconds=response.retry_after_seconds or 1)
