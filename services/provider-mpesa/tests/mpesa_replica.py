"""One process of M-Pesa's service upon a real database and a simulated Daraja, moved step by step."""

from datetime import timedelta
from typing import override

from mpesa_account import CREDENTIALS, Mpesa, pay

from malipo.contracts.provider_commands import Charge, Query
from malipo.messaging.database import Database
from provider_kit.looking import LookingAgain
from provider_kit.provider import ProviderOperation
from provider_kit.received import Explaining
from provider_mpesa.account import Certificates, read_account
from provider_mpesa.client import MpesaClient
from provider_mpesa.pauses import Pauses
from provider_mpesa.provider import MpesaProvider
from provider_mpesa.purposes import Purposes
from provider_mpesa.requests import PULL_REGISTER
from provider_mpesa.statement import MpesaStatement
from testkit.operations import OWN_BASE
from testkit.replica import ProviderReplica
from testkit.tokens import MemoryTokens

PULLED = CREDENTIALS | {"pull_number": "254722000000"}
SETTLE = timedelta(minutes=10)


class Replica(ProviderReplica):
    """Another one of the same `mpesa` and database is another process."""

    def __init__(self, mpesa: Mpesa, database: Database, name: str = "run_1") -> None:
        self.mpesa = mpesa
        self.client = MpesaClient(
            mpesa.http, MemoryTokens(), Pauses("mpesa", database), hosts={"test": "", "live": ""}, timeout_seconds=2
        )
        self.provider = MpesaProvider(self.client, Certificates({}), Purposes(database), settle=SETTLE)
        self.statement = MpesaStatement(self.client, queries_per_minute=6000)
        super().__init__(self.provider, self.statement, database, name, callback_base=OWN_BASE)
        self.explaining = LookingAgain(Explaining("mpesa"), lambda: None)

    def another(self) -> "Replica":
        return Replica(self.mpesa, self.database, "run_2")

    async def configure(self, version: int = 1, **changes: object) -> None:
        """The merchant has the account `default`, which is registered for Pull Transactions."""
        plain = PULLED | {"consumer_key": self.mpesa.credentials["consumer_key"]} | changes
        await self.set_up(plain, version)
        body = {"ShortCode": str(plain["shortcode"]), "RequestType": "Pull", "NominatedNumber": "0722000000"}
        body["CallBackURL"] = f"{OWN_BASE}/callbacks/phone/pull"
        await self.client.call(read_account(plain, "test"), PULL_REGISTER, body)

    async def charge(self, phone: str) -> Charge:
        """Prompt the customer; returns the operation."""
        operation = pay(phone)
        await self.handle(operation)
        return operation

    @override
    async def handle(self, command: ProviderOperation | Query) -> None:
        """Record it and run it."""
        await super().handle(command)
        await self.run()

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

    async def by_hand(self, amount: int = 10, reference: str | None = "order 7") -> str:
        """A customer pays by hand; returns the receipt."""
        given = {"shortcode": PULLED["shortcode"], "amount": amount, "bill_reference": reference}
        return (await self.mpesa.control("c2b", **given))["receipt"]
