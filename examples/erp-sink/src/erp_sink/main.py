"""Wires the sink together: a subscription that makes documents, and an executor that posts them."""

from collections.abc import Sequence
from functools import partial

from erp_sink import journal, store
from erp_sink.erp import Erp
from erp_sink.settings import Settings
from erp_sink.store import Claimed
from malipo.contracts.commands import Mode
from malipo.contracts.events import PaymentTransitioned, RollCalled
from malipo.contracts.message import Message
from malipo.contracts.topics import PAYMENT_EVENTS
from malipo.messaging import rollcall
from malipo.messaging.database import Database
from malipo.messaging.executor import Executor, Lease
from malipo.messaging.runtime import Runtime
from malipo.messaging.subscription import Received, Subscription
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.platform.application import Application

SERVICE = "erp-sink"


def build(settings: Settings) -> Application:
    """The sink: its work in the background, which nobody calls for."""
    runtime = Runtime(SERVICE, settings)
    erp = Erp(runtime.database, settings.erp_url, timeout_seconds=settings.post_seconds)
    posts = executor(runtime.database, erp, settings.posts_at_once, settings.lease_seconds)
    runtime.subscribe(subscription(settings.books, posts))
    runtime.loop("posts", posts.run)
    runtime.purge_after(store.PURGE, settings.keep_days)
    runtime.on_stop(erp.close)
    return runtime.application()


def subscription(books: Mode, posts: Executor[Claimed]) -> Subscription:
    """The events of payments, read in the consumer group `erp-sink.journal`; nobody else waits for it."""
    return Subscription("journal", (PAYMENT_EVENTS,), partial(_book, books, posts), wants=_is_wanted)


def executor(database: Database, erp: Erp, limit: int, lease_seconds: float) -> Executor[Claimed]:
    """Posts what is due, up to `limit` at once in this process, while the ERP is not left alone."""

    async def claim(lease: Lease, count: int, running: Sequence[str]) -> Sequence[Claimed]:
        return [] if erp.rests else await store.claim(database, lease, count, running)

    renew = partial(store.renew, database)
    return Executor("posts", claim=claim, run=erp.post, renew=renew, limit=limit, lease_seconds=lease_seconds)


def _is_wanted(message: Message) -> bool:
    """Whether it is an event that merchants get, too, or the list of those that were sent: nothing else changes books."""
    public = isinstance(message, PaymentTransitioned) and message.public_event is not None
    return public or isinstance(message, RollCalled)


async def _book(books: Mode, posts: Executor[Claimed], unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
    """Make the documents of a batch, in one transaction with the inbox; what Kafka has lost is asked for."""
    steps = [received.message for received in batch if isinstance(received.message, PaymentTransitioned)]
    wanted = [step for step in steps if step.mode == books]
    if wanted:
        booked = await store.lock(unit.transaction, (step.payment_id for step in wanted))
        await store.book(unit.transaction, *journal.fold(wanted, booked))
        unit.after_commit(posts.nudge)
    await rollcall.answer(unit, f"{SERVICE}.journal", batch, wanted=lambda published: published.public)
