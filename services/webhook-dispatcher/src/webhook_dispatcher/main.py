"""Wires the webhook-dispatcher together."""

from collections.abc import Sequence
from functools import partial

from malipo.messaging.database import Database
from malipo.messaging.executor import Executor, Lease
from malipo.messaging.runtime import Runtime
from malipo.platform.application import Application
from malipo.platform.secrets import KeyRing
from webhook_dispatcher import queue, store
from webhook_dispatcher.courier import Courier
from webhook_dispatcher.queue import Delivery
from webhook_dispatcher.recorder import Recorder
from webhook_dispatcher.scheduler import schedule
from webhook_dispatcher.sender import Sender
from webhook_dispatcher.settings import Settings
from webhook_dispatcher.subscriptions import subscriptions

SERVICE = "webhook-dispatcher"


def build(settings: Settings) -> Application:
    """The service: deliveries in the background, which nobody calls for."""
    runtime = Runtime(SERVICE, settings)
    sender = Sender(
        connections=settings.attempts_at_once,
        attempt_seconds=settings.attempt_seconds,
        allow_loopback=settings.allow_loopback,
        allow_hosts=settings.allowed_hosts,
    )
    key_ring = KeyRing.parse(settings.key_ring.get_secret_value())
    recorder = Recorder(runtime.database, settings.overtake_after_seconds)
    courier = Courier(runtime.database, recorder, key_ring, sender, settings.retry_schedule)
    attempts = executor(
        runtime.database,
        courier,
        limit=settings.attempts_at_once,
        per_endpoint=settings.attempts_per_endpoint,
        lease_seconds=settings.lease_seconds,
    )
    runtime.subscribe(*subscriptions(attempts.nudge))
    runtime.loop("deliveries", attempts.run)
    schedule(runtime, settings)
    runtime.purge_after(store.PURGE, settings.keep_days)
    runtime.on_stop(sender.close)
    return runtime.application()


def executor(
    database: Database, courier: Courier, *, limit: int, per_endpoint: int, lease_seconds: float
) -> Executor[Delivery]:
    """Runs due deliveries, up to `limit` in this process and `per_endpoint` over all replicas."""

    async def claim(lease: Lease, count: int, running: Sequence[str]) -> Sequence[Delivery]:
        return await queue.claim(database, lease, count, running, per_endpoint)

    async def run(delivery: Delivery) -> None:
        if await courier.run(delivery):
            made.nudge()

    renew = partial(queue.renew, database)
    made = Executor("deliveries", claim=claim, run=run, renew=renew, limit=limit, lease_seconds=lease_seconds)
    return made
