"""Builds that break rules: what the matrix must notice. Nothing here is ever imported by a service's own code.

What breaks a rule is a `sitecustomize` module on the PYTHONPATH of a service, which Python runs before the service's first line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Broken:
    """A rule that is switched off in some services, where the matrix must turn red, and with which violation.

    Without a `service` it is red as soon as the operation is recorded.
    """

    rule: str
    patches: Mapping[str, str]
    operation: str
    violation: str
    service: str = ""
    seam: str = ""
    moments: tuple[str, ...] = ()
    rest_seconds: float = 60.0
    """How long what is open may take to come to rest; less where the violation is that it never does."""
    alone: bool = False
    """Whether nothing else may be broken in the same build: it leaves something open, or changes how the rest is healed."""


_NO_INBOX = """
from malipo.messaging.unit_of_work import INSERT_INBOX, UnitOfWork

put = UnitOfWork.put

def put_all_but_the_inbox(self, write, rows):
    if write is not INSERT_INBOX:
        put(self, write, rows)

UnitOfWork.put = put_all_but_the_inbox
"""
_ATTEMPTS_IN_MEMORY = """
from datetime import timedelta
from malipo.contracts.provider_commands import Query
from malipo.contracts.topics import OUTCOMES
from provider_kit.attempt_rows import ClaimedAttempt
from provider_kit.attempts import Attempts
from provider_kit.work import Work

recorded, claimed, finished = Attempts.record, Attempts.claim_operations, Attempts.finish
waiting, operations = [], set()

async def record(self, unit, batch):
    queries = [one for one in batch if isinstance(one.message, Query)]
    operations.update(one.message.operation_id for one in batch if one not in queries)
    waiting.extend(
        ClaimedAttempt(one.message.operation_id, "", one.message, one.headers, tries=1, reference=None, age=timedelta())
        for one in batch if one not in queries
    )
    await recorded(self, unit, queries)

async def claim(self, lease, count, running, without=()):
    handed, waiting[:] = waiting[:count], waiting[count:]
    return handed or await claimed(self, lease, count, running, without)

async def mark(self, claimed, *what):
    return claimed.ages

async def finish(self, ends):
    ours = [end for end in ends if end.claimed.id in operations]
    others = [end for end in ends if end not in ours]
    async with self._database.begin() as unit:
        for end in ours:
            unit.send(OUTCOMES, end.report.payment_id, end.report, headers=end.claimed.headers)
    return {end.claimed.id: None for end in ours} | (await finished(self, others) if others else {})

Attempts.record, Attempts.claim_operations, Attempts.mark, Attempts.finish = record, claim, mark, finish
Work._take = lambda self, recorded: False
"""
_HURRIED_DEADLINES = """
from orchestrator import commands, deadlines, machine

deadlines._DEADLINE_SECONDS[machine.State.PROCESSING] = 3
deadlines._ANSWER_SECONDS = 3
commands._fresh = lambda payment, operation, now: False  # sent again under the same key, the operation would heal what is lost
"""
_OUTBOX_AFTER_COMMIT = """
from contextlib import asynccontextmanager
from malipo.messaging.database import Database
from malipo.messaging.unit_of_work import INSERT_OUTBOX

begin, flush = Database.begin, Database._flush
sent_by = {}

async def flush_without_outbox(self, unit):
    sent_by[id(unit)] = unit._rows.pop(INSERT_OUTBOX, [])
    await flush(self, unit)

@asynccontextmanager
async def begin_without_outbox(self):
    async with begin(self) as unit:
        yield unit
    if sent := sent_by.pop(id(unit), []):
        async with begin(self) as second:
            second.put(INSERT_OUTBOX, sent)
            await flush(self, second)

Database._flush = flush_without_outbox
Database.begin = begin_without_outbox
"""
_NO_NET = """
from gateway.payments import unanswered

unanswered.keep = lambda unit, sent: None
"""
_NOTHING_RESENT = """
import asyncio
from orchestrator import deadlines, machine, resending, rollcall

async def never(database, delays):
    await asyncio.Event().wait()

rollcall.run = never
resending.Resend.send = lambda self, unit: None
deadlines._DEADLINE_SECONDS[machine.State.PROCESSING] = 3  # the command that is lost with its step is soon repeated
deadlines._ANSWER_SECONDS = 3
"""
_NEW_KEY_EACH_TIME = """
from malipo import ids
from provider_kit.provider import Attempt

Attempt.key_for = lambda self, request: "malipo-" + ids.new("try")
"""
_KEY_AFTER_COMMIT = """
from contextlib import asynccontextmanager
from gateway.edge import idempotency
from malipo.messaging.database import Database

begin, remember = Database.begin, idempotency.remember
made_in = {}

def not_yet(unit, made):
    made_in[id(unit)] = made

@asynccontextmanager
async def begin_and_then_remember(self):
    async with begin(self) as unit:
        yield unit
    if made := made_in.pop(id(unit), None):
        async with begin(self) as second:
            remember(second, made)

idempotency.remember = not_yet
Database.begin = begin_and_then_remember
"""
_NO_WAY_BACK = """
from malipo.messaging.poll import Poll

async def stay(self, consumer):
    self._open = {}
    self._astray.clear()

Poll._go_back = stay
"""

_SENT_AGAIN = """
from provider_kit.runner import AttemptRunner

init = AttemptRunner.__init__

def init_with_repeats(self, *args, **options):
    init(self, *args, **options)
    self._repeats = True

AttemptRunner.__init__ = init_with_repeats
"""
_HINT_BELIEVED = """
from dataclasses import replace
from malipo.contracts.outcomes import Succeeded
from provider_kit.provider import CallbackOutcome
from provider_mpesa import events

prompt_ended = events._prompt_ended

def believed(name, found, about, **facts):
    parsed = prompt_ended(name, found, about, **facts)
    if about is None or found.receipt is None:
        return parsed
    paid = Succeeded(amount=about.operation.amount, reference=found.receipt)
    return replace(parsed, outcomes=[], confirmed=[CallbackOutcome(kind="charge", outcome=paid)])

events._prompt_ended = believed
"""
_FRESH_CAPTURE = """
from malipo import ids
from provider_kit.provider import Attempt
from provider_paypal import requests

Attempt.key_for = lambda self, request: "malipo-" + ids.new("try")
requests.own_reference = lambda operation_id: ids.new("inv")  # PayPal refuses an invoice id that comes twice: a second fence
"""

_SENT_UNREAD = """
from malipo import ids
from provider_bank import mapping, requests
from provider_bank.provider import BankProvider
from provider_kit.provider import Attempt

BankProvider._query = BankProvider._send
Attempt.key_for = lambda self, request: "malipo-" + ids.new("try")
requests.own_reference = lambda operation_id: ids.new("try")[4:]  # the bank takes a name once: a second fence
mapping.is_about = lambda *_: True
"""

BROKEN: tuple[Broken, ...] = (
    Broken(
        "the inbox drops what was applied before",
        {"orchestrator": _NO_INBOX},
        "manual capture",
        "was applied 2 times",
        service="orchestrator",
        seam="postgresql commit",
        moments=("after",),
    ),
    Broken(
        "an attempt is on record before it is sent",
        {"provider-stripe": _ATTEMPTS_IN_MEMORY, "orchestrator": _HURRIED_DEADLINES},
        "charge",
        "Malipo shows the payment failed with 0 captured",
        service="provider-stripe",
        seam="http request",
        moments=("after sending", "after the answer"),
        alone=True,
    ),
    Broken(
        "state and outbox change in one transaction, or what is not answered is sent again",
        {"gateway": _OUTBOX_AFTER_COMMIT + _NO_NET},
        "charge",
        "the orchestrator does not know it: the gateway's message is lost",
        service="gateway",
        seam="postgresql commit",
        moments=("after",),
    ),
    Broken(
        "state and outbox change in one transaction, or the roll call has what was published resent",
        {"orchestrator": _OUTBOX_AFTER_COMMIT + _NOTHING_RESENT},
        "charge",
        "the timeline's steps are numbered [2",
        service="orchestrator",
        seam="postgresql commit",
        moments=("after",),
        alone=True,
    ),
    Broken(
        "every try of an operation carries the same key",
        {"provider-stripe": _NEW_KEY_EACH_TIME},
        "charge",
        "Stripe's book has a charge of 1250 too many",
        service="provider-stripe",
        seam="http request",
        moments=("after sending", "after the answer"),
    ),
    Broken(
        "a merchant's key is remembered in the transaction of what it made",
        {"gateway": _KEY_AFTER_COMMIT},
        "charge",
        "one request made 2 payments",
        service="gateway",
        seam="postgresql commit",
        moments=("after",),
    ),
    Broken(
        "after a poll that raises everything goes back to what was applied",
        {"gateway": _NO_WAY_BACK},
        "charge",
        "still open",
        service="gateway",
        seam="kafka poll",
        moments=("after",),
        rest_seconds=20.0,
        alone=True,
    ),
    Broken(
        "what may have been sent is never sent again to a provider that knows no keys",
        {"provider-mpesa": _SENT_AGAIN},
        "STK callback before the answer",
        "M-Pesa's book has a prompt of 120100 too many",
        service="provider-mpesa",
        seam="http request",
        moments=("after sending", "after the answer"),
        rest_seconds=20.0,
    ),
    Broken(
        "a callback that nobody has signed only makes us ask",
        {"provider-mpesa": _HINT_BELIEVED},
        "STK cancelled",
        "Malipo shows the payment completed with 120000 captured",
        rest_seconds=20.0,
    ),
    Broken(
        "after silence a capture is sent again under its own key and invoice id",
        {"provider-paypal": _FRESH_CAPTURE},
        "PayPal capture in two parts",
        " is authorized",  # for ever: PayPal has captured a part twice, and what it shows is no sum of ours
        service="provider-paypal",
        seam="http request",
        moments=("after sending", "after the answer"),
        rest_seconds=20.0,
    ),
    Broken(
        "after silence the bank's book is read before a transfer is sent again, under its own key and name",
        {"provider-bank": _SENT_UNREAD},
        "bank answer lost",
        "Partner bank's book has a debit of 1251 too many",
    ),
)


def builds() -> list[list[Broken]]:
    """Which rules are switched off together, as a system takes longer to start than to turn red: each in services of its own."""
    found: list[list[Broken]] = []
    for broken in BROKEN:
        fitting = (build for build in found if not any(_disturb(broken, other) for other in build))
        if build := next(fitting, None):
            build.append(broken)
        else:
            found.append([broken])
    return found


def _disturb(one: Broken, other: Broken) -> bool:
    return one.alone or other.alone or bool(one.patches.keys() & other.patches.keys())


def install(build: Sequence[Broken], folder: Path) -> dict[str, dict[str, str]]:
    """Write the patches into `folder`; returns the settings of the services that are to run them."""
    settings: dict[str, dict[str, str]] = {}
    for service, patch in (one for broken in build for one in broken.patches.items()):
        home = folder / service
        home.mkdir(parents=True)
        (home / "sitecustomize.py").write_text(patch)
        settings[service] = {"PYTHONPATH": str(home)}
    return settings
