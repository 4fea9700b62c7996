"""The provider kit on a real database, with a provider that follows a script."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import msgspec
import pytest

from malipo import clock, ids
from malipo.contracts.config import Credential, MerchantConfigured, secret_owner
from malipo.contracts.outcomes import Outcome, OutcomeReported, ProviderReport, Succeeded
from malipo.contracts.provider_commands import Cancel, Capture, Charge, Confirm, Query, Refund
from malipo.contracts.providers import stripe
from malipo.contracts.topics import BY_NAME
from malipo.messaging.database import Database
from malipo.messaging.executor import Lease
from malipo.messaging.subscription import Received
from malipo.money import Money
from malipo.platform.secrets import KeyRing
from provider_kit.attempt_rows import ClaimedAttempt
from provider_kit.attempts import Attempts
from provider_kit.callbacks import Callbacks
from provider_kit.credentials import CredentialStore
from provider_kit.cursors import Cursor
from provider_kit.door import Door
from provider_kit.errors import BadSignature
from provider_kit.handlers import handle_batch
from provider_kit.looking import LookingAgain
from provider_kit.personal import PersonalKeys
from provider_kit.provider import Attempt, Callback, ParsedCallback, ReceivedMoney, fingerprint
from provider_kit.received import Explaining
from provider_kit.runner import AttemptRunner
from provider_kit.statement import Stretch, Terms
from provider_kit.statement_reader import StatementReader
from testkit.operations import card

PACKAGE = "provider_stripe"  # any provider's database has the kit's tables
USD_10 = Money(1000, "USD")
DONE = Succeeded(amount=USD_10, reference="obj_1")
KEY_RING = KeyRing({"k1": b"k" * 32})


DESCRIPTOR = replace(
    stripe.DESCRIPTOR,
    name="fake",
    title="Fake",
    operations={kind: rules for kind, rules in stripe.DESCRIPTOR.operations.items() if kind != "cancel"},
)


class FakeProvider:
    """Returns outcomes by script, and `DONE` when the script is at its end; keeps every attempt that it was called with."""

    descriptor = DESCRIPTOR

    def __init__(self) -> None:
        self.script: list[Outcome | BaseException] = []
        self.executed: list[Attempt] = []
        self.queried: list[Attempt] = []
        self.prepared: list[Attempt] = []
        self.parsed: ParsedCallback | Exception = BadSignature("no script")

    def identity(self, credentials) -> str:
        return credentials["secret"]

    async def prepare(self, attempt: Attempt) -> None:
        self.prepared.append(attempt)

    async def execute(self, attempt: Attempt) -> Outcome:
        self.executed.append(attempt)
        return self._next()

    async def query(self, attempt: Attempt) -> Outcome:
        self.queried.append(attempt)
        return self._next()

    async def parse_callback(self, callback: Callback, credentials) -> ParsedCallback:
        if isinstance(self.parsed, Exception):
            raise self.parsed
        return self.parsed

    def _next(self) -> Outcome:
        outcome = self.script.pop(0) if self.script else DONE
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@dataclass
class Replica:
    """One process of a provider service."""

    database: Database
    provider: FakeProvider

    def __post_init__(self) -> None:
        self.attempts = Attempts(self.database)
        self.credentials = CredentialStore(self.provider.descriptor, self.database, KEY_RING)
        self.keys = PersonalKeys(self.provider.descriptor, self.database, KEY_RING)
        self.runner = AttemptRunner(
            self.provider, self.attempts, self.credentials, self.keys, self.database, lease_seconds=6
        )
        self.door = Door(self.provider, self.database, self.keys, lambda: None)
        self.callbacks = Callbacks(self.provider, self.credentials, self.door)

    @property
    def lease(self) -> Lease:
        return self.runner.work.operations.lease

    async def handle(self, *commands: Charge | Capture | Cancel | Refund | Query, headers: dict | None = None) -> None:
        """Record commands as one batch."""
        batch = [Received(c, ids.new("msg"), "topic", c.payment_id, headers or {}) for c in commands]
        async with self.database.begin() as unit:
            await handle_batch(DESCRIPTOR.name, self.attempts, self.runner.work, unit, batch)

    async def configure(self, *messages: MerchantConfigured) -> None:
        batch = [Received(m, ids.new("msg"), "topic", m.merchant_id) for m in messages]
        async with self.database.begin() as unit:
            await self.credentials.replicate(lambda: None, unit, batch)

    async def claim(self, *running: str) -> Sequence[ClaimedAttempt]:
        """Operations, then queries."""
        operations = await self.attempts.claim_operations(self.lease, 10, running)
        return [*operations, *await self.attempts.claim_queries(self.lease, 10, running)]

    async def run(self) -> int:
        """Run what is due, once; returns how many attempts that was."""
        claimed = await self.claim()
        for one in claimed:
            await self.runner.run(one)
        return len(claimed)


class Kit(Replica):
    """A replica, its database, and what it has reported."""

    async def mark(self, claimed: ClaimedAttempt) -> None:
        own = self.provider.descriptor.own_references(claimed.command.operation_id)
        await self.attempts.mark(claimed, fingerprint(self.provider, {"secret": "s"}), own)

    async def postpone(self, claimed: ClaimedAttempt, *, seconds: float) -> None:
        async with self.database.begin() as unit:
            await self.attempts.postpone(unit, claimed, seconds=seconds, problem="unreachable: no")

    async def die_after_sending(self) -> None:
        """Claim what is due and mark it as sent, as a process does that dies then."""
        for claimed in await self.claim():
            await self.mark(claimed)
        await self.end_leases()

    async def sql(self, statement: str, *values) -> None:
        await self.database.reads.fetch(statement, *values)

    async def row(self, attempt_id: str) -> dict:
        return dict(await self.database.reads.fetchrow("SELECT * FROM attempts WHERE id = $1", attempt_id))

    async def reports(self) -> list[ProviderReport]:
        """Empty the outbox."""
        rows = await self.database.reads.fetch(
            "WITH gone AS (DELETE FROM outbox RETURNING *) SELECT * FROM gone ORDER BY id"
        )
        return [BY_NAME[row["topic"]].decode(row["payload"]) for row in rows]

    async def outcomes(self) -> list[Outcome]:
        return [report.outcome for report in await self.reports() if isinstance(report, OutcomeReported)]

    async def grow_old(self, **age: float) -> None:
        await self.sql("UPDATE attempts SET created_at = created_at - $1::interval", timedelta(**age))

    async def age_keys(self, **age: float) -> None:
        age = timedelta(**age)
        await self.sql(
            "UPDATE attempts SET first_sent_at = first_sent_at - $1::interval, created_at = created_at - $1::interval",
            age,
        )

    async def make_due(self) -> None:
        await self.sql("UPDATE attempts SET due_at = now()")

    async def lose(self, claimed: ClaimedAttempt) -> None:
        """Have another process take over the attempt."""
        await self.sql("UPDATE attempts SET lease_token = 'another process' WHERE id = $1", claimed.id)

    async def end_leases(self) -> None:
        """As time does when a process has died."""
        await self.sql("UPDATE attempts SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL")

    async def money_came(self, money: ReceivedMoney, callback_id: str) -> str:
        account = await self.credentials.by_id("cred_1")
        return await self.door.take(account, ParsedCallback(callback_id, received=[money]))

    async def look_at_money(self, **older: float) -> list[ProviderReport]:
        """What is told when money is looked at once more, after this time."""
        await self.sql(
            "UPDATE received_money SET look_at = now(), received_at = received_at - $1::interval WHERE look_at IS NOT NULL",
            timedelta(**older),
        )
        await LookingAgain(Explaining("fake"), lambda: None).look(self.database)
        return await self.reports()

    def another_replica(self) -> Replica:
        return Replica(self.database, self.provider)


@pytest.fixture
async def bare_kit(new_database, pool_of) -> Kit:
    """Without any merchant's configuration."""
    database = Database()
    database.use(await pool_of(new_database(PACKAGE)))
    return Kit(database, FakeProvider())


@pytest.fixture
async def kit(bare_kit) -> Kit:
    await bare_kit.configure(configured())
    return bare_kit


TERMS = Terms(
    window=timedelta(hours=48),
    lateness=timedelta(minutes=30),
    longest=timedelta(hours=6),
    every=timedelta(minutes=1),
    soonest=timedelta(seconds=10),
    again=timedelta(hours=1),
)


@dataclass
class FakeStatement:
    """Shows `rows`, one a page; an error in their place is raised there. Keeps what it was asked for.

    With `ago` they are of that time, and shown where that is asked for.
    """

    rows: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    terms: Terms = TERMS
    ago: timedelta | None = None

    def is_read(self, credentials) -> bool:
        return credentials.get("statement", True)

    async def pages(self, account, stretch: Stretch):
        self.asked.append((account.label, stretch))
        shown = self.ago is None or stretch.since <= clock.now() - self.ago <= stretch.until
        for row in self.rows if shown else []:
            if isinstance(row, BaseException):
                raise row
            yield [row]


@dataclass
class Reader:
    """One process that reads statements."""

    kit: "Kit"
    statement: FakeStatement = field(default_factory=FakeStatement)
    name: str = "run_1"

    def __post_init__(self) -> None:
        self.statements = StatementReader(
            self.kit.provider, self.statement, self.kit.credentials, self.kit.door, self.kit.database, lease_seconds=6
        )

    def another(self, rows: Sequence = ()) -> "Reader":
        """Another process, to which the statement shows these."""
        return Reader(self.kit, FakeStatement(list(rows)), "run_2")

    async def claim(self) -> list[Cursor]:
        return list(await self.statements.executor._claim(Lease(self.name, 6), 10, []))

    async def look(self) -> int:
        """Admit all accounts, and have a look at all that is due; returns how many accounts that was."""
        await self.statements.admit(self.kit.database)
        return await self.read_due()

    async def read_due(self) -> int:
        claimed = await self.claim()
        for cursor in claimed:
            await self.statements.look(cursor)
        return len(claimed)

    async def make_due(self) -> None:
        await self.kit.sql("UPDATE statements SET due_at = now(), looked_at = now() - interval '1 hour'")

    async def read_all_again(self) -> None:
        """What is known is read once more, whole, as happens within an hour."""
        await self.kit.sql("UPDATE statements SET covered_since = now() - interval '3 days'")
        for _ in range(60):
            await self.kit.sql("UPDATE statements SET again_at = now()")
            await self.make_due()
            await self.read_due()

    async def cover(self, **age: float) -> None:
        """As if nothing had been read for so long."""
        await self.kit.sql(
            "UPDATE statements SET covered_until = now() - $1::interval, due_at = now()", timedelta(**age)
        )


@pytest.fixture
def reader(kit) -> Reader:
    return Reader(kit)


def configured(version: int = 1, merchant_id: str = "mer_1", **changes) -> MerchantConfigured:
    """A merchant's configuration with one credential in test mode."""
    return MerchantConfigured(
        merchant_id=merchant_id, version=version, credentials=(credential(merchant_id, **changes),)
    )


def credential(merchant_id: str = "mer_1", *, credentials: bytes | None = None, **changes) -> Credential:
    values = {"id": "cred_1", "provider": "fake", "mode": "test"} | changes
    plain = credentials or msgspec.json.encode({"secret": "s"})
    owner = secret_owner(merchant_id, values["mode"], values["id"])
    return Credential(ciphertext=KEY_RING.seal(plain, owner=owner), **values)


def _common(operation_id: str, changes: dict) -> dict:
    ids_ = {"payment_id": "pay_1", "operation_id": operation_id, "merchant_id": "mer_1"}
    return ids_ | {"mode": "test", "config_version": 1, "step": 1, "client_ref": "order 7"} | changes


class Make:
    """Builders of commands: `make.charge(...)`."""

    configured = staticmethod(configured)
    credential = staticmethod(credential)

    def charge(self, number: int = 1, **changes) -> Charge:
        return Charge(
            **_common(
                f"pay_{number}.1",
                {"payment_id": f"pay_{number}", "amount": USD_10, "method": card("tok_1"), "capture": "automatic"}
                | changes,
            )
        )

    def confirm(self, **changes) -> Confirm:
        terms = {"reference": "obj_1", "amount": USD_10, "capture": "automatic"}
        return Confirm(**_common("pay_1.1.c1", terms | changes))

    def refund(self, number: int = 1, **changes) -> Refund:
        return Refund(**_common(f"ref_{number}", {"reference": "obj_1", "amount": USD_10} | changes))

    def cancel(self, number: int = 1, **changes) -> Cancel:
        return Cancel(**_common(f"can_{number}", {"reference": "obj_1"} | changes))

    def query(self, operation_id: str = "pay_1.1", kind: str = "charge", **changes) -> Query:
        return Query(**_common(operation_id, {"kind": kind} | changes))


@pytest.fixture
def make() -> Make:
    return Make()
