"""One process of PayPal's service upon a real database and a simulated PayPal, moved step by step."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from paypal_account import Paypal
from paypal_signing import PaypalsKey

from malipo import ids
from malipo.contracts.config import Credential, MerchantConfigured, secret_owner
from malipo.contracts.outcomes import Outcome, OutcomeReported, ProviderReport
from malipo.contracts.provider_commands import Query
from malipo.contracts.providers.paypal import DESCRIPTOR
from malipo.contracts.topics import BY_NAME
from malipo.messaging.database import Database
from malipo.messaging.executor import Lease
from malipo.messaging.subscription import Received
from malipo.platform.secrets import KeyRing
from provider_kit import knowledge
from provider_kit.attempts import Attempts
from provider_kit.credentials import CredentialStore
from provider_kit.door import Door
from provider_kit.handlers import handle_batch
from provider_kit.personal import PersonalKeys
from provider_kit.provider import ProviderOperation, kind_of
from provider_kit.runner import AttemptRunner
from provider_kit.statement_reader import StatementReader
from provider_kit.tokens import Tokens
from provider_paypal.client import PaypalClient
from provider_paypal.provider import PaypalProvider
from provider_paypal.statement import PaypalStatement
from provider_paypal.verification import BySignature

KEY_RING = KeyRing({"k1": b"k" * 32})
COMMON = ("payment_id", "operation_id", "merchant_id", "mode")


class Replica:
    """Keeps what it has on `database`; another one of the same `paypal` and database is another process."""

    def __init__(self, paypal: Paypal, database: Database, name: str = "run_1") -> None:
        self.paypal = paypal
        self.database = database
        self.lease = Lease(name, 6)
        hosts = {"test": paypal.url, "live": paypal.url}
        tokens = Tokens("paypal", database, KEY_RING)
        self.provider = PaypalProvider(
            PaypalClient(paypal.http, tokens, hosts=hosts, timeout_seconds=5), BySignature(PaypalsKey())
        )
        self.attempts = Attempts(database)
        self.credentials = CredentialStore(DESCRIPTOR, database, KEY_RING)
        keys = PersonalKeys(DESCRIPTOR, database, KEY_RING)
        self.runner = AttemptRunner(
            self.provider, self.attempts, self.credentials, keys, database, lease_seconds=self.lease.seconds
        )
        self.door = Door(self.provider, database, keys, lambda: None)
        find = partial(knowledge.originals, database.reads)
        self.statement = PaypalStatement(self.provider._client, find, lateness=timedelta(seconds=1))
        self.statements = StatementReader(
            self.provider, self.statement, self.credentials, self.door, database, lease_seconds=self.lease.seconds
        )
        self.seen = 0

    def another(self) -> "Replica":
        return Replica(self.paypal, self.database, "run_2")

    async def configure(self) -> None:
        """The merchant has the account `default`."""
        sealed = KEY_RING.seal(
            json.dumps(self.paypal.credentials).encode(), owner=secret_owner("mer_1", "test", "cred_1")
        )
        credential = Credential(id="cred_1", provider="paypal", mode="test", ciphertext=sealed)
        message = MerchantConfigured(merchant_id="mer_1", version=1, credentials=(credential,))
        async with self.database.begin() as unit:
            await self.credentials.replicate(lambda: None, unit, [Received(message, ids.new("msg"), "topic", "mer_1")])

    async def command(self, operation: ProviderOperation) -> Outcome | None:
        """Record it and run it; returns what is told of it, None if nothing is."""
        await self.handle(operation)
        await self.run()
        return await self.last(operation)

    async def query(self, operation: ProviderOperation, reference: str | None = None) -> Outcome | None:
        """Ask how it stands, as the orchestrator does."""
        about = {name: getattr(operation, name) for name in COMMON}
        await self.handle(Query(**about, config_version=1, step=2, kind=kind_of(operation), reference=reference))
        await self.run()
        return await self.last(operation)

    async def handle(self, command: ProviderOperation | Query) -> None:
        batch = [Received(command, ids.new("msg"), "topic", command.payment_id, {})]
        async with self.database.begin() as unit:
            await handle_batch("paypal", self.attempts, lambda: None, unit, batch)

    async def run(self) -> None:
        """Send what is due, and ask what is to be asked."""
        for claim in (self.attempts.claim_operations, self.attempts.claim_queries):
            for one in await claim(self.lease, 10, []):
                await self.runner.run(one)

    async def hear(self, lost: Callable[[], bool] = lambda: False) -> list[str]:
        """Take what PayPal's webhooks tell that were not taken yet, and ask what they make us ask; returns the results.

        `lost` says of each whether it never comes.
        """
        account = await self.credentials.by_id("cred_1")
        new = self.paypal.parsed()[self.seen :]
        self.seen += len(new)
        results = [await self.door.take(account, parsed) for parsed in new if not lost()]
        await self.run()
        return results

    async def read(self) -> None:
        """Read what is due of the account's statement, and ask what it makes us ask."""
        await self.statements.admit(self.database)
        await self.sql("UPDATE statements SET due_at = now() WHERE failures = 0")
        for cursor in await self.statements._cursors.claim(self.lease, 10, []):
            await self.statements.look(cursor)
        await self.run()

    async def cover(self, **age: float) -> None:
        """As if no statement had been read for so long."""
        await self.sql("UPDATE statements SET covered_until = now() - $1::interval", timedelta(**age))

    async def end_leases(self) -> None:
        """As time does when a process has died."""
        await self.sql("UPDATE attempts SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL")

    async def grow_old(self, **age: float) -> None:
        """As if it had all been sent so long ago."""
        await self.sql("UPDATE attempts SET first_sent_at = first_sent_at - $1::interval", timedelta(**age))

    async def sql(self, statement: str, *values: object) -> None:
        await self.database.reads.fetch(statement, *values)

    async def reports(self) -> list[ProviderReport]:
        """What the service tells, and then no more of it."""
        rows = await self.database.reads.fetch(
            "WITH gone AS (DELETE FROM outbox RETURNING *) SELECT * FROM gone ORDER BY id"
        )
        return [BY_NAME[row["topic"]].decode(row["payload"]) for row in rows]

    async def last(self, operation: ProviderOperation) -> Outcome | None:
        """The last outcome that is told of this operation."""
        told = [one for one in await self.reports() if isinstance(one, OutcomeReported)]
        return next((one.outcome for one in reversed(told) if one.operation_id == operation.operation_id), None)
