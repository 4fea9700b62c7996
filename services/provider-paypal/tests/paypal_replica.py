"""One process of PayPal's service upon a real database and a simulated PayPal, moved step by step."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from paypal_account import Approved, Paypal, new_charge
from paypal_signing import PaypalsKey

from malipo.contracts.outcomes import ActionRequired, Outcome
from malipo.messaging.database import Database
from provider_kit import knowledge
from provider_kit.provider import ProviderOperation
from provider_kit.tokens import Tokens
from provider_paypal.client import PaypalClient
from provider_paypal.provider import PaypalProvider
from provider_paypal.statement import PaypalStatement
from provider_paypal.verification import BySignature
from testkit.replica import CREDENTIAL, KEY_RING, ProviderReplica


class Replica(ProviderReplica):
    """Another one of the same `paypal` and database is another process."""

    def __init__(self, paypal: Paypal, database: Database, name: str = "run_1") -> None:
        self.paypal = paypal
        client = PaypalClient(
            paypal.http,
            Tokens("paypal", database, KEY_RING),
            hosts={"test": paypal.url, "live": paypal.url},
            timeout_seconds=5,
        )
        self.provider = PaypalProvider(client, BySignature(PaypalsKey()))
        find = partial(knowledge.originals, database.reads)
        self.statement = PaypalStatement(client, find, lateness=timedelta(seconds=1))
        super().__init__(self.provider, self.statement, database, name)
        self.seen = 0

    def another(self) -> "Replica":
        return Replica(self.paypal, self.database, "run_2")

    async def configure(self) -> None:
        """The merchant has the account `default`."""
        await self.set_up(self.paypal.credentials)

    async def command(self, operation: ProviderOperation) -> Outcome | None:
        """Record it and run it; returns what is told of it, None if nothing is."""
        await self.handle(operation)
        await self.run()
        return await self.last(operation)

    async def query(self, operation: ProviderOperation, reference: str | None = None) -> Outcome | None:
        """Ask how it stands, as the orchestrator does."""
        await self.ask(operation, reference)
        await self.run()
        return await self.last(operation)

    async def approve(self, **changes: object) -> Approved:
        """A charge whose payer has approved it."""
        charge = new_charge(**changes)
        waiting = await self.command(charge)
        assert isinstance(waiting, ActionRequired)
        await self.paypal.control(f"orders/{waiting.reference}/approve")
        return Approved(charge, waiting.reference)

    async def hear(self, lost: Callable[[], bool] = lambda: False) -> list[str]:
        """Take what PayPal's webhooks tell that were not taken yet, and ask what they make us ask; returns the results.

        `lost` says of each whether it never comes.
        """
        account = await self.credentials.by_id(CREDENTIAL)
        new = self.paypal.parsed()[self.seen :]
        self.seen += len(new)
        results = [await self.door.take(account, parsed) for parsed in new if not lost()]
        await self.run()
        return results

    async def read(self) -> None:
        """Read what is due of the account's statement, and ask what it makes us ask."""
        for cursor in await self.claim():
            await self.statements.look(cursor)
        await self.run()

    async def end_leases(self) -> None:
        """As time does when a process has died."""
        await self.sql("UPDATE attempts SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL")

    async def grow_old(self, **age: float) -> None:
        """As if it had all been sent so long ago."""
        older = timedelta(**age)
        await self.sql(
            "UPDATE attempts SET first_sent_at = first_sent_at - $1::interval, created_at = created_at - $1::interval",
            older,
        )

    async def last(self, operation: ProviderOperation) -> Outcome | None:
        """The last outcome that is told of this operation."""
        told = await self.outcomes(operation)
        return told[-1] if told else None
