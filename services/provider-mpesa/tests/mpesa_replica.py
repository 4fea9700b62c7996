"""One process of M-Pesa's service upon a real database and a simulated Daraja, moved step by step."""

import json
from datetime import timedelta

from mpesa_account import CREDENTIALS, Mpesa, pay

from malipo import ids
from malipo.contracts.config import Credential, MerchantConfigured, secret_owner
from malipo.contracts.outcomes import Outcome, OutcomeReported, ProviderReport
from malipo.contracts.provider_commands import Charge, Query
from malipo.contracts.providers.mpesa import DESCRIPTOR
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
from provider_kit.looking import LookingAgain
from provider_kit.personal import PersonalKeys
from provider_kit.received import Explaining
from provider_kit.runner import AttemptRunner
from provider_kit.statement_reader import StatementReader
from provider_mpesa.account import Certificates, read_account
from provider_mpesa.client import MpesaClient
from provider_mpesa.pauses import Pauses
from provider_mpesa.provider import MpesaProvider
from provider_mpesa.purposes import Purposes
from provider_mpesa.requests import PULL_REGISTER
from provider_mpesa.statement import MpesaStatement
from testkit.operations import OWN_BASE
from testkit.tokens import MemoryTokens

KEY_RING = KeyRing({"k1": b"k" * 32})
PULLED = CREDENTIALS | {"pull_number": "254722000000"}
SETTLE = timedelta(minutes=10)


class Replica:
    """Keeps what it has on `database`; another one of the same `mpesa` and database is another process."""

    def __init__(self, mpesa: Mpesa, database: Database, name: str = "run_1") -> None:
        self.mpesa = mpesa
        self.database = database
        self.name = name
        self.lease = Lease(name, 6)
        self.client = MpesaClient(
            mpesa.http, MemoryTokens(), Pauses("mpesa", database), hosts={"test": "", "live": ""}, timeout_seconds=2
        )
        self.provider = MpesaProvider(self.client, Certificates({}), Purposes(database), settle=SETTLE)
        self.attempts = Attempts(database)
        self.credentials = CredentialStore(DESCRIPTOR, database, KEY_RING, callback_base=OWN_BASE)
        keys = PersonalKeys(DESCRIPTOR, database, KEY_RING)
        self.runner = AttemptRunner(
            self.provider, self.attempts, self.credentials, keys, database, lease_seconds=self.lease.seconds
        )
        door = Door(self.provider, database, keys, lambda: None)
        self.statement = MpesaStatement(self.client, queries_per_minute=6000)
        self.statements = StatementReader(
            self.provider, self.statement, self.credentials, door, database, lease_seconds=self.lease.seconds
        )
        self.explaining = LookingAgain(Explaining("mpesa"), lambda: None)

    def another(self) -> "Replica":
        return Replica(self.mpesa, self.database, "run_2")

    async def configure(self, version: int = 1, **changes: object) -> None:
        """The merchant has the account `default`, which is registered for Pull Transactions."""
        plain = PULLED | {"consumer_key": self.mpesa.credentials["consumer_key"]} | changes
        sealed = KEY_RING.seal(json.dumps(plain).encode(), owner=secret_owner("mer_1", "test", "cred_1"))
        credential = Credential(id="cred_1", provider="mpesa", mode="test", ciphertext=sealed)
        message = MerchantConfigured(merchant_id="mer_1", version=version, credentials=(credential,))
        async with self.database.begin() as unit:
            await self.credentials.replicate(lambda: None, unit, [Received(message, ids.new("msg"), "topic", "mer_1")])
        body = {"ShortCode": str(plain["shortcode"]), "RequestType": "Pull", "NominatedNumber": "0722000000"}
        body["CallBackURL"] = f"{OWN_BASE}/callbacks/phone/pull"
        await self.client.call(read_account(plain, "test"), PULL_REGISTER, body)

    async def charge(self, phone: str) -> Charge:
        """Prompt the customer; returns the operation."""
        operation = pay(phone)
        await self.handle(operation)
        return operation

    async def query(self, operation: Charge) -> None:
        """Ask how it stands, as the orchestrator does."""
        about = {name: getattr(operation, name) for name in ("payment_id", "operation_id", "merchant_id", "mode")}
        await self.handle(Query(**about, config_version=1, step=2, kind="charge", client_ref=operation.client_ref))

    async def handle(self, command: Charge | Query) -> None:
        batch = [Received(command, ids.new("msg"), "topic", command.payment_id, {})]
        async with self.database.begin() as unit:
            await handle_batch("mpesa", self.attempts, lambda: None, unit, batch)
        await self.run()

    async def run(self) -> None:
        """Send what is due, and ask what is to be asked."""
        for claim in (self.attempts.claim_operations, self.attempts.claim_queries):
            for one in await claim(self.lease, 10, []):
                await self.runner.run(one)

    async def claim(self) -> list[Cursor]:
        """The statements that are due, leased."""
        await self.statements.admit(self.database)
        await self.sql("UPDATE statements SET due_at = now() WHERE failures = 0")
        return list(await self.statements._cursors.claim(self.lease, 10, []))

    async def read(self) -> int:
        """Read what is due of statements until nothing more is; returns how many looks that took."""
        looks = 0
        for cursor in await self.claim():
            looks += 1
            await self.statements.look(cursor)
        behind = "SELECT EXISTS (SELECT FROM statements WHERE covered_until < now() - interval '31 minutes' AND failures = 0)"
        return looks + await self.read() if await self.database.reads.fetchval(behind) else looks

    async def explain(self) -> None:
        """Ask what reports of money made worth asking, and judge the money, as it is done a little later."""
        await self.run()
        await self.sql("UPDATE received_money SET look_at = now() WHERE look_at IS NOT NULL")
        await self.explaining.look(self.database)

    async def grow_old(self, **age: float) -> None:
        """As if the money had been reported so long ago."""
        await self.sql("UPDATE received_money SET received_at = received_at - $1::interval", timedelta(**age))

    async def cover(self, **age: float) -> None:
        """As if no statement had been read for so long."""
        await self.sql("UPDATE statements SET covered_until = now() - $1::interval", timedelta(**age))

    async def sql(self, statement: str, *values: object) -> None:
        await self.database.reads.fetch(statement, *values)

    async def reports(self) -> list[ProviderReport]:
        """What the service tells, and then no more of it."""
        rows = await self.database.reads.fetch(
            "WITH gone AS (DELETE FROM outbox RETURNING *) SELECT * FROM gone ORDER BY id"
        )
        return [BY_NAME[row["topic"]].decode(row["payload"]) for row in rows]

    async def outcomes(self, operation: Charge) -> list[Outcome]:
        """Those that it tells of this operation."""
        told = [one for one in await self.reports() if isinstance(one, OutcomeReported)]
        return [one.outcome for one in told if one.operation_id == operation.operation_id]

    async def by_hand(self, amount: int = 10, reference: str | None = "order 7") -> str:
        """A customer pays by hand; returns the receipt."""
        given = {"shortcode": PULLED["shortcode"], "amount": amount, "bill_reference": reference}
        return (await self.mpesa.control("c2b", **given))["receipt"]
