"""Wires the webhook-dispatcher together."""

from starlette.types import ASGIApp

from malipo.messaging.runtime import Runtime
from malipo.platform.secrets import KeyRing
from webhook_dispatcher.clockwork import Clockwork, executor
from webhook_dispatcher.courier import Courier
from webhook_dispatcher.sender import Sender
from webhook_dispatcher.settings import Settings
from webhook_dispatcher.subscriptions import subscriptions

SERVICE = "webhook-dispatcher"


def build(settings: Settings) -> ASGIApp:
    """The service as one application: health and metrics for callers, deliveries in the background."""
    runtime = Runtime(SERVICE, settings)
    sender = Sender(
        connections=settings.attempts_at_once,
        attempt_seconds=settings.attempt_seconds,
        allow_loopback=settings.allow_loopback,
    )
    key_ring = KeyRing.parse(settings.key_ring.get_secret_value())
    courier = Courier(runtime.units, key_ring, sender, settings.retry_schedule)
    attempts = executor(
        runtime.units, courier, limit=settings.attempts_at_once, per_endpoint=settings.attempts_per_endpoint
    )
    clockwork = Clockwork(runtime.units, keep_days=settings.keep_days)
    runtime.subscribe(*subscriptions(attempts.nudge))
    runtime.loop("deliveries", attempts.run)
    runtime.loop("gone endpoints", clockwork.end_gone)
    runtime.loop("backlog gauges", clockwork.watch)
    runtime.loop("retention", clockwork.purge)
    runtime.on_stop(sender.close)
    return runtime.app()
