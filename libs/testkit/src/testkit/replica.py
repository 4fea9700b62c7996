"""One process of a provider's service upon a real database, moved step by step: a test says what happens, and when."""

import json
from collections.abc import Mapping
from datetime import timedelta

from malipo import ids
from malipo.contracts.config import Credential, MerchantConfigured, secret_owner
from malipo.contracts.outcomes import Outcome, OutcomeReported, ProviderReport
from malipo.contracts.provider_commands import Query
from malipo.contracts.topics import BY_NAME
from malipo.messaging.database import Database
from malipo.messaging.executor import Lease
from malipo.messaging.subscription import Received
from malipo.platform.secrets import KeyRing
from provider_kit.attempts import Attempts
from provider_kit.credentials import CredentialStore
from provider_kit.cursors import Cursor
from provider_kit.door import Door
from provider_kit.handlers import handle_batch
from provider_kit.personal import PersonalKeys
from provider_kit.provider import Provider, ProviderOperation, kind_of
from provider_kit.runner import AttemptRunner
from provider_kit.statement import Statement
from provider_kit.statement_reader import StatementReader

KEY_RING = KeyRing({"k1": b"k" * 32})
CREDENTIAL = "cred_1"
_ABOUT = ("payment_id", "operation_id", "merchant_id", "mode", "client_ref")


class ProviderReplica:
    """Keeps what it has on `database`; another one upon the same database is another process."""

    def __init__(
        self, provider: Provider, statement: Statement, database: Database, name: str, *, callback_base: str = ""
    ) -> None:
        self.database = database
        self.lease = Lease(name, 6)
        self.attempts = Attempts(database)
        self.credentials = CredentialStore(provider.descriptor, database, KEY_RING, callback_base=callback_base)
        keys, lease_seconds = PersonalKeys(provider.descriptor, database, KEY_RING), self.lease.seconds
        self.runner = AttemptRunner(
            provider, self.attempts, self.credentials, keys, database, lease_seconds=lease_seconds
        )
        self.door = Door(provider, database, keys, lambda: None)
        self.statements = StatementReader(
            provider, statement, self.credentials, self.door, database, lease_seconds=lease_seconds
        )
        self._provider_name = provider.descriptor.name

    async def set_up(self, plain: Mapping[str, object], version: int = 1) -> None:
        """The merchant `mer_1` has the account `default` with these credentials."""
        sealed = KEY_RING.seal(json.dumps(plain).encode(), owner=secret_owner("mer_1", "test", CREDENTIAL))
        credential = Credential(id=CREDENTIAL, provider=self._provider_name, mode="test", ciphertext=sealed)
        message = MerchantConfigured(merchant_id="mer_1", version=version, credentials=(credential,))
        async with self.database.begin() as unit:
            await self.credentials.replicate(lambda: None, unit, [Received(message, ids.new("msg"), "topic", "mer_1")])

    async def handle(self, command: ProviderOperation | Query) -> None:
        """Record it."""
        batch = [Received(command, ids.new("msg"), "topic", command.payment_id, {})]
        async with self.database.begin() as unit:
            await handle_batch(self._provider_name, self.attempts, self.runner.work, unit, batch)

    async def ask(self, operation: ProviderOperation, reference: str | None = None) -> None:
        """Record a query of how it stands, as the orchestrator sends it."""
        about = {name: getattr(operation, name) for name in _ABOUT}
        await self.handle(Query(**about, config_version=1, step=2, kind=kind_of(operation), reference=reference))

    async def run(self) -> None:
        """Send what is due, and ask what is to be asked."""
        for claim in (self.attempts.claim_operations, self.attempts.claim_queries):
            for one in await claim(self.lease, 10, []):
                await self.runner.run(one)

    async def claim(self) -> list[Cursor]:
        """The statements, leased, as if each were due that could be read before."""
        await self.statements.admit(self.database)
        await self.sql("UPDATE statements SET due_at = now() WHERE failures = 0")
        return list(await self.statements._cursors.claim(self.lease, 10, []))  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (the service's scheduler has them)

    async def cover(self, **age: float) -> None:
        """As if no statement had been read for so long."""
        await self.sql("UPDATE statements SET covered_until = now() - $1::interval", timedelta(**age))

    async def sql(self, statement: str, *values: object) -> None:
        """Change what a test cannot wait for."""
        await self.database.reads.fetch(statement, *values)

    async def reports(self) -> list[ProviderReport]:
        """What the service tells, and then no more of it."""
        rows = await self.database.reads.fetch(
            "WITH gone AS (DELETE FROM outbox RETURNING *) SELECT * FROM gone ORDER BY id"
        )
        told = [BY_NAME[row["topic"]].decode(row["payload"]) for row in rows]
        return [one for one in told if isinstance(one, ProviderReport)]

    async def outcomes(self, operation: ProviderOperation) -> list[Outcome]:
        """Those that it tells of this operation, the last one last."""
        told = [one for one in await self.reports() if isinstance(one, OutcomeReported)]
        return [one.outcome for one in told if one.operation_id == operation.operation_id]
